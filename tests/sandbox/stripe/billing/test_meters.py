"""Meters, what is reported to them, and what they say has been counted."""

from __future__ import annotations

import re
from typing import Any

import pytest
import stripe

from tests.sandbox.serving import RawStripe
from tests.sandbox.stripe.billing.story import Story, stamp


def test_a_meter_reads_customer_and_value_from_the_usual_keys(story: Story) -> None:
    meter = story.v1.billing.meters.retrieve(story.meter())
    assert (meter.status, meter.event_name, meter.event_time_window) == ("active", "resolutions", None)
    assert meter.customer_mapping.to_dict() == {"event_payload_key": "stripe_customer_id", "type": "by_id"}
    assert meter.value_settings.event_payload_key == "value"
    assert meter.status_transitions.deactivated_at is None
    assert "billing.meter.created" in story.event_types()


def test_a_meter_may_read_other_keys(story: Story) -> None:
    customer = story.customer()
    mapping: Any = {"event_payload_key": "who", "type": "by_id"}
    meter = story.meter(customer_mapping=mapping, value_settings={"event_payload_key": "tokens"})
    event: Any = {"event_name": "resolutions", "payload": {"who": customer, "tokens": "7", "note": "x"}}
    told = story.v1.billing.meter_events.create(event)
    assert (told.payload.to_dict(), told.timestamp) == (event["payload"], stamp("2026-01-01"))
    assert summed(story, meter, customer) == 7


def summed(story: Story, meter: str, customer: str) -> float:
    whole: Any = {"customer": customer, "start_time": stamp("2025-12-01"), "end_time": stamp("2026-03-01")}
    (summary,) = story.v1.billing.meters.event_summaries.list(meter, whole).data
    return summary.aggregated_value


def test_only_the_name_of_a_meter_changes(story: Story, raw: RawStripe) -> None:
    meter = story.meter()
    assert story.v1.billing.meters.update(meter, {"display_name": "Answers"}).display_name == "Answers"
    assert "billing.meter.updated" in story.event_types()
    refused = raw.post(f"/v1/billing/meters/{meter}", {"event_name": "other"}).json()["error"]
    assert (refused["code"], refused["param"]) == ("parameter_unknown", "event_name")


def test_an_event_name_belongs_to_one_active_meter(story: Story) -> None:
    first = story.meter()
    with pytest.raises(stripe.InvalidRequestError, match="already an active meter") as caught:
        story.meter()
    assert caught.value.param == "event_name"
    assert story.v1.billing.meters.deactivate(first).status == "inactive"
    second = story.meter()
    with pytest.raises(stripe.InvalidRequestError, match="already an active meter"):
        story.v1.billing.meters.reactivate(first)
    story.v1.billing.meters.deactivate(second)
    again = story.v1.billing.meters.reactivate(first)
    assert (again.status, again.status_transitions.deactivated_at) == ("active", None)
    events = story.event_types()
    assert events.count("billing.meter.deactivated") == 2
    assert events.count("billing.meter.reactivated") == 1


def test_meters_are_listed_by_status_page_by_page(story: Story) -> None:
    ids = [story.meter(f"event_{number}") for number in range(3)]
    story.v1.billing.meters.deactivate(ids[1])
    active = story.v1.billing.meters.list({"status": "active", "limit": 1})
    assert ([meter.id for meter in active.data], active.has_more) == ([ids[2]], True)
    assert [meter.id for meter in active.auto_paging_iter()] == [ids[2], ids[0]]
    assert [meter.id for meter in story.v1.billing.meters.list({"status": "inactive"}).data] == [ids[1]]


def test_an_inactive_meter_takes_no_events_and_no_prices(story: Story) -> None:
    meter, customer = story.meter(), story.customer()
    story.v1.billing.meters.deactivate(meter)
    with pytest.raises(stripe.InvalidRequestError, match="No active meter"):
        story.use(customer, 1)
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        story.priced(meter, unit_amount=1)


FORM = {"display_name": "R", "event_name": "r", "default_aggregation[formula]": "sum"}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"event_name": None}, "parameter_missing", "event_name"),
        ({"default_aggregation[formula]": None}, "parameter_missing", "default_aggregation"),
        ({"default_aggregation[formula]": "max"}, None, "default_aggregation[formula]"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"customer_mapping[type]": "by_id"}, "parameter_missing", "customer_mapping[event_payload_key]"),
        ({"event_time_window": "week"}, None, "event_time_window"),
    ],
)
def test_a_meter_that_stripe_would_refuse_is_refused(
    raw: RawStripe, change: dict[str, str | None], code: str | None, param: str
) -> None:
    form = {key: value for key, value in {**FORM, **change}.items() if value is not None}
    answer = raw.post("/v1/billing/meters", form)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error.get("code"), error["param"]) == (
        400, "invalid_request_error", code, param,
    )  # fmt: skip
    assert raw.get("/v1/billing/meters").json()["data"] == []


