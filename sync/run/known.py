"""What is stored of some customers, read once for one comparison of their Accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sync.facts import BalanceTransaction, Coupon, Customer, Fact, Invoice, Price, Schedule, Subscription
from sync.facts.coupons import coupons_of
from sync.ports import Facts, StripeGateway
from sync.records import Ref
from sync.run.reading import prices_of, typed, with_items

F = TypeVar("F", bound=Fact)
#: A draft is finalised within an hour or three days; one that is older may have been deleted, which no list says.
DRAFT_OLD = timedelta(hours=3)
LOADED = ("subscription", "schedule", "invoice", "creditnote", "balance", "refund", "dispute")


class Known:
    """What is stored of some customers, by customer, read once; drafts that may be gone are looked at in Stripe."""

    def __init__(
        self, facts: Facts, stripe: StripeGateway, now: datetime, customers: Mapping[str, Sequence[str]]
    ) -> None:
        self._facts, self._stripe = facts, stripe
        self._accounts = customers
        self._everyone = list(dict.fromkeys(c for ids in customers.values() for c in ids))
        self._by_customer: dict[str, list[Fact]] = defaultdict(list)
        self._customers = typed(facts.get("customer", self._everyone), Customer)
        for kind in LOADED:
            for fact in facts.of_customers(kind, self._everyone) if self._everyone else ():
                self._by_customer[getattr(fact, "customer", "") or ""].append(fact)
        self._look_at_drafts(now)
        subscriptions, schedules = self.typed(self._everyone, Subscription), self.typed(self._everyone, Schedule)
        lines = {line.price for i in self.typed(self._everyone, Invoice) for line in i.lines if line.price}
        read = typed(facts.get("price", prices_of(schedules, subscriptions) | lines), Price)
        self.prices = with_items(read, subscriptions)
        standing = coupons_of([*subscriptions, *schedules, *self._customers.values()])
        self.coupons = typed(facts.get("coupon", standing), Coupon)

    def of(self, customer: str) -> Sequence[Fact]:
        """What runs, ran or is planned for a customer, and its invoices."""
        return self._by_customer[customer]

    def of_account(self, account_id: str) -> Sequence[Fact]:
        """The same for an Account."""
        return [f for c in self._accounts.get(account_id, ()) for f in self.of(c)]

    def typed(self, customers: Iterable[str], type_: type[F]) -> list[F]:
        """Those of one type."""
        return [f for c in customers for f in self._by_customer[c] if isinstance(f, type_)]

    def objects(self, customers: Iterable[str]) -> list[Subscription | Schedule]:
        """What runs, ran or is planned for these customers."""
        mine = [f for c in customers for f in self._by_customer[c]]
        return [f for f in mine if isinstance(f, Subscription | Schedule)]

    def customers(self, ids: Iterable[str]) -> list[Customer]:
        """The customers themselves, those that are known and not deleted."""
        return [self._customers[i] for i in ids if i in self._customers and not self._customers[i].deleted]

    def _look_at_drafts(self, now: datetime) -> None:
        old_s = (now - DRAFT_OLD).timestamp()
        old = [i for i in self.typed(self._everyone, Invoice) if i.status == "draft" and i.created_s < old_s]
        if not old:
            return
        fence = self._facts.fence()
        there = {f.id for f in self._stripe.read([Ref("invoice_id", i.id) for i in old]).all()}
        gone = [i.model_copy(update={"status": "void", "amount_remaining_minor": 0}) for i in old if i.id not in there]
        self._facts.put(gone, fence)
        for invoice in gone:
            mine = self._by_customer[invoice.customer]
            mine[:] = [invoice if f.id == invoice.id else f for f in mine]

    def read_balances(self, customers: Iterable[str]) -> None:
        """Every move of these customers' balances is known: Stripe has no list of all of them, so they are asked for one
        by one, where something rests on them. What was seen once stays as it is.
        """
        fence = self._facts.fence()
        found = self._stripe.read([Ref("balance_of", c) for c in customers]).all()
        self._facts.put(found, fence)
        for customer in customers:
            mine = self._by_customer[customer]
            mine[:] = [f for f in mine if not isinstance(f, BalanceTransaction)]
        for fact in found:
            self._by_customer[getattr(fact, "customer", "")].append(fact)
