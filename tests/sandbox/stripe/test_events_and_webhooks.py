"""Events, and their signed way to the endpoints."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest
import stripe

from sandbox.stripe.kernel import Kernel
from sandbox.world import World
from tests.sandbox.serving import RawStripe, Served
from tests.sandbox.stripe.receiver import Receiver

NOON, HALF_PAST, FOUR, NEXT_DAY = (
    "2026-03-01T12:00:00Z",
    "2026-03-01T12:30:00Z",
    "2026-03-01T16:00:00Z",
    "2026-03-02T12:00:00Z",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def endpoint(client: stripe.StripeClient, receiver: Receiver, served: Served) -> stripe.WebhookEndpoint:
    served.clock(NOON)
    return client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})


def types(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for body, _ in receiver.got]


def pending(client: stripe.StripeClient) -> list[int]:
    return [event.pending_webhooks for event in client.v1.events.list().data]


def test_an_event_holds_the_object_as_it_was_and_what_it_was_before(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"name": "Birch", "metadata": {"a": "1", "b": "1"}})
    client.v1.customers.update(customer.id, {"name": "Ash", "metadata": {"a": "2"}})
    updated, created = (event.to_dict() for event in client.v1.events.list().data)
    assert (created["type"], created["data"]["object"]["name"]) == ("customer.created", "Birch")
    assert "previous_attributes" not in created["data"]
    assert updated["data"]["previous_attributes"] == {"name": "Birch", "metadata": {"a": "1"}}
    assert updated["data"]["object"]["metadata"] == {"a": "2", "b": "1"}
    assert updated["api_version"] == "2026-10-28.endive"
    assert client.v1.events.retrieve(created["id"]).type == "customer.created"


def test_an_event_names_the_request_that_caused_it(client: stripe.StripeClient, raw: RawStripe) -> None:
    answer = raw.post("/v1/customers", {"name": "x"}, headers={"Idempotency-Key": "op-7"})
    event = client.v1.events.list().data[0]
    assert event.request is not None
    assert (event.request.id, event.request.idempotency_key) == (answer.headers["Request-Id"], "op-7")


def test_events_are_listed_by_type_types_and_time(client: stripe.StripeClient, raw: RawStripe, served: Served) -> None:
    served.clock(NOON)
    client.v1.customers.create({"name": "x"})
    served.clock(FOUR)
    product = client.v1.products.create({"name": "p"})
    client.v1.products.update(product.id, {"name": "q"})
    listed = client.v1.events.list({"types": ["customer.created", "product.updated"]})
    assert [event.type for event in listed.data] == ["product.updated", "customer.created"]
    assert len(client.v1.events.list({"type": "product.*"}).data) == 2
    assert [e.type for e in client.v1.events.list({"created": {"lt": 1772380800}}).data] == ["customer.created"]
    both = raw.get("/v1/events", [("type", "product.created"), ("types[]", "product.created")])
    assert both.status_code == 400
    assert raw.get("/v1/events", [("types[]", "product.created")] * 21).status_code == 400


def test_ending_before_yields_what_came_since(client: stripe.StripeClient) -> None:
    client.v1.customers.create({"name": "0"})
    seen = client.v1.events.list().data[0].id
    for number in range(1, 4):
        client.v1.customers.create({"name": str(number)})
    page = client.v1.events.list({"ending_before": seen, "limit": 2})
    assert [event.data.object["name"] for event in page.auto_paging_iter()] == ["1", "2", "3"]


def test_the_first_endpoint_has_the_ready_files_secret_and_shows_it_once(
    client: stripe.StripeClient, served: Served, endpoint: stripe.WebhookEndpoint, receiver: Receiver
) -> None:
    assert endpoint.secret == served.ready["stripe"]["webhook_secret"]
    assert "secret" not in client.v1.webhook_endpoints.retrieve(endpoint.id).to_dict()
    other = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    assert other.secret not in (None, endpoint.secret)


def test_a_delivery_is_signed_with_machine_time_and_verifies_with_the_official_sdk(
    client: stripe.StripeClient, served: Served, endpoint: stripe.WebhookEndpoint, receiver: Receiver
) -> None:
    client.v1.customers.create({"name": "Birch"})
    served.deliver()
    body, signature = receiver.got[0]
    event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
    assert (event.type, event.data.object["name"], event.pending_webhooks) == ("customer.created", "Birch", 1)
    assert abs(int(signature.split(",")[0].removeprefix("t=")) - time.time()) < 60
    assert pending(client) == [0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body.replace(b"Birch", b"Ash"), signature, endpoint.secret)


def test_a_delivery_comes_by_itself_outside_the_request(
    client: stripe.StripeClient, endpoint: stripe.WebhookEndpoint, receiver: Receiver
) -> None:
    client.v1.customers.create({"name": "Birch"})
    deadline = time.monotonic() + 5
    while not receiver.got and time.monotonic() < deadline:
        time.sleep(0.01)
    assert types(receiver) == ["customer.created"]


def test_only_wanted_events_go_to_an_endpoint(client: stripe.StripeClient, served: Served, receiver: Receiver) -> None:
    client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["product.created"]})
    client.v1.customers.create({"name": "x"})
    client.v1.products.create({"name": "p"})
    served.deliver()
    assert types(receiver) == ["product.created"]


def test_a_refused_delivery_is_tried_three_times_within_hours(
    client: stripe.StripeClient, served: Served, endpoint: stripe.WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.status = 503
    client.v1.customers.create({"name": "Birch"})
    served.deliver()
    assert len(receiver.got) == 1
    assert [e.type for e in client.v1.events.list({"delivery_success": False}).data] == ["customer.created"]
    for moment, tries in ((HALF_PAST, 2), (FOUR, 3), (NEXT_DAY, 3)):
        served.clock(moment, deliver=True)
        assert len(receiver.got) == tries
    assert pending(client) == [1]
    assert len({body for body, _ in receiver.got}) == 1


def test_a_retry_that_is_taken_ends_the_delivery(
    client: stripe.StripeClient, served: Served, endpoint: stripe.WebhookEndpoint, receiver: Receiver
) -> None:
    receiver.status = 500
    client.v1.customers.create({"name": "Birch"})
    served.deliver()
    receiver.status = 204
    served.clock(NEXT_DAY, deliver=True)
    assert len(receiver.got) == 2
    assert pending(client) == [0]
    assert client.v1.events.list({"delivery_success": False}).data == []
    assert len(client.v1.events.list({"delivery_success": True}).data) == 1


def test_only_a_refused_event_or_a_failing_endpoint_holds_up(receiver: Receiver) -> None:
    async def held(kernel: Kernel) -> tuple[bool, bool]:
        """Whether a new event holds up before its first try, and after it."""
        event = kernel.emit("customer.created", {"id": "cus_x", "object": "customer"})
        before = kernel.webhooks.holds(event)
        await kernel.webhooks.delivered()
        return before, kernel.webhooks.holds(event)

    async def story() -> list[tuple[bool, bool]]:
        kernel = Kernel(World())
        endpoint = {"id": "we_1", "object": "webhook_endpoint", "url": receiver.url, "_secret": "whsec_x"}
        kernel.store.add({**endpoint, "status": "enabled", "enabled_events": ["*"]})
        seen = []
        for receiver.status in (200, 500, 500, 200, 200):
            seen.append(await held(kernel))
        kernel.webhooks.close()
        return seen

    assert asyncio.run(story()) == [(False, False), (False, True), (True, True), (True, False), (False, False)]


def test_an_endpoint_that_is_not_there_holds_nothing_up(client: stripe.StripeClient, served: Served) -> None:
    receiver = Receiver()
    receiver.close()
    client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    client.v1.customers.create({"name": "x"})
    served.deliver()
    assert pending(client) == [1]


def test_a_disabled_or_deleted_endpoint_gets_nothing(
    client: stripe.StripeClient, served: Served, endpoint: stripe.WebhookEndpoint, receiver: Receiver
) -> None:
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    client.v1.customers.create({"name": "x"})
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": False, "enabled_events": ["customer.created"]})
    assert client.v1.webhook_endpoints.delete(endpoint.id).deleted is True
    client.v1.customers.create({"name": "y"})
    served.deliver()
    assert receiver.got == []


@pytest.mark.parametrize(
    "form",
    [
        {"url": "https://example.com/hook"},
        {"url": "http://10.0.0.1/hook"},
        {"url": "nonsense"},
        {"enabled_events[0]": "quote.signed"},
        {"api_version": "2025-03-31.basil"},
        {"connect": "true"},
        {"enabled_events[0]": ""},
    ],
)
def test_an_endpoint_that_cannot_be_served_is_refused(raw: RawStripe, form: dict[str, str]) -> None:
    good = {"url": "http://127.0.0.1:9/hook", "enabled_events[0]": "*"}
    assert raw.post("/v1/webhook_endpoints", {**good, **form}).status_code == 400
    assert raw.get("/v1/webhook_endpoints").json()["data"] == []


def test_a_fresh_world_has_no_endpoint_and_the_known_secret_again(
    client: stripe.StripeClient, served: Served, endpoint: stripe.WebhookEndpoint, receiver: Receiver
) -> None:
    served.reset()
    assert client.v1.webhook_endpoints.list().data == []
    again = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    assert again.secret == endpoint.secret
