"""What Salesforce said of each row that was sent to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync.errors import OutcomeUnknown, SyncError, Transient
from sync.gateways.salesforce_client import PartAnswer
from sync.gateways.salesforce_errors import first_error, of_call, sorted_error
from sync.ports import OutRow, RowResult

Json = dict[str, Any]


def read_results(sobject: str, rows: Sequence[OutRow], answer: PartAnswer, results: dict[int, RowResult]) -> None:
    """One result for each row, by position. A part that failed as a whole failed for each of its rows."""
    body = answer.body
    if answer.ok and isinstance(body, list) and len(body) == len(rows):
        for row, one in zip(rows, body, strict=True):
            results[row.id] = _result(sobject, one if isinstance(one, dict) else {})
        return
    error = of_call(answer.status, None if answer.ok else body, what=sobject, writing=True)
    whole = of_whole(error, status_code=(first_error(body) or ("", "", ()))[0] or None)
    results.update({r.id: whole for r in rows})


def of_whole(error: SyncError, *, status_code: str | None = None) -> RowResult:
    """The result of each row of a call or a part that failed as a whole."""
    return RowResult(
        ok=False,
        code=error.code,
        message=error.message,
        transient=isinstance(error, Transient),
        status_code=status_code,
        unknown=isinstance(error, OutcomeUnknown),
    )


def _result(sobject: str, one: Json) -> RowResult:
    if one.get("success") is True:
        return RowResult(ok=True, salesforce_id=str(one.get("id") or "") or None, created=bool(one.get("created")))
    code, message, fields = first_error(one.get("errors")) or ("", "no reason given", ())
    found = sorted_error(code, message, fields, what=sobject)
    return RowResult(
        ok=False,
        code=found.code,
        message=found.message,
        transient=found.transient,
        status_code=found.status_code or None,
        no_parent=found.no_parent,
    )
