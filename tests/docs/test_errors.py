"""docs/errors.md: every code of the catalogue, in its words, and what is said of the reserved ones is so."""

from __future__ import annotations

import re

import pytest

from sync.catalogue import CATALOGUE
from tests.docs import generated
from tests.docs.pages import between, text_of

PAGE = text_of(generated.ERRORS)
SECTIONS = dict(re.findall(r"^### ([A-Z]+-\d{3})\n(.+?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_the_table_is_the_catalogue() -> None:
    assert between(PAGE, "codes") == generated.error_table(), "run: python -m tests.docs.generated"


def test_every_code_is_explained_once_and_no_other() -> None:
    assert list(SECTIONS) == list(CATALOGUE)
    assert PAGE.count("\n### ") == len(CATALOGUE)


@pytest.mark.parametrize("code", CATALOGUE)
def test_an_explanation_says_something(code: str) -> None:
    assert len(SECTIONS[code].split()) >= 5


def test_no_code_is_given_out_that_the_catalogue_lacks() -> None:
    assert generated.used_codes() <= set(CATALOGUE)


def test_codes_that_nothing_gives_out_are_marked() -> None:
    marked = set(re.findall(r"^\| \[([A-Z]+-\d{3})\]\(\S+\) \(reserved\)", PAGE, re.MULTILINE))

    assert marked == set(CATALOGUE) - generated.used_codes()
    assert "DATA-211" in marked
    assert "DATA-201" not in marked


def test_everybody_who_is_told_has_a_name() -> None:
    assert {role for entry in CATALOGUE.values() for role in entry.told} <= set(generated.ROLES)
