"""Several customers in one world, each with a deal of its own: what each is billed, told apart by its customer in Stripe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from tests.e2e.looks import day_of, quote_row, settled
from tests.e2e.people import Line, change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

#: Days until an invoice is due where a test says nothing: nobody pays, and nothing is overdue.
NEVER_OVERDUE = 900


class Book:
    """Deals by the name of their customer."""

    def __init__(self, world: World, tandem: Tandem, currencies: Sequence[str] = ("USD",)) -> None:
        self.world, self.tandem, self.currencies = world, tandem, currencies
        self.accounts: dict[str, str] = {}
        self.deals: dict[str, str] = {}

    def product(self, name: str, **kind: Any) -> dict[str, str]:
        """A product that is sold by the month, unless ``kind`` says else."""
        return self.world.crm.product(name, currencies=self.currencies, **kind)

    def by_use(
        self, name: str, tiers: Sequence[tuple[int | None, str, str | None]], mode: str = "Graduated"
    ) -> dict[str, str]:
        """A product billed by use in tiers (up to, a unit, flat), in US dollars; its event has its name."""
        product = self.product(name, charge="Usage", period=None)
        self.world.crm.change("Product2", product["id"], Tier_Mode__c=mode, Meter_Event__c=name)
        for up_to, unit, flat in tiers:
            self.world.crm.create(
                "Product_Price_Tier__c", Product2__c=product["id"], Currency__c="USD",
                Up_To__c=up_to, Unit_Amount__c=unit, Flat_Amount__c=flat,
            )  # fmt: skip
        return product

    def used(self, who: str, event: str, many: int, at: str, **more: Any) -> None:
        """The customer used so many at this instant (UTC)."""
        stamp = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
        form = {
            "event_name": event, "timestamp": stamp, **more,
            "payload[stripe_customer_id]": self.customer(who), "payload[value]": many,
        }  # fmt: skip
        self.world.stripe.post("billing/meter_events", form=form)

    def sell(
        self, who: str, lines: Sequence[Line], *, zone: str | None = None, card: bool = False, **header: Any
    ) -> str:
        """A signed New quote of a customer that is new too; with a ``card`` it is known in Stripe and pays by itself."""
        email = f"{who.replace(' ', '-')}@{who.replace(' ', '-')}.example"
        fields = {"Name": who, "Billing_Email__c": email, "Billing_Timezone__c": zone}
        if card:
            customer = self.world.stripe.post("customers", name=who, email=email)["id"]
            method = self.world.stripe.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
            self.world.stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": method})
            fields["Stripe_Customer_Id__c"] = customer
            header = {"Collection_Method__c": "Charge Automatically", **header}
        account = self.world.crm.create("Account", **fields)
        self.accounts[who] = account
        self.deals[who] = sell(self.world.crm, lines, account=account, **{"Days_Until_Due__c": NEVER_OVERDUE, **header})
        return self.deals[who]

    def change(self, who: str, lines: Sequence[Line] = (), *, kind: str = "Amendment", **header: Any) -> str:
        """A signed quote that changes this customer's deal."""
        return change(self.world.crm, self.deals[who], lines, kind=kind, **header)

    def live(self, *days: str) -> None:
        """Time goes to each of these days, past the hour in which an invoice is a draft, and Tandem is drained."""
        for day in days:
            self.world.at(f"{day}T02:00" if len(day) == 10 else day)
            settled(self.tandem)

    def customer(self, who: str) -> str:
        """The customer's id in Stripe."""
        fields = self.world.crm.row("Account", "Stripe_Customer_Id__c", f"Id = '{self.accounts[who]}'")
        return str(fields["Stripe_Customer_Id__c"])

    def invoices(self, who: str) -> list[dict[str, Any]]:
        """The customer's invoices in Stripe, oldest first."""
        found = self.world.stripe.all("invoices", customer=self.customer(who))
        return sorted(found, key=lambda invoice: (invoice["created"], invoice["total"]))

    def billed(self, who: str) -> list[tuple[str, int]]:
        """Every invoice of the customer: UTC day and total."""
        return [(day_of(invoice["created"]), invoice["total"]) for invoice in self.invoices(who)]

    def pay(self, who: str) -> None:
        """The customer has paid by bank transfer all that is open."""
        for invoice in self.invoices(who):
            if invoice["status"] == "open":
                self.world.stripe.post(f"invoices/{invoice['id']}/pay", paid_out_of_band="true")

    def given_back(self, who: str) -> list[tuple[str, int]]:
        """What was credited, in order: to ``balance``, by a ``note`` to it, off what is ``due``, or sent ``back``."""
        customer = self.customer(who)
        found = []
        for note in self.world.stripe.all("credit_notes", customer=customer):
            sent = sum(part["amount_refunded"] for part in note["refunds"])
            how = "back" if sent else "note" if note["post_payment_amount"] else "due"
            found.append((note["created"], how, note["total"]))
        for entry in self.world.stripe.all(f"customers/{customer}/balance_transactions"):
            if entry["type"] == "adjustment":
                found.append((entry["created"], "balance", -entry["amount"]))
        return [(how, amount) for _, how, amount in sorted(found)]

    def row(self, who: str, fields: str) -> tuple[Any, ...]:
        """Fields of the deal's row in the CRM, in this order."""
        found = self.world.crm.row("Billing_Subscription__c", fields, f"Billing_Key__c = '{self.deals[who]}'")
        return tuple(found[name] for name in fields.split())

    def status(self, quote: str) -> str:
        """The quote's status."""
        return str(quote_row(self.world, quote)["Billing_Status__c"])

    def shown(self, who: str) -> list[tuple[str, int]]:
        """Every invoice row of the CRM: day and total, in hundredths."""
        rows = self.world.crm.rows(
            "Billing_Invoice__c",
            "Issued_On__c Total__c",
            f"Account__c = '{self.accounts[who]}'",
            "Issued_On__c, Total__c",
        )
        return [(row["Issued_On__c"], int(row["Total__c"] * 100)) for row in rows]


def by_day(invoices: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """What each day comes to, whatever number of invoices it took."""
    return [(day, sum(total for _, total in group)) for day, group in groupby(sorted(invoices), key=itemgetter(0))]
