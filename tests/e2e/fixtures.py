"""Fixtures: a sandbox process for each process of the run, a fresh world for each test, and Tandem in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.sandbox import World, fresh_world, running_sandbox
from tests.e2e.tandem import Tandem
from tests.e2e.webhooks import Webhooks, running_web
from workers.embedded import Servers


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The control URL of this process's sandbox."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as control_url:
        yield control_url


@pytest.fixture
def world(sandbox_process: str) -> Iterator[World]:
    """A reset sandbox with a rep and a customer in it."""
    with fresh_world(sandbox_process) as world:
        yield world


@pytest.fixture
def make_tandem(world: World, database: str, servers: Servers) -> Iterator[Callable[..., Tandem]]:
    """Makes Tandem for this world with these settings, the first and any other process of it."""
    made: list[Tandem] = []

    def make(**settings: Any) -> Tandem:
        made.append(Tandem(world, database, servers.redis_url, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def tandem(make_tandem: Callable[..., Tandem]) -> Tandem:
    """Tandem as it is installed: no setting but the address."""
    return make_tandem()


@pytest.fixture
def webhooks(world: World, tandem: Tandem, servers: Servers) -> Iterator[Webhooks]:
    """A sender of webhooks to a real `tandem web` process on the database of ``tandem``."""
    with running_web(world, tandem.database_url, servers.redis_url) as sender:
        yield sender
