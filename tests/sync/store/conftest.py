"""A store of its own for each test, on real PostgreSQL, and machine time that can be moved on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from sync.store.engine import make_engine
from sync.store.facts import StoredFacts
from sync.store.ledger import StoredLedger
from sync.store.links import StoredLinks
from sync.store.outbox import StoredOutbox
from sync.store.subjects import StoredSubjects
from sync.store.tables import metadata
from tests.sync.store.samples import NOW


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = make_engine(database, name="test", pool_size=10)
    yield made
    made.dispose()


@pytest.fixture
def other_engine(database: str) -> Iterator[Engine]:
    """Another process, as far as the database can tell."""
    made = make_engine(database, name="test-other", pool_size=10)
    yield made
    made.dispose()


@pytest.fixture
def time_passes(engine: Engine) -> Callable[[float], None]:
    """Moves every machine-time stamp back, so that to the store so many seconds have gone by. Business time stands still."""
    columns = [(t.name, c.name) for t in metadata.tables.values() for c in t.columns if c.name.endswith("_machine_at")]
    by_table: dict[str, list[str]] = {}
    for table, column in columns:
        by_table.setdefault(table, []).append(column)

    def pass_by(seconds: float) -> None:
        with engine.begin() as connection:
            for table, names in by_table.items():
                if table != "audit":
                    moved = ", ".join(f"{name} = {name} - interval '{seconds} seconds'" for name in names)
                    connection.execute(text(f"UPDATE {table} SET {moved}"))

    return pass_by


@pytest.fixture
def subjects(engine: Engine) -> StoredSubjects:
    return StoredSubjects(engine, now=lambda: NOW)


@pytest.fixture
def other_subjects(other_engine: Engine) -> StoredSubjects:
    return StoredSubjects(other_engine, now=lambda: NOW)


@pytest.fixture
def links(engine: Engine) -> StoredLinks:
    return StoredLinks(engine, stripe_account="acct_1")


@pytest.fixture
def ledger(engine: Engine, links: StoredLinks) -> StoredLedger:
    return StoredLedger(engine, links)


@pytest.fixture
def facts(engine: Engine) -> StoredFacts:
    return StoredFacts(engine, stripe_account="acct_1")


@pytest.fixture
def outbox(engine: Engine) -> StoredOutbox:
    """As in a drain: no pause between flushes."""
    return StoredOutbox(engine, flush_every_s=0)


@pytest.fixture
def other_outbox(other_engine: Engine) -> StoredOutbox:
    return StoredOutbox(other_engine, flush_every_s=0)
