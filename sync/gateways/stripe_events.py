"""`GET /v1/events`, oldest first, so that nothing that webhooks lost stays lost (reference: Stripe, section 8).

The cursor is the newest event handed over, and an event up to five minutes older from which the next read begins: what
Stripe lists late is still seen, and what is seen twice is one notice, because notices are unique by event id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.gateways.stripe_http import PAGE, StripeHttp
from sync.gateways.stripe_operations import READS
from sync.notices import notice_of_event
from sync.ports import EventPage

Json = dict[str, Any]

#: How far the next read goes back behind the newest event, in seconds of Stripe's clock, within one page.
OVERLAP_S = 300
#: Stripe keeps events for thirty days.
KEPT_S = 30 * 86_400
#: A webhook is tried again for three days at most; an event older than that will not be marked as delivered any more.
TRIED_S = 3 * 86_400


class Events:
    """The event list of one account."""

    def __init__(self, http: StripeHttp) -> None:
        self._http = http

    def read(self, cursor: Mapping[str, object] | None, source: str, *, undelivered_only: bool = False) -> EventPage:
        """The next page. ``more`` is false when the head was reached. ``undelivered_only`` lists those that no endpoint
        of ours took yet, from three days before the cursor on.
        """
        if undelivered_only:
            return self._undelivered(cursor or {}, source)
        if not cursor:
            return self._first(source)
        return self._after(cursor, source)

    def head(self) -> Mapping[str, object]:
        """A cursor from which only what comes from now on is read, but for the overlap; blank where there is no event."""
        newest_first, _ = self._list()
        return _page(newest_first, "", more=False, start=newest_first[-1]["id"]).cursor if newest_first else {}

    def _list(self, **params: object) -> tuple[list[Json], bool]:
        """A page, newest first as Stripe gives it, and whether there is more."""
        return _members(self._http.get(READS["events"], {"limit": PAGE, **params}))

    def _after(self, cursor: Mapping[str, object], source: str) -> EventPage:
        start = str(cursor.get("from") or "")
        page = self._http.find(READS["events"], {"limit": PAGE, "ending_before": start}) if start else None
        if page is None:  # older than Stripe keeps: begin again with what it still has
            return self._first(source)
        newest_first, more = _members(page)
        if not newest_first:
            return EventPage((), dict(cursor), more=False)
        return _page(newest_first, source, more=more, start=start)

    def _first(self, source: str) -> EventPage:
        """The oldest of what Stripe keeps. Short lists come whole; else the oldest second is found by halving, at the
        cost of some 25 calls once.
        """
        newest_first, more = self._list()
        if not newest_first:
            return EventPage((), {}, more=False)
        if not more:
            return _page(newest_first, source, more=False, start=newest_first[-1]["id"])
        oldest = self._oldest(int(newest_first[0]["created"]))
        return _page([oldest], source, more=True, start=oldest["id"])

    def _oldest(self, newest_s: int) -> Json:
        early, late = newest_s - KEPT_S, newest_s
        while early < late:
            middle = (early + late) // 2
            found, _ = self._list(created={"lte": middle, "gte": newest_s - KEPT_S}, limit=1)
            early, late = (early, middle) if found else (middle + 1, late)
        pages = self._http.pages(READS["events"], {"created": {"lte": late, "gte": newest_s - KEPT_S}})
        *_, last = [event for page in pages for event in page]
        return last

    def _undelivered(self, cursor: Mapping[str, object], source: str) -> EventPage:
        """Leaves the cursor's place in the whole list alone; ``after`` only pages through this one."""
        created = cursor.get("created")
        params: dict[str, object] = {"created": {"gte": created - TRIED_S}} if isinstance(created, int) else {}
        if cursor.get("after"):
            params["starting_after"] = cursor["after"]
        newest_first, more = self._list(delivery_success=False, **params)
        place = {k: v for k, v in cursor.items() if k != "after"}
        notices = tuple(notice_of_event(e, source) for e in reversed(newest_first))
        return EventPage(notices, {**place, "after": newest_first[-1]["id"]} if more else place, more=more)


def _members(page: Json) -> tuple[list[Json], bool]:
    return [e for e in page.get("data") or [] if isinstance(e, dict)], bool(page.get("has_more"))


def _page(newest_first: list[Json], source: str, *, more: bool, start: str) -> EventPage:
    newest = newest_first[0]
    notices = tuple(notice_of_event(e, source) for e in reversed(newest_first))
    begin = str(newest["id"]) if more else _overlap(newest_first, start)
    return EventPage(notices, {"id": newest["id"], "created": newest["created"], "from": begin}, more=more)


def _overlap(newest_first: list[Json], start: str) -> str:
    """The newest event that is five minutes older than the newest of all; within the last page, else where that page
    began.
    """
    limit = int(newest_first[0]["created"]) - OVERLAP_S
    return next((str(e["id"]) for e in newest_first if int(e["created"]) <= limit), start)
