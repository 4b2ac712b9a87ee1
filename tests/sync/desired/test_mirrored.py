"""Which invoices get a row."""

from __future__ import annotations

from datetime import date

import pytest

from sync.desired.mirrored import Mirrored
from sync.facts import Invoice

TODAY = date(2026, 5, 31)


@pytest.mark.parametrize(
    ("which", "taken"),
    [("all", {"draft", "open", "paid", "void", "uncollectible"}), ("open", {"draft", "open", "uncollectible"}), ("none", set())],
)  # fmt: skip
def test_what_is_owed_is_open(which: str, taken: set[str]) -> None:
    policy = Mirrored(which)
    for status in ("draft", "open", "paid", "void", "uncollectible"):
        assert policy.takes(Invoice(id="in_1", status=status), date(2020, 1, 1), TODAY) is (status in taken)


def test_months_go_back_from_today_and_clamp_to_the_months_end() -> None:
    policy = Mirrored("all", 3)
    assert policy.takes(Invoice(id="in_1"), date(2026, 2, 28), TODAY)  # 31 May less three months
    assert not policy.takes(Invoice(id="in_1"), date(2026, 2, 27), TODAY)
