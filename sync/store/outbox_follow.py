"""Rows of an Account that was merged: from then on they are the winner's, those that wait and those that stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Text, and_, bindparam, select, update

from sync.store import flush_results, outbox_put
from sync.store.crm_content import hash_of
from sync.store.tables import crm_rows, crm_writes

_r, _w = crm_rows.c, crm_writes.c
#: What names an Account in a row that no run writes again: an issue is closed as it stood.
_NAMES = ("Billing_Issue__c", "Account__c")


def followed(connection: Connection, loser: str, winner: str) -> int:
    """As `sync.ports.Outbox.followed` says. Salesforce gives the winner what looked up the loser, but no text field and
    nothing that is still on its way.
    """
    waiting = and_(_w.group == loser, _w.sobject != "Account")
    sobject, name = _NAMES
    standing = and_(_r.sobject == sobject, _r.content[("fields", name)].astext == loser)
    names = [tuple(row) for row in connection.execute(select(_w.sobject, _w.key).where(waiting))]
    names += [tuple(row) for row in connection.execute(select(_r.sobject, _r.key).where(standing))]
    outbox_put.lock_rows(connection, names)
    for row in connection.execute(select(_r.sobject, _r.key, _r.content).where(standing)).all():
        mine = (_r.sobject == row.sobject) & (_r.key == row.key)
        content = _renamed(row.content, loser, winner)
        connection.execute(update(crm_rows).where(mine).values(content=content, hash=None))
    rows = connection.execute(select(_w.id, _w.content).where(waiting).with_for_update()).all()
    changed = [{"row": row.id, "to": _renamed(row.content, loser, winner)} for row in rows]
    if changed:
        same = update(crm_writes).where(_w.id == bindparam("row"))
        told = same.values(
            content=bindparam("to", type_=_w.content.type), hash=bindparam("told", type_=Text()), group=winner
        )
        connection.execute(told, [{**one, "told": hash_of(one["to"])} for one in changed])
        gone = (_w.state == "failed") & (_w.error_code == flush_results.GONE_CODE)
        again = update(crm_writes).where(gone, _w.id.in_([one["row"] for one in changed]))
        connection.execute(again.values(dict(outbox_put.FRESH)))
    return len(changed)


def _renamed(content: Mapping[str, Any], loser: str, winner: str) -> dict[str, Any]:
    fields = {name: winner if value == loser else value for name, value in content["fields"].items()}
    group = winner if content["group"] == loser else content["group"]
    return {**content, "fields": fields, "group": group}
