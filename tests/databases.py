"""Databases with our schema for one test after another: emptied in between, which costs a fiftieth of making a new one.

One that a test left with another shape, or with a session that does not end, is dropped and never used again.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy.engine import make_url

from sync.store.engine import plain_dsn
from sync.store.schema import upgrade

ENDED_WITHIN_MS = 5000
#: Everything but rows that a test could have changed: schema version, columns, keys, indexes, triggers, functions, settings.
SHAPE = b"""
SELECT (SELECT string_agg(version_num, ',') FROM alembic_version),
       (SELECT md5(string_agg(concat_ws(':', attrelid::regclass, attnum, attname, atttypid, atttypmod, attnotnull), ',' ORDER BY attrelid, attnum))
          FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace = 'public'::regnamespace AND attnum > 0),
       (SELECT md5(string_agg(conname || pg_get_constraintdef(oid), ',' ORDER BY oid))
          FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
       (SELECT md5(string_agg(pg_get_indexdef(indexrelid), ',' ORDER BY indexrelid))
          FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace),
       (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
       (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
       (SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'),
       (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
OTHERS_END = b"""
SELECT coalesce(bool_and(pg_terminate_backend(pid, %s)), true)
  FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TABLES = b"""
SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
"""
SEQUENCES_BEGIN_ANEW = b"""
SELECT setval(quote_ident(sequencename)::regclass, start_value, false)
  FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
"""


@dataclass(frozen=True)
class _Place:
    """A database, a connection to it that nobody else uses, and the shape that it was made with."""

    name: str
    own: psycopg.Connection[tuple[object, ...]]
    shape: tuple[object, ...] | None

    def empty(self) -> bool:
        """Nobody else is in it, no row is left, and it is as it was made; False where that can't be had."""
        try:
            return self._emptied()
        except psycopg.OperationalError:
            return False  # a test ended every session, this one too

    def _emptied(self) -> bool:
        if self.own.execute(OTHERS_END, (ENDED_WITHIN_MS,)).fetchone() != (True,):
            return False
        if self.own.execute(SHAPE).fetchone() != self.shape:
            return False
        with self.own.transaction():
            self.own.execute(b"SET LOCAL session_replication_role = replica")  # in any order: no key is looked at
            for (table,) in self.own.execute(TABLES).fetchall():
                self.own.execute(f'DELETE FROM "{table}"'.encode())
            self.own.execute(SEQUENCES_BEGIN_ANEW)
        return True


class Databases:
    """The databases of one process of the run."""

    def __init__(self, url: str, worker: str) -> None:
        self._url, self._prefix = url, f"{worker}_{os.getpid()}"
        self._numbers = itertools.count(1)
        self._free: list[_Place] = []
        self._template = f"template_{self._prefix}"
        self._run(f'CREATE DATABASE "{self._template}"')
        upgrade(self._url_of(self._template))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of a database with our schema and no rows."""
        place = self._free.pop() if self._free else self._made()
        yield self._url_of(place.name)
        if place.empty():
            self._free.append(place)
        else:
            place.own.close()
            self._run(f'DROP DATABASE "{place.name}" WITH (FORCE)')

    @contextmanager
    def bare(self) -> Iterator[str]:
        """The URL of a database without a table."""
        name = f"empty_{self._prefix}_{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE template0')
        yield self._url_of(name)
        self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        """Disconnected; the databases go with their cluster."""
        for place in self._free:
            place.own.close()

    def _made(self) -> _Place:
        name = f"test_{self._prefix}_{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        own = psycopg.connect(plain_dsn(self._url_of(name)), autocommit=True)
        return _Place(name, own, own.execute(SHAPE).fetchone())

    def _url_of(self, name: str) -> str:
        return make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        with psycopg.connect(plain_dsn(self._url), autocommit=True) as connection:
            connection.execute(statement.encode())
