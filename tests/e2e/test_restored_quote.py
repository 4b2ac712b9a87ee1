"""A signed quote that was deleted and restored from the recycle bin."""

from __future__ import annotations

from typing import Any

from sync.desired.differences import Kind
from sync.run.sweep import Report
from tests.e2e.looks import changes_nothing, quote_row, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

HEADER: dict[str, Any] = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def swept(tandem: Tandem) -> Report:
    return tandem.services.pipeline.nightly.sweep.run("test", heal=True)


def test_a_deal_is_shown_on_while_its_quote_is_deleted_and_names_it_again_once_it_is_restored(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-02-01T02:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(world.crm, [(seat, 2, "10.00", {})], **HEADER)
    settled(tandem)

    world.crm.delete("Quote", quote)
    world.at("2026-03-01T02:00")
    done = tandem.drain()

    assert [code for _, code, _ in done.failed] == ["DATA-221"]
    assert tandem.services.outbox.failed_rows() == []
    shown = world.crm.row("Billing_Subscription__c", "Quote__c Current_Period_End__c")
    assert shown == {"Quote__c": None, "Current_Period_End__c": "2026-03-31"}
    assert [row["Issued_On__c"] for row in shown_invoices(world)] == ["2026-02-01", "2026-03-01"]
    for _ in range(2):  # every night a person is asked about the deal, and nothing is put right again and again
        report = swept(tandem)
        assert [d.kind for d in report.left] == [Kind.SUBSCRIPTION_WITHOUT_DEAL]
        assert not report.healed
    before = world.mark()
    tandem.drain()
    assert world.writes(before) == []

    world.switch("undelete", id=quote)
    settled(tandem)

    assert world.crm.row("Billing_Subscription__c", "Quote__c") == {"Quote__c": quote}
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    assert swept(tandem).differences == []
    changes_nothing(tandem)
