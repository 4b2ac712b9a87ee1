"""What counts over all time, as SQL over a range of runs and operations: so that what is long over is counted once.

Rows (metric, labels, le, value, total) as `sync.store.gauges` has them.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Upper bounds of histograms, in seconds.
CALL_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
JOB_S = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
QUOTE_S = (60, 300, 900, 1800, 3600, 14_400, 86_400, 604_800)


def closed_sql(runs_in: str, operations_in: str) -> str:
    """A SELECT of the counters and histograms of these runs and operations; both are conditions on an ``id``."""
    ended = f"""(
        SELECT lane, split_part(subject, ':', 1) AS kind, outcome,
               greatest(extract(epoch FROM closed_machine_at - opened_machine_at), 0)::float8 AS seconds
        FROM runs WHERE outcome IS NOT NULL AND {runs_in}
    )"""
    requests = f"""(
        SELECT 'stripe' AS system, concat_ws('.', ref_kind, verb, nullif(action, '')) AS operation, state AS status,
               request_id, greatest(extract(epoch FROM closed_machine_at - sent_machine_at), 0)::float8 AS seconds
        FROM operations WHERE state IN ('done', 'failed') AND sent_machine_at IS NOT NULL AND {operations_in}
    )"""
    begun = f"""(
        SELECT greatest(extract(epoch FROM first_sent_at - p.signed_at), 0)::float8 AS seconds
        FROM (SELECT * FROM operations WHERE {_MADE.format("")} AND first_sent_at IS NOT NULL AND {operations_in}) AS o
        JOIN promises AS p ON p.quote_id = o.ref_key AND p.frozen_at IS NOT NULL
        WHERE NOT EXISTS (
            SELECT FROM operations AS earlier
            WHERE earlier.ref_key = o.ref_key AND {_MADE.format("earlier.")} AND earlier.id < o.id
        )
    ) AS begun"""
    return "UNION ALL".join(
        (
            f"""
SELECT 'ended' AS metric, ARRAY[lane, kind, outcome] AS labels, NULL::float8 AS le, count(*)::float8 AS value, NULL::float8 AS total
FROM {ended} AS ended GROUP BY lane, kind, outcome
""",
            f"""
SELECT 'requests', ARRAY[system, operation, status], NULL, count(*)::float8, NULL
FROM {requests} AS requests GROUP BY system, operation, status
""",
            _histogram("job_seconds", ("lane", "kind"), JOB_S, f"{ended} AS ended WHERE outcome <> 'refused'"),
            _histogram(
                "request_seconds",
                ("system", "operation"),
                CALL_S,
                f"{requests} AS answered WHERE request_id IS NOT NULL",
            ),
            _histogram("quote_seconds", (), QUOTE_S, begun),
        )
    )


_MADE = "{0}ref_kind IN ('schedule', 'subscription') AND {0}verb = 'create' AND {0}state = 'done'"


def _histogram(metric: str, labels: Sequence[str], bounds: Sequence[float], source: str) -> str:
    """Rows of one metric, one a label set and bound; ``source`` has the labels as columns, and ``seconds``.

    The bounds are searched negated and downwards, because a bucket holds what is *at most* its bound.
    """
    downwards = ", ".join(f"{-bound}" for bound in reversed(bounds))
    thresholds = f"ARRAY[{downwards}]::float8[]"
    told = f"ARRAY[{', '.join(labels)}]::text[]"
    keys = "".join(f"{label}, " for label in labels)
    return f"""
SELECT '{metric}', {told}, bound, coalesce(sum(many) FILTER (WHERE upto <= bound), 0)::float8, sum(long)::float8
FROM (
    SELECT {keys}coalesce(-({thresholds})[nullif(width_bucket(-seconds, {thresholds}), 0)], 'Infinity') AS upto,
           count(*) AS many, sum(seconds) AS long
    FROM {source} GROUP BY {keys}upto
) AS in_buckets CROSS JOIN unnest(ARRAY[{", ".join(map(str, bounds))}, 'Infinity']::float8[]) AS bound
GROUP BY {keys}bound
"""
