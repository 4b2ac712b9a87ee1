"""Meter events that are taken and do not count, and how that is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from tests.sandbox.serving import RawStripe, Served
from tests.sandbox.stripe.billing.story import Story
from tests.sandbox.stripe.receiver import Receiver

REPORT, NO_METER = "v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"
DESTINATION: Any = {"name": "reports", "type": "webhook_endpoint", "event_payload": "thin", "enabled_events": [REPORT]}


def reported(client: stripe.StripeClient, **more: Any) -> list[Any]:
    return [event.to_dict() for event in client.v2.core.events.list({"types": [REPORT, NO_METER], **more}).data]


def test_a_minute_of_errors_is_one_report_a_meter_delivered_thin_and_signed(
    story: Story, served: Served, client: stripe.StripeClient
) -> None:
    receiver = Receiver()
    wanted = {**DESTINATION, "webhook_endpoint": {"url": receiver.url}, "include": ["webhook_endpoint.signing_secret"]}
    made = client.v2.core.event_destinations.create(wanted)
    meter, customer = story.meter(), story.customer()
    served.fault(system="stripe", kind="refuse_later", next=8, match="POST /v1/billing/meter_events")
    for number in range(6):
        story.use(customer, 5, identifier=f"n{number}")
    story.use(customer, 10**16, identifier="long")
    story.use(customer, 5, identifier="lost", event_name="nothing")
    story.use(customer, 7, identifier="good")

    assert reported(client) == []
    served.clock("2026-01-01T00:01:00Z", deliver=True)

    nowhere, report = reported(client)
    assert (nowhere["type"], nowhere.get("related_object")) == (NO_METER, None)
    assert (report["type"], report["related_object"]["id"]) == (REPORT, meter)
    types = {one["code"]: one for one in report["data"]["reason"]["error_types"]}
    assert {code: one["error_count"] for code, one in types.items()} == {
        "meter_event_customer_not_found": 6, "meter_event_value_too_many_digits": 1,
    }  # fmt: skip
    samples = [s["request"]["identifier"] for s in types["meter_event_customer_not_found"]["sample_errors"]]
    assert samples == ["n0", "n1", "n2", "n3", "n4"]
    [(body, signature)] = receiver.got
    receiver.close()
    assert stripe.WebhookSignature.verify_header(body.decode(), signature, str(made.webhook_endpoint.signing_secret))  # type: ignore[union-attr]
    thin = json.loads(body)
    assert (thin["object"], thin["id"], "data" in thin) == ("v2.core.event", report["id"], False)
    summary = client.v1.billing.meters.event_summaries.list(
        meter, {"customer": customer, "start_time": 1767225600, "end_time": 1767225660}
    )
    assert [s.aggregated_value for s in summary.data] == [7]
    assert reported(client, created={"gte": "2026-01-01T00:01:01Z"}) == []
    assert [e["id"] for e in reported(client, object_id=meter)] == [report["id"]]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"event_payload": "snapshot"}, "event_payload"),
        ({"enabled_events": ["invoice.paid"]}, "enabled_events[0]"),
        ({"name": None}, "name"),
        ({"webhook_endpoint": None}, "webhook_endpoint"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_a_destination_that_can_not_be_is_refused(raw: RawStripe, change: dict[str, Any], param: str) -> None:
    body = {**DESTINATION, "webhook_endpoint": {"url": "http://127.0.0.1:1/x"}, **change}
    given = {name: value for name, value in body.items() if value is not None}

    answer = raw.session.post(f"{raw.url}/v2/core/event_destinations", json=given, timeout=10)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_v2_takes_json_and_v1_takes_forms(raw: RawStripe) -> None:
    assert raw.post("/v2/core/event_destinations", {"name": "x"}).status_code == 400
    assert raw.session.post(f"{raw.url}/v1/customers", json={"name": "x"}, timeout=10).status_code == 400
