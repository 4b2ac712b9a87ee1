"""A Stripe account's lists, page by page (`sync.ports.listing`).

The cursor of a page is the last object's id and second: ``cus_1@1767225600``. Where that object was deleted meanwhile,
Stripe refuses its id, and the list goes on from its second; a few objects are then read twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.errors import Terminal
from sync.gateways.stripe_http import PAGE, StripeHttp
from sync.gateways.stripe_money_reads import WITH_REFUNDS
from sync.gateways.stripe_operations import READS
from sync.gateways.stripe_reads import SOURCES, Reads
from sync.ports.listing import EVER, FactKind, FactPage, Span

Json = dict[str, Any]

#: The endpoint of each list, and what makes its objects complete.
LISTS: Mapping[FactKind, tuple[str, Mapping[str, object]]] = {
    "product": ("products", {}),
    "price": ("prices", SOURCES["price_id"].expand_many()),
    "coupon": ("coupons", SOURCES["coupon"].expand_many()),
    "customer": ("customers", SOURCES["customer_id"].expand_many()),
    "schedule": ("schedules", SOURCES["schedule_id"].expand_many()),
    "subscription": ("subscriptions", SOURCES["subscription_id"].expand_many()),
    "invoice": ("invoices", SOURCES["invoice_id"].expand_many()),
    "charge": ("charges", WITH_REFUNDS),
    "creditnote": ("credit_notes", {}),
}


class Lists:
    """The lists of one account. Holds nothing between pages."""

    def __init__(self, http: StripeHttp, reads: Reads) -> None:
        self._http = http
        self._reads = reads

    def page(self, kind: FactKind, after: str | None = None, span: Span = EVER) -> FactPage:
        """As `sync.ports.listing.StripeLists.list_facts` says."""
        name, complete = LISTS[kind]
        params = {"limit": PAGE, **complete}
        answer = self._after(name, params, after, span) if after else self._first(name, params, span)
        objects = [o for o in answer.get("data") or [] if isinstance(o, dict)]
        goes_on = bool(answer.get("has_more")) and bool(objects)
        return FactPage(self._reads.completed(kind, objects), _cursor(objects[-1]) if goes_on else None)

    def _first(self, name: str, params: Mapping[str, object], span: Span) -> Json:
        return self._http.get(READS[name], {**params, **_created(span.since_s, span.until_s)})

    def _after(self, name: str, params: Mapping[str, object], after: str, span: Span) -> Json:
        last, created_s = _parsed(after)
        bounds = _created(span.since_s, span.until_s)
        answer = self._http.find(READS[name], {**params, **bounds, "starting_after": last})
        if answer is None:
            answer = self._http.get(READS[name], {**params, **_created(span.since_s, created_s + 1)})
        return answer


def _created(since_s: int | None, until_s: int | None) -> dict[str, object]:
    bounds = {name: second for name, second in (("gte", since_s), ("lt", until_s)) if second is not None}
    return {"created": bounds} if bounds else {}


def _cursor(last: Json) -> str:
    return f"{last['id']}@{int(last.get('created') or 0)}"


def _parsed(cursor: str) -> tuple[str, int]:
    id, at, second = cursor.rpartition("@")
    if not (id and at and second.isdigit()):
        raise Terminal("BUG-502", "A stored cursor of a Stripe list is damaged.")
    return id, int(second)
