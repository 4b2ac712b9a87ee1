"""docs/assumptions.md, subscriptions and schedules: each test is named by its number."""

from __future__ import annotations

from typing import Any

from tests.live.account import FLEXIBLE, Account, day, refused, seats, stamp

#: A phase that begins with a cycle of its own.
ANEW = {"billing_cycle_anchor": "phase_start"}


def read(schedule: Any) -> list[dict[str, Any]]:
    """The phases of a schedule as parameters."""
    return [
        {
            "start_date": phase.start_date,
            "end_date": phase.end_date,
            "items": [{"price": item.price, "quantity": item.quantity} for item in phase["items"]],
        }
        for phase in schedule.phases
    ]


def test_s09_back_dated_without_proration_nothing_is_billed_before_the_anchor(account: Account) -> None:
    clock = account.clock("2026-06-10T12:00")
    monthly, yearly = account.customer(clock), account.customer(clock)
    begun = {"backdate_start_date": stamp("2026-06-01"), "billing_cycle_anchor": stamp("2026-07-01")}
    made = account.subscription(monthly, [seats(account.price("1000"))], **begun)
    begun = {"backdate_start_date": stamp("2026-05-01"), "billing_cycle_anchor": stamp("2027-05-01")}
    account.subscription(yearly, [seats(account.price("12000", "year"))], **begun)

    assert (day(made.start_date), account.billed(monthly), account.billed(yearly)) == ("2026-06-01", [], [])
    account.advance(clock, "2026-07-02", "2026-08-02")
    assert account.billed(monthly) == [("2026-07-01", 1000), ("2026-08-01", 1000)]
    assert account.billed(yearly) == []


def test_s09_an_anchor_by_its_day_knows_short_months(account: Account) -> None:
    clock = account.clock("2026-02-10T12:00")
    monthly, quarterly = account.customer(clock), account.customer(clock)
    account.subscription(
        monthly, [seats(account.price("1000"))], backdate_start_date=stamp("2026-01-31"),
        billing_cycle_anchor_config={"day_of_month": 31, "hour": 0, "minute": 0, "second": 0},
    )  # fmt: skip
    account.subscription(
        quarterly, [seats(account.price("3000", "month", 3))], backdate_start_date=stamp("2025-11-30"),
        billing_cycle_anchor_config={"day_of_month": 30, "month": 5, "hour": 0, "minute": 0, "second": 0},
    )  # fmt: skip

    account.advance(clock, "2026-03-10", "2026-05-02", "2026-06-01")
    assert [at for at, _ in account.billed(monthly)] == ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
    assert [at for at, _ in account.billed(quarterly)] == ["2026-02-28", "2026-05-30"]


def test_s10_a_schedule_made_from_a_subscription_may_be_updated_at_once(account: Account) -> None:
    clock = account.clock("2026-06-10")
    customer, price = account.customer(clock), account.price("1000")
    begun = {"backdate_start_date": stamp("2026-06-01"), "billing_cycle_anchor": stamp("2026-07-01")}
    made = account.subscription(customer, [seats(price, 3)], **begun)
    schedule = account.v1.subscription_schedules.create({"from_subscription": made.id})
    start = schedule.phases[0].start_date
    phase = {"start_date": start, "end_date": stamp("2026-09-01"), "items": [seats(price, 3)]}
    updated = account.rewrite(schedule.id, [phase], end_behavior="cancel")

    assert [(p.start_date, day(p.end_date)) for p in updated.phases] == [(start, "2026-09-01")]
    assert (account.billed(customer), account.pending(customer)) == ([], [])
    account.advance(clock, "2026-07-20", "2026-09-02")
    assert account.billed(customer) == [("2026-07-01", 3000), ("2026-08-01", 3000)]


def test_s11_one_phase_may_last_for_a_term_and_ends_on_a_boundary(account: Account) -> None:
    clock = account.clock("2026-12-31")
    customer = account.customer(clock)
    phase = {"items": [seats(account.price("1000"))], "end_date": stamp("2027-05-31")}
    schedule = account.schedule(customer, [phase], stamp("2027-01-31"))
    account.advance(clock, "2027-02-15", "2027-04-10", "2027-06-02")

    days = ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]
    assert account.billed(customer) == [(at, 1000) for at in days]
    assert account.v1.subscription_schedules.retrieve(schedule.id).status == "completed"


