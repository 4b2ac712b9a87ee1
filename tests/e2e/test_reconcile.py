"""A reconcile of everything: a world that agrees, then one of each kind of difference, found, healed, and left to people."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sync.desired.compared_deals import deals_unlike
from sync.desired.compared_view import DealsView
from sync.desired.differences import Difference, Kind
from sync.facts import Schedule
from sync.run.sweep import Report
from tests.e2e.looks import quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, writes_of

TERMS = {"Start_Date__c": "2026-05-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}

#: What waits for a person: about money, or somebody's own doing.
DECIDED = {Kind.CHANGED_IN_STRIPE, Kind.STATUS, Kind.SUBSCRIPTION_WITHOUT_DEAL, Kind.TWO_LIVE}


def test_one_of_each_kind_is_found_none_is_invented_and_what_is_ours_is_healed(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-05-01T02:00")
    tandem = make_tandem(self_serve_accounts="create")
    seat = world.crm.product("Seat", currencies=["USD"])
    acme = _account(world, "Acme")
    deal = sell(world.crm, [(seat, 10, "100.00", {})], account=acme, **TERMS)
    birch = _account(world, "Birch")
    endless = {**TERMS, "Term_Months__c": None, "Auto_Renew__c": True}
    paused = sell(world.crm, [(seat, 3, "50.00", {})], account=birch, **endless)
    linkless = _account(world, "Cedar")
    ahead = sell(world.crm, [(seat, 2, "50.00", {})], account=linkless, **{**TERMS, "Start_Date__c": "2026-09-01"})
    world.stripe.sign_up("Web Ltd", "ops@web.example", seats=5, card="pm_card_visa")
    stranger = world.stripe.post("customers", name="Elm", email="elm@elm.example")
    world.crm.create("Account", Name="Elm", Stripe_Customer_Id__c=stranger["id"])  # nothing was ever sold to it
    settled(tandem)
    world.at("2026-06-01T03:00")
    settled(tandem)

    report = _swept(tandem)
    assert _told(report) == []
    assert report.accounts == 5
    assert report.stripe_calls > 0 < report.salesforce_calls

    # Nobody tells Tandem of what follows.
    late = _account(world, "Late")
    never_noticed = sell(world.crm, [(seat, 1, "70.00", {})], account=late, **TERMS)
    stripe = world.stripe
    ours = {s["metadata"]["tandem_deal"]: s for s in stripe.all("subscriptions") if s["metadata"]}
    [item] = ours[deal]["items"]["data"]
    stripe.post(f"subscription_items/{item['id']}", quantity=8, proration_behavior="none")
    stripe.post(f"subscriptions/{ours[paused]['id']}", **{"pause_collection[behavior]": "void"})
    _subscribe(world, ours[deal], metadata={"tandem_deal": "0Q0AA0000000001AAA", "tandem_key": "0Q0AA0000000001AAA"})
    _subscribe(world, ours[deal], metadata=ours[deal]["metadata"])
    nobody = {
        "Billing_Key__c": "in_nobody",
        "Stripe_Id__c": "in_nobody",
        "Status__c": "Open",
        "Amount_Remaining__c": 10,
    }
    world.crm.create("Billing_Invoice__c", Account__c=acme, **nobody)
    [shown, *_] = world.crm.rows("Billing_Invoice__c", "Id Stripe_Id__c", f"Account__c = '{birch}'", "Stripe_Id__c")
    world.crm.delete("Billing_Invoice__c", shown["Id"])
    world.crm.change("Account", acme, Payment_Method__c="a card of mine")
    [sold] = world.crm.rows("Quote", "OpportunityId", f"Id = '{ahead}'", "Id")
    world.crm.change("Opportunity", sold["OpportunityId"], Billing_Note__c="as good as paid")
    [line] = world.crm.rows("QuoteLineItem", "Id Contract_Amount__c", f"QuoteId = '{ahead}'", "Id")
    world.crm.change("QuoteLineItem", line["Id"], Contract_Amount__c=1)
    tandem.services.links.remove(f"schedule:{ahead}")
    tandem.services.links.remove(f"customer:{linkless}")

    report = _swept(tandem)
    found = report.differences

    expected = {
        (Kind.DEAL_WITHOUT_SUBSCRIPTION, never_noticed): 1,
        (Kind.CHANGED_IN_STRIPE, deal): 1,
        (Kind.STATUS, paused): 1,
        (Kind.SUBSCRIPTION_WITHOUT_DEAL, "0Q0AA0000000001AAA"): 1,
        (Kind.TWO_LIVE, deal): 1,
        (Kind.ORPHAN_ROW, acme): 1,
        (Kind.INVOICE_MISSING, birch): 1,
        (Kind.OVERWRITTEN, acme): 1,
        (Kind.LINK_MISSING, linkless): 2,
        (Kind.OVERWRITTEN, linkless): 2,
    }
    told = Counter((d.kind, d.subject.partition(":")[2]) for d in found)
    assert {one: told[one] for one in expected} == expected, _told(report)
    consequences = {Kind.BEHIND, Kind.ROW_MISSING, Kind.INVOICE_MISSING}
    assert {d.kind for d in found if (d.kind, d.subject.partition(":")[2]) not in expected} <= consequences
    assert writes_of(world, lambda: _swept(tandem)) == []  # a report writes nothing

    healed = _swept(tandem, heal=True)
    while tandem.services.pipeline.flusher.run_once():
        pass

    assert {d.kind for d in healed.left} == DECIDED
    assert world.crm.row("Account", "Payment_Method__c", f"Id = '{acme}'") == {"Payment_Method__c": None}
    assert world.crm.row("QuoteLineItem", "Contract_Amount__c", f"Id = '{line['Id']}'") == {
        "Contract_Amount__c": line["Contract_Amount__c"]
    }
    orphan = world.crm.row("Billing_Invoice__c", "Status__c Amount_Remaining__c", "Billing_Key__c = 'in_nobody'")
    assert orphan == {"Status__c": "Void", "Amount_Remaining__c": Decimal(0)}
    again = _swept(tandem, heal=True)
    assert ({d.kind for d in again.differences}, again.healed) == (DECIDED, set())
    assert again.busy == [late]  # its quote is due now
    tandem.drain()
    assert quote_row(world, never_noticed)["Billing_Status__c"] == "Live"
    last = _swept(tandem)
    assert ({d.kind for d in last.differences}, last.busy) == (DECIDED, [])
    numbers = tandem.services.ledger.timeline("reconcile:all", 1)
    assert [n["outcome"] for n in numbers] == ["done"]


def _swept(tandem: Tandem, *, heal: bool = False) -> Report:
    return tandem.services.pipeline.nightly.sweep.run("test", heal=heal)


def _told(report: Report) -> list[str]:
    return [f"{d.kind}: {d.subject} {d.record} {d.field}: {d.expected}, not {d.actual}" for d in report.differences]


def _account(world: World, name: str) -> str:
    return world.crm.create("Account", Name=name, Billing_Email__c=f"ap@{name.lower()}.example")


def _subscribe(world: World, like: dict[str, Any], metadata: dict[str, str]) -> None:
    """Somebody makes another subscription by hand, for the customer and on the price of one that is there."""
    [item] = like["items"]["data"]
    told = {f"metadata[{name}]": value for name, value in metadata.items()}
    world.stripe.post(
        "subscriptions", customer=like["customer"], collection_method="send_invoice", days_until_due=30,
        **{"items[0][price]": item["price"]["id"], "items[0][quantity]": 1, **told},
    )  # fmt: skip


class Stopped(Exception):
    """Somebody ends the process."""


def test_a_reconcile_that_was_stopped_goes_on_behind_what_it_has_compared(
    world: World, tandem: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.at("2026-05-01")
    seat = world.crm.product("Seat", currencies=["USD"])
    accounts = sorted(_account(world, name) for name in ("Acme", "Birch", "Cedar"))
    for account in accounts:
        sell(world.crm, [(seat, 2, "50.00", {})], account=account, **{**TERMS, "Start_Date__c": "2026-09-01"})
    settled(tandem)
    world.crm.change("Account", accounts[0], Payment_Method__c="mine")
    monkeypatch.setattr("sync.run.sweep.BATCH", 1)
    sweep, lines = tandem.services.pipeline.nightly.sweep, []

    def stop(line: str) -> None:
        lines.append(line)
        if "1 of 3 accounts" in line:
            raise Stopped

    with pytest.raises(Stopped):
        sweep.run("test", heal=False, say=stop)
    before, held = world.mark(), []

    def counting(view: DealsView) -> list[Difference]:
        held.append({one.customer for one in gc.get_objects() if isinstance(one, Schedule)})
        return deals_unlike(view)

    monkeypatch.setattr("sync.run.reconcile.deals_unlike", counting)
    report = sweep.run("test", heal=False, resume=True)

    assert "customer: 3 read" in lines
    assert [
        e.path for e in world.log(before) if e.by_tandem and e.system == "stripe"
    ] == []  # the lists are read already
    assert (report.accounts, report.finished, _told(report)) == (3, True, [
        f"overwritten in Salesforce: account:{accounts[0]} Account {accounts[0]} Payment_Method__c: blank, not mine"
    ])  # fmt: skip
    assert [len(customers) for customers in held] == [1, 1]  # of what was compared before, only differences are kept
    assert sweep.run("test", heal=False).accounts == 3  # a finished one begins anew
