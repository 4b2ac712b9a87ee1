"""Fixtures: a sandbox process for each process of the run, a fresh world for each test, and Tandem in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import structlog

from sync.cli import run
from tests.e2e.book import Book
from tests.e2e.sandbox import World, fresh_world, running_sandbox
from tests.e2e.tandem import Tandem
from tests.e2e.webhooks import Webhooks, running_web
from workers.embedded import Servers

#: Of case 17.
USED_IN_TIERS = [(100, "0", None), (1000, "0.99", None), (None, "0.79", None)]


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


@pytest.fixture
def usage(world: World, tandem: Tandem) -> Book:
    """Two customers of case 17 in June, and one without anything by use."""
    world.at("2026-05-20")
    book = Book(world, tandem)
    seat, use = book.product("Seat"), book.by_use("resolution", USED_IN_TIERS)
    terms: dict[str, Any] = {"Start_Date__c": "2026-06-01", "Term_Months__c": 5, "Billing_Frequency__c": "Monthly"}
    for who in ("acme", "birch"):
        book.sell(who, [(seat, 10, "29.00", {}), (use, 1, "0", {})], **terms)
    book.sell("cedar", [(seat, 10, "29.00", {})], **terms)
    book.live("2026-05-20T10:00", "2026-06-02")
    return book


@pytest.fixture
def tandem_command(tandem: Tandem, tandem_command_of: Callable[..., Any]) -> Callable[..., Any]:
    """Runs `tandem …` where ``tandem`` is installed, and gives the exit code with the answer."""
    return tandem_command_of(tandem)  # type: ignore[no-any-return]


@pytest.fixture
def tandem_command_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Any]]:
    """For an installation what runs `tandem …` there, and gives the exit code with the answer; {} where there was none."""

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out or "{}")

    def where(tandem: Tandem) -> Callable[..., Any]:
        monkeypatch.setenv("TANDEM_SANDBOX_URL", tandem.world.control_url)
        monkeypatch.setenv("DATABASE_URL", tandem.database_url)
        monkeypatch.setenv("REDIS_URL", str(tandem.redis_url))
        return call

    yield where
    # A command sends its log to the stderr it finds, which ends with the test.
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger().handlers[:] = []


@pytest.fixture
def command(tandem_command: Callable[..., Any]) -> Callable[..., Any]:
    """Runs `tandem usage …`."""
    return partial(tandem_command, "usage")
