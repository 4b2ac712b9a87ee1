"""Numbers of things as people read them."""

from __future__ import annotations

import pytest

from sync.words import counted, term


@pytest.mark.parametrize(("number", "said"), [(0, "0 invoices"), (1, "1 invoice"), (12, "12 invoices")])
def test_one_of_a_thing_is_no_plural(number: int, said: str) -> None:
    assert counted(number, "invoice") == said


@pytest.mark.parametrize(
    ("months", "days", "said"),
    [(12, 0, "12 months"), (1, 0, "1 month"), (1, 3, "1 month and 3 days"), (0, 1, "1 day"), (0, 0, "0 days")],
)
def test_a_length_names_only_what_there_is_of_it(months: int, days: int, said: str) -> None:
    assert term(months, days) == said
