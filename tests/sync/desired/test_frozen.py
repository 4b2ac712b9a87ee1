"""A signed quote is kept whole, compared field by field, and billed as it was (BILLING_RULES 4)."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.crm import CrmAccount, CrmProduct, CrmQuote, CrmQuoteLine, CrmTier, QuoteGraph
from sync.desired.frozen import NOT_SIGNED, as_signed, changed_since, digest, from_json, to_json

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12)
moments = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year > 1900)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": text,
    "str | None": st.none() | text,
    "bool": st.booleans(),
    "int | None": st.none() | st.integers(-(10**9), 10**9),
    "Decimal | None": st.none() | numbers,
    "date | None": st.none() | st.dates(),
    "datetime | None": st.none() | moments,
    "Sent": st.lists(st.tuples(text, st.none() | st.booleans() | text), max_size=2).map(tuple),
}


VALUES["tuple[CrmTier, ...]"] = st.lists(
    st.builds(CrmTier, currency=st.none() | text, up_to=st.none() | numbers, unit_amount=st.none() | numbers),
    max_size=2,
).map(tuple)


def any_of(record: type) -> st.SearchStrategy[Any]:
    return st.builds(record, **{f.name: VALUES[str(f.type)] for f in fields(record)})


graphs = st.builds(
    QuoteGraph,
    quote=any_of(CrmQuote),
    lines=st.lists(any_of(CrmQuoteLine), max_size=3).map(tuple),
    account=st.none() | any_of(CrmAccount),
    products=st.dictionaries(text, any_of(CrmProduct), max_size=3),
)


@given(graphs)
def test_any_quote_comes_back_as_it_was_kept(graph: QuoteGraph) -> None:
    kept = json.loads(json.dumps(to_json(graph)))

    back = from_json(kept)

    assert back == graph
    assert digest(back) == digest(graph)
    assert changed_since(graph, back) == () or len({line.id for line in graph.lines}) < len(graph.lines)


ACCOUNT = CrmAccount(id="001A", name="Acme", billing_email="ap@acme.example", billing_timezone="Europe/Madrid")
PRODUCT = CrmProduct(id="01tA", name="Seat", charge_type="Recurring", price_period="Month")
LINE = CrmQuoteLine(id="0QLA", quote_id="0Q0A", product_id="01tA", quantity=Decimal(5), unit_price=Decimal("30.00"))
QUOTE = CrmQuote(
    id="0Q0A", number="Q-1", name="Acme seats", status="Accepted", account_id="001A", start_date=date(2026, 3, 1)
)
SIGNED = QuoteGraph(QUOTE, (LINE,), ACCOUNT, {"01tA": PRODUCT})


def with_quote(**changes: Any) -> QuoteGraph:
    return replace(SIGNED, quote=replace(QUOTE, **changes))


def with_line(**changes: Any) -> QuoteGraph:
    return replace(SIGNED, lines=(replace(LINE, **changes),))


OTHER: dict[str, Any] = {
    "str": "other", "str | None": "other", "bool": True, "int | None": 7, "Decimal | None": Decimal("7.7"),
    "date | None": date(2030, 1, 1), "datetime | None": datetime(2030, 1, 1, tzinfo=UTC),
}  # fmt: skip


@pytest.mark.parametrize("name", [f.name for f in fields(CrmQuote) if f.name not in (*NOT_SIGNED, "id")])
def test_a_change_of_the_quotes_terms_is_seen(name: str) -> None:
    kind = next(str(f.type) for f in fields(CrmQuote) if f.name == name)

    [change] = changed_since(SIGNED, with_quote(**{name: OTHER[kind]}))

    assert (change.record, change.record_id, change.attribute, change.now) == (CrmQuote, "0Q0A", name, OTHER[kind])
    assert digest(with_quote(**{name: OTHER[kind]})) != digest(SIGNED)


@pytest.mark.parametrize("name", [f.name for f in fields(CrmQuoteLine) if f.name not in (*NOT_SIGNED, "id")])
def test_a_change_of_a_lines_terms_is_seen(name: str) -> None:
    kind = next(str(f.type) for f in fields(CrmQuoteLine) if f.name == name)

    assert [c.attribute for c in changed_since(SIGNED, with_line(**{name: OTHER[kind]}))] == [name]


@pytest.mark.parametrize(
    "name", ["name", "email", "contact_email", "billing_status", "billing_preview", "contract_total", "customer_choice"]
)
def test_what_nobody_signed_may_change(name: str) -> None:
    kind = next(str(f.type) for f in fields(CrmQuote) if f.name == name)
    present = with_quote(**{name: OTHER[kind]})

    assert changed_since(SIGNED, present) == ()
    assert digest(present) == digest(SIGNED)


def test_equal_amounts_are_equal_however_they_are_written() -> None:
    assert changed_since(SIGNED, with_line(quantity=Decimal("5.0"), unit_price=Decimal("30"))) == ()


def test_lines_added_and_removed_are_named() -> None:
    extra = replace(LINE, id="0QLB")

    [added] = changed_since(SIGNED, replace(SIGNED, lines=(LINE, extra)))
    [removed] = changed_since(SIGNED, replace(SIGNED, lines=()))

    assert (added.record_id, added.attribute, added.now) == ("0QLB", "", "added")
    assert (removed.record_id, removed.attribute, removed.now) == ("0QLA", "", "removed")


def test_the_order_of_lines_says_nothing() -> None:
    two = replace(SIGNED, lines=(LINE, replace(LINE, id="0QLB")))
    turned = replace(two, lines=tuple(reversed(two.lines)))

    assert changed_since(two, turned) == ()
    assert digest(two) == digest(turned)


def test_terms_are_billed_as_signed_and_said_to_todays_addressee() -> None:
    present = QuoteGraph(
        replace(QUOTE, start_date=date(2027, 1, 1), email="new@acme.example"),
        (replace(LINE, quantity=Decimal(99)),),
        replace(ACCOUNT, billing_email="new@acme.example", billing_timezone="Asia/Tokyo", name="Acme Holding"),
        {"01tA": replace(PRODUCT, name="Chair", price_period="Year", is_active=False)},
    )

    billed = as_signed(SIGNED, present)

    assert (billed.quote.start_date, billed.quote.email) == (date(2026, 3, 1), "new@acme.example")
    assert billed.lines == (LINE,)
    assert billed.account is not None
    assert (billed.account.billing_email, billed.account.billing_timezone) == ("new@acme.example", "Europe/Madrid")
    assert billed.products["01tA"] == replace(PRODUCT, name="Chair")


@pytest.mark.parametrize(
    "now",
    [None, replace(ACCOUNT, id="001B", name="Somebody else"), replace(ACCOUNT, is_deleted=True)],
    ids=["none", "another", "deleted"],
)
def test_who_signed_pays_whatever_account_the_quote_has_now(now: CrmAccount | None) -> None:
    assert as_signed(SIGNED, replace(SIGNED, account=now)).account == ACCOUNT


def test_a_product_deleted_since_is_billed_as_signed() -> None:
    assert as_signed(SIGNED, replace(SIGNED, products={})).products == {"01tA": PRODUCT}


def test_a_quote_kept_by_an_older_release_is_still_read() -> None:
    kept = json.loads(json.dumps(to_json(SIGNED)))
    del kept["quote"]["trial_days"]
    kept["quote"]["dropped_since"] = "x"

    assert from_json(kept) == SIGNED
