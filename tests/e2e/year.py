"""A year that customers live side by side, what the CRM shows of it, and how all that can be forgotten and told again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from sync.ports import NewNotice
from tests.e2e.people import Line, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

#: What the CRM shows, and nothing that names a moment of reading or a record's own id.
SHOWN = {
    "Account": "Id Stripe_Customer_Id__c Billing_Channel__c Billing_Health__c MRR__c ARR__c Contracted_MRR__c Open_Balance__c "
    "Overdue_Amount__c Next_Invoice_Date__c Next_Invoice_Amount__c Last_Payment_Date__c Last_Payment_Amount__c",
    "Billing_Subscription__c": "Billing_Key__c Account__c Status__c Channel__c MRR__c Contracted_MRR__c Quantity__c "
    "Start_Date__c End_Date__c Ends_On__c Stripe_Ids__c Renewed_By__r.Billing_Key__c",
    "Billing_Subscription_Item__c": "Billing_Key__c Quantity__c MRR__c Unit_Amount__c",
    "Billing_Invoice__c": "Billing_Key__c Account__c Billing_Subscription__r.Billing_Key__c Status__c Total__c Amount_Paid__c "
    "Amount_Remaining__c Amount_Refunded__c Attempts__c Failure__c Dispute_Status__c",
    "Billing_Payment__c": "Billing_Key__c Billing_Invoice__r.Billing_Key__c Type__c Status__c Amount__c",
    "Quote": "Id Billing_Status__c Billing_Code__c Contract_Total__c",
}
#: The same without anything that names a record, as every customer of the same year must show it; and what says whose it is.
ALIKE = {
    "Account": (SHOWN["Account"].removeprefix("Id Stripe_Customer_Id__c "), "Id"),
    "Billing_Subscription__c": (
        "Status__c Channel__c MRR__c ARR__c Contracted_MRR__c Quantity__c Currency__c Start_Date__c End_Date__c Ends_On__c",
        "Account__c",
    ),
    "Billing_Subscription_Item__c": (
        "Quantity__c MRR__c Unit_Amount__c Start_Date__c End_Date__c Billing_Subscription__r.Start_Date__c",
        "Billing_Subscription__r.Account__c",
    ),
    "Billing_Invoice__c": (
        "Status__c Total__c Amount_Paid__c Amount_Remaining__c Amount_Refunded__c Issued_On__c Due_On__c Attempts__c Failure__c",
        "Account__c",
    ),
    "Billing_Payment__c": (
        "Billing_Invoice__r.Issued_On__c Billing_Invoice__r.Total__c Type__c Status__c Amount__c At__c Detail__c",
        "Billing_Invoice__r.Account__c",
    ),
    "Quote": ("Quote_Type__c Billing_Status__c Billing_Code__c Contract_Total__c", "AccountId"),
}
#: What our store knows of the outside. What was signed stays: it is known from nowhere else.
KNOWN = "notices, subjects, units, facts, crm_rows, crm_writes, flushers, cursors, inputs_acted_on"


@dataclass
class Life:
    """One customer's year: everybody lives the same one, at the same seconds."""

    number: int
    customer: str = ""
    account: str = ""
    deal: str = ""

    @property
    def email(self) -> str:
        return f"ops@birch{self.number}.example"


def live_a_year(world: World, lives: Sequence[Life], hear: Callable[[], None]) -> None:
    """Sign-up, failed payment, recovery, refund, upgrade by sales, amendment, dispute, renewal. After each of them ``hear``
    lets Tandem know something of it.
    """
    stripe = world.stripe
    world.at("2026-01-10")
    for one in lives:
        name = f"Birch {one.number}"
        one.customer = stripe.sign_up(name, one.email, seats=5, card="pm_card_visa")["customer"]
        site = f"https://birch{one.number}.example"
        one.account = world.crm.create("Account", Name=name, Website=site, Billing_Email__c=one.email)
    hear()
    for one in lives:
        _card(world, one, "pm_card_chargeCustomerFail")
    world.at("2026-02-10T02:00")
    hear()
    for one in lives:
        good = _card(world, one, "pm_card_createDispute")
        failed = stripe.all("invoices", customer=one.customer)[0]["id"]
        stripe.post(f"invoices/{failed}/pay", payment_method=good)
        stripe.post("refunds", charge=stripe.all("charges", customer=one.customer)[-1]["id"], amount=5_000)
    hear()
    seat = world.crm.product("Seat", currencies=["USD"])
    terms: dict[str, Any] = {"Billing_Frequency__c": "Monthly", "Days_Until_Due__c": 30}
    for one in lives:
        header = {"Start_Date__c": "2026-03-01", "Term_Months__c": 10, **terms}
        one.deal = sell(world.crm, [(seat, 10, "50.00", {})], account=one.account, **header)
    world.at("2026-03-01T02:00")
    hear()
    for one in lives:
        _change(world, one, [(seat, 2, "50.00", {})], "Amendment", Start_Date__c="2026-05-01")
    hear()
    world.at("2026-05-01T02:00")
    hear()
    renewed = {"Start_Date__c": "2027-01-01", "Term_Months__c": 12, **terms}
    for one in lives:
        _change(world, one, [(seat, 12, "60.00", {})], "Renewal", **renewed)
    for day in ("2026-09-01T02:00", "2027-01-01T02:00"):
        hear()
        world.at(day)
    hear()


