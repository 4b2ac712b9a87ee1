"""`tandem reconcile` as people run it."""

from __future__ import annotations

import pytest

from tests.sandbox.serving import Served
from tests.sync.cli.conftest import Tandem, seats
from tests.sync.cli.test_work import writes
from workers.demo.actors import Crm, Stripe

ENDLESS = {"Start_Date__c": "2026-01-10", "Auto_Renew__c": True, "Billing_Frequency__c": "Monthly"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--repair",), "say which record"),
        (("0Q0AA0000000001AAA", "--repair", "--accept"), "not both"),
        (("0Q0AA0000000001AAA", "--accept"), "--reason"),
        (("0Q0AA0000000001AAA", "--accept", "--reason", "so", "--until", "soon"), "2026-03-31"),
        (("0Q0AA0000000001AAA", "--resume"), "--resume"),
    ],
)
def test_what_makes_no_sense_together_is_refused_before_anything_is_read(
    bare: Tandem, arguments: tuple[str, ...], words: str
) -> None:
    answer = bare("reconcile", *arguments)

    assert answer.code == 2
    assert words in answer.err


def test_a_change_made_in_stripe_is_found_put_back_and_gone(tandem: Tandem, crm: Crm, sandbox: Served) -> None:
    product = seats(crm)
    account = crm.create("Account", Name="Acme", Billing_Email__c="ap@acme.example")
    quote = crm.quote("Acme deal", account, "USD", [(product, 10, "50.00", {})], **ENDLESS)
    crm.accept(quote)
    tandem("drain")
    clean = tandem("reconcile", "--json")
    assert (clean.code, clean.json["schema"], clean.json["accounts"], clean.json["found"]) == (
        0,
        "tandem/reconcile/1",
        1,
        0,
    )
    assert clean.json["stripe_calls"] > 0
    assert "1 of 1 accounts" in clean.err

    stripe = Stripe(sandbox.ready)
    [subscription] = stripe.all("subscriptions")
    assert subscription["schedule"] is None
    [item] = subscription["items"]["data"]
    stripe.post(f"subscription_items/{item['id']}", quantity=12, proration_behavior="none")
    before = writes(sandbox)

    found = tandem("reconcile")
    assert found.code == 7
    assert "changed in Stripe" in found.out
    assert "quantity of Seats" in found.out
    assert "100.00 USD" in found.out
    rehearsed = tandem("reconcile", quote, "--repair")
    assert rehearsed.code == 7
    assert "update subscription" in rehearsed.out
    assert writes(sandbox) == before
    assert tandem("reconcile", quote, "--repair", "--apply", "--plan", "0123456789abcdef").code == 5

    done = tandem("reconcile", quote, "--repair", "--apply", "--reason", "agreed")

    assert (done.code, "put back" in done.out) == (0, True)
    assert writes(sandbox) == before + 1
    assert stripe.all("subscriptions")[0]["items"]["data"][0]["quantity"] == 10
    tandem("drain")
    assert tandem("reconcile", quote).code == 0
    assert tandem("reconcile", quote, "--repair").code == 0  # nothing to decide

    crm.change("Account", account, Payment_Method__c="mine")
    assert tandem("reconcile", account).code == 7
    healed = tandem("reconcile", account, "--heal", "safe")
    assert healed.code == 0
    assert "1 healed" in healed.out
    assert tandem("reconcile", "--heal", "safe").code == 0
    assert "0 differences, 0 healed, 0 left" in tandem("status").out
    for nobody in ("001xx0000000001", "01txx0000000001", "sub_nobody", "cus_nobody"):
        assert tandem("reconcile", nobody).code == 3, nobody  # nothing was looked at, so nothing agrees
    assert tandem("reconcile", product["id"]).code == 0
