"""What may be forgotten: notices that were taken in, and runs that wrote nothing and are not the last of their record.

Everything that money rests on stays: operations with their keys, the runs that they belong to, links, promises, facts,
usage, decisions and who made them.
"""

from __future__ import annotations

from sqlalchemy import Engine, text

#: Rows that one transaction looks at, and how many transactions a sweep has.
AT_ONCE = 5_000
MOST_TURNS = 20
#: Where in `cursors` it is kept up to which run it was looked at.
SWEPT = "swept"

# The oldest few, whether they may go or not: a statement that searched for what may go would read all that may not.
_NOTICES = text(f"""
DELETE FROM notices WHERE id IN (
    SELECT id FROM (SELECT id, processed_machine_at FROM notices ORDER BY id LIMIT {AT_ONCE}) AS oldest
    WHERE processed_machine_at < clock_timestamp() - make_interval(days => :days)
)
""")
_NEXT_RUNS = text(f"""
SELECT max(id) FROM (
    SELECT id, opened_machine_at FROM runs
    WHERE id > (SELECT coalesce(max((value ->> 'runs')::bigint), 0) FROM cursors WHERE name = '{SWEPT}')
      AND id <= (SELECT coalesce(max((value ->> 'runs')::bigint), 0) FROM cursors WHERE name = 'tallied')
    ORDER BY id LIMIT {AT_ONCE}
) AS next WHERE opened_machine_at < clock_timestamp() - make_interval(days => :days)
""")
_RUNS = text(f"""
DELETE FROM runs AS r
WHERE r.id > (SELECT coalesce(max((value ->> 'runs')::bigint), 0) FROM cursors WHERE name = '{SWEPT}') AND r.id <= :upto
  AND NOT EXISTS (SELECT FROM operations AS o WHERE o.run_id = r.id)
  AND EXISTS (SELECT FROM runs AS newer WHERE newer.subject = r.subject AND newer.id > r.id)
""")
_MOVE = text(f"""
INSERT INTO cursors (name, value) VALUES ('{SWEPT}', jsonb_build_object('runs', CAST(:upto AS bigint)))
ON CONFLICT (name) DO UPDATE SET value = excluded.value, moved_machine_at = clock_timestamp()
""")


def forget(engine: Engine, days: int) -> tuple[int, int]:
    """What is older than so many days of machine time and may go is gone; how many notices and runs. At most
    `MOST_TURNS` times `AT_ONCE` of each are looked at: the next sweep goes on.
    """
    return _notices(engine, days), _runs(engine, days)


def _notices(engine: Engine, days: int) -> int:
    gone = 0
    for _ in range(MOST_TURNS):
        with engine.begin() as connection:
            some = connection.execute(_NOTICES, {"days": days}).rowcount
        gone += some
        if some < AT_ONCE:
            break
    return gone


def _runs(engine: Engine, days: int) -> int:
    """Only runs that the counters have: they must not go down."""
    gone = 0
    for _ in range(MOST_TURNS):
        with engine.begin() as connection:
            upto = connection.scalar(_NEXT_RUNS, {"days": days})
            if upto is None:
                break
            gone += connection.execute(_RUNS, {"upto": upto}).rowcount
            connection.execute(_MOVE, {"upto": upto})
    return gone
