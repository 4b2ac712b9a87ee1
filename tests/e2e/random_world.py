"""Lives through a random history in a sandbox, and holds what Stripe billed against what was foreseen, invoice by invoice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import requests

from sync.errors import Terminal
from tests.contracts.judge import judge
from tests.e2e.looks import day_of, everything_due, quote_row
from tests.e2e.random_deals import CURRENCIES, DINAR, PRODUCTS, History, RandomDeal
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

#: Decimals of Stripe's minor units; a rep's dinars have two, Stripe's three.
MINOR_DECIMALS: Mapping[str, int] = {**CURRENCIES, DINAR: 3}
#: One line of an invoice: what it bills in minor units, its first day, and the first day after; for what is billed once no days.
Line = tuple[int, str, str]


@dataclass(frozen=True, order=True)
class Invoice:
    """An invoice as both sides can say it: when it was made (unix seconds), the Stripe object's key, total in minor units, lines."""

    at_s: int
    key: str
    total: int
    lines: tuple[Line, ...]


@dataclass
class Told:
    """What was foreseen of a quote when it was signed. ``due`` are the days by invoice."""

    deal: RandomDeal
    currency: str
    timezone: str
    invoices: list[Invoice] = field(default_factory=list)
    due: dict[tuple[int, str], str | None] = field(default_factory=dict)
    total: Decimal = Decimal(0)
    refused: bool = False


