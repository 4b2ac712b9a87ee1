"""What people are told of an Account's money, once for each state, and that it is over."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync import wiring
from sync.cli.reconcile import compare
from tests.e2e.dying import die_after_flushing
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.test_backup import emptied

ISSUE = "Code__c Title__c Status__c Audience__c Sum__c Opened_At__c Closed_At__c Reference__c"

TASK = "Id Subject WhatId OwnerId ActivityDate Description Status SystemModstamp"


def test_an_owner_is_told_once_of_each_state_and_not_of_each_try(world: World, tandem: Tandem) -> None:
    world.at("2026-01-01")
    failing, late, bad = (
        _invoiced(world, name, card) for name, card in (("fay", "chargeDeclined"), ("lou", ""), ("bo", ""))
    )
    disputed = _invoiced(world, "dan", "createDispute")
    world.stripe.post(f"invoices/{bad}/mark_uncollectible")
    settled(tandem)
    opened = _open(world)
    assert [(i["Code__c"], i["Audience__c"], i["Sum__c"], i["Reference__c"]) for i in opened] == [
        ("DATA-218", "Rep", Decimal(70), failing),
        ("DATA-226", "Billing Operations", Decimal(70), disputed),
        ("DATA-227", "Finance", Decimal(70), bad),
    ]
    assert opened[0]["Title__c"].endswith(": payment failed")

    told = world.mark()
    for day in ("2026-01-05", "2026-01-10", "2026-01-18", "2026-02-02"):  # Stripe tries again and again
        world.at(day)
        settled(tandem)
    [tried] = world.crm.rows("Billing_Invoice__c", "Attempts__c", f"Stripe_Id__c = '{failing}'")
    assert tried["Attempts__c"] == 4
    assert [i["Code__c"] for i in _open(world)] == ["DATA-218", "DATA-225", "DATA-226", "DATA-227"]
    assert [i for i in _open(world) if i["Code__c"] != "DATA-225"] == opened
    writes = [e for e in world.writes(told, system="salesforce") if "Billing_Issue__c" in str(e.params)]
    assert len(writes) == 1, "the invoice that fell overdue, and nothing else"

    accounts = [f"account:{row['Id']}" for row in world.crm.rows("Account", "Id")]
    assert compare(tandem.services, accounts).differences == []
    world.crm.change("Billing_Issue__c", _id_of(world, "DATA-225"), Status__c="Closed")
    [found] = compare(tandem.services, accounts).differences
    assert (found.field, found.expected, found.actual, found.actor) == ("Status__c", "Open", "Closed", "outside")

    for invoice in (failing, late, bad):
        world.stripe.post(f"invoices/{invoice}/pay", paid_out_of_band="true")
    [dispute] = world.stripe.all("disputes")
    world.stripe.post(f"disputes/{dispute['id']}/close")
    settled(tandem)
    assert _open(world) == []
    closed = world.crm.rows("Billing_Issue__c", ISSUE)
    assert len(closed) == 4
    assert all(i["Closed_At__c"].startswith("2026-02-02") for i in closed)
    changes_nothing(tandem)
    assert not [e for e in world.log() if "Task" in f"{e.path} {e.params}"], "nobody asked for tasks"


@pytest.mark.long
def test_an_owner_gets_one_task_for_each_state_whatever_is_tried_or_killed(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-01-01")
    _invoiced(world, "old", "chargeDeclined")
    settled(make_tandem())
    tandem = make_tandem(owner_tasks=True, lease_s=2.0, call_deadline_s=1.5)
    world.at("2026-01-02")
    failing = _invoiced(world, "fay", "chargeDeclined")
    rita = world.crm.row("User", "Id", "LastName = 'Rep'")["Id"]
    fay = world.crm.row("Account", "Id", "Name = 'fay'")["Id"]
    world.crm.change("Account", fay, OwnerId=rita, Billing_Timezone__c="America/Los_Angeles")

    die_after_flushing("Task", tandem)
    [made] = world.crm.rows("Task", TASK)
    settled(tandem)
    for day in ("2026-01-06", "2026-01-11", "2026-01-19"):
        world.at(day)
        settled(tandem)
    [tried] = world.crm.rows("Billing_Invoice__c", "Attempts__c", f"Stripe_Id__c = '{failing}'")
    assert tried["Attempts__c"] == 4
    assert world.crm.rows("Task", TASK) == [made]
    assert made["Subject"].endswith(f": payment failed - DATA-218:{failing}")
    assert (made["WhatId"], made["OwnerId"], made["ActivityDate"]) == (fay, rita, "2026-01-01")
    assert "Sum: 70.00 USD" in made["Description"]

    world.switch("deactivate", id=rita)
    world.stripe.post(f"invoices/{failing}/mark_uncollectible")
    settled(tandem)
    world.stripe.post(f"invoices/{failing}/pay", paid_out_of_band="true")
    settled(tandem)
    first, second = world.crm.rows("Task", TASK, order="Subject")
    assert (first, second["Subject"][:8], second["WhatId"]) == (made, "DATA-227", fay)
    assert second["OwnerId"] == world.crm.row("User", "Id", "LastName = 'Tandem Integration'")["Id"]
    assert [i["Reference__c"] for i in _open(world)] != [failing]
    changes_nothing(tandem)


@pytest.mark.long
def test_an_owner_is_told_once_also_where_the_store_is_restored_from_before(
    world: World, make_tandem: Callable[..., Tandem], tmp_path: Path
) -> None:
    world.at("2026-01-01")
    tandem = make_tandem(owner_tasks=True)
    first = _invoiced(world, "fay", "chargeDeclined")
    settled(tandem)
    file = tmp_path / "store.zip"
    wiring.backup(tandem.services, file)
    world.stripe.post(f"invoices/{first}/pay", paid_out_of_band="true")
    world.at("2026-01-03")
    second = _invoiced(world, "lou", "chargeDeclined")
    settled(tandem)

    emptied(tandem)
    wiring.restore(make_tandem(owner_tasks=True).services, file)
    restored = make_tandem(owner_tasks=True)
    settled(restored)

    told = [task["Subject"].rpartition(":")[2] for task in world.crm.rows("Task", TASK, order="Subject")]
    assert sorted(told) == sorted([first, second])
    assert [issue["Reference__c"] for issue in _open(world)] == [second]
    changes_nothing(restored)


def _id_of(world: World, code: str) -> str:
    return str(world.crm.row("Billing_Issue__c", "Id", f"Code__c = '{code}'")["Id"])


def _open(world: World) -> list[dict[str, Any]]:
    return world.crm.rows("Billing_Issue__c", ISSUE, "Status__c = 'Open'", "Code__c")


def _invoiced(world: World, name: str, card: str) -> str:
    """An invoice of 70.00 of a customer with an Account: sent, or tried on a card at once and by Stripe's plan."""
    stripe = world.stripe
    customer = str(stripe.post("customers", name=name, email=f"{name}@shop.example")["id"])
    world.crm.create("Account", Name=name, Stripe_Customer_Id__c=customer)
    terms: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 30, "auto_advance": "false"}
    if card:
        method = stripe.post(f"payment_methods/pm_card_{card}/attach", customer=customer)["id"]
        stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": method})
        terms = {"collection_method": "charge_automatically", "auto_advance": "true"}
    made = str(stripe.post("invoices", customer=customer, **terms)["id"])
    stripe.post("invoiceitems", customer=customer, invoice=made, amount=7_000, currency="usd")
    stripe.post(f"invoices/{made}/finalize")
    if card:
        world.at(world.now().replace(hour=2 if card == "chargeDeclined" else 4))
    return made
