"""Operations whose answer was lost. What a look finds in effect is closed; what it does not find stays open, and
`apply` decides its key.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from sync.plan import Plan
from sync.ports import Ledger
from sync.records import Ref

log = structlog.get_logger()


def close_found(ledger: Ledger, plan: Plan, known: Mapping[Ref, str]) -> int:
    """Every open operation on an object that is there, and that the plan does not ask for again, is done; returns how
    many.

    Left open, its key would be used for the same content once more, and Stripe would replay the old answer instead of
    doing it (DESIGN 8.1). The run that lost it is closed as ``interrupted``.
    """
    asked = {(o.ref, str(o.verb), o.action) for o in plan.operations}
    found = [o for o in ledger.open_operations(known) if (o.ref, o.verb, o.action) not in asked]
    for operation in found:
        ledger.adopted(operation.id, known[operation.ref])
        ledger.close_run(operation.run_id, outcome="interrupted")
        log.info(
            "operation_found",
            ref=str(operation.ref),
            verb=operation.verb,
            stripe_id=known[operation.ref],
            idempotency_key=operation.key,
        )
    return len(found)
