"""Coupons with all that they say, deleted ones by what they stand on, and a customer's discount, through the gateway."""

from __future__ import annotations

from decimal import Decimal

from sync.facts import Coupon, Customer
from sync.records import Ref
from sync.run.standing_coupons import read_coupons
from tests.sync.gateways.test_stripe_currencies import calls
from tests.sync.gateways.world import World


def _coupon(world: World, id_: str, **more: object) -> str:
    return str(world.billing("POST", "/v1/coupons", id=id_, **{"duration": "forever", **more})["id"])


def _plan(world: World) -> tuple[str, str, str]:
    """A customer with a product and a plan: coupons on the item and on the whole."""
    product = world.billing("POST", "/v1/products", name="Seats")["id"]
    recurring = {"interval": "month"}
    price = world.billing("POST", "/v1/prices", product=product, currency="usd", unit_amount=1000, recurring=recurring)
    _coupon(world, "item", percent_off="10", applies_to={"products": [product]})
    _coupon(world, "whole", amount_off=100, currency="usd", currency_options={"eur": {"amount_off": 90}})
    customer = world.billing("POST", "/v1/customers", email="ops@birch.example")["id"]
    items = [{"price": price["id"], "discounts": [{"coupon": "item"}]}]
    how = {"collection_method": "send_invoice", "days_until_due": 30, "billing_mode": {"type": "flexible"}}
    plan = world.billing(
        "POST", "/v1/subscriptions", customer=customer, items=items, discounts=[{"coupon": "whole"}], **how
    )
    return customer, str(plan["id"]), str(product)


def test_a_coupon_says_its_products_and_its_amounts_in_other_currencies(world: World) -> None:
    _, _, product = _plan(world)
    found = world.stripe().read([Ref("coupon", "item"), Ref("coupon", "whole")])
    item, whole = found.one(Ref("coupon", "item")), found.one(Ref("coupon", "whole"))
    assert isinstance(item, Coupon)
    assert isinstance(whole, Coupon)
    assert (item.percent_off, item.products) == (Decimal(10), (product,))
    assert (whole.off_in("usd"), whole.off_in("EUR"), whole.off_in("gbp")) == (100, 90, 0)


def test_deleted_coupons_are_read_of_what_they_stand_on_and_others_cost_no_call_more(world: World) -> None:
    customer, plan, _ = _plan(world)
    stripe = world.stripe()
    standing = stripe.read([Ref("subscription_id", plan)]).all()
    before = len(calls(world))
    assert {c.id for c in read_coupons(stripe, {"item", "whole"}, standing)} == {"item", "whole"}
    assert len(calls(world)) - before == 2

    for coupon in ("item", "whole"):
        world.billing("DELETE", f"/v1/coupons/{coupon}")
    found = {c.id: c for c in read_coupons(stripe, {"item", "whole", "never"}, standing)}
    assert (found["item"].percent_off, found["whole"].off_in("usd")) == (Decimal(10), 100)
    assert found["whole"].off_in("eur") == 90
    assert found["never"].deleted  # shown nowhere: it is not looked for again
    assert not stripe.read([Ref("coupons_of_subscription", "sub_none"), Ref("coupon_of_customer", customer)]).all()


def test_a_customer_says_its_discount_and_when_it_stops(world: World) -> None:
    customer, _, _ = _plan(world)
    _coupon(world, "months", percent_off="25", duration="repeating", duration_in_months=2)
    world.give_discount(customer, "months")
    world.billing("DELETE", "/v1/coupons/months")
    found = world.stripe().read([Ref("customer_id", customer)]).one(Ref("customer_id", customer))
    assert isinstance(found, Customer)
    assert (found.coupon, found.coupon_end_s) == ("months", 1777593600)  # two months from 1 March
    [coupon] = read_coupons(world.stripe(), {"months"}, [found])
    assert coupon.percent_off == Decimal(25)
