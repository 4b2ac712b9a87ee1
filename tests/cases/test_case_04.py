"""Case 04: a deal that starts on 31 January, through its whole year."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.looks import billed, changes_nothing, live_through, quote_row, seconds, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

ENDS_OF_MONTHS = [
    "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30",
    "2027-07-31", "2027-08-31", "2027-09-30", "2027-10-31", "2027-11-30", "2027-12-31",
]  # fmt: skip
OVER = "2028-02-05"


@pytest.mark.parametrize("step_days", [pytest.param(10, marks=pytest.mark.long), 500])
def test_last_day_of_january_bills_on_each_last_day(world: World, tandem: Tandem, step_days: int) -> None:
    """In small steps, and in one jump of the clock over the whole year."""
    world.at("2027-01-10")
    quote = _sign(world)
    settled(tandem)
    [schedule] = world.stripe.all("subscription_schedules")
    assert (schedule["phases"][0]["start_date"], schedule["phases"][-1]["end_date"]) == (1801353600, 1832889600)

    live_through(world, tandem, OVER, days=step_days)

    assert billed(world) == [(day, 10_000) for day in ENDS_OF_MONTHS]
    _all_of_it_shows(world)
    _each_due_thirty_days_later(world)
    assert quote_row(world, quote)["Billing_Status__c"] == "Ended"
    row = world.crm.row("Billing_Subscription__c", "Status__c MRR__c Start_Date__c End_Date__c")
    assert row == {"Status__c": "Canceled", "MRR__c": 0, "Start_Date__c": "2027-01-31", "End_Date__c": "2028-01-30"}
    account = world.crm.row("Account", "Open_Balance__c Overdue_Amount__c Overdue_Days__c Billing_Health__c")
    assert account == {
        "Open_Balance__c": Decimal("1200"), "Overdue_Amount__c": Decimal("1200"),
        "Overdue_Days__c": (date.fromisoformat(OVER) - date(2027, 3, 2)).days, "Billing_Health__c": "Past Due",
    }  # fmt: skip
    changes_nothing(tandem)


def _sign(world: World) -> str:
    seat = world.crm.product("Seat", currencies=["USD"])
    return sell(
        world.crm, [(seat, 1, "100.00", {})],
        Start_Date__c="2027-01-31", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip


def _all_of_it_shows(world: World) -> None:
    rows = shown_invoices(world)
    assert [(r["Issued_On__c"], r["Total__c"], r["Status__c"]) for r in rows] == [
        (day, Decimal("100"), "Open") for day in ENDS_OF_MONTHS
    ]
    ends = [*ENDS_OF_MONTHS[1:], "2028-01-31"]
    assert [(r["Period_Start__c"], r["Period_End__c"]) for r in rows] == [
        (start, _day_before(end)) for start, end in zip(ENDS_OF_MONTHS, ends, strict=True)
    ]


def _each_due_thirty_days_later(world: World) -> None:
    due: list[dict[str, Any]] = world.stripe.all("invoices")
    assert sorted(i["due_date"] // 86400 for i in due) == sorted(seconds(d) // 86400 + 30 for d in ENDS_OF_MONTHS)


def _day_before(day: str) -> str:
    return date.fromordinal(date.fromisoformat(day).toordinal() - 1).isoformat()
