"""References are short, unlike their neighbours, and name one subject."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.store.references import number_of, reference_of


@given(st.integers(1, 2**55))
@example(32**4 - 1)
@example(32**4)
@example(32**5)
def test_a_reference_names_the_number_it_was_made_from(number: int) -> None:
    reference = reference_of(number)
    assert len(reference) >= 4
    assert number_of(reference) == number
    assert number_of(f" {reference.lower()} ") == number


def test_the_first_million_references_have_four_characters_and_differ() -> None:
    references = {reference_of(number) for number in range(1, 50_000)}
    assert len(references) == 49_999
    assert {len(reference) for reference in references} == {4}
    assert len(reference_of(2_000_000)) == 5


def test_neighbours_look_unlike_each_other() -> None:
    pairs = [(reference_of(n), reference_of(n + 1)) for n in range(1, 500)]
    assert all(sum(a != b for a, b in zip(*pair, strict=True)) >= 2 for pair in pairs)


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    with_zero = next(reference_of(n) for n in range(1, 5000) if "0" in reference_of(n) and "1" in reference_of(n))
    assert number_of(with_zero.replace("0", "O").replace("1", "I")) == number_of(with_zero)
    assert number_of(with_zero.replace("1", "l")) == number_of(with_zero)


@pytest.mark.parametrize("text", ["", "7F3", "7F3K!", "cus_123", "U" * 4, "7" * 13, "quote:0Q0A", "ſſſſ"])
def test_what_is_no_reference_names_nothing(text: str) -> None:
    assert number_of(text) is None
