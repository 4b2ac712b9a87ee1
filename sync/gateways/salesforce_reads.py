"""Reading records whole and set-wise: the graph of a quote in two queries, many quotes in one Composite (DESIGN 5).
Products priced in tiers cost one query more, for all of them together.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from simple_salesforce.format import format_soql

from sync.crm import CrmAccount, CrmProduct, CrmQuote, CrmQuoteLine, CrmTier, QuoteGraph
from sync.errors import Terminal
from sync.gateways.names import Names
from sync.gateways.salesforce_client import (
    HEAVY_PARTS,
    PARTS,
    Part,
    PartAnswer,
    SalesforceHttp,
    checked_id,
    is_id,
    query_path,
)
from sync.gateways.salesforce_errors import of_call
from sync.gateways.salesforce_records import record_of, select
from sync.gateways.salesforce_routing import RoutedBy
from sync.mapping import Mappings

Json = dict[str, Any]

#: Ids in one IN list: 4,000 characters are the most that a condition may have.
IDS = 150
#: E-mail addresses and customer ids in one IN list, of a query that travels in a URL.
VALUES = 40
#: So many queries are asked one by one.
FEW = 3
#: Every process comes to ask for these, so the first call brings both.
ALWAYS_ASKED = ("Account", "Quote")
#: Of a field's description, what may stand in the way of reading or writing it.
CONFIGURED = ("type", "length", "nillable", "createable", "updateable", "restrictedPicklist", "picklistValues")
#: What a describe answers for an object that the org does not have, or does not show.
NOT_THERE = 404


class Schema:
    """What the org has: its fields, found out by describe once, when first asked."""

    def __init__(self, http: SalesforceHttp, names: Names) -> None:
        self._http = http
        self._names = names
        self._fields: dict[str, Mapping[str, Json]] = {}
        self._lock = threading.Lock()

    def fields(self, objects: Sequence[str]) -> Mapping[str, Mapping[str, Json]]:
        """Field descriptions by lower-case API name, for each object (our names). One call for those not yet known."""
        with self._lock:
            unknown = [o for o in objects if o not in self._fields]
            for some in (unknown[i : i + PARTS] for i in range(0, len(unknown), PARTS)):
                parts = [Part("GET", f"/sobjects/{self._names.to_org(o)}/describe", what=o) for o in some]
                for name, answer in zip(some, self._http.composite(parts).parts, strict=True):
                    self._fields[name] = _described(answer, name)
            return {o: self._fields[o] for o in objects}

    def configuration(self, objects: Sequence[str]) -> str:
        """A digest of what the log-in sees of these objects (our names) now: fields, their types, rights and values. It
        changes what `fields` says of none. One call for each 25.
        """
        seen = hashlib.sha256()
        for some in (objects[i : i + PARTS] for i in range(0, len(objects), PARTS)):
            parts = [Part("GET", f"/sobjects/{self._names.to_org(o)}/describe", what=o) for o in some]
            for name, answer in zip(some, self._http.composite(parts).parts, strict=True):
                described = {} if answer.status == NOT_THERE else _described(answer, name)
                of_fields = sorted((n, *(repr(f.get(k)) for k in CONFIGURED)) for n, f in described.items())
                seen.update(repr((name, of_fields, _record_types(answer))).encode())
        return seen.hexdigest()

    def has(self, object_: str) -> frozenset[str]:
        """The lower-case API names of an object's fields."""
        return frozenset(self.fields(list(dict.fromkeys((object_, *ALWAYS_ASKED))))[object_])

    @property
    def multi_currency(self) -> bool:
        """Whether records carry a currency of their own."""
        return "currencyisocode" in self.has("Account")


def _record_types(answer: PartAnswer) -> list[tuple[str, bool]]:
    """Those that the log-in may give."""
    infos = answer.body.get("recordTypeInfos") if isinstance(answer.body, dict) else None
    return sorted((str(one.get("recordTypeId")), bool(one.get("available"))) for one in infos or [])


def _described(answer: PartAnswer, what: str) -> Mapping[str, Json]:
    if answer.status == NOT_THERE:
        cure = "Deploy the package, or give the permission set access."
        raise Terminal("CONF-302", f"We can't read {what}: the org has no such object for this log-in. {cure}")
    if not answer.ok or not isinstance(answer.body, dict):
        raise of_call(answer.status, answer.body, what=what, writing=False)
    return {str(f["name"]).lower(): f for f in answer.body.get("fields", [])}


