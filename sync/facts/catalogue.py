"""Facts of what is sold."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from sync.facts.base import Fact

#: A discount of which an answer does not say by which coupon it is: those of a phase's items lie too deep in lists.
UNKNOWN_COUPON = "unknown"


class Coupon(Fact):
    """A discount, by percent or by amount."""

    KIND: ClassVar[str] = "coupon"
    percent_off: Decimal | None = None
    amount_off_minor: int | None = None
    currency: str | None = None
    duration: str = "forever"
    duration_in_months: int | None = None
    valid: bool = True
    products: tuple[str, ...] = ()  # Stripe products that alone it takes something off; none for all
    max_redemptions: int | None = None
    redeem_by_s: int | None = None
    amounts: dict[str, int] = Field(default_factory=dict)  # amounts off in further currencies, by code in lower case

    def off_in(self, currency: str) -> int:
        """The amount off in a currency, in minor units; 0 where it has none."""
        if self.amount_off_minor is None or currency.lower() in ("", self.currency or ""):
            return self.amount_off_minor or 0
        return self.amounts.get(currency.lower(), 0)

    def suits(self, product: str) -> bool:
        """Whether it takes something off what is sold of this product of Stripe."""
        return not self.products or product in self.products


class Product(Fact):
    """A product of the catalogue."""

    KIND: ClassVar[str] = "product"
    name: str = ""
    description: str | None = None
    active: bool = True
    tax_code: str | None = None
    values: dict[str, str | int | bool] = Field(
        default_factory=dict
    )  # its other plain members, by the SDK's names: unit_label


class PriceTier(BaseModel):
    """One step of a price in tiers, in minor units; ``up_to`` is inclusive, None for all above."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    up_to: int | None
    unit: Decimal = Decimal(0)
    flat: Decimal = Decimal(0)


class PriceOption(BaseModel):
    """What a price costs in one of its currencies, in that currency's minor units."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    currency: str
    unit_amount_decimal: Decimal | None = None
    tiers: tuple[PriceTier, ...] = ()
    tax_behavior: str = "unspecified"


class Price(Fact):
    """A price: what one unit costs, and how often. ``tiers`` are known only where the price was read by its id.

    ``currency`` is that of its amounts: Stripe's own of the price, but on the item of a subscription the subscription's.
    ``options`` are its amounts in every currency, where it has several (`sync.facts.currencies`).
    """

    KIND: ClassVar[str] = "price"
    product: str = ""
    currency: str = ""
    active: bool = True
    lookup_key: str | None = None
    unit_amount_decimal: Decimal | None = None  # minor units, up to 12 decimals; None for tiers
    interval: str | None = None  # day week month year; None = one-time
    interval_count: int = 1
    usage_type: str | None = None
    meter: str | None = None  # id of the meter whose sums it bills
    billing_scheme: str = "per_unit"
    tiers_mode: str | None = None  # graduated volume
    tiers: tuple[PriceTier, ...] = ()
    packaged: bool = False  # it charges packages of units, not units
    tax_behavior: str = "unspecified"  # inclusive exclusive unspecified
    package_units: int | None = None  # how many are in one
    package_begun: bool = True  # whether a package that is begun is charged
    options: tuple[PriceOption, ...] = ()


class Meter(Fact):
    """What sums the usage events of one name, by customer."""

    KIND: ClassVar[str] = "meter"
    event_name: str = ""
    status: str = ""  # active inactive
    display_name: str = ""
    formula: str = "sum"  # count sum last
    customer_key: str = "stripe_customer_id"  # where an event's payload says whose it is, and how many
    value_key: str = "value"
