"""docs/assumptions.md, amounts, the catalogue, requests and keys: each test is named by its number."""

from __future__ import annotations

from decimal import Decimal

import stripe

from tests.live.account import Account, refused, seats, stamp


def test_s01_a_percentage_has_at_most_two_decimals(account: Account) -> None:
    two = account.v1.coupons.retrieve(account.coupon(percent_off=12.34))
    assert Decimal(str(two.percent_off)) == Decimal("12.34")

    try:
        three = account.v1.coupons.retrieve(account.coupon(percent_off=12.345))
    except stripe.InvalidRequestError:
        return
    assert Decimal(str(three.percent_off)) != Decimal("12.345")


def test_s02_a_line_is_rounded_once_half_away_from_zero_then_each_discount(account: Account) -> None:
    customer = account.customer(account.clock("2026-01-01"))
    half, third = account.price("0.5"), account.price("8333.333333333333")
    off, fine = account.coupon(percent_off=15), account.coupon(percent_off=12.34)
    discounted, finely = account.price("4900"), account.price("333")
    items = [
        seats(half, 3),
        seats(third, 7),
        seats(discounted, 3, discounts=[{"coupon": off}]),
        seats(finely, 3, discounts=[{"coupon": fine}]),
    ]
    account.subscription(customer, items)

    [invoice] = account.invoices(customer)
    found = {line.pricing.price_details.price: line for line in account.lines(invoice)}
    assert (found[half].amount, found[third].amount) == (2, 58_333)
    assert [amount.amount for amount in found[discounted].discount_amounts] == [2_205]
    assert [amount.amount for amount in found[finely].discount_amounts] == [123]
    assert invoice.total == 2 + 58_333 + 14_700 - 2_205 + 999 - 123


def test_s04_an_id_that_was_deleted_can_be_used_again(account: Account) -> None:
    id_ = account.name("pct_15").replace("_", "-")
    account.v1.coupons.create({"id": id_, "percent_off": 15, "duration": "forever"})
    account.v1.coupons.delete(id_)
    assert account.coupon(id=id_, percent_off=15) == id_

    product = account.name("product")
    account.v1.products.create({"id": product, "name": "Tandem live"})
    account.v1.products.delete(product)
    assert account.product(id=product) == product


def test_s05_an_archived_price_keeps_its_lookup_key_and_is_listed_under_it(account: Account) -> None:
    key = account.name("price")
    price = account.price("1000", lookup_key=key)
    account.v1.prices.update(price, {"active": False})

    found = account.v1.prices.list({"lookup_keys": [key]}).data
    assert [(one.id, one.active) for one in found] == [(price, False)]


def test_s06_a_list_of_products_by_id_has_archived_ones_too(account: Account) -> None:
    product = account.product()
    account.v1.products.update(product, {"active": False})
    assert [one.id for one in account.v1.products.list({"ids": [product]}).data] == [product]


def test_s07_the_words_of_two_refusals(account: Account) -> None:
    key = account.name("words")
    product = account.product(id=key)
    account.price("1000", lookup_key=key, product=product)
    with refused() as twice:
        account.v1.products.create({"id": key, "name": "Tandem live"})
    assert twice[0].code == "resource_already_exists" or "already exists" in str(twice[0])
    with refused() as same_key:
        account.price("2000", lookup_key=key, product=product)
    assert "already uses that lookup key" in str(same_key[0])

    customer = account.customer(account.clock("2026-01-01"))
    account.subscription(customer, [seats(account.price("1000"))])
    with refused() as currency:
        account.subscription(customer, [seats(account.price("1000", currency="eur"))])
    assert "combine currencies" in str(currency[0])


def test_s08_the_same_price_twice_on_one_subscription_is_refused(account: Account) -> None:
    customer, price = account.customer(account.clock("2026-01-01")), account.price("1000")
    coupon = account.coupon(percent_off=10)
    twice = [seats(price, 2), seats(price, 3, discounts=[{"coupon": coupon}])]
    with refused():
        account.subscription(customer, twice)
    with refused():
        account.schedule(customer, [{"items": twice, "end_date": stamp("2026-03-01")}], stamp("2026-02-01"))


def test_s23_a_name_may_have_255_characters(account: Account) -> None:
    name = "Ä" * 255
    assert account.v1.customers.retrieve(account.customer(name=name)).name == name


def test_s24_a_refusal_is_stored_under_its_idempotency_key(account: Account) -> None:
    product, key = account.name("late"), {"idempotency_key": account.name("key")}
    params = {"product": product, "currency": "usd", "unit_amount": 1000, "recurring": {"interval": "month"}}
    with refused() as first:
        account.v1.prices.create(params, key)
    account.product(id=product)
    with refused() as again:
        account.v1.prices.create(params, key)
    assert (first[0].http_status, str(first[0].user_message)) == (again[0].http_status, str(again[0].user_message))


def test_s25_a_replay_says_so(account: Account) -> None:
    key = {"idempotency_key": account.name("key")}
    first = account.v1.coupons.create({"percent_off": 10, "duration": "forever"}, key)
    account.noted(lambda: account.v1.coupons.delete(first.id))
    again = account.v1.coupons.create({"percent_off": 10, "duration": "forever"}, key)
    assert again.id == first.id
    assert (first.last_response.headers.get("idempotent-replayed"), again.last_response.headers["idempotent-replayed"]) == (
        None, "true",
    )  # fmt: skip


def test_s26_an_unknown_id_is_resource_missing(account: Account) -> None:
    for ask in (
        lambda: account.v1.prices.retrieve("price_x"),
        lambda: account.v1.coupons.retrieve("x"),
        lambda: account.v1.subscription_schedules.retrieve("sub_sched_x"),
        lambda: account.v1.events.list({"ending_before": "evt_x"}),
    ):
        with refused() as error:
            ask()
        assert error[0].code == "resource_missing"
        assert error[0].http_status in (400, 404)


def test_s33_a_key_says_whether_it_is_live(account: Account) -> None:
    assert account.v1.products.retrieve(account.product()).livemode is account.is_live_key


def test_s46_a_second_active_meter_of_an_event_is_refused(account: Account) -> None:
    event = account.name("event")
    account.meter(event)
    with refused() as error:
        account.meter(event)
    assert isinstance(error[0], stripe.InvalidRequestError)
    assert error[0].param == "event_name"
    assert "already" in str(error[0])


def test_s47_the_list_of_coupons_is_complete(account: Account) -> None:
    coupon = account.coupon(percent_off=10)
    assert coupon in {one.id for one in account.v1.coupons.list({"limit": 100}).auto_paging_iter()}
