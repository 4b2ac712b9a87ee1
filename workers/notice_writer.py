"""Notices into the store, as they come in: those that come together share a statement and its commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import structlog

from sync.ports import NewNotice

log = structlog.get_logger()

INSERT_TIMEOUT_S = 10.0
#: Statements under way at a time. With one, on a busy machine, every webhook waits for its commit; each further one makes
#: the others smaller, and it is the number of commits that costs.
MOST_STATEMENTS = 2
#: Connections beside those, for /readyz and /metrics.
OTHER_CONNECTIONS = 2


class StoreDown(Exception):
    """The notice could not be stored; the sender has to come again."""


#: What asyncpg raises when the store can't be reached, is going down, or refuses.
STORE_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

#: The arguments of the store's multi-row INSERT, one list a parameter.
Columns = Callable[[Sequence[NewNotice]], list[list[Any]]]


class NoticeWriter:
    """Stores notices; those that arrive while `MOST_STATEMENTS` run share the next one.

    ``dsn`` is a ``postgresql://`` URL; ``statement`` and ``columns`` are the store's INSERT and what makes its arguments.
    """

    def __init__(self, dsn: str, statement: str, columns: Columns) -> None:
        self._dsn = dsn
        self._statement = statement
        self._columns = columns
        self._pool: asyncpg.Pool | None = None
        self._connecting = asyncio.Lock()
        self._waiting: list[Waiting] = []
        self._writing: set[asyncio.Task[None]] = set()

    async def store(self, notice: NewNotice) -> None:
        """On return the notice is committed, or was there before. Raises StoreDown."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((notice, done))
        if len(self._writing) < MOST_STATEMENTS:
            self._writing.add(asyncio.create_task(self._write()))
        await done

    async def alive(self) -> bool:
        """Whether the store answers."""
        try:
            async with (await self._connected()).acquire(timeout=3) as connection:
                return bool(await connection.fetchval("SELECT true", timeout=3))
        except STORE_ERRORS:
            return False

    async def fetch(self, statement: str) -> list[asyncpg.Record]:
        """Rows of a read-only statement."""
        async with (await self._connected()).acquire(timeout=3) as connection:
            return list(await connection.fetch(statement, timeout=5))

    async def close(self) -> None:
        """Wait for what is being written, then disconnect."""
        if self._writing:
            await asyncio.wait(self._writing)
        if self._pool is not None:
            await self._pool.close()

    async def _write(self) -> None:
        this = asyncio.current_task()
        try:
            while self._waiting:
                await self._write_batches()
        finally:
            # In the same breath as the last look: who comes after it must find room for a writer of his own.
            if this is not None:
                self._writing.discard(this)

    async def _write_batches(self) -> None:
        """One after another over one connection, until nobody waits or one fails; everyone in them has been told."""
        batch: list[Waiting] = []
        try:
            async with (await self._connected()).acquire(timeout=INSERT_TIMEOUT_S) as connection:
                while self._waiting:
                    batch, self._waiting = self._waiting, []
                    columns = self._columns([notice for notice, _ in batch])
                    await connection.execute(self._statement, *columns, timeout=INSERT_TIMEOUT_S)
                    _settle(batch, None)
        except STORE_ERRORS as error:
            batch = self._or_all(batch)
            log.error("notices_not_stored", count=len(batch), error=type(error).__name__)
            _settle(batch, StoreDown(type(error).__name__))
        except BaseException:
            # Whoever waits must not wait for ever, whatever this was.
            _settle(self._or_all(batch), StoreDown("the writer ended"))
            raise

    def _or_all(self, batch: list[Waiting]) -> list[Waiting]:
        """Those whose statement failed; all that wait, where there was no connection to try it on."""
        if not any(not done.done() for _, done in batch):
            batch, self._waiting = self._waiting, []
        return batch

    async def _connected(self) -> asyncpg.Pool:
        async with self._connecting:
            if self._pool is None:
                most = MOST_STATEMENTS + OTHER_CONNECTIONS
                self._pool = await asyncpg.create_pool(
                    self._dsn, min_size=1, max_size=most, timeout=5, reset=_as_it_was
                )
            return self._pool


async def _as_it_was(_: asyncpg.Connection) -> None:
    """A connection goes back to the pool without another round trip: no statement of ours leaves anything in its session."""


Waiting = tuple[NewNotice, "asyncio.Future[None]"]


def _settle(batch: Sequence[Waiting], error: StoreDown | None) -> None:
    """Everyone who still waits is told."""
    for _, done in batch:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)
