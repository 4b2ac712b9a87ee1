"""What the boundaries between phases bill: other intervals, other anchors, more seats, trials, rewriting."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, day, stamp


def items(price: str, quantity: int = 1) -> list[dict[str, Any]]:
    return [{"price": price, "quantity": quantity}]


def lasting(interval: str, count: int = 1) -> dict[str, Any]:
    return {"duration": {"interval": interval, "interval_count": count}}


# ------------------------------------------------------------------ other intervals


@pytest.mark.parametrize(
    ("first", "second", "turn", "end"),
    [
        (("month", 1), ("day", 45), "2026-02-01", "2026-03-18"),
        (("month", 1), ("day", 14), "2026-02-01", "2026-02-15"),
        (("year", 1), ("month", 6), "2027-01-01", "2027-07-01"),
        (("year", 1), ("month", 5), "2027-01-01", "2027-06-01"),
        (("year", 1), ("day", 100), "2027-01-01", "2027-04-11"),
        (("month", 3), ("month", 2), "2026-04-01", "2026-06-01"),
        (("month", 3), ("day", 45), "2026-04-01", "2026-05-16"),
    ],
)
@pytest.mark.parametrize("anchor", [{}, {"billing_cycle_anchor": "phase_start"}])
def test_a_last_cycle_of_another_length_is_billed_once_and_ends_without_a_bill(
    story: Story, first: tuple[str, int], second: tuple[str, int], turn: str, end: str, anchor: dict[str, Any]
) -> None:
    customer = story.customer()
    phases = [
        {"items": items(story.price("10000", *first)), **lasting(*first)},
        {"items": items(story.price("4000", *second)), **lasting(*second), **anchor},
    ]
    schedule = story.schedule(customer, phases, "now")
    assert [day(phase.end_date) for phase in schedule.phases] == [turn, end]
    story.at("2028-06-01")
    assert story.billed(customer) == [("2026-01-01", 10_000), (turn, 4000)]
    assert story.lines(story.invoices(customer)[-1]) == [(1, 4000, turn, end)]
    subscription = story.v1.subscriptions.retrieve(schedule.subscription)
    assert (subscription.status, day(subscription.ended_at)) == ("canceled", end)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [15, 16, 45])
def test_a_first_stretch_of_days_is_followed_by_months(story: Story, count: int) -> None:
    customer = story.customer()
    start = stamp("2026-02-01") - count * 86_400 if count < 31 else stamp("2026-01-01")
    turn = day(start + count * 86_400)
    story.at(day(start) if count < 31 else "2026-01-01")
    phases = [
        {"items": items(story.price("1500", "day", count)), **lasting("day", count)},
        {"items": items(story.price("3000")), "end_date": stamp("2026-05-01")},
    ]
    if count == 45:
        phases[1]["end_date"] = stamp("2026-04-15")
    story.schedule(customer, phases, "now")
    story.at("2026-06-01")
    billed = story.billed(customer)
    assert billed[:2] == [(day(start), 1500), (turn, 3000)]
    assert [amount for _, amount in billed] == [1500] + [3000] * (3 if count < 31 else 2)
    assert story.lines(story.invoices(customer)[0]) == [(1, 1500, day(start), turn)]


# ------------------------------------------------------------------ in mid-cycle


def test_an_item_added_in_mid_cycle_without_prorations_waits_for_the_renewal(story: Story) -> None:
    customer, seats, support = story.customer(), story.price("1000"), story.price("500")
    phases = [
        {"items": items(seats, 10), "end_date": stamp("2026-01-16")},
        {"items": items(seats, 12) + items(support), "end_date": stamp("2026-03-01")},
    ]
    schedule = story.schedule(customer, phases, "now")
    story.at("2026-01-20")
    assert story.billed(customer) == [("2026-01-01", 10_000)]
    assert story.v1.invoice_items.list({"customer": customer}).data == []
    found = story.v1.subscriptions.retrieve(schedule.subscription)["items"].data
    assert [(item.quantity, day(item.current_period_end)) for item in found] == [(12, "2026-02-01"), (1, "2026-02-01")]
    story.at("2026-03-05")
    assert story.billed(customer) == [("2026-01-01", 10_000), ("2026-02-01", 12_500)]


@pytest.mark.parametrize(
    ("behavior", "billed"),
    [
        ("none", [("2026-01-01", 31_000), ("2026-01-11", 62_000), ("2026-02-11", 62_000)]),
        ("create_prorations", [("2026-01-01", 31_000), ("2026-01-11", 41_000), ("2026-02-11", 62_000)]),
    ],
)
def test_an_anchor_at_the_phases_start_begins_a_full_cycle_there(
    story: Story, behavior: str, billed: list[Any]
) -> None:
    customer, price = story.customer(), story.price("31000")
    second = {"proration_behavior": behavior, "billing_cycle_anchor": "phase_start", "end_date": stamp("2026-03-11")}
    phases = [{"items": items(price), "end_date": stamp("2026-01-11")}, {"items": items(price, 2), **second}]
    schedule = story.schedule(customer, phases, "now")
    story.at("2026-03-20")
    assert story.billed(customer) == billed
    anchor = story.v1.subscriptions.retrieve(schedule.subscription).billing_cycle_anchor
    assert day(anchor) == "2026-01-11"


# ------------------------------------------------------------------ trials


def test_a_phase_of_trial_is_free_and_the_next_one_is_not(story: Story) -> None:
    customer, price = story.customer(), story.price("1000")
    phases = [
        {"items": items(price), "trial": True, "end_date": stamp("2026-01-15")},
        {"items": items(price), "end_date": stamp("2026-03-15")},
    ]
    schedule = story.schedule(customer, phases, "now")
    assert schedule.phases[0].trial_end == stamp("2026-01-15")
    assert story.v1.subscriptions.retrieve(schedule.subscription).status == "trialing"
    story.at("2026-04-01")
    assert story.billed(customer) == [("2026-01-01", 0), ("2026-01-15", 1000), ("2026-02-15", 1000)]


def test_a_trial_may_end_within_its_phase(story: Story) -> None:
    customer = story.customer()
    phase = {"items": items(story.price("1000")), "trial_end": stamp("2026-01-15"), "end_date": stamp("2026-03-15")}
    story.schedule(customer, [phase], "now")
    story.at("2026-04-01")
    assert story.billed(customer) == [("2026-01-01", 0), ("2026-01-15", 1000), ("2026-02-15", 1000)]


def test_a_later_phase_may_be_a_trial(story: Story) -> None:
    customer, price = story.customer(), story.price("1000")
    phases = [
        {"items": items(price), "end_date": stamp("2026-02-01")},
        {"items": items(price, 2), "trial": True, "end_date": stamp("2026-02-15")},
        {"items": items(price, 3), "end_date": stamp("2026-04-15")},
    ]
    schedule = story.schedule(customer, phases, "now")
    story.at("2026-02-02")
    subscription = story.v1.subscriptions.retrieve(schedule.subscription)
    assert (subscription.status, day(subscription.trial_end)) == ("trialing", "2026-02-15")  # type: ignore[arg-type]
    assert day(subscription.trial_start) == "2026-02-01"  # type: ignore[arg-type]
    story.at("2026-05-01")
    assert story.billed(customer) == [
        ("2026-01-01", 1000), ("2026-02-01", 0), ("2026-02-15", 3000), ("2026-03-15", 3000),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trial": True, "trial_end": stamp("2026-02-01")}, "both `trial` and `trial_end`"),
        ({"trial": True, "billing_cycle_anchor": "phase_start"}, "phase_start"),
        ({"trial_end": stamp("2028-01-01")}, "trial"),
    ],
)
def test_a_trial_that_makes_no_sense_is_refused(story: Story, change: dict[str, Any], words: str) -> None:
    phase = {"items": items(story.price("1000")), **lasting("year"), **change}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.schedule(story.customer(), [phase], "now")


# ------------------------------------------------------------------ rewriting


def read(schedule: Any) -> list[dict[str, Any]]:
    """The phases of a schedule as parameters."""
    return [
        {
            "start_date": phase.start_date,
            "end_date": phase.end_date,
            "proration_behavior": "none",
            "items": [{"price": item.price, "quantity": item.quantity} for item in phase["items"]],
        }
        for phase in schedule.phases
    ]


@pytest.mark.parametrize("past", ["left out", "sent along"])
def test_rewriting_begins_with_the_running_phase_and_may_leave_out_what_is_over(story: Story, past: str) -> None:
    customer, price = story.customer(), story.price("1000")
    phases = [{"items": items(price, seats), **lasting("month")} for seats in (1, 2, 3)]
    schedule = story.schedule(customer, phases, "now")
    story.at("2026-02-10")
    wanted = read(schedule)[1 if past == "left out" else 0 :]
    wanted[-1]["items"][0]["quantity"] = 5
    params: Any = {"phases": wanted, "proration_behavior": "none"}
    updated = story.v1.subscription_schedules.update(schedule.id, params)
    assert [phase["items"][0].quantity for phase in updated.phases] == [1, 2, 5]
    story.at("2026-05-01")
    assert [total for _, total in story.billed(customer)] == [1000, 2000, 5000]


def test_rewriting_must_name_the_running_phases_start(story: Story) -> None:
    customer, price = story.customer(), story.price("1000")
    schedule = story.schedule(customer, [{"items": items(price), **lasting("month")} for _ in range(2)], "now")
    story.at("2026-02-10")
    wanted: Any = read(schedule)[1:]
    del wanted[0]["start_date"]
    with pytest.raises(stripe.InvalidRequestError, match="start_date"):
        story.v1.subscription_schedules.update(schedule.id, {"phases": wanted})
    wanted[0]["start_date"] = stamp("2026-01-15")
    with pytest.raises(stripe.InvalidRequestError, match="already started"):
        story.v1.subscription_schedules.update(schedule.id, {"phases": wanted})


def test_ten_phases_may_be_running_or_to_come_and_past_ones_do_not_count(story: Story) -> None:
    customer, price = story.customer(), story.price("1000")
    ten = [{"items": items(price), **lasting("month")} for _ in range(10)]
    schedule = story.schedule(customer, ten, "now")
    with pytest.raises(stripe.InvalidRequestError, match="10 current and future phases"):
        story.schedule(customer, [*ten, ten[0]], "now")
    more: Any = {"items": items(price), "proration_behavior": "none", **lasting("month")}
    with pytest.raises(stripe.InvalidRequestError, match="10 current and future phases"):
        story.v1.subscription_schedules.update(schedule.id, {"phases": [*read(schedule), more]})  # type: ignore[list-item]
    story.at("2026-02-10")
    params: Any = {"phases": [*read(schedule)[1:], more], "proration_behavior": "none"}
    assert len(story.v1.subscription_schedules.update(schedule.id, params).phases) == 11


def test_a_phase_has_at_most_twenty_items(story: Story) -> None:
    prices = [story.price("100") for _ in range(21)]
    phase = {"items": [{"price": price} for price in prices], **lasting("month")}
    with pytest.raises(stripe.InvalidRequestError, match="20"):
        story.schedule(story.customer(), [phase], "now")
    phase["items"] = phase["items"][:20]
    assert len(story.schedule(story.customer(), [phase], "now").phases[0]["items"]) == 20


# ------------------------------------------------------------------ the end


def test_a_released_subscription_goes_on_as_its_last_phase_was(story: Story) -> None:
    customer, price = story.customer(), story.price("1000")
    phases = [{"items": items(price, seats), **lasting("month")} for seats in (1, 2)]
    schedule = story.schedule(customer, phases, "now", end_behavior="release")
    story.at("2026-04-02")
    assert [total for _, total in story.billed(customer)] == [1000, 2000, 2000, 2000]
    released = story.v1.subscription_schedules.retrieve(schedule.id)
    assert (released.status, day(released.released_at)) == ("released", "2026-03-01")  # type: ignore[arg-type]


def test_the_last_phase_may_have_no_end_when_it_is_released(story: Story) -> None:
    customer, price = story.customer(), story.price("1000")
    phases = [{"items": items(price), **lasting("month", 2)}, {"items": items(price, 3)}]
    schedule = story.schedule(customer, phases, "now", end_behavior="release")
    assert [day(phase.end_date) for phase in schedule.phases] == ["2026-03-01", "2026-04-01"]
    story.at("2026-06-02")
    assert [total for _, total in story.billed(customer)] == [1000, 1000, 3000, 3000, 3000, 3000]


def test_a_metered_item_goes_into_a_schedule_made_around_its_subscription(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    price = story.priced(story.meter(), unit_amount=100)
    subscription = story.subscribe(customer, [{"price": price}])
    schedule = story.v1.subscription_schedules.create({"from_subscription": subscription.id})
    assert "quantity" not in schedule.phases[0]["items"][0].to_dict()
    story.use(customer, 4)
    params: Any = {
        "phases": [{"items": [{"price": price}], "start_date": stamp("2026-01-01"), "end_date": stamp("2026-03-01")}],
        "end_behavior": "cancel",
        "proration_behavior": "none",
    }
    story.v1.subscription_schedules.update(schedule.id, params)
    story.at("2026-03-02")
    assert story.billed(customer) == [("2026-02-01", 400), ("2026-03-01", 0)]
