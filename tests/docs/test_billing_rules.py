"""docs/billing-rules.md: every number on it is what the code answers, and every test it names exists."""

from __future__ import annotations

import re

import pytest

from tests.docs.examples import check
from tests.docs.pages import DOCS, ROOT, blocks, text_of

PAGE = DOCS / "billing-rules.md"
EXAMPLES = blocks(PAGE, "example")
NAMED_TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text_of(PAGE))))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: " ".join(example.split())[:60])
def test_a_worked_example_is_what_the_code_answers(example: str) -> None:
    assert check(example) > 0


def test_a_wrong_number_in_an_example_is_found() -> None:
    right = "quote    USD, 2026-01-01, 12 months, Monthly\nline     3 x 1,000.00 a Term\nrounding 0.00\n"
    assert check(right) == 1

    with pytest.raises(AssertionError):
        check(right.replace("0.00\n", "0.01\n"))


def test_an_invoice_left_out_of_an_example_is_found() -> None:
    with pytest.raises(AssertionError, match="not named"):
        check("quote    USD, 2026-01-01, 12 months, Monthly\nline     1 x 10.00 a Month\ninvoice  2026-01-01 10.00\n")


def test_there_are_examples_of_every_kind() -> None:
    keys = {line.split()[0] for example in EXAMPLES for line in example.splitlines()}

    assert {"refused", "invoice", "invoices", "mrr", "arr", "rounding", "months", "round", "begins"} <= keys


@pytest.mark.parametrize(("path", "name"), NAMED_TESTS, ids=[name for _, name in NAMED_TESTS])
def test_a_test_that_the_page_names_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_every_rule_names_what_proves_it() -> None:
    """A section with an example of its own, or with a rule, ends with the tests that prove it."""
    sections = re.split(r"^##+ ", text_of(PAGE), flags=re.MULTILINE)[1:]
    without = [s.splitlines()[0] for s in sections if "```example" in s and "Proved by:" not in s]

    assert not without
