"""What tests share: one PostgreSQL (and Valkey) for the whole run, a database of its own for each test that asks for one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from sync.store import engine as store_engine
from sync.store.schema import upgrade
from tests.e2e import traffic
from tests.e2e.fixtures import make_tandem, sandbox_process, tandem, webhooks, world  # noqa: F401
from workers.embedded import Servers, attach_or_start

_numbers = itertools.count(1)

#: The files that take longest, the longest first. They start first, so that no process is left alone with one at the end.
LONGEST = (
    "benchmarks/test_calls.py",
    "crash/test_killed.py",
    "cases/test_case_04.py",
    "e2e/test_random_deals.py",
    "e2e/test_deals.py",
    "crash/test_disturbed.py",
    "workers/test_secrets.py",
    "e2e/test_faults.py",
    "cases/test_case_33.py",
    "e2e/test_bad_quotes.py",
    "cases/test_case_25.py",
    "judged/test_last_days.py",
    "sync/cli/test_processes.py",
    "test_wheel.py",
    "e2e/test_customers.py",
    "cases/test_case_16.py",
    "cases/test_case_02.py",
    "sync/store/test_flush_packing.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, the others as they were."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


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
def postgres_url(servers: Servers) -> str:
    """A database of the run's cluster that nobody writes to: the place from which others are made."""
    return servers.database_url


@pytest.fixture(scope="session")
def template_database(postgres_url: str, worker_id: str) -> str:
    """The name of an empty database with our schema, made once by each process."""
    name = f"template_{worker_id}"
    _execute(postgres_url, f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}"')
    upgrade(database_url_of(postgres_url, name))
    return name


@pytest.fixture
def database(postgres_url: str, template_database: str, worker_id: str) -> Iterator[str]:
    """The URL of a fresh database with our schema, gone after the test."""
    name = f"test_{worker_id}_{os.getpid()}_{next(_numbers)}"
    _execute(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    yield database_url_of(postgres_url, name)
    _execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_database(postgres_url: str, worker_id: str) -> Iterator[str]:
    """The URL of a database without a table, gone after the test."""
    name = f"empty_{worker_id}_{os.getpid()}_{next(_numbers)}"
    _execute(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield database_url_of(postgres_url, name)
    _execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def database_url_of(url: str, name: str) -> str:
    """The URL of another database of the same cluster."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(store_engine.plain_dsn(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The repository's own folder."""
    return Path(__file__).parents[1]
