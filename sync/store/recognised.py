"""Subscriptions and schedules of ours whose metadata somebody removed in Stripe: a link still says which they are, and the
ledger what they were told (DESIGN 4: by link, then by list).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from sync.desired.keys import KEY, QUOTE
from sync.facts import Fact, Schedule, Subscription
from sync.store.tables import links, operations

KINDS = ("subscription", "schedule")

_LINKED = select(links.c.key, links.c.stripe_id).where(
    links.c.stripe_account == bindparam("of_account"),
    links.c.stripe_kind.in_(KINDS),
    links.c.stripe_id == func.any(bindparam("ids", type_=ARRAY(Text))),
)
_o = operations.c
#: A deal is billed on one Stripe account, so its key says which operations are meant.
_TOLD = (
    select(_o.ref_kind, _o.ref_key, _o.remote_id, _o.payload["metadata"].label("metadata"))
    .where(
        _o.ref_kind.in_(KINDS),
        _o.ref_key == func.any(bindparam("keys", type_=ARRAY(Text))),
        _o.state == "done",
        _o.payload.has_key("metadata"),
    )
    .order_by(_o.id)
)


def recognised(connection: Connection, found: Sequence[Fact], account: str) -> list[Fact]:
    """The same facts, where those that carry no key of ours though a link holds them have again what they were told. Only
    the quote's id is left away: by that a plan sees that something is missing, and puts all of it back.
    """
    bare = {
        f.id: f for f in found if isinstance(f, Subscription | Schedule) and not f.deleted and KEY not in f.metadata
    }
    if not bare:
        return list(found)
    rows = connection.execute(_LINKED, {"of_account": account, "ids": list(bare)})
    keys = {row.stripe_id: row.key.partition(":")[2] for row in rows}
    if not keys:
        return list(found)
    told: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(_TOLD, {"keys": list(set(keys.values()))}):
        told[row.ref_key].append(row)
    return [_as_told(f, told[keys[f.id]]) if f.id in bare and f.id in keys else f for f in found]


def _as_told(fact: Fact, told: Sequence[Any]) -> Fact:
    """A subscription was told by itself or by the schedule that began it. A schedule counts what it was told itself: one
    that was only begun is half made, and has no key yet.
    """
    known: dict[str, str] = {}
    for row in told:
        if isinstance(fact, Subscription) or (row.ref_kind == "schedule" and row.remote_id == fact.id):
            known |= _said(row.metadata)
    if KEY not in known:
        return fact
    known.pop(QUOTE, None)
    return fact.model_copy(update={"metadata": {**known, **fact.metadata}})


def _said(metadata: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in metadata.items() if v not in (None, "")} if isinstance(metadata, Mapping) else {}
