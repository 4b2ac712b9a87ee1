"""Words for what was changed after the signature (BILLING_RULES 4)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sync import catalogue
from sync.crm import CrmQuote, QuoteGraph
from sync.desired.frozen import LateChange, changed_since
from sync.errors import Refusal

Names = Mapping[type, Mapping[str, str]]
#: So many changes are told one by one: a message is read, not counted.
TOLD = 5
DELETED = "is_deleted"
MONEY = ("unit_price", "discount_amount")


def late_change(signed: QuoteGraph, present: QuoteGraph, api_names: Names) -> Refusal | None:
    """The refusal that names what was changed since the quote was billed; None when it stands as signed.

    ``api_names`` gives Salesforce's field for each attribute of a typed record.
    """
    changes = changed_since(signed, present)
    if not changes:
        return None
    first = changes[0]
    if any(change.attribute == DELETED for change in changes):
        told = ["It was deleted."]
        cure = "Restore it from the recycle bin; to end the deal, sign a Cancellation."
    else:
        told = [f"{_record(c, signed, present)}: {_said(c, api_names)}." for c in changes[:TOLD]]
        told += [f"{len(changes) - TOLD} more differ."] if len(changes) > TOLD else []
        cure = "Put it back, or sign an Amendment or a Cancellation."
    return catalogue.refusal(
        "DATA-221", f"{' '.join(told)} The deal is billed as signed. {cure}", record_id=first.record_id,
        field=_field(first, api_names) if first.attribute else "", blocked_on=(present.quote.id,),
        charged="Nothing was charged for the change.", what=_record(first, signed, present),
    )  # fmt: skip


def _record(change: LateChange, signed: QuoteGraph, present: QuoteGraph) -> str:
    """The record by the names that its page shows."""
    if change.record is CrmQuote:
        return f"Quote {signed.quote.number}"
    line = next(line for graph in (signed, present) for line in graph.lines if line.id == change.record_id)
    products = {**present.products, **signed.products}
    product = products[line.product_id].name if line.product_id in products else ""
    return " ".join(["Line", line.line_number or line.id, *([f'"{product}"'] if product else [])])


def _field(change: LateChange, api_names: Names) -> str:
    return api_names.get(change.record, {}).get(change.attribute, change.attribute) or "the line"


def _said(change: LateChange, api_names: Names) -> str:
    was, now = (_value(value, change.attribute) for value in (change.was, change.now))
    return f"{_field(change, api_names)} was {was} when it was signed and is {now} now"


def _value(value: object, attribute: str) -> str:
    """As a page shows it: money with two decimals at least, other numbers without empty ones, nothing as blank."""
    if value is None or value == "":
        return "blank"
    if not isinstance(value, Decimal):
        return str(value)
    plain = value.normalize()
    exponent = plain.as_tuple().exponent
    least = 2 if attribute in MONEY else 0
    return f"{plain:.{max(least, -exponent if isinstance(exponent, int) else 0)}f}"