class Reads:
    """Records as they are now. Holds nothing but the org's schema."""

    def __init__(
        self,
        http: SalesforceHttp,
        mappings: Mappings,
        names: Names,
        schema: Schema,
        *,
        signed_statuses: Sequence[str],
        routed_by: Sequence[str] = (),
    ) -> None:
        self._http = http
        self._mappings = mappings
        self._names = names
        self._schema = schema
        self._signed = tuple(signed_statuses)
        self._routed_by = RoutedBy(routed_by, names)

    def quotes(self, ids: Sequence[str]) -> Mapping[str, QuoteGraph]:
        """As `sync.ports.SalesforceGateway.quotes` says: two queries for each 150 quotes, four of them in one call; and
        one call more where a product has tiers.
        """
        wanted = [checked_id(i) for i in dict.fromkeys(ids)]
        soqls = [
            soql
            for some in _batches(wanted, IDS)
            for soql in (
                self._quote_soql(format_soql("Id IN {}", list(some))),
                self._line_soql(format_soql("QuoteId IN {}", list(some))),
            )
        ]
        answers = self.rows_of(soqls, deleted=True)
        graphs = self._graphs([r for rows in answers[0::2] for r in rows], [r for rows in answers[1::2] for r in rows])
        return {graph.quote.id: graph for graph in graphs}

    def signed_quotes(self, after: str | None, limit: int) -> tuple[QuoteGraph, ...]:
        """The first signed quotes behind this Id, by Id, whole: one query for them, one for their lines."""
        signed = format_soql("Status IN {}", list(self._signed))
        behind = f" AND Id > '{checked_id(after)}'" if after else ""
        [quotes] = self.rows_of([f"{self._quote_soql(signed + behind)} ORDER BY Id LIMIT {limit}"])
        if not quotes:
            return ()
        first, last = (checked_id(str(quotes[i]["Id"])) for i in (0, -1))
        [lines] = self.rows_of([self._line_soql(f"Quote.{signed} AND QuoteId >= '{first}' AND QuoteId <= '{last}'")])
        return tuple(self._graphs(quotes, lines))

    def _graphs(self, quotes: Sequence[Json], all_lines: Iterable[Json]) -> list[QuoteGraph]:
        lines: dict[str, list[Json]] = {}
        for row in all_lines:
            if not row.get("IsDeleted"):
                lines.setdefault(str(row["QuoteId"]), []).append(row)
        products = self._products(line for some in lines.values() for line in some)
        return [self._graph(row, lines.get(str(row["Id"]), []), products) for row in quotes]

    def quotes_of_deal(self, opportunity_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Ids of the signed quotes of each Opportunity, in the order of their numbers."""
        wanted = [checked_id(i) for i in dict.fromkeys(opportunity_ids)]
        soqls = [
            format_soql(
                "SELECT Id, OpportunityId FROM Quote WHERE OpportunityId IN {} AND Status IN {} ORDER BY QuoteNumber, Id",
                list(some),
                list(self._signed),
            )
            for some in _batches(wanted, IDS)
        ]
        found: dict[str, list[str]] = {i: [] for i in wanted}
        for row in (r for rows in self.rows_of(soqls) for r in rows):
            found.setdefault(str(row["OpportunityId"]), []).append(str(row["Id"]))
        return found

    def quotes_numbered(self, number: str) -> Sequence[str]:
        """Ids of the quotes with this number (the org's own text for it), the oldest first."""
        [rows] = self.rows_of([format_soql("SELECT Id FROM Quote WHERE QuoteNumber = {} ORDER BY Id", number)])
        return [str(row["Id"]) for row in rows]

    def deal_quotes(self, billing_keys: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Ids of the quotes that point at each deal's row, whatever their status, in the order of their numbers."""
        wanted = [key for key in dict.fromkeys(billing_keys) if key]
        path = self._names.to_org("Billing_Subscription__r.Billing_Key__c")
        soqls = [
            f"SELECT Id, {path} FROM Quote WHERE {path} {format_soql('IN {}', list(some))} ORDER BY QuoteNumber, Id"
            for some in _batches(wanted, VALUES)
        ]
        found: dict[str, list[str]] = {key: [] for key in wanted}
        relationship, _, column = path.partition(".")
        for row in (r for rows in self.rows_of(soqls) for r in rows):
            if (key := str(row[relationship][column])) in found:
                found[key].append(str(row["Id"]))
        return found

    def accounts(self, ids: Sequence[str]) -> Mapping[str, CrmAccount]:
        """Accounts by id, deleted and merged ones with what is left of them. What is no id, is no Account."""
        wanted = [i for i in dict.fromkeys(ids) if is_id(i)]
        soqls = [
            f"{self._account_select()} WHERE {format_soql('Id IN {}', list(some))}" for some in _batches(wanted, IDS)
        ]
        rows = [row for rows in self.rows_of(soqls, deleted=True) for row in rows]
        return {a.id: a for a in (self._account(row) for row in rows)}

    def products(self, ids: Sequence[str]) -> Mapping[str, CrmProduct]:
        """As `sync.ports.catalogue.SalesforceProducts.products` says."""
        wanted = [i for i in dict.fromkeys(ids) if is_id(i)]
        fields = ", ".join(self._select("Product2"))
        soqls = [
            f"SELECT {fields} FROM Product2 WHERE {format_soql('Id IN {}', list(some))}"
            for some in _batches(wanted, IDS)
        ]
        rows = [row for rows in self.rows_of(soqls, deleted=True) for row in rows]
        return {p.id: p for p in (self._product(row) for row in rows)}

    def find_accounts(self, *, stripe_customer_ids: Sequence[str], emails: Sequence[str]) -> Sequence[CrmAccount]:
        """Accounts carrying one of these Stripe ids or billing e-mails, by id, each once. Salesforce compares e-mails
        without regard to case.
        """
        has = self._schema.has("Account")
        columns = [("Stripe_Customer_Id__c", stripe_customer_ids), ("Billing_Email__c", emails)]
        columns += [("PersonEmail", emails)] if "personemail" in has else []
        soqls = [
            f"{self._account_select()} WHERE {self._names.to_org(column)} {format_soql('IN {}', list(some))}"
            for column, values in columns
            for some in _batches([v for v in dict.fromkeys(values) if v], VALUES)
        ]
        found = {str(row["Id"]): self._account(row) for rows in self._asked(soqls) for row in rows}
        return [found[i] for i in sorted(found)]

    def _asked(self, soqls: Sequence[str]) -> list[list[Json]]:
        """All rows of each query: of a few in a call each, which is quicker, of many together."""
        if len(soqls) > FEW:
            return self.rows_of(soqls)
        return [list(self.pages(self._http.call("GET", query_path(q), what=_object_of(q)).json())) for q in soqls]

    def payers(self, after: str | None, limit: int) -> tuple[CrmAccount, ...]:
        """The first Accounts behind this Id that carry a billing e-mail or a customer's id, by Id."""
        columns = ["Stripe_Customer_Id__c", "Billing_Email__c"]
        columns += ["PersonEmail"] if "personemail" in self._schema.has("Account") else []
        carrying = " OR ".join(f"{self._names.to_org(column)} != null" for column in columns)
        behind = f" AND Id > '{checked_id(after)}'" if after else ""
        [rows] = self.rows_of([f"{self._account_select()} WHERE ({carrying}){behind} ORDER BY Id LIMIT {limit}"])
        return tuple(self._account(row) for row in rows)

    def billing_timezones(self) -> Mapping[str, str]:
        """The zone of every Account that has one of its own, as typed: most have none, so this is one call."""
        field = self._names.to_org("Billing_Timezone__c")
        path = query_path(f"SELECT Id, {field} FROM Account WHERE {field} != null")
        rows = self.pages(self._http.call("GET", path, what="Account").json())
        return {str(row["Id"]): str(row[field]).strip() for row in rows}

    def routed_by(self, account_ids: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """As `sync.ports.SalesforceGateway.routed_by` says; no call where the rules look at no Account."""
        columns = self._routed_by.of_account
        wanted = [i for i in dict.fromkeys(account_ids) if is_id(i)] if columns else []
        fields = ", ".join(["Id", *columns])
        soqls = [
            f"SELECT {fields} FROM Account WHERE {format_soql('Id IN {}', list(some))}"
            for some in _batches(wanted, IDS)
        ]
        rows = [row for rows in (self.rows_of(soqls) if soqls else []) for row in rows]
        return {str(row["Id"]): self._routed_by.read({"Account": row}) for row in rows}

    def unknown_routing_fields(self) -> Sequence[str]:
        return [
            name
            for name in self._routed_by.fields
            if self._names.to_org(name.partition(".")[2]).lower() not in self._schema.has(name.partition(".")[0])
        ]

    # ------------------------------------------------------------------ queries

    def _quote_soql(self, condition: str) -> str:
        fields = self._select("Quote") + [f for f in self._select("Account", through="Account") if f != "Account.Id"]
        fields += [f for f in self._routed_by.of_quote if f not in fields]
        return f"SELECT {', '.join([*fields, 'Account.Id'])} FROM Quote WHERE {condition}"

    def _line_soql(self, condition: str) -> str:
        fields = [*self._select("QuoteLineItem"), "IsDeleted", *self._select("Product2", through="Product2")]
        return f"SELECT {', '.join(fields)} FROM QuoteLineItem WHERE {condition} ORDER BY QuoteId, SortOrder NULLS LAST, Id"

    def _tier_soql(self, product_ids: Sequence[str]) -> str:
        table, product, up_to = map(self._names.to_org, ("Product_Price_Tier__c", "Product2__c", "Up_To__c"))
        fields = ", ".join([product, *self._select("Product_Price_Tier__c")])
        condition = f"{product} {format_soql('IN {}', list(product_ids))}"
        return f"SELECT {fields} FROM {table} WHERE {condition} ORDER BY {product}, {up_to} NULLS LAST, Id"

    def _account_select(self) -> str:
        return f"SELECT {', '.join(self._select('Account'))} FROM Account"

    def _select(self, object_: str, *, through: str = "") -> list[str]:
        mapped = self._mappings[object_]
        asks = any(f.optional for f in mapped.read_fields())
        available = self._schema.has(object_) if asks else None
        return select(mapped, self._names, available=available, through=through)

    def rows_of(self, soqls: Sequence[str], *, deleted: bool = False) -> list[list[Json]]:
        """All rows of each query, in order; five queries travel in one call."""
        found: list[list[Json]] = []
        for some in _batches(soqls, HEAVY_PARTS):
            parts = [Part("GET", query_path(q, deleted=deleted), what=_object_of(q)) for q in some]
            for part, answer in zip(parts, self._http.composite(parts).parts, strict=True):
                if not answer.ok:
                    raise of_call(answer.status, answer.body, what=part.what, writing=False)
                found.append(list(self.pages(answer.body)))
        return found

    def pages(self, page: Any) -> Iterable[Json]:
        """Rows of a query's answer and of the pages that follow it."""
        while True:
            if not isinstance(page, dict) or not isinstance(page.get("records"), list):
                raise Terminal("BUG-502", "Unexpected answer from Salesforce: a query without records.")
            yield from page["records"]
            following = page.get("nextRecordsUrl")
            if page.get("done", True) or not isinstance(following, str):
                return
            page = self._http.call("GET", following, what="further rows").json()

    # ------------------------------------------------------------------ records

    def _graph(self, row: Json, lines: Sequence[Json], products: Mapping[str, CrmProduct]) -> QuoteGraph:
        quote = record_of(self._mappings["Quote"], row, self._names)
        assert isinstance(quote, CrmQuote)
        read = tuple(self._line(line) for line in lines)
        return QuoteGraph(
            quote=quote,
            lines=read,
            account=self._account_of(quote, row.get("Account")),
            products={id_: products[id_] for line in read if (id_ := line.product_id) and id_ in products},
            routed_by=self._routed_by.read(row),
        )

    def _products(self, lines: Iterable[Json]) -> Mapping[str, CrmProduct]:
        """The products of these lines by id, those with a tier mode with their tiers."""
        raw = {str(p["Id"]): p for line in lines if isinstance(p := line.get("Product2"), dict)}
        products = {id_: self._product(p) for id_, p in raw.items()}
        return {**products, **self._with_tiers([p for p in products.values() if p.tier_mode])}

    def _with_tiers(self, products: Sequence[CrmProduct]) -> Mapping[str, CrmProduct]:
        """These products with their tiers as the CRM has them, the lowest first."""
        ids = [checked_id(product.id) for product in products]
        column = self._names.to_org("Product2__c")
        tiers: dict[str, list[CrmTier]] = {}
        for row in (r for rows in self.rows_of([self._tier_soql(some) for some in _batches(ids, IDS)]) for r in rows):
            tiers.setdefault(str(row[column]), []).append(self._tier(row))
        return {product.id: replace(product, tiers=tuple(tiers.get(product.id, ()))) for product in products}

    def _account_of(self, quote: CrmQuote, raw: object) -> CrmAccount | None:
        if quote.account_id is None or (quote.is_deleted and raw is None):
            return None  # an Account that is deleted takes its quotes along
        if not isinstance(raw, dict):
            raise Terminal("CONF-302", f"We can't read Account {quote.account_id}. Give the permission set access.")
        return self._account({**raw, "Id": quote.account_id})

    def _line(self, raw: Json) -> CrmQuoteLine:
        line = record_of(self._mappings["QuoteLineItem"], raw, self._names)
        assert isinstance(line, CrmQuoteLine)
        return line

    def _product(self, raw: Json) -> CrmProduct:
        product = record_of(self._mappings["Product2"], raw, self._names)
        assert isinstance(product, CrmProduct)
        return product

    def _tier(self, raw: Json) -> CrmTier:
        tier = record_of(self._mappings["Product_Price_Tier__c"], raw, self._names)
        assert isinstance(tier, CrmTier)
        return tier

    def _account(self, raw: Json) -> CrmAccount:
        account = record_of(self._mappings["Account"], raw, self._names)
        assert isinstance(account, CrmAccount)
        return account


def _object_of(soql: str) -> str:
    return soql.partition(" FROM ")[2].partition(" ")[0]


def _batches(values: Sequence[str], size: int) -> list[Sequence[str]]:
    return [values[i : i + size] for i in range(0, len(values), size)]
