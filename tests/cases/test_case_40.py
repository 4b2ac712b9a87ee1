"""Case 40: an annual contract that another system billed comes over in a cohort, and one that differs is held out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync.cli import run
from tests.e2e.looks import billed, changes_nothing, live_through, quote_row, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from workers.embedded import Servers

TERMS: dict[str, Any] = {"Start_Date__c": "2025-10-15", "Auto_Renew__c": True, "Billing_Frequency__c": "Annual"}
Migrate = Callable[..., int]


@pytest.fixture
def migrate(world: World, database: str, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Migrate:
    """`tandem migrate` beside the Tandem of the test."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("REDIS_URL", servers.redis_url or "")
    monkeypatch.setenv("TANDEM_SANDBOX_URL", world.control_url)
    return lambda *arguments: run(["migrate", *arguments])


def test_a_cohort_comes_over_without_money_until_what_was_paid_for_is_over(
    world: World, tandem: Tandem, migrate: Migrate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.at("2026-07-01")
    seat = world.crm.product("Platform", currencies=["USD"], period="Year")
    first, second = (world.crm.create("Account", Name=n, Billing_Email__c=f"ap@{n.lower()}.example") for n in "AB")
    file = tmp_path / "c2.csv"
    rows = ["quote,paid_through,legacy_amount,currency"]
    quotes = []
    for account, price in ((first, "4800.00"), (second, "4752.00")):
        quotes.append(world.crm.quote("Moved", account, "USD", [(seat, 1, price, {})], **TERMS))
        rows.append(f"{quotes[-1]},2026-10-14,4800.00,USD")
    file.write_text("\n".join(rows), encoding="utf-8")
    assert migrate("plan", str(file), "--cohort", "C2", "--apply") == 0
    for quote in quotes:
        world.crm.accept(quote)
    settled(tandem)
    assert {quote_row(world, q)["Billing_Status__c"] for q in quotes} == {"On Hold"}
    assert world.writes(system="stripe") == []
    compared = tandem.services.pipeline.nightly.sweep.run("test", heal=True)
    assert compared.accounts == 2
    assert compared.differences == []  # who waits for the cut is no deal without a subscription

    assert migrate("shadow", "--cohort", "C2") == 7
    assert "differs by -48.00 USD" in capsys.readouterr().out
    assert migrate("cut", "--cohort", "C2", "--apply") == 5  # nobody said that the old system stopped
    assert migrate("cut", "--cohort", "C2", "--legacy-stopped", "--apply") == 7
    settled(tandem)

    assert [quote_row(world, q)["Billing_Status__c"] for q in quotes] == ["Live", "On Hold"]
    accept = ("accept", quotes[1], "--reason", "the discount of 2024 ended")
    capsys.readouterr()
    assert migrate(*accept) == migrate(*accept) == 0  # the first has changed nothing
    assert "nothing was written" in capsys.readouterr().out
    assert [m.stage for m in tandem.services.cohorts.of("C2")] == ["cut", "unlike"]
    row = world.crm.row("Billing_Subscription__c", "Status__c MRR__c Start_Date__c")
    assert (row["Status__c"], row["MRR__c"], row["Start_Date__c"]) == ("Active", Decimal(400), "2025-10-15")
    assert [total for _, total in billed(world) if total] == []
    _changes_nothing_when_run_again(world, tandem, migrate)
    assert migrate(*accept, "--apply") == 0
    assert [m.stage for m in tandem.services.cohorts.of("C2")] == ["cut", "accepted"]

    live_through(world, tandem, "2026-10-14", days=60)
    assert [total for _, total in billed(world) if total] == []
    live_through(world, tandem, "2026-10-16", days=1)
    assert [each for each in billed(world) if each[1]] == [("2026-10-15", 480_000)]
    assert world.crm.row("Billing_Subscription__c", "MRR__c")["MRR__c"] == Decimal(400)
    assert migrate("rollback", "--cohort", "C2", "--apply") == 1  # money moved
    changes_nothing(tandem)


def test_what_was_cut_over_goes_back_until_money_moved(
    world: World, tandem: Tandem, migrate: Migrate, tmp_path: Path
) -> None:
    world.at("2026-07-01")
    seat = world.crm.product("Platform", currencies=["USD"], period="Year")
    account = world.crm.create("Account", Name="Acme", Billing_Email__c="ap@acme.example")
    quote = world.crm.quote("Moved", account, "USD", [(seat, 1, "4800.00", {})], **TERMS)
    file = tmp_path / "c2.csv"
    file.write_text(f"quote,paid_through,legacy_amount,currency\n{quote},2026-10-14,4800.00,USD\n", encoding="utf-8")
    assert migrate("plan", str(file), "--cohort", "C2", "--apply") == 0
    world.crm.accept(quote)
    assert migrate("shadow", "--cohort", "C2") == 0
    assert migrate("cut", "--cohort", "C2", "--legacy-stopped", "--apply") == 0
    settled(tandem)
    world.at("2026-09-01")
    settled(tandem)

    assert migrate("rollback", "--cohort", "C2", "--apply") == 0
    settled(tandem)

    [subscription] = world.stripe.all("subscriptions", status="all")
    assert subscription["status"] == "canceled"
    assert world.crm.row("Billing_Subscription__c", "Status__c MRR__c")["Status__c"] == "Canceled"
    world.at("2026-11-01")
    settled(tandem)
    assert [total for _, total in billed(world) if total] == []
    changes_nothing(tandem)


def _changes_nothing_when_run_again(world: World, tandem: Tandem, migrate: Migrate) -> None:
    before = world.mark()
    assert migrate("shadow", "--cohort", "C2") == 7
    assert migrate("cut", "--cohort", "C2", "--legacy-stopped", "--apply") == 7
    settled(tandem)
    assert world.writes(before) == []
