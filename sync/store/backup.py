"""The store as one file, and an empty store filled from it.

What the file has is what can't be read again from either side: links, what was signed, operations and their keys, who
decided what; and what would take long to read again. What only lives while processes run is left out. A restored store
looks at everything once more, under idempotency keys of its own (DESIGN 4): what happened since the backup was made is
found by metadata, and never done twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import IO, Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, Identity, Table, func, select, text

from sync.ports import Backup
from sync.store import realm
from sync.store.schema import current_version
from sync.store.tables import crm_rows, cursors, fences, installation, metadata

FORMAT = "tandem-backup/1"
MANIFEST = "manifest.json"
#: What belongs to running processes, or would only be wrong later: leases, budgets of the day, rows on their way.
LEFT_OUT = frozenset({"leaders", "flushers", "budgets", "allowances", "crm_writes"})
#: Of these only some rows: what was taken in already stands in what it led to.
ONLY: Mapping[str, str] = {"notices": "processed_machine_at IS NULL"}
#: Tables of which a used store has rows.
USED = ("links", "runs", "operations", "promises", "signatures", "subjects", "notices", "facts", "crm_rows", "cursors")
#: Cursors that a process has written by the time it is wired: since when owners are told (`sync.run.owner_tasks`).
BY_OPENING = ("owner_tasks",)
_CHUNK = 1 << 20
_ALL_DUE = (
    "UPDATE subjects SET revision = revision + 1, attempts = 0, reason = 'restore', lease_token = NULL, "
    "lease_revision = NULL, lease_until_machine_at = NULL, retry_machine_at = NULL, retrying_machine_at = NULL, "
    "marked_machine_at = clock_timestamp(), ready_machine_at = clock_timestamp()"
)
_NOBODY_HOLDS = "UPDATE units SET lease_token = NULL, lease_until_machine_at = NULL"


class BackupRefused(Exception):
    """The file or the store is not one to restore from or into; nothing was changed. Commands exit 2."""

    exit_code = 2


def tables() -> list[Table]:
    """The tables that a backup has, by name."""
    return [table for name, table in sorted(metadata.tables.items()) if name not in LEFT_OUT]


def write(engine: Engine, path: Path, *, version: str) -> Backup:
    """The store as it stands at one instant is in the file, which only its owner can read. FileExistsError when there is
    one by this name.
    """
    partly = path.with_name(path.name + ".partly")
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
    )  # taken, so that nothing is ever overwritten
    os.close(descriptor)
    try:
        with os.fdopen(os.open(partly, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            manifest = _write(engine, file, version)
            file.flush()
            os.fsync(file.fileno())
        partly.replace(path)
    except BaseException:
        partly.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return _backup(manifest)


def _write(engine: Engine, file: IO[bytes], version: str) -> dict[str, Any]:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        _no_hurry(connection)
        _, epoch = realm.installation_of(connection)
        made_at, fence = connection.execute(text("SELECT clock_timestamp(), last_value FROM fences")).one()
        manifest: dict[str, Any] = {
            "format": FORMAT, "version": version, "schema": current_version(connection),
            "realm": dict(realm.realm_of(connection)), "epoch": epoch,
            "fence": fence, "made_at": made_at.astimezone(UTC).isoformat(timespec="seconds"), "tables": {},
        }  # fmt: skip
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for table in tables():
                manifest["tables"][table.name] = _copy_out(connection, archive, table)
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
    return manifest


def _no_hurry(connection: Connection) -> None:
    """A large table takes longer than a statement usually may."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def _copy_out(connection: Connection, archive: zipfile.ZipFile, table: Table) -> dict[str, object]:
    columns = [column.name for column in table.columns]
    which = sql.SQL(" WHERE " + ONLY[table.name]) if table.name in ONLY else sql.SQL("")
    query = sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT").format(_names(columns), sql.Identifier(table.name), which)
    digest, rows = hashlib.sha256(), 0
    with archive.open(f"{table.name}.copy", "w", force_zip64=True) as entry, _cursor(connection).copy(query) as copy:
        for block in copy:
            digest.update(block)
            rows += bytes(block).count(b"\n")  # one ends a row; within a value it is written as two characters
            entry.write(block)
    return {"columns": columns, "rows": rows, "sha256": digest.hexdigest()}