class Life:
    """One history in one world. `live` raises AssertionError, with the seed, for whatever is not as it should be."""

    def __init__(self, plan: History, world: World, tandem: Tandem) -> None:
        self.plan, self.world, self.tandem = plan, world, tandem
        self.told: dict[str, Told] = {}
        self._seen = 0

    def live(self) -> None:
        """The whole history has happened, and everything in it was billed as foreseen."""
        self.world.at(self.plan.begins)
        self._products = {
            name: self.world.crm.product(name, currencies=list(CURRENCIES), charge=charge, period=period)
            for name, (charge, period) in PRODUCTS.items()
        }
        self._accounts = [self._account(number) for number in range(len(self.plan.customers))]
        for moment in self.plan.jumps:
            if moment != self.plan.begins:
                self.world.at(moment)
            self._settle()
            for deal in (deal for deal in self.plan.deals if deal.signed == moment):
                self._sign(deal)
            self._settle()
            self._nothing_left_to_write()
            self._billed_as_foreseen(moment)
        self._ended_right()

    @property
    def refused(self) -> set[str]:
        """Quotes that could not be billed exactly."""
        return {quote for quote, told in self.told.items() if told.refused}

    # ------------------------------------------------------------ what people do

    def _account(self, number: int) -> str:
        """The Account; one with a card has its Stripe customer from before, and its id on the record."""
        customer, name = self.plan.customers[number], f"Customer {self.plan.seed}-{number}"
        fields: dict[str, Any] = {"Name": name, "Billing_Email__c": f"ap@c{number}.example"}
        if customer.timezone:
            fields["Billing_Timezone__c"] = customer.timezone
        if customer.card:
            stripe = self.world.stripe
            made = stripe.post("customers", name=name, email=fields["Billing_Email__c"])["id"]
            method = stripe.post("payment_methods/pm_card_visa/attach", customer=made)["id"]
            stripe.post(f"customers/{made}", form={"invoice_settings[default_payment_method]": method})
            fields["Stripe_Customer_Id__c"] = made
        return self.world.crm.create("Account", **fields)

    def _sign(self, deal: RandomDeal) -> None:
        """A rep looks at the preview, and gets the quote accepted."""
        customer = self.plan.customers[deal.customer]
        lines = [(self._products[x.product], x.quantity, x.price, x.fields) for x in deal.lines]
        name, account = f"Quote {self.plan.seed}", self._accounts[deal.customer]
        quote = self.world.crm.quote(name, account, customer.currency, lines, **deal.header)
        told = self.told[quote] = Told(deal, customer.currency, customer.timezone or "UTC")
        refused: Terminal | None = None
        try:
            self._note(told, self._preview(quote))
        except Terminal as refusal:
            refused = refusal
        if refused is not None:
            told.refused = True
            codes = {r.code for r in refused.refusals}
            fair = codes == {"DATA-210"} and customer.currency == DINAR and not self.plan.rounding
            assert fair, self._say(f"{quote} {deal} refused: {refused}")
        self.world.crm.accept(quote)

    def _preview(self, quote: str) -> Mapping[str, Any]:
        worked = self.tandem.services.pipeline.quotes.preview(quote)
        assert worked is not None
        return worked.preview.data

    def _note(self, told: Told, preview: Mapping[str, Any]) -> None:
        scale = 10 ** MINOR_DECIMALS[told.currency]

        def minor(text: str) -> int:
            amount = Decimal(text) * scale
            assert amount == int(amount), self._say(f"{text} {told.currency} has too many decimals")
            return int(amount)

        told.invoices = sorted(
            Invoice(
                i["at"],
                i["object"],
                minor(i["total"]),
                _sorted((minor(x["amount"]), x["from"], x["to"]) for x in i["lines"]),
            )
            for i in preview["invoices"]
        )
        told.due = {(i["at"], i["object"]): i["due"] for i in preview["invoices"]}
        told.total = Decimal(preview["billed"])

    # ------------------------------------------------------------ what has to be true

    def _settle(self) -> None:
        done = self.tandem.drain()
        failed = {key.removeprefix("quote:") for key, _, _ in done.failed}
        assert failed == self.refused, self._say(f"failed: {done.failed}")
        assert (done.waiting, done.rows_waiting) == (0, 0), self._say(str(done))

    def _nothing_left_to_write(self) -> None:
        """A second drain writes nothing."""
        self._new_writes()
        self._settle()
        writes = self._new_writes()
        assert writes == [], self._say(f"a second drain wrote {writes}")

    def _new_writes(self) -> list[str]:
        exchanges = self.world.log(self._seen)
        self._seen = max((e.seq for e in exchanges), default=self._seen)
        return [f"{e.system} {e.method} {e.path}: {e.params}" for e in exchanges if e.by_tandem and e.effect]

    def _billed_as_foreseen(self, now: datetime) -> None:
        """Invoice by invoice, to the cent: all that was foreseen up to now, and no other."""
        billed = self._billed()
        assert set(billed) <= set(self.told) - self.refused, self._say("Stripe billed a quote that was refused")
        for quote, told in self.told.items():
            expected = [i for i in told.invoices if i.at_s <= now.timestamp()]
            found = sorted(invoice for invoice, _ in billed.get(quote, []))
            assert found == expected, self._say(f"{quote} {told.deal}\n{_difference(expected, found)}")
            for invoice, raw in billed.get(quote, []):
                self._details(told, invoice, raw)

    def _details(self, told: Told, invoice: Invoice, raw: Mapping[str, Any]) -> None:
        """Currency, due day and order number of an invoice."""
        assert raw["currency"] == told.currency.lower()
        numbers = [f["value"] for f in raw["custom_fields"] or []]
        wanted = told.deal.header.get("PO_Number__c")
        assert numbers == ([wanted] if wanted else []), self._say(f"{told.deal} {invoice}: {numbers}")
        if raw["status"] != "draft":
            due = None if raw["due_date"] is None else _day_in(raw["due_date"], told.timezone)
            assert due == told.due[invoice.at_s, invoice.key], self._say(f"{told.deal} {invoice}: due {due}")

    def _billed(self) -> dict[str, list[tuple[Invoice, Mapping[str, Any]]]]:
        stripe = self.world.stripe
        owners = {s["id"]: s["metadata"] for s in stripe.all("subscriptions", status="all")}
        billed: dict[str, list[tuple[Invoice, Mapping[str, Any]]]] = {}
        for raw in stripe.all("invoices"):
            owner = owners[raw["parent"]["subscription_details"]["subscription"]]
            lines = raw["lines"]["data"]
            if raw["lines"]["has_more"]:
                lines = stripe.all(f"invoices/{raw['id']}/lines")
            ours = bool(raw["metadata"].get("tandem_key"))
            invoice = Invoice(raw["created"], owner["tandem_key"], raw["total"], _sorted(_line(x, ours) for x in lines))
            billed.setdefault(owner["tandem_deal"], []).append((invoice, raw))
        return billed

    def _ended_right(self) -> None:
        """Every term is over: sums, statuses, and nothing to write even when all that was ever said is said again."""
        for quote, told in self.told.items():
            if told.refused:
                continue
            shown = quote_row(self.world, quote)
            assert (shown["Billing_Status__c"], shown["Billing_Code__c"]) == ("Ended", None), self._say(str(shown))
            assert shown["Contract_Total__c"] == told.total, self._say(f"{quote}: {shown['Contract_Total__c']}")
            sum_minor = sum(i.total for i in told.invoices)
            assert Decimal(sum_minor) / 10 ** MINOR_DECIMALS[told.currency] == told.total, self._say(quote)
            again = Told(told.deal, told.currency, told.timezone)
            self._note(again, self._preview(quote))
            assert again == told, self._say(f"{quote}: the preview of a finished deal has changed")
        self._shown_as_billed()
        everything_due(self.tandem)
        self._nothing_left_to_write()
        self._as_stripe_has_it()

    def _shown_as_billed(self) -> None:
        """Every invoice stands in the CRM once, with Stripe's amounts."""
        rows = self.world.crm.rows(
            "Billing_Invoice__c", "Stripe_Id__c Currency__c Total__c Amount_Remaining__c Status__c"
        )
        shown = sorted((r["Stripe_Id__c"], r["Total__c"], r["Amount_Remaining__c"], r["Status__c"]) for r in rows)
        in_stripe = sorted(
            (i["id"], _major(i, "total"), _major(i, "amount_remaining"), i["status"].capitalize())
            for i in self.world.stripe.all("invoices")
        )
        assert shown == in_stripe, self._say(_difference(in_stripe, shown))
        for row in self.world.crm.rows("Billing_Subscription__c", "Quote__c Status__c MRR__c"):
            assert (row["Status__c"], row["MRR__c"]) == ("Canceled", 0), self._say(str(row))

    def _as_stripe_has_it(self) -> None:
        """The contract checker has nothing to say of all that went over the wire."""
        answer = requests.get(f"{self.world.control_url}/log", timeout=(3, 120))
        answer.raise_for_status()
        verdict = judge(line for line in answer.text.splitlines() if line.strip())
        assert verdict.judged, "nothing was judged"
        assert not verdict.errors, self._say(str(verdict.errors.most_common(10)))

    def _say(self, text: str) -> str:
        return f"SEED={self.plan.seed}: {text}"


def _line(raw: Mapping[str, Any], ours: bool) -> Line:
    """Stripe gives a one-time item of a schedule the period of the cycle; on an invoice of ours it has no length."""
    net = raw["amount"] - sum(d["amount"] for d in raw["discount_amounts"])
    if raw["parent"]["type"] == "invoice_item_details" and not ours:
        return net, "", ""
    return net, day_of(raw["period"]["start"]), day_of(raw["period"]["end"])


def _sorted(lines: Any) -> tuple[Line, ...]:
    return tuple(sorted((net, "", "") if start == end else (net, start, end) for net, start, end in lines))


def _day_in(second: int, timezone: str) -> str:
    return datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(timezone)).date().isoformat()


def _major(raw: Mapping[str, Any], field_: str) -> Decimal:
    return Decimal(raw[field_]) / 10 ** MINOR_DECIMALS[raw["currency"].upper()]


def _difference(expected: list[Any], found: list[Any]) -> str:
    missing = [f"  missing {x}" for x in expected if x not in found]
    return "\n".join([*missing[:8], *[f"  too many {x}" for x in found if x not in expected][:8]])
