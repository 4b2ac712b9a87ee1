"""The port `UsageWindows`: times that are over whose use we bill ourselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, and_, delete, exists, or_, select
from sqlalchemy.dialects.postgresql import insert

from sync.store.tables import usage_events, usage_windows
from sync.usage.windows import Window

_w, _u = usage_windows.c, usage_events.c
_SAID = ("customer", "event", "start_at", "end_at", "closes_at", "stated")


class StoredUsageWindows:
    """`sync.ports.usage.UsageWindows` in PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, deal: str, windows: Sequence[Window]) -> None:
        rows = [{"key": w.key, "deal": w.deal, **{name: getattr(w, name) for name in _SAID}} for w in windows]
        gone = delete(usage_windows).where(_w.deal == deal, _w.key.not_in([w.key for w in windows]), ~_w.stated)
        put = insert(usage_windows)
        differs = or_(*(_w[name] != put.excluded[name] for name in _SAID))
        put = put.on_conflict_do_update(
            index_elements=[_w.key], set_={name: put.excluded[name] for name in _SAID}, where=differs
        )
        with self._engine.begin() as connection:
            connection.execute(gone)
            if rows:
                connection.execute(put, rows)

    def of_customers(self, customers: Iterable[str]) -> Sequence[Window]:
        wanted = select(usage_windows).where(_w.customer.in_(list(customers))).order_by(_w.key)
        with self._engine.begin() as connection:
            return [_window(row) for row in connection.execute(wanted)]

    def unsettled(self, customer: str, event: str, start: datetime, end: datetime, since: datetime) -> bool:
        mine = and_(_u.customer == customer, _u.event == event, _u.happened_at >= start, _u.happened_at < end)
        open_ = or_(_u.state.in_(("waiting", "sending")), and_(_u.state == "sent", _u.sent_at > since))
        with self._engine.begin() as connection:
            return bool(connection.execute(select(exists().where(mine, open_))).scalar())


def _window(row: Row[Any]) -> Window:
    return Window(row.key, row.deal, **{name: getattr(row, name) for name in _SAID})
