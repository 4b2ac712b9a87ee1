"""The state of the installation as numbers for /metrics: one read-only statement, ids in none of them.

Ages and durations are machine time; the one from signature to subscription is business time on both ends (DESIGN 3).
"""

from __future__ import annotations

from sync.store.tallies import COUNTERS_SQL

_SOURCES = """
WITH due AS (
    SELECT lane,
           CASE WHEN lease_token IS NOT NULL AND lease_until_machine_at > clock_timestamp() THEN 'running'
                WHEN retry_machine_at > clock_timestamp() THEN 'retrying'
                WHEN ready_machine_at > clock_timestamp() THEN 'settling'
                ELSE 'due' END AS state,
           ready_machine_at
    FROM subjects WHERE revision > done_revision
), unbilled AS (
    SELECT s.quote_id FROM signatures AS s JOIN subjects AS j ON j.key = 'quote:' || s.quote_id
    WHERE (j.failed_at IS NOT NULL OR j.revision > j.done_revision OR j.wake_at IS NOT NULL)
      AND NOT EXISTS (SELECT FROM links AS l WHERE l.salesforce_id = s.quote_id AND l.stripe_kind IN ('schedule', 'subscription'))
      -- A change has nothing of its own in Stripe: its first write froze its promise, and what it changed is its deal's.
      AND NOT EXISTS (SELECT FROM promises AS p JOIN links AS l ON l.salesforce_id = p.deal_key
                      WHERE p.quote_id = s.quote_id AND p.frozen_at IS NOT NULL
                        AND l.stripe_kind IN ('schedule', 'subscription'))
), reconciled AS (
    SELECT plan, closed_machine_at FROM runs WHERE subject = 'reconcile:all' AND outcome = 'done' ORDER BY id DESC LIMIT 1
)
"""

_NUMBERS = """
SELECT 'jobs' AS metric, ARRAY[lane, state] AS labels, NULL::float8 AS le, count(*)::float8 AS value, NULL::float8 AS total
FROM due GROUP BY lane, state
UNION ALL
SELECT 'oldest', ARRAY[lane], NULL, extract(epoch FROM clock_timestamp() - min(ready_machine_at))::float8, NULL
FROM due WHERE state = 'due' GROUP BY lane
UNION ALL
SELECT 'failed', ARRAY[split_part(error_code, '-', 1), error_code], NULL, count(*)::float8, NULL
FROM subjects WHERE failed_at IS NOT NULL AND revision = done_revision GROUP BY error_code
UNION ALL
SELECT 'last_event', ARRAY[source], NULL, extract(epoch FROM max(received_machine_at))::float8, NULL
FROM (SELECT source, received_machine_at FROM notices ORDER BY id DESC LIMIT 2000) AS newest GROUP BY source
UNION ALL
SELECT 'rows', ARRAY[state], NULL, count(*)::float8, NULL FROM crm_writes GROUP BY state
UNION ALL
SELECT 'usage', ARRAY[state], NULL, count(*)::float8, NULL FROM usage_events WHERE state <> 'sent' GROUP BY state
UNION ALL
SELECT 'write_lag', ARRAY[]::text[], NULL,
       coalesce(extract(epoch FROM clock_timestamp() - min(queued_machine_at)), 0)::float8, NULL
FROM crm_writes WHERE state IN ('waiting', 'sent')
UNION ALL
SELECT 'open_requests', ARRAY['stripe', state], NULL, count(*)::float8, NULL
FROM operations WHERE state IN ('sent', 'unknown') GROUP BY state
UNION ALL
SELECT 'unbilled', ARRAY[]::text[], NULL, count(*)::float8, NULL FROM unbilled
UNION ALL
SELECT 'unbilled_late', ARRAY[]::text[], NULL, (value ->> 'late')::float8, NULL FROM cursors WHERE name = 'won_not_billed'
UNION ALL
SELECT 'drift', ARRAY[one ->> 'field', one ->> 'severity'], NULL, (one ->> 'count')::float8, NULL
FROM reconciled, jsonb_array_elements(plan -> 'drift') AS one
UNION ALL
SELECT 'reconciled', ARRAY[]::text[], NULL, extract(epoch FROM closed_machine_at)::float8, NULL FROM reconciled
UNION ALL
SELECT 'unlike', ARRAY[]::text[], NULL, count(*)::float8, NULL FROM (
    SELECT key FROM crm_rows WHERE sobject = 'Billing_Issue__c' AND key LIKE 'BUG-503:%'
    UNION SELECT key FROM crm_writes WHERE sobject = 'Billing_Issue__c' AND key LIKE 'BUG-503:%'
) AS issues
UNION ALL
SELECT 'migrated', ARRAY[]::text[], NULL, (count(*) FILTER (WHERE stage = 'cut'))::float8 / count(*), NULL
FROM cohorts HAVING count(*) > 0
UNION ALL
SELECT 'migrated_money', ARRAY[upper(currency)], NULL,
       (coalesce(sum(legacy_minor) FILTER (WHERE stage = 'cut'), 0) / sum(legacy_minor))::float8, NULL
FROM cohorts GROUP BY upper(currency) HAVING sum(legacy_minor) > 0
UNION ALL
SELECT 'quota', ARRAY[]::text[], NULL, used::float8 / allowed, NULL FROM allowances WHERE name = 'salesforce' AND allowed > 0
UNION ALL
SELECT 'paused', ARRAY[known.scope], NULL, count(p.scope)::float8, NULL
FROM (SELECT unnest(ARRAY['all', 'salesforce', 'stripe']) AS scope
      UNION SELECT mark FROM installation, jsonb_object_keys(realm) AS mark WHERE mark LIKE 'stripe:%') AS known
LEFT JOIN pauses AS p ON p.scope = known.scope AND (p.until_machine_at IS NULL OR p.until_machine_at > clock_timestamp())
GROUP BY known.scope
"""

#: Rows (metric, labels, le, value, total). Numbers have ``le`` and ``total`` NULL. A histogram has a row for each label set
#: and bound: ``value`` is how many were at most ``le``, ``total`` the sum of all. Names are those of `workers.metrics`.
GAUGES_SQL = f"{_SOURCES}{_NUMBERS}UNION ALL{COUNTERS_SQL}"
