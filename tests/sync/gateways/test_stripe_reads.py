"""Set-wise reading of Stripe: what is found, and in how many calls."""

from __future__ import annotations

import threading
import time

import pytest

from sync.errors import Terminal, Transient
from sync.facts import Charge, Coupon, Customer, Invoice, Price, Product, Schedule, Subscription
from sync.gateways.stripe_http import READ_TRIES
from sync.records import Ref
from tests.sync.gateways.stand_in import Reply, always, serving
from tests.sync.gateways.test_stripe_client import account_at, create, make_deal
from tests.sync.gateways.world import World

NOBODY = "cus_nobody"


def calls(world: World) -> list[str]:
    return [f"{x['method']} {x['path']}" for x in world.log("stripe")]


def self_serve(
    world: World, *, card: str | None = None, email: str = "ops@birch.example", discount: bool = False
) -> tuple[str, str]:
    """A customer with a plan of 39.00 a month, on a card or by invoice; returns both ids."""
    billing = world.billing
    customer = billing("POST", "/v1/customers", email=email, name="Birch")["id"]
    if card:
        method = billing("POST", f"/v1/payment_methods/{card}/attach", customer=customer)["id"]
        billing("POST", f"/v1/customers/{customer}", invoice_settings={"default_payment_method": method})
    product = billing("POST", "/v1/products", name="Plan")["id"]
    price = billing(
        "POST", "/v1/prices", product=product, currency="usd", unit_amount=3900, recurring={"interval": "month"}
    )["id"]
    item: dict[str, object] = {"price": price, "quantity": 5}
    if discount:
        item["discounts"] = [
            {"coupon": billing("POST", "/v1/coupons", id="tdm-pct-10", percent_off=10, duration="forever")["id"]}
        ]
    how: dict[str, object] = (
        {"collection_method": "charge_automatically"}
        if card
        else {"collection_method": "send_invoice", "days_until_due": 30}
    )
    plan = billing(
        "POST", "/v1/subscriptions", customer=customer, items=[item], billing_mode={"type": "flexible"}, **how
    )
    return customer, plan["id"]


def test_a_deal_is_read_back_by_the_references_that_made_it(world: World) -> None:
    stripe = world.stripe()
    ids = make_deal(stripe)
    refs = [
        Ref("product", "tandem_1"),
        Ref("price", "tdm_1"),
        Ref("price_id", ids["price"]),
        Ref("coupon", "tdm-pct-10"),
        Ref("customer_id", ids["customer"]),
        Ref("schedule_id", ids["schedule"]),
        Ref("schedules_of", ids["customer"]),
        Ref("subscriptions_of", ids["customer"]),
        Ref("customers_by_email", "ap@acme.example"),
    ]
    found = stripe.read(refs)
    assert set(found.found) == set(refs)
    kinds = [type(found.one(r)) for r in refs]
    assert kinds == [Product, Price, Price, Coupon, Customer, Schedule, Schedule, type(None), Customer]
    schedule = found.one(Ref("schedule_id", ids["schedule"]))
    assert isinstance(schedule, Schedule)
    assert schedule == found.one(Ref("schedules_of", ids["customer"]))
    assert [(i.quantity, i.coupons) for i in schedule.phases[0].items] == [(3, ("tdm-pct-10",))]


def test_what_is_not_there_is_nothing_and_was_looked_for(world: World) -> None:
    refs = [
        Ref("product", "tandem_none"),
        Ref("price", "tdm_none"),
        Ref("price_id", "price_none"),
        Ref("coupon", "none"),
        Ref("customer_id", NOBODY),
        Ref("subscription_id", "sub_none"),
        Ref("schedule_id", "sub_sched_none"),
        Ref("invoice_id", "in_none"),
        Ref("customers_by_email", "nobody@example.com"),
    ]
    found = world.stripe().read(refs)
    assert {r: found.found[r] for r in refs} == dict.fromkeys(refs, ())


def test_a_deleted_customer_is_known_to_be_gone(world: World) -> None:
    customer = world.billing("POST", "/v1/customers", name="Gone")["id"]
    world.billing("DELETE", f"/v1/customers/{customer}")
    found = world.stripe().read([Ref("customer_id", customer)]).one(Ref("customer_id", customer))
    assert found is not None
    assert found.deleted


