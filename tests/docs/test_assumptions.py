"""docs/assumptions.md: each assumption is numbered and says which calls would settle it."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import DOCS, text_of

ENTRIES = re.findall(
    r"^### ([SF])(\d+) (.+?)\n(.+?)(?=^#|\Z)", text_of(DOCS / "assumptions.md"), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("side", ["S", "F"])
def test_assumptions_are_numbered_without_a_gap(side: str) -> None:
    numbers = [int(number) for found, number, _, _ in ENTRIES if found == side]

    assert len(numbers) > 10
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry[0]}{entry[1]}")
def test_an_assumption_says_what_would_settle_it(entry: tuple[str, str, str, str]) -> None:
    assert re.search(r"^Settle(?: by hand)?: .{10,}", entry[3], re.MULTILINE)
