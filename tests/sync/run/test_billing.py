"""What is written for a quote beside its deal is a run that ends, however it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sync.errors import Transient
from sync.ports import Claim, Due
from sync.records import Operation, Ref, Verb
from sync.run.billing import Billing

HOLD = Operation(Verb.UPDATE, Ref("invoice", "in_1"), {"auto_advance": False}, remote_id="in_1")


class Runs:
    """A ledger that only remembers how runs ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str | None]] = []

    def open_run(self, **_: object) -> int:
        return 1

    def close_run(self, _: int, *, outcome: str, error_code: str | None = None) -> None:
        self.ended.append((outcome, error_code))


class Away:
    def apply(self, *_: object, **__: object) -> None:
        raise Transient("TEMP-406", "Stripe can't be reached.")


def test_a_draft_that_could_not_be_held_leaves_no_run_open() -> None:
    runs, due = Runs(), Due("quote:0Q0A", 1, 1, None, None)
    claim = Claim("deal", "unit:001A", 1, (due,))
    billing = cast("Any", Billing)(*[None] * 2, Away(), runs, *[None] * 6)
    worked = SimpleNamespace(known={}, deal=SimpleNamespace(quote_id="0Q0A"))

    with pytest.raises(Transient):
        billing.keep_promise(claim, SimpleNamespace(due=due), worked, [HOLD], datetime(2026, 3, 1, tzinfo=UTC))

    assert runs.ended == [("failed", "TEMP-406")]
