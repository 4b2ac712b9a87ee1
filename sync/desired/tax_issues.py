"""What people have to look at of an invoice's tax: it can't be worked out, or nobody collects it where the customer is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync.desired.invoice_words import name_of
from sync.desired.keys import DEAL
from sync.facts import Invoice

#: The customer can't be placed, and nobody can be: an address lacks something, or tax is not set up.
UNPLACED, NOT_SET_UP = "DATA-202", "CONF-310"
_OPEN = ("draft", "open")


@dataclass(frozen=True)
class TaxTrouble:
    """One thing that stands, or stood. ``key`` is the issue's."""

    key: str
    code: str
    what: str
    detail: str
    invoice: Invoice
    stands: bool


def tax_troubles(invoices: Iterable[Invoice], zone: str) -> list[TaxTrouble]:
    """Invoices whose tax could not be worked out, and by deal the newest of ours on which none is collected. Days are
    those of ``zone``. Of a taxed invoice with which nothing is wrong any more, what may have been told is over.
    """
    known = [i for i in invoices if not i.deleted]
    return [*(one for i in known for one in _of_invoice(i)), *_not_collecting(known, zone)]


def _of_invoice(invoice: Invoice) -> list[TaxTrouble]:
    now = _of(invoice)
    found = [now] if now else []
    if now is None and invoice.tax_status is None:
        return []
    codes = [code for code in (UNPLACED, NOT_SET_UP) if now is None or code != now.code]
    return [*found, *(TaxTrouble(f"{code}:{invoice.id}", code, "", "", invoice, stands=False) for code in codes)]


def is_unplaced(invoice: Invoice) -> bool:
    """Whether its tax can't be worked out because nobody knows where the customer is."""
    return (
        invoice.tax_status == "requires_location_inputs"
        or (invoice.finalization_error_code or "").startswith("customer_tax_location")
        or invoice.tax_disabled == "finalization_requires_location_inputs"
    )


def _of(invoice: Invoice) -> TaxTrouble | None:
    unplaced = is_unplaced(invoice)
    failed = invoice.tax_status == "failed" or invoice.finalization_error_code or invoice.tax_disabled
    if not unplaced and not failed:
        return None
    code = UNPLACED if unplaced else NOT_SET_UP
    stands = invoice.status in _OPEN
    state = "It stays a draft" if invoice.status == "draft" else "It went out without tax"
    said = f" Stripe says: {invoice.finalization_error}" if invoice.finalization_error else ""
    todo = _complete(invoice) if unplaced else "Look at the tax settings in Stripe, then finalise the invoice there."
    what = "tax can't be worked out"
    return TaxTrouble(f"{code}:{invoice.id}", code, what, f"{state}. {todo}{said}", invoice, stands)


def _complete(invoice: Invoice) -> str:
    """What is to be done of one whose customer can't be placed: a deal's draft goes on by itself."""
    ours = invoice.metadata.get(DEAL) or invoice.subscription_metadata.get(DEAL)
    where = "Complete the billing address of the Account (or of the customer in Stripe, if it was entered there)"
    if ours and invoice.status == "draft" and invoice.auto_advance is not False:
        return f"{where}; with the Account's it goes on by itself, else finalise it in Stripe."
    return f"{where}, then finalise the invoice in Stripe."


def _not_collecting(invoices: Iterable[Invoice], zone: str) -> list[TaxTrouble]:
    """By deal, so that each names what went out without tax. What was told of a customer as a whole, before it was told so, is
    over.
    """
    mine: dict[tuple[str, str], list[Invoice]] = {}
    for invoice in invoices:
        of_deal = invoice.metadata.get(DEAL) or invoice.subscription_metadata.get(DEAL)
        if of_deal and invoice.tax_status is not None and invoice.status != "void":
            mine.setdefault((invoice.customer, of_deal), []).append(invoice)
    found: dict[str, TaxTrouble] = {}
    for (customer, deal), some in sorted(mine.items()):
        newest = max(some, key=lambda i: (i.created_s, i.id))
        bare = [i for i in some if "not_collecting" in i.tax_reasons]
        if not bare:
            continue
        place = newest.country or "the customer's country"
        named = ", ".join(name_of(i, zone) for i in sorted(bare, key=lambda i: (i.created_s, i.id)))
        detail = (
            f"No tax was added to invoice {named} of the deal of quote {deal}: Stripe knows of no registration of yours in {place}."
            " Register there in Stripe (Tax, Registrations) if you have to collect it; what was invoiced stays as it is."
        )
        stands = "not_collecting" in newest.tax_reasons
        what = f"no tax is collected in {place}"
        whole = f"{NOT_SET_UP}:{customer}"
        found[whole] = TaxTrouble(whole, NOT_SET_UP, what, detail, newest, stands=False)
        key = f"{whole}:{deal}"
        found[key] = TaxTrouble(key, NOT_SET_UP, what, detail, newest, stands)
    return list(found.values())
