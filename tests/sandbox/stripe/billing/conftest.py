"""One served Stripe with billing for this folder's tests, reset for each; every exchange is judged by the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stripe

from sandbox.stripe.app import StripeHalf
from sandbox.world import World
from tests.contracts.stripe_contract import check_exchange
from tests.sandbox.serving import RawStripe, Served
from tests.sandbox.stripe.billing.story import Story


@pytest.fixture(scope="session")
def billing_server() -> Iterator[Served]:
    world = World()
    world.add(StripeHalf(world))
    with Served(world) as served:
        yield served


@pytest.fixture
def served(billing_server: Served) -> Iterator[Served]:
    billing_server.reset()
    billing_server.clock("2026-01-01T00:00:00Z")
    yield billing_server
    billing_server.clear_faults()
    assert contract_errors(billing_server) == []


def contract_errors(served: Served) -> list[str]:
    """What the contract checker finds wrong in requests that were taken and in all that was answered."""
    found = []
    for line in served.log():
        if line["status"] is not None and line["status"] < 400:
            errors = (str(p) for p in check_exchange(line) if p.severity == "error")
            found += [f"{line['method']} {line['path']}: {error}" for error in errors]
    return sorted(set(found))


@pytest.fixture
def client(served: Served) -> stripe.StripeClient:
    return stripe.StripeClient(served.ready["stripe"]["api_key"], base_addresses={"api": served.ready["stripe_url"]})


@pytest.fixture
def raw(served: Served) -> RawStripe:
    return RawStripe(served)


@pytest.fixture
def story(served: Served, client: stripe.StripeClient) -> Story:
    return Story(served, client)
