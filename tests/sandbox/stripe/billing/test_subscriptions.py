"""Subscriptions made directly: start, trial, change, proration, end."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, day, stamp


def items_of(subscription: Any) -> list[Any]:
    return list(subscription["items"].data)


def test_no_field_of_old_versions_is_on_a_subscription_or_invoice(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}])
    assert not {"current_period_end", "discount", "plan", "quantity"} & set(subscription.to_dict())
    invoice = story.invoices(customer)[0].to_dict()
    assert not {"subscription", "paid", "charge", "payment_intent", "tax", "discount", "payments"} & set(invoice)
    assert not {"price", "plan", "proration", "type"} & set(invoice["lines"]["data"][0])


def test_a_trial_starts_with_a_free_invoice_and_bills_at_its_end(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}], trial_period_days=14)
    assert (subscription.status, day(subscription.billing_cycle_anchor)) == ("trialing", "2026-01-15")
    assert [(invoice.total, invoice.status) for invoice in story.invoices(customer)] == [(0, "paid")]
    story.at("2026-01-15T02:00:00")
    assert "customer.subscription.trial_will_end" in story.event_types()
    subscription = story.v1.subscriptions.retrieve(subscription.id)
    assert (subscription.status, story.billed(customer)[-1]) == ("active", ("2026-01-15", 3900))
    assert day(items_of(subscription)[0].current_period_end) == "2026-02-15"


@pytest.mark.parametrize(
    ("missing", "status", "event"),
    [
        ("cancel", "canceled", "customer.subscription.deleted"),
        ("pause", "paused", "customer.subscription.paused"),
        ("create_invoice", "past_due", "invoice.payment_failed"),
    ],
)
def test_a_trial_that_ends_without_a_card_does_what_it_was_asked_for(
    story: Story, missing: str, status: str, event: str
) -> None:
    settings: Any = {"end_behavior": {"missing_payment_method": missing}}
    customers = [story.customer(), story.customer("pm_card_visa")]
    without, paid = (
        story.subscribe(c, [{"price": story.price("3900")}], trial_period_days=14, trial_settings=settings)
        for c in customers
    )
    story.at("2026-03-20T02:00:00")
    assert (story.v1.subscriptions.retrieve(without.id).status, event in story.event_types()) == (status, True)
    assert story.v1.subscriptions.retrieve(paid.id).status == "active"
    # The free invoice, and where it went on one for each cycle.
    assert len(story.invoices(customers[0])) == (4 if missing == "create_invoice" else 1)
    assert [i.total for i in story.invoices(customers[1])] == [0, 3900, 3900, 3900]


def test_more_seats_during_a_trial_cost_nothing_until_its_end(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}], trial_period_days=14)
    story.at("2026-01-05")
    change: Any = {
        "items": [{"id": items_of(subscription)[0].id, "quantity": 4}],
        "proration_behavior": "always_invoice",
    }
    story.v1.subscriptions.update(subscription.id, change)
    story.at("2026-01-16")
    assert [total for _, total in story.billed(customer)] == [0, 15_600]


def test_a_coupon_that_is_used_up_is_refused(story: Story) -> None:
    coupon = story.v1.coupons.create({"percent_off": 10, "duration": "forever", "max_redemptions": 1}).id
    price = story.price("3900")
    story.subscribe(story.customer("pm_card_visa"), [{"price": price}], discounts=[{"coupon": coupon}])
    with pytest.raises(stripe.InvalidRequestError, match="used up or expired"):
        story.subscribe(story.customer("pm_card_visa"), [{"price": price}], discounts=[{"coupon": coupon}])


def test_a_trial_can_end_now(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}], trial_period_days=14)
    story.at("2026-01-05")
    subscription = story.v1.subscriptions.update(subscription.id, {"trial_end": "now"})
    assert (subscription.status, day(subscription.billing_cycle_anchor)) == ("active", "2026-01-05")
    assert story.billed(customer)[-1] == ("2026-01-05", 3900)


def test_a_future_anchor_without_prorations_is_free_until_then(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    price = story.price("3100")
    subscription = story.subscribe(
        customer, [{"price": price}], billing_cycle_anchor=stamp("2026-01-11"), proration_behavior="none"
    )
    assert (subscription.status, subscription.latest_invoice) == ("active", None)
    story.at("2026-02-15")
    assert story.billed(customer) == [("2026-01-11", 3100), ("2026-02-11", 3100)]


def test_a_whole_cycle_up_to_the_anchor_is_free_too(story: Story) -> None:
    customer, price = story.customer("pm_card_visa"), story.price("3100")
    story.subscribe(
        customer, [{"price": price}],
        backdate_start_date=stamp("2026-01-01"), billing_cycle_anchor=stamp("2026-02-01"), proration_behavior="none",
    )  # fmt: skip

    assert story.invoices(customer) == []


def test_a_future_anchor_with_prorations_bills_the_stub_at_once(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price("3100")}], billing_cycle_anchor=stamp("2026-01-11"))
    assert story.billed(customer) == [("2026-01-01", 1000)]
    (line,) = story.invoices(customer)[0].lines.data
    assert (day(line.period.start), day(line.period.end)) == ("2026-01-01", "2026-01-11")


def test_a_backdated_start_bills_one_line_for_each_natural_period(story: Story) -> None:
    story.at("2026-04-10")
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(
        customer,
        [{"price": story.price("10000"), "quantity": 10}],
        backdate_start_date=stamp("2026-02-01"),
        billing_cycle_anchor=stamp("2026-05-01"),
    )
    assert day(subscription.start_date) == "2026-02-01"
    first = story.invoices(customer)[0]
    assert (first.total, [line.amount for line in first.lines.data]) == (300_000, [100_000] * 3)
    story.at("2026-05-02")
    assert story.billed(customer)[-1] == ("2026-05-01", 100_000)


def test_a_backdated_start_without_prorations_bills_nothing_of_the_past(story: Story) -> None:
    story.at("2026-04-10")
    customer = story.customer("pm_card_visa")
    story.subscribe(
        customer,
        [{"price": story.price("10000")}],
        backdate_start_date=stamp("2026-02-01"),
        billing_cycle_anchor=stamp("2026-05-01"),
        proration_behavior="none",
    )
    assert story.invoices(customer) == []
    story.at("2026-06-15")
    assert story.billed(customer) == [("2026-05-01", 10_000), ("2026-06-01", 10_000)]


@pytest.mark.parametrize(
    ("now", "config", "interval", "days"),
    [
        ("2026-02-10", {"day_of_month": 31}, ("month", 1), ["02-28", "03-31", "04-30", "05-31"]),
        ("2026-02-28", {"day_of_month": 31}, ("month", 1), ["03-31", "04-30", "05-31"]),
        ("2026-01-02", {"day_of_month": 30, "month": 5}, ("month", 3), ["02-28", "05-30"]),
        ("2026-01-02", {"day_of_month": 29, "month": 2}, ("year", 1), ["02-28"]),
    ],
)
def test_an_anchor_by_its_day_of_the_month_bills_on_the_last_day_of_shorter_months(
    story: Story, now: str, config: dict[str, int], interval: tuple[str, int], days: list[str]
) -> None:
    story.at(now)
    customer = story.customer("pm_card_visa")
    story.subscribe(
        customer, [{"price": story.price("3100", *interval)}],
        billing_cycle_anchor_config={**config, "hour": 0, "minute": 0, "second": 0}, proration_behavior="none",
    )  # fmt: skip
    story.at("2026-06-15")
    assert story.billed(customer) == [(f"2026-{day}", 3100) for day in days]


def test_an_anchor_later_than_the_next_natural_date_is_refused(story: Story) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="later than next natural billing date"):
        story.subscribe(
            story.customer("pm_card_visa"), [{"price": story.price("100")}], billing_cycle_anchor=stamp("2026-02-02")
        )


def test_a_changed_price_resets_the_quantity_unless_it_is_sent(story: Story) -> None:
    subscription = story.subscribe(story.customer("pm_card_visa"), [{"price": story.price("3900"), "quantity": 5}])
    item = items_of(subscription)[0].id
    changed = story.v1.subscriptions.update(
        subscription.id, {"items": [{"id": item, "price": story.price("4900")}], "proration_behavior": "none"}
    )
    assert [(item.id, item.quantity) for item in items_of(changed)] == [(item, 1)]


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"trial_end": stamp("2026-09-01")}, "running trials only"),
    ({"items": [{"id": "si_none", "quantity": 2}]}, "No such subscription_item"),
    ({"items": [{"id": "ITEM", "deleted": True}]}, "at least one active plan"),
    ({"items": [{"price": "PRICE"}]}, "same plan"),
    (
        {"proration_date": stamp("2027-09-01"), "items": [{"id": "ITEM", "quantity": 2}]},
        "within the current billing period",
    ),
    ({"billing_cycle_anchor": "now"}, "Invalid object"),
    ({"days_until_due": 10}, "send_invoice"),
    ({"cancel_at": stamp("2026-06-01"), "cancel_at_period_end": True}, "both"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_refused_change_changes_nothing(story: Story, change: dict[str, Any], words: str) -> None:
    price = story.price("3900")
    subscription = story.subscribe(story.customer("pm_card_visa"), [{"price": price, "quantity": 5}])
    before = story.v1.subscriptions.retrieve(subscription.id).to_dict()
    named = {"ITEM": items_of(subscription)[0].id, "PRICE": price}
    if "items" in change:
        items = [{key: named.get(value, value) for key, value in item.items()} for item in change["items"]]
        change = {**change, "items": items}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.v1.subscriptions.update(subscription.id, {**change, "metadata": {"touched": "yes"}})  # type: ignore[arg-type]
    assert story.v1.subscriptions.retrieve(subscription.id).to_dict() == before


def test_an_item_without_an_id_is_added_and_a_deleted_one_goes(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}])
    old = items_of(subscription)[0].id
    params: Any = {"items": [{"price": story.price("100"), "quantity": 7}], "proration_behavior": "none"}
    assert len(items_of(story.v1.subscriptions.update(subscription.id, params))) == 2
    params = {"items": [{"id": old, "deleted": True}], "proration_behavior": "none"}
    assert [item.quantity for item in items_of(story.v1.subscriptions.update(subscription.id, params))] == [7]
    assert [item.quantity for item in story.v1.subscription_items.list({"subscription": subscription.id}).data] == [7]
    story.at("2026-02-02")
    assert story.billed(customer)[-1] == ("2026-02-01", 700)


def test_the_worked_seat_proration_to_the_cent(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("1999"), "quantity": 10}])
    story.at("2026-01-20T08:00:00")
    item = items_of(subscription)[0].id
    story.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "quantity": 25}]})
    pending = story.v1.invoice_items.list({"customer": customer, "pending": True}).data
    assert sorted(entry.amount for entry in pending) == [-7523, 18808]
    assert all(entry.proration and not entry.discountable for entry in pending)
    story.at("2026-02-01T02:00:00")
    assert story.invoices(customer)[-1].total == 11_285 + 25 * 1999


def test_credits_come_from_what_was_debited_net_of_its_discount(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    entry = {"price": story.price("31000"), "discounts": [{"coupon": story.coupon("10")}]}
    subscription = story.subscribe(customer, [entry])
    story.at("2026-01-11")
    other = {"id": items_of(subscription)[0].id, "price": story.price("62000"), "quantity": 1, "discounts": ""}
    story.v1.subscriptions.update(subscription.id, {"items": [other], "proration_behavior": "always_invoice"})  # type: ignore[list-item]
    credit, debit = story.invoices(customer)[-1].lines.data
    assert (credit.amount, [taken.amount for taken in credit.discount_amounts]) == (-21_000, [-2_100])
    assert (debit.amount, story.invoices(customer)[-1].total) == (42_000, 42_000 - 18_900)


def test_another_interval_bills_the_new_cycle_at_once_in_classic_mode(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3100")}], billing_mode={"type": "classic"})
    story.at("2026-01-11")
    change: Any = {"items": [{"id": items_of(subscription)[0].id, "price": story.price("120000", "year")}]}
    changed = story.v1.subscriptions.update(subscription.id, change)
    assert day(changed.billing_cycle_anchor) == "2026-01-11"
    assert story.invoices(customer)[-1].total == 120_000 - 2_100
    story.at("2026-12-31")
    assert len(story.invoices(customer)) == 2


def test_another_interval_leaves_the_anchor_alone_in_flexible_mode(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3100")}])
    story.at("2026-01-11")
    change: Any = {
        "items": [{"id": items_of(subscription)[0].id, "price": story.price("36500", "year")}],
        "proration_behavior": "always_invoice",
    }
    changed = story.v1.subscriptions.update(subscription.id, change)
    assert day(changed.billing_cycle_anchor) == "2026-01-01"
    assert day(items_of(changed)[0].current_period_end) == "2027-01-01"
    assert story.invoices(customer)[-1].total == 35_500 - 2_100
    anchored = story.v1.subscriptions.update(subscription.id, {"billing_cycle_anchor": {"type": "now"}})
    assert day(anchored.billing_cycle_anchor) == "2026-01-11"


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        (("month", 1), ("year", 1), True),
        (("month", 2), ("month", 6), True),
        (("week", 2), ("day", 28), True),
        (("day", 1), ("month", 3), True),
        (("month", 2), ("month", 3), False),
        (("week", 1), ("month", 1), False),
        (("day", 2), ("week", 1), False),
        (("month", 1), ("day", 45), False),
        (("month", 5), ("year", 1), False),
    ],
)
def test_intervals_on_one_subscription_are_multiples_of_the_shortest(
    story: Story, one: tuple[str, int], other: tuple[str, int], fits: bool
) -> None:
    customer = story.customer("pm_card_visa")
    items = [{"price": story.price("1000", *one)}, {"price": story.price("1000", *other)}]
    if fits:
        assert len(items_of(story.subscribe(customer, items))) == 2
        return
    phase = {"items": items, "duration": {"interval": "year"}}
    subscription = story.subscribe(customer, items[:1])
    for ask in (
        lambda: story.subscribe(customer, items),
        lambda: story.schedule(customer, [phase], "now"),
        lambda: story.v1.subscriptions.update(subscription.id, {"items": items[1:]}),  # type: ignore[typeddict-item]
    ):
        with pytest.raises(stripe.InvalidRequestError, match="multiple of the shortest"):
            ask()


def test_cancelling_now_moves_no_money_unless_asked(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3100")}])
    story.at("2026-01-11")
    canceled = story.v1.subscriptions.cancel(subscription.id, {"invoice_now": False, "prorate": False})
    assert (canceled.status, day(canceled.ended_at)) == ("canceled", "2026-01-11")  # type: ignore[arg-type]
    story.at("2026-06-01")
    assert len(story.invoices(customer)) == 1
    assert story.v1.subscriptions.list({"customer": customer}).data == []
    assert len(story.v1.subscriptions.list({"customer": customer, "status": "all"}).data) == 1
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        story.v1.subscriptions.cancel(subscription.id)


def test_cancelling_with_credit_gives_it_to_the_balance(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3100")}])
    story.at("2026-01-11")
    story.v1.subscriptions.cancel(subscription.id, {"invoice_now": True, "prorate": True})
    assert story.v1.customers.retrieve(customer).balance == -2100


def test_cancelling_at_the_period_end_can_be_taken_back(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3100")}])
    planned = story.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (day(planned.cancel_at), planned.cancel_at_period_end) == ("2026-02-01", True)  # type: ignore[arg-type]
    back = story.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (back.cancel_at, back.canceled_at) == (None, None)
    story.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    story.at("2026-03-01")
    assert story.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert len(story.invoices(customer)) == 1


def test_what_is_pending_for_a_subscription_is_collected_at_its_planned_end(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3000"), "quantity": 1}])
    story.at("2026-01-16T12:00")  # half of January
    item = {"id": subscription["items"].data[0].id, "quantity": 3}
    change = {"items": [item], "proration_behavior": "create_prorations", "cancel_at_period_end": True}
    story.v1.subscriptions.update(subscription.id, change)
    story.at("2026-02-03")
    assert story.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert [(i.total, i.status) for i in story.invoices(customer)] == [(3000, "paid"), (3000, "paid")]


def test_a_cancelled_subscription_stops_collecting_its_open_invoice(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3100")}])
    method = story.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer})
    story.v1.subscriptions.update(subscription.id, {"default_payment_method": method.id})
    story.at("2026-02-02")
    story.v1.subscriptions.cancel(subscription.id)
    story.at("2026-06-01")
    last = story.invoices(customer)[-1]
    assert (last.status, last.attempt_count, last.auto_advance, last.next_payment_attempt) == ("open", 1, False, None)


def test_a_discount_of_once_is_on_the_first_invoice_only(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    coupon = story.coupon("50", "once")
    story.subscribe(customer, [{"price": story.price("3000")}], discounts=[{"coupon": coupon}])
    story.at("2026-02-02")
    assert [total for _, total in story.billed(customer)] == [1500, 3000]


def test_item_discounts_come_before_those_of_the_subscription(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    entry = {"price": story.price("10000"), "discounts": [{"coupon": story.coupon("20")}]}
    story.subscribe(customer, [entry], discounts=[{"coupon": story.coupon("10")}])
    (invoice,) = story.invoices(customer)
    assert (invoice.subtotal, invoice.total) == (8000, 7200)


def test_the_coupon_of_a_discount_is_read_by_expanding_its_source(story: Story) -> None:
    coupon = story.coupon("20")
    entry = {"price": story.price("10000"), "discounts": [{"coupon": coupon}]}
    subscription = story.subscribe(story.customer("pm_card_visa"), [entry])
    path = "items.data.discounts.source.coupon"
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        story.v1.subscriptions.retrieve(subscription.id, {"expand": [path]})
    (shown,) = story.v1.subscription_items.list(
        {"subscription": subscription.id, "expand": ["data.discounts.source.coupon"]}
    ).data
    assert shown.discounts[0].source.coupon.percent_off == 20.0  # type: ignore[union-attr]
    assert isinstance(items_of(subscription)[0].discounts[0], str)


def test_twenty_items_are_taken_and_ten_of_them_shown(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price(str(100 + n))} for n in range(20)])
    assert (len(items_of(subscription)), subscription["items"].has_more) == (10, True)
    assert len(story.v1.subscription_items.list({"subscription": subscription.id, "limit": 100}).data) == 20
    invoice = story.invoices(customer)[0]
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    lines = story.v1.invoices.line_items.list(invoice.id, {"limit": 100}).data
    assert sum(line.amount for line in lines) == invoice.total
    rest = story.v1.invoices.line_items.list(invoice.id, {"starting_after": invoice.lines.data[-1].id}).data
    assert [line.id for line in invoice.lines.data] + [line.id for line in rest] == [line.id for line in lines]
    with pytest.raises(stripe.InvalidRequestError, match="exceeded maximum 20"):
        story.subscribe(customer, [{"price": "price_x"}] * 21)


def test_a_customer_is_billed_in_one_currency_at_a_time(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price("3000")}])
    with pytest.raises(stripe.InvalidRequestError, match="cannot combine currencies"):
        story.subscribe(customer, [{"price": story.price("3000", currency="eur")}])


@pytest.mark.parametrize(
    ("currency", "minor", "quantity", "total"),
    [("jpy", "980", 3, 2940), ("kwd", "12340", 2, 24680), ("usd", "8333.333333333333", 7, 58333)],
)
def test_amounts_in_other_currencies_and_fractions(
    story: Story, currency: str, minor: str, quantity: int, total: int
) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price(minor, currency=currency), "quantity": quantity}])
    (invoice,) = story.invoices(customer)
    assert (invoice.total, invoice.currency, invoice.amount_paid) == (total, currency, total)


def test_lists_filter_by_status_price_and_period(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    price = story.price("3000")
    subscription = story.subscribe(customer, [{"price": price}])
    story.subscribe(customer, [{"price": story.price("100", "year")}])
    end = stamp("2026-02-01")
    for wanted in ({"price": price}, {"current_period_end": {"lte": end}}, {"current_period_end": end}):
        assert [found.id for found in story.v1.subscriptions.list(wanted).data] == [subscription.id]  # type: ignore[arg-type]
    assert story.v1.subscriptions.list({"status": "past_due"}).data == []


def test_deleting_the_customer_ends_everything(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3000")}])
    draft = story.v1.invoices.create({"customer": customer, "auto_advance": True})
    story.v1.customers.delete(customer)
    assert story.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    story.at("2026-06-01")
    assert "customer.subscription.deleted" in story.event_types()
    assert story.v1.invoices.retrieve(draft.id).status == "draft"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"days_until_due": 30}, "only be set if `collection_method` is `send_invoice`"),
    ({"collection_method": "send_invoice"}, "days_until_due"),
    ({"trial_end": stamp("2025-06-01")}, "in the future"),
    ({"cancel_at": stamp("2025-06-01")}, "in the future"),
    ({"backdate_start_date": stamp("2026-06-01")}, "in the past"),
    ({"billing_cycle_anchor": stamp("2025-06-01")}, "cannot be in the past"),
    ({"default_payment_method": "pm_none"}, "No such payment_method|No such payment method"),
    ({"automatic_tax": {"enabled": True}}, "automatic tax"),
    ({"discounts": [{"promotion_code": "SUMMER"}]}, "No such promotion code"),
    ({"coupon": "x"}, "unknown parameter"),
    ({"payment_behavior": "whenever"}, "must be one of"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_stripe_refuses_is_refused_and_leaves_nothing(story: Story, change: dict[str, Any], words: str) -> None:
    customer = story.customer("pm_card_visa")
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.subscribe(customer, [{"price": story.price("3000")}], **change)
    assert story.v1.subscriptions.list({"status": "all"}).data == []
    assert story.invoices(customer) == []