@pytest.mark.parametrize(
    ("kind", "code"),
    [("rate_limit", "TEMP-401"), ("error_500", "TEMP-406"), ("drop", "TEMP-406"), ("lock", "TEMP-402")],
)
def test_a_look_up_that_fails_never_means_none(world: World, kind: str, code: str) -> None:
    stripe = world.stripe()
    world.fault(system="stripe", kind=kind, next=READ_TRIES)
    with pytest.raises(Transient, match=code):
        stripe.read([Ref("customers_by_email", "ap@acme.example")])


@pytest.mark.parametrize("kind", ["rate_limit", "error_500", "drop", "lock"])
def test_a_question_that_fails_in_passing_is_asked_again(world: World, kind: str) -> None:
    stripe = world.stripe()
    customer = world.billing("POST", "/v1/customers", email="ap@acme.example")["id"]
    world.fault(system="stripe", kind=kind, next=READ_TRIES - 1)
    assert stripe.read([Ref("customers_by_email", "ap@acme.example")]).found
    assert [f.id for f in stripe.read([Ref("customer_id", customer)]).all()] == [customer]


def test_a_long_retry_after_is_not_waited_for_here() -> None:
    slow = Reply(429, {"error": {"code": "rate_limit", "message": "slow down"}}, {"Retry-After": "60"})
    with serving(always(slow)) as vendor, pytest.raises(Transient) as caught:
        account_at(vendor).read([Ref("customer_id", "cus_1")])
    assert caught.value.retry_after_s == 60.0
    assert vendor.calls == ["GET /v1/customers/cus_1"]


def test_all_tries_of_a_question_end_within_the_time_of_one_call() -> None:
    release = threading.Event()
    with serving(always(Reply(hold=release))) as vendor:
        began = time.monotonic()
        with pytest.raises(Transient, match="TEMP-406"):
            account_at(vendor, 0.5).read([Ref("customer_id", "cus_1")])
        assert time.monotonic() - began < 1.0
        release.set()


def test_an_unknown_kind_of_reference_is_a_fault_of_ours(world: World) -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        world.stripe().read([Ref("teapot", "x")])


def test_an_email_is_looked_up_in_both_spellings(world: World) -> None:
    stripe = world.stripe()
    lower = world.billing("POST", "/v1/customers", email="ap@acme.example")["id"]
    upper = world.billing("POST", "/v1/customers", email="AP@Acme.example")["id"]
    found = stripe.read([Ref("customers_by_email", "AP@Acme.example")])
    assert {f.id for f in found.all()} == {lower, upper}


def test_an_archived_price_comes_after_the_active_one(world: World) -> None:
    stripe = world.stripe()
    product = create(stripe, "product", {"id": "tandem_1", "name": "Seat"})
    terms = {"product": product, "currency": "usd", "unit_amount": 100, "lookup_key": "tdm_1"}
    old = world.billing("POST", "/v1/prices", **terms)["id"]
    world.billing("POST", f"/v1/prices/{old}", active=False)
    found = stripe.read([Ref("price", "tdm_1")]).one(Ref("price", "tdm_1"))
    assert isinstance(found, Price)
    assert (found.id, found.active) == (old, False)


def test_twenty_lookup_keys_and_a_hundred_products_cost_three_calls(world: World) -> None:
    refs = [Ref("price", f"tdm_{i}") for i in range(20)] + [Ref("product", f"tandem_{i}") for i in range(100)]
    world.stripe().read(refs)
    assert len(calls(world)) == 3


def test_meters_of_many_names_are_found_in_one_list(world: World) -> None:
    made = {name: meter(world, name) for name in ("calls", "gigabytes", "seats")}
    found = world.stripe().read([Ref("meter", name) for name in made])
    assert {f.id for f in found.all()} == set(made.values())
    assert calls(world) == ["GET /v1/billing/meters"]


def test_an_inactive_meter_is_found_only_where_no_active_one_has_its_name(world: World) -> None:
    retired, replaced = meter(world, "calls", active=False), meter(world, "gigabytes", active=False)
    old, active = meter(world, "calls", active=False), meter(world, "gigabytes")
    found = world.stripe().read([Ref("meter", name) for name in ("calls", "gigabytes", "nothing")])
    assert [f.id for f in found.found[Ref("meter", "gigabytes")]] == [active]
    assert [f.id for f in found.found[Ref("meter", "calls")]] == [old, retired]
    assert found.found[Ref("meter", "nothing")] == ()
    assert replaced not in {f.id for f in found.all()}
    assert len(calls(world)) == 2