def test_s12_at_most_ten_current_and_future_phases(account: Account) -> None:
    customer, price = account.customer(account.clock("2026-01-01")), account.price("1000")
    ends = [stamp(f"2026-{month:02d}-01") for month in range(2, 13)]
    phases = [{"items": [seats(price, n)], "end_date": end} for n, end in enumerate(ends, start=1)]
    assert len(account.schedule(customer, phases[:10], stamp("2026-01-10")).phases) == 10
    with refused():
        account.schedule(customer, phases, stamp("2026-01-10"))


def test_s13_prices_of_unlike_intervals_need_flexible_mode(account: Account) -> None:
    customer = account.customer(account.clock("2026-01-01"))
    items = [seats(account.price("1000")), seats(account.price("5000", "month", 5))]
    assert account.subscription(customer, items).status == "active"
    with refused():
        account.subscription(customer, items, billing_mode={"type": "classic"})


def test_s14_settings_of_a_schedule_reach_its_invoices(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer = account.customer(clock)
    settings = {"days_until_due": 45, "custom_fields": [{"name": "PO number", "value": "PO-2291"}]}
    phase = {"items": [seats(account.price("1000"))], "end_date": stamp("2026-03-02")}
    account.schedule(
        customer, [phase], stamp("2026-01-02"),
        default_settings={"collection_method": "send_invoice", "invoice_settings": settings},
    )  # fmt: skip
    account.advance(clock, "2026-01-03", "2026-02-03")

    found = account.invoices(customer)
    assert [[(f.name, f.value) for f in one.custom_fields] for one in found] == [[("PO number", "PO-2291")]] * 2
    finalized = [one.status_transitions.finalized_at for one in found]
    assert [day(one.due_date - 45 * 86_400) for one in found] == [day(at) for at in finalized]


def test_s15_what_is_added_once_is_on_the_first_invoice_only(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, fee = account.customer(clock), account.price("250000", None)
    extra = {"add_invoice_items": [{"price": fee, "quantity": 1}]}
    phase = {"items": [seats(account.price("1000"))], "end_date": stamp("2026-03-02"), **extra}
    account.schedule(customer, [phase], stamp("2026-01-02"))
    account.advance(clock, "2026-01-03", "2026-02-03")
    assert account.billed(customer) == [("2026-01-02", 251_000), ("2026-02-02", 1000)]


def test_s16_a_change_made_directly_splits_the_running_phase(account: Account) -> None:
    customer, price = account.customer(account.clock("2026-01-10")), account.price("1000")
    schedule = account.schedule(customer, [{"items": [seats(price, 10)], "end_date": stamp("2026-03-10")}], "now")
    subscription = account.v1.subscriptions.retrieve(schedule.subscription)
    [item] = subscription["items"].data
    account.v1.subscription_items.update(item.id, {"quantity": 8, "proration_behavior": "none"})

    found = account.v1.subscription_schedules.retrieve(schedule.id)
    assert [phase["items"][0].quantity for phase in found.phases][-1] == 8


def test_s17_a_line_has_the_metadata_of_the_subscription_not_of_its_item(account: Account) -> None:
    customer, price = account.customer(account.clock("2026-01-01")), account.price("1000")
    made = account.subscription(customer, [seats(price, metadata={"of": "item"})], metadata={"of": "subscription"})
    [invoice] = account.invoices(customer)
    [line] = account.lines(invoice)
    assert line.metadata.to_dict() == {"of": "subscription"}
    assert line.parent.subscription_item_details.subscription_item == made["items"].data[0].id


def test_s34_a_change_of_the_running_phase_without_proration_bills_nothing(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, price = account.customer(clock), account.price("5000")
    phase = {"items": [seats(price, 10)], "end_date": stamp("2026-04-01")}
    schedule = account.schedule(customer, [phase], "now")
    account.advance(clock, "2026-01-16")
    account.rewrite(schedule.id, [{**phase, "start_date": stamp("2026-01-01"), "items": [seats(price, 15)]}])

    assert (account.billed(customer), account.pending(customer)) == ([("2026-01-01", 50_000)], [])
    account.advance(clock, "2026-02-02")
    assert account.billed(customer) == [("2026-01-01", 50_000), ("2026-02-01", 75_000)]


def test_s35_an_item_added_in_mid_cycle_waits_for_the_boundary(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, price, other = account.customer(clock), account.price("5000"), account.price("700")
    phases = [
        {"items": [seats(price, 10)], "end_date": stamp("2026-01-16")},
        {"items": [seats(price, 10), seats(other, 2)], "end_date": stamp("2026-04-01")},
    ]
    account.schedule(customer, phases, "now")
    account.advance(clock, "2026-01-20")
    assert (account.billed(customer), account.pending(customer)) == ([("2026-01-01", 50_000)], [])
    account.advance(clock, "2026-02-02")
    assert account.billed(customer)[1:] == [("2026-02-01", 51_400)]


def test_s36_phases_that_are_over_may_be_left_out(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, price = account.customer(clock), account.price("1000")
    ends = ["2026-02-01", "2026-03-01", "2026-04-01"]
    phases = [{"items": [seats(price, n)], "end_date": stamp(end)} for n, end in enumerate(ends, start=1)]
    schedule = account.schedule(customer, phases, "now")
    account.advance(clock, "2026-02-10")
    wanted = read(account.v1.subscription_schedules.retrieve(schedule.id))[1:]
    wanted[-1]["items"][0]["quantity"] = 5
    updated = account.rewrite(schedule.id, wanted)

    assert [phase["items"][0].quantity for phase in updated.phases][-2:] == [2, 5]
    account.advance(clock, "2026-04-02")
    assert [total for _, total in account.billed(customer)] == [1000, 2000, 5000]


def test_s37_a_phase_may_have_prices_of_another_interval_from_a_boundary_on(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer = account.customer(clock)
    phases = [
        {"items": [seats(account.price("120000", "year"))], "end_date": stamp("2027-01-01")},
        {"items": [seats(account.price("60000", "month", 6))], "end_date": stamp("2027-07-01"), **ANEW},
    ]
    schedule = account.schedule(customer, phases, "now")
    account.advance(clock, "2026-12-01", "2027-01-02", "2027-08-01")

    assert account.billed(customer) == [("2026-01-01", 120_000), ("2027-01-01", 60_000)]
    [line] = account.lines(account.invoices(customer)[-1])
    assert (day(line.period.start), day(line.period.end)) == ("2027-01-01", "2027-07-01")
    assert account.v1.subscriptions.retrieve(schedule.subscription).status == "canceled"


def test_s38_a_price_of_days_bills_once_for_these_days(account: Account) -> None:
    account.price("1000", "day", 364)
    clock = account.clock("2026-01-01")
    customer = account.customer(clock)
    phases = [
        {"items": [seats(account.price("14000", "day", 14))], "end_date": stamp("2026-01-15")},
        {"items": [seats(account.price("31000"))], "end_date": stamp("2026-03-15"), **ANEW},
    ]
    account.schedule(customer, phases, "now")
    account.advance(clock, "2026-01-16", "2026-02-12", "2026-03-10", "2026-03-16")
    assert account.billed(customer) == [("2026-01-01", 14_000), ("2026-01-15", 31_000), ("2026-02-15", 31_000)]


def test_s39_a_window_of_ten_phases_can_be_moved_on(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, price = account.customer(clock), account.price("1000")
    ends = [stamp(f"2026-{month:02d}-01") for month in range(2, 12)]
    phases = [{"items": [seats(price, n)], "end_date": end} for n, end in enumerate(ends, start=1)]
    schedule = account.schedule(customer, phases, "now", end_behavior="release")
    account.advance(clock, "2026-02-02")
    ahead = read(account.v1.subscription_schedules.retrieve(schedule.id))[1:]
    more = {"items": [seats(price, 11)], "end_date": stamp("2026-12-01")}
    updated = account.rewrite(schedule.id, [*ahead, more], end_behavior="release")
    assert day(updated.phases[-1].end_date) == "2026-12-01"


def test_s39_a_released_schedule_may_be_followed_by_another(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, price = account.customer(clock), account.price("1000")
    first = {"items": [seats(price, 1)], "end_date": stamp("2026-02-01")}
    schedule = account.schedule(customer, [first], "now", end_behavior="release")
    account.advance(clock, "2026-02-02")
    released = account.v1.subscription_schedules.retrieve(schedule.id)
    assert released.status == "released"
    second = account.v1.subscription_schedules.create({"from_subscription": released.released_subscription})
    running = second.phases[0]
    phases = [
        {"start_date": running.start_date, "end_date": stamp("2026-03-01"), "items": [seats(price, 1)]},
        {"items": [seats(price, 4)], "end_date": stamp("2026-04-01")},
    ]
    account.rewrite(second.id, phases, end_behavior="cancel")
    account.advance(clock, "2026-03-02", "2026-04-02")
    assert account.billed(customer) == [("2026-01-01", 1000), ("2026-02-01", 1000), ("2026-03-01", 4000)]


def test_s40_a_first_phase_of_trial_bills_nothing_and_cycles_count_from_its_end(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, price, fee = account.customer(clock), account.price("1000"), account.price("2500", None)
    phases = [
        {"items": [seats(price)], "trial": True, "end_date": stamp("2026-01-15")},
        {
            "items": [seats(price)],
            "end_date": stamp("2026-03-15"),
            "add_invoice_items": [{"price": fee, "quantity": 1}],
        },
    ]
    account.schedule(customer, phases, "now")
    account.advance(clock, "2026-01-16", "2026-02-16", "2026-03-16")
    assert account.billed(customer) == [("2026-01-15", 3500), ("2026-02-15", 1000)]


def test_s45_the_metadata_of_a_phase_is_merged_into_the_subscriptions(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, price = account.customer(clock), account.price("1000")
    phases = [
        {"items": [seats(price, 1)], "end_date": stamp("2026-02-01"), "metadata": {"tandem_key": "a"}},
        {"items": [seats(price, 2)], "end_date": stamp("2026-03-01"), "metadata": {"tandem_q": "b"}},
    ]
    schedule = account.schedule(customer, phases, "now")
    account.advance(clock, "2026-02-02")
    found = account.v1.subscriptions.retrieve(schedule.subscription).metadata
    assert found.to_dict() == {"tandem_key": "a", "tandem_q": "b"}


def test_s49_a_released_subscription_goes_on_by_itself(account: Account) -> None:
    clock = account.clock("2026-01-31")
    customer, price = account.customer(clock), account.price("1000")
    phase = {"items": [seats(price)], "end_date": stamp("2026-02-28"), "metadata": {"tandem_key": "a"}}
    schedule = account.schedule(customer, [phase], "now", end_behavior="release")
    account.advance(clock, "2026-03-01", "2026-04-01")

    assert [at for at, _ in account.billed(customer)] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    released = account.v1.subscription_schedules.retrieve(schedule.id).released_subscription
    found = account.v1.subscriptions.retrieve(released)
    assert found.status in ("active", "past_due")  # nobody pays here
    assert (found.schedule, found.metadata.to_dict()) == (None, {"tandem_key": "a"})


def test_s52_cancelling_without_invoice_and_proration_moves_no_money(account: Account) -> None:
    customer, price = account.customer(account.clock("2026-01-10")), account.price("1000")
    schedule = account.schedule(customer, [{"items": [seats(price)], "end_date": stamp("2026-03-10")}], "now")
    plain = account.subscription(customer, [seats(account.price("700"))], billing_mode=FLEXIBLE)
    before = len(account.invoices(customer))
    account.v1.subscription_schedules.cancel(schedule.id, {"invoice_now": False, "prorate": False})
    account.v1.subscriptions.cancel(plain.id, {"invoice_now": False, "prorate": False})

    assert (len(account.invoices(customer)), account.pending(customer)) == (before, [])
    assert account.v1.customers.retrieve(customer).balance == 0
    assert {s.status for s in account.v1.subscriptions.list({"customer": customer, "status": "all"}).data} == {
        "canceled"
    }


def test_s62_ways_to_pay_of_a_subscription_that_a_schedule_manages_can_be_changed(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer = account.customer(clock)
    phase = {"items": [seats(account.price("1000"))], "end_date": stamp("2026-03-01")}
    schedule = account.schedule(customer, [phase], "now")
    ways = {"payment_settings": {"payment_method_types": ["card", "link"]}, "proration_behavior": "none"}
    account.v1.subscriptions.update(schedule.subscription, ways)
    assert len(account.v1.subscription_schedules.retrieve(schedule.id).phases) == 1
    account.advance(clock, "2026-02-02")
    renewal = account.invoices(customer)[-1]
    assert (day(renewal.created), renewal.payment_settings.payment_method_types) == ("2026-02-01", ["card", "link"])


def test_s63_an_end_in_the_running_cycle_moves_no_money(account: Account) -> None:
    clock = account.clock("2026-01-10")
    customer, price = account.customer(clock), account.price("1000")
    for end in ("2026-01-25", "2026-02-10"):
        plan = account.subscription(customer, [seats(price)], billing_mode=FLEXIBLE)
        account.v1.subscriptions.update(plan.id, {"cancel_at": stamp(end), "proration_behavior": "none"})
    before = len(account.invoices(customer))
    account.advance(clock, "2026-01-26", "2026-02-12")

    assert (len(account.invoices(customer)), account.pending(customer)) == (before, [])
    assert account.v1.customers.retrieve(customer).balance == 0
    assert {s.status for s in account.v1.subscriptions.list({"customer": customer, "status": "all"}).data} == {
        "canceled"
    }
