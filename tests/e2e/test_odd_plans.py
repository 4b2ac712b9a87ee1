"""Plans of the web site in every state but the plain one, taken over by a deal: what the preview said is what happens, and nobody gets
back what was never asked for, or what went back already.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long

#: By customer: what its preview says of the credit, and what the deal's first invoice comes to. The deal begins on 16 August:
#: 16 of 31 days are not used, of 195.00 (100.65) or of 195.00 + 30.00 - 20.00 (each line rounded: 105.81).
EXPECTED = {
    "drafts": ("nothing is credited", 45_000),
    "void": ("nothing is credited", 45_000),
    "discount": ("100.65 USD, which leaves 349.35 USD", 34_935),
    "amount off": ("105.81 USD, which leaves 344.19 USD", 34_419),
    "refunded": ("nothing is credited", 45_000),
    "in part": ("45.00 USD, which leaves 405.00 USD", 40_500),
    "by a note": ("45.00 USD, which leaves 405.00 USD", 40_500),
    "pause": ("nothing is credited", 45_000),
    "cancel": ("Total: signed 5,400.00 USD", 45_000),
}
#: Trials without a card, by what they asked for at their end.
TRIALS = ("pause", "cancel")


def test_what_a_plan_in_an_odd_state_gives_back_is_what_the_preview_said(world: World, tandem: Tandem) -> None:
    world.at("2026-06-01")
    stripe, seat = world.stripe, world.crm.product("Seat", currencies=["USD"])
    plans = {who: _plan(world, who) for who in EXPECTED}
    settled(tandem)
    _pause(world, plans["drafts"], "keep_as_draft")
    _pause(world, plans["void"], "void")
    world.at("2026-08-05T02:00")
    settled(tandem)
    assert {who: _shown(world, who) for who in ("drafts", "void", *TRIALS)} == {
        "drafts": ("Paused", 0, None), "void": ("Paused", 0, None), "pause": ("Paused", 0, None), "cancel": ("Canceled", 0, None),
    }  # fmt: skip
    for who, minor in (("refunded", 19_500), ("in part", 15_000)):
        [latest, *_] = stripe.all("charges", customer=plans[who]["customer"])
        stripe.post("refunds", charge=latest["id"], amount=minor)
    newest = stripe.get(f"subscriptions/{plans['by a note']['id']}")["latest_invoice"]
    stripe.post("credit_notes", form={"invoice": newest, "amount": 15_000, "refund_amount": 15_000})
    quotes = {
        who: world.crm.quote(
            who, world.crm.row("Account", "Id", f"Name = '{who}'")["Id"], "USD", [(seat, 50, "9.00", {})],
            Billing_Request__c="Check", Start_Date__c="2026-08-16", Term_Months__c=12, Billing_Frequency__c="Monthly",
        )
        for who in EXPECTED
    }  # fmt: skip
    settled(tandem)
    foreseen = {who: quote_row(world, quote)["Billing_Preview__c"] for who, quote in quotes.items()}
    for quote in quotes.values():
        world.crm.accept(quote)
    settled(tandem)
    world.at("2026-08-16T00:10")
    settled(tandem)
    world.at("2026-08-16T02:00")
    settled(tandem)

    for who, (words, total) in EXPECTED.items():
        customer = plans[who]["customer"]
        assert words in foreseen[who], who
        assert quote_row(world, quotes[who])["Billing_Preview__c"] == foreseen[who], who
        [live] = stripe.all("subscriptions", customer=customer)
        [first] = stripe.all("invoices", subscription=live["id"])
        assert (first["total"], stripe.get(f"customers/{customer}")["balance"]) == (total, 0), who
        assert quote_row(world, quotes[who])["First_Invoice_Amount__c"] * 100 == total, who
    report = tandem.services.pipeline.nightly.sweep.run("test", heal=False)
    assert [(d.kind, d.record, d.field) for d in report.differences] == []
    changes_nothing(tandem)


def _plan(world: World, who: str) -> dict[str, Any]:
    """A customer of this name, known to the CRM, with five seats at 39.00 from today."""
    email = f"ops@{who.replace(' ', '-')}.example"
    world.crm.create("Account", Name=who, Website=email.partition("@")[2], Billing_Email__c=email)
    stripe = world.stripe
    if who in TRIALS:
        customer = stripe.post("customers", name=who, email=email)["id"]
        form = {
            "customer": customer,
            "items[0][price]": stripe._web_price(),
            "items[0][quantity]": 5,
            "trial_period_days": 7,
        }
        asked = {"trial_settings[end_behavior][missing_payment_method]": who}
        return stripe.post("subscriptions", form={**form, **asked})
    plan = stripe.sign_up(who, email, seats=5, card="pm_card_visa")
    if who == "discount":  # it takes 20 % off this cycle and the next, not off the third
        terms: dict[str, Any] = {"percent_off": 20, "duration": "repeating", "duration_in_months": 2}
        coupon = stripe.post("coupons", form=terms)["id"]
        stripe.post(f"subscriptions/{plan['id']}", form={"discounts[0][coupon]": coupon})
    if who == "amount off":
        price = {"product": stripe.post("products", name="Extra")["id"], "currency": "usd", "unit_amount": 1_000}
        extra = stripe.post("prices", form={**price, "recurring[interval]": "month"})["id"]
        off = stripe.post("coupons", form={"amount_off": 2_000, "currency": "usd", "duration": "forever"})["id"]
        form = {
            "items[0][price]": extra,
            "items[0][quantity]": 3,
            "discounts[0][coupon]": off,
            "proration_behavior": "none",
        }
        stripe.post(f"subscriptions/{plan['id']}", form=form)
    return plan


def _shown(world: World, who: str) -> tuple[str, int, str | None]:
    """Status and MRR of its plan, and when its Account is invoiced next."""
    of = f"Account__r.Name = '{who}'"
    row = world.crm.row("Billing_Subscription__c", "Status__c MRR__c Account__r.Next_Invoice_Date__c", of)
    return row["Status__c"], int(row["MRR__c"]), row["Account__r"]["Next_Invoice_Date__c"]


def _pause(world: World, plan: dict[str, Any], behavior: str) -> None:
    world.stripe.post(f"subscriptions/{plan['id']}", form={"pause_collection[behavior]": behavior})
