"""Which rows begin to stand open by being put, and what is said of it: seen under the lock of the row, so once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_

from sync.crm import CrmRow
from sync.ports import Opening
from sync.store.tables import crm_writes

Name = tuple[str, str]  # object, key
STATUS, OPEN = "Status__c", "Open"


def opened(
    connection: Connection, names: Sequence[Name], known: Mapping[Name, Row[Any]], told: Mapping[Name, Opening]
) -> list[CrmRow]:
    """What goes along with these rows, of which ``told`` says it. The rows of ``known`` (`crm_rows`) are locked."""
    asked = [name for name in names if name in told]
    if not asked:
        return []
    queued = select(crm_writes.c.sobject, crm_writes.c.key, crm_writes.c.content).where(
        tuple_(crm_writes.c.sobject, crm_writes.c.key).in_(asked)
    )
    stood = {name: known[name].content for name in asked}
    stood |= {(row.sobject, row.key): row.content for row in connection.execute(queued)}  # what waits says more
    found = []
    for name in asked:
        fields = stood[name]["fields"] if stood[name] else None
        if fields is None or fields.get(STATUS) != OPEN:
            row = told[name](fields)
            found += [row] if row else []
    return found
