"""Moving contracts from another billing system, a cohort at a time: what Tandem would bill is held against what the old
system would, only what agrees is cut over, and what was cut can go back until money moved (case 40).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sync.clock import Clock
from sync.deal.money import format_amount
from sync.desired import frozen
from sync.desired.keys import DEAL
from sync.desired.references import live_refs, stated_refs
from sync.errors import SyncError, Terminal, Unsafe
from sync.facts import Invoice, Subscription
from sync.ports import Cohorts, Links, Mark, Member, SalesforceGateway, Stage, StripeGateway, Subjects
from sync.run.following import payer_of
from sync.run.intake import quote_mark
from sync.run.planner import Worked

#: Stages in which a member is not Tandem's to bill yet.
WAITING = frozenset({Stage.PLANNED, Stage.EQUAL, Stage.UNLIKE, Stage.ACCEPTED, Stage.BLOCKED})
READY = frozenset({Stage.EQUAL, Stage.ACCEPTED})


@dataclass(frozen=True)
class BilledOn:
    """The Stripe account that bills a quote, or will. ``part`` is what its work is kept under (`sync.ports.Mark`)."""

    preview: Callable[[str], Worked | None]
    stripe: StripeGateway
    links: Links
    part: str = ""


@dataclass(frozen=True)
class Migration:
    """The work on cohorts. Writes to no vendor: what was decided is marked due, and the ordinary runs do it. A cohort may
    have members on several Stripe accounts; ``billed_on`` says which one each quote is on.
    """

    cohorts: Cohorts
    billed_on: Callable[[str], BilledOn]
    is_signed: Callable[[str], bool]
    salesforce: SalesforceGateway
    subjects: Subjects
    clock: Clock

    def plan(self, members: Sequence[Member], *, apply: bool) -> tuple[list[Member], list[tuple[Member, str]]]:
        """(members that are, or would be, planned; those that are left alone, with the reason)."""
        known = self.cohorts.members([m.quote_id for m in members])
        there = self.salesforce.quotes([m.quote_id for m in members])
        taken: list[Member] = []
        left: list[tuple[Member, str]] = []
        for member in members:
            reason = _left_alone(member, known.get(member.quote_id), there=member.quote_id in there)
            if reason:
                left.append((member, reason))
            else:
                taken.append(member)
        if apply:
            fresh = [m for m in taken if not _same(known.get(m.quote_id), m)]
            self.cohorts.put(fresh)
            self._look_again(fresh)
        return taken, left

    def shadow(self, cohort: str) -> list[Member]:
        """Every waiting member of the cohort with what Tandem would bill next, held against the old system's amount."""
        found = []
        for member in self.cohorts.of(cohort):
            if member.stage in WAITING:
                seen = self._held(member)
                if seen != member:
                    self.cohorts.put([seen])
                found.append(seen)
        return found

    def accept(self, quote_id: str, reason: str, *, apply: bool) -> Member:
        """The member whose difference is, or would be, agreed to. Raises Unsafe when a shadow run found no such one."""
        member = self.cohorts.member(quote_id)
        if member is None or member.stage is not Stage.UNLIKE:
            stage = member.stage if member else "in no cohort"
            raise Unsafe(
                "DATA-210",
                f"Quote {quote_id} is {stage}: only a difference that `migrate shadow` found can be accepted.",
            )
        agreed = replace(member, stage=Stage.ACCEPTED, detail=f"{member.detail}; accepted: {reason}")
        if apply:
            self.cohorts.put([agreed])
        return agreed

    def cut(self, cohort: str, *, apply: bool) -> tuple[list[Member], list[Member]]:
        """(members cut over, or that would be; those held out). One whose shadow run no longer holds is held out."""
        go: list[Member] = []
        held: list[Member] = []
        for member in self.cohorts.of(cohort):
            if member.stage is Stage.CUT:
                continue
            now = self._held(member) if member.stage in READY else member
            same = member.stage in READY and now.digest == member.digest
            (go if same else held).append(member if same else now)
        if apply:
            now_at = self.clock.now()
            self.cohorts.put([replace(m, stage=Stage.CUT, moved_at=now_at) for m in go])
            self._look_again(go)
        return go, held

    def roll_back(self, members: Sequence[Member], *, apply: bool) -> tuple[list[Member], list[tuple[Member, str]]]:
        """(members given back, or that would be; those that can't be, with the reason: money moved)."""
        go: list[Member] = []
        left: list[tuple[Member, str]] = []
        for member in members:
            reason = self._money_moved(member)
            if reason:
                left.append((member, reason))
            else:
                go.append(member)
        if apply:
            now = self.clock.now()
            self.cohorts.put([replace(m, stage=Stage.ROLLED_BACK, moved_at=now) for m in go])
            self._look_again(go)
        return go, left

    def _held(self, member: Member) -> Member:
        """The member with what its next invoice after the paid time comes to, and how that compares."""
        clean = replace(member, code=None, detail="", ours_minor=None, digest="")
        billed_on = self.billed_on(member.quote_id)
        try:
            worked = billed_on.preview(member.quote_id)
        except SyncError as error:
            if not isinstance(error, Terminal | Unsafe):
                raise
            return replace(clean, stage=Stage.BLOCKED, code=error.code, detail=error.message)
        if worked is None:
            return replace(clean, stage=Stage.BLOCKED, code="DATA-215", detail="the quote is not in Salesforce")
        if not self.is_signed(worked.case.quote.quote.status or ""):
            return replace(clean, stage=Stage.BLOCKED, code="DATA-215", detail="the quote is not signed")
        if worked.deal.currency != member.currency:
            detail = f"the old system bills {member.currency}, the quote says {worked.deal.currency}"
            return replace(clean, stage=Stage.BLOCKED, code="DATA-203", detail=detail)
        first = member.paid_through + timedelta(days=1)
        later = [invoice for invoice in worked.forecast.invoices if invoice.day >= first]
        day = min((invoice.day for invoice in later), default=first)
        ours = sum(invoice.total for invoice in later if invoice.day == day)
        seen = replace(clean, ours_minor=ours, digest=_digest(worked, member, ours, billed_on.part))
        if ours == member.legacy_minor:
            return replace(seen, stage=Stage.EQUAL)
        by = format_amount(ours - member.legacy_minor, member.currency)
        if member.stage is Stage.ACCEPTED and seen.digest == member.digest:
            return member
        return replace(seen, stage=Stage.UNLIKE, detail=f"differs by {by}")

    def _money_moved(self, member: Member) -> str | None:
        """Why a member can't go back, in words; None where nothing was invoiced for it."""
        if member.stage is not Stage.CUT:
            return f"it is {member.stage}, not cut over"
        quote = self.salesforce.quotes([member.quote_id]).get(member.quote_id)
        account = quote.quote.account_id if quote else None
        billed_on = self.billed_on(member.quote_id)
        link = billed_on.links.by_key([payer_of(account)]).get(payer_of(account)) if account else None
        if link is None:
            return None
        objects = billed_on.stripe.read(live_refs(link.stripe_id)).all()
        mine = tuple(o.id for o in objects if isinstance(o, Subscription) and o.metadata.get(DEAL) == member.quote_id)
        invoices = billed_on.stripe.read(stated_refs(mine)).all() if mine else []
        billed = [i for i in invoices if isinstance(i, Invoice) and i.total_minor and i.status != "void"]
        if billed:
            return f"invoice {billed[0].id} of {format_amount(billed[0].total_minor, billed[0].currency)} was made: sign a Cancellation"
        return None

    def _look_again(self, members: Sequence[Member]) -> None:
        """The quotes of these members are due: what was decided is done, and shown on them."""
        quotes = self.salesforce.quotes([m.quote_id for m in members]) if members else {}
        marks: list[Mark] = [quote_mark(i, g.quote.account_id or "") for i, g in quotes.items()]
        if marks:
            self.subjects.mark(marks, reason="cohort")


def _left_alone(member: Member, known: Member | None, *, there: bool) -> str | None:
    if known is not None and known.stage not in WAITING:
        return f"it is {known.stage} already, in cohort {known.cohort}"
    if known is not None and known.cohort != member.cohort:
        return f"it is in cohort {known.cohort}"
    return None if there else "there is no such quote in Salesforce"


def _same(known: Member | None, member: Member) -> bool:
    if known is None:
        return False
    names = ("cohort", "paid_through", "legacy_minor", "currency")
    return all(getattr(known, name) == getattr(member, name) for name in names)


def _digest(worked: Worked, member: Member, ours: int, stripe_account: str) -> str:
    """What a shadow run rests on: the quote's inputs, the paid time, both amounts, and where it would be billed."""
    parts = [frozen.digest(worked.case.quote), member.paid_through.isoformat(), str(member.legacy_minor), str(ours)]
    parts += [stripe_account] if stripe_account else []
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def sums(members: Sequence[Member]) -> Mapping[str, int]:
    """What the old system would bill next for these, in minor units by currency."""
    found: dict[str, int] = {}
    for member in members:
        found[member.currency] = found.get(member.currency, 0) + member.legacy_minor
    return dict(sorted(found.items()))
