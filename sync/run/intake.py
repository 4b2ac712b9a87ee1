"""From notices to subjects. A notice only names what to look at; what it says about it is never used (DESIGN 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sync.deal.lines import NATURAL
from sync.desired.taxed_customer import TAX_SETTINGS
from sync.ports import EVERY, Mark, Notice
from sync.usage.reports import REPORT_TYPES

#: Event families whose object leads to a subject of the mirror. Others are stored and make nothing due: the invoice's
#: own
#: events come with every payment, and a read per event is a trap (DESIGN 8.16).
SUBSCRIPTION_KINDS = frozenset({"subscription", "subscription_schedule"})
INVOICE_KINDS = frozenset({"invoice", "invoice_payment"})
PAYMENT_KINDS = frozenset({"refund", "dispute", "credit_note"})
PAYMENT_TYPES = frozenset({"charge.refunded"})
#: Of a payment itself: a bank debit has begun, which its invoice need not say.
DEBIT_BEGUN = "payment_intent.processing"
QUOTE_LINES = "QuoteLineItem"
ONE: Mapping[str, str] = MappingProxyType({})
#: How the ids of Product2 begin.
PRODUCT_PREFIX = "01t"
#: Of a product's events: what a deal has just made says nothing new, what others made may name a Product2.
PRODUCT_TYPES = frozenset({"product.updated", "product.deleted"})
MADE = "product.created"
#: Subjects that are the tax numbers of a customer, and the objects whose events tell of them.
TAX_NUMBERS, TAX_ID = "tax_numbers", "tax_id"
#: Subjects that are what a customer sent by bank transfer, and the objects whose events tell of it.
CASH, CASH_MOVE = "cash", "customer_cash_balance_transaction"
#: Subjects that are what waits for a customer's next invoice, and the objects whose events tell of it.
PENDING, INVOICE_ITEM = "pending", "invoiceitem"
#: By kind of object, what of its customer is looked at as a whole.
LOOKED_AT: Mapping[str, str] = MappingProxyType({TAX_ID: TAX_NUMBERS, CASH_MOVE: CASH, INVOICE_ITEM: PENDING})
#: Of a customer as a whole it changes all that the customer is billed; one of a subscription comes with the subscription's own.
DISCOUNT = "discount"
#: Objects of Stripe that no subject is about, and that a refused quote may wait for.
WAITED_FOR = frozenset({"product", "price", "coupon", "billing.meter"})
#: Subjects that are reports of usage that Stripe did not count.
USAGE_REPORT = "usage_report"


def unit_of(account_or_customer: str) -> str:
    """The unit that an Account, or a customer without one, is worked on under."""
    return f"unit:{account_or_customer}"


def route(notice: Notice, *, settle_s: float, accounts: Mapping[str, str] = ONE, sends: bool = False) -> Iterable[Mark]:
    """The subjects that this notice makes due; nothing for types that we don't use. ``accounts`` are the Stripe accounts by
    the source of their notices, where there are several: what one says is due there. ``sends``: the mappings send
    something of an Account to its customer.
    """
    if notice.source.startswith("stripe:"):
        account = accounts.get(notice.source)
        return (replace(mark, stripe_account=account) for mark in _route_event(notice, settle_s))
    if notice.source.startswith("salesforce:"):
        return _route_record(notice, sends)
    return ()


def waited_for(notice: Notice) -> str:
    """The id of the object by which those are found that wait for it; blank where a run of its own tells them."""
    if not notice.source.startswith("stripe:"):
        return ""
    if notice.object_kind == TAX_SETTINGS:
        return TAX_SETTINGS
    return notice.object_id if notice.object_kind in WAITED_FOR else ""


def _route_event(notice: Notice, settle_s: float) -> Iterable[Mark]:
    if notice.type in REPORT_TYPES:
        yield Mark(f"{USAGE_REPORT}:{notice.external_id}", "mirror", "")
        return
    kind, related = notice.object_kind, notice.related
    customer = related.get("customer", "")
    if payer := _looked_up(notice):
        yield Mark(f"customer:{payer}", "deal", unit_of(payer), hint_created_s=notice.object_created_s)
    elif notice.type in PRODUCT_TYPES or (notice.type == MADE and not notice.object_id.startswith(NATURAL)):
        yield product_mark(notice.object_id)
    elif kind in LOOKED_AT:
        yield from _looked_at(LOOKED_AT[kind], related, settle_s)
    elif kind in SUBSCRIPTION_KINDS:
        yield _mirror(f"subscription:{notice.object_id}", customer, settle_s, notice.object_created_s)
    elif kind in INVOICE_KINDS:
        own = kind == "invoice"
        invoice = notice.object_id if own else related.get("invoice", "")
        if invoice:
            yield _mirror(f"invoice:{invoice}", customer, settle_s, notice.object_created_s if own else None)
    elif notice.type == DEBIT_BEGUN:
        yield _mirror(f"payment:{notice.object_id}", customer, settle_s, None)
    elif kind in PAYMENT_KINDS or notice.type in PAYMENT_TYPES:
        if related.get("invoice"):
            yield _mirror(f"invoice:{related['invoice']}", customer, settle_s, None)
        elif related.get("payment_intent"):
            yield _mirror(f"payment:{related['payment_intent']}", customer, settle_s, None)


def _looked_up(notice: Notice) -> str:
    """The customer that the notice is about, itself or by a discount of the customer as a whole; else blank."""
    if notice.object_kind == DISCOUNT and "subscription" not in notice.related:
        return notice.related.get("customer", "")
    return notice.object_id if notice.object_kind == "customer" else ""


def _looked_at(what: str, related: Mapping[str, str], settle_s: float) -> Iterable[Mark]:
    if related.get("customer") and not related.get("invoice"):  # an item that stands on an invoice waits for none
        yield Mark(f"{what}:{related['customer']}", "mirror", "", settle_s)


def _mirror(key: str, customer: str, settle_s: float, created_s: int | None) -> Mark:
    return Mark(key, "mirror", unit_of(customer) if customer else "", settle_s, created_s)


def _route_record(notice: Notice, sends: bool) -> Iterable[Mark]:
    if notice.object_kind == "Quote":
        yield quote_mark(notice.object_id, notice.related.get("AccountId", ""))
    elif notice.object_kind == QUOTE_LINES and notice.related.get("QuoteId"):
        yield quote_mark(notice.related["QuoteId"], notice.related.get("AccountId", ""))
    elif notice.object_kind == "Account":
        yield replace(account_mark(notice.object_id), stripe_account=EVERY)
        if notice.related.get("MasterRecordId") or sends:
            yield replace(payer_mark(notice.object_id), stripe_account=EVERY)
    elif notice.object_kind == "Product2":
        yield replace(product_mark(notice.object_id), stripe_account=EVERY)


def quote_mark(quote_id: str, account_id: str) -> Mark:
    """Makes a quote due, under its Account's unit."""
    return Mark(f"quote:{quote_id}", "deal", unit_of(account_id or quote_id))


def account_mark(account_id: str) -> Mark:
    """Makes an Account's rows due."""
    return Mark(f"account:{account_id}", "mirror", unit_of(account_id))


def payer_mark(account_id: str) -> Mark:
    """Makes it due that what a merged Account had is followed to the one that it became."""
    return Mark(f"payer:{account_id}", "deal", unit_of(account_id))


def product_mark(id_: str) -> Mark:
    """Makes a product due, by its id on either side: one that Tandem made has the CRM's in its own."""
    own = id_.removeprefix(NATURAL) if id_.startswith(NATURAL + PRODUCT_PREFIX) else id_
    return Mark(f"product:{own}", "deal", unit_of(own))
