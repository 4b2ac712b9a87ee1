"""Payments that wait: for a customer who has to confirm them (3-D Secure), for a bank that answers days later (ACH)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import requests

from sync.cli.reconcile import compare
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

INVOICE = "Status__c Attempts__c Amount_Paid__c Amount_Remaining__c Failure__c Next_Attempt_At__c Hosted_URL__c"
PAYMENT = "Type__c Status__c Amount__c Detail__c"
DUE = Decimal(1200)
ISSUE = "Code__c Status__c Reference__c"


def test_what_a_customer_has_to_confirm_and_what_a_bank_answers_later_is_told_until_it_is_paid(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-01")
    buyers = {who: _subscribed(world, who) for who in ("asked", "every time", "debit", "broke", "refuses")}
    methods = {
        "asked": "pm_card_authenticationRequiredOnSetup", "every time": "pm_card_authenticationRequired",
        "debit": "pm_usBankAccount_success", "broke": "pm_usBankAccount_insufficientFunds",
        "refuses": "pm_card_authenticationRequiredOnSetup",
    }  # fmt: skip
    for who, token in methods.items():
        _pays_with(world, buyers[who], token)
    settled(tandem)
    world.at("2026-02-01T02:00")
    settled(tandem)

    told = {who: _shown(world, buyer) for who, buyer in buyers.items()}
    for who in ("asked", "every time", "refuses"):
        row, _ = told[who]
        assert (row["Status__c"], row["Attempts__c"], row["Amount_Remaining__c"]) == ("Open", 1, DUE)
        assert row["Failure__c"].startswith("The bank asks the customer to confirm the payment.")
        assert row["Hosted_URL__c"] in row["Failure__c"]
        assert (_health(world, buyers[who]), _issues(world, buyers[who])) == ("Past Due", [("DATA-218", "Open")])
    assert told["asked"][0]["Next_Attempt_At__c"] is None, "Stripe waits for the customer"
    assert told["every time"][0]["Next_Attempt_At__c"] is not None
    assert told["asked"][1] == [("Payment", "Requires Action", DUE)]
    assert told["every time"][1] == [("Attempt", "Failed", DUE)]
    for who in ("debit", "broke"):
        row, payments = told[who]
        assert (row["Status__c"], row["Attempts__c"], row["Failure__c"], payments) == (
            "Open", 1, None, [("Payment", "Pending", DUE)],
        )  # fmt: skip
        assert (_health(world, buyers[who]), _issues(world, buyers[who])) == ("Good", [])
    accounts = [f"account:{row['Id']}" for row in world.crm.rows("Account", "Id")]
    assert compare(tandem.services, accounts).differences == []

    for who in ("asked", "every time"):
        _confirms(world, buyers[who])
    _confirms(world, buyers["refuses"], confirms=False)
    world.at("2026-02-05T12:00")
    settled(tandem)
    for who, before in (("asked", []), ("every time", [("Attempt", "Failed", DUE)]), ("debit", [])):
        row, payments = _shown(world, buyers[who])
        assert (row["Status__c"], row["Amount_Paid__c"], row["Failure__c"]) == ("Paid", DUE, None)
        assert payments == [*before, ("Payment", "Succeeded", DUE)]
        assert _health(world, buyers[who]) == "Good"
        assert all(status == "Closed" for _, status in _issues(world, buyers[who]))
    row, payments = _shown(world, buyers["broke"])
    assert row["Failure__c"] == "The bank account has not enough money."
    assert payments == [("Attempt", "Failed", DUE), ("Payment", "Canceled", Decimal(0))]
    assert (_health(world, buyers["broke"]), _issues(world, buyers["broke"])) == ("Past Due", [("DATA-218", "Open")])
    row, payments = _shown(world, buyers["refuses"])
    assert row["Failure__c"] == "The customer did not confirm the payment with the bank."
    assert payments == [("Payment", "Canceled", Decimal(0))]
    assert compare(tandem.services, accounts).differences == []

    _pays_with(world, buyers["broke"], "pm_usBankAccount_success")  # and Stripe tries again
    world.stripe.post(f"invoices/{_renewal(world, buyers['refuses'])['id']}/pay", payment_method="pm_card_visa")
    world.at("2026-02-20")
    settled(tandem)
    assert _shown(world, buyers["broke"])[1] == [("Attempt", "Failed", DUE), ("Payment", "Succeeded", DUE)]
    assert _shown(world, buyers["refuses"])[1] == [("Payment", "Succeeded", DUE)]
    assert {status for who in buyers for _, status in _issues(world, buyers[who])} == {"Closed"}
    assert {_health(world, buyer) for buyer in buyers.values()} == {"Good"}

    _pays_by_transfer(world, tandem, buyers["debit"])
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)


def _pays_by_transfer(world: World, tandem: Tandem, customer: str) -> None:
    """An invoice that is sent is paid in two parts: what came first covers nothing, which is told until it does."""
    stripe = world.stripe
    terms = {"collection_method": "send_invoice", "days_until_due": 30}
    sent = stripe.post("invoices", customer=customer, **terms)["id"]
    stripe.post("invoiceitems", customer=customer, invoice=sent, amount=100_000, currency="usd")
    stripe.post(f"invoices/{sent}/finalize")
    for minor, sum_, status in (
        (30_000, Decimal(300), "Open"),
        (20_000, Decimal(500), "Open"),
        (50_000, None, "Closed"),
    ):
        stripe.post(f"test_helpers/customers/{customer}/fund_cash_balance", amount=minor, currency="usd")
        settled(tandem)
        row = world.crm.row(
            "Billing_Issue__c", "Status__c Sum__c", f"Code__c = 'DATA-236' AND Reference__c = '{customer}'"
        )
        assert row["Status__c"] == status
        assert sum_ is None or row["Sum__c"] == sum_
        _, payments = _shown(world, customer)
        assert payments == ([] if status == "Open" else [("Payment", "Succeeded", Decimal(1000))])


def _subscribed(world: World, who: str) -> str:
    """A customer with an Account whose card paid the first month of a plan of 1,200.00."""
    stripe, name = world.stripe, who.title()
    customer = str(stripe.post("customers", name=name, email=f"{who.replace(' ', '.')}@shop.example")["id"])
    world.crm.create("Account", Name=name, Stripe_Customer_Id__c=customer)
    _pays_with(world, customer, "pm_card_visa")
    terms = {"product": stripe.post("products", name="Plan")["id"], "currency": "usd", "unit_amount": 120_000}
    price = stripe.post("prices", form={**terms, "recurring[interval]": "month"})["id"]
    stripe.post("subscriptions", form={"customer": customer, "items[0][price]": price})
    return customer


def _pays_with(world: World, customer: str, token: str) -> None:
    method = world.stripe.post(f"payment_methods/{token}/attach", customer=customer)["id"]
    world.stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": method})


def _renewal(world: World, customer: str) -> dict[str, Any]:
    return max(world.stripe.all("invoices", customer=customer), key=lambda i: i["created"])


def _confirms(world: World, customer: str, *, confirms: bool = True) -> None:
    """The customer opens the page that Stripe hosts, and answers what the bank asks there."""
    [payment] = world.stripe.all("invoice_payments", invoice=_renewal(world, customer)["id"])
    body = {"payment_intent": payment["payment"]["payment_intent"], "confirms": confirms}
    requests.post(f"{world.control_url}/confirmations", json=body, timeout=(3, 30)).raise_for_status()


def _shown(world: World, customer: str) -> tuple[dict[str, Any], list[tuple[str, str, Decimal]]]:
    """The row of the renewal, and the rows under it."""
    where = f"Stripe_Id__c = '{_renewal(world, customer)['id']}'"
    row = world.crm.row("Billing_Invoice__c", f"Id {INVOICE}", where)
    rows = world.crm.rows("Billing_Payment__c", PAYMENT, f"Billing_Invoice__c = '{row['Id']}'", "Type__c")
    return row, [(r["Type__c"], r["Status__c"], r["Amount__c"]) for r in rows]


def _health(world: World, customer: str) -> str:
    found = world.crm.row("Account", "Billing_Health__c", f"Stripe_Customer_Id__c = '{customer}'")
    return str(found["Billing_Health__c"])


def _issues(world: World, customer: str) -> list[tuple[str, str]]:
    rows = world.crm.rows("Billing_Issue__c", ISSUE, f"Reference__c = '{_renewal(world, customer)['id']}'")
    return [(r["Code__c"], r["Status__c"]) for r in rows]
