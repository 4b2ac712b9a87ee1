"""``query``, ``queryAll`` and the pages that follow."""

from __future__ import annotations

import re
from typing import Any

from sandbox.salesforce.calls import Call, Reply, Router
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.soql_run import QueryRun

_DEFAULT_PAGE, _SMALLEST_PAGE, _LARGEST_PAGE = 2000, 200, 2000
_CURSORS_KEPT = 50


class Cursors:
    """The rest of long results, by locator; the oldest are forgotten, as Salesforce forgets them."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, list[Any]]] = {}

    def add_routes(self, router: Router) -> None:
        """Answer for queries."""
        router.add("GET", "query", self.query)
        router.add("GET", "queryAll", self.query_all)
        router.add("GET", "query/*", self.more)
        router.add("GET", "queryAll/*", self.more)

    def query(self, call: Call) -> Reply:
        """The first page of records that are not deleted."""
        return self._first(call, with_deleted=False)

    def query_all(self, call: Call) -> Reply:
        """The first page, records of the recycle bin among them."""
        return self._first(call, with_deleted=True)

    def more(self, call: Call) -> Reply:
        """The page at a locator."""
        locator, dash, start = call.parts[1].rpartition("-")
        if not dash or not start.isdigit() or locator not in self._kept:
            raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
        total, records = self._kept[locator]
        return Reply(200, self._page(call, locator, total, records, int(start)))

    def _first(self, call: Call, *, with_deleted: bool) -> Reply:
        text = call.params.get("q")
        if text is None:
            raise SalesforceError("MALFORMED_QUERY", "The q parameter is required")
        total, records = QueryRun(call.org, call.access, text, call.version, with_deleted=with_deleted).run()
        locator = ""
        if len(records) > _page_size(call):
            locator = str(full_id(call.org.mint.new("01g")[:15]))
            self._kept[locator] = (total, records)
            for old in list(self._kept)[:-_CURSORS_KEPT]:
                del self._kept[old]
        return Reply(200, self._page(call, locator, total, records, 0))

    def _page(self, call: Call, locator: str, total: int, records: list[Any], start: int) -> dict[str, Any]:
        end = start + _page_size(call)
        body: dict[str, Any] = {"totalSize": total, "done": end >= len(records)}
        if not body["done"]:
            body["nextRecordsUrl"] = f"{call.base}/query/{locator}-{end}"
        return body | {"records": records[start:end]}


def _page_size(call: Call) -> int:
    match = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""))
    return min(max(int(match.group(1)), _SMALLEST_PAGE), _LARGEST_PAGE) if match else _DEFAULT_PAGE
