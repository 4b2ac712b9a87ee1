"""Mirror runs: what Stripe bills and collects, onto the CRM's records. They write nothing to Stripe and hold no unit
lock (DESIGN 1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from sync.clock import Clock
from sync.desired.mirror import AccountView, Shown, show
from sync.errors import LeaseLost, SyncError, Terminal, Transient
from sync.facts import Charge, Coupon, Customer, Fact, Invoice, Price, Schedule, Subscription
from sync.ports import Again, Claim, Done, Due, Facts, Failed, Links, Mark, Outbox, Outcome, StripeGateway, Subjects
from sync.records import Ref
from sync.run.intake import account_mark, quote_mark, unit_of
from sync.run.rows import Rows

log = structlog.get_logger()
F = TypeVar("F", bound=Fact)
PRODUCT_PREFIX = "product:"


@dataclass(frozen=True)
class Mirror:
    """The mirror lane with everything it needs of the outside."""

    stripe: StripeGateway
    facts: Facts
    links: Links
    subjects: Subjects
    outbox: Outbox
    rows: Rows
    clock: Clock
    zone_of: Callable[[Iterable[str]], Mapping[str, str]]
    batch: int = 200

    def run_once(self, lane: str = "mirror") -> int:
        """Take one batch of due subjects through; returns how many there were. Every claimed subject gets an outcome."""
        claim = self.subjects.claim_batch("bulk" if lane == "bulk" else "mirror", self.batch)
        if claim is None:
            return 0
        try:
            outcomes = self._run(claim)
        except Transient as error:
            outcomes = {d.key: Again(error.code, error.message, error.retry_after_s) for d in claim.subjects}
        except Exception as error:
            outcomes = self._one_by_one(claim, _understood(error))
        try:
            self.subjects.finish(claim, outcomes)
        except LeaseLost as error:
            log.warning("lease_lost", lane=claim.lane, reason=error.message)
        return len(claim.subjects)

    def _one_by_one(self, claim: Claim, error: SyncError) -> dict[str, Outcome]:
        """One bad object must not hold up the others: when a batch fails for good, each subject is tried alone."""
        if len(claim.subjects) == 1:
            return {claim.subjects[0].key: Failed(error.code, error.message)}
        outcomes: dict[str, Outcome] = {}
        for due in claim.subjects:
            alone = Claim(claim.lane, claim.unit, claim.token, (due,))
            self.subjects.renew(claim)
            try:
                outcomes.update(self._run(alone))
            except Transient as passing:
                outcomes[due.key] = Again(passing.code, passing.message, passing.retry_after_s)
            except Exception as lasting:
                understood = _understood(lasting)
                outcomes[due.key] = Failed(understood.code, understood.message)
        return outcomes

    def _run(self, claim: Claim) -> dict[str, Outcome]:
        fence = self.facts.fence()
        read = self._read(claim.subjects, fence)
        accounts = self._accounts(claim.subjects, read)
        shown = self._show(accounts, read)
        self.outbox.put([row for s in shown.values() for row in self.rows.of_shown(s)], fence)
        claimed = {d.key for d in claim.subjects}
        for mark, s in ((account_mark(account_id), s) for account_id, s in shown.items()):
            if s.wake_at is not None and mark.key not in claimed:
                self.subjects.wake(mark, s.wake_at)
        log.info("mirrored", subjects=len(claim.subjects), accounts=len(shown), invoices=len(read.invoices))
        wakes = {account_mark(a).key: s.wake_at for a, s in shown.items()}
        return {d.key: Done(wakes.get(d.key)) for d in claim.subjects}

    # ------------------------------------------------------------ reading

    def _read(self, due: Sequence[Due], fence: int) -> Read:
        """Read what is due from Stripe, once, and whatever it needs that was never read before."""
        refs = {r: d for d in due if (r := _ref(d)) is not None}
        hints = {r: d.hint_created_s for r, d in refs.items() if d.hint_created_s is not None}
        snapshot = self.stripe.read(refs, hints)
        found = snapshot.all()
        known = self.facts.get("schedule", [f.id for f in found if isinstance(f, Schedule)])
        for fact in found:
            before = known.get(fact.id)
            if isinstance(fact, Schedule) and isinstance(before, Schedule) and before.status != fact.status:
                self._tell_quote(fact)
        found += self._missing(found)
        self.facts.put(found, fence)
        return Read(
            invoices={f.id for f in found if isinstance(f, Invoice)},
            customers={c for f in found if (c := getattr(f, "customer", None))}
            | {f.id for f in found if isinstance(f, Customer)},
        )

    def _tell_quote(self, schedule: Schedule) -> None:
        quote, account = schedule.metadata.get("salesforce_quote_id"), schedule.metadata.get("salesforce_account_id")
        if quote and account:
            self.subjects.mark([quote_mark(quote, account)], reason="schedule_status")

    def _missing(self, found: Sequence[Fact]) -> list[Fact]:
        """Objects that the found ones name and that no read has seen yet: subscriptions, schedules, coupons, prices,
        charges of failed attempts.
        """
        extra: list[Fact] = []
        invoices = [f for f in found if isinstance(f, Invoice)]
        subscriptions = [f for f in found if isinstance(f, Subscription)]
        here = {f.id for f in found}
        extra += self._unseen("subscription", {i.subscription for i in invoices if i.subscription} - here, Subscription)
        subscriptions += [f for f in extra if isinstance(f, Subscription)]
        extra += self._unseen("schedule", {s.schedule for s in subscriptions if s.schedule} - here, Schedule)
        schedules = [f for f in [*found, *extra] if isinstance(f, Schedule)]
        extra += self._unseen(
            "subscription",
            {i for s in schedules if (i := s.subscription or s.released_subscription)}
            - here
            - {s.id for s in subscriptions},
            Subscription,
        )
        subscriptions = [f for f in [*found, *extra] if isinstance(f, Subscription)]
        customers = {c for f in [*found, *extra] if (c := getattr(f, "customer", None))}
        extra += self._unseen("customer", customers - here, Customer)
        extra += self._unseen("coupon", _coupons(subscriptions, schedules), Coupon)
        extra += self._unseen(
            "price", {i.price for s in schedules for p in s.phases for i in (*p.items, *p.add_invoice_items)}, Price
        )
        extra += self._failed_charges(invoices)
        return extra

    def _unseen(self, kind: str, ids: set[str], type_: type[F]) -> list[Fact]:
        unseen = ids - set(self.facts.get(kind, ids)) if ids else set()
        if not unseen:
            return []
        suffix = "" if kind == "coupon" else "_id"
        return self.stripe.read([Ref(f"{kind}{suffix}", i) for i in sorted(unseen)]).all()

    def _failed_charges(self, invoices: Sequence[Invoice]) -> list[Fact]:
        """The attempts behind invoices that were not paid at the first try: one list per payment intent."""
        intents = {
            p.payment_intent
            for i in invoices
            if i.attempt_count > 1 or (i.attempt_count == 1 and i.status in ("open", "uncollectible"))
            for p in i.payments
            if p.payment_intent
        }
        return self.stripe.read([Ref("charges_of", i) for i in sorted(intents)]).all() if intents else []

    # ------------------------------------------------------------ whose it is

    def _accounts(self, due: Sequence[Due], read: Read) -> dict[str, list[str]]:
        """Account id -> its Stripe customers. Customers without an Account are sent to the identity run, which brings
        them back.
        """
        links = self.links.by_stripe_id(read.customers)
        unknown = read.customers - set(links)
        if unknown:
            marks = [Mark(f"customer:{c}", "deal", unit_of(c)) for c in sorted(unknown)]
            self.subjects.mark(marks, reason="customer_without_account")
        accounts = {link.salesforce_id for link in links.values()}
        accounts |= {d.id for d in due if d.kind == "account"}
        customers: dict[str, list[str]] = defaultdict(list)
        for link in self.links.by_salesforce_id(accounts, "customer"):
            customers[link.salesforce_id].append(link.stripe_id)
        return customers

    def _show(self, accounts: Mapping[str, Sequence[str]], read: Read) -> dict[str, Shown]:
        everyone = [c for ids in accounts.values() for c in ids]
        if not everyone:
            return {}
        subscriptions = self._of(everyone, "subscription", Subscription)
        schedules = self._of(everyone, "schedule", Schedule)
        invoices = self._of(everyone, "invoice", Invoice)
        charges = self._of(everyone, "charge", Charge)
        customers = self._typed("customer", everyone, Customer)
        all_subs = [s for rows in subscriptions.values() for s in rows]
        all_scheds = [s for rows in schedules.values() for s in rows]
        coupons = self._typed("coupon", _coupons(all_subs, all_scheds), Coupon)
        prices = self._typed(
            "price", {i.price for s in all_scheds for p in s.phases for i in (*p.items, *p.add_invoice_items)}, Price
        )
        prices |= {i.price.id: i.price for s in all_subs for i in s.items}
        products = self._products({p.product for p in prices.values()})
        by_intent: dict[str, list[Charge]] = defaultdict(list)
        for charge in (c for rows in charges.values() for c in rows):
            by_intent[charge.payment_intent or ""].append(charge)
        now = self.clock.now()
        zones = self.zone_of(accounts)
        shown = {}
        for account_id, ids in accounts.items():
            view = AccountView(
                account_id=account_id,
                zone=zones[account_id],
                now=now,
                customers=[customers[c] for c in ids if c in customers],
                subscriptions=[s for c in ids for s in subscriptions[c]],
                schedules=[s for c in ids for s in schedules[c]],
                invoices=[i for c in ids for i in invoices[c]],
                charges=by_intent,
                coupons=coupons,
                prices=prices,
                products=products,
            )
            shown[account_id] = show(view, frozenset(read.invoices))
        return shown

    def _of(self, customers: Sequence[str], kind: str, type_: type[F]) -> dict[str, list[F]]:
        rows: dict[str, list[F]] = defaultdict(list)
        for fact in self.facts.of_customers(kind, customers):
            assert isinstance(fact, type_)
            rows[getattr(fact, "customer", "") or ""].append(fact)
        return rows

    def _typed(self, kind: str, ids: Iterable[str], type_: type[F]) -> dict[str, F]:
        return {i: f for i, f in self.facts.get(kind, list(ids)).items() if isinstance(f, type_)}

    def _products(self, stripe_ids: set[str]) -> dict[str, str]:
        links = self.links.by_stripe_id(stripe_ids)
        return {i: link.salesforce_id for i, link in links.items() if link.stripe_kind == "product"}


def _understood(error: Exception) -> SyncError:
    """The error itself if it is one of ours, else BUG-502, loudly."""
    if isinstance(error, SyncError):
        return error
    log.error("mirror_broke", code="BUG-502", exc_info=error)
    return Terminal(
        "BUG-502",
        "Tandem met something that it doesn't understand; this record is set aside for the engineers, others go on.",
    )


@dataclass(frozen=True)
class Read:
    """What a batch read: the invoices to show, and whose objects they were."""

    invoices: set[str]
    customers: set[str]


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


def _coupons(subscriptions: Iterable[Subscription], schedules: Iterable[Schedule]) -> set[str]:
    ids = {c for s in subscriptions for c in (*s.coupons, *(c for i in s.items for c in i.coupons))}
    return ids | {
        c
        for s in schedules
        for p in s.phases
        for c in (*p.coupons, *(c for i in (*p.items, *p.add_invoice_items) for c in i.coupons))
    }
