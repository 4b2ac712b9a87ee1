"""Where customers add a payment method is read by deals that need one, and once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import pytest

from sync.errors import Terminal
from sync.facts import Customer, Fact, Portal
from sync.ports import Facts, Snapshot, StripeGateway
from sync.records import Ref
from sync.run.portal import read_portal
from tests.sync.deal.factory import a_deal

CHARGED = a_deal(collection_method="Charge Automatically")
NEW = Portal(login_url="https://billing.stripe.com/p/login/new")


class Known:
    """A store that has these settings, or none, and a Stripe that has others, or does not say."""

    def __init__(self, stored: Portal | None = None, refuses: str = "") -> None:
        self.stored, self.refuses, self.asked = stored, refuses, 0

    def get(self, kind: str, ids: Iterable[str]) -> Mapping[str, Fact]:
        return {"portal": self.stored} if self.stored else {}

    def read(self, refs: Iterable[Ref]) -> Snapshot:
        self.asked += 1
        if self.refuses:
            raise Terminal(self.refuses, "no")
        return Snapshot({Ref("portal", ""): (NEW,)})

    def portal(self, customer: Customer | None = None, *, fresh: bool = False) -> Portal | None:
        return read_portal(cast(StripeGateway, self), cast(Facts, self), CHARGED, customer, fresh=fresh)


def test_it_is_read_once_and_again_for_a_check() -> None:
    old = Portal(login_url="https://billing.stripe.com/p/login/old")
    first, later = Known(), Known(old)
    assert (first.portal(), first.asked) == (NEW, 1)
    assert (later.portal(), later.asked) == (old, 0)
    assert (later.portal(fresh=True), later.asked) == (NEW, 1)


def test_nobody_asks_for_a_customer_who_can_be_charged() -> None:
    known = Known()
    assert (known.portal(Customer(id="cus_1", payment_method="visa")), known.asked) == (None, 0)


def test_a_key_that_may_not_read_them_holds_up_no_deal() -> None:
    assert Known(refuses="CONF-305").portal() is None
    with pytest.raises(Terminal):
        Known(refuses="BUG-502").portal()
