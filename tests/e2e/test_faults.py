"""Both vendors on bad days: what passes is waited out, and there is exactly one of everything afterwards (issue: Bad input)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.e2e.looks import billed, changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


SCHEDULES = "POST /v1/subscription_schedules"
#: A call that is never answered is given up after this long (machine seconds), so the tests don't wait half a minute.
SHORT = {"call_deadline_s": 2.0, "lease_s": 3.0}

STRIPE = {
    "429 on a create": {"kind": "rate_limit", "next": 2, "match": SCHEDULES},
    "429 on reads": {"kind": "rate_limit", "next": 2, "match": "GET /v1/customers"},
    "500 on a create": {"kind": "error_500", "next": 1, "match": SCHEDULES},
    "500 on the customer": {"kind": "error_500", "next": 1, "match": "POST /v1/customers"},
    "500 on a read": {"kind": "error_500", "next": 1, "match": "GET /v1/prices"},
    "lock time-out": {"kind": "lock", "next": 2, "match": SCHEDULES},
    "dropped connection": {"kind": "drop", "next": 1, "match": SCHEDULES},
    "dropped connection on the customer": {"kind": "drop", "next": 1, "match": "POST /v1/customers"},
    "time-out after the schedule was made": {"kind": "timeout_after_effect", "next": 1, "match": SCHEDULES},
    "time-out after the customer was made": {"kind": "timeout_after_effect", "next": 1, "match": "POST /v1/customers"},
    "time-out after the price was made": {"kind": "timeout_after_effect", "next": 1, "match": "POST /v1/prices"},
}
SALESFORCE = {
    "expired token": {"kind": "expire_token", "next": 1},
    "403 limit": {"kind": "quota", "next": 2, "match": "composite"},
    "HTML error page": {"kind": "error_500", "next": 2, "match": "composite"},
    "locked rows": {"kind": "lock", "next": 12, "match": "composite"},  # queries use it up too, and find nothing locked
    "dropped connection": {"kind": "drop", "next": 2, "match": "composite"},
}


@pytest.mark.parametrize("fault", STRIPE)
def test_one_of_everything_in_stripe_after(world: World, make_tandem: Callable[..., Tandem], fault: str) -> None:
    tandem = make_tandem(**SHORT)
    quote = _sign(world)
    world.fault("stripe", **STRIPE[fault])

    settled(tandem)

    _one_of_everything(world, quote)
    assert _met(world, "stripe"), "no request met the fault"
    changes_nothing(tandem)


@pytest.mark.parametrize("fault", SALESFORCE)
def test_all_of_it_shows_in_salesforce_after(world: World, make_tandem: Callable[..., Tandem], fault: str) -> None:
    tandem = make_tandem(**SHORT)
    quote = _sign(world)
    world.fault("salesforce", **SALESFORCE[fault])

    settled(tandem)

    _one_of_everything(world, quote)
    assert _met(world, "salesforce"), "no request met the fault"
    changes_nothing(tandem)


def test_rows_that_were_written_without_an_answer_stand_once(world: World, make_tandem: Callable[..., Tandem]) -> None:
    tandem = make_tandem(**SHORT)
    _sign(world)
    settled(tandem)
    world.at("2026-03-01T02:00")
    before = world.mark()
    pipeline = tandem.services.pipeline
    pipeline.poll()
    while pipeline.step(Counter(), stop_at=9):
        pass
    world.fault("salesforce", "timeout_after_effect", next=1, match="POST")

    pipeline.flusher.run_once()
    settled(tandem)

    lost = [e for e in world.writes(before, "salesforce") if e.status is None]
    assert len(lost) == 1, "no write met the fault"
    assert [r["Total__c"] for r in world.crm.rows("Billing_Invoice__c", "Total__c")] == [Decimal("120")]
    assert len(world.crm.rows("Billing_Subscription_Item__c", "Id")) == 1
    changes_nothing(tandem)


def test_row_that_salesforce_refuses_holds_up_no_other(world: World, tandem: Tandem) -> None:
    """Partial success: the rows of another Account in the same batch are written, and billing goes on for both."""
    world.switch("settings", withheld=["Account.Billing_Health__c"])
    quote = _sign(world)

    done = tandem.drain()

    assert len(world.stripe.all("subscription_schedules")) == 1
    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    assert len(world.crm.rows("Billing_Subscription__c", "Id")) == 1
    assert (done.rows_refused, done.rows_waiting, done.failed, done.clean) == (1, 0, (), False)


def test_a_bad_hour_on_both_sides_ends_right(world: World, make_tandem: Callable[..., Tandem]) -> None:
    """Some calls fail in one way or another while two deals are made and billed."""
    tandem = make_tandem(**SHORT)
    quotes = [_sign(world, name) for name in ("Alder", "Beech")]
    kinds = {"stripe": ("rate_limit", "error_500", "lock"), "salesforce": ("error_500", "lock")}
    for system, kind in ((s, k) for s, of_system in kinds.items() for k in of_system):
        world.fault(system, kind, ratio=0.03)

    tandem.drain()
    world.at("2026-03-01T02:00")
    tandem.drain()
    world.clear_faults()
    settled(tandem)

    assert billed(world) == [("2026-03-01", 12_000)] * 2
    assert len(world.stripe.all("customers")) == len(world.stripe.all("subscription_schedules")) == 2
    assert [quote_row(world, q)["Billing_Status__c"] for q in quotes] == ["Live"] * 2
    assert [r["Total__c"] for r in world.crm.rows("Billing_Invoice__c", "Total__c")] == [Decimal("120")] * 2
    changes_nothing(tandem)


def _sign(world: World, name: str = "Acme") -> str:
    world.at("2026-02-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    account = world.crm.create("Account", Name=name, Billing_Email__c=f"ap@{name.lower()}.example")
    header = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    return sell(world.crm, [(seat, 4, "30.00", {})], account=account, **header)


def _one_of_everything(world: World, quote: str) -> None:
    for kind in ("customers", "products", "prices", "subscription_schedules"):
        assert len(world.stripe.all(kind)) == 1, kind
    [schedule] = world.stripe.all("subscription_schedules")
    shown = quote_row(world, quote)
    assert (shown["Billing_Status__c"], shown["Billing_Code__c"]) == ("Scheduled", None)
    assert shown["Billing_Reference__c"] == schedule["id"]
    [row] = world.crm.rows("Billing_Subscription__c", "Stripe_Schedule_Id__c")
    assert row["Stripe_Schedule_Id__c"] == schedule["id"]
    assert world.crm.row("Account", "Billing_Health__c")["Billing_Health__c"] == "Good"


def _met(world: World, system: str) -> bool:
    """Whether Tandem had an answer in this world that it can't have liked, or none."""
    return any(
        e.status is None or e.status >= 400 or "UNABLE_TO_LOCK_ROW" in str(e.response)
        for e in world.log()
        if e.by_tandem and e.system == system
    )
