"""What a comparison of both sides finds: kinds of difference, and who may put each right (BILLING_RULES 7, 9)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How two sides can be unlike."""

    DEAL_WITHOUT_SUBSCRIPTION = "deal without subscription"
    SUBSCRIPTION_WITHOUT_DEAL = "subscription without deal"
    CHANGED_IN_STRIPE = "changed in Stripe"
    STATUS = "status unlike"
    AMOUNT = "amount unlike"
    CREDIT = "credit missing in Stripe"
    TWO_LIVE = "two live subscriptions"
    NOT_DONE = "not brought about yet"
    LINK_MISSING = "link missing"
    ROW_MISSING = "row missing in Salesforce"
    INVOICE_MISSING = "invoice missing in Salesforce"
    INVOICE_UNLIKE = "invoice unlike in Salesforce"
    OVERWRITTEN = "overwritten in Salesforce"
    BEHIND = "not shown yet in Salesforce"
    ORPHAN_ROW = "row without its object"
    FIELD = "field unlike in Stripe"
    ARCHIVED = "archived in Stripe"


class Cure(StrEnum):
    """Who puts it right."""

    SAFE = "safe"  # ours: `--heal=safe`
    PERSON = "person"  # about money, or somebody's own doing: a person decides


OUTSIDE = "outside"
TANDEM = "tandem"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be.

    ``subject`` is what a person names to decide (``quote:…``, ``account:…``), ``record`` where it stands (a Stripe id,
    or an object of the CRM with its key). ``expected`` and ``actual`` are in words. ``mrr_minor`` is what it makes of
    the monthly revenue (signed), ``sum_minor`` the money at stake, in minor units of ``currency``. ``actor`` is who made
    it so: ``outside``, or ``tandem`` where something of ours is missing. ``cure`` as `Cure`; ``decided`` says that a
    person has accepted it, and why.
    """

    kind: Kind
    subject: str
    account_id: str
    record: str
    field: str
    expected: str
    actual: str
    actor: str = OUTSIDE
    mrr_minor: int | None = None
    sum_minor: int | None = None
    currency: str | None = None
    cure: Cure = Cure.SAFE
    decided: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for the same difference, whenever it is found; another once either side has moved."""
        parts = (self.kind, self.subject, self.record, self.field, self.expected, self.actual)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def open(self) -> bool:
        """Whether something is still to be done about it."""
        return not self.decided

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        return {
            "kind": str(self.kind),
            "subject": self.subject,
            "account": self.account_id,
            "record": self.record,
            "field": self.field,
            "expected": self.expected,
            "actual": self.actual,
            "actor": self.actor,
            "mrr_minor": self.mrr_minor,
            "sum_minor": self.sum_minor,
            "currency": self.currency,
            "cure": str(self.cure),
            "decided": self.decided,
            "fingerprint": self.fingerprint,
        }

    @staticmethod
    def from_json(data: Mapping[str, object]) -> Difference:
        """The difference that `to_json` wrote."""

        def number(name: str) -> int | None:
            value = data[name]
            return None if value is None else int(str(value))

        return Difference(
            kind=Kind(str(data["kind"])),
            subject=str(data["subject"]),
            account_id=str(data["account"]),
            record=str(data["record"]),
            field=str(data["field"]),
            expected=str(data["expected"]),
            actual=str(data["actual"]),
            actor=str(data["actor"]),
            mrr_minor=number("mrr_minor"),
            sum_minor=number("sum_minor"),
            currency=str(data["currency"]) if data["currency"] else None,
            cure=Cure(str(data["cure"])),
            decided=str(data["decided"]),
        )


@dataclass(frozen=True)
class Summed:
    """All differences of one kind: how many, how many still open, and their sums in minor units by currency."""

    kind: Kind
    count: int
    open: int
    sums: Mapping[str, int]
    mrr: Mapping[str, int]

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        sums, mrr = dict(self.sums), dict(self.mrr)
        return {"kind": str(self.kind), "count": self.count, "open": self.open, "sums_minor": sums, "mrr_minor": mrr}


def by_kind(differences: Iterable[Difference]) -> list[Summed]:
    """The differences summed by kind, in the order of `Kind`."""
    found: dict[Kind, list[Difference]] = {}
    for one in differences:
        found.setdefault(one.kind, []).append(one)
    return [_summed(kind, found[kind]) for kind in Kind if kind in found]


def _summed(kind: Kind, some: list[Difference]) -> Summed:
    sums: Counter[str] = Counter()
    mrr: Counter[str] = Counter()
    for one in some:
        if one.currency and one.sum_minor is not None:
            sums[one.currency] += one.sum_minor
        if one.currency and one.mrr_minor:
            mrr[one.currency] += one.mrr_minor
    return Summed(kind, len(some), sum(one.open for one in some), dict(sorted(sums.items())), dict(sorted(mrr.items())))
