"""A plan that is one run of its own: opened in the ledger, written, and closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from sync.apply import Writer
from sync.errors import SyncError
from sync.plan import Plan
from sync.ports import Claim, Due, Ledger
from sync.records import Operation, Ref

NOTHING: Mapping[Ref, str] = MappingProxyType({})


def write_whole(
    plan: Plan,
    *,
    ledger: Ledger,
    writer: Writer,
    claim: Claim,
    due: Due,
    now: datetime,
    trigger: str,
    salesforce_id: Callable[[Operation], str],
    known: Mapping[Ref, str] = NOTHING,
) -> None:
    """The plan has taken effect, its operations linked to the records that ``salesforce_id`` names. Where one of them
    fails the run is closed as failed, and what it failed with is raised. ``known`` are Stripe ids of what is there.
    """
    run_id = ledger.open_run(
        claim=claim, subject=due.key, trigger=trigger, as_of=now, digest=plan.digest(), plan=plan.to_json()
    )
    ids = {operation.ref: salesforce_id(operation) for operation in plan.operations}
    try:
        writer.apply(plan.operations, claim=claim, run_id=run_id, known=known, salesforce_ids=ids)
    except SyncError as error:
        ledger.close_run(run_id, outcome="failed", error_code=error.code)
        raise
    ledger.close_run(run_id, outcome="done")
