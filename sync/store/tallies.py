"""Counters of what is long over, so that a scrape reads about a day of runs however many years there are."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from sync.store.closed import closed_sql

#: Where in `cursors` it is kept up to which run and operation everything is in the tallies.
TALLIED = "tallied"
#: Machine time after which a run and an operation are over for good: only then are they tallied. What ends later is in the
#: ledger, and in no counter.
SETTLED = "1 day"
#: Ids of a table that one transaction looks at.
AT_ONCE = 20_000

#: The tallies with what came after them: rows as `sync.store.gauges` has them.
COUNTERS_SQL = """
SELECT metric, labels, le, sum(value) AS value, sum(total) AS total FROM (
    SELECT metric, labels, nullif(le, 0) AS le, value, total FROM tallies
    UNION ALL
    {}
) AS counted GROUP BY metric, labels, le
""".format(
    closed_sql(
        *(
            f"id > (SELECT coalesce(max((value ->> '{name}')::bigint), 0) FROM cursors WHERE name = '{TALLIED}')"
            for name in ("runs", "operations")
        )
    )
)

_ADD = text(f"""
INSERT INTO tallies (metric, labels, le, value, total)
SELECT metric, labels, coalesce(le, 0), value, total FROM (
    {closed_sql("id > :runs AND id <= :to_runs", "id > :operations AND id <= :to_operations")}
) AS closed
ON CONFLICT (metric, labels, le) DO UPDATE SET value = tallies.value + excluded.value, total = tallies.total + excluded.total
""")
_START = text(
    f"INSERT INTO cursors (name, value) VALUES ('{TALLIED}', '{{\"runs\": 0, \"operations\": 0}}') ON CONFLICT DO NOTHING"
)
_REACHED = text(f"SELECT value FROM cursors WHERE name = '{TALLIED}' FOR UPDATE")
_MOVE = text(
    "UPDATE cursors SET value = jsonb_build_object('runs', :runs, 'operations', :operations),"
    f" moved_machine_at = clock_timestamp() WHERE name = '{TALLIED}'"
)


def tally(engine: Engine) -> bool:
    """The next runs and operations that are over for good are in the tallies; whether there may be more of them."""
    with engine.begin() as connection:
        connection.execute(_START)
        value = connection.execute(_REACHED).scalar_one()
        reached = {"runs": int(value["runs"]), "operations": int(value["operations"])}
        to = {
            "runs": _settled(connection, "runs", "opened_machine_at", reached["runs"]),
            "operations": _settled(connection, "operations", "planned_machine_at", reached["operations"]),
        }
        if to == reached:
            return False
        connection.execute(_ADD, {**reached, **{f"to_{name}": id_ for name, id_ in to.items()}})
        connection.execute(_MOVE, to)
        return True


def _settled(connection: Connection, table: str, since: str, after: int) -> int:
    """The last id of the next `AT_ONCE` that is old enough; ``after`` where there is none."""
    found = connection.scalar(
        text(
            f"SELECT max(id) FROM (SELECT id, {since} AS since FROM {table} WHERE id > :after ORDER BY id LIMIT {AT_ONCE})"
            f" AS next WHERE since < clock_timestamp() - interval '{SETTLED}'"
        ),
        {"after": after},
    )
    return int(found) if found is not None else after
