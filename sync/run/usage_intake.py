"""Taking usage in: each row is held against what Stripe will bill before it is stored, so that a row that is accepted
shows on an invoice. What is stored is sent by `sync.run.usage`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from sync.clock import Clock
from sync.facts import Customer, Fact, Invoice, Meter, Price, Schedule, Subscription
from sync.ports import Facts, Links, NewLink, StripeGateway
from sync.ports.usage import Metering, NewUsage, UsageStore, UsageWindows
from sync.records import Ref
from sync.run.following import payer_of
from sync.run.reading import typed
from sync.usage.rows import Refusal, UsageRow, timely
from sync.usage.standing import Known, is_current, meter_meant, miscounted, unbillable

#: Machine seconds for which the list of meters is believed when a name is in it.
METERS_FRESH_S = 60.0
UNKNOWN: Final = "unknown_customer"
DIFFERS = Refusal("differs", "this identifier was reported before with another customer, event, quantity or time.")


@dataclass(frozen=True)
class Taken:
    """What became of a batch. ``accepted`` will be billed once; ``known`` were taken before; ``refused`` name the place in
    the batch.
    """

    accepted: int
    known: int
    refused: Sequence[tuple[int, Refusal]]


@dataclass
class UsageIntake:
    """Judges rows and stores the good ones. Thread-safe; reads Stripe only for what the store does not know for sure."""

    stripe: StripeGateway
    metering: Metering
    facts: Facts
    links: Links
    store: UsageStore
    windows: UsageWindows
    clock: Clock
    _meters: tuple[float, Sequence[Meter]] = field(default=(float("-inf"), ()))

    def take(self, rows: Sequence[UsageRow | Refusal], *, keep: bool = True) -> Taken:
        """Each row is accepted, known or refused; the accepted ones are committed on return, if ``keep``. Transient when
        a side is away: then nothing was taken.
        """
        whole = {n: row for n, row in enumerate(rows) if isinstance(row, UsageRow)}
        refused = {n: row for n, row in enumerate(rows) if isinstance(row, Refusal)}
        there = self.store.known(list(whole.values()))
        fresh = {n: row for (n, row), known in zip(whole.items(), there, strict=True) if not known}
        judged = self.judged(fresh, self.clock.now())
        refused |= {n: found for n, found in judged.items() if isinstance(found, Refusal)}
        good = {n: found for n, found in judged.items() if isinstance(found, NewUsage)}
        refused |= _differing(good)
        good = {n: found for n, found in good.items() if n not in refused}
        how = self.store.add(list(good.values())) if keep and good else ["new"] * len(good)
        refused |= {n: DIFFERS for n, became in zip(good, how, strict=True) if became == "differs"}
        accepted = len({f.row.key for f, became in zip(good.values(), how, strict=True) if became == "new"})
        known = len(rows) - accepted - len(refused)
        return Taken(accepted, known, sorted(refused.items(), key=lambda each: each[0]))

    def judged(
        self, rows: Mapping[int, UsageRow], now: datetime, *, accepted: bool = False
    ) -> dict[int, NewUsage | Refusal]:
        """By number: who is billed for it by which event, or why nobody is. What the store denies is asked of Stripe.
        ``accepted``: they were taken in before.
        """
        of = partial(self._of, now=now, accepted=accepted)
        found: dict[int, NewUsage | Refusal] = {n: late for n, row in rows.items() if (late := timely(row, now))}
        customers = self._customers([row for n, row in rows.items() if n not in found])
        named = {n: customers.get(_name(row), "") for n, row in rows.items() if n not in found}
        stored = self._stored({c for c in named.values() if c})
        unsure = {}
        for n, customer in named.items():
            known = stored.get(customer)
            answer = of(rows[n], known) if known and is_current(known, int(now.timestamp())) else None
            if isinstance(answer, NewUsage):
                found[n] = answer
            else:
                unsure[n] = customer
        live = self._live({c for c in unsure.values() if c})
        for n, customer in unsure.items():
            known = live.get(customer)
            found[n] = of(rows[n], known) if known else _unknown(rows[n])
        return found

    def meter(self, event: str) -> Meter | None:
        """The active meter of an event, by a list that is at most a minute old."""
        return next((meter for meter in self._active(event) if meter.event_name == event), None)

    # ------------------------------------------------------------------

    def _of(self, row: UsageRow, known: Known, now: datetime, accepted: bool) -> NewUsage | Refusal:
        meter = meter_meant(row, known, self._active(row.event))
        if isinstance(meter, Refusal):
            return meter
        why = miscounted(row, meter) or unbillable(row, meter, known, now, accepted=accepted)
        return why or NewUsage(row, meter.event_name, known.customer)

    def _active(self, event: str) -> Sequence[Meter]:
        read_at, known = self._meters
        stale = time.monotonic() - read_at > METERS_FRESH_S
        # A meter that was made a moment ago is asked for once a second, however many rows name it.
        new = bool(event) and all(m.event_name != event for m in known) and time.monotonic() - read_at > 1.0
        if stale or new:
            self._meters = (time.monotonic(), self.metering.meters())
        return self._meters[1]

    def _customers(self, rows: Iterable[UsageRow]) -> Mapping[str, str]:
        """Stripe customer by what rows name: a customer, an Account, or a subscription by any of its ids."""
        names = {_name(row) for row in rows}
        found = {name: name for name in names if name.startswith("cus_")}
        found |= self._of_objects([name for name in names if name.startswith("sub_")])
        accounts = {row.account: row.account for row in rows if row.account}
        left = names - found.keys() - accounts.keys()
        accounts |= self.store.accounts_of_rows(left) if left else {}
        # Of an Account with several customers the payer, whatever order they are read in.
        links = sorted(self._links(accounts.values()), key=lambda link: link.key == payer_of(link.salesforce_id))
        linked = {link.salesforce_id: link.stripe_id for link in links}
        return found | {name: linked[account] for name, account in accounts.items() if account in linked}

    def _links(self, accounts: Iterable[str]) -> Iterable[NewLink]:
        wanted = sorted(set(accounts))
        return self.links.by_salesforce_id(wanted, "customer") if wanted else ()

    def _of_objects(self, ids: Sequence[str]) -> dict[str, str]:
        """Customers by subscription or schedule id; those that the store has not seen are asked of Stripe."""
        kinds = {i: "schedule" if i.startswith("sub_sched_") else "subscription" for i in ids}
        found: dict[str, Fact] = {}
        for kind in ("subscription", "schedule"):
            found |= self.facts.get(kind, [i for i in ids if kinds[i] == kind])
        refs = [Ref(f"{kinds[i]}_id", i) for i in ids if i not in found]
        if refs:
            found |= {fact.id: fact for fact in self.stripe.read(refs).all()}
        return {i: fact.customer for i, fact in found.items() if isinstance(fact, Subscription | Schedule)}

    def _stored(self, customers: set[str]) -> dict[str, Known]:
        """What the store knows of each customer that it has seen."""
        if not customers:
            return {}
        seen = self.facts.get("customer", customers)
        facts = [f for kind in ("subscription", "invoice") for f in self.facts.of_customers(kind, customers)]
        return self._known({c for c in customers if c in seen and not seen[c].deleted}, facts)

    def _live(self, customers: set[str]) -> dict[str, Known]:
        """The same as Stripe says now, of those customers that there are."""
        wanted = sorted(customers)
        people = self.stripe.read([Ref("customer_id", c) for c in wanted]).all() if wanted else []
        there = [p.id for p in people if isinstance(p, Customer) and not p.deleted]
        refs = [Ref(kind, c) for c in there for kind in ("subscriptions_of", "invoices_of_customer")]
        return self._known(set(there), self.stripe.read(refs).all() if refs else [])

    def _known(self, customers: set[str], facts: Sequence[Fact]) -> dict[str, Known]:
        subscriptions = [f for f in facts if isinstance(f, Subscription)]
        drafts = [f for f in facts if isinstance(f, Invoice) and f.status == "draft"]
        windows = self.windows.of_customers(customers) if customers else ()
        prices = self._prices({line.price for draft in drafts for line in draft.lines if line.price})
        return {
            c: Known(
                c, [s for s in subscriptions if s.customer == c], [d for d in drafts if d.customer == c], prices,
                [w for w in windows if w.customer == c],
            )
            for c in customers
        }  # fmt: skip

    def _prices(self, ids: set[str]) -> Mapping[str, Price]:
        found = typed(self.facts.get("price", ids), Price) if ids else {}
        refs = [Ref("price_id", i) for i in sorted(ids - found.keys())]
        more = self.stripe.read(refs).all() if refs else []
        return {**found, **{p.id: p for p in more if isinstance(p, Price)}}


def _name(row: UsageRow) -> str:
    return row.customer or row.account or row.subscription


def _unknown(row: UsageRow) -> Refusal:
    kind = "customer" if row.customer else "account" if row.account else "subscription"
    return Refusal(UNKNOWN, f'{kind} "{_name(row)}" has no customer in Stripe.')


def _differing(good: Mapping[int, NewUsage]) -> dict[int, Refusal]:
    """Rows of one batch that share an identifier with an earlier one and say something else."""
    first: dict[tuple[str, str], tuple[object, ...]] = {}
    refused = {}
    for n, new in sorted(good.items()):
        said = (new.event, new.customer, new.row.quantity, new.row.happened_at)
        if first.setdefault(new.row.key, said) != said:
            refused[n] = DIFFERS
    return refused
