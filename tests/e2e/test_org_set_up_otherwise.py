"""A field that an admin takes away while Tandem runs, and gives back: what waited for it goes on by itself."""

from __future__ import annotations

from sync.run.configured import Configured
from tests.e2e.looks import quote_row
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_quotes_and_rows_that_wait_for_a_field_go_on_once_the_org_has_it_again(world: World, tandem: Tandem) -> None:
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD"])
    header = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    pipeline = tandem.services.pipeline
    org = Configured(pipeline.subjects, pipeline.outbox, tandem.services.salesforce)
    assert org.look() == 0

    world.switch("settings", withheld=["Quote.Contract_Total__c", "Account.Billing_Health__c"])
    quote = sell(world.crm, [(seat, 3, "30.00", {})], **header)
    assert [(key, code) for key, code, _ in tandem.drain().failed] == [(f"quote:{quote}", "CONF-302")]

    assert org.look() == 1, "it was refused since the last look: the field may be back by now"
    assert [code for _, code, _ in tandem.drain().failed] == ["CONF-302"]
    calls = tandem.services.salesforce.calls
    assert org.look() == 0
    assert tandem.services.salesforce.calls == calls + 1

    world.switch("settings", withheld=["Account.Billing_Health__c"])
    assert org.look() == 1
    tandem.drain()
    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    assert [row.code for row in pipeline.outbox.refused()] == ["CONF-302"]

    world.switch("settings", withheld=[])
    assert org.look() == 1
    tandem.drain()
    assert list(pipeline.outbox.refused()) == []
    assert org.look() == 0
