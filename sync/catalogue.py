"""The error catalogue: every code a person can meet, its class, who is told, and its words.

One code has one headline everywhere (panel, CLI, log). A message is the headline, then where the fault is and what to
do, then always whether anything was charged (BILLING_RULES 8). `CONF-311` is ours: asked for, but not built yet.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sync.errors import Refusal, SyncError, Terminal, Transient, Unsafe
from sync.headlines import OF_NO_RECORD


class Kind(StrEnum):
    """What happens next: people fix data (D) or configuration (C), it passes (T), or it is ours to fix (B)."""

    DATA = "D"
    CONFIGURATION = "C"
    TRANSIENT = "T"
    BUG = "B"


@dataclass(frozen=True)
class Entry:
    """One code. ``headline`` has named slots; ``told`` are roles, the first one acts; ``fix`` is the doc line."""

    code: str
    kind: Kind
    headline: str
    told: tuple[str, ...]
    fix: str

    @property
    def slots(self) -> tuple[str, ...]:
        """The names that the headline wants filled, in order."""
        return tuple(name for _, name, _, _ in string.Formatter().parse(self.headline) if name)

    @property
    def plainly(self) -> str:
        """The headline of no record in particular."""
        return OF_NO_RECORD.get(self.code, self.headline)

    @property
    def error(self) -> type[SyncError]:
        """The class of failure that carries this code: Terminal for data and configuration, Transient, or Unsafe."""
        return {Kind.TRANSIENT: Transient, Kind.BUG: Unsafe}.get(self.kind, Terminal)


_D, _C, _T, _B = Kind.DATA, Kind.CONFIGURATION, Kind.TRANSIENT, Kind.BUG

_ROWS: tuple[tuple[str, Kind, str, str, str], ...] = (
    (
        "DATA-201",
        _D,
        "We can't send the invoice: there is no e-mail address to send it to.",
        "rep",
        "Fill one of the e-mail fields named; billing goes on by itself.",
    ),
    (
        "DATA-202",
        _D,
        "Tax can't be worked out: the billing address of {account} lacks {where}.",
        "rep",
        "Complete the address.",
    ),
    (
        "DATA-203",
        _D,
        "{account} has a live subscription in {other}; this quote is in {currency}.",
        "rep ops",
        "Change the quote's currency, or ask billing for a second billing account.",
    ),
    ("DATA-204", _D, "Start date {start} is {days} days back.", "rep", "Choose a later date, or request back-billing."),
    ("DATA-205", _D, "The dates don't agree: {first} and {second}.", "rep", "Set the date named."),
    (
        "DATA-206",
        _D,
        "The ramp has a gap or an overlap between {first} and {second}.",
        "rep",
        "Correct the dates of the steps.",
    ),
    (
        "DATA-207",
        _D,
        "Quantity {quantity} of {product}: {why}.",
        "rep",
        "Change the quantity, or use the metered product.",
    ),
    ("DATA-208", _D, 'Payment terms "{terms}" aren\'t ones we can bill.', "rep", "Pick an allowed value."),
    (
        "DATA-209",
        _D,
        "The price or discounts of {line} can't be billed as they are.",
        "rep",
        "Adjust the price or the discount.",
    ),
    (
        "DATA-210",
        _D,
        "The amount signed, {signed}, and the amount we could bill, {billed}, differ by {difference}.",
        "rep ops",
        "Correct the line's price or quantity.",
    ),
    (
        "DATA-211",
        _D,
        "An earlier amendment ({quote}) isn't billed yet. This one waits its turn.",
        "rep",
        "Goes on alone once the first is live.",
    ),
    (
        "DATA-212",
        _D,
        "The subscription this changes was cancelled on {day}.",
        "rep",
        "Make a new sale instead, or ask billing to restore it.",
    ),
    (
        "DATA-213",
        _D,
        "We found {count} that may be {account}. Billing will choose; nothing is created.",
        "ops rep",
        "Answer on the quote (Customer_Choice__c): the customer's id, or New.",
    ),
    ("DATA-214", _D, "{account} was merged into {winner}; both have live billing.", "ops", "Decide which one remains."),
    ("DATA-215", _D, "No line on this quote can be billed yet.", "rep", "Complete what is named."),
    ("DATA-216", _D, 'Tax number "{number}" isn\'t valid for {country}.', "rep", "Correct or remove it."),
    (
        "DATA-217",
        _D,
        "This deal is set to charge a card and there is none.",
        "rep",
        "Send the customer the link, or switch to invoice.",
    ),
    (
        "DATA-218",
        _D,
        "Payment failed: {reason}.",
        "owner ops",
        "Stripe tries again by itself; the date is on the invoice.",
    ),
    (
        "DATA-219",
        _D,
        "Someone changed {where} in Stripe: it is {found} there, the contract says {wanted}.",
        "ops",
        "Compare, then keep one side.",
    ),
    (
        "DATA-220",
        _D,
        'Your Salesforce rule stopped our update: "{rule}". The deal is billed; only the display is behind.',
        "admin rep",
        "Correct the record, or exempt the integration user.",
    ),
    (
        "DATA-221",
        _D,
        "{what} was changed after it was signed.",
        "rep ops",
        "Put it back, or sign an Amendment or a Cancellation.",
    ),
    (
        "DATA-222",
        _D,
        "This Opportunity has a billed quote already.",
        "rep ops",
        "Make the second quote an Amendment, or give it an Opportunity of its own.",
    ),
    (
        "DATA-223",
        _D,
        "{what} is no longer in Salesforce, so what Stripe bills can't be shown there.",
        "admin ops",
        "Restore the record, or end its billing; what is shown follows by itself.",
    ),
    (
        "DATA-224",
        _D,
        "{account}'s billing customer {customer} was deleted in Stripe; what it was billed for has ended there.",
        "ops rep",
        "Sign a New quote for what goes on; a customer is found or made for it.",
    ),
    (
        "DATA-225",
        _D,
        "Invoice {number} is overdue.",
        "owner ops",
        "Ask the customer; it closes by itself once it is paid, voided or given up.",
    ),
    (
        "DATA-226",
        _D,
        "The customer's bank questions a payment of invoice {number}.",
        "ops owner",
        "Answer with evidence in Stripe, or give in there.",
    ),
    (
        "DATA-227",
        _D,
        "Invoice {number} was given up as uncollectible.",
        "finance owner",
        "Write it off, or have it paid or voided in Stripe.",
    ),
    (
        "DATA-228",
        _D,
        "{account} is billed in {other} too; its sums are in {currency}.",
        "ops",
        "Nothing to do, if that is meant: look at its invoices for the other currency.",
    ),
    (
        "DATA-229",
        _D,
        "This quote was signed before Tandem was started here, so it is not billed by itself.",
        "ops admin",
        "Choose Start in Billing_Request__c to have it billed; otherwise leave it.",
    ),
    (
        "DATA-230",
        _D,
        "This deal is signed and nothing bills it yet.",
        "ops",
        "Do what its quote says; `tandem reconcile QUOTE` says what is missing.",
    ),
    (
        "DATA-235",
        _D,
        "Usage was taken in that can't be billed.",
        "ops",
        "See `tandem usage list --state refused`; then `tandem usage retry`, or `tandem usage drop` what is billed by hand.",
    ),
    (
        "DATA-236",
        _D,
        "{amount} came by bank transfer and pays no invoice yet.",
        "ops",
        "Ask the customer for the rest, or apply it or send it back in Stripe.",
    ),
    (
        "DATA-237",
        _D,
        "What is used of {product} would be billed twice: {other} counts it too.",
        "rep ops",
        "Sell it for days on which nothing else counts it, or end the other first.",
    ),
    (
        "DATA-238",
        _D,
        "{account} has a discount on everything in Stripe (coupon {coupon}), which would come off this deal too.",
        "rep ops",
        "Remove it from the customer in Stripe, or give the deal an end.",
    ),
    (
        "CONF-301",
        _C,
        "{product} isn't set up for billing.",
        "catalogue rep",
        "Complete the product; all waiting deals go on together.",
    ),
    ("CONF-302", _C, "We can't read (or write) {where}.", "admin", "Give the permission set access."),
    (
        "CONF-303",
        _C,
        "Salesforce treats our {object} as a duplicate (rule {rule}).",
        "admin",
        "Allow it for the integration user.",
    ),
    (
        "CONF-304",
        _C,
        '"{value}" isn\'t a value that {where} can have.',
        "admin rep",
        "Add the value, or upgrade the package.",
    ),
    (
        "CONF-305",
        _C,
        "The Stripe key may not {action}.",
        "sre",
        "Give the restricted key the right named; work is held, not failed.",
    ),
    (
        "CONF-306",
        _C,
        "Messages claiming to be Stripe don't match our signing secret.",
        "sre",
        "Rotate the secret; missed events are fetched.",
    ),
    (
        "CONF-307",
        _C,
        "Salesforce refuses our log-in ({reason}). All write-backs wait.",
        "sre admin",
        "Renew the app, the certificate or the user.",
    ),
    ("CONF-308", _C, "{what} Start refused.", "sre", "Use the pair of accounts that this store belongs to."),
    (
        "CONF-309",
        _C,
        "Stripe sends events in version {found}, this release expects {wanted}.",
        "sre",
        "New webhook endpoint or release.",
    ),
    (
        "CONF-310",
        _C,
        "Tax isn't set up for {country}.",
        "finance",
        "Register, or set the provider; invoices stay drafts.",
    ),
    (
        "CONF-311",
        _C,
        "{feature} is not covered by this release of Tandem.",
        "rep ops",
        "Change the field named, or bill this deal by hand.",
    ),
    ("TEMP-401", _T, "Stripe asks us to slow down.", "", "Nothing to do: we try again."),
    ("TEMP-402", _T, "Stripe is busy with this customer's record.", "", "Nothing to do: we try again."),
    (
        "TEMP-403",
        _T,
        "No answer from Stripe; we're checking whether it worked.",
        "rep ops",
        "Nothing to do: we look before we act.",
    ),
    ("TEMP-404", _T, "Salesforce is busy with this record.", "", "Nothing to do: we try again."),
    (
        "TEMP-405",
        _T,
        "Salesforce's daily allowance is used; the display resumes {when}. Billing itself goes on.",
        "admin sre",
        "Raise the limit, or wait for the reset.",
    ),
    ("TEMP-406", _T, "{system} is unavailable.", "", "Nothing to do: the queue holds and drains."),
    (
        "TEMP-407",
        _T,
        "The change stream was away too long; catching up from {when}.",
        "sre",
        "Nothing to do: the gap is filled by query.",
    ),
    (
        "BUG-501",
        _B,
        "We were about to repeat a step with different content and stopped.",
        "sre ops",
        "Fix the clash, then replay.",
    ),
    (
        "BUG-502",
        _B,
        "Unexpected answer from {system}; this deal is set aside, others go on.",
        "sre rep",
        "Fix, then replay the group.",
    ),
    ("BUG-503", _B, "Safety stop: {what}.", "ops sre", "A person decides."),
)

CATALOGUE: Mapping[str, Entry] = {
    code: Entry(code, kind, headline, tuple(told.split()), fix) for code, kind, headline, told, fix in _ROWS
}

NOTHING_CHARGED = "Nothing was charged."


def entry(code: str) -> Entry:
    """The entry of ``code``; an unknown code is BUG-502, loudly (users.md 3)."""
    return CATALOGUE.get(code, CATALOGUE["BUG-502"])


def message(code: str, detail: str = "", *, charged: str = NOTHING_CHARGED, **slots: str) -> str:
    """The words for ``code``: headline with its slots filled, then ``detail``, then whether money moved.

    ``detail`` names the record, the field, what was seen and what to do. ``charged`` is the closing sentence; it is
    never left out, because it is the first thing a rep and a customer ask.
    """
    found = entry(code)
    headline = found.headline.format(**{name: slots.get(name, "?") for name in found.slots})
    return " ".join(part.strip() for part in (headline, detail or found.fix, charged) if part.strip())


def refusal(
    code: str, detail: str, *, record_id: str, field: str = "", blocked_on: tuple[str, ...] = (), **slots: str
) -> Refusal:
    """A refusal with the catalogue's words. ``blocked_on`` gains the record itself; blank ids fall away."""
    waits_for = tuple(dict.fromkeys(id_ for id_ in (record_id, *blocked_on) if id_))
    return Refusal(code, message(code, detail, **slots), record_id=record_id, field=field, blocked_on=waits_for)
