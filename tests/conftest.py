"""What tests share: one PostgreSQL (and Valkey) for the whole run, a database of its own for each test that asks for one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sync.store import engine as store_engine
from tests import properties
from tests.databases import Databases
from tests.e2e import traffic
from tests.e2e.fixtures import (  # noqa: F401
    command,
    make_tandem,
    sandbox_process,
    tandem,
    tandem_command,
    tandem_command_of,
    usage,
    webhooks,
    world,
)
from workers.embedded import Servers, attach_or_start

properties.load_profile()

#: The files that take longest, the longest first: of the long stories, then of make test. They start first, so that no process
#: is left alone with one at the end.
LONGEST = (
    "crash/test_killed.py",
    "benchmarks/test_calls.py",
    "e2e/test_random_deals.py",
    "e2e/test_amendments.py",
    "e2e/test_faults.py",
    "crash/test_disturbed.py",
    "test_wheel.py",
    "e2e/test_deals.py",
    "e2e/test_currencies_and_zones.py",
    "e2e/test_cancellations.py",
    "e2e/test_discounts.py",
    "e2e/test_evergreen.py",
    "e2e/test_usage.py",
    "e2e/test_late_changes.py",
    "e2e/test_customers.py",
    "judged/test_last_days.py",
    "sync/cli/test_processes.py",
    "sync/cli/test_work.py",
    "workers/embedded/test_attachment.py",
    "workers/test_supervisor.py",
    "e2e/test_several_stripe_accounts.py",
    "e2e/test_quotes.py",
    "sync/deal/test_deals_at_random.py",
    "sync/cli/test_usage.py",
    "e2e/test_one_time_deals.py",
    "sync/deal/test_any_deal.py",
    "e2e/test_usage_reported.py",
    "e2e/test_bad_quotes.py",
    "e2e/test_reconcile.py",
    "cases/test_case_43.py",
    "cases/test_case_08.py",
    "cases/test_case_02.py",
    "sync/store/test_outbox.py",
    "cases/test_case_06.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, the others as they were."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


def pytest_collection_finish() -> None:
    """What was imported stays, so nobody has to look for garbage among it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


def pytest_configure(config: pytest.Config) -> None:
    """Each run starts with no traffic of an earlier one; under xdist its first process sees to that, before the others start."""
    if not hasattr(config, "workerinput"):
        traffic.empty()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Servers]:
    """The run's servers. Every process of pytest-xdist uses the same; the last one out stops them."""
    base = tmp_path_factory.getbasetemp()
    home = (base if worker_id == "master" else base.parent) / "servers"
    with attach_or_start(home) as running:
        yield running


@pytest.fixture(scope="session")
def databases(servers: Servers, worker_id: str) -> Iterator[Databases]:
    """The databases of this process of the run. Nothing in them has to outlive a crash, so no commit waits for the disk."""
    with psycopg.connect(store_engine.plain_dsn(servers.database_url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")  # every process of the run says so, and not two at once
        connection.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    made = Databases(servers.database_url, worker_id)
    yield made
    made.close()


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The URL of a database with our schema and no rows."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[str]:
    """The URL of a database without a table, gone after the test."""
    with databases.bare() as url:
        yield url


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The repository's own folder."""
    return Path(__file__).parents[1]
