"""Lives through a random history in a sandbox, and holds what Stripe billed against what the papers say (`tests.e2e.oracle`)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import requests

from sync.run.drain import Drained
from sync.usage.rows import read_row
from tests.contracts.judge import judge
from tests.e2e.looks import day_of, everything_due, quote_row
from tests.e2e.oracle import Bill, Charge, Impossible, Oracle, unlike
from tests.e2e.papers import DECIMALS, FAR, Paper, Terms, cents, month_on, months_and_days, read_paper, read_terms
from tests.e2e.people import draft_change
from tests.e2e.random_deals import CURRENCIES, DINAR, PRODUCTS, USE, History, RandomDeal, RandomQuote
from tests.e2e.random_use import UseOracle, with_use
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

#: Parts of open invoices that somebody pays outside of Stripe at each stop.
PAID = 0.4
#: Records that may be written about a quote that is refused.
TOLD_ON = ("Quote", "QuoteLineItem", "Billing_Issue__c")
FOREVER = timedelta(days=366 * 60)


@dataclass
class Told:
    """A deal as it goes: its papers so far, and the quotes by their place. ``key`` is that of the quote that made it."""

    deal: RandomDeal
    terms: Terms
    oracle: Oracle
    key: str
    quotes: dict[int, str] = field(default_factory=dict)
    before: Bill = field(default_factory=Bill)  # as it was at the stop before
    by_use: UseOracle | None = None

    @property
    def evergreen(self) -> bool:
        return self.oracle.last() == FAR


class Life:
    """One history in one world. `live` raises AssertionError, with the seed, for whatever is not as it should be."""

    def __init__(self, plan: History, world: World, tandem: Tandem) -> None:
        self.plan = replace(plan, deals=tuple(with_use(plan.seed, plan.deals, plan.customers)))
        self.world, self.tandem = world, tandem
        self.told: dict[int, Told] = {}
        self.refused: Counter[str] = Counter()
        self.invoices = 0
        self._seen = 0
        self._payers, self._users = Random(plan.seed), Random(f"users of {plan.seed}")
        self.reported = 0

    def live(self) -> None:
        """The whole history has happened, and everything in it was billed as its papers say."""
        self.world.at(self.plan.moments[0])
        self._products = {
            name: self.world.crm.product(name, currencies=list(CURRENCIES), charge=charge, period=period)
            for name, (charge, period) in PRODUCTS.items()
            if name != USE
        }
        self._by_use = {place: self._sold_by_use(place) for place, deal in enumerate(self.plan.deals) if deal.use}
        self._accounts = [self._account(number) for number in range(len(self.plan.customers))]
        for moment in self.plan.moments:
            if moment != self.plan.moments[0]:
                self.world.at(moment)
            self._settle()
            self._sign(moment)
            self._use(moment)
            self._pay()
            self._settle()
            self._nothing_left_to_write()
            self._billed_as_signed(moment)
        self._ended_right()
        self._nothing_differs()

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

    def _sold_by_use(self, place: int) -> dict[str, str]:
        """The product that this deal bills by use, whose event has its name."""
        deal, crm = self.plan.deals[place], self.world.crm
        assert deal.use is not None
        currency, event = self.plan.customers[deal.customer].currency, f"use_{self.plan.seed}_{place}"
        product = crm.product(event, currencies=[currency], charge="Usage", period=None)
        mode = {} if deal.use.mode == "Unit" else {"Tier_Mode__c": deal.use.mode}
        crm.change("Product2", product["id"], Meter_Event__c=event, **mode)
        for up_to, unit, flat in deal.use.tiers:
            crm.create(
                "Product_Price_Tier__c", Product2__c=product["id"], Currency__c=currency,
                Up_To__c=up_to, Unit_Amount__c=unit, Flat_Amount__c=flat,
            )  # fmt: skip
        return product

    def _use(self, moment: datetime) -> None:
        """Customers use what they have, and whoever counts it tells Tandem, or Stripe past it."""
        accounts = {row["Id"]: row for row in self.world.crm.rows("Account", "Id Stripe_Customer_Id__c")}
        for place, told in self.told.items():
            used = told.by_use.is_used(self._users, told.oracle.papers, moment) if told.by_use else []
            event, account = f"use_{self.plan.seed}_{place}", self._accounts[told.deal.customer]
            for one in used:
                self.reported += 1
                stamp, name = int(one.at.timestamp()), f"{place}-{self.reported}"
                if self._users.random() < 0.3:
                    form = {
                        "event_name": event, "timestamp": stamp, "identifier": name, "payload[value]": one.many,
                        "payload[stripe_customer_id]": accounts[account]["Stripe_Customer_Id__c"],
                    }  # fmt: skip
                    self.world.stripe.post("billing/meter_events", form=form)
                    continue
                row = {
                    "identifier": name, "event": event, "account": account, "quantity": one.many,
                    "timestamp": one.at.isoformat(),
                }  # fmt: skip
                taken = self.tandem.services.pipeline.usage.intake.take([read_row(row, source="soak")])
                assert taken.accepted == 1, self._say(f"{self._where(place)}\nat {moment} {row}: {taken.refused}")

    def _sign(self, moment: datetime) -> None:
        """What arrives now: the quotes of one deal one after the other, those of many deals together, the impossible alone."""
        waiting = {
            place: [(n, quote) for n, quote in enumerate(deal.quotes, start=1) if quote.arrives == moment]
            for place, deal in enumerate(self.plan.deals)
        }
        while any(waiting.values()):
            accepted: list[tuple[int, int, str]] = []
            for place, quotes in waiting.items():
                if quotes:
                    number, quote = quotes.pop(0)
                    signed = self._draft_and_sign(place, number, quote)
                    accepted += [(place, number, signed)] if signed else []
            self._settle()
            for place, number, quote_id in accepted:
                self._promised(place, number, quote_id, moment)

    def _draft_and_sign(self, place: int, number: int, quote: RandomQuote) -> str | None:
        """The id of the quote, accepted; None where there is nothing to change, or where it was rightly refused."""
        deal, told = self.plan.deals[place], self.told.get(place)
        code, after, terms, too_late = "", None, None, False
        customer = self.plan.customers[deal.customer]
        try:
            if number == 1:
                made = self._base(deal, quote)
                if made is None:
                    return None
                quote, terms = made
                after = Oracle(terms, [read_paper(quote, terms, 1)])
                after.bill(terms.at(month_on(terms.start, 60)))
            elif told is None:
                return None
            else:
                paper = read_paper(quote, told.terms, number, told.oracle.papers)
                after = Oracle(told.terms, [*told.oracle.papers, paper])
                told.oracle.accepts(paper)
                too_late = _may_come_too_late(paper, told.oracle.papers)
        except Impossible as impossible:
            code = impossible.code
        quote_id = self._draft(deal, told, quote, f"{self.plan.seed}/{place}/{number}")
        if quote_id is None:
            return None
        may_be = {code} - {""}
        if customer.currency == DINAR and not self.plan.rounding:
            may_be.add("DATA-210")
        if too_late:
            may_be.add("CONF-311")
        if may_be and self._is_refused(quote_id, may_be, must=bool(code)):
            return None
        assert after is not None
        if not may_be:
            if told is not None and (place + number) % 3 == 0:
                self._checked(quote_id)
            self.world.crm.accept(quote_id)
        if told is None:
            assert terms is not None
            told = self.told[place] = Told(deal, terms, after, quote_id)
            if deal.use is not None:
                told.by_use = UseOracle(deal.use, next(x for x in quote.lines if x.product == USE), terms)
        told.oracle = after
        told.quotes[number] = quote_id
        return quote_id

    def _base(self, deal: RandomDeal, quote: RandomQuote) -> tuple[RandomQuote, Terms] | None:
        """The quote that makes a deal; a Renewal without the day, which follows from the deal that it renews."""
        customer = self.plan.customers[deal.customer]
        if deal.follows is None:
            return quote, read_terms(quote, customer, self.plan.rounding)
        old = self.told.get(deal.follows)
        if old is None or old.oracle.last().isoformat() != quote.header["Start_Date__c"]:
            return None
        head = {k: v for k, v in quote.header.items() if k != "Start_Date__c" or deal.follows % 2}
        terms = read_terms(quote, customer, self.plan.rounding)
        return replace(quote, header=head), terms

    def _draft(self, deal: RandomDeal, told: Told | None, quote: RandomQuote, name: str) -> str | None:
        customer = self.plan.customers[deal.customer]
        place = self.plan.deals.index(deal)
        lines = [
            (self._by_use[place] if x.product == USE else self._products[x.product], x.quantity, x.price, x.fields)
            for x in quote.lines
        ]
        head = {k: v for k, v in quote.header.items() if k != "Quote_Type__c"}
        if quote.kind == "New":
            return self.world.crm.quote(name, self._accounts[deal.customer], customer.currency, lines, **head)
        key = told.key if told else self.told[deal.follows or 0].key
        if not self.world.crm.rows("Billing_Subscription__c", "Id", f"Billing_Key__c = '{key}'"):
            return None  # nothing of the deal is there yet, so no rep can choose it
        if not lines:
            lines, book = [], self._products["Seat"]
            return self._bare(key, book, quote.kind, head)
        return draft_change(self.world.crm, key, lines, kind=quote.kind, **head)

    def _bare(self, key: str, product: Mapping[str, str], kind: str, head: Mapping[str, Any]) -> str:
        """A quote without lines."""
        crm = self.world.crm
        row = crm.row("Billing_Subscription__c", "Id Account__c Currency__c", f"Billing_Key__c = '{key}'")
        opportunity = crm.create(
            "Opportunity", Name=f"{kind} of {key}", AccountId=row["Account__c"], StageName="Negotiation/Review",
            CloseDate="2026-01-31", CurrencyIsoCode=row["Currency__c"],
        )  # fmt: skip
        return crm.create(
            "Quote", Name=kind, OpportunityId=opportunity, Pricebook2Id=product["book"], Quote_Type__c=kind,
            Billing_Subscription__c=row["Id"], **head,
        )  # fmt: skip

    def _is_refused(self, quote: str, codes: set[str], *, must: bool) -> bool:
        """Whether the quote, accepted by itself, is refused with one of these codes; then nothing else has changed on
        either side, and the rep takes it back.
        """
        self._settle()
        self._new_writes()
        self.world.crm.accept(quote)
        done = self.tandem.drain()
        failed = {key: code for key, code, _ in done.failed}
        if not failed and not must:
            return False
        assert failed.get(f"quote:{quote}") in codes, self._say(f"{quote} is not refused with {codes}: {done.failed}")
        self.refused[failed[f"quote:{quote}"]] += 1
        touched = [w for w in self._new_writes() if not any(f"/{name}" in w or f"'{name}'" in w for name in TOLD_ON)]
        assert not touched, self._say(f"a refused quote left {touched}")
        shown = quote_row(self.world, quote)
        assert shown["Billing_Code__c"] in codes, self._say(str(shown))
        assert "Nothing was charged" in shown["Billing_Message__c"], self._say(str(shown))
        self.world.crm.delete("Quote", quote)
        self._settle()
        return True

    def _checked(self, quote: str) -> None:
        """Nothing stands in the way of the change while it is a draft, and looking at it writes nothing."""
        self._settle()
        self._new_writes()
        worked = self.tandem.services.pipeline.quotes.preview(quote, shown_only=True)
        assert worked is not None
        assert not worked.plan.drift, self._say(f"a check of {quote} finds {worked.plan.drift}")
        assert worked.preview.text.startswith("READY"), self._say(worked.preview.text)
        assert not self._new_writes()

    def _pay(self) -> None:
        """Some customers pay, past Stripe."""
        for invoice in sorted(self.world.stripe.all("invoices", status="open"), key=lambda i: i["id"]):
            if invoice["collection_method"] == "send_invoice" and self._payers.random() < PAID:
                self.world.stripe.post(f"invoices/{invoice['id']}/pay", paid_out_of_band="true")

    # ------------------------------------------------------------ what has to be true

    def _settle(self) -> Drained:
        done = self.tandem.drain()
        keys = {key.removeprefix("quote:") for key, _, _ in done.failed}
        about = "\n".join(self._where(place) for place, told in self.told.items() if keys & set(told.quotes.values()))
        assert not done.failed, self._say(f"{about}\nat {self.world.now()} failed: {done.failed}")
        assert (done.waiting, done.rows_waiting) == (0, 0), self._say(str(done))
        return done

    def _nothing_left_to_write(self) -> None:
        """A second drain writes nothing."""
        self._new_writes()
        self._settle()
        writes = self._new_writes()
        assert writes == [], self._say(f"a second drain wrote {writes}")

    def _nothing_differs(self) -> None:
        """A comparison of both sides invents nothing: what it finds are quotes that were refused."""
        report = self.tandem.services.pipeline.nightly.sweep.run("soak", heal=False)
        found = [d for d in report.differences if not d.actual.startswith("nothing in Stripe: waits")]
        assert (found, report.busy) == ([], []), self._say("\n".join(map(str, found)))

    def _new_writes(self) -> list[str]:
        writes = self.world.writes(self._seen)
        self._seen = self.world.mark()
        return [f"{e.system} {e.method} {e.path}: {e.params}" for e in writes]

    def _promised(self, place: int, number: int, quote_id: str, now: datetime) -> None:
        """The preview that was frozen on the quote names what the papers say now, invoice by invoice. One that comes when
        all is over, and for which nothing is due, is not billed.
        """
        told = self.told[place]
        promise = self.tandem.services.pipeline.quotes.promises.frozen(quote_id)
        if promise is None:
            over = told.terms.at(told.oracle.last()) <= now
            assert over, self._say(f"{self._where(place)} quote {number} was not billed")
            told.quotes.pop(number)
            told.oracle = Oracle(told.terms, told.oracle.papers[:-1])
            return
        data: Any = promise.preview["data"]
        until = told.terms.at(told.terms.start) + FOREVER
        if told.evergreen:
            first = max(told.terms.start, told.terms.day(promise.frozen_at or promise.signed_at))
            until = told.terms.at(month_on(first, 12)) - timedelta(seconds=1)
        found = []
        for invoice in data["invoices"]:
            at = datetime.fromtimestamp(invoice["at"], UTC)
            for line in invoice["lines"] if at <= until else ():
                days = ("", "") if line["from"] == line["to"] else (line["from"], line["to"])
                found.append(Charge(at, self._minor(line["amount"], told.terms), *days))
        wrong = unlike(replace(told.oracle.bill(until), credits={}), found, {})
        assert not wrong, self._say(f"{self._where(place)}\npreview of quote {number}: " + "\n".join(wrong))

    def _minor(self, text: str, terms: Terms) -> int:
        amount = Decimal(text) * terms.scale
        assert amount == int(amount), self._say(f"{text} {terms.currency} has too many decimals")
        return int(amount)

    def _billed_as_signed(self, now: datetime) -> None:
        """Every invoice so far, line by line, and what was given back; and what the CRM shows of the deal."""
        invoices, given = self._invoices(), self._given()
        assert set(invoices) <= {told.key for told in self.told.values()}, self._say(
            "a quote was billed that nobody signed"
        )
        self.invoices = sum(len(found) for found in invoices.values())
        for place, told in self.told.items():
            bill = told.oracle.bill(now)
            mine = invoices.get(told.key, [])
            found = [line for raw in mine for line in self._lines(raw, told)]
            wrong = unlike(self._at_stops(replace(bill, credits={})), found, {})
            wrong += self._given_back(told, bill, given)
            wrong += self._used(place, told, mine, now)
            assert not wrong, self._say(f"{self._where(place)}\nat {now}: " + "\n".join(wrong))
            told.before = bill
        self._worth_as_signed(now)

    def _used(self, place: int, told: Told, invoices: Iterable[Mapping[str, Any]], now: datetime) -> list[str]:
        """What differs of all that was billed by use so far; the newest may be waited for still."""
        if told.by_use is None:
            return []
        lines = [line for raw in invoices for line in raw["lines"]["data"] if self._is_use(raw, line, place)]
        found = sum(line["amount"] - sum(d["amount"] for d in line["discount_amounts"]) for line in lines)
        bills = told.by_use.bills(told.oracle.papers, now)
        least, most = sum(b.cents for b in bills if b.last <= now), sum(b.cents for b in bills)
        shown = [(b.first.isoformat(), b.cents) for b in bills if b.cents]
        return [] if least <= found <= most else [f"{found} billed by use, not {least} to {most}: {shown}"]

    def _is_use(self, raw: Mapping[str, Any], line: Mapping[str, Any], place: int) -> bool:
        if str(raw["metadata"].get("tandem_key", "")).endswith(":use"):
            return True
        sold = ((line["pricing"] or {}).get("price_details") or {}).get("product")
        return place in self._by_use and sold == f"tandem_{self._by_use[place]['id']}"

    def _given_back(self, told: Told, bill: Bill, given: Mapping[str, int]) -> list[str]:
        """What differs of the credits, quote by quote; those of today may wait for a draft to be finalised."""
        wrong = []
        for number, quote in told.quotes.items():
            most, least = (sum(c for (n, _), c in b.credits.items() if n == number) for b in (bill, told.before))
            free = sum(bill.free.values())
            if not least - free <= given.get(quote, 0) <= most + free:
                wrong.append(f"given back for quote {number}: {given.get(quote, 0)}, not {least} to {most}")
        return wrong

    def _at_stops(self, bill: Bill) -> Bill:
        """The bill with each moment moved to the stop at which Tandem was awake next."""
        late: Counter[datetime] = Counter()
        free: Counter[datetime] = Counter()
        for at, amount in bill.late.items():
            late[self._stop(at)] += amount
        for at, amount in bill.free.items():
            free[self._stop(at)] += amount
        charges = [replace(charge, at=self._stop(charge.at)) for charge in bill.charges]
        return replace(bill, charges=charges, late=dict(late), free=dict(free))

    def _stop(self, at: datetime) -> datetime:
        return self.plan.moments[bisect_left(self.plan.moments, at)]

    def _invoices(self) -> dict[str, list[dict[str, Any]]]:
        """Stripe's invoices by the key of their deal, with all their lines."""
        stripe = self.world.stripe
        owners = {s["id"]: s["metadata"] for s in stripe.all("subscriptions", status="all")}
        found: dict[str, list[dict[str, Any]]] = {}
        for raw in stripe.all("invoices"):
            if raw["lines"]["has_more"]:
                raw["lines"]["data"] = stripe.all(f"invoices/{raw['id']}/lines")
            parent = raw["parent"]["subscription_details"] if raw["parent"] else None
            owner = owners[parent["subscription"]] if parent else raw["metadata"]  # ours, of a time that is over
            found.setdefault(owner["tandem_deal"], []).append(raw)
        return found

    def _lines(self, raw: Mapping[str, Any], told: Told) -> Iterable[Charge]:
        """The lines of an invoice. One that Stripe makes by itself is made on the first day of its cycle."""
        ours = bool(raw["metadata"].get("tandem_key"))
        made = datetime.fromtimestamp(raw["created"], UTC)
        assert raw["currency"] == told.terms.currency.lower()
        numbers = [f["value"] for f in raw["custom_fields"] or []]
        wanted = told.deal.quotes[0].header.get("PO_Number__c")
        assert numbers == ([wanted] if wanted else []), self._say(f"{raw['id']}: {numbers}")
        place = next(place for place, one in self.told.items() if one is told)
        for line in raw["lines"]["data"]:
            if self._is_use(raw, line, place):
                continue
            net = line["amount"] - sum(d["amount"] for d in line["discount_amounts"])
            first, last = day_of(line["period"]["start"]), day_of(line["period"]["end"])
            once = first == last or (line["parent"]["type"] == "invoice_item_details" and not ours)
            if not (once or ours) and net:
                assert told.terms.at(datetime.fromisoformat(first).date()) == made, self._say(
                    f"{raw['id']} made {made}"
                )
            yield Charge(self._stop(made), net, *(("", "") if once else (first, last)))
        if not raw["total"]:
            assert self._may_be_free(raw, told), self._say(f"{self._where_is(told)}\n{raw['id']} of 0: {raw['lines']}")

    def _may_be_free(self, raw: Mapping[str, Any], told: Told) -> bool:
        """Whether an invoice of nothing has a reason: a line that is free, or the trial, for which Stripe makes one."""
        if told.by_use is not None:
            return True  # a cycle in which nothing was used
        trial = raw["created"] < told.terms.at(told.terms.start).timestamp()
        free = any(not x.price or any(o.part == 1 for o in x.offs) for p in told.oracle.papers for x in p.adds)
        # What begins inside a cycle with a Stripe object of its own is a phase of that; policy None prices it at nothing.
        unbilled = any(p.proration == "None" and p.adds for p in told.oracle.papers)
        # An amount off may be more than a shorter first or last piece comes to.
        amounts = any(o.cents for p in told.oracle.papers for x in p.adds for o in x.offs)
        return trial or free or unbilled or amounts

    def _given(self) -> dict[str, int]:
        """What was given back by the quote that asked for it, in credit notes and to the balance."""
        stripe = self.world.stripe
        found: Counter[str] = Counter()
        for note in stripe.all("credit_notes"):
            found[note["metadata"]["tandem_key"].split(":")[1]] += note["amount"]
        for customer in stripe.all("customers"):
            for entry in stripe.all(f"customers/{customer['id']}/balance_transactions"):
                if entry["metadata"].get("tandem_key"):
                    found[entry["metadata"]["tandem_key"].split(":")[1]] -= entry["amount"]
        return found

    def _worth_as_signed(self, now: datetime) -> None:
        """MRR, ARR and quantity of every deal as of now."""
        fields = "Billing_Key__c MRR__c ARR__c Quantity__c"
        rows = {row["Billing_Key__c"]: row for row in self.world.crm.rows("Billing_Subscription__c", fields)}
        for place, told in self.told.items():
            row, scale = rows.get(told.key), told.terms.scale
            if row is None or not _worth_is_settled(told):
                continue
            monthly, quantity = told.oracle.monthly(now), told.oracle.quantity(now)
            shown = f"MRR {row['MRR__c']}, ARR {row['ARR__c']}, {row['Quantity__c']} units"
            wanted = f"{float(monthly / scale)}, {float(12 * monthly / scale)}, {quantity}"
            right = _is_rounded(row["MRR__c"] * scale, monthly) and _is_rounded(row["ARR__c"] * scale, 12 * monthly)
            right = right and row["Quantity__c"] == quantity
            assert right, self._say(f"{self._where(place)}\nat {now} the CRM shows {shown}, not {wanted}")

    # ------------------------------------------------------------ the end

    def _ended_right(self) -> None:
        """Sums, statuses, and nothing to write even when all that was ever said is said again."""
        given = self._given()
        for place, told in self.told.items():
            bill = told.oracle.bill(self.plan.moments[-1])
            wrong = self._given_back(replace(told, before=bill), bill, given)
            assert not wrong, self._say(f"{self._where(place)}: {wrong}")
            if told.deal.plain and not told.evergreen:
                papers = signed_total(told.oracle)
                assert bill.total == papers, self._say(f"{self._where(place)}: {bill.total} billed, {papers} signed")
            shown = quote_row(self.world, told.key)
            status = "Live" if told.evergreen else "Ended"
            assert (shown["Billing_Status__c"], shown["Billing_Code__c"]) == (status, None), self._say(
                f"{self._where(place)}: {shown}"
            )
        self._twins_alike()
        self._shown_as_billed()
        everything_due(self.tandem)
        self._nothing_left_to_write()
        self._as_stripe_has_it()

    def _twins_alike(self) -> None:
        """The same quotes in another order of arrival come to the same, less what was given back."""
        for place, told in self.told.items():
            other = self.told.get(told.deal.twin if told.deal.twin is not None else -1)
            if other and len(other.quotes) == len(told.quotes) == len(told.deal.quotes):
                now = self.plan.moments[-1]
                one, two = told.oracle.bill(now).total, other.oracle.bill(now).total
                assert one == two, self._say(f"{self._where(place)}: {one}, and its twin {two}")

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

    def _as_stripe_has_it(self) -> None:
        """The contract checker has nothing to say of all that went over the wire."""
        answer = requests.get(f"{self.world.control_url}/log", timeout=(3, 120))
        answer.raise_for_status()
        verdict = judge(line for line in answer.text.splitlines() if line.strip())
        assert verdict.judged, "nothing was judged"
        assert not verdict.errors, self._say(str(verdict.errors.most_common(10)))

    def _where_is(self, told: Told) -> str:
        return self._where(next(place for place, one in self.told.items() if one is told))

    def _where(self, place: int) -> str:
        """The deal as it was signed so far, to be read."""
        told = self.told[place]
        lines = [
            f"deal {place} ({told.key}) of {self.plan.customers[told.deal.customer]}, rounding {self.plan.rounding}"
        ]
        for number, quote in enumerate(told.deal.quotes, start=1):
            taken = "" if number in told.quotes else " (not taken in)"
            lines.append(f"  {number} {quote.kind} {quote.arrives:%Y-%m-%dT%H:%M}{taken} {dict(quote.header)}")
            lines += [f"      {x.product} {x.quantity} {x.price} {dict(x.fields)}" for x in quote.lines]
        return "\n".join(lines)

    def _say(self, text: str) -> str:
        return f"SEED={self.plan.seed}: {text}"


