"""Prices of several currencies as they are read: in what each plan is billed in, and in how many calls."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sync.facts import Fact, Price, Subscription
from sync.gateways.stripe_currencies import with_amounts
from sync.ports.listing import FactKind
from sync.records import Ref
from tests.sync.gateways.test_listing import everything
from tests.sync.gateways.test_stripe_reads import calls
from tests.sync.gateways.world import World

OPTIONS = {"jpy": {"unit_amount": 3300}, "kwd": {"unit_amount": 12340}, "usd": {"unit_amount": 3600}}
STEPS = [{"up_to": 10, "unit_amount": 120}, {"up_to": "inf", "unit_amount": 60}]


def made_price(world: World, **more: Any) -> str:
    product = world.billing("POST", "/v1/products", name="Plan")["id"]
    terms = {"product": product, "currency": "eur", "recurring": {"interval": "month"}}
    return str(world.billing("POST", "/v1/prices", **{**terms, **more})["id"])


def plain(world: World) -> str:
    return made_price(world, unit_amount=3000, currency_options=OPTIONS)


def by_steps(world: World, **more: Any) -> str:
    in_euros = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50}]
    others = {"usd": {"tiers": STEPS}}
    terms = {"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": in_euros, "currency_options": others}
    return made_price(world, **terms, **more)


def plan(world: World, currency: str, *prices: str) -> str:
    customer = world.billing("POST", "/v1/customers", email="ops@birch.example")["id"]
    how = {"collection_method": "send_invoice", "days_until_due": 30, "billing_mode": {"type": "flexible"}}
    items = [{"price": price} for price in prices]
    made = world.billing("POST", "/v1/subscriptions", customer=customer, currency=currency, items=items, **how)
    return str(made["id"])


def read(world: World, *ids: str) -> list[Subscription]:
    refs = [Ref("subscription_id", i) for i in ids]
    found = world.stripe().read(refs)
    return [one for r in refs if isinstance(one := found.one(r), Subscription)]


def test_items_have_their_amounts_in_the_currency_that_the_plan_is_billed_in(world: World) -> None:
    one, other = plain(world), by_steps(world)
    ids = [plan(world, "jpy", one), plan(world, "usd", one, other), plan(world, "eur", one)]
    in_yen, in_dollars, in_euros = read(world, *ids)
    amounts = [(i.price.currency, i.price.unit_amount_decimal) for i in in_yen.items + in_dollars.items]
    assert amounts == [("jpy", Decimal(3300)), ("usd", Decimal(3600)), ("usd", None)]
    assert [tier.unit for tier in in_dollars.items[1].price.tiers] == [Decimal(120), Decimal(60)]
    assert [(i.price.currency, i.price.options) for i in in_euros.items] == [("eur", ())]
    of_customer = world.stripe().read([Ref("subscriptions_of", in_dollars.customer)]).all()
    assert of_customer == [in_dollars]


def test_only_plans_in_another_currency_than_their_prices_cost_a_call_more(world: World) -> None:
    one, single = plain(world), made_price(world, unit_amount=100)
    ordinary, foreign = plan(world, "eur", one, single), plan(world, "usd", one)
    before = len(calls(world))
    read(world, ordinary)
    assert calls(world)[before:] == [f"GET /v1/subscriptions/{ordinary}"]
    before = len(calls(world))
    read(world, foreign)
    assert calls(world)[before:] == [f"GET /v1/subscriptions/{foreign}", f"GET /v1/prices/{one}"]


def test_a_page_of_plans_asks_for_each_price_once_and_a_page_without_such_plans_for_none(world: World) -> None:
    one, other = plain(world), by_steps(world)
    for currency in ("eur", "eur"):
        plan(world, currency, one)
    assert _pages(world, "subscription") == ["GET /v1/subscriptions"]
    for _ in range(4):
        plan(world, "usd", one)
    assert _pages(world, "subscription") == ["GET /v1/subscriptions", f"GET /v1/prices/{one}"]
    plan(world, "usd", other)
    steps = f"GET /v1/prices/{other}"  # once for its currencies, once for their steps
    assert sorted(_pages(world, "subscription")) == sorted(
        ["GET /v1/subscriptions", f"GET /v1/prices/{one}", steps, steps]
    )
    facts = everything(world.stripe(), "subscription")
    assert sorted(_amounts(facts)) == [("eur", 3000)] * 2 + [("usd", 0)] + [("usd", 3600)] * 4


def _pages(world: World, kind: FactKind) -> list[str]:
    before = len(calls(world))
    everything(world.stripe(), kind)
    return calls(world)[before:]


def _amounts(facts: list[Fact]) -> list[tuple[str, int]]:
    prices = [i.price for s in facts if isinstance(s, Subscription) for i in s.items]
    return [(p.currency, int(p.unit_amount_decimal or 0)) for p in prices]


def test_a_price_says_what_it_costs_in_each_of_its_currencies(world: World) -> None:
    one, other = plain(world), by_steps(world, lookup_key="tdm_steps")
    single = made_price(world, unit_amount=100)
    found = world.stripe().read([Ref("price_id", p) for p in (one, other, single)] + [Ref("price", "tdm_steps")])
    prices = {p.id: p for p in found.all() if isinstance(p, Price)}
    assert [(o.currency, o.unit_amount_decimal) for o in prices[one].options] == [
        ("eur", 3000), ("jpy", 3300), ("kwd", 12340), ("usd", 3600),
    ]  # fmt: skip
    assert [(o.currency, [t.unit for t in o.tiers]) for o in prices[other].options] == [
        ("eur", [Decimal(100), Decimal(50)]), ("usd", [Decimal(120), Decimal(60)]),
    ]  # fmt: skip
    assert prices[single].options == ()
    assert found.one(Ref("price", "tdm_steps")) == prices[other]
    assert _pages(world, "price") == [
        "GET /v1/prices",
        f"GET /v1/prices/{other}",
    ]  # but for steps, none has a call of its own
    listed = {p.id: p for p in everything(world.stripe(), "price") if isinstance(p, Price)}
    assert listed == prices


def test_an_item_without_a_sound_price_asks_for_none() -> None:
    def never(ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        raise AssertionError(f"{ids} were asked for")

    damaged: list[dict[str, Any]] = [
        {"currency": "usd", "items": {"data": [{"price": price}]}} for price in (None, "price_1", {}, {"id": "price_1"})
    ]
    for one in (*damaged, {"currency": "usd"}, {"currency": "usd", "items": None}):
        assert with_amounts([one], never) == [one]
