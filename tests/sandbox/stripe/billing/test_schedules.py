"""Schedules: start, phases, rewriting, release and cancellation."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, day, stamp


def year(items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"items": items, "duration": {"interval": "month", "interval_count": 12}, **more}


def test_a_schedule_waits_then_creates_its_subscription_with_the_phase_metadata(story: Story) -> None:
    customer = story.customer()
    price = story.price("5000")
    phase = year([{"price": price, "quantity": 2, "metadata": {"line": "1"}}], metadata={"deal": "D1"})
    schedule = story.schedule(customer, [phase], stamp("2026-03-01"), metadata={"quote": "Q1"})
    assert (schedule.status, schedule.subscription, schedule.current_phase) == ("not_started", None, None)
    assert story.v1.subscriptions.list({"customer": customer, "status": "all"}).data == []
    story.at("2026-03-01")
    schedule = story.v1.subscription_schedules.retrieve(schedule.id)
    assert (schedule.status, schedule.metadata["quote"]) == ("active", "Q1")
    subscription = story.v1.subscriptions.retrieve(schedule.subscription)  # type: ignore[arg-type]
    assert (subscription.schedule, subscription.metadata["deal"], subscription.status) == (schedule.id, "D1", "active")
    assert day(subscription.cancel_at) == "2027-03-01"  # type: ignore[arg-type]
    item = subscription["items"].data[0]
    assert (item.quantity, item.metadata["line"]) == (2, "1")
    assert (day(item.current_period_start), day(item.current_period_end)) == ("2026-03-01", "2026-04-01")
    assert story.invoices(customer)[0].status == "draft"
    events = story.event_types()
    assert events.index("subscription_schedule.created") < events.index("customer.subscription.created")
    assert "subscription_schedule.updated" in events


def test_add_invoice_items_are_on_the_first_invoice_only(story: Story) -> None:
    customer = story.customer()
    extra = {"price": story.one_time(250_000), "quantity": 1, "metadata": {"line": "fee"}}
    story.schedule(customer, [year([{"price": story.price("5000")}], add_invoice_items=[extra])], "now")
    story.at("2026-04-15")
    assert [total for _, total in story.billed(customer)] == [255_000, 5000, 5000, 5000]
    fee = story.invoices(customer)[0].lines.data[0]
    assert (fee.amount, fee.metadata["line"], fee.parent.type) == (250_000, "fee", "invoice_item_details")


def test_quantity_changes_at_a_phase_on_the_renewal_without_prorations(story: Story) -> None:
    customer = story.customer()
    price = story.price("5000")
    phases = [
        {"items": [{"price": price, "quantity": 10}], "end_date": stamp("2026-03-01")},
        {"items": [{"price": price, "quantity": 15}], "end_date": stamp("2026-05-01")},
    ]
    schedule = story.schedule(customer, phases, "now")
    item = story.v1.subscriptions.retrieve(schedule.subscription)["items"].data[0].id
    story.at("2026-06-01")
    assert [total for _, total in story.billed(customer)] == [50_000, 50_000, 75_000, 75_000]
    assert story.v1.subscriptions.retrieve(schedule.subscription)["items"].data[0].id == item


def test_quantity_changed_in_mid_cycle_without_prorations_bills_from_the_next_cycle(story: Story) -> None:
    customer = story.customer()
    price = story.price("5000")
    phases = [
        {"items": [{"price": price, "quantity": 10}], "end_date": stamp("2026-01-16")},
        {"items": [{"price": price, "quantity": 15}], "end_date": stamp("2026-03-01")},
    ]
    story.schedule(customer, phases, "now")
    story.at("2026-03-05")
    assert story.billed(customer) == [("2026-01-01", 50_000), ("2026-02-01", 75_000)]


def test_a_shorter_last_cycle_entered_at_the_last_full_boundary(story: Story) -> None:
    customer = story.customer()
    phases = [
        {"items": [{"price": story.price("120000", "year")}], "duration": {"interval": "year", "interval_count": 1}},
        {
            "items": [{"price": story.price("60000", "month", 6)}],
            "duration": {"interval": "month", "interval_count": 6},
        },
    ]
    story.schedule(customer, phases, "now")
    story.at("2027-12-01")
    assert story.billed(customer) == [("2026-01-01", 120_000), ("2027-01-01", 60_000)]


def test_another_interval_off_the_grid_starts_cycles_anew(story: Story) -> None:
    customer = story.customer()
    phases = [
        {"items": [{"price": story.price("120000", "year")}], "duration": {"interval": "year", "interval_count": 1}},
        {
            "items": [{"price": story.price("50000", "month", 5)}],
            "duration": {"interval": "month", "interval_count": 5},
        },
    ]
    schedule = story.schedule(customer, phases, "now")
    story.at("2027-04-01")
    assert story.billed(customer) == [("2026-01-01", 120_000), ("2027-01-01", 50_000)]
    item = story.v1.subscriptions.retrieve(schedule.subscription)["items"].data[0]
    assert (day(item.current_period_start), day(item.current_period_end)) == ("2027-01-01", "2027-06-01")


def test_mixed_intervals_share_the_invoice_where_they_meet(story: Story) -> None:
    customer = story.customer()
    items = [{"price": story.price("1200000", "year")}, {"price": story.price("5000"), "quantity": 20}]
    story.schedule(customer, [year(items)], "now")
    story.at("2027-01-05")
    assert [total for _, total in story.billed(customer)] == [1_300_000] + [100_000] * 11


def rewritten(schedule: Any, **changes: Any) -> list[dict[str, Any]]:
    """The phases of a schedule as parameters: read, modify, write."""
    return [
        {
            "start_date": phase.start_date,
            "end_date": phase.end_date,
            "proration_behavior": "none",
            "items": [{"price": item.price, "quantity": item.quantity} for item in phase["items"]],
            **changes,
        }
        for phase in schedule.phases
    ]


def test_an_update_replaces_current_and_future_phases(story: Story) -> None:
    customer = story.customer()
    price = story.price("5000")
    schedule = story.schedule(customer, [year([{"price": price, "quantity": 10}])], "now")
    story.at("2026-02-10")
    phases = rewritten(schedule)
    phases[0]["end_date"] = stamp("2026-04-01")
    phases.append(
        {"items": [{"price": price, "quantity": 15}], "proration_behavior": "none", "end_date": stamp("2027-01-01")}
    )
    updated = story.v1.subscription_schedules.update(schedule.id, {"phases": phases, "proration_behavior": "none"})  # type: ignore[typeddict-item]
    assert [day(phase.end_date) for phase in updated.phases] == ["2026-04-01", "2027-01-01"]
    assert updated.current_phase.end_date == stamp("2026-04-01")  # type: ignore[union-attr]
    assert story.v1.subscriptions.retrieve(schedule.subscription).cancel_at is None
    story.at("2026-05-15")
    assert [total for _, total in story.billed(customer)] == [50_000] * 3 + [75_000] * 2
    assert story.v1.subscriptions.retrieve(schedule.subscription).cancel_at == stamp("2027-01-01")


def test_rewriting_the_running_phase_acts_at_once_and_its_extras_are_billed_again(story: Story) -> None:
    customer = story.customer()
    price, fee = story.price("5000"), story.one_time(9900)
    schedule = story.schedule(
        customer, [year([{"price": price, "quantity": 10}], add_invoice_items=[{"price": fee}])], "now"
    )
    phases = rewritten(schedule, add_invoice_items=[{"price": fee}])
    phases[0]["items"][0]["quantity"] = 12
    story.v1.subscription_schedules.update(schedule.id, {"phases": phases, "proration_behavior": "none"})  # type: ignore[typeddict-item]
    assert story.v1.subscriptions.retrieve(schedule.subscription)["items"].data[0].quantity == 12
    story.at("2026-02-02")
    assert [total for _, total in story.billed(customer)] == [59_900, 69_900]


def test_new_default_settings_reach_the_subscription_and_bill_no_extra_again(story: Story) -> None:
    customer = story.customer()
    extras = [{"price": story.one_time(9900)}]
    schedule = story.schedule(customer, [year([{"price": story.price("5000")}], add_invoice_items=extras)], "now")
    settings: Any = {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 60}}
    story.v1.subscription_schedules.update(schedule.id, {"default_settings": settings, "proration_behavior": "none"})
    assert story.v1.subscriptions.retrieve(schedule.subscription).days_until_due == 60
    story.at("2026-02-02")
    assert [total for _, total in story.billed(customer)] == [14_900, 5000]


def test_the_start_of_a_running_phase_cannot_move(story: Story) -> None:
    schedule = story.schedule(story.customer(), [year([{"price": story.price("5000")}])], "now")
    phases = rewritten(schedule)
    phases[0]["start_date"] += 86_400
    with pytest.raises(stripe.InvalidRequestError, match="start date of a phase that has already started"):
        story.v1.subscription_schedules.update(schedule.id, {"phases": phases})  # type: ignore[typeddict-item]


def test_release_lets_the_subscription_go_on(story: Story) -> None:
    customer = story.customer()
    schedule = story.schedule(customer, [year([{"price": story.price("5000")}])], "now")
    released = story.v1.subscription_schedules.release(schedule.id)
    assert (released.status, released.subscription, released.released_subscription) == (
        "released", None, schedule.subscription,
    )  # fmt: skip
    subscription = story.v1.subscriptions.retrieve(schedule.subscription)
    assert (subscription.schedule, subscription.cancel_at, subscription.status) == (None, None, "active")
    with pytest.raises(stripe.InvalidRequestError, match="currently in the `released` status"):
        story.v1.subscription_schedules.update(schedule.id, {"end_behavior": "cancel"})
    story.at("2027-02-15")
    assert len(story.billed(customer)) == 14


def test_end_behavior_release_lets_go_after_the_last_phase(story: Story) -> None:
    customer = story.customer()
    schedule = story.schedule(customer, [year([{"price": story.price("5000")}])], "now", end_behavior="release")
    story.at("2027-02-15")
    assert story.v1.subscription_schedules.retrieve(schedule.id).status == "released"
    assert len(story.billed(customer)) == 14
    assert "subscription_schedule.expiring" in story.event_types(stamp("2026-12-20"))


def test_cancelling_without_money_ends_the_subscription_now(story: Story) -> None:
    customer = story.customer()
    schedule = story.schedule(customer, [year([{"price": story.price("5000")}])], "now")
    story.at("2026-02-10")
    canceled = story.v1.subscription_schedules.cancel(schedule.id, {"invoice_now": False, "prorate": False})
    assert canceled.status == "canceled"
    subscription = story.v1.subscriptions.retrieve(schedule.subscription)
    assert (subscription.status, day(subscription.ended_at)) == ("canceled", "2026-02-10")  # type: ignore[arg-type]
    story.at("2027-02-15")
    assert len(story.billed(customer)) == 2


def test_cancelling_a_schedule_credits_unused_time_unless_told_otherwise(story: Story) -> None:
    customer = story.customer()
    schedule = story.schedule(customer, [year([{"price": story.price("31000")}])], "now")
    story.at("2026-01-11")
    story.v1.subscription_schedules.cancel(schedule.id)
    assert story.billed(customer)[-1] == ("2026-01-11", -21_000)
    assert story.v1.customers.retrieve(customer).balance == -21_000


def test_a_waiting_schedule_can_be_cancelled_and_bills_nothing(story: Story) -> None:
    customer = story.customer()
    schedule = story.schedule(customer, [year([{"price": story.price("5000")}])], stamp("2026-03-01"))
    assert story.v1.subscription_schedules.cancel(schedule.id).status == "canceled"
    story.at("2027-01-01")
    assert story.invoices(customer) == []


def test_around_a_subscription_the_schedule_is_its_present_cycle(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    price = story.price("5000")
    subscription = story.subscribe(customer, [{"price": price, "quantity": 3}], metadata={"a": "b"})
    schedule = story.v1.subscription_schedules.create({"from_subscription": subscription.id})
    (phase,) = schedule.phases
    assert (day(phase.start_date), day(phase.end_date)) == ("2026-01-01", "2026-02-01")
    assert (phase["items"][0].price, phase["items"][0].quantity, phase.metadata["a"]) == (price, 3, "b")
    assert (schedule.status, schedule.end_behavior) == ("active", "release")
    assert story.v1.subscriptions.retrieve(subscription.id).schedule == schedule.id
    phases = rewritten(schedule)
    phases.append(
        {"items": [{"price": price, "quantity": 8}], "proration_behavior": "none", "end_date": stamp("2026-04-01")}
    )
    story.v1.subscription_schedules.update(
        schedule.id,
        {"phases": phases, "end_behavior": "cancel", "proration_behavior": "none"},  # type: ignore[typeddict-item]
    )
    story.at("2026-05-01")
    assert [total for _, total in story.billed(customer)] == [15_000, 40_000, 40_000]
    with pytest.raises(stripe.InvalidRequestError, match="You cannot set `end_behavior`"):
        story.v1.subscription_schedules.create({"from_subscription": subscription.id, "end_behavior": "cancel"})


def test_a_managed_subscription_refuses_cancelling_settings(story: Story) -> None:
    schedule = story.schedule(story.customer(), [year([{"price": story.price("5000")}])], "now")
    for change in ({"cancel_at_period_end": True}, {"cancel_at": stamp("2026-06-01")}):
        with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule") as caught:
            story.v1.subscriptions.update(schedule.subscription, change)  # type: ignore[arg-type]
        assert schedule.id in str(caught.value)


def test_changing_items_directly_splits_the_running_phase(story: Story) -> None:
    schedule = story.schedule(story.customer(), [year([{"price": story.price("5000"), "quantity": 10}])], "now")
    story.at("2026-01-10")
    item = story.v1.subscriptions.retrieve(schedule.subscription)["items"].data[0].id
    story.v1.subscriptions.update(
        schedule.subscription, {"items": [{"id": item, "quantity": 8}], "proration_behavior": "none"}
    )
    phases = story.v1.subscription_schedules.retrieve(schedule.id).phases
    assert [(day(phase.start_date), phase["items"][0].quantity) for phase in phases] == [
        ("2026-01-01", 10),
        ("2026-01-10", 8),
    ]


@pytest.mark.parametrize("leave", [{"invoice_settings": {"days_until_due": 60}}, {"description": "Second"}])
def test_a_phase_overrides_the_default_settings(story: Story, leave: dict[str, Any]) -> None:
    schedule = story.schedule(story.customer(), [year([{"price": story.price("5000")}], **leave)], "now")
    subscription = story.v1.subscriptions.retrieve(schedule.subscription)
    assert subscription.days_until_due == leave.get("invoice_settings", {}).get("days_until_due", 30)
    assert subscription.description == leave.get("description")


def month(**more: Any) -> dict[str, Any]:
    return {"items": [{"price": "PRICE"}], "duration": {"interval": "month"}, **more}


BY_INVOICE = {"collection_method": "send_invoice"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"phases": [month(items=[])]}, "at least one item|Missing"),
    ({"phases": [month(items=[{"quantity": 1}])]}, "exactly one of `price` or `price_data`"),
    ({"end_behavior": "renew"}, "end_behavior"),
    ({"start_date": 1700000000}, "must be in the future"),
    ({"phases": [{"items": [{"price": "PRICE"}], "end_date": 1767225600}]}, "after its start"),
    ({"phases": [month(iterations=2)]}, "unknown parameter"),
    ({"phases": [month(end_date=1800000000)]}, "both"),
    ({"default_settings": BY_INVOICE}, "days_until_due"),
    ({"default_settings": {"automatic_tax": {"enabled": True}}}, "automatic tax"),
    ({"phases": [month()] * 11}, "10 current and future"),
    ({"phases": [month(items=[{"price": "PRICE"}] * 2)]}, "same plan"),
    ({"phases": [month(items=[{"price": "PRICE", "quantity": -1}])]}, "greater than or equal to 0"),
    ({"phases": [month(discounts=[{"coupon": "none"}])]}, "No such coupon"),
    ({"phases": [month(add_invoice_items=[{"price": "PRICE"}])]}, "only accepts prices with `type=one_time`"),
    ({"customer": "cus_none"}, "No such customer"),
]


def filled(value: Any, price: str) -> Any:
    """The request with the real price in place of the word."""
    if isinstance(value, dict):
        return {key: filled(inner, price) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, price) for inner in value]
    return price if value == "PRICE" else value


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_stripe_refuses_is_refused_and_leaves_nothing(story: Story, change: dict[str, Any], words: str) -> None:
    customer = story.customer()
    settings = {**BY_INVOICE, "invoice_settings": {"days_until_due": 30}}
    whole = {"customer": customer, "start_date": "now", "phases": [month()], "default_settings": settings, **change}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.v1.subscription_schedules.create(filled(whole, story.price("5000")))
    assert story.v1.subscription_schedules.list({"customer": customer}).data == []
    assert not [event for event in story.event_types() if event.startswith(("subscription_schedule", "invoice"))]


def test_lists_by_customer_and_by_what_is_still_to_come(story: Story) -> None:
    customer, other = story.customer(), story.customer()
    price = story.price("5000")
    running = story.schedule(customer, [year([{"price": price}])], "now")
    waiting = story.schedule(customer, [year([{"price": price}])], stamp("2026-09-01"))
    story.schedule(other, [year([{"price": price}])], "now")
    found = story.v1.subscription_schedules.list({"customer": customer}).data
    assert [schedule.id for schedule in found] == [waiting.id, running.id]
    found = story.v1.subscription_schedules.list({"customer": customer, "scheduled": True}).data
    assert [schedule.id for schedule in found] == [waiting.id]
