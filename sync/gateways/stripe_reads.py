"""Set-wise reading: all references of a run at once, by list or by retrieve, whichever costs fewer calls (DESIGN 1, 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.errors import Terminal
from sync.facts import Fact, Price
from sync.gateways.stripe_coupon_reads import standing_coupons
from sync.gateways.stripe_currencies import with_amounts, with_steps
from sync.gateways.stripe_facts import fact_of, facts_of
from sync.gateways.stripe_http import PAGE, StripeHttp
from sync.gateways.stripe_json import ref_id, rows
from sync.gateways.stripe_money_reads import MoneyReads
from sync.gateways.stripe_operations import READS
from sync.records import Ref

Json = dict[str, Any]

#: From so many objects of a kind on, a list of the newest is tried before each is retrieved.
LIST_FROM = 3
#: A page that brings fewer wanted objects than this costs more than retrieving them.
WORTH_A_PAGE = 2
#: One such page more is read for each so many wanted objects: an eighth more calls at the very worst.
WANTED_A_POOR_PAGE = 8
#: Stripe takes at most this many lookup keys in one list.
LOOKUP_KEYS = 10


@dataclass(frozen=True)
class Source:
    """Where objects of a kind are: one by one, and as a list with what narrows it. ``expand`` is for a single object,
    at
    most four levels deep either way. ``complete`` says that the list has every object of the kind, so that what it does
    not have need not be asked for.
    """

    one: str
    many: str
    expand: tuple[str, ...] = ()
    everything: Mapping[str, object] | None = None
    complete: bool = False

    def expand_one(self) -> dict[str, object]:
        return {"expand": list(self.expand)} if self.expand else {}

    def expand_many(self) -> dict[str, object]:
        expand = {"expand": [f"data.{path}" for path in self.expand]} if self.expand else {}
        return {**(self.everything or {}), **expand}


SOURCES: Mapping[str, Source] = {
    "coupon": Source("coupon", "coupons", ("applies_to", "currency_options"), complete=True),
    "price_id": Source("price", "prices", ("tiers", "currency_options")),  # prices made inline are in no list
    "customer_id": Source("customer", "customers", ("invoice_settings.default_payment_method",)),
    "subscription_id": Source(
        "subscription",
        "subscriptions",
        ("discounts", "items.data.discounts", "default_payment_method"),
        {"status": "all"},
    ),
    "schedule_id": Source("schedule", "schedules", ("phases.discounts.discount", "phases.discounts.promotion_code")),
    "invoice_id": Source("invoice", "invoices", ("payments",)),
    "payment_intent": Source("payment_intent", "payment_intents"),
}

#: What is one list of all objects that something has: the list, the parameter that names the owner, and what else narrows it.
LISTED: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "schedules_of": ("schedules", "customer", SOURCES["schedule_id"].expand_many()),
    "credit_notes_of": ("credit_notes", "customer", {}),
    "credit_notes_of_invoice": ("credit_notes", "invoice", {}),
    "pending_items_of": ("pending_items", "customer", {"pending": True}),
}


class Reads:
    """One `read` of the gateway. Holds no state between reads."""

    def __init__(self, http: StripeHttp) -> None:
        self._http = http
        self._money = MoneyReads(http)

    def read(self, refs: Iterable[Ref], hints: Mapping[Ref, int] | None = None) -> Mapping[Ref, tuple[Fact, ...]]:
        """As `sync.ports.StripeGateway.read` says. A kind that is not known is a fault of ours: BUG-502."""
        by_kind: dict[str, list[Ref]] = {}
        for ref in sorted(set(refs)):
            by_kind.setdefault(ref.kind, []).append(ref)
        found: dict[Ref, tuple[Fact, ...]] = {}
        for kind, wanted in by_kind.items():
            created = {r.key: hints[r] for r in wanted if hints and r in hints}
            answers = self._read_kind(kind, [r.key for r in wanted], created)
            found.update({r: answers.get(r.key, ()) for r in wanted})
        return found

    def completed(self, kind: str, objects: Sequence[Json]) -> tuple[Fact, ...]:
        """Objects of a list as facts, each as complete as if it had been read by itself; charges with their refunds and
        disputes behind them.
        """
        match kind:
            case "invoice":
                return self._invoice_facts(objects)
            case "subscription":
                return facts_of(self._subscriptions(objects))
            case "charge":
                return self._money.facts_with(objects)
            case "price":
                return facts_of(self._with_steps(o) for o in objects)
            case _:
                return facts_of(objects)

    def _read_kind(self, kind: str, keys: Sequence[str], created: Mapping[str, int]) -> Mapping[str, tuple[Fact, ...]]:
        match kind:
            case "product":
                return self._products(keys)
            case "price":
                return self._prices(keys)
            case "meter":
                return self._meters(keys)
            case "meter_id":
                found = facts_of(self._http.listed(READS["meters"], {}))
                return {key: tuple(meter for meter in found if meter.id == key) for key in keys}
            case "invoice_id":
                objects = self._objects(kind, keys, created)
                return {key: facts_of([o]) for key, o in self._invoices(objects).items()}
            case "subscription_id":
                whole = self._subscriptions(self._objects(kind, keys, created).values())
                return {o["id"]: facts_of([o]) for o in whole}
            case "price_id":
                return {key: facts_of([o]) for key, o in self._whole_prices(keys).items()}
            case "customer_id" | "schedule_id" | "coupon":
                return {key: facts_of([o]) for key, o in self._objects(kind, keys, created).items()}
            case "coupons_of_subscription" | "coupon_of_customer":
                return {key: standing_coupons(self._http, kind, key) for key in keys}
            case "charges_of":
                return self._money.tried(keys, created)
            case "paid_charges_of":
                return self._money.paid(keys, created)
            case _:
                return {key: self._related(kind, key) for key in keys}

    # ------------------------------------------------------------------ catalogue

    def _products(self, ids: Sequence[str]) -> Mapping[str, tuple[Fact, ...]]:
        found: dict[str, tuple[Fact, ...]] = {}
        for some in _batches(ids, PAGE):
            for obj in self._http.get(READS["products"], {"ids": list(some), "limit": PAGE}).get("data", []):
                found[obj["id"]] = facts_of([obj])
        return found

    def _prices(self, lookup_keys: Sequence[str]) -> Mapping[str, tuple[Fact, ...]]:
        """By lookup key with their tiers, archived ones too: the active one first (a key is unique among active prices only),
        then the newest.
        """
        found: dict[str, list[Price]] = {}
        for some in _batches(lookup_keys, LOOKUP_KEYS):
            params = {"lookup_keys": list(some), **SOURCES["price_id"].expand_many()}
            for obj in self._http.listed(READS["prices"], params):
                price = fact_of(self._with_steps(obj))
                assert isinstance(price, Price)
                found.setdefault(price.lookup_key or "", []).append(price)
        for prices in found.values():
            prices.sort(key=lambda p: (not p.active, -p.created_s, p.id))
        return {key: tuple(prices) for key, prices in found.items()}

    def _whole_prices(self, ids: Sequence[str]) -> dict[str, Json]:
        return {key: self._with_steps(obj) for key, obj in self._objects("price_id", ids, {}).items()}

    def _with_steps(self, price: Json) -> Json:
        return with_steps(price, lambda id, paths: self._http.find(READS["price"], {"expand": list(paths)}, id=id))

    def _meters(self, event_names: Sequence[str]) -> Mapping[str, tuple[Fact, ...]]:
        """By event name, which is unique among active meters only. One list for all of them, and one of the inactive
        meters where a name has no active one: it may have several, newest first.
        """
        found: dict[str, list[Fact]] = {}
        for status in ("active", "inactive"):
            missing = {name for name in event_names if name not in found}
            for obj in self._http.listed(READS["meters"], {"status": status}) if missing else ():
                if obj.get("event_name") in missing:
                    found.setdefault(obj["event_name"], []).append(fact_of(obj))
        return {name: tuple(meters) for name, meters in found.items()}

    # ------------------------------------------------------------------ by id

    def _objects(self, kind: str, ids: Sequence[str], created: Mapping[str, int]) -> dict[str, Json]:
        """Objects by id; those that Stripe does not have are absent."""
        source = SOURCES[kind]
        found, read_whole = self._by_listing(source, ids, created)
        for id in () if read_whole and source.complete else ids:
            if id not in found and (obj := self._one(source, id)) is not None:
                found[id] = obj
        return found

    def _one(self, source: Source, id: str) -> Json | None:
        try:
            return self._http.find(READS[source.one], source.expand_one(), id=id)
        except Terminal as error:
            if "cannot be expanded" not in error.message:
                raise
        return self._http.find(READS[source.one], id=id)  # a deleted object has no members left to expand

    def _by_listing(
        self, source: Source, ids: Sequence[str], created: Mapping[str, int]
    ) -> tuple[dict[str, Json], bool]:
        """What a few pages bring, and whether they were the whole list. Every round looks at the span of creation times of
        what is still missing, newest first.

        Pages that bring little are borne as long as they are few beside the retrieves that a better one saves: the
        wanted ones may stand behind others of the same second, as after a night of renewals.
        """
        found: dict[str, Json] = {}
        while len(missing := {i for i in ids if i not in found}) >= LIST_FROM:
            gained, poor, bearable = 0, 0, len(missing) // WANTED_A_POOR_PAGE
            span = _span(missing, created)
            for page in self._http.pages(READS[source.many], {**source.expand_many(), **span}):
                hits = {o["id"]: o for o in page if o["id"] in missing}
                found.update(hits)
                gained += len(hits)
                poor += len(hits) < WORTH_A_PAGE
                if gained == len(missing) or (poor > bearable and len(page) == PAGE):
                    break
            else:
                if not span:
                    return found, True
            if gained < WORTH_A_PAGE or not created:
                break
        return found, False

    # ------------------------------------------------------------------ embedded lists that go on

    def _subscriptions(self, objects: Iterable[Json]) -> list[Json]:
        """Subscriptions with all their items, each price with its amounts in the subscription's currency."""
        return with_amounts((self._with_items(o) for o in objects), self._whole_prices)

    def _with_items(self, subscription: Json) -> Json:
        items = subscription.get("items") or {}
        if not items.get("has_more"):
            return subscription
        params = {"subscription": subscription["id"], "expand": ["data.discounts"]}
        return {**subscription, "items": {"data": self._http.listed(READS["subscription_items"], params)}}

    def _invoices(self, objects: Mapping[str, Json]) -> dict[str, Json]:
        """Invoices with all their lines, all their payments, and what became of those that were tried and are open."""
        complete = {key: self._with_lines(obj) for key, obj in objects.items()}
        failing = {intent: key for key, o in complete.items() for intent in _open_intents(o)}
        created = {i: _payment_created(complete[key], i) for i, key in failing.items()}
        for id, intent in self._objects("payment_intent", list(failing), created).items():
            complete[failing[id]] = _with_intent(complete[failing[id]], intent)
        return complete

    def _with_lines(self, invoice: Json) -> Json:
        more: Json = {}
        if (invoice.get("lines") or {}).get("has_more"):
            more["lines"] = {"data": self._http.listed(READS["invoice_lines"], {}, id=invoice["id"])}
        if (invoice.get("payments") or {}).get("has_more"):
            more["payments"] = {"data": self._http.listed(READS["invoice_payments"], {"invoice": invoice["id"]})}
        return {**invoice, **more}

    # ------------------------------------------------------------------ all of something

    def _related(self, kind: str, key: str) -> tuple[Fact, ...]:
        match kind:
            case "customers_by_email":
                return self._customers_by_email(key)
            case _ if kind in LISTED:
                name, owner, more = LISTED[kind]
                return facts_of(self._http.listed(READS[name], {owner: key, **more}))
            case "subscriptions_of":
                params = {**SOURCES["subscription_id"].expand_many(), "customer": key}
                return facts_of(self._subscriptions(self._http.listed(READS["subscriptions"], params)))
            case "invoices_of":
                return self._invoices_by("subscription", key)
            case "invoices_of_customer":
                return self._invoices_by("customer", key)
            case "portal":
                return facts_of(self._http.get(READS["portals"], {"is_default": True, "limit": 1}).get("data", []))
            case "tax_settings":
                return facts_of([self._http.get(READS["tax_settings"])])
            case "tax_ids_of":
                return facts_of(self._http.listed(READS["tax_ids"], {}, id=key))
            case "cash_balance_of":
                there = self._http.find(READS["cash_balance"], id=key)
                return facts_of([there] if there else [])
            case "balance_of":
                return facts_of(self._http.listed(READS["balance_transactions"], {}, id=key))
            case "invoice_of":
                params = {
                    "payment": {"type": "payment_intent", "payment_intent": key},
                    "expand": ["data.invoice.payments"],
                }
                payments = self._http.listed(READS["invoice_payments"], params)
                return self._invoice_facts([p["invoice"] for p in payments if isinstance(p.get("invoice"), dict)])
            case _:
                raise Terminal("BUG-502", f"The Stripe gateway can't read references of kind {kind!r}.")

    def _invoices_by(self, owner: str, key: str) -> tuple[Fact, ...]:
        params = {**SOURCES["invoice_id"].expand_many(), owner: key}
        return self._invoice_facts(self._http.listed(READS["invoices"], params))

    def _invoice_facts(self, objects: Iterable[Json]) -> tuple[Fact, ...]:
        return facts_of(self._invoices({o["id"]: o for o in objects}).values())

    def _customers_by_email(self, email: str) -> tuple[Fact, ...]:
        """Every customer with this address in any spelling we can ask for: Stripe's filter minds upper and lower case."""
        source = SOURCES["customer_id"]
        spellings = dict.fromkeys((email, email.lower()))
        found = [
            obj
            for spelling in spellings
            for obj in self._http.listed(READS["customers"], {**source.expand_many(), "email": spelling})
        ]
        return facts_of({o["id"]: o for o in found}.values())


