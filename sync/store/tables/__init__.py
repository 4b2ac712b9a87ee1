"""Every table of the store, a module for each subject. PostgreSQL only; one row says one thing; states are checked by the database.

Two clocks, never in one column (DESIGN 3): ``…_machine_at`` is PostgreSQL's clock (leases, back-off, audit), ``…_at`` is business time.
"""

from __future__ import annotations

from sync.store.tables.columns import LANES, fences, metadata
from sync.store.tables.crm import ROW_STATES, crm_rows, crm_writes, flushers
from sync.store.tables.decisions import audit, cohorts, kept_apart, pauses, questions
from sync.store.tables.knowledge import facts, promises, signatures
from sync.store.tables.ledger import OPERATION_STATES, links, operations, runs
from sync.store.tables.standing import allowances, budgets, cursors, inputs_acted_on, installation, leaders, tallies
from sync.store.tables.usage import USAGE_STATES, usage_events, usage_windows
from sync.store.tables.work import notices, subjects, units

__all__ = [
    "LANES",
    "OPERATION_STATES",
    "ROW_STATES",
    "USAGE_STATES",
    "allowances",
    "audit",
    "budgets",
    "cohorts",
    "crm_rows",
    "crm_writes",
    "cursors",
    "facts",
    "fences",
    "flushers",
    "inputs_acted_on",
    "installation",
    "kept_apart",
    "leaders",
    "links",
    "metadata",
    "notices",
    "operations",
    "pauses",
    "promises",
    "questions",
    "runs",
    "signatures",
    "subjects",
    "tallies",
    "units",
    "usage_events",
    "usage_windows",
]