def meter(world: World, event_name: str, *, active: bool = True) -> str:
    terms = {"display_name": event_name, "event_name": event_name, "default_aggregation": {"formula": "sum"}}
    made = str(world.billing("POST", "/v1/billing/meters", **terms)["id"])
    if not active:
        world.billing("POST", f"/v1/billing/meters/{made}/deactivate")
    return made


@pytest.mark.parametrize(("there", "cost"), [(0, 1), (8, 1), (100, 1), (130, 2)])
def test_coupons_of_a_deal_cost_a_page_whether_they_exist_or_not(world: World, there: int, cost: int) -> None:
    for number in range(there):
        world.billing("POST", "/v1/coupons", id=f"tdm-{number:03d}", percent_off=10, duration="forever")
    wanted = [f"tdm-{number:03d}" for number in range(100, 116)] if there > 100 else ["tdm-001", "tdm-002", "tdm-none"]
    found = world.stripe().read([Ref("coupon", i) for i in wanted])
    exist = {f"tdm-{number:03d}" for number in range(there)}
    assert {f.id for f in found.all()} == set(wanted) & exist
    assert len(calls(world)) == cost if there <= 100 else len(calls(world)) <= cost


def test_coupons_that_are_far_down_the_list_are_retrieved(world: World) -> None:
    for number in range(103):
        world.billing("POST", "/v1/coupons", id=f"tdm-{number:03d}", percent_off=10, duration="forever")
    found = world.stripe().read([Ref("coupon", i) for i in ("tdm-000", "tdm-001", "tdm-002")])
    assert {f.id for f in found.all()} == {"tdm-000", "tdm-001", "tdm-002"}
    assert len(calls(world)) == 4  # one page that brought nothing, then three retrieves


def test_prices_by_id_are_listed_together_and_an_inline_one_is_retrieved(world: World) -> None:
    product = world.billing("POST", "/v1/products", name="Plan")["id"]
    terms = {"product": product, "currency": "usd", "unit_amount": 100}
    made = [world.billing("POST", "/v1/prices", **terms)["id"] for _ in range(5)]
    world.billing("POST", f"/v1/prices/{made[0]}", active=False)
    found = world.stripe().read([Ref("price_id", i) for i in made])
    assert {f.id for f in found.all()} == set(made)
    assert calls(world) == ["GET /v1/prices"]
    customer, _ = self_serve(world)
    inline = {"product": product, "currency": "usd", "unit_amount": 7, "recurring": {"interval": "month"}}
    plan = world.billing(
        "POST",
        "/v1/subscriptions",
        customer=customer,
        items=[{"price_data": inline}],
        collection_method="send_invoice",
        days_until_due=30,
    )
    unlisted = plan["items"]["data"][0]["price"]["id"]
    refs = [Ref("price_id", i) for i in (*made, unlisted)]
    assert {f.id for f in world.stripe().read(refs).all()} == {*made, unlisted}
    assert calls(world)[1:] == ["GET /v1/prices", f"GET /v1/prices/{unlisted}"]


def test_invoices_of_a_customer_include_those_of_every_plan_and_of_none(world: World) -> None:
    customer, plan = self_serve(world, card="pm_card_visa")
    lone = world.billing("POST", "/v1/invoices", customer=customer, currency="usd")["id"]
    stripe = world.stripe()
    found = stripe.read([Ref("invoices_of_customer", customer), Ref("invoices_of", plan)])
    of_plan = found.found[Ref("invoices_of", plan)]
    assert {f.id for f in found.found[Ref("invoices_of_customer", customer)]} == {lone, *(f.id for f in of_plan)}
    assert of_plan[0] in found.found[Ref("invoices_of_customer", customer)]


def test_a_self_serve_plan_is_read_with_its_discounts_and_card(world: World) -> None:
    customer, plan = self_serve(world, card="pm_card_visa", discount=True)
    found = world.stripe().read([Ref("subscription_id", plan), Ref("customer_id", customer)])
    subscription, who = found.one(Ref("subscription_id", plan)), found.one(Ref("customer_id", customer))
    assert isinstance(subscription, Subscription)
    assert isinstance(who, Customer)
    assert (subscription.status, subscription.items[0].quantity, subscription.items[0].coupons) == (
        "active",
        5,
        ("tdm-pct-10",),
    )
    assert who.payment_method is not None
    assert who.payment_method.startswith("visa •••• 4242")