# ------------------------------------------------------------------ events


def test_an_event_without_identifier_and_time_gets_its_own(story: Story) -> None:
    story.meter()
    customer = story.customer()
    one, two = story.use(customer, 1), story.use(customer, 1)
    assert one.identifier != two.identifier
    assert one.timestamp == one.created == stamp("2026-01-01")


def test_events_are_taken_from_35_days_ago_to_5_minutes_ahead(story: Story) -> None:
    story.meter()
    customer = story.customer()
    story.at("2026-02-10T12:00:00")
    now = stamp("2026-02-10T12:00:00")
    for at in (now - 35 * 86_400, now + 300):
        story.use(customer, 1, timestamp=at)
    for at, words in ((now - 35 * 86_400 - 1, "more than 35 days in past"), (now + 301, "more than 5 minutes")):
        with pytest.raises(stripe.InvalidRequestError, match=words) as caught:
            story.use(customer, 1, timestamp=at)
        assert caught.value.param == "timestamp"


def test_an_identifier_is_free_again_after_a_day(story: Story) -> None:
    meter, customer = story.meter(), story.customer()
    story.use(customer, 2, identifier="a")
    story.at("2026-01-01T23:59:59")
    with pytest.raises(stripe.InvalidRequestError, match="already exists with identifier a"):
        story.use(customer, 2, identifier="a")
    story.at("2026-01-02")
    story.use(customer, 3, identifier="a")
    assert summed(story, meter, customer) == 5


def test_a_repeated_identifier_says_not_to_try_again(story: Story, raw: RawStripe) -> None:
    story.meter()
    customer = story.customer()
    form = {"event_name": "resolutions", "payload[stripe_customer_id]": customer, "payload[value]": "1"}
    assert raw.post("/v1/billing/meter_events", {**form, "identifier": "a"}).status_code == 200
    again = raw.post("/v1/billing/meter_events", {**form, "identifier": "a"})
    assert (again.status_code, again.headers["stripe-should-retry"]) == (400, "false")
    assert again.json()["error"] == {
        "message": "An event already exists with identifier a.",
        "type": "invalid_request_error",
    }


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"event_name": "none"}, "resource_missing", "event_name"),
        ({"payload[stripe_customer_id]": "cus_none"}, "resource_missing", "payload[stripe_customer_id]"),
        ({"payload[stripe_customer_id]": None}, "parameter_missing", "payload[stripe_customer_id]"),
        ({"payload[value]": None}, "parameter_missing", "payload[value]"),
        ({"payload[value]": "1.5"}, None, "payload[value]"),
        ({"payload[value]": "many"}, None, "payload[value]"),
        ({"payload[value]": "1" * 16}, None, "payload[value]"),
        ({"payload[value][0]": "1", "payload[value]": None}, None, "payload[value]"),
        ({"timestamp": "soon"}, "parameter_invalid_integer", "timestamp"),
        ({"customer": "cus_x"}, "parameter_unknown", "customer"),
    ],
)
def test_an_event_that_stripe_would_refuse_counts_nothing(
    story: Story, raw: RawStripe, change: dict[str, str | None], code: str | None, param: str
) -> None:
    meter, customer = story.meter(), story.customer()
    form = {"event_name": "resolutions", "payload[stripe_customer_id]": customer, "payload[value]": "1"}
    sent = {key: value for key, value in {**form, **change}.items() if value is not None}
    answer = raw.post("/v1/billing/meter_events", sent)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error["param"]) == (400, code, param)
    assert summed(story, meter, customer) == 0


def test_an_event_is_cancelled_by_its_identifier_within_a_day(story: Story) -> None:
    meter, customer = story.meter(), story.customer()
    story.use(customer, 2, identifier="a")
    story.use(customer, 3, identifier="b")
    cancel: Any = {"event_name": "resolutions", "type": "cancel", "cancel": {"identifier": "a"}}
    told = story.v1.billing.meter_event_adjustments.create(cancel)
    assert (told.status, told.cancel.identifier) == ("pending", "a")  # type: ignore[union-attr]
    assert summed(story, meter, customer) == 3
    with pytest.raises(stripe.InvalidRequestError, match="already cancelled"):
        story.v1.billing.meter_event_adjustments.create(cancel)
    story.at("2026-01-02")
    with pytest.raises(stripe.InvalidRequestError, match="within the last 24 hours"):
        story.v1.billing.meter_event_adjustments.create({**cancel, "cancel": {"identifier": "b"}})
    with pytest.raises(stripe.InvalidRequestError, match="identifier"):
        story.v1.billing.meter_event_adjustments.create({"event_name": "resolutions", "type": "cancel"})


