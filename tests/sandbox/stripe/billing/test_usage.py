"""Usage is billed at the end of each period, beside the licensed items of the next one."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, day, stamp

TIERS = [{"up_to": 100, "unit_amount": 0}, {"up_to": 1000, "unit_amount": 99}, {"up_to": "inf", "unit_amount": 79}]
CARD = "pm_card_visa"


def resolutions(story: Story, mode: str = "graduated", tiers: Any = None, **values: Any) -> str:
    return story.priced(story.meter(), tiers=tiers or TIERS, tiers_mode=mode, **values)


def subscribed(story: Story, *items: dict[str, Any], **values: Any) -> tuple[str, Any]:
    customer = story.customer(CARD)
    return customer, story.subscribe(customer, list(items), **values)


def test_seats_in_advance_and_resolutions_in_arrears_on_one_invoice(story: Story) -> None:
    story.at("2026-06-01")
    items = {"price": story.price("2900"), "quantity": 10}, {"price": resolutions(story)}
    customer, subscription = subscribed(story, *items)
    assert [total for _, total in story.billed(customer)] == [29_000]
    metered = subscription["items"].data[1].to_dict()
    assert "quantity" not in metered
    story.at("2026-06-15")
    story.use(customer, 1250)
    story.at("2026-07-01")
    invoice = story.invoices(customer)[-1]
    assert (day(invoice.created), invoice.total, invoice.billing_reason) == (
        "2026-07-01",
        137_850,
        "subscription_cycle",
    )
    assert story.lines(invoice) == [
        (10, 29_000, "2026-07-01", "2026-08-01"),
        (100, 0, "2026-06-01", "2026-07-01"),
        (900, 89_100, "2026-06-01", "2026-07-01"),
        (250, 19_750, "2026-06-01", "2026-07-01"),
    ]
    last = invoice.lines.data[-1]
    assert last.description == "250 × Resolutions (Tier 3 at $0.79 / month)"
    assert last.parent.subscription_item_details.subscription_item == metered["id"]
    assert str(last.pricing.unit_amount_decimal) == "79"


@pytest.mark.parametrize(("used", "amount"), [(100, 0), (101, 99), (1000, 89_100), (1001, 89_179), (1250, 108_850)])
def test_every_tier_takes_exactly_its_own_units(story: Story, used: int, amount: int) -> None:
    customer, _ = subscribed(story, {"price": resolutions(story)})
    story.use(customer, used)
    story.at("2026-02-01")
    assert story.billed(customer) == [("2026-02-01", amount)]


def test_volume_bills_all_usage_at_the_tier_reached(story: Story) -> None:
    customer, _ = subscribed(story, {"price": resolutions(story, "volume")})
    story.use(customer, 1250)
    story.at("2026-02-01")
    assert story.lines(story.invoices(customer)[0]) == [(1250, 98_750, "2026-01-01", "2026-02-01")]


def test_the_last_second_of_june_is_june_and_the_first_of_july_is_not(story: Story) -> None:
    story.at("2026-06-01")
    customer, _ = subscribed(story, {"price": story.priced(story.meter(), unit_amount=100)})
    story.at("2026-06-30T23:59:59")
    story.use(customer, 1)
    story.use(customer, 10, "2026-07-01")
    story.at("2026-08-01")
    assert story.billed(customer) == [("2026-07-01", 100), ("2026-08-01", 1000)]


def test_a_repeated_identifier_is_refused_and_counts_once(story: Story) -> None:
    customer, _ = subscribed(story, {"price": story.priced(story.meter(), unit_amount=100)})
    story.use(customer, 5, identifier="run-1")
    with pytest.raises(stripe.InvalidRequestError, match="An event already exists with identifier run-1"):
        story.use(customer, 5, identifier="run-1")
    story.at("2026-02-01")
    assert story.billed(customer) == [("2026-02-01", 500)]


def test_no_usage_is_a_line_of_nothing(story: Story) -> None:
    customer, _ = subscribed(story, {"price": resolutions(story)})
    story.at("2026-02-01T02:00:00")
    (invoice,) = story.invoices(customer)
    assert story.lines(invoice) == [(0, 0, "2026-01-01", "2026-02-01")]
    assert (invoice.total, invoice.status) == (0, "paid")


def test_usage_below_zero_bills_nothing(story: Story) -> None:
    customer, _ = subscribed(story, {"price": story.priced(story.meter(), unit_amount=100)})
    story.use(customer, 5)
    story.use(customer, -8)
    story.at("2026-02-01")
    assert story.lines(story.invoices(customer)[0]) == [(0, 0, "2026-01-01", "2026-02-01")]


def test_flat_fees_stand_on_lines_of_their_own(story: Story) -> None:
    tiers = [
        {"up_to": 5, "unit_amount": 500, "flat_amount": 1000},
        {"up_to": "inf", "unit_amount": 400, "flat_amount": 2000},
    ]
    customer, _ = subscribed(story, {"price": resolutions(story, tiers=tiers)})
    story.use(customer, 7)
    story.at("2026-02-01")
    (invoice,) = story.invoices(customer)
    assert [line[:2] for line in story.lines(invoice)] == [(5, 2500), (0, 1000), (2, 800), (0, 2000)]
    assert invoice.total == 6300


@pytest.mark.parametrize(("currency", "unit", "used", "total"), [("jpy", "150", 7, 1050), ("kwd", "1250", 3, 3750)])
def test_minor_units_are_the_currencys_own(story: Story, currency: str, unit: str, used: int, total: int) -> None:
    tiers = [{"up_to": "inf", "unit_amount_decimal": unit}]
    customer, _ = subscribed(story, {"price": resolutions(story, tiers=tiers, currency=currency)})
    story.use(customer, used)
    story.at("2026-02-01")
    (invoice,) = story.invoices(customer)
    assert (invoice.currency, invoice.total) == (currency, total)


def test_fractions_of_a_cent_round_once_a_tier(story: Story) -> None:
    tiers = [{"up_to": 3, "unit_amount_decimal": "0.5"}, {"up_to": "inf", "unit_amount_decimal": "0.1"}]
    customer, _ = subscribed(story, {"price": resolutions(story, tiers=tiers)})
    story.use(customer, 7)
    story.at("2026-02-01")
    assert [amount for _, amount, _, _ in story.lines(story.invoices(customer)[0])] == [2, 0]


def test_licensed_tiers_are_billed_in_advance(story: Story) -> None:
    price = story.priced(tiers=TIERS)
    customer, _ = subscribed(story, {"price": price, "quantity": 1250})
    assert story.billed(customer) == [("2026-01-01", 108_850)]
    story.at("2026-02-01")
    assert story.lines(story.invoices(customer)[-1])[0] == (100, 0, "2026-02-01", "2026-03-01")


def test_licensed_tiers_are_prorated_by_their_total(story: Story) -> None:
    price = story.priced(tiers=[{"up_to": 10, "unit_amount": 3100}, {"up_to": "inf", "unit_amount": 1550}])
    customer, subscription = subscribed(story, {"price": price, "quantity": 12})
    story.at("2026-01-11")
    item = subscription["items"].data[0].id
    story.v1.subscriptions.update(
        subscription.id, {"items": [{"id": item, "quantity": 10}], "proration_behavior": "always_invoice"}
    )
    first, second = story.invoices(customer)
    assert first.total == 34_100
    assert second.total == -(31_000 + 3_100) * 21 // 31 + 31_000 * 21 // 31


# ------------------------------------------------------------------ late, cancelled, aggregated


def test_usage_told_late_still_counts_while_its_invoice_is_a_draft(story: Story) -> None:
    customer, _ = subscribed(story, {"price": resolutions(story)})
    story.use(customer, 50)
    story.at("2026-02-01T00:30:00")
    (draft,) = story.invoices(customer)
    assert (draft.status, draft.total) == ("draft", 0)
    story.use(customer, 51, "2026-01-31T23:59:59")
    story.use(customer, 7)
    story.at("2026-02-01T02:00:00")
    (invoice,) = story.invoices(customer)
    assert (invoice.status, invoice.total) == ("paid", 99)
    assert [line[:2] for line in story.lines(invoice)] == [(100, 0), (1, 99)]
    story.use(customer, 900, "2026-01-31T23:59:59")
    story.at("2026-03-01")
    assert [total for _, total in story.billed(customer)] == [99, 0]


def test_a_cancelled_event_does_not_count(story: Story) -> None:
    customer, _ = subscribed(story, {"price": story.priced(story.meter(), unit_amount=100)})
    story.use(customer, 5, identifier="wrong")
    story.use(customer, 2)
    story.v1.billing.meter_event_adjustments.create(
        {"event_name": "resolutions", "type": "cancel", "cancel": {"identifier": "wrong"}}
    )
    story.at("2026-02-01")
    assert story.billed(customer) == [("2026-02-01", 200)]


@pytest.mark.parametrize(("formula", "total"), [("sum", 1500), ("count", 300), ("last", 400)])
def test_the_meter_says_how_usage_adds_up(story: Story, formula: str, total: int) -> None:
    customer, _ = subscribed(story, {"price": story.priced(story.meter(formula=formula), unit_amount=100)})
    story.at("2026-01-20")
    for value, moment in ((4, "2026-01-19"), (3, "2026-01-02"), (8, "2026-01-03")):
        story.use(customer, value, moment)
    story.at("2026-02-01")
    assert story.billed(customer) == [("2026-02-01", total)]


def test_usage_is_the_customers_own(story: Story) -> None:
    price = story.priced(story.meter(), unit_amount=100)
    customer, other = story.customer(CARD), story.customer(CARD)
    story.subscribe(customer, [{"price": price}])
    story.subscribe(other, [{"price": price}])
    story.use(customer, 3)
    story.at("2026-02-01")
    assert (story.billed(customer)[0][1], story.billed(other)[0][1]) == (300, 0)


# ------------------------------------------------------------------ beginning and end


def test_a_subscription_of_usage_alone_begins_without_an_invoice(story: Story) -> None:
    customer, subscription = subscribed(story, {"price": resolutions(story)})
    assert (subscription.status, subscription.latest_invoice, story.invoices(customer)) == ("active", None, [])


def test_classic_billing_begins_with_a_line_of_nothing(story: Story) -> None:
    customer, _ = subscribed(story, {"price": resolutions(story)}, billing_mode={"type": "classic"})
    assert story.lines(story.invoices(customer)[0]) == [(0, 0, "2026-01-01", "2026-02-01")]


def test_usage_before_a_backdated_subscription_was_made_is_on_its_first_invoice(story: Story) -> None:
    price = story.priced(story.meter(), unit_amount=100)
    customer = story.customer(CARD)
    story.at("2026-03-10")
    story.use(customer, 7, "2026-02-05")
    story.use(customer, 9, "2026-02-25")
    story.use(customer, 2, "2026-03-02")
    story.subscribe(customer, [{"price": price}], backdate_start_date=stamp("2026-02-01"))
    assert story.lines(story.invoices(customer)[0]) == [(16, 1600, "2026-02-01", "2026-03-01")]
    story.at("2026-04-01")
    assert story.billed(customer) == [("2026-03-10", 1600), ("2026-04-01", 200)]


def test_a_deal_that_has_begun_bills_all_usage_of_its_cycle_at_the_first_boundary(story: Story) -> None:
    price = story.priced(story.meter(), unit_amount=100)
    customer = story.customer()
    story.at("2026-02-10")
    story.use(customer, 7, "2026-02-05")
    story.subscribe(
        customer,
        [{"price": price}, {"price": story.price("1000")}],
        backdate_start_date=stamp("2026-02-01"),
        billing_cycle_anchor=stamp("2026-03-01"),
        proration_behavior="none",
        collection_method="send_invoice",
        days_until_due=30,
    )
    story.use(customer, 1)
    story.at("2026-03-01")
    assert story.billed(customer) == [("2026-03-01", 1800)]


def test_the_tiers_of_an_items_price_are_shown_when_expanded(story: Story) -> None:
    _, subscription = subscribed(story, {"price": resolutions(story)})
    path = "items.data.price.tiers"
    shown = story.v1.subscriptions.retrieve(subscription.id, {"expand": [path]})
    assert [tier.up_to for tier in shown["items"].data[0].price.tiers] == [100, 1000, None]  # type: ignore[union-attr]


def test_usage_in_a_trial_is_free(story: Story) -> None:
    items = {"price": story.price("1000"), "quantity": 2}, {"price": story.priced(story.meter(), unit_amount=100)}
    customer, _ = subscribed(story, *items, trial_end=stamp("2026-01-15"))
    story.use(customer, 50)
    story.at("2026-01-20")
    story.use(customer, 3)
    story.at("2026-02-15")
    first, at_end, second = story.invoices(customer)
    assert story.lines(first) == [(2, 0, "2026-01-01", "2026-01-15")]
    assert story.lines(at_end) == [
        (2, 2000, "2026-01-15", "2026-02-15"), (50, 0, "2026-01-01", "2026-01-15"),
    ]  # fmt: skip
    assert at_end.lines.data[1].description == "Free trial for 50 × Resolutions"
    assert story.lines(second)[1] == (3, 300, "2026-01-15", "2026-02-15")


@pytest.mark.parametrize("end", [{"cancel_at_period_end": True}, {"cancel_at": stamp("2026-02-01")}])
def test_a_planned_end_bills_the_last_periods_usage(story: Story, end: dict[str, Any]) -> None:
    items = {"price": story.price("1000")}, {"price": story.priced(story.meter(), unit_amount=100)}
    customer, subscription = subscribed(story, *items)
    story.v1.subscriptions.update(subscription.id, end)  # type: ignore[arg-type]
    story.use(customer, 6)
    story.at("2026-02-02")
    assert story.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert story.billed(customer) == [("2026-01-01", 1000), ("2026-02-01", 600)]
    assert story.invoices(customer)[-1].status == "paid"


def test_an_end_in_mid_period_bills_the_usage_until_then(story: Story) -> None:
    customer, _ = subscribed(
        story, {"price": story.priced(story.meter(), unit_amount=100)}, cancel_at=stamp("2026-01-15")
    )
    story.use(customer, 6)
    story.use(customer, 1, "2026-01-01T00:05:00")
    story.at("2026-03-01")
    assert story.lines(story.invoices(customer)[0]) == [(7, 700, "2026-01-01", "2026-01-15")]
    assert len(story.invoices(customer)) == 1


@pytest.mark.parametrize(("invoice_now", "billed"), [(False, []), (True, [("2026-01-20", 600)])])
def test_cancelling_at_once_bills_usage_only_when_asked(story: Story, invoice_now: bool, billed: list[Any]) -> None:
    customer, subscription = subscribed(story, {"price": story.priced(story.meter(), unit_amount=100)})
    story.use(customer, 6)
    story.at("2026-01-20")
    story.v1.subscriptions.cancel(subscription.id, {"invoice_now": invoice_now})
    story.at("2026-03-01")
    assert story.billed(customer) == billed


# ------------------------------------------------------------------ schedules, changes, discounts


def test_a_schedule_bills_usage_to_its_end(story: Story) -> None:
    customer = story.customer()
    items = [{"price": story.price("2900"), "quantity": 10}, {"price": resolutions(story)}]
    schedule = story.schedule(customer, [{"items": items, "end_date": stamp("2026-03-01")}], "now")
    assert "quantity" not in schedule.phases[0]["items"][1].to_dict()
    story.use(customer, 101)
    story.at("2026-02-10")
    story.use(customer, 102)
    story.at("2026-03-02")
    assert story.billed(customer) == [("2026-01-01", 29_000), ("2026-02-01", 29_099), ("2026-03-01", 198)]
    assert story.v1.subscription_schedules.retrieve(schedule.id).status == "completed"


@pytest.mark.parametrize(("params", "billed"), [({}, [("2026-01-20", 300)]), ({"invoice_now": False}, [])])
def test_cancelling_a_schedule_bills_usage_unless_told_otherwise(
    story: Story, params: dict[str, Any], billed: list[Any]
) -> None:
    customer = story.customer()
    phases = [{"items": [{"price": story.priced(story.meter(), unit_amount=100)}], "end_date": stamp("2026-06-01")}]
    schedule = story.schedule(customer, phases, "now")
    story.use(customer, 3)
    story.at("2026-01-20")
    story.v1.subscription_schedules.cancel(schedule.id, params)  # type: ignore[arg-type]
    assert story.billed(customer) == billed


def test_rewriting_a_phase_without_its_metered_item_bills_what_was_used(story: Story) -> None:
    customer, seats = story.customer(), story.price("1000")
    items = [{"price": seats}, {"price": story.priced(story.meter(), unit_amount=100)}]
    schedule = story.schedule(customer, [{"items": items, "end_date": stamp("2026-06-01")}], "now")
    story.use(customer, 3)
    story.at("2026-01-20")
    phase: Any = {"items": items[:1], "start_date": stamp("2026-01-01"), "end_date": stamp("2026-06-01")}
    story.v1.subscription_schedules.update(schedule.id, {"phases": [phase]})
    (pending,) = story.v1.invoice_items.list({"customer": customer}).data
    assert (pending.amount, pending.quantity, pending.proration) == (300, 3, False)
    assert (day(pending.period.start), day(pending.period.end)) == ("2026-01-01", "2026-01-20")
    story.at("2026-02-01")
    assert story.billed(customer)[-1] == ("2026-02-01", 1300)


def test_usage_by_the_month_beside_seats_by_the_year(story: Story) -> None:
    customer = story.customer()
    items = [{"price": story.price("12000", "year")}, {"price": story.priced(story.meter(), unit_amount=100)}]
    story.schedule(customer, [{"items": items, "end_date": stamp("2027-01-01")}], "now")
    for month in range(1, 13):
        story.at(f"2026-{month:02d}-15")
        story.use(customer, month)
    story.at("2027-01-02")
    assert [total for _, total in story.billed(customer)] == [12_000] + [100 * month for month in range(1, 13)]


@pytest.mark.parametrize("steps", [[], ["2026-01-31T23:59:59", "2026-02-01", "2026-02-01T01:00:00", "2026-02-20"]])
def test_one_jump_bills_usage_as_many_steps_do(story: Story, steps: list[str]) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": resolutions(story)}, {"price": story.price("1000")}])
    story.at("2026-01-20")
    story.use(customer, 150, "2026-01-19")
    for step in steps:
        story.at(step)
    story.at("2026-03-02")
    assert story.billed(customer) == [("2026-01-01", 1000), ("2026-02-01", 5950), ("2026-03-01", 1000)]
    assert [invoice.status for invoice in story.invoices(customer)] == ["paid"] * 3


def two_phases(story: Story, turn: str, behavior: str, **second: Any) -> str:
    """Usage at 1.00 until the turn, at 2.00 after it; 3 units in the first phase, 5 in the second."""
    customer, meter = story.customer(), story.meter()
    old, new = story.priced(meter, unit_amount=100), story.priced(meter, unit_amount=200)
    phases = [
        {"items": [{"price": old}], "end_date": stamp(turn)},
        {"items": [{"price": new}], "end_date": stamp("2026-03-01"), "proration_behavior": behavior, **second},
    ]
    story.schedule(customer, phases, "now")
    story.use(customer, 3)
    story.at(f"{turn}T01:00:00")
    story.use(customer, 5)
    story.at("2026-03-02")
    return customer


@pytest.mark.parametrize("behavior", ["none", "create_prorations", "always_invoice"])
def test_a_price_that_changes_with_the_period_bills_its_usage_on_the_renewal(story: Story, behavior: str) -> None:
    customer = two_phases(story, "2026-02-01", behavior)
    first, last = story.invoices(customer)
    assert story.lines(first) == [(3, 300, "2026-01-01", "2026-02-01")]
    assert story.lines(last) == [(5, 1000, "2026-02-01", "2026-03-01")]


@pytest.mark.parametrize(
    ("behavior", "billed"),
    [
        ("none", [("2026-02-01", 1000), ("2026-03-01", 0)]),
        ("create_prorations", [("2026-02-01", 1300), ("2026-03-01", 0)]),
        ("always_invoice", [("2026-01-16", 300), ("2026-02-01", 1000), ("2026-03-01", 0)]),
    ],
)
def test_a_price_that_changes_in_mid_period_bills_its_usage_as_the_behavior_says(
    story: Story, behavior: str, billed: list[Any]
) -> None:
    customer = two_phases(story, "2026-01-16", behavior)
    assert story.billed(customer) == billed
    assert story.lines(story.invoices(customer)[-2])[-1] == (5, 1000, "2026-01-16", "2026-02-01")


@pytest.mark.parametrize(
    ("mode", "behavior", "total"),
    [("flexible", "create_prorations", 1300), ("flexible", "none", 1000), ("classic", "create_prorations", 1000)],
)
def test_a_request_that_changes_the_price_bills_what_was_used_in_flexible_mode(
    story: Story, mode: str, behavior: str, total: int
) -> None:
    meter = story.meter()
    customer, subscription = subscribed(
        story, {"price": story.priced(meter, unit_amount=100)}, billing_mode={"type": mode}
    )
    story.use(customer, 3)
    story.at("2026-01-16")
    item = {"id": subscription["items"].data[0].id, "price": story.priced(meter, unit_amount=200)}
    params: Any = {"items": [item], "proration_behavior": behavior}
    story.v1.subscriptions.update(subscription.id, params)
    story.use(customer, 5)
    story.at("2026-02-01")
    assert story.billed(customer)[-1] == ("2026-02-01", total)


def test_an_anchor_set_anew_bills_what_was_used_at_once(story: Story) -> None:
    customer, subscription = subscribed(story, {"price": story.priced(story.meter(), unit_amount=100)})
    story.use(customer, 3)
    story.at("2026-01-11")
    story.v1.subscriptions.update(subscription.id, {"billing_cycle_anchor": {"type": "now"}})
    story.use(customer, 1)
    story.at("2026-02-11")
    assert story.billed(customer) == [("2026-01-11", 300), ("2026-02-11", 100)]


def test_a_metered_item_added_at_a_phase_is_billed_from_then(story: Story) -> None:
    customer, seats = story.customer(), story.price("1000")
    metered = story.priced(story.meter(), unit_amount=100)
    phases = [
        {"items": [{"price": seats}], "end_date": stamp("2026-02-01")},
        {"items": [{"price": seats}, {"price": metered}], "end_date": stamp("2026-03-01")},
    ]
    story.schedule(customer, phases, "now")
    story.use(customer, 9)
    story.at("2026-02-02")
    story.use(customer, 4)
    story.at("2026-03-02")
    assert story.billed(customer) == [("2026-01-01", 1000), ("2026-02-01", 1000), ("2026-03-01", 400)]


def test_a_coupon_of_the_metered_item_takes_its_share_off_every_tier(story: Story) -> None:
    item = {"price": resolutions(story), "discounts": [{"coupon": story.coupon("10")}]}
    customer, _ = subscribed(story, item)
    story.use(customer, 1250)
    story.at("2026-02-01")
    (invoice,) = story.invoices(customer)
    assert invoice.total == 108_850 - 8_910 - 1_975
    assert [[entry.amount for entry in line.discount_amounts] for line in invoice.lines.data] == [[], [8910], [1975]]


def test_a_coupon_for_once_waits_for_the_first_usage(story: Story) -> None:
    item = {
        "price": story.priced(story.meter(), unit_amount=100),
        "discounts": [{"coupon": story.coupon("50", "once")}],
    }
    customer, _ = subscribed(story, {"price": story.price("1000")}, item)
    story.use(customer, 4)
    story.at("2026-02-01")
    story.use(customer, 4)
    story.at("2026-03-01")
    assert [total for _, total in story.billed(customer)] == [1000, 1200, 1400]


def test_usage_of_a_phase_keeps_the_discounts_of_that_phase(story: Story) -> None:
    customer, seats = story.customer(), story.price("1000")
    metered = story.priced(story.meter(), unit_amount=100)
    items = [{"price": seats}, {"price": metered}]
    phases = [
        {"items": items, "discounts": [{"coupon": story.coupon("50")}], "end_date": stamp("2026-02-01")},
        {"items": items, "discounts": [{"coupon": story.coupon("10")}], "end_date": stamp("2026-03-01")},
    ]
    story.schedule(customer, phases, "now")
    story.use(customer, 4)
    story.at("2026-03-02")
    assert [total for _, total in story.billed(customer)] == [500, 200 + 900, 0]


# ------------------------------------------------------------------ refusals

QUANTITY = "You cannot set the quantity for metered plans"


def test_a_metered_item_takes_no_quantity(story: Story) -> None:
    customer, item = story.customer(CARD), {"price": resolutions(story), "quantity": 1}
    for ask in (
        lambda: story.subscribe(customer, [item]),
        lambda: story.schedule(customer, [{"items": [item], "duration": {"interval": "year"}}], "now"),
        lambda: story.v1.invoices.create_preview(
            {"customer": customer, "subscription_details": {"items": [item]}}  # type: ignore[typeddict-item]
        ),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=QUANTITY):
            ask()


def test_a_metered_item_never_gets_a_quantity(story: Story) -> None:
    _, subscription = subscribed(story, {"price": resolutions(story)})
    item = subscription["items"].data[0].id
    with pytest.raises(stripe.InvalidRequestError, match=QUANTITY) as caught:
        story.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "quantity": 3}]})
    assert caught.value.param == "items[0][quantity]"
    with pytest.raises(stripe.InvalidRequestError, match=QUANTITY):
        story.v1.subscription_items.update(item, {"quantity": 3})


def test_an_item_may_turn_from_seats_to_usage_and_back(story: Story) -> None:
    seats, metered = story.price("3100"), story.priced(story.meter(), unit_amount=100)
    customer, subscription = subscribed(story, {"price": seats, "quantity": 2})
    item = subscription["items"].data[0].id
    story.at("2026-01-11")
    changed = story.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "price": metered}]})
    assert "quantity" not in changed["items"].data[0].to_dict()
    story.use(customer, 7)
    story.at("2026-01-21")
    story.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "price": seats, "quantity": 1}]})
    story.at("2026-02-01")
    assert story.billed(customer)[-1][1] == -4200 + 700 + 1100 + 3100
