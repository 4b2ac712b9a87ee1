"""What a mirror run reads of Stripe: the objects that are due, and whatever they need that was never read before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sync.errors import Terminal
from sync.facts import Fact, Invoice, Schedule, Subscription
from sync.ports import Due, Facts, StripeGateway
from sync.records import Ref

F = TypeVar("F", bound=Fact)

#: Objects asked for between two renewals of a lease: a slice is read well within one, also when each is a call of its own.
SLICE = 50


@dataclass(frozen=True)
class Reading:
    """One reading of Stripe. ``keep`` is called before each part of it, so that a lease outlasts all of them."""

    stripe: StripeGateway
    facts: Facts
    keep: Callable[[], None]

    def due(self, due: Sequence[Due]) -> list[Fact]:
        """What these subjects name, as it stands now. A draft invoice that was deleted comes back as void."""
        refs = {r: d for d in due if (r := _ref(d)) is not None}
        hints = {r: d.hint_created_s for r, d in refs.items() if d.hint_created_s is not None}
        found = self._read(sorted(refs, key=lambda ref: (hints.get(ref, 0), ref)), hints)
        there = {fact.id for fact in found}
        return found + self._deleted({r.key for r in refs if r.kind == "invoice_id"} - there)

    def missing(self, found: Sequence[Fact]) -> list[Fact]:
        """Objects that the found ones name and that no read has seen yet: subscriptions, schedules, coupons, prices;
        and the charges of failed attempts.
        """
        everything = list(found)
        invoices = [f for f in found if isinstance(f, Invoice)]
        everything += self._unseen("subscription", {i.subscription for i in invoices if i.subscription}, everything)
        named = {s.schedule for s in _of(everything, Subscription) if s.schedule}
        everything += self._unseen("schedule", named, everything)
        managed = {i for s in _of(everything, Schedule) if (i := s.subscription or s.released_subscription)}
        everything += self._unseen("subscription", managed, everything)
        customers = {c for f in everything if (c := getattr(f, "customer", None))}
        everything += self._unseen("customer", customers, everything)
        subscriptions, schedules = _of(everything, Subscription), _of(everything, Schedule)
        everything += self._unseen("coupon", coupons_of(subscriptions, schedules), everything)
        everything += self._unseen("price", prices_of(schedules), everything)
        return everything[len(found) :] + self._attempts(invoices)

    def _read(self, refs: Sequence[Ref], hints: Mapping[Ref, int] | None = None) -> list[Fact]:
        found: list[Fact] = []
        for first in range(0, len(refs), SLICE):
            self.keep()
            some = refs[first : first + SLICE]
            found += self.stripe.read(some, {r: hints[r] for r in some if r in hints} if hints else None).all()
        return found

    def _unseen(self, kind: str, ids: set[str], here: Sequence[Fact]) -> list[Fact]:
        wanted = ids - {fact.id for fact in here}
        unseen = wanted - set(self.facts.get(kind, wanted)) if wanted else set()
        suffix = "" if kind == "coupon" else "_id"
        return self._read([Ref(f"{kind}{suffix}", i) for i in sorted(unseen)])

    def _deleted(self, absent: set[str]) -> list[Fact]:
        """Drafts that Stripe no longer has: nothing is owed on them, and their rows must say so."""
        known = self.facts.get("invoice", absent) if absent else {}
        return [
            f.model_copy(update={"status": "void", "amount_remaining_minor": 0})
            for f in known.values()
            if isinstance(f, Invoice) and f.status == "draft"
        ]

    def _attempts(self, invoices: Sequence[Invoice]) -> list[Fact]:
        """The charges behind invoices that were not paid at the first try."""
        intents = {
            p.payment_intent: p.created_s
            for i in invoices
            if i.attempt_count > 1 or (i.attempt_count == 1 and i.status in ("open", "uncollectible"))
            for p in i.payments
            if p.payment_intent
        }
        return self._read(
            [Ref("charges_of", i) for i in sorted(intents)], {Ref("charges_of", i): s for i, s in intents.items()}
        )


def coupons_of(subscriptions: Iterable[Subscription], schedules: Iterable[Schedule]) -> set[str]:
    """The ids of all coupons on these objects, their items and phases."""
    ids = {c for s in subscriptions for c in (*s.coupons, *(c for i in s.items for c in i.coupons))}
    return ids | {
        c
        for s in schedules
        for p in s.phases
        for c in (*p.coupons, *(c for i in (*p.items, *p.add_invoice_items) for c in i.coupons))
    }


def prices_of(schedules: Iterable[Schedule]) -> set[str]:
    """The ids of all prices that these schedules' phases bill."""
    return {i.price for s in schedules for p in s.phases for i in (*p.items, *p.add_invoice_items)}


def typed(facts: Mapping[str, Fact], type_: type[F]) -> dict[str, F]:
    """Those of this type, by id."""
    return {i: f for i, f in facts.items() if isinstance(f, type_)}


def _of(facts: Iterable[Fact], type_: type[F]) -> list[F]:
    return [f for f in facts if isinstance(f, type_)]


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
