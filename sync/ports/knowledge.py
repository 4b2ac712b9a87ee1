"""What is known: links, facts, promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sync.facts import Fact


@dataclass(frozen=True)
class NewLink:
    """Our key <-> Salesforce id <-> Stripe id. Unique both ways per Stripe account."""

    key: str  # "customer:001...", "schedule:0Q0..."
    salesforce_id: str
    stripe_kind: str
    stripe_id: str
    livemode: bool = False


class Links(Protocol):
    """Which Salesforce record and which Stripe object are the same thing."""

    def add(self, link: NewLink) -> None:
        """Store it; the same link again is fine; another Stripe id for the key or another key for the Stripe id
        raises Unsafe BUG-501.
        """

    def by_key(self, keys: Iterable[str]) -> Mapping[str, NewLink]: ...

    def by_stripe_id(self, ids: Iterable[str]) -> Mapping[str, NewLink]: ...

    def by_salesforce_id(self, ids: Iterable[str], stripe_kind: str | None = None) -> Sequence[NewLink]: ...

    def elsewhere(self, stripe_id: str) -> bool:
        """Whether this id is linked on another Stripe account."""

    def remove(self, key: str) -> None: ...

    def replace(self, links: Iterable[NewLink]) -> None:
        """These Stripe objects are linked like this from now on, whatever they were linked to; all of them or none.
        Another object that holds one of the keys raises Unsafe BUG-501.
        """


class Facts(Protocol):
    """The last read of each Stripe object."""

    def fence(self) -> int:
        """A new fence, larger than all before. Take it BEFORE reading what is stored under it."""

    def recognised(self, facts: Iterable[Fact]) -> Sequence[Fact]:
        """The same facts; a subscription or schedule that a link of ours names, and whose metadata somebody removed, has
        again what we told it, but for the quote's id, by which a plan sees that it is missing.
        """

    def put(self, facts: Iterable[Fact], fence: int) -> None:
        """Store each, recognised, unless a newer fence is already there."""

    def get(self, kind: str, ids: Iterable[str]) -> Mapping[str, Fact]: ...

    def of_customers(self, kind: str, customers: Iterable[str]) -> Sequence[Fact]:
        """All facts of ``kind`` (subscription, schedule, invoice, charge) that belong to these Stripe customers,
        deleted ones left out.
        """

    def customers_with(self, email: str) -> Sequence[str]:
        """Ids of the customers last seen with this e-mail, in whatever case: Stripe's own list knows exact ones only."""

    def customers_with_any(self, emails: Iterable[str]) -> Sequence[str]:
        """As `customers_with`, of any of these e-mails."""

    def customers_carrying(self, account_id: str) -> Sequence[str]:
        """Ids of the customers last seen with this Account's id in their metadata, deleted ones left out."""


@dataclass(frozen=True)
class Promise:
    """What was agreed: the quote as it was when its first Stripe write was planned, and the preview that was in
    force.
    """

    quote_id: str
    input_digest: str
    graph: Mapping[str, object]  # JSON of the QuoteGraph
    preview: Mapping[str, object]
    signed_at: datetime
    frozen_at: datetime | None
    deal_key: str = ""  # the deal that it makes or changes
    follows: str = ""  # the deal that it renews: it is frozen after all that was taken into that; not kept


@dataclass(frozen=True)
class SignedOn:
    """A frozen quote, the deal that it makes or changes, and the Opportunity that it stands on. ``deal_total`` is what
    the deal came to with it, credits taken off, None without an end; ``change_total`` what it changed. Major units.
    """

    quote_id: str
    deal_key: str
    opportunity_id: str | None
    deal_total: Decimal | None
    change_total: Decimal | None


class Promises(Protocol):
    """What was signed, and what the rep was shown when it was."""

    def signed(self, quote_id: str, when: datetime) -> datetime:
        """Remember when we first read the quote as accepted; returns the first stamp, whenever asked again."""

    def decided(self, quote_id: str, when: datetime) -> None:
        """Somebody decided now that a quote signed before the start is billed: that counts as its signature."""

    def freeze(self, promise: Promise) -> Promise:
        """Store the promise if none is frozen for the quote; returns the one in force (the first)."""

    def frozen(self, quote_id: str) -> Promise | None: ...

    def signed_on(self, deal_keys: Iterable[str]) -> Sequence[SignedOn]:
        """Every frozen quote of these deals, in the order in which they were frozen."""

    def of_deal(self, deal_key: str) -> Sequence[Promise]:
        """Every frozen promise of the deal, in the order in which they were frozen."""

    def of_deals(self, deal_keys: Iterable[str]) -> Mapping[str, Sequence[Promise]]:
        """The same for many deals, by key; a deal without any is absent."""

    def followed(self, loser: str, winner: str) -> Sequence[str]:
        """What was signed for a merged Account is said of the one that it became; returns those quotes' ids."""
