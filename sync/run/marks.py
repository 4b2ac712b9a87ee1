"""What has to be looked at again when a customer turns out to be an Account's, and what people call a customer."""

from __future__ import annotations

from sync.desired.keys import QUOTE
from sync.facts import Customer
from sync.ports import Facts, Mark
from sync.run.intake import CASH, account_mark, quote_mark, unit_of


def history_marks(facts: Facts, customer_id: str, account_id: str) -> list[Mark]:
    """The Account, and all that is known to have been sold and billed to a customer that was found to be its own, and sent by
    it.
    """
    marks = [account_mark(account_id)]
    for kind in ("subscription", "schedule", "invoice"):
        subject = "invoice" if kind == "invoice" else "subscription"
        known = facts.of_customers(kind, [customer_id])
        marks += [Mark(f"{subject}:{f.id}", "mirror", unit_of(account_id)) for f in known]
    moved = facts.get("cash", [customer_id])
    return marks + [Mark(f"{CASH}:{customer_id}", "mirror", "") for _ in moved]


def deal_marks(facts: Facts, customer_id: str, account_id: str) -> list[Mark]:
    """The quotes whose deals are billed to this customer, as far as is known."""
    known = [f for kind in ("subscription", "schedule") for f in facts.of_customers(kind, [customer_id])]
    quotes = {f.metadata[QUOTE] for f in known if f.metadata.get(QUOTE)}
    return [quote_mark(quote, account_id) for quote in sorted(quotes)]


def called(customer: Customer) -> str:
    """What people call a customer."""
    return " ".join(part for part in (customer.name, f"<{customer.email}>" if customer.email else "") if part)
