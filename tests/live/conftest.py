"""Where the assumptions are tried: on a real test account by ``make live``, else on the sandbox's Stripe in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.stripe.app import StripeHalf
from sandbox.world import World
from tests.contracts.stripe_contract import check_exchange
from tests.live.account import Account, Live
from tests.sandbox.serving import Served


@pytest.fixture(scope="session")
def sandbox_stripe(request: pytest.FixtureRequest) -> Iterator[Served | None]:
    """The sandbox's Stripe; None where the real one is asked."""
    if _live(request.config) is not None:
        yield None
        return
    world = World()
    world.add(StripeHalf(world))
    with Served(world) as served:
        yield served


@pytest.fixture
def account(request: pytest.FixtureRequest, sandbox_stripe: Served | None) -> Iterator[Account]:
    live = _live(request.config)
    if live is not None:
        account = Account(live.key)
        yield account
        assert account.clear() == []
        return
    assert sandbox_stripe is not None
    sandbox_stripe.reset()
    sandbox_stripe.clock("2026-01-01T00:00:00Z")
    ready = sandbox_stripe.ready
    account = Account(ready["stripe"]["api_key"], base=ready["stripe_url"], pause_s=0.01)
    yield account
    assert account.clear() == []
    assert _contract_errors(sandbox_stripe) == []


def _live(config: pytest.Config) -> Live | None:
    return next((plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, Live)), None)


def _contract_errors(served: Served) -> list[str]:
    """What a real Stripe would not take of what was asked, as far as the contract checker knows."""
    taken = (line for line in served.log() if line["status"] is not None and line["status"] < 400)
    found = {f"{x['method']} {x['path']}: {p}" for x in taken for p in check_exchange(x) if p.severity == "error"}
    return sorted(found)
