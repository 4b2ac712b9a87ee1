"""What web sites do with Stripe's own pages and requests, as reps see it in the CRM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from tests.e2e.looks import changes_nothing, seconds, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def checkout(world: World, price: str, quantity: int, typed: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Somebody has paid on Stripe's page; what became of the session."""
    form = {
        "mode": "subscription", "success_url": "https://shop.example", "line_items[0][price]": price, "line_items[0][quantity]": quantity,
    }  # fmt: skip
    opened = world.stripe.post("checkout/sessions", form=form | more)
    body = {"session": opened["id"], "card": "pm_card_visa", **typed}
    answer = requests.post(f"{world.control_url}/checkouts", json=body, timeout=(3, 30))
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def new_price(world: World, name: str, minor: int) -> str:
    product = world.stripe.post("products", name=name)["id"]
    terms = {"product": product, "currency": "usd", "unit_amount": minor, "recurring[interval]": "month"}
    return str(world.stripe.post("prices", form=terms)["id"])


def test_who_pays_on_stripes_page_is_an_account_and_what_waits_or_pauses_there_is_shown_as_it_is(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    tandem = make_tandem(self_serve_accounts="create")
    other = world.crm.create("Account", Name="Elm Holding", Billing_Email__c="ap@elm.example")
    price = new_price(world, "Team", 5000)
    typed = {"name": "Ada Lovelace", "business_name": "Oak Ltd", "email": "ada@oak.example"}
    # What the shop says of itself is no evidence of whose the customer is: only the customer is.
    paid = checkout(world, price, 4, typed, client_reference_id=other, **{"metadata[salesforce_account_id]": other})
    sub, plan = paid["subscription"], f"subscriptions/{paid['subscription']}"

    def shows(health: str = "Good", **expected: object) -> None:
        settled(tandem)
        row = world.crm.row("Billing_Subscription__c", " ".join(f"{name}__c" for name in expected))
        assert row == {f"{name}__c": value for name, value in expected.items()}
        assert world.crm.row("Account", "Billing_Health__c", "Name = 'Oak Ltd'") == {"Billing_Health__c": health}

    def next_invoice() -> tuple[object, ...]:
        fields = "Next_Invoice_Date__c Next_Invoice_Amount__c"
        return tuple(world.crm.row("Account", fields, "Name = 'Oak Ltd'").values())

    shows(Stripe_Id=sub, Status="Active", Channel="Self-Serve", Quantity=4, MRR=200)
    account = world.crm.row("Account", "Billing_Email__c Payment_Method__c", "Name = 'Oak Ltd'")
    assert account == {"Billing_Email__c": "ada@oak.example", "Payment_Method__c": "visa •••• 4242, 12/2029"}
    assert world.crm.rows("Contact", "FirstName LastName") == [{"FirstName": "Ada", "LastName": "Lovelace"}]
    assert world.crm.row("Account", "Billing_Health__c Stripe_Customer_Id__c", f"Id = '{other}'") == {
        "Billing_Health__c": None, "Stripe_Customer_Id__c": None,
    }  # fmt: skip

    # More seats, if they are paid: the card refuses, so the old terms stand, and what is owed is said.
    item = world.stripe.get(plan)["items"]["data"][0]["id"]
    world.stripe.post("payment_methods/pm_card_chargeCustomerFail/attach", customer=paid["customer"])
    [bad, *_] = world.stripe.all("payment_methods", customer=paid["customer"])
    good = world.stripe.get(plan)["default_payment_method"]
    world.stripe.post(plan, default_payment_method=bad["id"])
    more = {
        "items[0][id]": item,
        "items[0][quantity]": 9,
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    held = world.stripe.post(plan, form=more)
    assert held["pending_update"]
    shows("Past Due", Status="Active", Quantity=4, MRR=200, Contracted_MRR=200)
    world.at("2026-03-06T01:00")
    shows(Status="Active", Quantity=4, MRR=200)  # nobody paid: the invoice is void, and nothing is owed
    assert {r["Status__c"] for r in world.crm.rows("Billing_Issue__c", "Status__c")} == {"Closed"}
    held = world.stripe.post(plan, form=more)
    settled(tandem)
    world.stripe.post(f"invoices/{held['latest_invoice']}/pay", payment_method=good)
    shows(Status="Active", Quantity=9, MRR=450)
    world.stripe.post(plan, default_payment_method=good)

    # Collection rests until a day, the whole subscription until it is resumed.
    world.stripe.post(
        plan, form={"pause_collection[behavior]": "void", "pause_collection[resumes_at]": seconds("2026-05-01")}
    )
    shows(Status="Paused", MRR=0, Contracted_MRR=450)
    assert next_invoice() == ("2026-05-05", 450)
    world.at("2026-05-01T02:00")
    shows(Status="Active", MRR=450)
    world.stripe.post(f"{plan}/pause")
    shows(Status="Paused", MRR=0)
    assert next_invoice() == (None, None)
    world.at("2026-07-10T02:00")
    shows(Status="Paused", MRR=0)
    world.stripe.post(f"{plan}/resume")
    shows(Status="Active", MRR=450, Current_Period_End="2026-08-09")
    changes_nothing(tandem)