def _card(world: World, one: Life, card: str) -> str:
    """This card is what the customer pays with from now on."""
    method = str(world.stripe.post(f"payment_methods/{card}/attach", customer=one.customer)["id"])
    world.stripe.post(f"customers/{one.customer}", form={"invoice_settings[default_payment_method]": method})
    return method


def _change(world: World, one: Life, lines: Sequence[Line], kind: str, **header: Any) -> None:
    """A signed change of the deal, whose row has the key of the plan that it took over."""
    row = world.crm.row("Billing_Subscription__c", "Id", f"Quote__c = '{one.deal}'")
    names = {"Quote_Type__c": kind, "Billing_Subscription__c": row["Id"], **header}
    world.crm.accept(world.crm.quote(f"{kind} of {one.deal}", one.account, "USD", lines, **names))


def deliveries(tandem: Tandem) -> list[NewNotice]:
    """Every notice of Stripe that was stored, as it came."""
    columns = "source, external_id, type, object_kind, object_id, object_created_s, related"
    with tandem.services.engine.connect() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM notices WHERE source LIKE 'stripe:%' ORDER BY id")).all()
    return [NewNotice(*row) for row in rows]


def shown(world: World) -> dict[str, list[dict[str, Any]]]:
    """All that the CRM shows, in an order of its own."""
    return {sobject: sorted(world.crm.rows(sobject, fields), key=str) for sobject, fields in SHOWN.items()}


def alike(world: World) -> dict[str, dict[str, list[str]]]:
    """By Account what the CRM shows of it by object, so that two customers of the same year show the same."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for sobject, (fields, whose) in ALIKE.items():
        for row in world.crm.rows(sobject, f"{fields} {whose}"):
            at: Any = row
            for step in whose.split("."):
                owner, at = at, at[step]
            account = owner.pop(whose.rpartition(".")[2])
            found[account][sobject].append(str(_plain(row)))
    return {account: {sobject: sorted(rows) for sobject, rows in shown.items()} for account, shown in found.items()}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what Salesforce says of where it is."""
    plain = {name: _plain(v) if isinstance(v, Mapping) else v for name, v in row.items() if name != "attributes"}
    return dict(sorted(plain.items()))


def forget(world: World, tandem: Tandem) -> None:
    """Our store knows nothing of either side any more, and what the CRM shows is wrong or gone. Stripe's events were read to
    the first one: Stripe keeps them for thirty days, and this year's are to be caught up with.
    """
    with tandem.services.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {KNOWN}"))
        connection.execute(text("DELETE FROM links WHERE stripe_kind = 'customer'"))
    first = world.stripe.all("events")[-1]
    reached = {"id": first["id"], "from": first["id"], "created": first["created"]}
    tandem.services.cursors.put(f"stripe:{tandem.services.stripe.account}:events", reached)
    # An item that has left its subscription (quantity 0) is known from nowhere but its row.
    for sobject, where in (("Billing_Invoice__c", ""), ("Billing_Subscription_Item__c", "Quantity__c > 0")):
        for row in world.crm.rows(sobject, "Id", where):
            world.crm.delete(sobject, row["Id"])
    for row in world.crm.rows("Billing_Subscription__c", "Id"):
        world.crm.change("Billing_Subscription__c", row["Id"], Status__c="Paused", MRR__c=1, Quantity__c=99)
    wrong = {"Billing_Health__c": "Canceled", "MRR__c": 1, "Open_Balance__c": 7, "Stripe_Customer_Id__c": None}
    for row in world.crm.rows("Account", "Id"):
        world.crm.change("Account", row["Id"], **wrong)
    for row in world.crm.rows("Quote", "Id"):
        world.crm.change("Quote", row["Id"], Billing_Status__c="On Hold", Billing_Code__c="X")
