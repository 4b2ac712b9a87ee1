"""The worked cases at Stripe's side: what the schedules that a deal becomes really bill, through the official SDK."""

from __future__ import annotations

import pytest

from tests.sandbox.stripe.billing.story import Story, day, stamp


def test_case_01_annual_per_seat_is_billed_once(story: Story) -> None:
    customer = story.customer()
    items = [{"price": story.price("58800", "year"), "quantity": 25}]
    schedule = story.schedule(
        customer, [{"items": items, "duration": {"interval": "year", "interval_count": 1}}], 1772323200
    )
    assert (schedule.status, schedule.subscription) == ("not_started", None)
    assert schedule.phases[0].end_date == 1803859200
    story.at("2027-03-10")
    assert story.billed(customer) == [("2026-03-01", 1_470_000)]
    schedule = story.v1.subscription_schedules.retrieve(schedule.id)
    subscription = story.v1.subscriptions.retrieve(schedule.subscription)
    assert (schedule.status, subscription.status, day(subscription.ended_at)) == ("completed", "canceled", "2027-03-01")


def test_case_02_annual_term_billed_monthly(story: Story) -> None:
    customer = story.customer()
    items = [{"price": story.price("3900"), "quantity": 40}]
    story.schedule(customer, [{"items": items, "end_date": stamp("2027-01-01")}], "now")
    story.at("2027-01-15")
    billed = story.billed(customer)
    assert [amount for _, amount in billed] == [156_000] * 12
    assert (billed[0][0], billed[-1][0]) == ("2026-01-01", "2026-12-01")


JANUARY_31 = [
    "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30", "2027-07-31", "2027-08-31",
    "2027-09-30", "2027-10-31", "2027-11-30", "2027-12-31",
]  # fmt: skip


def signed_on_31_january(story: Story) -> str:
    customer = story.customer()
    items = [{"price": story.price("10000"), "quantity": 1}]
    schedule = story.schedule(
        customer, [{"items": items, "duration": {"interval": "month", "interval_count": 12}}], 1801353600
    )
    assert schedule.phases[0].end_date == 1832889600
    return customer


def test_case_04_31_january_anchor_in_one_jump(story: Story) -> None:
    customer = signed_on_31_january(story)
    story.at("2028-02-15")
    assert story.billed(customer) == [(at, 10_000) for at in JANUARY_31]


def test_case_04_31_january_anchor_in_small_steps_ends_the_same(story: Story) -> None:
    customer = signed_on_31_january(story)
    story.at("2028-02-15")
    jumped = [_told(invoice) for invoice in story.invoices(customer)]
    events = story.event_types()
    story.served.reset()
    story.at("2026-01-01")
    again = signed_on_31_january(story)
    for month in [f"2027-{number:02d}" for number in range(1, 13)] + ["2028-01", "2028-02"]:
        for part in ("01", "10", "20", "28"):
            if f"{month}-{part}" <= "2028-02-15":
                story.at(f"{month}-{part}")
    story.at("2028-02-15")
    assert [_told(invoice) for invoice in story.invoices(again)] == jumped
    assert story.event_types() == events


def _told(invoice: object) -> dict[str, object]:
    keys = ("created", "status", "total", "amount_due", "due_date", "effective_at", "billing_reason", "attempt_count")
    lines = [(line.amount, line.period.start, line.period.end) for line in invoice.lines.data]  # type: ignore[attr-defined]
    return {**{key: getattr(invoice, key) for key in keys}, "lines": lines}


@pytest.mark.parametrize(("second_item", "amounts"), [(False, [-604_932, 907_397]), (True, [302_466])])
def test_case_06_seats_added_mid_term_prorated_by_stripe(story: Story, second_item: bool, amounts: list[int]) -> None:
    customer = story.customer("pm_card_visa")
    price = story.price("120000", "year")
    subscription = story.subscribe(customer, [{"price": price, "quantity": 10}])
    story.at("2026-07-01")
    item = subscription["items"].data[0].id
    change = {"price": story.price("120000", "year"), "quantity": 5} if second_item else {"id": item, "quantity": 15}
    params = {"items": [change], "proration_behavior": "always_invoice"}
    preview = story.v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": params})  # type: ignore[typeddict-item]
    story.v1.subscriptions.update(subscription.id, params)  # type: ignore[arg-type]
    first, second = story.invoices(customer)
    assert first.total == 1_200_000
    assert [line.amount for line in second.lines.data] == amounts == [line.amount for line in preview.lines.data]
    assert (second.total, second.status, day(second.created)) == (sum(amounts), "paid", "2026-07-01")
    assert all(line.parent.subscription_item_details.proration for line in second.lines.data)
    story.at("2027-01-01T02:00:00")
    assert story.invoices(customer)[-1].total == 1_800_000


def test_case_10_three_year_ramp(story: Story) -> None:
    customer = story.customer()
    steps = [("60000", 50), ("57000", 75), ("54000", 100)]
    phases = [
        {
            "items": [{"price": story.price(unit, "year"), "quantity": seats}],
            "duration": {"interval": "year", "interval_count": 1},
        }
        for unit, seats in steps
    ]
    schedule = story.schedule(customer, phases, 1789430400)
    assert [phase.start_date for phase in schedule.phases] == [1789430400, 1820966400, 1852588800]
    assert schedule.phases[-1].end_date == 1884124800
    story.at("2029-12-01")
    assert story.billed(customer) == [("2026-09-15", 3_000_000), ("2027-09-15", 4_275_000), ("2028-09-15", 5_400_000)]
    assert all(len(invoice.lines.data) == 1 for invoice in story.invoices(customer))


def test_case_11_line_percent_discount_leaves_the_other_line(story: Story) -> None:
    customer = story.customer()
    items = [
        {"price": story.price("4900"), "quantity": 30, "discounts": [{"coupon": story.coupon("15")}]},
        {"price": story.price("20000"), "quantity": 1},
    ]
    story.schedule(customer, [{"items": items, "duration": {"interval": "month", "interval_count": 12}}], "now")
    story.at("2026-02-15")
    for invoice in story.invoices(customer):
        assert (invoice.subtotal, invoice.total) == (144_950, 144_950)
        discounted, plain = invoice.lines.data
        assert (discounted.amount, [entry.amount for entry in discounted.discount_amounts]) == (147_000, [22_050])
        assert (plain.amount, plain.discount_amounts) == (20_000, [])
        assert [entry.amount for entry in invoice.total_discount_amounts] == [22_050]
    assert len(story.invoices(customer)) == 2


def test_case_16_one_time_plus_recurring_with_net_45_and_a_purchase_order(story: Story) -> None:
    customer = story.customer()
    phase = {
        "items": [{"price": story.price("8000"), "quantity": 15}],
        "add_invoice_items": [{"price": story.one_time(250_000), "quantity": 1}],
        "duration": {"interval": "month", "interval_count": 12},
    }
    settings = {
        "collection_method": "send_invoice",
        "invoice_settings": {"days_until_due": 45, "custom_fields": [{"name": "PO", "value": "PO-2291"}]},
    }
    story.schedule(customer, [phase], stamp("2026-11-01"), default_settings=settings)
    story.at("2027-12-01")
    invoices = story.invoices(customer)
    assert [invoice.total for invoice in invoices] == [370_000] + [120_000] * 11
    assert day(invoices[0].due_date)[:10] == "2026-12-16"
    assert all(invoice.custom_fields[0].value == "PO-2291" for invoice in invoices)
