"""Words for what was changed after the signature (BILLING_RULES 4)."""

from __future__ import annotations

from collections.abc import Mapping

from sync import catalogue
from sync.crm import CrmQuote, QuoteGraph
from sync.desired.frozen import changed_since
from sync.errors import Refusal


def late_change(signed: QuoteGraph, present: QuoteGraph, api_names: Mapping[type, Mapping[str, str]]) -> Refusal | None:
    """The refusal that names the first field changed since the quote was billed; None when it stands as signed.

    ``api_names`` gives Salesforce's field for each attribute of a typed record.
    """
    changes = changed_since(signed, present)
    if not changes:
        return None
    first = changes[0]
    what = "Quote" if first.record is CrmQuote else f"Line {first.record_id}"
    field = api_names.get(first.record, {}).get(first.attribute, first.attribute) or "the line"
    more = f" {len(changes) - 1} more differ." if len(changes) > 1 else ""
    detail = (
        f"{what}: {field} was {first.was} when it was signed and is {first.now} now.{more} "
        "The deal is billed as signed. Put it back, or sign an Amendment or a Cancellation."
    )
    return catalogue.refusal(
        "DATA-221", detail, record_id=first.record_id, field=field if first.attribute else "", blocked_on=(present.quote.id,),
        charged="Nothing was charged for the change.", what=f"{what}: {field}",
    )  # fmt: skip
