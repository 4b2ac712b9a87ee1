"""What is known of Accounts' billing on one Stripe account: what was last read of it, put together by Account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sync.clock import Clock
from sync.desired.account_view import AccountView
from sync.desired.customer import is_live
from sync.desired.inherited import inheriting, inheriting_phases
from sync.facts import (
    Charge,
    Coupon,
    CreditNote,
    Customer,
    DealAlone,
    Dispute,
    Fact,
    Invoice,
    PendingItem,
    Portal,
    Price,
    Refund,
    Schedule,
    Subscription,
)
from sync.facts.coupons import coupons_of
from sync.ports import Facts, Identities, Links
from sync.run.following import with_rivals
from sync.run.reading import prices_of, typed, with_items

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class AccountViews:
    """Reads the store, never a vendor but for the Accounts' zones."""

    facts: Facts
    links: Links
    clock: Clock
    zone_of: Callable[[Iterable[str]], Mapping[str, str]]
    identities: Identities

    def of(self, accounts: Mapping[str, Sequence[str]]) -> dict[str, AccountView]:
        """All that is known of these Accounts' billing on this Stripe account."""
        everyone = [c for ids in accounts.values() for c in ids]
        if not everyone:
            return {}
        subscriptions = self._of(everyone, "subscription", Subscription)
        schedules = self._of(everyone, "schedule", Schedule)
        invoices = self._of(everyone, "invoice", Invoice)
        charges = self._of(everyone, "charge", Charge)
        refunds = self._of(everyone, "refund", Refund)
        disputes = self._of(everyone, "dispute", Dispute)
        notes = self._of(everyone, "creditnote", CreditNote)
        standing_alone = self._of(everyone, "alone", DealAlone)
        customers = self._typed("customer", everyone, Customer)
        all_subs = [s for rows in subscriptions.values() for s in rows]
        all_scheds = [s for rows in schedules.values() for s in rows]
        coupons = self._typed("coupon", coupons_of([*all_subs, *all_scheds, *customers.values()]), Coupon)
        billed = {line.price for rows in invoices.values() for i in rows for line in i.lines if line.price}
        prices = with_items(self._typed("price", prices_of(all_scheds, all_subs) | billed, Price), all_subs)
        products = self._products({p.product for p in prices.values()})
        by_intent: dict[str, list[Charge]] = defaultdict(list)
        for charge in (c for rows in charges.values() for c in rows):
            by_intent[charge.payment_intent or ""].append(charge)
        portal = self._typed("portal", ["portal"], Portal).get("portal")
        pending = self._of(everyone, "pendingitem", PendingItem)
        now = self.clock.now()
        zones = self.zone_of(accounts)
        live = {c for c in everyone if is_live([*subscriptions[c], *schedules[c]])}
        rivals = with_rivals(accounts, live, self.identities)
        return {
            account_id: AccountView(
                account_id=account_id,
                zone=zones[account_id],
                now=now,
                customers=[customers[c] for c in ids if c in customers],
                subscriptions=inheriting(
                    [s for c in ids for s in subscriptions[c]], all_scheds, customers.values(), now
                ),
                schedules=inheriting_phases([s for c in ids for s in schedules[c]], customers.values(), now),
                invoices=[i for c in ids for i in invoices[c]],
                charges=by_intent,
                refunds=[r for c in ids for r in refunds[c]],
                disputes=[d for c in ids for d in disputes[c]],
                notes=[n for c in ids for n in notes[c]],
                coupons=coupons,
                prices=prices,
                products=products,
                standing_alone=[d for c in ids for d in standing_alone[c]],
                portal=portal,
                pending=[p for c in ids for p in pending[c]],
                under_review=account_id in rivals,
            )
            for account_id, ids in accounts.items()
        }

    def _of(self, customers: Sequence[str], kind: str, type_: type[F]) -> dict[str, list[F]]:
        rows: dict[str, list[F]] = defaultdict(list)
        for fact in self.facts.of_customers(kind, customers):
            assert isinstance(fact, type_)
            rows[getattr(fact, "customer", "") or ""].append(fact)
        return rows

    def _typed(self, kind: str, ids: Iterable[str], type_: type[F]) -> dict[str, F]:
        return typed(self.facts.get(kind, list(ids)), type_)

    def _products(self, stripe_ids: set[str]) -> dict[str, str]:
        links = self.links.by_stripe_id(stripe_ids)
        return {i: link.salesforce_id for i, link in links.items() if link.stripe_kind == "product"}
