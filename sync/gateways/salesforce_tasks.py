"""Tasks for the owners of Accounts: made once, never changed.

A Task has no external id, so it can't be upserted. Its subject is its key (`sync.desired.owner_task`): before a Task is
made it is looked for by subject and record, in the same call in which the owners are read. What was made by a call that
nobody heard the answer of is found that way, also in the recycle bin and the archive.
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog
from simple_salesforce.format import format_soql

from sync.clock import Deadline
from sync.errors import SyncError
from sync.gateways.salesforce_client import HEAVY_PARTS, Part, PartAnswer, SalesforceHttp, is_id, query_path
from sync.gateways.salesforce_errors import of_call
from sync.gateways.salesforce_results import of_whole, read_results
from sync.ports import OutRow, RowResult

Json = dict[str, Any]
Made = Mapping[tuple[str, str], str]  # (WhatId, Subject) -> Id

log = structlog.get_logger()

TASK = "Task"
#: What a Task is given; also what the log-in has to be allowed to give it.
FIELDS = ("Subject", "WhatId", "OwnerId", "Description", "ActivityDate", "Priority", "Status")
#: Records in one Collections call, and ids in one IN list.
RECORDS, IDS = 200, 150
#: Characters of the values in one look-up: a condition may have 4,000, quotes, commas and the ids included.
LOOKED_UP = 3_600
OF_ID = 22
ACCOUNT_PREFIX = "001"
NO_RECORD = "Task: the record that it is about has no Salesforce id."
NOT_THERE = 404
#: Nobody can be given a Task who has left.
INACTIVE = frozenset({"INACTIVE_OWNER_OR_USER", "OP_WITH_INACTIVE_USER_EXCEPTION"})


class Tasks:
    """Making the Tasks of one org. Holds nothing between calls."""

    def __init__(self, http: SalesforceHttp) -> None:
        self._http = http

    def make(self, rows: Sequence[OutRow], results: dict[int, RowResult], deadline: Deadline) -> None:
        """Each row has a result: its Task is there, made now or before, or why not. Nothing is raised that would be said of
        other rows.
        """
        astray = [r for r in rows if not is_id(_what(r))]
        results.update({r.id: RowResult(ok=False, code="BUG-502", message=NO_RECORD) for r in astray})
        good = [r for r in rows if r.id not in results]
        for first in range(0, len(good), RECORDS):
            some = good[first : first + RECORDS]
            try:
                self._some(some, results, deadline)
            except SyncError as error:
                whole = of_whole(error)
                results.update({r.id: whole for r in some if r.id not in results})

    def missing_rights(self) -> Sequence[str]:
        """What the log-in may not do of what `make` does, in plain words; empty when nothing is missing. One call."""
        answer = self._http.call("GET", f"/sobjects/{TASK}/describe", what=TASK, fits=lambda a: a.status == NOT_THERE)
        told = answer.json() if answer.ok else None
        if not isinstance(told, dict):
            return ["Task can't be read (CONF-302): it needs the user permission Access Activities"]
        if not told.get("createable"):
            return ["Task can't be created (CONF-302): it needs the user permission Edit Tasks"]
        given = {str(f["name"]) for f in told.get("fields", []) if f.get("createable")}
        return [f"Task.{name} can't be written (CONF-302)" for name in FIELDS if name not in given]

    def _some(self, rows: Sequence[OutRow], results: dict[int, RowResult], deadline: Deadline) -> None:
        made, owners = self._looked(rows, deadline)
        results.update({r.id: RowResult(ok=True, salesforce_id=made[_key(r)]) for r in rows if _key(r) in made})
        new = [r for r in rows if _key(r) not in made]
        self._create(new, owners, results, deadline)
        left = [r for r in new if results[r.id].status_code in INACTIVE]
        if left:
            log.warning("task_owner_inactive", records=sorted({_what(r) for r in left}))
            for row in left:
                del results[row.id]  # what becomes of the second try is what counts
            self._create(left, {}, results, deadline)

    def _looked(self, rows: Sequence[OutRow], deadline: Deadline) -> tuple[Made, Mapping[str, str]]:
        """The Tasks of these rows that there are, and the owners of the Accounts by the record that a Task is about."""
        about = sorted({_what(r) for r in rows})
        accounts = [i for i in about if i.startswith(ACCOUNT_PREFIX)]
        quotes = [i for i in about if not i.startswith(ACCOUNT_PREFIX)]
        parts = [_part("Account", "SELECT Id, OwnerId FROM Account WHERE Id IN {}", some) for some in _by_ids(accounts)]
        parts += [
            _part("Quote", "SELECT Id, Account.OwnerId FROM Quote WHERE Id IN {}", some) for some in _by_ids(quotes)
        ]
        parts += [_look_up(some) for some in _by_length(rows)]
        made: dict[tuple[str, str], str] = {}
        owners: dict[str, str] = {}
        for row in self._rows_of(parts, deadline):
            if "Subject" in row:
                made[str(row["WhatId"]), str(row["Subject"])] = str(row["Id"])
            elif owner := row.get("OwnerId") or (row.get("Account") or {}).get("OwnerId"):
                owners[str(row["Id"])] = str(owner)
        return made, owners

    def _rows_of(self, parts: Sequence[Part], deadline: Deadline) -> Iterator[Json]:
        for first in range(0, len(parts), HEAVY_PARTS):
            some = parts[first : first + HEAVY_PARTS]
            for part, answer in zip(some, self._http.composite(some, deadline=deadline).parts, strict=True):
                records = answer.body.get("records") if answer.ok and isinstance(answer.body, dict) else None
                if not isinstance(records, list):
                    raise of_call(answer.status, answer.body, what=part.what, writing=False)
                yield from records

    def _create(
        self, rows: Sequence[OutRow], owners: Mapping[str, str], results: dict[int, RowResult], deadline: Deadline
    ) -> None:
        if rows:
            body = {"allOrNone": False, "records": [_record(r, owners.get(_what(r))) for r in rows]}
            answer = self._http.call(
                "POST", "/composite/sobjects", body=body, what=TASK, writing=True, deadline=deadline
            )
            read_results(TASK, rows, PartAnswer(answer.status, answer.json()), results)


def _record(row: OutRow, owner: str | None) -> Json:
    """Without an owner the Task is the log-in's own, as Salesforce has it."""
    given = {"OwnerId": owner} if owner else {}
    return {"attributes": {"type": TASK}, row.row.key_field: row.row.key, **row.row.fields, **given}


def _part(what: str, soql: str, values: Sequence[str]) -> Part:
    return Part("GET", query_path(format_soql(soql, list(values))), what=what)


def _look_up(rows: Sequence[OutRow]) -> Part:
    soql = format_soql(
        "SELECT Id, WhatId, Subject FROM Task WHERE WhatId IN {} AND Subject IN {}",
        sorted({_what(r) for r in rows}),
        [r.row.key for r in rows],
    )
    return Part("GET", query_path(soql, deleted=True), what=TASK)


def _by_ids(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[i : i + IDS] for i in range(0, len(ids), IDS))


def _by_length(rows: Sequence[OutRow]) -> Iterator[list[OutRow]]:
    """Rows whose subjects and ids fit into one condition."""
    some: list[OutRow] = []
    size = 0
    for row in rows:
        own = len(row.row.key) + OF_ID + len("'',")
        if some and size + own > LOOKED_UP:
            yield some
            some, size = [], 0
        some.append(row)
        size += own
    if some:
        yield some


def _what(row: OutRow) -> str:
    return str(row.row.fields["WhatId"])


def _key(row: OutRow) -> tuple[str, str]:
    return _what(row), row.row.key
