"""The preview of a quote over HTTP: what it costs to ask, and that Stripe's own agrees where it can be had."""

from __future__ import annotations

from tests.e2e.looks import quote_row, settled
from tests.e2e.people import sell
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
