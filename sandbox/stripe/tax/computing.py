"""The tax of an invoice's lines (https://docs.stripe.com/tax/calculating): each line by itself, rounded half away from zero,
from what is left of it after discounts. Exclusive tax is added to the total; inclusive tax is part of the amount.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from sandbox.stripe.billing.amounts import round_half_away
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.resources.price_currencies import in_currency
from sandbox.stripe.tax.codes import NONTAXABLE
from sandbox.stripe.tax.ids import ids_of
from sandbox.stripe.tax.location import place_of
from sandbox.stripe.tax.rates import EU, percent
from sandbox.stripe.tax.registrations import collects
from sandbox.stripe.tax.settings import settings_of

#: Currencies in which prices are taken as before tax where nobody said which.
_BEFORE_TAX = frozenset({"usd", "cad"})


def behavior_of(kernel: Kernel, said: str | None, currency: str) -> str | None:
    """Whether tax comes on top: as the price or item says, else the account's default; None where nobody said."""
    if said in ("exclusive", "inclusive"):
        return said
    default = settings_of(kernel)["defaults"]["tax_behavior"]
    if default == "inferred_by_currency":
        return "exclusive" if currency in _BEFORE_TAX else "inclusive"
    return str(default) if default else None


def check_prices(kernel: Kernel, prices: Iterable[Obj], currency: str, at: str) -> None:
    """Refuse prices of which nobody said whether tax comes on top of their amounts in this currency."""
    for price in prices:
        if behavior_of(kernel, in_currency(price, currency)["tax_behavior"], currency) is None:
            raise invalid(
                f"The price {price['id']} has an unspecified `tax_behavior`, and your tax settings have no default: it"
                " can't be used with automatic tax.",
                at,
            )


def check_line(kernel: Kernel, said: str | None, amount: int, currency: str, at: str) -> None:
    """Refuse what can't stand on an invoice with automatic tax (Invoice.automatic_tax.enabled in Stripe's own types)."""
    if amount < 0:
        raise invalid("Invoice items with a negative amount can't be added to an automatic tax invoice.", "amount")
    if behavior_of(kernel, said, currency) is None:
        raise invalid("An item with an unspecified `tax_behavior` can't be added to an automatic tax invoice.", at)


def invoice_state(enabled: bool) -> Obj:
    """`automatic_tax` of an invoice on which nothing was worked out yet."""
    liability = {"type": "self"} if enabled else None
    return {"disabled_reason": None, "enabled": enabled, "liability": liability, "provider": None, "status": None}


def tax_lines(kernel: Kernel, invoice: Obj, nets: Sequence[int]) -> None:
    """Every line has its taxes, and the invoice says whether they could be worked out. `nets` are the lines' amounts after
    discounts.
    """
    state, lines = invoice["automatic_tax"], invoice["_lines"]
    for line in lines:
        line["taxes"] = []
    if not state["enabled"]:
        return
    customer = kernel.store.get("customer", invoice["customer"]) or {}
    place = place_of(customer)
    state["provider"], state["status"] = "stripe", "complete" if place else "requires_location_inputs"
    if place is None:
        return
    for line, net in zip(lines, nets, strict=True):
        line["taxes"] = [_tax(kernel, invoice, customer, place, line, net)]


def _tax(kernel: Kernel, invoice: Obj, customer: Obj, place: tuple[str, str | None], line: Obj, net: int) -> Obj:
    country, state = place
    behavior = behavior_of(kernel, line.get("_tax_behavior"), invoice["currency"]) or "exclusive"
    reason = _reason(kernel, customer, country, state, _code(kernel, line), invoice["created"])
    rate = percent(country, state) if reason == "standard_rated" else Decimal(0)
    inclusive = behavior == "inclusive"
    amount = round_half_away(Fraction(net) * Fraction(rate) / (100 + Fraction(rate) if inclusive else 100))
    return {
        "amount": amount,
        "tax_behavior": behavior,
        "tax_rate_details": {"tax_rate": _rate_id(country, state, rate, behavior)},
        "taxability_reason": reason,
        "taxable_amount": (net - amount if inclusive else net) if reason == "standard_rated" else 0,
        "type": "tax_rate_details",
    }


def _reason(kernel: Kernel, customer: Obj, country: str, state: str | None, code: str | None, at: int) -> str:
    if not collects(kernel, country, state, at):
        return "not_collecting"
    if code == NONTAXABLE:
        return "product_exempt"
    if customer.get("tax_exempt") == "exempt":
        return "customer_exempt"
    home = ((settings_of(kernel)["head_office"] or {}).get("address") or {}).get("country")
    abroad = country in EU and home in EU and country != home
    business = any(found["type"] == "eu_vat" for found in ids_of(kernel, customer["id"]))
    if customer.get("tax_exempt") == "reverse" or (abroad and business):
        return "reverse_charge"
    return "standard_rated"


def _code(kernel: Kernel, line: Obj) -> str | None:
    if line.get("_tax_code"):
        return str(line["_tax_code"])
    product = ((line["pricing"] or {}).get("price_details") or {}).get("product")
    found = kernel.store.get("product", product or "") or {}
    code = found.get("tax_code") or settings_of(kernel)["defaults"]["tax_code"]
    return str(code) if code else None


def _rate_id(country: str, state: str | None, rate: Decimal, behavior: str) -> str:
    """The rate as an object of its own is not kept; its id is always the same for the same rate."""
    what = f"{country}|{state}|{rate}|{behavior}"
    return "txr_1" + hashlib.sha256(what.encode()).hexdigest()[:23]


def totals(taxes: Sequence[Obj]) -> list[Obj]:
    """Taxes of several lines added up by rate, behaviour and reason."""
    found: dict[tuple[str, str, str], Obj] = {}
    for tax in taxes:
        key = (tax["tax_rate_details"]["tax_rate"], tax["tax_behavior"], tax["taxability_reason"])
        if key in found:
            found[key]["amount"] += tax["amount"]
            found[key]["taxable_amount"] += tax["taxable_amount"]
        else:
            found[key] = {**tax, "tax_rate_details": dict(tax["tax_rate_details"])}
    return list(found.values())


def added(taxes: Sequence[Obj]) -> int:
    """What these taxes put on top."""
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")


def contained(taxes: Sequence[Obj]) -> int:
    """What of these taxes is part of the amounts."""
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
