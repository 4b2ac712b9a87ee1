"""What was last read of each Stripe object, normalised: only what we decide on or show, in stable types.

Amounts are integer minor units, stamps are Unix seconds (UTC), unit amounts are ``Decimal`` minor units.
Built from Stripe's JSON by `sync.gateways.stripe_facts`; kept as JSON in the store. Enumerations are open (Stripe adds
values): they stay text and unknown ones are translated to "unknown" where they are shown, never a crash.
"""

from __future__ import annotations

from sync.facts.agreements import DealAlone, Item, Phase, PhaseItem, Schedule, Subscription
from sync.facts.base import Fact, of_type
from sync.facts.catalogue import Coupon, Meter, Price, PriceOption, PriceTier, Product
from sync.facts.customers import Customer, Portal, TaxId, TaxSettings
from sync.facts.money import (
    BalanceTransaction,
    CashBalance,
    Charge,
    CreditNote,
    Dispute,
    Invoice,
    InvoicePayment,
    Line,
    PendingItem,
    Refund,
)

__all__ = [
    "FACT_TYPES",
    "BalanceTransaction",
    "CashBalance",
    "Charge",
    "Coupon",
    "CreditNote",
    "Customer",
    "DealAlone",
    "Dispute",
    "Fact",
    "Invoice",
    "InvoicePayment",
    "Item",
    "Line",
    "Meter",
    "PendingItem",
    "Phase",
    "PhaseItem",
    "Portal",
    "Price",
    "PriceOption",
    "PriceTier",
    "Product",
    "Refund",
    "Schedule",
    "Subscription",
    "TaxId",
    "TaxSettings",
    "of_type",
]

FACT_TYPES: dict[str, type[Fact]] = {
    t.KIND: t
    for t in (
        Coupon,
        Product,
        Price,
        Meter,
        Customer,
        Subscription,
        Schedule,
        Charge,
        Refund,
        Dispute,
        Invoice,
        PendingItem,
        CreditNote,
        BalanceTransaction,
        TaxId,
        Portal,
        CashBalance,
        DealAlone,
    )
}
