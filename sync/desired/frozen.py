"""A signed quote is frozen when its first Stripe write is planned (BILLING_RULES 4): what was changed since is told,
never billed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from sync.crm import CrmAccount, CrmQuote, CrmQuoteLine, QuoteGraph

_GRAPH = TypeAdapter(QuoteGraph)

#: Ours, or about how to reach people and how to ask us: these may change without the deal being another one.
NOT_SIGNED = frozenset(
    (
        "name",
        "number",
        "email",
        "contact_id",
        "contact_email",
        "contact_name",
        "billing_request",
        "billing_subscription_quote",  # follows from the subscription that is named
        "customer_choice",
        "signed_at",
        "saved_at",
        "billing_status",
        "billing_code",
        "billing_message",
        "billing_preview",
        "billing_reference",
        "contract_total",
        "first_invoice_amount",
        "contract_amount",
        "sort_order",
        "line_number",
        "description",
        "sent",  # labels: they stay as they were signed
    )
)

#: How to reach people: today's, whatever was signed.
ADDRESSEE = ("email", "contact_id", "contact_email", "contact_name", "customer_choice")


@dataclass(frozen=True)
class LateChange:
    """One thing that differs from what was signed. ``attribute`` is that of the typed record; "" for a whole line."""

    record_id: str
    record: type
    attribute: str
    was: object
    now: object


def to_json(graph: QuoteGraph) -> Mapping[str, object]:
    """The graph as JSON types; `from_json` gives an equal one back."""
    return dict(_GRAPH.dump_python(graph, mode="json", exclude={"routed_by"}))


def from_json(data: Mapping[str, object]) -> QuoteGraph:
    """The graph that `to_json` wrote."""
    return _GRAPH.validate_json(json.dumps(data))


def digest(graph: QuoteGraph) -> str:
    """A hash of all that was signed."""
    parts = [_signed(graph.quote), *(_signed(line) for line in sorted(graph.lines, key=lambda line: line.id))]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def changed_since(signed: QuoteGraph, present: QuoteGraph) -> tuple[LateChange, ...]:
    """What differs between the signed quote and the quote as it stands, lines included, in a stable order."""
    found = list(_differences(signed.quote, present.quote))
    before, after = ({line.id: line for line in graph.lines} for graph in (signed, present))
    for line_id in sorted(before.keys() | after.keys()):
        old, new = before.get(line_id), after.get(line_id)
        if old and new:
            found += _differences(old, new)
        else:
            found.append(
                LateChange(
                    line_id, CrmQuoteLine, "", "on the quote" if old else "absent", "removed" if old else "added"
                )
            )
    return tuple(found)


def as_signed(signed: QuoteGraph, present: QuoteGraph) -> QuoteGraph:
    """The graph to bill: what was signed, said to today's addressee and under today's names.

    Terms never move: the time zone of the boundaries and what the products mean are as signed, also where the Account
    or
    a product was changed, switched off or deleted since.
    """
    addressee = {name: getattr(present.quote, name) for name in ADDRESSEE}
    today = {i: present.products.get(i, p) for i, p in signed.products.items()}
    products = {i: replace(p, name=today[i].name, sent=today[i].sent) for i, p in signed.products.items()}
    return QuoteGraph(replace(signed.quote, **addressee), signed.lines, _payer(signed, present), products)


def _payer(signed: QuoteGraph, present: QuoteGraph) -> CrmAccount | None:
    """Who signed pays: on another Account than the one it was signed for, the deal would be billed a second time."""
    now = present.account
    if signed.account is None or now is None or now.is_deleted or now.id != signed.account.id:
        return signed.account
    return replace(now, billing_timezone=signed.account.billing_timezone)


def _signed(record: CrmQuote | CrmQuoteLine) -> dict[str, Any]:
    return {k: str(v) for k, v in dataclasses.asdict(record).items() if k not in NOT_SIGNED and v is not None}


def _differences(old: CrmQuote | CrmQuoteLine, new: CrmQuote | CrmQuoteLine) -> list[LateChange]:
    return [
        LateChange(old.id, type(old), f.name, getattr(old, f.name), getattr(new, f.name))
        for f in dataclasses.fields(old)
        if f.name not in NOT_SIGNED and getattr(old, f.name) != getattr(new, f.name)
    ]
