"""Credit notes at what Stripe itself says that they come to. How it rounds the tax of a part of a line is written nowhere, and a
note whose parts do not add up to it is refused (docs/assumptions.md, S70).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sync.desired.credit_lines import BEFORE_TAX
from sync.plan import Plan
from sync.ports import StripeGateway
from sync.records import Operation, Value, Verb

#: Where the money of a note on a paid invoice goes; of each note only one.
GOES_TO = ("credit_amount", "refund_amount")


def to_the_cent(plan: Plan, stripe: StripeGateway) -> Plan:
    """The plan with every credit note on a paid, taxed invoice giving back what Stripe says that the note comes to: one read for
    each that is still to be made.
    """
    return replace(plan, operations=tuple(_of(one, stripe) for one in plan.operations))


def _of(operation: Operation, stripe: StripeGateway) -> Operation:
    goes_to = next((name for name in GOES_TO if name in operation.payload), None)
    if operation.verb is not Verb.CREATE or operation.ref.kind != "creditnote" or goes_to is None:
        return operation
    if not _is_taxed(operation.payload):
        return operation
    ours, total = operation.payload[goes_to], stripe.credit_total(operation.payload)
    if total == ours:
        return operation
    metadata = operation.payload.get("metadata")
    assert isinstance(metadata, Mapping)
    # What the note is worth is what we worked out, whatever its tax comes to.
    worth: Mapping[str, Value] = {BEFORE_TAX: str(ours), **metadata}
    return replace(operation, payload={**operation.payload, goes_to: total, "metadata": worth})


def _is_taxed(payload: Mapping[str, Value]) -> bool:
    """Only lines of an invoice are credited where there is tax (`sync.desired.credit_lines`)."""
    lines = payload.get("lines")
    some = lines if isinstance(lines, (list, tuple)) else ()
    return any(isinstance(line, Mapping) and line.get("type") == "invoice_line_item" for line in some)
