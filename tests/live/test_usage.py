"""docs/assumptions.md, usage: each test is named by its number."""

from __future__ import annotations

from typing import Any

from tests.live.account import Account, day, refused, seats, stamp


def metered(account: Account, event: str, **values: Any) -> tuple[str, str]:
    """A meter and a price on it: per unit, or in graduated tiers."""
    meter = account.meter(event)
    if "tiers" in values:
        values = {"billing_scheme": "tiered", "tiers_mode": "graduated", **values}
        return meter, account.price(None, meter=meter, **values)
    return meter, account.price("100", meter=meter, **values)


def test_s41_the_end_of_a_schedule_bills_the_usage_of_the_last_period(account: Account) -> None:
    clock, event = account.clock("2026-01-01"), account.name("event")
    customer = account.customer(clock)
    meter, price = metered(account, event)
    phase = {"items": [{"price": price}], "end_date": stamp("2026-02-01")}
    schedule = account.schedule(customer, [phase], "now")
    account.advance(clock, "2026-01-10")
    account.used(event, customer, 7, "2026-01-10")
    account.counted(meter, customer, 7, "2026-01-01", "2026-02-01")
    account.advance(clock, "2026-02-02")

    assert account.billed(customer) == [("2026-02-01", 700)]
    assert account.v1.subscriptions.retrieve(schedule.subscription).status == "canceled"


def test_s42_a_metered_price_that_leaves_in_mid_cycle_takes_its_usage_with_it(account: Account) -> None:
    clock, event = account.clock("2026-01-01"), account.name("event")
    customer, price = account.customer(clock), account.price("1000")
    meter, used = metered(account, event)
    phases = [
        {"items": [seats(price), {"price": used}], "end_date": stamp("2026-01-16")},
        {"items": [seats(price)], "end_date": stamp("2026-03-01")},
    ]
    account.schedule(customer, phases, "now")
    account.advance(clock, "2026-01-10")
    account.used(event, customer, 3, "2026-01-10")
    account.counted(meter, customer, 3, "2026-01-01", "2026-02-01")
    account.advance(clock, "2026-02-02")
    assert account.billed(customer) == [("2026-01-01", 1000), ("2026-02-01", 1000)]


def test_s48_an_item_of_a_metered_price_takes_no_quantity(account: Account) -> None:
    customer = account.customer(account.clock("2026-01-01"))
    _, price = metered(account, account.name("event"))
    made = account.subscription(customer, [{"price": price}])
    assert getattr(made["items"].data[0], "quantity", None) is None
    end = stamp("2026-03-01")
    phase = account.schedule(customer, [{"items": [{"price": price}], "end_date": end}], stamp("2026-02-01")).phases[0]
    assert getattr(phase["items"][0], "quantity", None) is None
    with refused():
        account.schedule(customer, [{"items": [seats(price)], "end_date": end}], stamp("2026-02-01"))


def test_s50_tiers_are_rounded_one_by_one_each_on_a_line(account: Account) -> None:
    clock, event = account.clock("2026-01-01"), account.name("event")
    customer = account.customer(clock)
    tiers = [{"up_to": 3, "unit_amount_decimal": "0.5"}, {"up_to": "inf", "unit_amount_decimal": "0.33"}]
    meter, price = metered(account, event, tiers=tiers)
    account.subscription(customer, [{"price": price}])
    account.advance(clock, "2026-01-10")
    account.used(event, customer, 104, "2026-01-10")
    account.counted(meter, customer, 104, "2026-01-01", "2026-02-01")
    account.advance(clock, "2026-02-02")

    invoice = account.invoices(customer)[-1]
    assert (day(invoice.created), invoice.total) == ("2026-02-01", 35)
    assert [(line.quantity, line.amount) for line in account.lines(invoice)] == [(3, 2), (101, 33)]


def test_s58_a_meter_event_whose_identifier_was_seen_within_a_day_is_refused(account: Account) -> None:
    event = account.name("event")
    customer = account.customer(account.clock("2026-01-01"))
    meter, _ = metered(account, event)
    account.used(event, customer, 7, "2026-01-01", identifier=account.name("use"))
    with refused() as told:
        account.used(event, customer, 7, "2026-01-01", identifier=account.name("use"))
    assert "already exists" in str(told[0])
    account.counted(meter, customer, 7, "2025-12-31", "2026-01-02")


def test_s59_the_summary_of_one_minute_is_the_sum_of_its_events(account: Account) -> None:
    event = account.name("event")
    customer = account.customer(account.clock("2026-01-01"))
    meter, _ = metered(account, event)
    for value, moment in ((1, "2025-12-31T23:58:59"), (2, "2025-12-31T23:59:00"), (4, "2025-12-31T23:59:59")):
        account.used(event, customer, value, moment)
    account.counted(meter, customer, 6, "2025-12-31T23:59:00", "2026-01-01")
