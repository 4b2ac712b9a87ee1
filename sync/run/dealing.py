"""Which quotes make up a deal, and the deal that they add up to (BILLING_RULES 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sync import catalogue
from sync.crm import QuoteGraph
from sync.deal.changes import Change
from sync.deal.deal import Deal
from sync.deal.moved import check_taken_over, rolled_back, taken_over
from sync.deal.policy import BillingPolicy
from sync.desired import frozen
from sync.desired.keys import DEAL
from sync.errors import Refusal, Refused
from sync.facts import DealAlone, Fact
from sync.ports import Cohorts, Promise, Promises, SalesforceGateway, Stage
from sync.quotes.standard import read_change, read_quote

CHANGES = frozenset({"Amendment", "Cancellation"})
RENEWAL = "Renewal"


@dataclass(frozen=True)
class Case:
    """A quote with the deal that it makes or changes. ``before`` is the deal as it was when the quote came, None where
    it makes the deal; ``alone`` is that deal with this quote, without those that came later and may rest on it.

    ``base`` is the quote that made the deal, said to today's addressee.
    """

    quote: QuoteGraph
    base: QuoteGraph
    deal: Deal
    before: Deal | None = None
    alone: Deal | None = None

    @property
    def changed(self) -> Deal:
        """The deal as the quote changed it when it came; of one that makes the deal, the deal as it is."""
        return self.alone or self.deal

    @property
    def change(self) -> Change:
        """What this quote does to the deal."""
        return next(c for c in self.deal.changes if c.quote_id == self.quote.quote.id)


@dataclass(frozen=True)
class Signed:
    """A quote as it is billed, and when it was signed and taken in (None: only now)."""

    graph: QuoteGraph
    signed_at: datetime | None = None
    accepted_at: datetime | None = None


@dataclass(frozen=True)
class Dealing:
    """Puts deals together, from what was frozen and from what is in the CRM now."""

    salesforce: SalesforceGateway
    promises: Promises
    policy: BillingPolicy
    cohorts: Cohorts

    def case(self, mine: Signed, now: datetime) -> Case:
        """The deal with this quote in it. Raises Refused with all that is wrong with the quote."""
        quote = mine.graph.quote
        if quote.quote_type in CHANGES:
            return self._changed(mine, now)
        renews = self._renewed(mine.graph, now, mine.accepted_at) if quote.quote_type == RENEWAL else None
        at = mine.accepted_at or now  # what was taken in is judged as it was then
        deal = self._moved(
            read_quote(
                mine.graph, self.policy, at, signed_at=mine.signed_at, accepted_at=mine.accepted_at, renews=renews
            )
        )
        if mine.accepted_at is None and deal.paid_through:
            check_taken_over(deal, deal.paid_through, now)
        for promise in self._members(deal.key):
            deal = self._with(deal, promise, now)
        return Case(mine.graph, mine.graph, deal)

    def promised(self, deal_key: str, before: datetime | None = None) -> Deal | None:
        """The deal as it was promised (``before`` that instant), from what was frozen alone; None where nothing was."""
        frozen_quotes = self.promises.of_deal(deal_key)
        base = next((p for p in frozen_quotes if p.quote_id == deal_key), None)
        if base is None:
            return None
        at = base.frozen_at or base.signed_at
        deal = self._made(frozen.from_json(base.graph), base, at)
        for promise in self._members(deal_key, before):
            deal = self._with(deal, promise, at)
        return deal

    def others(self, deal: Deal, objects: Iterable[Fact]) -> Mapping[str, Deal]:
        """The deals that these objects are of beside this one, as they were promised, by key. Those of which nothing is known
        any more, or that today's settings would refuse, are left out.
        """
        keys = {f.id if isinstance(f, DealAlone) else f.metadata.get(DEAL, "") for f in objects} - {deal.key, ""}
        found: dict[str, Deal] = {}
        for key in sorted(keys):
            with suppress(Refused):
                if other := self.promised(key):
                    found[key] = other
        return found

    def _made(self, graph: QuoteGraph, promise: Promise, at: datetime) -> Deal:
        renews = None
        if graph.quote.quote_type == RENEWAL:
            renews = self.promised(graph.quote.names_deal or "", at)
        return self._moved(
            read_quote(graph, self.policy, at, signed_at=promise.signed_at, accepted_at=at, renews=renews)
        )

    def _changed(self, mine: Signed, now: datetime) -> Case:
        base, before = self._deal(mine.graph, now)
        others = [p for p in self._members(before.key) if p.quote_id != mine.graph.quote.id]
        later = [p for p in others if mine.accepted_at and p.frozen_at and p.frozen_at > mine.accepted_at]
        for promise in (p for p in others if p not in later):
            before = self._with(before, promise, now)
        at = mine.accepted_at or now
        deal = read_change(mine.graph, before, self.policy, at, signed_at=mine.signed_at, accepted_at=mine.accepted_at)
        alone = deal
        for promise in later:
            deal = self._with(deal, promise, now)
        return Case(mine.graph, base, deal, before, alone)

    def _renewed(self, graph: QuoteGraph, now: datetime, accepted_at: datetime | None) -> Deal:
        """The deal that a Renewal goes on from, as it was when the Renewal was taken in: where it was to end then, the
        Renewal begins, also if a later quote ends it on another day.
        """
        _, deal = self._deal(graph, now)
        for promise in self._members(deal.key, accepted_at):
            deal = self._with(deal, promise, now)
        return deal

    def _deal(self, graph: QuoteGraph, now: datetime) -> tuple[QuoteGraph, Deal]:
        """The deal that a quote refers to, as its own quote made it, and that quote. Raises Refused for none."""
        key = graph.quote.names_deal
        if not key:
            raise Refused((_no_deal(graph, "is blank", "Choose the billing subscription that this quote changes."),))
        present = self.salesforce.quotes([key]).get(key) if _is_quote(key) else None
        promise = self.promises.frozen(key)
        if promise is None and (present is None or not self.policy.is_signed(present.quote.status)):
            todo = "Only a deal that a quote made can be changed by a quote; change this one where it was bought."
            raise Refused((_no_deal(graph, f"names {key}, which no accepted quote made", todo),))
        base = _as_billed(promise, present)
        signed = promise.signed_at if promise else base.quote.signed_at
        accepted = promise.frozen_at if promise else signed
        renews = self._renewed(base, now, accepted) if base.quote.quote_type == RENEWAL else None
        deal = read_quote(base, self.policy, accepted or now, signed_at=signed, accepted_at=accepted, renews=renews)
        return base, self._moved(deal)

    def _moved(self, deal: Deal) -> Deal:
        """The deal as its cohort has it, if it comes from another billing system."""
        member = self.cohorts.member(deal.quote_id)
        if member is None:
            return deal
        deal = taken_over(deal, member.paid_through)
        return rolled_back(deal, member.moved_at) if member.stage is Stage.ROLLED_BACK and member.moved_at else deal

    def _members(self, deal_key: str, before: datetime | None = None) -> Sequence[Promise]:
        """The changes that were taken into the deal (``before`` that instant), in that order."""
        changes = (p for p in self.promises.of_deal(deal_key) if p.quote_id != deal_key)
        return [p for p in changes if before is None or (p.frozen_at is not None and p.frozen_at < before)]

    def _with(self, deal: Deal, promise: Promise, now: datetime) -> Deal:
        graph, taken_in = frozen.from_json(promise.graph), promise.frozen_at or now
        return read_change(
            graph, deal, self.policy, taken_in, signed_at=promise.signed_at, accepted_at=promise.frozen_at
        )


def deal_key(graph: QuoteGraph) -> str:
    """The key of the deal that a quote makes or changes; blank for a change of none."""
    quote = graph.quote
    return (quote.names_deal or "") if quote.quote_type in CHANGES else quote.id


def _is_quote(key: str) -> bool:
    return key.startswith("0Q0")


def _as_billed(promise: Promise | None, present: QuoteGraph | None) -> QuoteGraph:
    if promise is None:
        assert present is not None
        return present
    signed = frozen.from_json(promise.graph)
    return frozen.as_signed(signed, present) if present else signed


def _no_deal(graph: QuoteGraph, seen: str, todo: str) -> Refusal:
    detail = f"Quote {graph.quote.number}: Billing_Subscription__c {seen}. {todo}"
    return catalogue.refusal(
        "DATA-215", detail, record_id=graph.quote.id, field="Billing_Subscription__c", blocked_on=(graph.quote.id,)
    )
