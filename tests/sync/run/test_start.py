"""From when on signed quotes are billed by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from sync.crm import CrmQuote
from sync.desired.keys import DEAL, SETTLED
from sync.facts import Schedule
from sync.run.start import Start, is_billed
from sync.wiring.choices import start_of
from sync.wiring.store import Store

BEGAN = datetime(2026, 3, 10, 9, tzinfo=UTC)
NOW = BEGAN + timedelta(days=5)
SANDBOX = "http://127.0.0.1:4711/x"


@dataclass(frozen=True)
class Clock:
    def now(self) -> datetime:
        return NOW


class Cursors:
    def started_at(self, now: datetime) -> datetime:
        assert now == NOW
        return BEGAN


def since(given: str, *, sandbox: str | None = None, zone: str = "UTC") -> datetime | None:
    settings = SimpleNamespace(bill_signed_since=given, tandem_sandbox_url=sandbox, billing_timezone=zone)
    store = SimpleNamespace(settings=settings, cursors=Cursors(), clock=Clock())
    return start_of(cast("Store", store)).since


def test_without_a_setting_it_is_the_first_start_and_in_a_sandbox_never() -> None:
    assert since("") == BEGAN
    assert since("", sandbox=SANDBOX) is None
    assert since("ever") is None


def test_a_day_begins_in_the_billing_zone_and_holds_in_a_sandbox_too() -> None:
    assert since("2026-03-01", zone="America/New_York") == datetime(2026, 3, 1, 5, tzinfo=UTC)
    assert since("2026-03-01T09:00+02:00", sandbox=SANDBOX) == datetime(2026, 3, 1, 7, tzinfo=UTC)


def quote(*, signed: datetime | None = None, saved: datetime | None = None) -> CrmQuote:
    return CrmQuote("0Q0", "1", "Q", "Accepted", None, signed_at=signed, saved_at=saved)


@pytest.mark.parametrize(
    ("signed", "saved", "seen"),
    [
        (None, None, NOW),
        (None, BEGAN - timedelta(days=1), BEGAN - timedelta(days=1)),
        (None, BEGAN + timedelta(days=1), NOW),  # first read now, and nothing says that it is older
        (BEGAN - timedelta(days=9), BEGAN + timedelta(days=1), BEGAN - timedelta(days=9)),
        (BEGAN, BEGAN - timedelta(days=1), NOW),  # signed at the start itself: billed
    ],
)
def test_what_a_quote_says_of_its_signature_comes_before_when_it_was_saved(
    signed: datetime | None, saved: datetime | None, seen: datetime
) -> None:
    start = Start(BEGAN)
    assert start.seen_at(quote(signed=signed, saved=saved), NOW) == seen
    assert start.is_before(seen) is (seen < BEGAN)


def test_what_stripe_bills_for_a_quote_is_never_asked_about() -> None:
    made = Schedule(id="sub_sched_1", metadata={DEAL: "0Q0a", f"{SETTLED}0Q0b": "1/2"})
    assert is_billed("0Q0a", [made])
    assert is_billed("0Q0b", [made])
    assert not is_billed("0Q0c", [made])