def read_manifest(path: Path) -> dict[str, Any]:
    """What the file says of itself. BackupRefused for one that is no backup, or of another format."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(MANIFEST))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise BackupRefused(f"{path} is no backup of Tandem, or only a part of one.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BackupRefused(f"{path} is no backup that this release can read ({FORMAT}).")
    return manifest


def restore(engine: Engine, path: Path) -> Backup:
    """An empty store of the same realm and schema holds what the file has, everything due once more, the epoch one higher.
    All of it or, with BackupRefused, nothing.
    """
    manifest = read_manifest(path)
    with engine.connect() as connection, connection.begin():
        _no_hurry(connection)
        _check(connection, manifest)
        with zipfile.ZipFile(path) as archive:
            for table in tables():
                _copy_in(connection, archive, table, manifest["tables"][table.name])
        _settle(connection, manifest["fence"])
        realm.raise_epoch(connection)
    return _backup(manifest)


def _check(connection: Connection, manifest: Mapping[str, Any]) -> None:
    found = current_version(connection)
    if manifest["schema"] != found:
        raise BackupRefused(
            f"The backup has schema {manifest['schema']}, this store {found}. Restore it with release "
            f"{manifest['version']}, then run `tandem db upgrade` of this one."
        )
    here = realm.realm_of(connection)
    differing = sorted(n for n in {*here, *manifest["realm"]} if here and here.get(n) != manifest["realm"].get(n))
    if differing:
        told = "; ".join(f"{n} is {manifest['realm'].get(n)} there and {here.get(n)} here" for n in differing)
        raise BackupRefused(f"CONF-308: the backup is of another pair of systems: {told}.")
    connection.execute(cursors.delete().where(cursors.c.name.in_(BY_OPENING)))
    used = [name for name in USED if connection.execute(select(1).select_from(metadata.tables[name]).limit(1)).first()]
    if used:
        raise BackupRefused(f"This store is in use (it has {', '.join(used)}). Restore into an empty database.")
    expected = {table.name: [c.name for c in table.columns] for table in tables()}
    if {name: entry["columns"] for name, entry in manifest["tables"].items()} != expected:
        raise BackupRefused("The backup's tables are not those of this release.")


def _copy_in(connection: Connection, archive: zipfile.ZipFile, table: Table, entry: Mapping[str, Any]) -> None:
    if table is installation:
        connection.execute(installation.delete())  # of a store that was only opened
    query = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), _names(entry["columns"]))
    digest, rows = hashlib.sha256(), 0
    try:
        with archive.open(f"{table.name}.copy") as stream, _cursor(connection).copy(query) as copy:
            while block := stream.read(_CHUNK):
                digest.update(block)
                rows += block.count(b"\n")
                copy.write(block)
    except (KeyError, zipfile.BadZipFile, psycopg.DataError, psycopg.IntegrityError) as error:
        raise BackupRefused(f"The backup is damaged: {table.name} can't be read.") from error
    if digest.hexdigest() != entry["sha256"] or rows != entry["rows"]:
        raise BackupRefused(f"The backup is damaged: {table.name} is not what was written.")


def _settle(connection: Connection, fence: int) -> None:
    """Nobody holds anything, numbers go on behind the largest, nothing is taken for granted in the CRM, and all is due."""
    for statement in (_ALL_DUE, _NOBODY_HOLDS):
        connection.execute(text(statement))
    connection.execute(crm_rows.update().values(hash=None))
    for table in tables():
        for column in table.columns:
            if isinstance(column.identity, Identity):
                sequence = func.pg_get_serial_sequence(table.name, column.name)
                connection.execute(
                    select(
                        func.setval(sequence, select(func.coalesce(func.max(column), 0) + 1).scalar_subquery(), False)
                    )
                )
    connection.execute(select(func.setval(fences.name, fence + 1, False)))


def _cursor(connection: Connection) -> psycopg.Cursor[Any]:
    return cast("psycopg.Cursor[Any]", connection.connection.cursor())


def _names(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _backup(manifest: Mapping[str, Any]) -> Backup:
    rows = {name: entry["rows"] for name, entry in manifest["tables"].items()}
    return Backup(
        manifest["version"], manifest["schema"], manifest["realm"], manifest["epoch"], manifest["made_at"], rows
    )
