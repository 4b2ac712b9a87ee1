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
    assert {"change", "add", "remove", "cancel", "renew", "credit", "used", "seats", "cut", "order", "says"} <= keys


@pytest.mark.parametrize(
    "said",
    [
        "proration Stripe", "proration None", "precision month", "arrives ", "credit Refund", "credit None", "oldest first",
        "no co-termination", "billing day 15", "trial 14 days", "no end", "skip past", "Graduated", "Volume", "ramp A",
        "less 10 %", "less 10 % for 6 months", "less 5.00", "for 3 months", "rounding step",
    ],
)  # fmt: skip
def test_there_is_an_example_of_every_choice(said: str) -> None:
    assert any(said in example for example in EXAMPLES)


@pytest.mark.parametrize("code", ["DATA-205", "DATA-206", "DATA-207", "DATA-209", "DATA-210", "DATA-212", "CONF-311"])
def test_there_is_an_example_of_every_refusal_by_dates_and_amounts(code: str) -> None:
    assert any(f"refused  {code}" in example for example in EXAMPLES)


CREDITED = """\
quote    USD, 2026-05-01, 3 months, Monthly
line     10 x 50.00 a Month
change   2026-07-16
remove   4 x 50.00 a Month
invoices 3 of 500.00, 2026-05-01 to 2026-07-01
credit   2026-07-16 105.21 to the balance
"""


def test_a_credit_that_is_wrong_or_left_out_is_found() -> None:
    assert check(CREDITED) == 2
    for wrong in (
        CREDITED.replace("105.21", "105.20"),
        CREDITED.replace("to the balance", "sent back"),
        CREDITED.rpartition("credit")[0],
    ):
        with pytest.raises(AssertionError, match="credits"):
            check(wrong)


def test_a_refusal_is_one_of_the_last_quote_with_its_words() -> None:
    wrong = CREDITED.partition("invoices")[0].replace("remove   4", "remove   40")
    assert check(f"{wrong}refused  DATA-207\nsays     10 at 50.00 USD a month\n") == 2
    for other in ("refused  DATA-205\n", "refused  DATA-207\nsays     11 at 50.00\n"):
        with pytest.raises(AssertionError):
            check(wrong + other)
    with pytest.raises(AssertionError, match="not refused"):
        check(CREDITED.partition("invoices")[0] + "refused  DATA-207\n")


def test_what_stands_above_a_renewal_is_said_of_the_deal_before_it() -> None:
    renewed = "quote    USD, 2026-01-01, 12 months, Monthly\nline     1 x 10.00 a Month\ntotal    120.00\n"
    renewed += "renew    12 months, Monthly\nline     1 x 20.00 a Month\ntotal    240.00\n"
    assert check(renewed) == 2
    with pytest.raises(AssertionError, match=r"total is 120\.00"):
        check(renewed.replace("120.00", "240.00", 1))


@pytest.mark.parametrize(("path", "name"), NAMED_TESTS, ids=[name for _, name in NAMED_TESTS])
def test_a_test_that_the_page_names_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_every_rule_names_what_proves_it() -> None:
    """A section with an example of its own, or with a rule, ends with the tests that prove it."""
    sections = re.split(r"^##+ ", text_of(PAGE), flags=re.MULTILINE)[1:]
    without = [s.splitlines()[0] for s in sections if "```example" in s and "Proved by:" not in s]

    assert not without
