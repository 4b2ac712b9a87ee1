"""A customer's year, lived once: everything that it was told can be told again, in any order, as often as one likes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from sync.ports import NewNotice
from tests.e2e.looks import settled
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
#: What our store knows of the outside. What was signed stays: it is known from nowhere else.
KNOWN = "notices, subjects, units, facts, crm_rows, crm_writes, flushers, cursors, inputs_acted_on"


def live_a_year(world: World, tandem: Tandem) -> str:
    """Sign-up, failed payment, recovery, refund, upgrade by sales, amendment, dispute, renewal. Returns the Account's id."""
    stripe = world.stripe
    world.at("2026-01-10")
    plan = stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    customer = plan["customer"]
    account = world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )
    settled(tandem)
    bad = stripe.post("payment_methods/pm_card_chargeCustomerFail/attach", customer=customer)["id"]
    stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": bad})
    world.at("2026-02-10T02:00")
    settled(tandem)
    good = stripe.post("payment_methods/pm_card_createDispute/attach", customer=customer)["id"]
    stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": good})
    stripe.post(f"invoices/{stripe.all('invoices', customer=customer)[0]['id']}/pay", payment_method=good)
    first = stripe.all("charges", customer=customer)[-1]["id"]
    stripe.post("refunds", charge=first, amount=5_000)
    settled(tandem)
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Billing_Frequency__c": "Monthly", "Days_Until_Due__c": 30}
    deal = sell(
        world.crm, [(seat, 10, "50.00", {})], account=account, Start_Date__c="2026-03-01", Term_Months__c=10, **terms
    )
    world.at("2026-03-01T02:00")
    settled(tandem)
    _change(world, deal, [(seat, 2, "50.00", {})], "Amendment", Start_Date__c="2026-05-01")
    settled(tandem)
    world.at("2026-05-01T02:00")
    settled(tandem)
    renewed = {"Start_Date__c": "2027-01-01", "Term_Months__c": 12, **terms}
    _change(world, deal, [(seat, 12, "60.00", {})], "Renewal", **renewed)
    for day in ("2026-09-01T02:00", "2027-01-01T02:00"):
        world.at(day)
        settled(tandem)
    return account


def _change(world: World, deal: str, lines: Sequence[Line], kind: str, **header: Any) -> None:
    """A signed change of the deal, whose row has the key of the plan that it took over."""
    row = world.crm.row("Billing_Subscription__c", "Id Account__c", f"Quote__c = '{deal}'")
    names = {"Quote_Type__c": kind, "Billing_Subscription__c": row["Id"], **header}
    world.crm.accept(world.crm.quote(f"{kind} of {deal}", row["Account__c"], "USD", lines, **names))


def deliveries(tandem: Tandem) -> list[NewNotice]:
    """Every notice of Stripe that was stored, as it came."""
    columns = "source, external_id, type, object_kind, object_id, object_created_s, related"
    with tandem.services.engine.connect() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM notices WHERE source LIKE 'stripe:%' ORDER BY id")).all()
    return [NewNotice(*row) for row in rows]


def shown(world: World) -> dict[str, list[dict[str, Any]]]:
    """All that the CRM shows, in an order of its own."""
    return {sobject: sorted(world.crm.rows(sobject, fields), key=str) for sobject, fields in SHOWN.items()}


def forget(world: World, tandem: Tandem, account: str) -> None:
    """Our store knows nothing of either side any more, and what the CRM shows is wrong or gone."""
    with tandem.services.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {KNOWN}"))
        connection.execute(text("DELETE FROM links WHERE stripe_kind = 'customer'"))
    # An item that has left its subscription (quantity 0) is known from nowhere but its row.
    for sobject, where in (("Billing_Invoice__c", ""), ("Billing_Subscription_Item__c", "Quantity__c > 0")):
        for row in world.crm.rows(sobject, "Id", where):
            world.crm.delete(sobject, row["Id"])
    for row in world.crm.rows("Billing_Subscription__c", "Id"):
        world.crm.change("Billing_Subscription__c", row["Id"], Status__c="Paused", MRR__c=1, Quantity__c=99)
    wrong = {"Billing_Health__c": "Canceled", "MRR__c": 1, "Open_Balance__c": 7, "Stripe_Customer_Id__c": None}
    world.crm.change("Account", account, **wrong)
    for row in world.crm.rows("Quote", "Id"):
        world.crm.change("Quote", row["Id"], Billing_Status__c="On Hold", Billing_Code__c="X")


def tell(tandem: Tandem, notices: Sequence[NewNotice], *, steps: int) -> None:
    """These notices arrive; so many pieces of work are done meanwhile, with what is known by then."""
    pipeline = tandem.services.pipeline
    tandem.services.subjects.add_notices(notices)
    pipeline.take_in()
    for _ in range(steps):
        pipeline.run_deal()
        pipeline.run_mirror()
        pipeline.flusher.run_once()
