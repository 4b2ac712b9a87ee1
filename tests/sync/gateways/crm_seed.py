"""What a sales team has made in the org before our tests begin."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tests.sync.gateways.world import World


@dataclass(frozen=True)
class Deal:
    """Ids of a quote with one line and of what stands around it."""

    account: str
    contact: str
    opportunity: str
    product: str
    price: str
    quote: str
    line: str


def make_deal(world: World, *, name: str = "Acme", **quote: object) -> Deal:
    """Ten seats at 49.99, 15 % off, for twelve months from 2026-03-01, not yet accepted."""
    account = world.make("Account", Name=name, Billing_Email__c=f"AP@{name.lower()}.example", BillingCity="Utrecht")
    contact = world.make("Contact", LastName="Berg", FirstName="Jo", Email="jo@acme.example", AccountId=account)
    opportunity = world.make(
        "Opportunity",
        Name="Deal",
        AccountId=account,
        StageName="Prospecting",
        CloseDate="2026-03-31",
        CurrencyIsoCode="USD",
    )
    book = world.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
    product = world.make("Product2", Name="Seat", IsActive=True, Charge_Type__c="Recurring", Price_Period__c="Month")
    price = world.make(
        "PricebookEntry",
        Pricebook2Id=book,
        Product2Id=product,
        UnitPrice=Decimal(50),
        IsActive=True,
        CurrencyIsoCode="USD",
    )
    fields = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly", **quote}
    made = world.make("Quote", Name="Q", OpportunityId=opportunity, Pricebook2Id=book, ContactId=contact, **fields)
    line = world.make(
        "QuoteLineItem",
        QuoteId=made,
        PricebookEntryId=price,
        Quantity=10,
        UnitPrice=Decimal("49.99"),
        Discount=Decimal(15),
    )
    return Deal(account, contact, opportunity, product, price, made, line)
