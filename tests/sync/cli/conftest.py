"""The program in this process, against a real database and a sandbox of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from sandbox.salesforce.app import SalesforceHalf
from sandbox.stripe.app import StripeHalf
from sandbox.world import World
from sync.cli import run
from sync.config import Settings
from tests.sandbox.serving import Served
from workers.demo.actors import Crm
from workers.embedded import Servers

NEW_YEAR = "2026-01-10T09:00:00Z"
TERMS = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.out)
        return parsed


class Tandem:
    """`tandem` with the environment of the test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Answer:
        self._capsys.readouterr()
        code = run(arguments)
        said = self._capsys.readouterr()
        return Answer(code, said.out, said.err)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Tandem]:
    """The program with nothing configured, in an empty folder and a home of its own."""
    known = [str(f.validation_alias or name).upper() for name, f in Settings.model_fields.items()]
    for name in known:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield Tandem(capsys)
    # A command sends its log to the stderr it finds, which ends with the test.
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger().handlers[:] = []


@pytest.fixture
def stored(bare: Tandem, monkeypatch: pytest.MonkeyPatch, database: str, servers: Servers) -> Tandem:
    """The program with a store and a queue, and no vendor."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("REDIS_URL", servers.redis_url)
    return bare


@pytest.fixture
def sandbox() -> Iterator[Served]:
    world = World()
    world.add(StripeHalf(world))
    world.add(SalesforceHalf(world))
    with Served(world) as served:
        served.clock(NEW_YEAR)
        yield served


@pytest.fixture
def tandem(stored: Tandem, monkeypatch: pytest.MonkeyPatch, sandbox: Served) -> Tandem:
    """The program with a store, a queue and a sandbox."""
    monkeypatch.setenv("TANDEM_SANDBOX_URL", sandbox.control)
    return stored


@pytest.fixture
def crm(sandbox: Served) -> Crm:
    """The rep's and the admin's Salesforce."""
    return Crm(sandbox.ready)


def signed(crm: Crm, name: str, product: dict[str, str], *, seats: int = 10, email: str | None = "auto") -> str:
    """An accepted monthly quote for a year from February on an Account of its own; returns its id."""
    address = f"ap@{name.lower()}.example" if email == "auto" else email
    account = crm.create("Account", Name=name, Billing_Email__c=address)
    quote = crm.quote(f"{name} deal", account, "USD", [(product, seats, "50.00", {})], **TERMS)
    crm.accept(quote)
    return quote


def seats(crm: Crm) -> dict[str, str]:
    """A product that is set up for billing."""
    return crm.product("Seats", currencies=["USD"])


def unset(crm: Crm) -> dict[str, str]:
    """A product that nobody has set up for billing."""
    return crm.product("Unset", currencies=["USD"], charge=None, period=None)
