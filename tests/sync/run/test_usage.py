"""Who sends usage: one process for each Stripe account at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sync.run.usage import UsageRun
from sync.store.cursors import StoredCursors
from sync.store.engine import make_engine


@pytest.fixture
def cursors(database: str) -> Iterator[StoredCursors]:
    engine = make_engine(database, name="test", pool_size=2)
    yield StoredCursors(engine)
    engine.dispose()


def sender(cursors: StoredCursors, role: str, claim: Callable[[], None]) -> UsageRun:
    """One with a row to send; ``claim`` is called when it may."""

    def taken(limit: int, now: datetime) -> list[object]:
        claim()
        return []

    store = SimpleNamespace(waiting=lambda: (1, None), claim=taken)
    clock = SimpleNamespace(now=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    intake = SimpleNamespace(judged=lambda *_, **__: {})
    return cast("Any", UsageRun)(intake, None, store, cursors, None, None, None, None, clock, role=role)


def test_an_account_that_does_not_answer_holds_up_the_usage_of_no_other(cursors: StoredCursors) -> None:
    sent: list[str] = []
    other = sender(cursors, "usage:acct_eu", lambda: sent.append("eu"))
    rival = sender(cursors, "usage", lambda: sent.append("rival"))

    def hanging() -> None:
        other.run_once()
        rival.run_once()

    sender(cursors, "usage", hanging).run_once()

    assert sent == ["eu"]
