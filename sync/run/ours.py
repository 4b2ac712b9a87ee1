"""What we promised, linked and have to do for many deals, read at once for one comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sync.deal.deal import Deal
from sync.desired.keys import DEAL
from sync.errors import Refused
from sync.facts import Schedule, Subscription
from sync.ports import Promise, Promises
from sync.ports.cohorts import Cohorts, Member, Stage
from sync.ports.queue import SubjectState
from sync.ports.standing import Standing
from sync.run.dealing import CHANGES, Dealing


@dataclass(frozen=True)
class Ours:
    """Our memory of some Accounts. ``promises`` by deal, ``states`` by subject, ``links`` by our key; ``held`` are quotes that
    another billing system bills until they are cut over.
    """

    dealing: Dealing
    promises: Mapping[str, Sequence[Promise]]
    states: Mapping[str, SubjectState]
    links: frozenset[str]
    held: frozenset[str] = frozenset()

    def promised(self, key: str) -> Deal | None:
        """The deal as promised; None where nothing was, or where today's release or settings would refuse it: then its
        quote says so itself.
        """
        try:
            return self.dealing.promised(key)
        except Refused:
            return None


def held_quotes(dealing: Dealing, quotes: Iterable[str]) -> frozenset[str]:
    """Those of these quotes whose cohort was not cut over yet, or was rolled back."""
    members = dealing.cohorts.members(list(quotes))
    return frozenset(quote for quote, member in members.items() if member.stage is not Stage.CUT)


def deal_keys(standing: Standing, objects: Iterable[Subscription | Schedule]) -> set[str]:
    """The deals of an Account: those of its signed quotes, and those that its Stripe objects name."""
    changed = {q.names_deal for q in standing.quotes if q.quote_type in CHANGES}
    made = {q.id for q in standing.quotes if q.quote_type not in CHANGES}
    return {key for key in (*changed, *made, *(o.metadata.get(DEAL) for o in objects)) if key}


def remembering(dealing: Dealing, promises: Mapping[str, Sequence[Promise]]) -> Dealing:
    """``dealing`` with these promises and their cohorts at hand; it asks the store for others."""
    quotes = [p.quote_id for some in promises.values() for p in some]
    members = dealing.cohorts.members(quotes)
    return replace(
        dealing,
        promises=cast("Promises", _Promises(dealing.promises, promises)),
        cohorts=cast("Cohorts", _Members(dealing.cohorts, frozenset(quotes), members)),
    )


class _Promises:
    """The store's promises, of which those of some deals are at hand."""

    def __init__(self, stored: Promises, at_hand: Mapping[str, Sequence[Promise]]) -> None:
        self._stored, self._at_hand = stored, at_hand

    def of_deal(self, deal_key: str) -> Sequence[Promise]:
        return self._at_hand[deal_key] if deal_key in self._at_hand else self._stored.of_deal(deal_key)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stored, name)


class _Members:
    """The store's cohorts, of which the members among some quotes are at hand."""

    def __init__(self, stored: Cohorts, asked: frozenset[str], at_hand: Mapping[str, Member]) -> None:
        self._stored, self._asked, self._at_hand = stored, asked, at_hand

    def member(self, quote_id: str) -> Member | None:
        return self._at_hand.get(quote_id) if quote_id in self._asked else self._stored.member(quote_id)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stored, name)
