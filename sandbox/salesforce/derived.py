"""What Salesforce fills in by itself on standard records: before a row is kept, and on its parent afterwards."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.salesforce import addresses, people
from sandbox.salesforce import standard_facts as facts
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import CORPORATE_CURRENCY, Org
from sandbox.salesforce.store import Row
from sandbox.salesforce.values import rounded


def fill_before_save(org: Org, entity: str, row: Row, old: Row | None) -> None:
    """Work out the derived values of the row about to be kept; raises what Salesforce refuses."""
    if org.switches.state_codes:
        addresses.fill(org.schema.get(entity), row)
    if entity in _BEFORE:
        _BEFORE[entity](org, row, old)
    if "CurrencyIsoCode" in org.schema.get(entity).fields and row.get("CurrencyIsoCode") is None:
        row["CurrencyIsoCode"] = CORPORATE_CURRENCY


def roll_up_after_save(org: Org, entity: str, row: Row) -> list[tuple[str, Row]]:
    """Parents whose totals moved because of this row, as they are now; the caller stamps and keeps them."""
    if entity != "QuoteLineItem":
        return []
    quote = org.store.get("Quote", row["QuoteId"])
    if quote is None or quote["IsDeleted"]:
        return []
    changed = {**quote, **_quote_totals(org, quote)}
    return [("Quote", changed)] if changed != quote else []


def _live(org: Org, entity: str, record_id: str | None) -> Row | None:
    row = org.store.get(entity, record_id) if record_id else None
    return row if row is not None and not row.get("IsDeleted") else None


def _opportunity(org: Org, row: Row, old: Row | None) -> None:
    stage = row.get("StageName")
    if stage in facts.STAGES and (old is None or old.get("StageName") != stage):
        probability, category = facts.STAGES[stage]
        if old is not None or row.get("Probability") is None:
            row["Probability"] = Decimal(probability)
        row["ForecastCategory"] = row["ForecastCategoryName"] = category
    row["IsClosed"] = stage in ("Closed Won", "Closed Lost")
    row["IsWon"] = stage == "Closed Won"
    if (closing := row.get("CloseDate")) is not None:
        row |= {"FiscalYear": closing.year, "FiscalQuarter": (closing.month + 2) // 3}
        row["Fiscal"] = f"{row['FiscalYear']} {row['FiscalQuarter']}"
    if row.get("Amount") is not None and row.get("Probability") is not None:
        row["ExpectedRevenue"] = _amount(row, row["Amount"] * row["Probability"] / 100)


def _contact(org: Org, row: Row, old: Row | None) -> None:
    people.check_contact(org, row, old)
    row["Name"] = " ".join(filter(None, (row.get("FirstName"), row.get("LastName"))))


def _pricebook_entry(org: Org, row: Row, old: Row | None) -> None:
    product = _live(org, "Product2", row.get("Product2Id"))
    if product is not None:
        row |= {"Name": product.get("Name"), "ProductCode": product.get("ProductCode")}
    if old is not None or row.get("Pricebook2Id") is None or product is None:
        return
    row["CurrencyIsoCode"] = row.get("CurrencyIsoCode") or CORPORATE_CURRENCY
    entries = [e for e in _entries_of(org, product["Id"]) if e["CurrencyIsoCode"] == row["CurrencyIsoCode"]]
    if any(entry["Pricebook2Id"] == row["Pricebook2Id"] for entry in entries):
        raise SalesforceError("DUPLICATE_VALUE", "This price definition already exists in this price book", [])
    standard = next((entry for entry in entries if entry["Pricebook2Id"] == org.standard_pricebook), None)
    if row["Pricebook2Id"] != org.standard_pricebook and standard is None:
        text = "Before creating a custom price, create a standard price."
        raise SalesforceError("STANDARD_PRICE_NOT_DEFINED", text, [])
    if row.get("UseStandardPrice") and standard is not None:
        row["UnitPrice"] = standard["UnitPrice"]


def _entries_of(org: Org, product_id: str) -> list[Row]:
    entity = org.schema.get("PricebookEntry")
    found = org.store.find(entity, entity.fields["Product2Id"], product_id)
    return [entry for entry in found if not entry["IsDeleted"]]


def _quote(org: Org, row: Row, old: Row | None) -> None:
    opportunity = _live(org, "Opportunity", row.get("OpportunityId"))
    if old is None and opportunity is not None:
        row["AccountId"] = opportunity.get("AccountId")
        _derive(row, "CurrencyIsoCode", opportunity["CurrencyIsoCode"])
    if old is None:
        row |= {"LineItemCount": 0, "CanCreateQuoteLineItems": True, "IsSyncing": False}
    row |= _quote_totals(org, row)


def _derive(row: Row, name: str, value: Any) -> None:
    """A derived value; a caller who gave another one is refused rather than ignored."""
    if row.get(name) not in (None, value):
        text = f"field integrity exception: {name} (must be {value}, as on the record it derives from)"
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", text, [name])
    row[name] = value


def _quote_totals(org: Org, quote: Row) -> Row:
    entity = org.schema.get("QuoteLineItem")
    found = org.store.find(entity, entity.fields["QuoteId"], quote["Id"])
    lines = [line for line in found if not line["IsDeleted"]]
    subtotal = sum((line["Subtotal"] for line in lines), Decimal(0))
    total = sum((line["TotalPrice"] for line in lines), Decimal(0))
    discount = rounded((1 - total / subtotal) * 100, Decimal("0.01")) if subtotal else Decimal(0)
    extra = (quote.get("Tax") or Decimal(0)) + (quote.get("ShippingHandling") or Decimal(0))
    return {
        "Subtotal": _amount(quote, subtotal),
        "TotalPrice": _amount(quote, total),
        "GrandTotal": _amount(quote, total + extra),
        "Discount": discount,
        "LineItemCount": len(lines),
    }


def _amount(row: Row, value: Decimal) -> Decimal:
    return rounded(value, Decimal(1).scaleb(-facts.CURRENCY_DECIMALS.get(row.get("CurrencyIsoCode") or "", 2)))


def _quote_line(org: Org, row: Row, old: Row | None) -> None:
    entry = _live(org, "PricebookEntry", row.get("PricebookEntryId"))
    quote = _live(org, "Quote", row.get("QuoteId"))
    if old is None and entry is not None and quote is not None:
        _fit_to_quote(org, row, entry, quote)
    if row.get("Quantity") is None or row.get("UnitPrice") is None:
        return
    if row["Quantity"] <= 0:
        text = "Quantity: the quantity of a line item has to be more than zero"
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", text, ["Quantity"])
    row["Subtotal"] = _amount(row, row["Quantity"] * row["UnitPrice"])
    kept = 1 - (row.get("Discount") or Decimal(0)) / 100
    row["TotalPrice"] = _amount(row, row["Quantity"] * row["UnitPrice"] * kept)


def _fit_to_quote(org: Org, row: Row, entry: Row, quote: Row) -> None:
    if not entry.get("IsActive"):
        text = "field integrity exception: PricebookEntryId (pricebook entry has been inactivated)"
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", text, ["PricebookEntryId"])
    if quote.get("Pricebook2Id") not in (None, entry["Pricebook2Id"]):
        text = (
            "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook than the one "
            "assigned to the quote)"
        )
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", text, ["PricebookEntryId"])
    if entry["CurrencyIsoCode"] != quote["CurrencyIsoCode"]:
        text = (
            "field integrity exception: PricebookEntryId (the pricebook entry's currency "
            f"{entry['CurrencyIsoCode']} is not the quote's {quote['CurrencyIsoCode']})"
        )
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", text, ["PricebookEntryId"])
    _derive(row, "Product2Id", entry["Product2Id"])
    _derive(row, "CurrencyIsoCode", entry["CurrencyIsoCode"])
    row["ListPrice"] = entry["UnitPrice"]
    if quote.get("Pricebook2Id") is None:
        org.store.put("Quote", {**quote, "Pricebook2Id": entry["Pricebook2Id"]})


def _opportunity_line(org: Org, row: Row, old: Row | None) -> None:
    entry = _live(org, "PricebookEntry", row.get("PricebookEntryId"))
    if old is None and entry is not None:
        _derive(row, "Product2Id", entry["Product2Id"])
        _derive(row, "CurrencyIsoCode", entry["CurrencyIsoCode"])
        row |= {"ListPrice": entry["UnitPrice"], "ProductCode": entry.get("ProductCode"), "Name": entry.get("Name")}
    if row.get("UnitPrice") is None:
        row["UnitPrice"] = row.get("ListPrice")
    if row.get("Quantity") is not None and row.get("UnitPrice") is not None:
        row["Subtotal"] = _amount(row, row["Quantity"] * row["UnitPrice"])
        kept = 1 - (row.get("Discount") or Decimal(0)) / 100
        row["TotalPrice"] = _amount(row, row["Quantity"] * row["UnitPrice"] * kept)


def _task(org: Org, row: Row, old: Row | None) -> None:
    row["IsClosed"] = row.get("Status") == "Completed"
    what = row.get("WhatId") or ""
    row["AccountId"] = what if what.startswith("001") else None


_BEFORE: dict[str, Callable[[Org, Row, Row | None], None]] = {
    "Account": people.account,
    "Opportunity": _opportunity,
    "Contact": _contact,
    "PricebookEntry": _pricebook_entry,
    "Quote": _quote,
    "QuoteLineItem": _quote_line,
    "OpportunityLineItem": _opportunity_line,
    "Task": _task,
}
