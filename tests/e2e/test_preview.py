"""The preview of a quote over HTTP: what it costs to ask, and that Stripe's own agrees where it can be had."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import quote_row, settled
from tests.e2e.people import draft_change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def _ramp_of_five_years(world: World) -> str:
    """Twenty lines: four products, each with a step a year."""
    account = world.crm.create("Account", Name="Acme Ltd", Billing_Email__c="ap@acme.example")
    lines = []
    for n in range(4):
        product = world.crm.product(f"Product {n}", currencies=["USD"], period="Year")
        for year in range(5):
            dates = {"Start_Date__c": f"{2027 + year}-01-01", "End_Date__c": f"{2027 + year}-12-31"}
            lines.append((product, 10 + year, f"{100 + n}.00", {"Ramp_Key__c": f"r{n}", **dates}))
    return world.crm.quote(
        "Ramp", account, "USD", lines, Start_Date__c="2027-01-01", Term_Months__c=60, Billing_Frequency__c="Annual"
    )  # fmt: skip


def test_a_ramp_of_twenty_lines_over_five_years_takes_three_calls_and_no_write(world: World, tandem: Tandem) -> None:
    world.at("2026-06-01")
    quote = _ramp_of_five_years(world)
    before = world.mark()
    worked = tandem.services.pipeline.quotes.preview(quote, shown_only=True)

    assert worked is not None
    assert len(worked.forecast.invoices) == 5
    calls = [e for e in world.log(before) if e.by_tandem and e.system == "stripe"]
    assert len(calls) <= 3, [f"{e.method} {e.path}" for e in calls]
    assert world.writes(before) == []


def test_a_known_customers_first_invoice_is_held_against_stripes_own_preview(world: World, tandem: Tandem) -> None:
    world.at("2026-06-01")
    seat = world.crm.product("Seat", currencies=["USD"])
    account = world.crm.create("Account", Name="Acme Ltd", Billing_Email__c="ap@acme.example")
    sell(
        world.crm, [(seat, 1, "10.00", {})], account=account,
        Start_Date__c="2026-07-01", Term_Months__c=1, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    settled(tandem)
    quote = world.crm.quote(
        "Next", account, "USD", [(seat, 3, "33.33", {"Discount": 10})],
        Start_Date__c="2026-08-01", Term_Months__c=12, Billing_Frequency__c="Monthly", Billing_Request__c="Check",
    )  # fmt: skip
    settled(tandem)

    said = quote_row(world, quote)["Billing_Preview__c"]
    assert "Stripe's own preview of that invoice agrees: 89.99 USD" in said  # 99.99 less 10.00


@pytest.mark.parametrize("trial", [0, pytest.param(20, marks=pytest.mark.long)])
def test_a_change_is_previewed_before_anybody_signs_it_and_comes_so(world: World, tandem: Tandem, trial: int) -> None:
    """Of a deal that is planned, and of one that runs: each kind of change, asked for by a Check and on the command line.
    The prices on which the deal stands were not read for it, so every schedule looked as if somebody had changed it.
    """
    world.at("2026-04-15")
    book = Book(world, tandem)
    seat, setup = book.product("Seat"), world.crm.product("Setup", currencies=["USD"], charge="One-Time")
    terms: dict[str, Any] = {"Start_Date__c": "2026-05-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    trials = {"Trial_Days__c": trial} if trial else {}
    deal = book.sell("planned", [(seat, 10, "50.00", {}), (setup, 1, "300.00", {})], **terms, **trials)
    book.live("2026-04-16")
    first = date(2026, 5, 1) + timedelta(days=trial)
    month = first.replace(month=6)
    off = [(seat, 10, "50.00", {"Change__c": "Remove"})]

    def said(lines: list[Any], kind: str, day: date) -> str:
        asked = {"Start_Date__c": day.isoformat(), "Billing_Request__c": "Check"}
        quote = draft_change(world.crm, deal, lines, kind=kind, **asked)
        before = world.mark()
        settled(tandem)
        text = str(quote_row(world, quote)["Billing_Preview__c"])
        assert text.startswith("READY"), text
        assert world.writes(before, "stripe") == []
        worked = tandem.services.pipeline.quotes.preview(quote, shown_only=True)
        assert worked is not None
        assert not worked.plan.drift
        assert worked.preview.text == text
        return text

    more = [(seat, 4, "50.00", {})]
    for day in ("2026-04-17", "2026-05-03"):  # planned; and running, or in its trial
        world.at(day)
        settled(tandem)
        assert "Then 11 × 700.00 USD (was 500.00 USD)" in said(more, "Amendment", month)
        assert "In all this quote takes off 5,500.00 USD" in said([], "Cancellation", month)
        if trial or day < "2026-05":
            text = said(off, "Amendment", first)
            assert f"Then 1 × 300.00 USD (was 800.00 USD): {first.day} May 2026" in text
            assert "No longer invoiced: 11 × 500.00 USD" in text
            assert "the deal comes to 300.00 USD" in text
            assert "the deal comes to 0.00 USD" in said([], "Cancellation", first)
    book.change("planned", more, Start_Date__c=month.isoformat())
    book.live("2026-05-25", "2026-06-25")
    assert [total for _, total in book.billed("planned") if total] == [80_000, 70_000]
