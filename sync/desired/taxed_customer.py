"""Where a taxed customer is and how it is taxed: what Stripe must know before the first invoice, and whose it is.

The address in Stripe is ours as long as it is the one that we wrote. One that the customer or somebody else entered stays,
unless it does not say enough for tax to be worked out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sync import catalogue
from sync.deal.deal import Deal, Payer
from sync.deal.tax_numbers import read_tax_number
from sync.desired.keys import ADDRESS, PARTS
from sync.desired.product import is_tax_code
from sync.errors import Refusal
from sync.facts import Customer, TaxSettings
from sync.records import Value

#: Account.Tax_Exempt__c -> Stripe's `tax_exempt`. Blank on the Account leaves it as it is.
EXEMPT = {"None": "none", "Exempt": "exempt", "Reverse": "reverse"}
#: By this those are found that wait for the tax settings of the Stripe account, which have no id.
TAX_SETTINGS = "tax.settings"
_ZIP = re.compile(r"\d{5}(-\d{4})?\Z")


@dataclass(frozen=True)
class Lacking:
    """What an address lacks: a field of the Account, and how it should be filled."""

    field: str
    words: str


def lacking(address: Mapping[str, str]) -> Lacking | None:
    """What Stripe Tax needs and does not find; None where it can place the customer (reference: Stripe, tax/invoicing)."""
    country = address.get("country")
    if not country:
        return Lacking("BillingCountry", "BillingCountry as its two letters of ISO 3166 (DE, GB, US)")
    if country == "US" and not _ZIP.match(address.get("postal_code", "")):
        return Lacking("BillingPostalCode", "BillingPostalCode with five digits")
    if country == "CA" and not (address.get("state") or address.get("postal_code")):
        return Lacking("BillingState", "BillingState or BillingPostalCode")
    return None


def _is_ours(payer: Payer, customer: Customer) -> bool:
    """Whether the address in Stripe may be written: nobody but us wrote it, or it says too little."""
    there = dict(customer.address)
    ours = customer.metadata.get(ADDRESS) == digest(there) or there == dict(payer.address)
    return ours or lacking(there) is not None


def _is_sent(payer: Payer, customer: Customer | None) -> bool:
    """Whether the Account's address goes to Stripe: it says enough, and the one there is not somebody else's."""
    enough = lacking(dict(payer.address)) is None
    return enough and (customer is None or _is_ours(payer, customer))


def address_used(payer: Payer, customer: Customer | None) -> Mapping[str, str]:
    """The address by which the customer will be taxed; the Account's where neither says enough."""
    there = dict(customer.address) if customer is not None else {}
    return dict(payer.address) if _is_sent(payer, customer) or lacking(there) is not None else there


def digest(address: Mapping[str, str]) -> str:
    """A short name of an address."""
    return hashlib.sha256(json.dumps(address, sort_keys=True).encode()).hexdigest()[:16]


def tax_parts(payer: Payer, customer: Customer | None) -> tuple[dict[str, Value], dict[str, str]]:
    """The parts of the customer that tax rests on, as compared and sent, and the metadata that goes with them. ``customer``
    is None where one is made.
    """
    parts: dict[str, Value] = {}
    metadata: dict[str, str] = {}
    if _is_sent(payer, customer):
        address = dict(payer.address)
        parts["address"] = {part: address.get(part, "") for part in PARTS}
        metadata[ADDRESS] = digest(address)
    if payer.tax_exempt in EXEMPT:
        parts["tax_exempt"] = EXEMPT[payer.tax_exempt]
    return parts, metadata


def check_taxed(deal: Deal, customer: Customer | None) -> tuple[Refusal, ...]:
    """Why a deal that is not in Stripe yet can't be taxed, before any write: its customer can't be placed (DATA-202), its tax
    number can't be one of its country (DATA-216), or a value means nothing to Stripe (CONF-304).
    """
    if deal.tax is None:
        return ()
    refused = []
    where = f"Quote {deal.number}, Account {deal.payer.name}"
    missing = lacking(address_used(deal.payer, customer))
    if missing is not None:
        detail = f"{where}: fill {missing.words}; the country decides what tax there is."
        refused.append(_refusal("DATA-202", detail, deal, missing.field, account=deal.payer.name, where=missing.words))
    country = address_used(deal.payer, customer).get("country", "")
    number = deal.payer.tax_number
    if number and country and read_tax_number(number, country) is None:
        detail = f"{where}: correct Tax_Id__c, or clear it and enter the number in Stripe."
        refused.append(_refusal("DATA-216", detail, deal, "Tax_Id__c", number=number, country=country))
    if deal.payer.tax_exempt is not None and deal.payer.tax_exempt not in EXEMPT:
        detail = f"{where}: choose None, Exempt or Reverse, or leave it blank."
        value, where = deal.payer.tax_exempt, "Account.Tax_Exempt__c"
        refused.append(_refusal("CONF-304", detail, deal, "Tax_Exempt__c", value=value, where=where))
    for product in deal.products.values():
        if product.tax_code and not is_tax_code(product.tax_code):
            detail = (
                f"Product {product.name}: write one of Stripe's tax codes (txcd_ and eight digits), or leave it blank."
            )
            refused.append(
                catalogue.refusal(
                    "CONF-304", detail, record_id=product.id, field="Tax_Code__c", blocked_on=(deal.quote_id, product.id),
                    value=product.tax_code, where="Product2.Tax_Code__c",
                )
            )  # fmt: skip
    return tuple(refused)


def check_settings(deal: Deal, settings: TaxSettings) -> tuple[Refusal, ...]:
    """Why the Stripe account can't work out tax (CONF-310), before any write."""
    if settings.status == "active":
        return ()
    lacks = ", ".join(settings.missing) or "something"
    detail = (
        f"Quote {deal.number}: the tax settings of the Stripe account lack {lacks}. Complete them in Stripe (Settings, Tax),"
        " and the quote goes on by itself."
    )
    return (_refusal("CONF-310", detail, deal, "BillingCountry", also=(TAX_SETTINGS,), country="the Stripe account"),)


def _refusal(
    code: str, detail: str, deal: Deal, field_name: str, *, also: tuple[str, ...] = (), **slots: str
) -> Refusal:
    blocked = (deal.quote_id, deal.payer.account_id, *also)
    return catalogue.refusal(
        code, detail, record_id=deal.payer.account_id, field=field_name, blocked_on=blocked, **slots
    )