def test_of_sums_by_the_hour_the_last_one_told_counts(story: Story) -> None:
    meter, customer = story.meter(event_time_window="hour"), story.customer()
    story.at("2026-01-02")
    story.use(customer, 5, "2026-01-01T10:00:00")
    story.use(customer, 7, "2026-01-01T10:59:59")
    story.use(customer, 1, "2026-01-01T11:00:00")
    assert summed(story, meter, customer) == 8


# ------------------------------------------------------------------ summaries


def test_usage_is_summed_up_by_hour_and_day_newest_first(story: Story) -> None:
    meter, customer = story.meter(), story.customer()
    story.at("2026-01-05")
    for value, moment in ((1, "2026-01-02"), (2, "2026-01-02T23:59:59"), (4, "2026-01-04T10:30:00")):
        story.use(customer, value, moment)
    days: Any = {
        "customer": customer,
        "start_time": stamp("2026-01-01"),
        "end_time": stamp("2026-01-05"),
        "value_grouping_window": "day",
    }
    found = story.v1.billing.meters.event_summaries.list(meter, days).data
    assert [(each.start_time, each.aggregated_value) for each in found] == [
        (stamp("2026-01-04"), 4), (stamp("2026-01-02"), 3),
    ]  # fmt: skip
    first = story.v1.billing.meters.event_summaries.list(meter, {**days, "limit": 1})
    assert [each.aggregated_value for each in first.auto_paging_iter()] == [4, 3]
    hours: Any = {**days, "start_time": stamp("2026-01-04"), "value_grouping_window": "hour"}
    (hour,) = story.v1.billing.meters.event_summaries.list(meter, hours).data
    assert (hour.start_time, hour.end_time) == (stamp("2026-01-04T10:00:00"), stamp("2026-01-04T11:00:00"))


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"start_time": "1767225630"}, "start_time"),
        ({"value_grouping_window": "hour", "end_time": "1767227400"}, "end_time"),
        ({"end_time": "1767225600"}, "end_time"),
        ({"customer": "cus_none"}, "customer"),
        ({"value_grouping_window": "week"}, "value_grouping_window"),
    ],
)
def test_summaries_want_aligned_times(story: Story, raw: RawStripe, change: dict[str, str], param: str) -> None:
    meter, customer = story.meter(), story.customer()
    query = {"customer": customer, "start_time": "1767225600", "end_time": "1767312000", **change}
    answer = raw.get(f"/v1/billing/meters/{meter}/event_summaries", query)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


# ------------------------------------------------------------------ prices


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recurring[usage_type]": "metered"}, "must be backed by meters"),
        ({"recurring[usage_type]": "metered", "recurring[meter]": "mtr_none"}, "No such"),
        ({"recurring[meter]": "METER"}, "usage_type=metered"),
        ({"transform_quantity[divide_by]": "10", "transform_quantity[round]": "up"}, "transform_quantity"),
        ({"unit_amount": "100"}, "unit_amount"),
        ({"tiers_mode": None}, "tiers_mode"),
        ({"billing_scheme": None}, "tiers"),
        ({"tiers[1][up_to]": "5"}, "tiers|inf"),
        ({"tiers[0][unit_amount]": None}, "tier needs"),
        ({"tiers[0][unit_amount_decimal]": "1.5"}, "either"),
    ],
)
def test_a_price_that_stripe_would_refuse_is_refused(
    story: Story, raw: RawStripe, change: dict[str, str | None], words: str
) -> None:
    form = {
        "currency": "usd",
        "product": story.product(),
        "recurring[interval]": "month",
        "billing_scheme": "tiered",
        "tiers_mode": "graduated",
        "tiers[0][up_to]": "10",
        "tiers[0][unit_amount]": "1",
        "tiers[1][up_to]": "inf",
        "tiers[1][unit_amount]": "1",
    }
    meter = story.meter()
    sent = {key: value for key, value in {**form, **change}.items() if value is not None}
    sent = {key: meter if value == "METER" else value for key, value in sent.items()}
    answer = raw.post("/v1/prices", sent)
    assert answer.status_code == 400
    assert re.search(words, answer.json()["error"]["message"] + answer.json()["error"].get("param", ""))


def test_a_metered_price_names_its_meter_and_is_found_by_it(story: Story) -> None:
    meter = story.meter()
    price = story.v1.prices.retrieve(story.priced(meter, tiers=[{"up_to": "inf", "flat_amount_decimal": "0.5"}]))
    assert (price.unit_amount, price.unit_amount_decimal, price.billing_scheme) == (None, None, "tiered")
    assert (price.recurring.usage_type, price.recurring.meter) == ("metered", meter)  # type: ignore[union-attr]
    found = story.v1.prices.list({"recurring": {"meter": meter}, "expand": ["data.tiers"]}).data
    assert [(each.id, each.tiers[0].flat_amount, str(each.tiers[0].flat_amount_decimal)) for each in found] == [  # type: ignore[index]
        (price.id, None, "0.5")
    ]
