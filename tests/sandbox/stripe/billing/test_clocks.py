"""Test clocks: a customer's own time, moved forward by itself."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.serving import RawStripe
from tests.sandbox.stripe.billing.story import Story, day, stamp


def clock_at(story: Story, moment: str, **values: Any) -> str:
    return story.v1.test_helpers.test_clocks.create({"frozen_time": stamp(moment), **values}).id  # type: ignore[typeddict-item]


def advance(story: Story, clock: str, moment: str) -> Any:
    return story.v1.test_helpers.test_clocks.advance(clock, {"frozen_time": stamp(moment)})


def test_a_clock_says_where_it_stands(story: Story) -> None:
    clock = story.v1.test_helpers.test_clocks.retrieve(clock_at(story, "2030-05-01", name="Renewal"))
    assert (clock.status, clock.name, day(clock.frozen_time)) == ("ready", "Renewal", "2030-05-01")
    assert (day(clock.created), clock.deletes_after - clock.created) == ("2026-01-01", 30 * 86_400)
    second = clock_at(story, "2020-01-01")
    assert [found.id for found in story.v1.test_helpers.test_clocks.list().data] == [second, clock.id]
    assert story.event_types().count("test_helpers.test_clock.created") == 2


def test_what_is_the_customers_lives_in_the_clocks_time(story: Story) -> None:
    clock = clock_at(story, "2030-05-01")
    customer = story.customer("pm_card_visa", test_clock=clock)
    subscription = story.subscribe(customer, [{"price": story.price("1000")}])
    item = story.v1.invoice_items.create({"customer": customer, "amount": 5, "currency": "usd"})
    for found in (subscription, item, story.invoices(customer)[0], story.v1.customers.retrieve(customer)):
        assert found.test_clock == clock
    assert day(subscription.created) == day(story.v1.customers.retrieve(customer).created) == "2030-05-01"
    assert story.billed(customer) == [("2030-05-01", 1000)]
    assert story.v1.invoices.create_preview({"subscription": subscription.id}).total == 1005


def test_advancing_bills_the_clocks_customers_and_nobody_else(story: Story) -> None:
    clock = clock_at(story, "2026-01-01")
    price = story.price("1000")
    timed, other = story.customer("pm_card_visa", test_clock=clock), story.customer("pm_card_visa")
    for customer in (timed, other):
        story.subscribe(customer, [{"price": price}])
    answer = advance(story, clock, "2026-03-01")
    assert (answer.status, answer.status_details.advancing.target_frozen_time) == ("advancing", stamp("2026-03-01"))
    ready = story.v1.test_helpers.test_clocks.retrieve(clock)
    assert (ready.status, day(ready.frozen_time)) == ("ready", "2026-03-01")
    assert [at for at, _ in story.billed(timed)] == ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert story.invoices(timed)[1].status == "paid"
    assert len(story.billed(other)) == 1
    story.at("2027-01-01")
    assert len(story.billed(timed)) == 3
    assert len(story.billed(other)) == 13


def test_advancing_is_told_by_events_in_the_clocks_time(story: Story) -> None:
    clock = clock_at(story, "2026-05-01")
    customer = story.customer("pm_card_visa", test_clock=clock)
    story.subscribe(customer, [{"price": story.price("1000")}])
    advance(story, clock, "2026-06-02")
    events = story.v1.events.list({"limit": 100}).data[::-1]
    types = [event.type for event in events]
    begin, end = types.index("test_helpers.test_clock.advancing"), types.index("test_helpers.test_clock.ready")
    assert "invoice.paid" in types[begin:end]
    created = next(event for event in events[begin:] if event.type == "invoice.created")
    assert day(created.created) == "2026-06-01"
    assert events[end].data.object["frozen_time"] == stamp("2026-06-02")


def test_a_schedule_lives_in_the_clocks_time(story: Story) -> None:
    clock = clock_at(story, "2026-05-01")
    customer, price = story.customer(test_clock=clock), story.price("1000")
    phases = [{"items": [{"price": price, "quantity": n}], "duration": {"interval": "month"}} for n in (1, 2)]
    schedule = story.schedule(customer, phases, stamp("2026-05-15"))
    assert (schedule.test_clock, schedule.status) == (clock, "not_started")
    advance(story, clock, "2026-07-01")
    advance(story, clock, "2026-07-16")
    assert story.billed(customer) == [("2026-05-15", 1000), ("2026-06-15", 2000)]
    assert story.v1.subscription_schedules.retrieve(schedule.id).status == "completed"


def test_usage_is_stamped_in_the_clocks_time(story: Story) -> None:
    clock = clock_at(story, "2030-05-01")
    customer = story.customer("pm_card_visa", test_clock=clock)
    story.subscribe(customer, [{"price": story.priced(story.meter(), unit_amount=100)}])
    story.use(customer, 3)
    with pytest.raises(stripe.InvalidRequestError, match="35 days"):
        story.use(customer, 3, "2026-01-01")
    advance(story, clock, "2030-06-01")
    assert story.billed(customer) == [("2030-06-01", 300)]


@pytest.mark.parametrize(
    ("interval", "target", "goes"),
    [
        (None, "2028-01-01", True), (None, "2028-01-02", False),
        (("month", 1), "2026-03-01", True), (("month", 1), "2026-03-02", False),
        (("year", 1), "2028-01-01", True), (("day", 10), "2026-01-22", False),
    ],
)  # fmt: skip
def test_a_clock_goes_two_intervals_at_a_time(story: Story, interval: Any, target: str, goes: bool) -> None:
    clock = clock_at(story, "2026-01-01")
    if interval:
        story.subscribe(story.customer("pm_card_visa", test_clock=clock), [{"price": story.price("1", *interval)}])
    if goes:
        assert advance(story, clock, target).status == "advancing"
        return
    with pytest.raises(stripe.InvalidRequestError, match="two intervals") as caught:
        advance(story, clock, target)
    assert caught.value.param == "frozen_time"


def test_a_clock_never_goes_back(story: Story) -> None:
    clock = clock_at(story, "2026-01-01")
    for moment in ("2025-12-31", "2026-01-01"):
        with pytest.raises(stripe.InvalidRequestError, match="must be after"):
            advance(story, clock, moment)


def test_a_clock_has_three_customers_and_takes_them_with_it(story: Story) -> None:
    clock = clock_at(story, "2026-01-01")
    customers = [story.customer("pm_card_visa", test_clock=clock) for _ in range(3)]
    with pytest.raises(stripe.InvalidRequestError, match="at most 3 customers"):
        story.customer(test_clock=clock)
    subscription = story.subscribe(customers[0], [{"price": story.price("1000")}])
    assert story.v1.test_helpers.test_clocks.delete(clock).deleted is True
    assert [story.v1.customers.retrieve(customer).deleted for customer in customers] == [True] * 3
    assert story.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    events = story.event_types()
    assert (events.count("customer.deleted"), events[-1]) == (3, "test_helpers.test_clock.deleted")
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        story.v1.test_helpers.test_clocks.retrieve(clock)


def test_a_clocks_customer_has_three_subscriptions(story: Story) -> None:
    customer = story.customer("pm_card_visa", test_clock=clock_at(story, "2026-01-01"))
    items = [{"price": story.price("1000")}]
    phases = [{"items": items, "duration": {"interval": "year"}}]
    for _ in range(2):
        story.subscribe(customer, items)
    story.schedule(customer, phases, stamp("2026-02-01"))
    with pytest.raises(stripe.InvalidRequestError, match="at most 3 subscriptions"):
        story.subscribe(customer, items)
    with pytest.raises(stripe.InvalidRequestError, match="at most 3 subscriptions"):
        story.schedule(customer, phases, "now")


def test_lists_leave_out_what_is_a_clocks_unless_it_is_asked_for(story: Story) -> None:
    clock = clock_at(story, "2026-01-01")
    timed, other = story.customer("pm_card_visa", test_clock=clock), story.customer("pm_card_visa")
    price = story.price("1000")
    mine, theirs = (story.subscribe(customer, [{"price": price}]) for customer in (timed, other))
    assert [found.id for found in story.v1.customers.list().data] == [other]
    assert [found.id for found in story.v1.customers.list({"test_clock": clock}).data] == [timed]
    assert [found.id for found in story.v1.subscriptions.list().data] == [theirs.id]
    assert [found.id for found in story.v1.subscriptions.list({"test_clock": clock}).data] == [mine.id]
    assert [found.id for found in story.v1.subscriptions.list({"customer": timed}).data] == [mine.id]
    assert [found.customer for found in story.v1.invoices.list().data] == [other]
    assert len(story.invoices(timed)) == 1


def test_a_customer_who_has_nothing_yet_can_be_attached(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    clock = clock_at(story, "2026-01-01", customer=customer)
    assert story.v1.customers.retrieve(customer, {"expand": ["test_clock"]}).test_clock.id == clock  # type: ignore[union-attr]
    with pytest.raises(stripe.InvalidRequestError, match="cannot be attached"):
        clock_at(story, "2026-01-01", customer=customer)


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({}, "parameter_missing", "frozen_time"),
        ({"frozen_time": "soon"}, "parameter_invalid_integer", "frozen_time"),
        ({"frozen_time": "1", "metadata[a]": "b"}, "parameter_unknown", "metadata"),
        ({"frozen_time": "1", "customer": "cus_none"}, "resource_missing", "customer"),
    ],
)
def test_a_clock_that_stripe_would_refuse_is_refused(
    raw: RawStripe, form: dict[str, str], code: str, param: str
) -> None:
    error = raw.post("/v1/test_helpers/test_clocks", form).json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert raw.get("/v1/test_helpers/test_clocks").json()["data"] == []


def test_a_clock_is_named_only_when_a_customer_is_made(story: Story, raw: RawStripe) -> None:
    customer, clock = story.customer(), clock_at(story, "2026-01-01")
    error = raw.post(f"/v1/customers/{customer}", {"test_clock": clock}).json()["error"]
    assert (error["code"], error["param"]) == ("parameter_unknown", "test_clock")
    with pytest.raises(stripe.InvalidRequestError, match="No such") as caught:
        story.customer(test_clock="clock_none")
    assert caught.value.param == "test_clock"