def _batches(keys: Sequence[str], size: int) -> list[Sequence[str]]:
    return [keys[i : i + size] for i in range(0, len(keys), size)]


def _span(ids: Iterable[str], created: Mapping[str, int]) -> dict[str, object]:
    known = [created[i] for i in ids if i in created]
    return {"created": {"gte": min(known), "lte": max(known)}} if known else {}


def _open_intents(invoice: Json) -> list[str]:
    """The payment intents that may say why the invoice is not paid; none where nothing was tried or all is paid."""
    if invoice.get("status") not in ("open", "uncollectible") or not invoice.get("attempt_count"):
        return []
    open_ = [p for p in rows(invoice.get("payments")) if p.get("status") == "open"]
    return [i for p in open_ if (i := ref_id((p.get("payment") or {}).get("payment_intent")))]


def _payment_created(invoice: Json, intent: str) -> int:
    """Stripe makes an invoice's intent when it finalises it, its payment row in the same second: exact enough for a
    span, a miss is retrieved.
    """
    of_intent = [
        p for p in rows(invoice.get("payments")) if ref_id((p.get("payment") or {}).get("payment_intent")) == intent
    ]
    return int(of_intent[-1].get("created") or 0) if of_intent else 0


def _with_intent(invoice: Json, intent: Json) -> Json:
    def placed(payment: Mapping[str, Any]) -> Mapping[str, Any]:
        inner = payment.get("payment") or {}
        return (
            {**payment, "payment": {**inner, "payment_intent": intent}}
            if ref_id(inner.get("payment_intent")) == intent["id"]
            else payment
        )

    return {**invoice, "payments": {"data": [placed(p) for p in rows(invoice.get("payments"))]}}
