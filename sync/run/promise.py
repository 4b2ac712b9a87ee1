"""The promise check in runs (DESIGN 4): what Stripe bills by itself is held against what was promised. A draft that
differs is held before it is sent; one that is finalised can only be reported. Either way people are told, with both
numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from sync import catalogue
from sync.deal.deal import Deal
from sync.deal.money import to_major
from sync.desired.kept_on import let_go
from sync.desired.keys import ACCOUNT, DEAL, HELD
from sync.desired.made import begun, made
from sync.desired.paying import corrections, paid_otherwise
from sync.desired.promised import Unlike, day_said, is_after, is_checked, unlike
from sync.errors import Unsafe
from sync.facts import Fact, Invoice, Price, Schedule, Subscription, of_type
from sync.ports import Facts, Mark, Outbox
from sync.records import Operation, Ref, Value, Verb
from sync.run.dealing import Dealing
from sync.run.intake import quote_mark
from sync.run.reading import typed
from sync.run.rows import ISSUE, Rows
from sync.shown import BillingIssue

log = structlog.get_logger()
CODE = "BUG-503"
#: What is done about a discount that no quote has.
_DISCOUNTED = (
    "remove the discount from the customer or the subscription in Stripe, so that the next invoice is right, and from "
    "this invoice;"
)


@dataclass(frozen=True)
class PromiseCheck:
    """Everything the check needs: what was promised, what was read, and where it is told. Reads nothing of Stripe."""

    dealing: Dealing
    facts: Facts
    outbox: Outbox
    rows: Rows

    def broken(self, found: Iterable[Fact]) -> list[Mark]:
        """The deals whose quotes have to look: one of these invoices is not what was promised."""
        marks = {}
        for invoice in (f for f in found if isinstance(f, Invoice) and is_checked(f)):
            key = invoice.subscription_metadata.get(DEAL, "")
            deal = self.dealing.promised(key)
            if deal is not None and self._of(deal, [invoice]):
                log.warning("promise_broken", code=CODE, stripe_id=invoice.id, deal=key)
                marks[key] = quote_mark(key, invoice.subscription_metadata.get(ACCOUNT, ""))
        return list(marks.values())

    def paid_otherwise(self, found: Iterable[Fact]) -> list[Mark]:
        """The deals whose quotes chose ways to pay that Stripe has not been told of yet."""
        of = [f.subscription_metadata if isinstance(f, Invoice) else f.metadata for f in paid_otherwise(found)]
        return [quote_mark(deal, metadata.get(ACCOUNT, "")) for metadata in of if (deal := metadata.get(DEAL))]

    def ways_to_pay(self, deal: Deal, customer: str) -> list[Operation]:
        """What tells Stripe how the deal's invoices may be paid."""
        kinds = ("subscription", "invoice") if deal.terms.methods else ()
        return corrections([f for kind in kinds for f in self.facts.of_customers(kind, [customer])], deal)

    def unlike(self, deal: Deal, customer: str) -> list[Unlike]:
        """Every invoice of the deal that is not what was promised and that nobody dealt with yet."""
        mine = [i for i in self._invoices(customer) if is_checked(i) and not i.credited_minor]
        return self._of(deal, [i for i in mine if i.subscription_metadata.get(DEAL) == deal.key])

    def released(self, deal: Deal, customer: str, found: Sequence[Unlike]) -> list[Operation]:
        """What lets drafts that we held go on by themselves, now that they are as promised."""
        still = {one.invoice.id for one in found}
        return [
            _advance(invoice, {"auto_advance": True, "metadata": {HELD: ""}})
            for invoice in self._invoices(customer)
            if invoice.metadata.get(HELD) and invoice.status == "draft" and invoice.id not in still
            if invoice.subscription_metadata.get(DEAL) == deal.key
        ]

    def _of(self, deal: Deal, invoices: Sequence[Invoice]) -> list[Unlike]:
        customers = {i.customer for i in invoices}
        subscriptions = self.facts.of_customers("subscription", list(customers))
        objects = [*subscriptions, *self.facts.of_customers("schedule", list(customers))]
        settled = begun(deal, made(deal, [f for f in objects if isinstance(f, Subscription | Schedule)]))
        kept = let_go(objects)
        by_id = {s.id: s for s in subscriptions if isinstance(s, Subscription)}
        prices = self._prices(invoices)
        found = []
        for invoice in invoices:
            subscription = by_id.get(invoice.subscription or "")
            kept_on = subscription is not None and subscription.id in kept and is_after(invoice, deal)
            if subscription is not None and settled and not kept_on:
                one = unlike(invoice, subscription, deal, settled, prices)
                found += [one] if one else []
        return found

    def _prices(self, invoices: Iterable[Invoice]) -> Mapping[str, Price]:
        return typed(self.facts.get("price", {line.price for i in invoices for line in i.lines if line.price}), Price)

    def tell(self, found: Sequence[Unlike], deal: Deal, customer: str, now: datetime, fence: int) -> None:
        """An issue for each invoice that differs; what was told of the deal's others is closed."""
        self.outbox.put([self.rows.issue(_issue(one, deal, now)) for one in found], fence)
        known = [i for i in self._told(deal, customer) if i not in {one.invoice.id for one in found}]
        if known:
            self.outbox.put([self.rows.closed_issue(_key(i), deal.payer.account_id, now) for i in known], fence)

    def _told(self, deal: Deal, customer: str) -> list[str]:
        """The deal's invoices of which an issue stands in the CRM."""
        ids = [i.id for i in self._invoices(customer) if i.subscription_metadata.get(DEAL) == deal.key]
        told = self.outbox.salesforce_ids(ISSUE, [_key(i) for i in ids]) if ids else {}
        return [i for i in ids if _key(i) in told]

    def _invoices(self, customer: str) -> list[Invoice]:
        return of_type(self.facts.of_customers("invoice", [customer]), Invoice)


