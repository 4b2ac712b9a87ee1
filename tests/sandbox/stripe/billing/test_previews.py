"""A preview is the invoice that then comes, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, day, stamp


def told(invoice: Any) -> tuple[int, list[tuple[int, int, int]]]:
    lines = [(line.amount, line.period.start, line.period.end) for line in invoice.lines.data]
    return invoice.total, lines


def test_a_schedule_that_does_not_exist_yet(story: Story) -> None:
    customer = story.customer()
    fee = story.one_time(250_000)
    phase: dict[str, Any] = {
        "items": [{"price": story.price("8000"), "quantity": 15, "discounts": [{"coupon": story.coupon("10")}]}],
        "add_invoice_items": [{"price": fee, "quantity": 1}],
        "end_date": stamp("2027-06-01"),
        "proration_behavior": "none",
    }
    before = story.event_types()
    details: Any = {"phases": [{**phase, "start_date": stamp("2026-06-01")}], "billing_mode": {"type": "flexible"}}
    preview = story.v1.invoices.create_preview({"customer": customer, "schedule_details": details})
    assert preview.total == 250_000 + 108_000
    assert (preview.status, preview.billing_reason, preview.number) == ("draft", "upcoming", None)
    assert story.event_types() == before
    assert [line["effect"] for line in story.served.log() if line["path"].endswith("create_preview")] == [False]
    assert story.invoices(customer) == []
    assert story.v1.subscription_schedules.list({"customer": customer}).data == []
    story.schedule(customer, [phase], stamp("2026-06-01"))
    story.at("2026-06-01")
    assert told(story.invoices(customer)[0]) == told(preview)


def test_prices_that_do_not_exist_yet(story: Story) -> None:
    customer = story.customer()
    data = {"currency": "usd", "product": story.product(), "unit_amount_decimal": "8333.333333333333"}
    item = {"price_data": {**data, "recurring": {"interval": "month"}}, "quantity": 7}
    details: Any = {"phases": [{"items": [item], "start_date": "now", "duration": {"interval": "year"}}]}
    preview = story.v1.invoices.create_preview({"customer": customer, "schedule_details": details})
    assert preview.total == 58_333
    assert len(story.v1.prices.list({"limit": 100}).data) == 0


def test_the_next_invoice_of_a_running_schedule_knows_its_next_phase(story: Story) -> None:
    customer = story.customer()
    price = story.price("5000")
    phases = [
        {"items": [{"price": price, "quantity": 10}], "end_date": stamp("2026-02-01")},
        {"items": [{"price": price, "quantity": 15}], "end_date": stamp("2026-05-01")},
    ]
    schedule = story.schedule(customer, phases, "now")
    preview = story.v1.invoices.create_preview({"schedule": schedule.id})
    assert (preview.total, day(preview.created)) == (75_000, "2026-02-01")
    story.at("2026-02-01")
    assert told(story.invoices(customer)[-1]) == told(preview)


def test_a_new_subscription_and_its_trial(story: Story) -> None:
    customer = story.customer()
    items = [{"price": story.price("3900"), "quantity": 2}]
    plain = story.v1.invoices.create_preview({"customer": customer, "subscription_details": {"items": items}})  # type: ignore[typeddict-item]
    assert plain.total == 7800
    trial = {"items": items, "trial_end": stamp("2026-01-15")}
    assert story.v1.invoices.create_preview({"customer": customer, "subscription_details": trial}).total == 0  # type: ignore[typeddict-item]


def test_a_change_of_seats_at_a_given_second(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("1999"), "quantity": 10}])
    change: Any = {
        "items": [{"id": subscription["items"].data[0].id, "quantity": 25}],
        "proration_behavior": "always_invoice",
        "proration_date": stamp("2026-01-20T08:00:00"),
    }
    story.at("2026-01-20T09:30:00")
    preview = story.v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": change})
    assert (preview.total, [line.amount for line in preview.lines.data]) == (11_285, [-7523, 18_808])
    assert story.v1.subscriptions.retrieve(subscription.id)["items"].data[0].quantity == 10
    story.v1.subscriptions.update(subscription.id, change)
    assert told(story.invoices(customer)[-1]) == told(preview)


def test_pending_prorations_come_with_the_next_cycle(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("1999"), "quantity": 10}])
    story.at("2026-01-20T08:00:00")
    change: Any = {"items": [{"id": subscription["items"].data[0].id, "quantity": 25}]}
    preview = story.v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": change})
    assert preview.total == 11_285 + 25 * 1999


def test_an_ended_subscription_has_no_next_invoice(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("1999")}])
    story.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        story.v1.invoices.create_preview({"subscription": subscription.id})
    assert (caught.value.code, caught.value.http_status) == ("invoice_upcoming_none", 404)


def test_a_preview_of_pending_items_and_of_more(story: Story) -> None:
    customer = story.customer()
    story.v1.invoice_items.create({"customer": customer, "amount": 500, "currency": "usd"})
    extra: Any = {"customer": customer, "invoice_items": [{"amount": 250, "currency": "usd"}]}
    assert story.v1.invoices.create_preview(extra).total == 750
    assert len(story.v1.invoice_items.list({"customer": customer}).data) == 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "one of `customer`"),
        ({"customer": "CUSTOMER", "automatic_tax": {"enabled": True}}, "automatic tax"),
        ({"customer": "CUSTOMER"}, "No upcoming invoices"),
        ({"subscription": "sub_none"}, "No such subscription"),
        (
            {"customer": "CUSTOMER", "schedule_details": {"phases": [{"items": [{"price": "price_none"}]}]}},
            "No such price",
        ),
    ],
)
def test_what_cannot_be_previewed_is_refused(story: Story, params: dict[str, Any], words: str) -> None:
    customer = story.customer()
    asked = {key: customer if value == "CUSTOMER" else value for key, value in params.items()}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.v1.invoices.create_preview(asked)  # type: ignore[arg-type]


# ------------------------------------------------------------------ tiers, usage, prices made inline, discounts

TIERS = [{"up_to": 100, "unit_amount": 0}, {"up_to": 1000, "unit_amount": 99}, {"up_to": "inf", "unit_amount": 79}]


def previewed(story: Story, **params: Any) -> Any:
    return story.v1.invoices.create_preview(params)  # type: ignore[arg-type]


def test_the_usage_so_far_is_in_the_preview_of_the_next_invoice(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    items = [{"price": story.price("2900"), "quantity": 10}, {"price": story.priced(story.meter(), tiers=TIERS)}]
    subscription = story.subscribe(customer, items)
    story.use(customer, 1250)
    preview = previewed(story, subscription=subscription.id)
    assert (preview.total, day(preview.created)) == (137_850, "2026-02-01")
    assert previewed(story, subscription=subscription.id).total == 137_850
    story.at("2026-02-01")
    assert told(story.invoices(customer)[-1]) == told(preview)


def test_a_new_subscription_of_tiers_usage_and_an_inline_price(story: Story) -> None:
    customer = story.customer()
    data = {"currency": "usd", "product": story.product(), "unit_amount": 700}
    items = [
        {"price": story.priced(tiers=TIERS), "quantity": 1001},
        {"price": story.priced(story.meter(), unit_amount=5)},
        {"price_data": {**data, "recurring": {"interval": "month", "interval_count": 3}}, "quantity": 2},
    ]
    preview = previewed(story, customer=customer, subscription_details={"items": items})
    assert [(line.quantity, line.amount) for line in preview.lines.data] == [
        (100, 0),
        (900, 89_100),
        (1, 79),
        (2, 1400),
    ]
    assert preview.total == 90_579
    assert story.v1.prices.list({"product": data["product"]}).data == []


def test_usage_alone_previews_its_first_renewal(story: Story) -> None:
    customer, price = story.customer(), story.priced(story.meter(), tiers=TIERS)
    story.use(customer, 101)
    details: Any = {"phases": [{"items": [{"price": price}], "start_date": "now", "end_date": stamp("2026-04-01")}]}
    preview = previewed(story, customer=customer, schedule_details=details)
    assert (preview.total, day(preview.created)) == (99, "2026-02-01")


def test_a_change_of_the_metered_price_shows_what_was_used(story: Story) -> None:
    customer, meter = story.customer("pm_card_visa"), story.meter()
    subscription = story.subscribe(customer, [{"price": story.priced(meter, unit_amount=100)}])
    story.use(customer, 3)
    story.at("2026-01-16")
    item = {"id": subscription["items"].data[0].id, "price": story.priced(meter, unit_amount=200)}
    change: Any = {"items": [item], "proration_behavior": "always_invoice"}
    preview = previewed(story, subscription=subscription.id, subscription_details=change)
    assert preview.total == 300
    story.v1.subscriptions.update(subscription.id, change)
    assert told(story.invoices(customer)[-1]) == told(preview)


def test_cancelling_now_shows_usage_and_credit(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    items = [{"price": story.price("3100")}, {"price": story.priced(story.meter(), unit_amount=100)}]
    subscription = story.subscribe(customer, items)
    story.use(customer, 3)
    story.at("2026-01-11")
    preview = previewed(story, subscription=subscription.id, subscription_details={"cancel_now": True})
    assert preview.total == -2100 + 300


def test_a_schedule_not_yet_made_with_extras_discounts_and_an_end(story: Story) -> None:
    customer = story.customer()
    amount_off = story.v1.coupons.create({"amount_off": 500, "currency": "usd", "duration": "forever"}).id
    item = {
        "price": story.price("10000"),
        "quantity": 2,
        "discounts": [{"coupon": story.coupon("25")}, {"coupon": amount_off}],
    }
    extra = {"price": story.one_time(7000), "quantity": 3, "discounts": [{"coupon": story.coupon("50")}]}
    phases = [
        {
            "items": [item],
            "add_invoice_items": [extra],
            "start_date": stamp("2026-05-01"),
            "end_date": stamp("2026-08-01"),
            "proration_behavior": "none",
        },
        {"items": [{**item, "quantity": 3}], "end_date": stamp("2027-05-01"), "proration_behavior": "none"},
    ]
    details: Any = {"phases": phases, "end_behavior": "cancel", "billing_mode": {"type": "flexible"}}
    preview = previewed(story, customer=customer, schedule_details=details)
    assert preview.total == 10_500 + 20_000 - 5_000 - 500
    assert sorted(entry.amount for entry in preview.total_discount_amounts) == [500, 5_000, 10_500]
    asked: Any = [{key: value for key, value in phase.items() if key != "start_date"} for phase in phases]
    story.schedule(customer, asked, stamp("2026-05-01"))
    story.at("2026-05-01")
    assert told(story.invoices(customer)[0]) == told(preview)


def test_a_schedules_new_phases_are_previewed_without_being_written(story: Story) -> None:
    customer, price = story.customer(), story.price("1000")
    schedule = story.schedule(customer, [{"items": [{"price": price}], "end_date": stamp("2027-01-01")}], "now")
    phases: Any = [
        {"items": [{"price": price}], "start_date": stamp("2026-01-01"), "end_date": stamp("2026-02-01")},
        {"items": [{"price": price, "quantity": 7}], "proration_behavior": "none", "end_date": stamp("2027-01-01")},
    ]
    details = {"phases": phases, "proration_behavior": "none"}
    assert previewed(story, schedule=schedule.id, schedule_details=details).total == 7000
    assert len(story.v1.subscription_schedules.retrieve(schedule.id).phases) == 1


def test_the_billing_mode_of_a_preview_is_checked(story: Story) -> None:
    items = [{"price": story.price("1000")}, {"price": story.price("1000", "year")}]
    for mode, total in (("flexible", 2000), ("classic", None)):
        details: Any = {"items": items, "billing_mode": {"type": mode}}
        if total is not None:
            assert previewed(story, customer=story.customer(), subscription_details=details).total == total
            continue
        with pytest.raises(stripe.InvalidRequestError, match="Found mismatch in interval"):
            previewed(story, customer=story.customer(), subscription_details=details)


def test_the_recurring_amounts_alone(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    items = [{"price": story.price("1000"), "quantity": 3}]
    subscription = story.subscribe(customer, items, trial_end=stamp("2026-01-15"))
    story.v1.invoice_items.create({"customer": customer, "amount": 500, "currency": "usd"})
    assert previewed(story, subscription=subscription.id).total == 3500
    assert previewed(story, subscription=subscription.id, preview_mode="recurring").total == 3000
    fresh = {"items": items, "trial_end": stamp("2026-01-15")}
    assert (
        previewed(story, customer=story.customer(), subscription_details=fresh, preview_mode="recurring").total == 3000
    )
