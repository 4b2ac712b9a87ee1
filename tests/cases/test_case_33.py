"""Case 33: killed between Stripe's answer and the write-back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.e2e.dying import die_after_creating
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

#: Machine seconds: a dead process's lease has to run out before another takes over.
SHORT = {"lease_s": 3.0, "call_deadline_s": 2.0}
AFTER = {"a minute": timedelta(minutes=1), "three days": timedelta(days=3)}


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        ("schedule", "three days"),
        pytest.param("schedule", "a minute", marks=pytest.mark.long),
        pytest.param("customer", "a minute", marks=pytest.mark.long),
        pytest.param("customer", "three days", marks=pytest.mark.long),
    ],
)
def test_killed_before_the_id_is_saved(world: World, make_tandem: Callable[..., Tandem], after: str, kind: str) -> None:
    """The next run finds what was made, also once Stripe has forgotten the idempotency key, and writes its id."""
    world.at("2026-02-10T09:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(
        world.crm, [(seat, 4, "25.00", {})],
        Start_Date__c="2026-03-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    tandem = make_tandem(**SHORT)

    die_after_creating(kind, tandem)

    assert len(world.stripe.all("customers")) == 1
    assert len(world.stripe.all("subscription_schedules")) == (kind == "schedule")
    assert quote_row(world, quote)["Billing_Reference__c"] is None
    world.at(world.now() + AFTER[after])
    settled(tandem)

    [schedule] = world.stripe.all("subscription_schedules")
    assert len(world.stripe.all("customers")) == 1
    assert len(world.stripe.all("prices")) == 1
    shown = quote_row(world, quote)
    assert (shown["Billing_Status__c"], shown["Billing_Reference__c"]) == ("Scheduled", schedule["id"])
    row = world.crm.row("Billing_Subscription__c", "Stripe_Schedule_Id__c Status__c")
    assert row == {"Stripe_Schedule_Id__c": schedule["id"], "Status__c": "Scheduled"}
    assert _audited(tandem, kind) == ["interrupted", "done"]
    changes_nothing(tandem)
    assert [e.path for e in world.writes(system="stripe")].count(f"/v1/{_path(kind)}") == 1


def _audited(tandem: Tandem, kind: str) -> list[str]:
    """How each run of the quote ended; the one sending of this kind is closed."""
    with tandem.services.engine.connect() as connection:
        kinds = connection.execute(text("SELECT state FROM operations WHERE ref_kind = :kind"), {"kind": kind})
        assert [row.state for row in kinds] == ["done"]
        return [row.outcome for row in connection.execute(text("SELECT outcome FROM runs ORDER BY id"))]


def _path(kind: str) -> str:
    return {"schedule": "subscription_schedules", "customer": "customers"}[kind]
