"""Facts of who pays."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sync.facts.base import Fact


class Customer(Fact):
    """Who pays, on the Stripe side."""

    KIND: ClassVar[str] = "customer"
    email: str | None = None
    name: str | None = None
    individual_name: str | None = None  # of a person, where Stripe was told which it is
    business_name: str | None = None
    currency: str | None = None
    balance_minor: int = 0  # negative = credit in the customer's favour
    payment_method: str | None = None  # "visa •••• 4242, 12/2030" of the default method, if known
    source: str | None = None  # id of the default source of an older kind, if there is one
    delinquent: bool = False
    coupon: str | None = None  # of a discount of the customer as a whole, which comes off all that has none of its own
    coupon_end_s: int | None = None  # when that stops by itself; None: it does not
    address: dict[str, str] = Field(default_factory=dict)  # the parts that are filled, under Stripe's names
    tax_exempt: str = "none"  # none exempt reverse
    values: dict[str, str | int | bool] = Field(
        default_factory=dict
    )  # its other plain members, by the SDK's names: phone, address.city

    @property
    def has_method(self) -> bool:
        """Whether something is stored that Stripe charges by itself for whatever the customer owes."""
        return bool(self.payment_method or self.source)


class Portal(Fact):
    """The pages of Stripe on which customers look after their own billing; there is one, without an id of its own."""

    KIND: ClassVar[str] = "portal"
    id: str = "portal"
    login_url: str | None = None  # where they log in by themselves, if that is switched on


class TaxSettings(Fact):
    """Whether the account can work out tax; there is one, without an id of its own."""

    KIND: ClassVar[str] = "taxsettings"
    id: str = "taxsettings"
    status: str = ""  # active pending
    missing: tuple[str, ...] = ()  # what it waits for


class TaxId(Fact):
    """A tax number of a customer."""

    KIND: ClassVar[str] = "taxid"
    customer: str = ""
    type: str = ""
    value: str = ""
    verification: str | None = None  # pending verified unverified unavailable