def test_a_paid_invoice_carries_its_payment_and_the_way_back(world: World) -> None:
    _, plan = self_serve(world, card="pm_card_visa")
    stripe = world.stripe()
    (invoice,) = stripe.read([Ref("invoices_of", plan)]).all()
    assert isinstance(invoice, Invoice)
    assert (invoice.status, invoice.amount_paid_minor, len(invoice.payments)) == ("paid", 19500, 1)
    intent = invoice.payments[0].payment_intent
    assert intent is not None
    back, charge = stripe.read([Ref("invoice_of", intent), Ref("charges_of", intent)]).all()[::-1]
    assert back == invoice
    assert isinstance(charge, Charge)
    assert (charge.status, charge.amount_minor, charge.payment_intent) == ("succeeded", 19500, intent)


def test_an_unpaid_invoice_says_what_the_bank_said(world: World) -> None:
    customer, plan = self_serve(world, card="pm_card_visa")
    declining = world.billing(
        "POST", "/v1/payment_methods/pm_card_chargeDeclinedInsufficientFunds/attach", customer=customer
    )["id"]
    world.billing("POST", f"/v1/customers/{customer}", invoice_settings={"default_payment_method": declining})
    world.clock("2026-04-01T02:00:00Z")
    stripe = world.stripe()
    invoices = [i for i in stripe.read([Ref("invoices_of", plan)]).all() if isinstance(i, Invoice)]
    (failing,) = [i for i in invoices if i.status == "open"]
    assert failing.attempt_count == 1
    assert failing.last_error
    assert failing.last_error_code == "insufficient_funds"
    again = stripe.read([Ref("invoice_id", failing.id)]).one(Ref("invoice_id", failing.id))
    assert again == failing


def test_two_hundred_fresh_invoices_cost_five_calls_at_most(world: World) -> None:
    customer = world.billing("POST", "/v1/customers", email="ap@acme.example")["id"]
    made = [world.billing("POST", "/v1/invoices", customer=customer, currency="usd") for _ in range(200)]
    refs = [Ref("invoice_id", i["id"]) for i in made]
    hints = {Ref("invoice_id", i["id"]): i["created"] for i in made}
    found = world.stripe().read(refs, hints)
    assert {f.id for f in found.all()} == {i["id"] for i in made}
    assert len(calls(world)) <= 5


def test_a_few_old_ones_among_many_others_are_retrieved(world: World) -> None:
    customer = world.billing("POST", "/v1/customers", email="ap@acme.example")["id"]
    wanted = [world.billing("POST", "/v1/invoices", customer=customer, currency="usd")["id"] for _ in range(3)]
    for _ in range(120):
        world.billing("POST", "/v1/invoices", customer=customer, currency="usd")
    found = world.stripe().read([Ref("invoice_id", i) for i in wanted])
    assert {f.id for f in found.all()} == set(wanted)
    assert len(calls(world)) == 4  # one page that brought nothing, then three retrieves


def test_hints_that_are_wrong_cost_calls_and_lose_nothing(world: World) -> None:
    customer = world.billing("POST", "/v1/customers", email="ap@acme.example")["id"]
    made = [world.billing("POST", "/v1/invoices", customer=customer, currency="usd")["id"] for _ in range(4)]
    hints = {Ref("invoice_id", i): 1_000_000_000 for i in made}
    assert {f.id for f in world.stripe().read(list(hints), hints).all()} == set(made)


def test_more_than_ten_lines_are_all_read(world: World) -> None:
    customer = world.billing("POST", "/v1/customers", email="ap@acme.example")["id"]
    draft = world.billing("POST", "/v1/invoices", customer=customer, currency="usd")["id"]
    for amount in range(1, 24):
        world.billing("POST", "/v1/invoiceitems", customer=customer, invoice=draft, amount=amount, currency="usd")
    invoice = world.stripe().read([Ref("invoice_id", draft)]).one(Ref("invoice_id", draft))
    assert isinstance(invoice, Invoice)
    assert sorted(x.amount_minor for x in invoice.lines) == list(range(1, 24))
