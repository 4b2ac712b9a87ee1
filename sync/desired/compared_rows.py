"""The CRM's rows against what should stand in them: rows that are missing, overwritten, or without an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sync.crm import CrmRow
from sync.deal.money import plain
from sync.desired.differences import OUTSIDE, TANDEM, Cure, Difference, Kind

INVOICE, ITEM = "Billing_Invoice__c", "Billing_Subscription_Item__c"
SUBSCRIPTION, PAYMENT = "Billing_Subscription__c", "Billing_Payment__c"
MISSING = {INVOICE: Kind.INVOICE_MISSING}
UNLIKE = {INVOICE: Kind.INVOICE_UNLIKE}
QUOTE = "Quote__c"
#: What makes a row that has no object any more count for nothing, by object. A payment has no such state.
NOTHING: Mapping[str, Mapping[str, object]] = {
    SUBSCRIPTION: {
        "Status__c": "Canceled", "MRR__c": Decimal(0), "ARR__c": Decimal(0), "Contracted_MRR__c": Decimal(0),
        "Quantity__c": Decimal(0),
    },
    ITEM: {"Quantity__c": Decimal(0), "MRR__c": Decimal(0)},
    INVOICE: {"Status__c": "Void", "Amount_Remaining__c": Decimal(0)},
    PAYMENT: {"Amount__c": Decimal(0)},
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A record as it stands in the CRM, in the terms of `sync.crm.CrmRow`; ``parents`` are keys by relationship."""

    sobject: str
    key: str
    fields: Mapping[str, object]
    parents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RowsView:
    """One Account's rows: as they should stand, as they stand, as they were written last (``told``), and those on their
    way (object and key), which are left alone.
    """

    account_id: str
    expected: Sequence[CrmRow]
    found: Sequence[Found]
    under_way: frozenset[tuple[str, str]] = frozenset()
    told: Mapping[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)
    #: Its signed quotes that are there. Salesforce blanks the look-up to one that is deleted, and brings it back with it.
    quotes: frozenset[str] = frozenset()


def rows_unlike(view: RowsView) -> list[Difference]:
    """Every row of the Account that is not as it should be; one difference a field that was overwritten."""
    there = {(row.sobject, row.key): row for row in view.found}
    found: list[Difference] = []
    for row in view.expected:
        name = (row.sobject, row.key)
        if name in view.under_way:
            continue
        if name not in there:
            found.append(_missing(view, row))
        else:
            found += _fields_unlike(view, row, there[name])
    known = {(row.sobject, row.key) for row in view.expected} | view.under_way
    return found + [_orphan(view, row) for row in orphans(view.found, known)]


def orphans(found: Iterable[Found], known: Iterable[tuple[str, str]]) -> list[Found]:
    """Rows of ours that no object stands behind, and that count for something all the same."""
    names = set(known)
    return [
        row
        for row in found
        if row.sobject in NOTHING and (row.sobject, row.key) not in names and not _counts_for_nothing(row)
    ]


def _counts_for_nothing(row: Found) -> bool:
    return all(same(row.fields.get(name) or 0, value or 0) for name, value in NOTHING[row.sobject].items())


def _missing(view: RowsView, row: CrmRow) -> Difference:
    total = row.fields.get("Total__c")
    shown = f"{row.fields.get('Status__c')}, {total}" if row.sobject == INVOICE else "a row"
    return Difference(
        MISSING.get(row.sobject, Kind.ROW_MISSING), f"account:{view.account_id}", view.account_id,
        f"{row.sobject} {row.key}", "", shown, "none", TANDEM,
    )  # fmt: skip


def _fields_unlike(view: RowsView, row: CrmRow, there: Found) -> list[Difference]:
    kind = UNLIKE.get(row.sobject, Kind.OVERWRITTEN)
    unlike = [
        (name, value, there.fields[name])
        for name, value in row.fields.items()
        if name not in row.quiet
        and name in there.fields
        and not same(value, there.fields[name])
        and not (name == QUOTE and there.fields[name] is None and value not in view.quotes)
    ]
    unlike += [
        (relation, parent[2], there.parents.get(relation))
        for relation, parent in row.parents.items()
        if there.parents.get(relation) != parent[2]
    ]
    unlike += [(relation, None, key) for relation, key in there.parents.items() if _is_to_be_blank(row, relation)]
    told = view.told.get((row.sobject, row.key), {})
    behind = [one for one in unlike if one[0] in told and same(told[one[0]], one[2])]
    found = [_unlike(view, row, kind, [one]) for one in unlike if one not in behind]
    return found + ([_unlike(view, row, UNLIKE.get(row.sobject, Kind.BEHIND), behind, TANDEM)] if behind else [])


def _is_to_be_blank(row: CrmRow, relation: str) -> bool:
    """Whether the row says that its look-up (``Renewed_By__c`` of ``Renewed_By__r``) names nothing."""
    look_up = relation.removesuffix("r") + "c"
    return look_up in row.fields and row.fields[look_up] is None


def _unlike(
    view: RowsView, row: CrmRow, kind: Kind, fields: Sequence[tuple[str, object, object]], actor: str = OUTSIDE
) -> Difference:
    """One difference for these fields (name, what should stand, what stands) of a row."""
    names, wanted, values = zip(*fields, strict=True)
    return Difference(
        kind, _subject(row, view), view.account_id, f"{row.sobject} {row.key}", ", ".join(names),
        ", ".join(map(say, wanted)), ", ".join(map(say, values)), actor,
    )  # fmt: skip


def _subject(row: CrmRow, view: RowsView) -> str:
    return f"quote:{row.key}" if row.sobject == "Quote" else f"account:{view.account_id}"


def _orphan(view: RowsView, row: Found) -> Difference:
    shown = ", ".join(say(row.fields[name]) for name in NOTHING[row.sobject] if row.fields.get(name))
    return Difference(
        Kind.ORPHAN_ROW, f"account:{view.account_id}", view.account_id, f"{row.sobject} {row.key or '(no key)'}", "",
        "no row: Stripe has no such object for this Account", shown, OUTSIDE,
        cure=Cure.SAFE if row.key else Cure.PERSON,  # without its key nothing can be written to it
    )  # fmt: skip


def same(one: object, other: object) -> bool:
    """Whether two values of a field say the same: 1.50 is 1.5, and text is as Salesforce keeps it, without blanks around."""
    return _plain(one) == _plain(other)


def _plain(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | Decimal):
        return Decimal(value).normalize() if value else Decimal(0)
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip() or None
    return value


def say(value: object) -> str:
    """A value as people read it: 800.00 and 800.0 are 800."""
    if value is None:
        return "blank"
    return format(plain(value), "f") if isinstance(value, Decimal) else str(value)
