"""A random deal lived through in the pure model: read, settled and forecast as the runs that took its quotes in leave it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sync.crm import CrmAccount, CrmProduct, CrmQuote, CrmQuoteLine, QuoteGraph
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, forecast
from sync.deal.policy import BillingPolicy
from sync.deal.settled import Begun
from sync.quotes.standard import read_change, read_quote
from tests.e2e.random_deals import PRODUCTS, RandomCustomer, RandomLine, RandomQuote
from tests.sync.deal.deals import bring_in

IDS = {name: f"01tAA000000000{n}AAA" for n, name in enumerate(PRODUCTS, start=1)}
PRODUCTS_READ = {
    IDS[name]: CrmProduct(id=IDS[name], name=name, charge_type=charge, price_period=period)
    for name, (charge, period) in PRODUCTS.items()
}


def _date(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None


def graph(quote: RandomQuote, customer: RandomCustomer, number: int) -> QuoteGraph:
    """The quote as it would be read from Salesforce."""
    head, id_ = quote.header, f"0Q0AA00000000{number:02d}AAA"
    account = CrmAccount(
        id="001AA0000000001AAA", name="Acme", billing_email="ap@acme.example", billing_timezone=customer.timezone
    )
    signed = head.get("Signed_At__c")
    made = CrmQuote(
        id=id_, number=f"{number:08d}", name="Random", status="Accepted", account_id=account.id, currency=customer.currency,
        opportunity_id="006AA0000000001AAA", quote_type=head.get("Quote_Type__c"),
        billing_subscription_id=None if quote.kind == "New" else "a00AA0000000001AAA",
        start_date=_date(head.get("Start_Date__c")), end_date=_date(head.get("End_Date__c")),
        term_months=head.get("Term_Months__c"), billing_frequency=head.get("Billing_Frequency__c"),
        billing_day=head.get("Billing_Day__c"), trial_days=head.get("Trial_Days__c"),
        auto_renew=head.get("Auto_Renew__c", False), collection_method=head.get("Collection_Method__c"),
        days_until_due=head.get("Days_Until_Due__c"), po_number=head.get("PO_Number__c"),
        quote_discount=_decimal(head.get("Quote_Discount__c")), quote_discount_months=head.get("Quote_Discount_Months__c"),
        proration_policy=head.get("Proration_Policy__c"), credit_policy=head.get("Credit_Policy__c"),
        skip_past_invoices=head.get("Skip_Past_Invoices__c", False),
        signed_at=datetime.fromisoformat(signed) if signed else None,
    )  # fmt: skip
    lines = tuple(_line(line, id_, number, n) for n, line in enumerate(quote.lines))
    return QuoteGraph(made, lines, account, PRODUCTS_READ)


def _line(line: RandomLine, quote: str, number: int, n: int) -> CrmQuoteLine:
    fields = line.fields
    return CrmQuoteLine(
        id=f"0QLAA0000{number:03d}{n:03d}AAA", quote_id=quote, product_id=IDS[line.product], sort_order=n,
        quantity=Decimal(line.quantity), unit_price=Decimal(line.price), discount_percent=_decimal(fields.get("Discount")),
        discount_amount=_decimal(fields.get("Discount_Amount__c")), discount_months=fields.get("Discount_Months__c"),
        change=fields.get("Change__c"), charge_type=fields.get("Charge_Type__c"), price_period=fields.get("Price_Period__c"),
        billing_frequency=fields.get("Billing_Frequency__c"), start_date=_date(fields.get("Start_Date__c")),
        end_date=_date(fields.get("End_Date__c")), ramp_key=fields.get("Ramp_Key__c"), optional=fields.get("Optional__c", False),
    )  # fmt: skip


def _decimal(value: Any) -> Decimal | None:
    return Decimal(value) if value is not None else None


@dataclass
class Lived:
    """A deal as it stands after so many quotes. ``begun`` is what Stripe's objects would say of how they were made."""

    customer: RandomCustomer
    rounding: bool
    deal: Deal | None = None
    begun: dict[str, Begun] = field(default_factory=dict)

    def take_in(self, quote: RandomQuote, number: int, *, renews: Deal | None = None) -> Forecast:
        """The forecast with this quote in it. Raises `Refused` or `EndedInStripe`, and then nothing has changed."""
        policy, now = BillingPolicy(rounding_step=self.rounding), quote.arrives
        read = graph(quote, self.customer, number)
        if self.deal is None:
            deal = read_quote(read, policy, now, renews=renews)
        else:
            deal = read_change(read, self.deal, policy, now)
        made = forecast(deal, now, self.begun)
        bring_in(self.begun, deal, now)
        self.deal = deal
        return made
