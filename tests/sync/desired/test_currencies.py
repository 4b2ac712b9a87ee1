"""A price with amounts in several currencies counts by those of what is billed by it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sync.desired.mirror import show
from sync.errors import Terminal
from sync.facts import Phase, PhaseItem, Price, PriceOption, PriceTier, Schedule
from sync.facts.currencies import in_currency, is_sold_in, priced_in
from sync.run.reading import with_items
from tests.sync.desired.test_mirror import FEB_1, JAN_1, JAN_1_2027, item, price, schedule, subscription, view


def option(currency: str, amount: str | None, *tiers: PriceTier, **more: Any) -> PriceOption:
    unit = None if amount is None else Decimal(amount)
    return PriceOption(currency=currency, unit_amount_decimal=unit, tiers=tiers, **more)


#: 30.00 EUR a month, or 3,300 JPY, or 12.340 KWD
PRICE = price(
    "price_m", "3000", currency="eur", options=(option("eur", "3000"), option("jpy", "3300"), option("kwd", "12340"))
)


def steps(first: str, then: str) -> tuple[PriceTier, PriceTier]:
    return PriceTier(up_to=10, unit=Decimal(first)), PriceTier(up_to=None, unit=Decimal(then))


TIERED = PRICE.model_copy(
    update={
        "id": "price_t", "unit_amount_decimal": None, "tiers_mode": "graduated", "tiers": steps("100", "50"),
        "options": (option("eur", None, *steps("100", "50")), option("jpy", None, *steps("120", "60"))),
    }
)  # fmt: skip


def plan(currency: str, sold: Price, quantity: int = 10, number: int = 1) -> Any:
    there = item(quantity, id=f"si_{number}", price=in_currency(sold, currency))
    return subscription(id=f"sub_{number}", currency=currency, items=(there,))


def test_there_and_back_is_the_same_price() -> None:
    in_yen = in_currency(PRICE, "jpy")
    assert (in_yen.currency, in_yen.unit_amount_decimal, in_yen.id) == ("jpy", Decimal(3300), "price_m")
    assert in_currency(in_yen, "eur") == PRICE
    assert in_currency(TIERED, "jpy").tiers == steps("120", "60")
    assert in_currency(PRICE, "") is PRICE


def test_an_amount_that_stripe_does_not_name_is_never_guessed() -> None:
    assert not is_sold_in(PRICE, "usd")
    with pytest.raises(Terminal, match="price_m has no amount in USD") as refused:
        in_currency(PRICE, "usd")
    assert refused.value.code == "BUG-502"
    bare = subscription(currency="usd", items=(item(price=price(currency="eur")),))
    with pytest.raises(Terminal, match="price_1 has no amount in USD"):
        show(view(subscriptions=[bare]), frozenset())


def test_a_deal_sees_the_prices_that_it_can_bill_by_in_its_own_currency_and_the_others_as_they_are() -> None:
    other = price("price_2", currency="usd")
    [yen, *others] = priced_in([PRICE, other, subscription()], "JPY")
    assert others == [other, subscription()]
    assert isinstance(yen, Price)
    # What is not said of tax in yen can't be made good by what may be said of the price in euros.
    assert yen == in_currency(PRICE, "jpy").model_copy(update={"tax_behavior": "unspecified in JPY"})
    taxed = PRICE.model_copy(update={"options": (option("jpy", "3300", tax_behavior="exclusive"),)})
    assert priced_in([taxed], "JPY") == [in_currency(taxed, "jpy")]


@pytest.mark.parametrize(
    ("currency", "unit", "mrr"),
    [("eur", "30", "300.00"), ("jpy", "3300", "33000"), ("kwd", "12.34", "123.400")],
)
def test_a_plan_is_shown_in_what_it_is_billed_in(currency: str, unit: str, mrr: str) -> None:
    shown = show(view(subscriptions=[plan(currency, PRICE)]), frozenset())
    [row], [line] = shown.subscriptions, shown.items
    assert (row.currency, row.mrr, line.unit_amount) == (currency.upper(), Decimal(mrr), Decimal(unit))
    assert (shown.account.next_invoice_amount, shown.account.mrr) == (Decimal(mrr), Decimal(mrr))


def test_tiers_count_in_the_plans_currency_and_two_plans_on_one_price_do_not_mix() -> None:
    plans = [plan("jpy", TIERED, 20), plan("eur", TIERED, 20, number=2)]
    prices = with_items({"price_t": TIERED}, plans)
    shown = show(view(subscriptions=plans, prices=prices), frozenset())
    assert {r.currency: r.mrr for r in shown.subscriptions} == {"JPY": Decimal(1800), "EUR": Decimal("15.00")}
    # Without the steps on the item itself, as Stripe embeds a price, they are those that were read by its id.
    lean = [replace_price(p, TIERED.model_copy(update={"tiers": (), "options": ()})) for p in plans[1:]]
    shown = show(view(subscriptions=lean, prices=with_items({"price_t": TIERED}, lean)), frozenset())
    assert [r.mrr for r in shown.subscriptions] == [Decimal("15.00")]


def test_a_price_that_was_read_before_it_had_the_plans_currency_says_nothing_of_it() -> None:
    before = PRICE.model_copy(update={"options": ()})
    running = plan("jpy", PRICE)
    shown = show(view(subscriptions=[running], prices=with_items({"price_m": before}, [running])), frozenset())
    assert [r.mrr for r in shown.subscriptions] == [Decimal(33000)]


def replace_price(one: Any, sold: Price) -> Any:
    return one.model_copy(update={"items": (one.items[0].model_copy(update={"price": sold}),)})


def test_what_a_schedule_plans_is_in_its_own_currency_beside_a_plan_in_the_prices() -> None:
    phase = Phase(start_s=FEB_1, end_s=JAN_1_2027, items=(PhaseItem(price="price_m", quantity=2),))
    planned: Schedule = schedule(metadata={}, currency="jpy", phases=(phase,))
    running = replace_price(plan("eur", PRICE), PRICE.model_copy(update={"options": ()}))
    prices = with_items({"price_m": PRICE}, [running])
    shown = show(view(now_s=JAN_1 + 60, schedules=[planned], subscriptions=[running], prices=prices), frozenset())
    rows = {r.currency: r for r in shown.subscriptions}
    assert (rows["JPY"].contracted_mrr, rows["EUR"].contracted_mrr) == (Decimal(6600), Decimal("300.00"))
    alone = show(replace(view(now_s=JAN_1 + 60, schedules=[planned], prices=prices)), frozenset())
    assert alone.account.next_invoice_amount == Decimal(6600)
    assert [line.unit_amount for line in alone.items] == [Decimal(3300)]
