"""One served Stripe for this folder's tests, reset for each; all that it answered is judged by the contract checker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stripe

from sandbox.stripe import resources
from sandbox.stripe.app import StripeHalf
from sandbox.world import World
from tests.contracts.stripe_contract import check_exchange
from tests.sandbox.serving import RawStripe, Served


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[Served]:
    world = World()
    world.add(StripeHalf(world, (resources.install,)))
    with Served(world) as served:
        yield served


@pytest.fixture
def served(stripe_server: Served) -> Iterator[Served]:
    stripe_server.reset()
    yield stripe_server
    stripe_server.clear_faults()
    assert contract_errors(stripe_server) == []


def contract_errors(served: Served) -> list[str]:
    """What the contract checker finds wrong in every exchange that was answered with success."""
    found = []
    for line in served.log():
        if line["status"] is not None and line["status"] < 400:
            errors = (str(p) for p in check_exchange(line) if p.severity == "error")
            found += [f"{line['method']} {line['path']}: {error}" for error in errors]
    return found


@pytest.fixture
def client(served: Served) -> stripe.StripeClient:
    return stripe.StripeClient(served.ready["stripe"]["api_key"], base_addresses={"api": served.ready["stripe_url"]})


@pytest.fixture
def raw(served: Served) -> RawStripe:
    return RawStripe(served)