def signed_total(oracle: Oracle) -> int:
    """What the papers of a plain deal add up to: each line from its day to the end, less what is taken off from then."""
    often = next(x.cycle for x in oracle.papers[0].adds if x.cycle)
    total = sum(
        cents(x.price * x.quantity * (_months_left(x.start, often, oracle.terms) if x.cycle else Fraction(1)))
        for p in oracle.papers
        for x in p.adds
    )
    return total - sum(
        cents(t.price * t.quantity * _months_left(t.day, often, oracle.terms)) for p in oracle.papers for t in p.takes
    )


def _months_left(day: date, often: int, terms: Terms) -> Fraction:
    """From a day to the end; from a billing day as many months as are billed from it, also where that is a clamped one:
    from 30 November to 31 December it is one month of a deal of the 31st.
    """
    before = next((k for k in range(0, 240, often) if month_on(terms.start, k) >= day), 0)
    if month_on(terms.start, before) == day:
        return months_and_days(terms.start, terms.end) - before
    return months_and_days(day, terms.end)


def _is_rounded(shown: Decimal, exact: Fraction) -> bool:
    """Whether these whole cents are the amount rounded. A half that comes of thirds may go either way: Stripe keeps
    twelve decimals of a unit.
    """
    return shown == int(shown) and abs(Fraction(shown) - exact) <= Fraction(1, 2) + Fraction(1, 10**6)


def _worth_is_settled(told: Told) -> bool:
    """Whether a month's worth is said by the rules: not where an amount per invoice meets cycles of unlike lengths, and
    not where a step of the currency rounds what Stripe is told.
    """
    odd = any(off.part is None for p in told.oracle.papers for x in p.adds for off in x.offs)
    return not odd and not (told.terms.currency == DINAR and told.terms.rounding)


def _major(raw: Mapping[str, Any], field_: str) -> Decimal:
    currency = raw["currency"].upper()
    return Decimal(raw[field_]) / 10 ** DECIMALS.get(currency, 2)


def _difference(expected: list[Any], found: list[Any]) -> str:
    missing = [f"  missing {x}" for x in expected if x not in found]
    return "\n".join([*missing[:8], *[f"  too many {x}" for x in found if x not in expected][:8]])


def _may_come_too_late(paper: Paper, before: Sequence[Paper]) -> bool:
    """Whether it adds something from a day before units were taken off that are gone by now: were they all of a billing
    frequency, what billed them has ended, and the quote is refused.
    """
    gone = [one.effective for one in before if (one.takes or one.takes_use) and one.effective <= paper.arrived.date()]
    return any(added.cycle and added.start <= day for added in paper.adds for day in gone)
