"""Who sends usage: one process for each Stripe account at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from sync.run.usage import UsageRun
from sync.store.cursors import StoredCursors
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
