"""Stripe's own deliveries to a real `tandem web`, with nobody reading the list of events; and what it refuses."""

from __future__ import annotations

import time
from decimal import Decimal

from sqlalchemy import text

from tests.e2e.looks import billed, changes_nothing, quote_row, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, work_in_parallel, writes_of
from tests.e2e.webhooks import Webhooks


def test_signed_deliveries_alone_show_what_stripe_bills(world: World, tandem: Tandem, webhooks: Webhooks) -> None:
    world.at("2026-02-20")
    world.stripe.post("webhook_endpoints", form={"url": webhooks.endpoint, "enabled_events[0]": "*"})
    seat = world.crm.product("Seat", currencies=["USD"])
    header = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    quote = sell(world.crm, [(seat, 3, "30.00", {})], **header)
    for heat in ("hot", "cold"):
        tandem.services.pipeline.changes.poll_salesforce(heat)
    work_in_parallel(tandem)

    world.at("2026-03-01T02:00")
    work_in_parallel(tandem)

    assert billed(world) == [("2026-03-01", 9_000)]
    [row] = shown_invoices(world)
    assert (row["Status__c"], row["Total__c"]) == ("Open", Decimal("90"))
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    assert not [e for e in world.log() if e.by_tandem and e.path == "/v1/events"]
    events = world.stripe.all("events")
    assert all(e["pending_webhooks"] == 0 for e in events)

    def deliver_all_again() -> None:
        webhooks.deliver(*events, *events)
        work_in_parallel(tandem, tandem.again())

    assert writes_of(world, deliver_all_again) == []
    changes_nothing(tandem)


def test_what_is_not_stripes_is_refused_and_not_kept(world: World, tandem: Tandem, webhooks: Webhooks) -> None:
    world.at("2026-02-20")
    good = b'{"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1","object":"invoice"}}}'
    old = webhooks.sign(good, at_s=int(time.time()) - 600)
    for signature in ("", "t=1", "nonsense", webhooks.sign(b"other"), webhooks.sign(good, secret="whsec_other"), old):
        assert webhooks.send(good, signature) == 400
    for garbage in (b"", b"not json", b"[]", b'{"object":"event"}', b"\xff\xfe", b"[" * 100_000):
        assert webhooks.send(garbage) == 400
    assert _kept(tandem) == 0

    assert webhooks.send(good) == webhooks.send(good) == 200
    unknown = b'{"id":"evt_2","object":"event","type":"never.heard.of","data":{"object":{"id":"x_1","object":"x"}}}'
    assert webhooks.send(unknown) == 200
    assert _kept(tandem) == 2
    work_in_parallel(tandem)
    assert world.writes() == []


def _kept(tandem: Tandem) -> int:
    with tandem.services.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM notices")).scalar_one())
