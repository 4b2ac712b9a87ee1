"""Planted faults as a client meets them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import requests

from sandbox.stripe import resources
from sandbox.stripe.app import StripeHalf
from sandbox.world import World
from tests.sandbox.serving import RawStripe, Served


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    world = World(seed=7)
    world.add(StripeHalf(world, (resources.install,)))
    with Served(world) as served:
        yield served


@pytest.fixture
def served(server: Served) -> Served:
    server.reset()
    return server


@pytest.fixture
def raw(served: Served) -> RawStripe:
    return RawStripe(served)


def names(raw: RawStripe) -> list[str]:
    listed = raw.get("/v1/customers", headers={"X-Tandem-Client": "harness"})
    return [customer["name"] for customer in listed.json()["data"]]


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry"),
    [("rate_limit", 429, "rate_limit", None), ("lock", 429, "lock_timeout", "true"), ("error_500", 500, None, None)],
)
def test_a_fault_answers_in_stripes_shape_and_does_nothing(
    served: Served, raw: RawStripe, kind: str, status: int, code: str | None, retry: str | None
) -> None:
    served.fault(system="stripe", kind=kind, next=1)
    answer = raw.post("/v1/customers", {"name": "Birch"})
    assert answer.status_code == status
    assert answer.json()["error"].get("code") == code
    assert answer.headers.get("Stripe-Should-Retry") == retry
    assert answer.headers["Request-Id"].startswith("req_")
    assert raw.post("/v1/customers", {"name": "Ash"}).status_code == 200
    assert names(raw) == ["Ash"]


def test_a_lost_answer_leaves_the_effect(served: Served, raw: RawStripe) -> None:
    served.fault(system="stripe", kind="timeout_after_effect", next=1)
    with pytest.raises(requests.Timeout):
        requests.post(f"{raw.url}/v1/customers", {"name": "Birch"}, headers=raw.session.headers, timeout=0.5)
    assert names(raw) == ["Birch"]
    line = served.log()[0]
    assert (line["status"], line["response"], line["effect"]) == (None, None, True)


def test_a_lost_answer_is_replayed_under_its_key(served: Served, raw: RawStripe) -> None:
    served.fault(system="stripe", kind="timeout_after_effect", next=1)
    key = {**raw.session.headers, "Idempotency-Key": "k"}
    with pytest.raises(requests.Timeout):
        requests.post(f"{raw.url}/v1/customers", {"name": "Birch"}, headers=key, timeout=0.5)
    again = raw.post("/v1/customers", {"name": "Birch"}, headers={"Idempotency-Key": "k"})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert names(raw) == ["Birch"]


def test_a_dropped_connection_does_nothing(served: Served, raw: RawStripe) -> None:
    served.fault(system="stripe", kind="drop", next=1)
    started = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        raw.post("/v1/customers", {"name": "Birch"})
    assert time.monotonic() - started < 2
    assert names(raw) == []
    assert (served.log()[0]["status"], served.log()[0]["effect"]) == (None, False)


def test_a_request_that_breaks_off_does_nothing(served: Served, raw: RawStripe) -> None:
    host, port = raw.url.removeprefix("http://").split(":")
    head = f"POST /v1/customers HTTP/1.1\r\nHost: {host}\r\nAuthorization: {raw.session.headers['Authorization']}\r\n"
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 30\r\n\r\nname=Bir"
    with socket.create_connection((host, int(port))) as half_sent:
        half_sent.sendall((head + form).encode())
    assert names(raw) == []
    assert [line["method"] for line in served.log()] == ["GET"]


def test_a_delay_answers_late(served: Served, raw: RawStripe) -> None:
    served.fault(system="stripe", kind="delay", next=1, delay_s=0.3)
    started = time.monotonic()
    assert raw.post("/v1/customers", {"name": "Birch"}).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_next_counts_only_requests_that_match(served: Served, raw: RawStripe) -> None:
    served.fault(system="stripe", kind="rate_limit", next=2, match="POST /v1/cust")
    statuses = [raw.get("/v1/customers").status_code, raw.post("/v1/products", {"name": "p"}).status_code]
    statuses += [raw.post("/v1/customers", {"name": str(n)}).status_code for n in range(3)]
    assert statuses == [200, 200, 429, 429, 200]


def test_a_ratio_hits_its_share(served: Served, raw: RawStripe) -> None:
    served.fault(system="stripe", kind="rate_limit", ratio=0.5)
    refused = sum(raw.get("/v1/customers").status_code == 429 for _ in range(100))
    assert 25 <= refused <= 75


def test_the_harness_and_the_other_system_are_spared(served: Served, raw: RawStripe) -> None:
    served.fault(system="stripe", kind="rate_limit", ratio=1)
    assert raw.get("/v1/customers", headers={"X-Tandem-Client": "harness"}).status_code == 200
    assert raw.get("/v1/customers").status_code == 429
    served.clear_faults()
    served.fault(system="salesforce", kind="quota", ratio=1)
    assert raw.get("/v1/customers").status_code == 200
