"""What is neither record nor query: the resources of a version, limits, and lists of what changed or went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.salesforce.calls import LISTED_VERSIONS, Call, Reply, Router
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.values import to_datetime

_LONGEST_LOOK_BACK = timedelta(days=30)
_SHORTEST_SPAN = timedelta(minutes=1)


def add_routes(router: Router) -> None:
    """Answer for housekeeping calls."""
    router.add("GET", "", resources)
    router.add("GET", "limits", limits)
    router.add("GET", "recent", lambda call: Reply(200, []))
    router.add("GET", "sobjects/*/updated", updated)
    router.add("GET", "sobjects/*/deleted", deleted)


def versions() -> list[dict[str, str]]:
    """The API versions served; needs no log-in."""
    return [{"label": f"API {v}", "url": f"/services/data/v{v}", "version": v} for v in LISTED_VERSIONS]


def resources(call: Call) -> Reply:
    """The addresses below this version."""
    names = ("sobjects", "query", "queryAll", "limits", "recent", "composite")
    user = f"/id/{call.org.id}/{call.access.user.id}"
    return Reply(200, {name: f"{call.base}/{name}" for name in names} | {"identity": user})


def limits(call: Call) -> Reply:
    """The org's allowances and what is left of them."""
    most = call.org.switches.daily_calls
    fixed = {
        "ConcurrentAsyncGetReportInstances": 200,
        "DailyAsyncApexExecutions": 250_000,
        "DailyBulkApiBatches": 15_000,
        "DailyBulkV2QueryJobs": 10_000,
        "DataStorageMB": 1024,
        "FileStorageMB": 1024,
    }
    body: dict[str, Any] = {name: {"Max": value, "Remaining": value} for name, value in fixed.items()}
    body["DailyApiRequests"] = {"Max": most, "Remaining": max(0, most - call.org.calls_used)}
    return Reply(200, body)


def updated(call: Call) -> Reply:
    """Ids of records created or changed in the span; ``latestDateCovered`` stops at the oldest open transaction."""
    entity = call.access.entity(call.parts[1])
    start, end = _span(call)
    rows = call.org.store.rows(entity.name)
    ids = [row["Id"] for row in rows if not row.get("IsDeleted") and start <= row["SystemModstamp"] < end]
    return Reply(200, {"ids": ids, "latestDateCovered": _covered(call, end)})


def deleted(call: Call) -> Reply:
    """Ids of records deleted in the span."""
    entity = call.access.entity(call.parts[1])
    start, end = _span(call)
    gone = [
        {"deletedDate": row["SystemModstamp"], "id": row["Id"]}
        for row in call.org.store.rows(entity.name)
        if row.get("IsDeleted") and start <= row["SystemModstamp"] < end
    ]
    earliest = call.org.now - _LONGEST_LOOK_BACK
    body = {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": _covered(call, end)}
    return Reply(200, body)


def _covered(call: Call, end: datetime) -> datetime:
    open_since = [datetime.fromtimestamp(held.taken_at_s, UTC) for held in call.org.store.held]
    return min([end, call.org.now, *open_since])


def _span(call: Call) -> tuple[datetime, datetime]:
    start, end = (_instant(call, name).replace(second=0) for name in ("start", "end"))
    if end - start < _SHORTEST_SPAN:
        raise SalesforceError("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
    if start < call.org.now - _LONGEST_LOOK_BACK:
        raise SalesforceError("INVALID_REPLICATION_DATE", "startDate before org replication enabled date")
    return start, end


def _instant(call: Call, name: str) -> datetime:
    text = call.params.get(name)
    if text is None:
        raise SalesforceError("MISSING_ARGUMENT", f"{name} is required")
    try:
        return to_datetime(text)
    except ValueError as error:
        raise SalesforceError("INVALID_REPLICATION_DATE", f"{name}: {error}") from error