def holds(found: Sequence[Unlike]) -> list[Operation]:
    """What keeps the drafts among them from being sent by themselves."""
    return [
        _advance(one.invoice, {"auto_advance": False, "metadata": {HELD: "1"}})
        for one in found
        if one.invoice.status == "draft" and one.invoice.auto_advance is not False
    ]


def _advance(invoice: Invoice, payload: Mapping[str, Value]) -> Operation:
    return Operation(
        Verb.UPDATE, Ref("invoice", f"held:{invoice.id}"), payload, remote_id=invoice.id, changed=("auto_advance",)
    )


def broken(found: Sequence[Unlike], deal: Deal) -> Unsafe:
    """What people are told, with both numbers."""
    first = found[0]
    held = "It is held as a draft" if first.invoice.status == "draft" else "It is finalised already"
    more = f" {len(found) - 1} more differ." if len(found) > 1 else ""
    what = f"the invoice of {day_said(first.invoice, deal)} ({first.invoice.id}) is unlike the preview: {first.words}"
    cure = f"{_DISCOUNTED} " if first.invoice.discounts else ""
    tail = f"{held}: {cure}correct it in Stripe and it goes on by itself, or void it and bill by hand.{more}"
    return Unsafe(CODE, catalogue.message(CODE, tail, what=what))


def _key(invoice_id: str) -> str:
    return f"{CODE}:{invoice_id}"


def _issue(one: Unlike, deal: Deal, now: datetime) -> BillingIssue:
    return BillingIssue(
        billing_key=_key(one.invoice.id),
        code=CODE,
        title="An invoice is unlike its preview",
        detail=one.words,
        record=deal.quote_id,
        quote=deal.quote_id,
        account=deal.payer.account_id,
        sum=to_major(abs(one.promised - one.found), deal.currency),
        status="Open",
        audience="Billing Operations",
        reference=one.invoice.id,
        opened_at=now,
        currency=deal.currency,
    )
