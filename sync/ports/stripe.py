"""What the pipeline needs of one Stripe account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sync.facts import Fact, Invoice
from sync.ports.queue import NewNotice
from sync.records import Operation, Ref, Sent


@dataclass(frozen=True)
class Snapshot:
    """What a gateway read: by the reference asked for. An empty tuple means "looked, there is none"; a missing key
    was not asked.
    """

    found: Mapping[Ref, tuple[Fact, ...]]

    def one(self, ref: Ref) -> Fact | None:
        facts = self.found[ref]
        return facts[0] if facts else None

    def all(self) -> list[Fact]:
        return [f for facts in self.found.values() for f in facts]


@dataclass(frozen=True)
class EventPage:
    """Events oldest first. ``cursor`` is what to pass next time; ``more`` says the head is not reached."""

    notices: tuple[NewNotice, ...]
    cursor: Mapping[str, object]
    more: bool


@dataclass(frozen=True)
class Previewed:
    """An invoice that Stripe would make: as a fact (its id is ``upcoming``), and Stripe's own JSON."""

    invoice: Invoice
    raw: Mapping[str, object]


class StripeGateway(Protocol):
    """One Stripe account. Sorts every error: Transient (429, 409 -> TEMP-401/402; connection before sending ->
    TEMP-406), OutcomeUnknown (5xx answered=True; no answer answered=False, TEMP-403),
    Terminal (400/404/402; CONF-305 for 401/403 rights).
    """

    @property
    def account(self) -> str: ...

    @property
    def livemode(self) -> bool: ...

    def read(self, refs: Iterable[Ref], hints: Mapping[Ref, int] | None = None) -> Snapshot:
        """Read all refs, choosing retrieve or list by cost. Kinds of refs, and what comes back:
        ``product`` id, ``price`` lookup_key, ``price_id`` id, ``coupon`` id, ``customer_id`` id, ``subscription_id``
        id, ``schedule_id`` id, ``invoice_id`` id -> that object or nothing;
        ``meter`` event name -> the active meter, else the inactive ones of that name; ``meter_id`` id -> that meter;
        ``customers_by_email`` e-mail, ``schedules_of`` customer, ``subscriptions_of`` customer (all statuses),
        ``invoice_of`` payment intent, ``invoices_of`` subscription,
        ``invoices_of_customer`` customer, ``credit_notes_of`` customer (void ones too), ``credit_notes_of_invoice``
        invoice, ``balance_of`` customer (every move of the balance), ``pending_items_of`` customer -> all of them;
        ``portal`` -> the default settings of the customer portal, or nothing where nobody has made any;
        ``charges_of`` payment intent -> all of its charges, then their refunds and disputes; ``paid_charges_of`` payment
        intent -> the same, at least of the charge that brought money; its hint is when it did.
        A deleted object comes back as a fact with deleted=True where Stripe says so, else as nothing. ``hints`` are
        creation seconds.
        A look-up that fails raises; it never means "none" (BILLING_RULES 5).
        """

    def send(self, operation: Operation, payload: Mapping[str, object], key: str) -> Sent:
        """Send one write (refs in ``payload`` already resolved) under this idempotency key, within
        ``call_deadline_s`` in all, without retrying. What can be sent is a table, in which every Create names the read
        that finds what it made. The payload of a ``balance`` names its ``customer``, which goes into the path.
        """

    def told(self, sent: Sent) -> tuple[Fact, ...]:
        """The object with which a write was answered, as it was read back by that; no call."""

    def events(self, cursor: Mapping[str, object] | None, *, undelivered_only: bool = False) -> EventPage: ...

    def events_head(self) -> Mapping[str, object]:
        """A cursor of `events` from which only what comes from now on is read, and a few minutes before it."""

    def preview(self, payload: Mapping[str, object]) -> Previewed | None:
        """Stripe's create_preview: the one invoice that would be made next, or None when there would be none."""

    def credit_total(self, note: Mapping[str, object]) -> int:
        """What a credit note with these parameters would come to, in minor units with its tax; nothing is made."""
