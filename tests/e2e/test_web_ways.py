"""What web sites do with Stripe's own pages and requests, as reps see it in the CRM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.e2e.looks import changes_nothing, quote_row, seconds, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


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

    # In the portal: another card, fewer seats, the end. Nobody of ours is told but by Stripe.
    [settings] = world.stripe.all("billing_portal/configurations", is_default="true")
    product = world.stripe.get(f"prices/{price}")["product"]
    allowed = {
        "features[subscription_cancel][enabled]": "true", "features[subscription_update][enabled]": "true",
        "features[subscription_update][default_allowed_updates][0]": "quantity",
        "features[subscription_update][products][0][product]": product,
        "features[subscription_update][products][0][prices][0]": price,
    }  # fmt: skip
    world.stripe.post(f"billing_portal/configurations/{settings['id']}", form=allowed)
    opened = world.stripe.post("billing_portal/sessions", customer=paid["customer"])["id"]

    def does(action: str, **more: object) -> None:
        body = {"session": opened, "action": action, **more}
        requests.post(f"{world.control_url}/portal", json=body, timeout=(3, 30)).raise_for_status()

    does("card", card="pm_card_amex")
    does("change", subscription=sub, quantity=6)
    shows(Status="Active", Quantity=6, MRR=300)
    card = world.crm.row("Account", "Payment_Method__c", "Name = 'Oak Ltd'")["Payment_Method__c"]
    assert str(card).startswith("amex")
    does("cancel", subscription=sub)
    shows(Status="Active", Ends_On="2026-08-09", Contracted_MRR=0)
    does("keep", subscription=sub)
    shows(Status="Active", Ends_On=None, Contracted_MRR=300)
    changes_nothing(tandem)


#: How a plan of 390.00 a month was paused five days into it; the credit that its preview tells, the first invoice of 500.00 a
#: month that begins ten days later, and whether it says so.
PAUSES = {
    "pending": ({}, "put to the customer's balance when it ends, 20 Mar 2026: 327.10 USD", 17_290),
    "invoiced": ({"invoicing_behavior": "invoice"}, "so nothing is credited", 17_290),
    "kept": ({"bill_for[unused_time_from][type]": "none"}, "201.29 USD, which leaves 298.71 USD", 29_871),
}


def test_a_plan_that_is_paused_as_a_whole_gives_its_unused_time_back_once_when_a_deal_takes_it_over(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-03-05")
    seat = world.crm.product("Seat", currencies=["USD"])
    plans = {}
    for who in PAUSES:
        plans[who] = world.stripe.sign_up(who, f"ap@{who}.example", seats=10, card="pm_card_visa")
        world.crm.create("Account", Name=who, Website=f"https://{who}.example", Billing_Email__c=f"ap@{who}.example")
    settled(tandem)
    world.at("2026-03-10")
    for who, (form, _, _) in PAUSES.items():
        world.stripe.post(f"subscriptions/{plans[who]['id']}/pause", form=dict(form))
    settled(tandem)
    quotes = {}
    for who in PAUSES:
        account = world.crm.row("Account", "Id", f"Name = '{who}'")["Id"]
        quotes[who] = world.crm.quote(
            who, account, "USD", [(seat, 10, "50.00", {})], Start_Date__c="2026-03-20", Term_Months__c=12,
            Billing_Frequency__c="Monthly", Collection_Method__c="Charge Automatically",
        )  # fmt: skip
        world.crm.accept(quotes[who])
    settled(tandem)
    for moment in ("2026-03-20T00:10", "2026-03-20T02:00"):
        world.at(moment)
        settled(tandem)

    for who, (_, words, due) in PAUSES.items():
        customer = plans[who]["customer"]
        assert words in quote_row(world, quotes[who])["Billing_Preview__c"], who
        [live] = world.stripe.all("subscriptions", customer=customer)
        [first] = world.stripe.all("invoices", subscription=live["id"])
        assert (first["amount_due"], world.stripe.get(f"customers/{customer}")["balance"]) == (due, 0), who
    rows = world.crm.rows("Billing_Subscription__c", "Status__c Channel__c MRR__c")
    assert [tuple(row.values()) for row in rows] == [("Active", "Sales-Led", 500)] * 3
    changes_nothing(tandem)
