"""The migrations make exactly the tables that the code knows, and a schema that is not ours is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import DateTime

from sync.store.engine import make_engine
from sync.store.schema import SchemaNotOurs, check_schema, upgrade
from sync.store.tables import metadata

DESCRIBED = {
    "columns": """SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "sequences": "SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = 'public'",
}


def described(engine: Engine) -> dict[str, set[tuple[object, ...]]]:
    with engine.connect() as connection:
        found = {what: {tuple(row) for row in connection.execute(text(sql))} for what, sql in DESCRIBED.items()}
    return {what: {row for row in rows if "alembic_version" not in str(row)} for what, rows in found.items()}


def test_an_empty_database_is_brought_up_and_a_second_time_nothing_changes(empty_database: str) -> None:
    version = upgrade(empty_database)
    assert version
    assert upgrade(empty_database) == version
    engine = make_engine(empty_database)
    try:
        assert check_schema(engine) == version
    finally:
        engine.dispose()


def test_the_migrations_make_what_the_tables_say(engine: Engine, empty_database: str) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []

    from_tables = make_engine(empty_database)
    try:
        metadata.create_all(from_tables)
        assert described(engine) == described(from_tables)
    finally:
        from_tables.dispose()


def test_several_upgrades_at_once_wait_for_each_other(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = {done.result(60) for done in [pool.submit(upgrade, empty_database) for _ in range(4)]}
    assert len(versions) == 1


def test_an_upgrade_that_was_killed_before_its_end_leaves_no_lock(empty_database: str, engine: Engine) -> None:
    victim = make_engine(empty_database)
    with victim.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(31309)"))
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        connection.invalidate()
    victim.dispose()

    assert upgrade(empty_database)


def test_a_database_without_tables_is_refused_with_what_to_do(empty_database: str) -> None:
    engine = make_engine(empty_database)
    try:
        with pytest.raises(SchemaNotOurs, match="tandem db upgrade") as refused:
            check_schema(engine)
        assert refused.value.found is None
    finally:
        engine.dispose()


def test_a_schema_of_another_release_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaNotOurs, match=r"9999.*newer") as refused:
        check_schema(engine)
    assert "db upgrade" not in str(refused.value)


def test_a_schema_of_a_newer_release_is_not_upgraded_but_refused(database: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = described(engine)
    with pytest.raises(SchemaNotOurs, match=r"9999.*newer"):
        upgrade(database)
    assert described(engine) == before


def test_every_stamp_knows_its_zone_and_says_which_clock_it_is_of() -> None:
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, DateTime | TIMESTAMP):
                assert column.type.timezone, f"{table.name}.{column.name}"
                assert column.name.endswith("_at"), f"{table.name}.{column.name}"


@pytest.mark.parametrize("url", ["sqlite://", "mysql://root@localhost/x", "nonsense"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(Exception, match=r"PostgreSQL only|Could not parse"):
        make_engine(url)
