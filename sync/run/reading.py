"""What a mirror run reads of Stripe: the objects that are due, and whatever they need that was never read before."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sync.errors import Terminal
from sync.facts import Coupon, CreditNote, Customer, Fact, Invoice, Price, Schedule, Subscription, of_type
from sync.facts.catalogue import UNKNOWN_COUPON
from sync.facts.coupons import coupons_of
from sync.facts.currencies import in_currency
from sync.ports import Due, Facts, StripeGateway
from sync.records import Ref
from sync.run.standing_coupons import standing_refs, with_deleted

F = TypeVar("F", bound=Fact)

#: Objects asked for between two renewals of a lease: a slice is read well within one, also when each is a call of its own.
SLICE = 50
#: So long after a payment (business time) nothing is asked about its money unless a notice names it: a new invoice costs
#: one read, and what happens to its money within the hour has a notice of its own.
FRESH = timedelta(hours=1)


@dataclass(frozen=True)
class Reading:
    """One reading of Stripe. ``keep`` is called before each part of it, so that a lease outlasts all of them."""

    stripe: StripeGateway
    facts: Facts
    keep: Callable[[], None]
    now: datetime

    def due(self, due: Sequence[Due]) -> list[Fact]:
        """What these subjects name, as it stands now. A draft invoice that was deleted comes back as void."""
        refs = {r: d for d in due if (r := _ref(d)) is not None}
        hints = {r: d.hint_created_s for r, d in refs.items() if d.hint_created_s is not None}
        found = self._read(sorted(refs, key=lambda ref: (hints.get(ref, 0), ref)), hints)
        there = {fact.id for fact in found}
        return found + self._deleted({r.key for r in refs if r.kind == "invoice_id"} - there)

    def missing(self, found: Sequence[Fact]) -> list[Fact]:
        """Objects that the found ones name and that no read has seen yet: subscriptions, schedules, coupons, prices."""
        everything = list(found)
        invoices = of_type(found, Invoice)
        everything += self._unseen("subscription", {i.subscription for i in invoices if i.subscription}, everything)
        named = {s.schedule for s in of_type(everything, Subscription) if s.schedule}
        everything += self._unseen("schedule", named, everything)
        managed = {i for s in of_type(everything, Schedule) if (i := s.subscription or s.released_subscription)}
        everything += self._unseen("subscription", managed, everything)
        customers = {c for f in everything if (c := getattr(f, "customer", None))}
        everything += self._unseen("customer", customers, everything)
        subscriptions, schedules = of_type(everything, Subscription), of_type(everything, Schedule)
        known = self._known_customers(customers - {f.id for f in everything})
        giving = [*of_type(everything, Customer), *known.values()]
        standing = coupons_of([*subscriptions, *schedules, *giving])
        everything += self._coupons(standing, everything, giving)
        billed_in = currencies_of(schedules)
        everything += self._unseen(
            "price",
            prices_of(schedules, subscriptions),
            everything,
            lambda f: not _may_change(f, billed_in.get(f.id, ())),
        )
        return everything[len(found) :]

    def _read(self, refs: Sequence[Ref], hints: Mapping[Ref, int] | None = None) -> list[Fact]:
        found: list[Fact] = []
        for first in range(0, len(refs), SLICE):
            self.keep()
            some = refs[first : first + SLICE]
            found += self.stripe.read(some, {r: hints[r] for r in some if r in hints} if hints else None).all()
        return found

    def _unseen(
        self, kind: str, ids: set[str], here: Sequence[Fact], serves: Callable[[Fact], bool] = bool
    ) -> list[Fact]:
        """Those of these that no read has seen, or whose sight does not serve."""
        wanted = ids - {fact.id for fact in here}
        unseen = wanted - {i for i, f in self.facts.get(kind, wanted).items() if serves(f)} if wanted else set()
        suffix = "" if kind == "coupon" else "_id"
        return self._read([Ref(f"{kind}{suffix}", i) for i in sorted(unseen)])

    def _known_customers(self, ids: set[str]) -> Mapping[str, Customer]:
        return typed(self.facts.get("customer", ids), Customer) if ids else {}

    def _coupons(self, standing: set[str], here: Sequence[Fact], customers: Sequence[Customer]) -> list[Fact]:
        """Those of these coupons that nobody has read yet, with what they stand on at hand."""
        wanted = standing - {fact.id for fact in here if isinstance(fact, Coupon)} - {UNKNOWN_COUPON}
        unseen = wanted - set(self.facts.get("coupon", wanted)) if wanted else set()
        found = self._read(standing_refs(unseen))
        shown = of_type(here, Subscription)
        whole = with_deleted(self.stripe, unseen, of_type(found, Coupon), [*shown, *customers])
        return list[Fact](whole)

    def _deleted(self, absent: set[str]) -> list[Fact]:
        """Drafts that Stripe no longer has: nothing is owed on them, and their rows must say so."""
        known = self.facts.get("invoice", absent) if absent else {}
        return [
            f.model_copy(update={"status": "void", "amount_remaining_minor": 0})
            for f in known.values()
            if isinstance(f, Invoice) and f.status == "draft"
        ]

    def money(self, due: Sequence[Due], found: Sequence[Fact]) -> list[Fact]:
        """What was tried, collected and given back of the invoices found, where there is reason to ask: an invoice does
        not tell of its refunds and disputes.
        """
        invoices = of_type(found, Invoice)
        notes = self._read([Ref("credit_notes_of_invoice", i) for i in self._credited(invoices)])
        named = {d.id for d in due if d.kind == "payment"}
        sent_back = {n.invoice for n in notes if isinstance(n, CreditNote) and n.refunds}
        tried, paid = tries(invoices), payments(invoices, self.now, named, sent_back)
        refs = {Ref("charges_of", i): s for i, s in tried.items()}
        refs |= {Ref("paid_charges_of", i): s for i, s in paid.items() if i not in tried}
        return notes + self._read(sorted(refs), refs)

    def _credited(self, invoices: Sequence[Invoice]) -> list[str]:
        """Those that have credit notes, or had one that may be void now."""
        customers = {i.customer for i in invoices}
        known = self.facts.of_customers("creditnote", customers) if customers else ()
        had = {n.invoice for n in known if isinstance(n, CreditNote) and n.status != "void"}
        return sorted(i.id for i in invoices if i.credited_minor or i.id in had)


def tries(invoices: Iterable[Invoice]) -> dict[str, int]:
    """The payment intents of invoices that were not paid at the first try, with when they were made."""
    return {
        p.payment_intent: p.created_s
        for i in invoices
        if i.attempt_count > 1 or (i.attempt_count == 1 and i.status in ("open", "uncollectible"))
        for p in i.payments
        if p.payment_intent
    }


def payments(
    invoices: Iterable[Invoice], now: datetime, named: Container[str], sent_back: Container[str]
) -> dict[str, int]:
    """The payment intents whose money may have gone back, with when it came: one that a refund or a dispute named, one
    of an invoice whose credit notes sent money back, and one that is older than a notice of that would be late.
    """
    fresh_s = now.timestamp() - FRESH.total_seconds()
    return {
        p.payment_intent: p.paid_at_s or p.created_s
        for i in invoices
        for p in i.payments
        if p.payment_intent and p.status == "paid"
        if p.payment_intent in named or i.id in sent_back or (p.paid_at_s or p.created_s) < fresh_s
    }


def prices_of(schedules: Iterable[Schedule], subscriptions: Iterable[Subscription]) -> set[str]:
    """The ids of all prices that have to be read by themselves: those of phases, and those whose tiers a subscription
    does not carry.
    """
    tiered = {i.price.id for s in subscriptions for i in s.items if i.price.tiers_mode}
    return tiered | {i.price for s in schedules for p in s.phases for i in (*p.items, *p.add_invoice_items)}


def currencies_of(schedules: Iterable[Schedule]) -> dict[str, set[str]]:
    """In which currencies the phases of schedules bill each price that they name."""
    found: dict[str, set[str]] = {}
    for schedule in schedules:
        for item in (i for p in schedule.phases for i in (*p.items, *p.add_invoice_items)):
            found.setdefault(item.price, set()).add(schedule.currency)
    return found


def _may_change(fact: Fact, currencies: Iterable[str]) -> bool:
    """Whether one of these bills the price in another currency than its own: Stripe lets such an amount be changed, and
    tells nobody that we know of.
    """
    return isinstance(fact, Price) and any(currency not in ("", fact.currency) for currency in currencies)


def with_items(prices: Mapping[str, Price], subscriptions: Iterable[Subscription]) -> dict[str, Price]:
    """These prices and those on the items of subscriptions, which are newer but carry no tiers and, billed in the price's
    own currency, no others.
    """
    carried = {i.price.id: i.price for s in subscriptions for i in s.items}
    return {**prices, **{i: _completed(price, prices.get(i)) for i, price in carried.items()}}


def _completed(carried: Price, known: Price | None) -> Price:
    update: dict[str, object] = {}
    if known and carried.tiers_mode and not carried.tiers:
        update["tiers"] = in_currency(known, carried.currency).tiers
    if known and known.options and not carried.options:
        update["options"] = known.options
    return carried.model_copy(update=update) if update else carried


def typed(facts: Mapping[str, Fact], type_: type[F]) -> dict[str, F]:
    """Those of this type, by id."""
    return {i: f for i, f in facts.items() if isinstance(f, type_)}


def _ref(due: Due) -> Ref | None:
    """What to read for a subject; None when it needs no reading (an Account is folded from facts)."""
    match due.kind:
        case "invoice":
            return Ref("invoice_id", due.id)
        case "subscription":
            return Ref("schedule_id" if due.id.startswith("sub_sched_") else "subscription_id", due.id)
        case "payment":
            return Ref("invoice_of", due.id)
        case "account":
            return None
        case _:
            raise Terminal("BUG-502", f"{due.key} has no place in the mirror lane; it is set aside.")
