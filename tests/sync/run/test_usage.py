"""Who sends usage: one process for each Stripe account at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from sync.ports import NewLink
from sync.run.following import former_link, payer_of
from sync.run.usage import UsageRun
from sync.run.usage_intake import UsageIntake
from sync.store.cursors import StoredCursors
from sync.usage.rows import UsageRow
from tests.sync.run.conftest import Place


def sender(cursors: StoredCursors, role: str, claim: Callable[[], None]) -> UsageRun:
    """One with a row to send; ``claim`` is called when it may."""

    def taken(limit: int) -> list[object]:
        claim()
        return []

    store = SimpleNamespace(waiting=lambda: (1, None), claim=taken)
    clock = SimpleNamespace(now=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    intake = SimpleNamespace(judged=lambda *_, **__: {})
    return cast("Any", UsageRun)(intake, None, store, cursors, None, None, None, None, clock, role=role)


def test_an_account_that_does_not_answer_holds_up_the_usage_of_no_other(place: Place) -> None:
    sent: list[str] = []
    cursors = place.cursors
    other = sender(cursors, "usage:acct_eu", lambda: sent.append("eu"))
    rival = sender(cursors, "usage", lambda: sent.append("rival"))

    def hanging() -> None:
        other.run_once()
        rival.run_once()

    sender(cursors, "usage", hanging).run_once()

    assert sent == ["eu"]


def test_what_an_account_used_is_its_payers_whatever_customers_it_had_before() -> None:
    payer = NewLink(payer_of("001A"), "001A", "customer", "cus_payer", livemode=False)
    former = former_link(replace(payer, stripe_id="cus_former"))
    row = UsageRow("default", "1", 1, datetime(2026, 3, 1, tzinfo=UTC), event="call", account="001A")
    for links in ([payer, former], [former, payer]):
        known = SimpleNamespace(by_salesforce_id=lambda *_, links=links: links)
        intake = cast("Any", UsageIntake)(None, None, SimpleNamespace(get=lambda *_: {}), known, None, None, None)
        assert intake._customers([row])["001A"] == "cus_payer"
