"""Prices with amounts in several currencies: what docs/assumptions.md says of them, tried."""

from __future__ import annotations

from typing import Any

from tests.live.account import Account

OPTIONS: dict[str, Any] = {"jpy": {"unit_amount": 3300}, "usd": {"unit_amount": 3600}}


def in_several(account: Account) -> str:
    return account.price("3000", currency="eur", currency_options=OPTIONS)


def test_s94_a_subscription_is_billed_in_the_currency_that_it_names_or_its_customer_has(account: Account) -> None:
    price, clock = in_several(account), account.clock("2026-01-01")
    named, fresh, dollars = (account.customer(clock) for _ in range(3))
    account.subscription(dollars, [{"price": account.price("100")}])
    made = [
        account.subscription(named, [{"price": price}], currency="jpy"),
        account.subscription(fresh, [{"price": price}]),
        account.subscription(dollars, [{"price": price}]),
    ]
    assert [one.currency for one in made] == ["jpy", "eur", "usd"]
    shown = made[0]["items"].data[0].price
    assert (shown.currency, shown.unit_amount) == ("eur", 3000)
    assert [account.invoices(c)[-1].total for c in (named, fresh)] == [3300, 3000]
    options = account.v1.prices.retrieve(price, {"expand": ["currency_options"]}).to_dict()["currency_options"]
    assert {code: option["unit_amount"] for code, option in options.items()} == {"eur": 3000, "jpy": 3300, "usd": 3600}
    steps: list[dict[str, Any]] = [{"up_to": 10, "unit_amount": 120}, {"up_to": "inf", "unit_amount": 60}]
    tiered = account.price(
        None, currency="eur", billing_scheme="tiered", tiers_mode="graduated", tiers=steps,
        currency_options={"usd": {"tiers": steps}},
    )  # fmt: skip
    whole = account.v1.prices.retrieve(tiered, {"expand": ["currency_options.usd.tiers"]}).to_dict()
    assert [tier["unit_amount"] for tier in whole["currency_options"]["usd"]["tiers"]] == [120, 60]


def test_s95_a_changed_amount_in_another_currency_is_billed_from_the_next_invoice_on(account: Account) -> None:
    price, clock = in_several(account), account.clock("2026-01-01")
    customer = account.customer(clock)
    account.subscription(customer, [{"price": price}], currency="usd")
    account.v1.prices.update(price, {"currency_options": {"usd": {"unit_amount": 3700}}})
    told = account.v1.events.list({"type": "price.updated", "limit": 100}).data
    assert price not in [event.data.object.id for event in told]
    account.advance(clock, "2026-02-01T02:00")
    assert account.billed(customer) == [("2026-01-01", 3600), ("2026-02-01", 3700)]
