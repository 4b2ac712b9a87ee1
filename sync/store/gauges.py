"""The state of the installation as numbers for /metrics: one read-only statement, ids in none of them."""

from __future__ import annotations

#: Rows (metric, a, b, value): ``a`` and ``b`` are the labels. Names are those of `workers.web`.
GAUGES_SQL = """
WITH due AS (
    SELECT lane,
           CASE WHEN lease_token IS NOT NULL AND lease_until_machine_at > clock_timestamp() THEN 'running'
                WHEN retry_machine_at > clock_timestamp() THEN 'retrying'
                WHEN ready_machine_at > clock_timestamp() THEN 'settling'
                ELSE 'due' END AS state,
           ready_machine_at
    FROM subjects WHERE revision > done_revision
)
SELECT 'jobs' AS metric, lane AS a, state AS b, count(*)::float8 AS value FROM due GROUP BY lane, state
UNION ALL
SELECT 'oldest', lane, '', extract(epoch FROM clock_timestamp() - min(ready_machine_at))::float8
FROM due WHERE state = 'due' GROUP BY lane
UNION ALL
SELECT 'failed', split_part(error_code, '-', 1), error_code, count(*)::float8
FROM subjects WHERE failed_at IS NOT NULL AND revision = done_revision GROUP BY error_code
UNION ALL
SELECT 'last_event', source, '', extract(epoch FROM max(received_machine_at))::float8
FROM (SELECT source, received_machine_at FROM notices ORDER BY id DESC LIMIT 2000) AS newest GROUP BY source
UNION ALL
SELECT 'rows_waiting', state, '', count(*)::float8 FROM crm_writes GROUP BY state
UNION ALL
SELECT 'runs', outcome, '', count(*)::float8 FROM runs WHERE outcome IS NOT NULL GROUP BY outcome
"""
