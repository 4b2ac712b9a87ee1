"""A rep's quote: what Salesforce derives, adds up and refuses on it."""

from __future__ import annotations

import pytest

from tests.sandbox.salesforce.conftest import Crm


def test_quote_takes_currency_and_account_from_its_opportunity(crm: Crm) -> None:
    ids = crm.quote("EUR")
    quote = crm.get("Quote", ids["Quote"])
    assert quote["CurrencyIsoCode"] == "EUR"
    assert quote["AccountId"] == ids["Account"]
    assert quote["QuoteNumber"] == "00000001"
    assert quote["Status"] == "Draft"


def test_line_takes_product_currency_and_list_price_from_its_price_book_entry(crm: Crm) -> None:
    ids = crm.quote("GBP")
    line = crm.get("QuoteLineItem", ids["QuoteLineItem"])
    assert (line["Product2Id"], line["CurrencyIsoCode"], line["ListPrice"]) == (ids["Product2"], "GBP", 49.0)


def test_totals_of_line_and_quote_follow_the_discount(crm: Crm) -> None:
    ids = crm.quote()
    crm.update("QuoteLineItem", ids["QuoteLineItem"], Discount=15)
    line = crm.get("QuoteLineItem", ids["QuoteLineItem"])
    assert (line["Subtotal"], line["TotalPrice"]) == (14700.0, 12495.0)
    quote = crm.get("Quote", ids["Quote"])
    assert (quote["Subtotal"], quote["TotalPrice"], quote["Discount"], quote["LineItemCount"]) == (14700, 12495, 15, 1)


def test_tax_and_shipping_are_in_the_grand_total_only(crm: Crm) -> None:
    ids = crm.quote()
    crm.update("Quote", ids["Quote"], Tax=100, ShippingHandling=5.5)
    quote = crm.get("Quote", ids["Quote"])
    assert (quote["TotalPrice"], quote["GrandTotal"]) == (14700.0, 14805.5)


def test_a_change_of_totals_stamps_the_quote(crm: Crm) -> None:
    ids = crm.quote()
    crm.served.clock("2026-03-02T10:00:00Z")
    crm.update("QuoteLineItem", ids["QuoteLineItem"], Quantity=30)
    assert crm.get("Quote", ids["Quote"])["SystemModstamp"] == "2026-03-02T10:00:00.000+0000"


def test_a_change_of_a_line_that_moves_no_total_does_not_stamp_the_quote(crm: Crm) -> None:
    ids = crm.quote()
    crm.served.clock("2026-03-02T10:00:00Z")
    crm.update("QuoteLineItem", ids["QuoteLineItem"], Description="for the Dublin office")
    assert crm.get("Quote", ids["Quote"])["SystemModstamp"] == "2026-03-01T00:00:00.000+0000"


@pytest.mark.parametrize(("currency", "kept"), [("JPY", 589.0), ("USD", 588.57), ("KWD", 588.567)])
def test_amounts_keep_the_decimals_of_their_currency(crm: Crm, currency: str, kept: float) -> None:
    ids = crm.quote(currency)
    crm.update("QuoteLineItem", ids["QuoteLineItem"], UnitPrice=588.567)
    assert crm.get("QuoteLineItem", ids["QuoteLineItem"])["UnitPrice"] == kept


def test_entry_of_another_currency_is_refused(crm: Crm) -> None:
    ids = crm.quote("USD")
    euro = crm.create(
        "PricebookEntry", Pricebook2Id=ids["Pricebook2"], Product2Id=ids["Product2"], UnitPrice=45,
        CurrencyIsoCode="EUR", IsActive=True,
    )  # fmt: skip
    body = {"QuoteId": ids["Quote"], "PricebookEntryId": euro, "Quantity": 1, "UnitPrice": 45}
    assert crm.refused("POST", "sobjects/QuoteLineItem", body)[1] == "FIELD_INTEGRITY_EXCEPTION"


def test_own_price_book_needs_a_standard_price_first(crm: Crm) -> None:
    book = crm.create("Pricebook2", Name="Partners", IsActive=True)
    product = crm.create("Product2", Name="Seat")
    body = {"Pricebook2Id": book, "Product2Id": product, "UnitPrice": 40, "IsActive": True}
    assert crm.refused("POST", "sobjects/PricebookEntry", body)[1] == "STANDARD_PRICE_NOT_DEFINED"


def test_second_price_of_one_currency_in_one_book_is_refused(crm: Crm) -> None:
    ids = crm.quote()
    body = {"Pricebook2Id": ids["Pricebook2"], "Product2Id": ids["Product2"], "UnitPrice": 1, "IsActive": True}
    assert crm.refused("POST", "sobjects/PricebookEntry", body)[1] == "DUPLICATE_VALUE"


def test_quote_without_opportunity_is_refused(crm: Crm) -> None:
    status, code, message = crm.refused("POST", "sobjects/Quote", {"Name": "Q"})
    assert (status, code) == (400, "REQUIRED_FIELD_MISSING")
    assert "OpportunityId" in message


def test_account_of_a_quote_can_not_be_written(crm: Crm) -> None:
    ids = crm.quote()
    body = {"AccountId": ids["Account"]}
    assert crm.refused("PATCH", f"sobjects/Quote/{ids['Quote']}", body)[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_currency_that_differs_from_the_opportunity_is_refused(crm: Crm) -> None:
    ids = crm.quote("EUR")
    body = {"Name": "Q2", "OpportunityId": ids["Opportunity"], "CurrencyIsoCode": "USD"}
    assert crm.refused("POST", "sobjects/Quote", body)[1] == "FIELD_INTEGRITY_EXCEPTION"


def test_deleting_a_line_lowers_the_quote(crm: Crm) -> None:
    ids = crm.quote()
    assert crm.ask("DELETE", f"sobjects/QuoteLineItem/{ids['QuoteLineItem']}").status_code == 204
    quote = crm.get("Quote", ids["Quote"])
    assert (quote["TotalPrice"], quote["LineItemCount"]) == (0.0, 0)


def test_closed_won_sets_probability_and_flags(crm: Crm) -> None:
    ids = crm.quote()
    crm.update("Opportunity", ids["Opportunity"], StageName="Closed Won", Amount=200)
    deal = crm.get("Opportunity", ids["Opportunity"])
    assert (deal["IsClosed"], deal["IsWon"], deal["Probability"], deal["ExpectedRevenue"]) == (True, True, 100, 200)
