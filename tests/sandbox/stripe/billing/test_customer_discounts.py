"""Discounts of a customer as a whole, and promotion codes: what they come off, what keeps them away, how they end."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.stripe.billing.story import Story, stamp


def give(story: Story, customer: str, **what: str) -> requests.Response:
    """A person gives the customer a discount."""
    body = {"customer": customer, **what}
    return requests.post(f"{story.served.control}/customer_discounts", json=body, timeout=10)


def discounted(story: Story, percent: str = "25", duration: str = "forever", **values: Any) -> str:
    """A customer with a card and this much off everything."""
    customer = story.customer("pm_card_visa", **values)
    give(story, customer, coupon=story.coupon(percent, duration)).raise_for_status()
    return customer


def off_amount(story: Story, **values: Any) -> str:
    params = {"amount_off": 1000, "currency": "usd", "duration": "forever", **values}
    return story.v1.coupons.create(params).id  # type: ignore[arg-type]


def code_of(story: Story, coupon: str, **values: Any) -> Any:
    params = {"promotion": {"type": "coupon", "coupon": coupon}, **values}
    return story.v1.promotion_codes.create(params)  # type: ignore[arg-type]


# ------------------------------------------------------------------ of the customer as a whole


def test_it_comes_off_every_invoice_of_a_subscription_without_one_of_its_own(story: Story) -> None:
    customer = discounted(story)
    made = story.subscribe(customer, [{"price": story.price("10000")}])
    assert made.discounts == []
    story.at("2026-02-01")
    assert story.billed(customer) == [("2026-01-01", 7500), ("2026-02-01", 7500)]
    invoice = story.invoices(customer)[-1]
    standing = story.v1.customers.retrieve(customer).discount
    assert standing is not None
    assert [(x.discount, x.amount) for x in invoice.total_discount_amounts] == [(standing.id, 2500)]


def test_a_discount_of_the_subscription_takes_its_place(story: Story) -> None:
    customer = discounted(story)
    story.subscribe(customer, [{"price": story.price("10000")}], discounts=[{"coupon": story.coupon("10")}])
    assert story.billed(customer) == [("2026-01-01", 9000)]


def test_a_discount_of_an_item_does_not(story: Story) -> None:
    customer = discounted(story)
    story.subscribe(customer, [{"price": story.price("10000"), "discounts": [{"coupon": story.coupon("10")}]}])
    assert story.billed(customer) == [("2026-01-01", 6750)]


@pytest.mark.parametrize("said", [{}, {"discounts": ""}], ids=["nothing said", "an empty string"])
def test_a_subscription_cannot_say_that_it_has_none(story: Story, said: dict[str, str]) -> None:
    customer = discounted(story)
    story.subscribe(customer, [{"price": story.price("10000")}], **said)
    assert story.billed(customer) == [("2026-01-01", 7500)]


@pytest.mark.parametrize(("said", "total"), [({}, 7500), ({"discounts": ""}, 10_000)])
def test_a_phase_and_its_extras_can_say_so(story: Story, said: dict[str, str], total: int) -> None:
    customer = discounted(story)
    phase = {"items": [{"price": story.price("6000")}], "add_invoice_items": [{"price": story.one_time(4000)}], **said}
    story.schedule(customer, [{**phase, "end_date": stamp("2026-02-01")}], "now")
    assert story.billed(customer) == [("2026-01-01", total)]


def test_a_phase_begun_says_so_for_the_cycles_that_renew_until_it_is_let_go_of(story: Story) -> None:
    customer = discounted(story)
    phase = {"items": [{"price": story.price("10000")}], "end_date": stamp("2027-01-01"), "discounts": ""}
    schedule = story.schedule(customer, [phase], "now")
    story.at("2026-02-01")
    story.v1.subscription_schedules.release(schedule.id)
    story.at("2026-03-01")
    assert [total for _, total in story.billed(customer)] == [10_000, 10_000, 7500]


@pytest.mark.parametrize(("said", "total"), [({}, 750), ({"discounts": ""}, 1000)])
def test_an_invoice_made_by_hand_inherits_it_unless_it_says_otherwise(
    story: Story, said: dict[str, str], total: int
) -> None:
    customer = discounted(story)
    params: Any = {"customer": customer, **said}
    invoice = story.v1.invoices.create(params)
    item: Any = {"customer": customer, "invoice": invoice.id, "amount": 1000, "currency": "usd"}
    story.v1.invoice_items.create(item)
    assert story.v1.invoices.retrieve(invoice.id).total == total


@pytest.mark.parametrize(("said", "total"), [({}, 7500), ({"discounts": ""}, 10_000)])
def test_a_preview_of_what_is_new_and_of_what_runs_has_it_likewise(
    story: Story, said: dict[str, str], total: int
) -> None:
    customer, price = discounted(story), story.price("10000")
    new: Any = {"customer": customer, "subscription_details": {"items": [{"price": price}]}, **said}
    assert story.v1.invoices.create_preview(new).total == total
    running: Any = {"subscription": story.subscribe(customer, [{"price": price}]).id, **said}
    assert story.v1.invoices.create_preview(running).total == total


def test_a_proration_counts_it(story: Story) -> None:
    customer = discounted(story)
    made = story.subscribe(customer, [{"price": story.price("3100"), "quantity": 1}])
    story.at("2026-01-17")
    change: Any = {"items": [{"id": made["items"].data[0].id, "quantity": 2}], "proration_behavior": "always_invoice"}
    story.v1.subscriptions.update(made.id, change)
    assert story.invoices(customer)[-1].total == 1125  # 15 of 31 days of 31.00, a quarter off


def test_once_is_for_one_invoice_and_some_months_end_by_the_clock(story: Story) -> None:
    first = discounted(story, "50", "once")
    story.subscribe(first, [{"price": story.price("1000")}])
    assert story.v1.customers.retrieve(first).discount is None
    second = story.customer("pm_card_visa")
    months: Any = {"percent_off": 50.0, "duration": "repeating", "duration_in_months": 2}
    give(story, second, coupon=story.v1.coupons.create(months).id).raise_for_status()
    story.subscribe(second, [{"price": story.price("1000")}])
    story.at("2026-04-01")
    assert [total for _, total in story.billed(first)] == [500, 1000, 1000, 1000]
    assert [total for _, total in story.billed(second)] == [500, 500, 1000, 1000]
    assert story.v1.customers.retrieve(second).discount is None
    assert story.event_types().count("customer.discount.deleted") == 2


def test_it_goes_on_when_its_coupon_is_deleted_and_is_shown_whole(story: Story) -> None:
    customer = discounted(story)
    standing = story.v1.customers.retrieve(customer, {"expand": ["discount.source.coupon"]}).discount
    assert standing is not None
    story.v1.coupons.delete(standing.source.coupon.id)  # type: ignore[union-attr]
    story.subscribe(customer, [{"price": story.price("1000")}])
    assert story.billed(customer) == [("2026-01-01", 750)]
    shown = story.v1.customers.retrieve(customer, {"expand": ["discount.source.coupon"]}).discount
    assert shown is not None
    assert shown.source.coupon.percent_off == 25.0  # type: ignore[union-attr]


def test_it_is_taken_away_and_what_is_not_there_is_not(story: Story) -> None:
    customer = discounted(story)
    assert story.v1.customers.delete_discount(customer).deleted is True
    story.subscribe(customer, [{"price": story.price("1000")}])
    assert story.billed(customer) == [("2026-01-01", 1000)]
    with pytest.raises(stripe.InvalidRequestError, match="No active discount for customer"):
        story.v1.customers.delete_discount(customer)


def test_those_of_a_subscription_are_taken_away(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    off = [{"coupon": story.coupon("10")}]
    made = story.subscribe(customer, [{"price": story.price("1000")}], discounts=off)
    assert story.v1.subscriptions.delete_discount(made.id).subscription == made.id
    with pytest.raises(stripe.InvalidRequestError, match="No active discount for subscription"):
        story.v1.subscriptions.delete_discount(made.id)
    story.at("2026-02-01")
    assert [total for _, total in story.billed(customer)] == [900, 1000]


def test_no_parameter_of_this_version_puts_one_on_a_customer(story: Story) -> None:
    params: Any = {"coupon": story.coupon("10")}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        story.v1.customers.update(story.customer(), params)


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"customer": "cus_x"}, {"customer": "cus_x", "coupon": 1}, {"customer": "cus_x", "coupon": "y"}],
)
def test_the_door_says_what_it_takes(story: Story, body: Any) -> None:
    answer = requests.post(f"{story.served.control}/customer_discounts", json=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_an_amount_in_another_currency_keeps_the_customer_from_it(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    give(story, customer, coupon=off_amount(story)).raise_for_status()
    with pytest.raises(stripe.InvalidRequestError, match="discount, quote"):
        story.subscribe(customer, [{"price": story.price("1000", currency="eur")}])


# ------------------------------------------------------------------ amounts in several currencies


def test_a_coupon_takes_the_amount_of_the_currency_that_is_billed(story: Story) -> None:
    coupon = off_amount(story, currency_options={"eur": {"amount_off": 300}})
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price("5000", currency="eur")}], discounts=[{"coupon": coupon}])
    assert story.billed(customer) == [("2026-01-01", 4700)]
    assert not hasattr(story.v1.coupons.retrieve(coupon), "currency_options")
    shown = story.v1.coupons.retrieve(coupon, {"expand": ["currency_options"]})
    assert shown.currency_options is not None
    assert shown.currency_options["eur"].amount_off == 300


# ------------------------------------------------------------------ promotion codes


def test_a_code_is_redeemed_by_its_id_and_counted(story: Story) -> None:
    code = code_of(story, story.coupon("20"), code="Hello-20")
    customer = story.customer("pm_card_visa")
    made = story.subscribe(customer, [{"price": story.price("1000")}], discounts=[{"promotion_code": code.id}])
    assert story.billed(customer) == [("2026-01-01", 800)]
    standing = story.v1.subscriptions.retrieve(made.id, {"expand": ["discounts"]}).discounts[0]
    assert standing.promotion_code == code.id  # type: ignore[union-attr]
    found = story.v1.promotion_codes.list({"code": "HELLO-20", "active": True}).data
    assert [(one.id, one.times_redeemed) for one in found] == [(code.id, 1)]


def test_an_active_code_is_there_once_whatever_its_case(story: Story) -> None:
    coupon = story.coupon("20")
    first = code_of(story, coupon, code="HELLO")
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        code_of(story, coupon, code="hello")
    story.v1.promotion_codes.update(first.id, {"active": False})
    code_of(story, coupon, code="hello")
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        story.v1.promotion_codes.update(first.id, {"active": True})


def redeem(story: Story, code: Any, customer: str | None = None, minor: str = "1000") -> Any:
    who = customer or story.customer("pm_card_visa")
    return story.subscribe(who, [{"price": story.price(minor)}], discounts=[{"promotion_code": code.id}])


def test_what_restricts_a_code_refuses_in_stripes_words(story: Story) -> None:
    coupon, known = story.coupon("20"), story.customer("pm_card_visa")
    running = story.subscribe(known, [{"price": story.price("1000")}])
    first_time = code_of(story, coupon, code="FIRST", restrictions={"first_time_transaction": True})
    with pytest.raises(stripe.InvalidRequestError, match="associated customer has prior transactions"):
        redeem(story, first_time, known)
    redeem(story, first_time)
    theirs = code_of(story, coupon, code="THEIRS", customer=known)
    with pytest.raises(stripe.InvalidRequestError, match="another customer"):
        redeem(story, theirs)
    redeem(story, theirs, known)
    least = {"minimum_amount": 2000, "minimum_amount_currency": "usd"}
    large = code_of(story, coupon, code="LARGE", restrictions=least)
    with pytest.raises(stripe.InvalidRequestError, match="minimum amount"):
        redeem(story, large)
    with pytest.raises(stripe.InvalidRequestError, match="on a subscription update because it uses"):
        story.v1.subscriptions.update(running.id, {"discounts": [{"promotion_code": large.id}]})
    redeem(story, large, minor="2000")


def test_a_code_ends_by_its_number_its_day_and_its_coupon(story: Story) -> None:
    coupon = story.coupon("20")
    single = code_of(story, coupon, code="ONE", max_redemptions=1)
    redeem(story, single)
    with pytest.raises(stripe.InvalidRequestError, match="maximum number of times"):
        redeem(story, single)
    short = code_of(story, coupon, code="SHORT", expires_at=stamp("2026-01-02"))
    long = code_of(story, coupon, code="LONG")
    story.at("2026-01-02")
    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        redeem(story, short)
    story.v1.coupons.delete(coupon)
    assert story.v1.promotion_codes.retrieve(long.id).active is False
    with pytest.raises(stripe.InvalidRequestError, match="can't be redeemed"):
        story.v1.promotion_codes.update(long.id, {"active": True})
    with pytest.raises(stripe.InvalidRequestError, match="No such promotion code"):
        story.v1.promotion_codes.retrieve("promo_none")


def test_a_phase_redeems_a_code_when_it_begins(story: Story) -> None:
    customer, code = story.customer(), code_of(story, story.coupon("20"))
    phase = {"items": [{"price": story.price("1000")}], "end_date": stamp("2026-02-01")}
    story.schedule(customer, [{**phase, "discounts": [{"promotion_code": code.id}]}], "now")
    assert story.billed(customer) == [("2026-01-01", 800)]
