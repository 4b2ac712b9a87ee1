"""Money that came by bank transfer and that no invoice took."""

from datetime import UTC, datetime
from decimal import Decimal

from sync.desired.unapplied import issue, issue_key, unapplied
from sync.facts import CashBalance
from sync.gateways.stripe_facts import fact_of


def test_what_is_there_is_told_in_one_row_of_the_customer_with_every_currency():
    found = unapplied(CashBalance(id="cus_1", available={"usd": 20_000, "eur": 0, "jpy": 500}))
    assert found == [("usd", 20_000), ("jpy", 500)]
    row = issue(found, "cus_1", "001A", datetime(2026, 1, 1, tzinfo=UTC))
    assert (row.billing_key, row.sum, row.currency, row.account) == (
        issue_key("cus_1"),
        Decimal("200.00"),
        "USD",
        "001A",
    )
    assert row.title == "Bank transfer that pays no invoice yet: 200.00 USD and 500 JPY"
    assert row.detail.startswith("200.00 USD and 500 JPY came by bank transfer")
    assert row.detail.endswith("Nothing was charged.")


def test_nothing_is_there_where_it_was_applied_or_the_customer_is_gone():
    assert unapplied(None) == []
    assert unapplied(CashBalance(id="cus_1", available={"usd": 0})) == []
    assert unapplied(CashBalance(id="cus_1", available={"usd": 5}, deleted=True)) == []


def test_a_cash_balance_is_known_by_its_customer():
    said = {"object": "cash_balance", "customer": "cus_1", "livemode": False, "available": {"eur": 10_000, "usd": 0}}
    assert fact_of(said) == CashBalance(id="cus_1", available={"eur": 10_000})
    assert fact_of({**said, "available": None}) == CashBalance(id="cus_1")
