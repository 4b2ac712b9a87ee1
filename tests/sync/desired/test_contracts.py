"""One contract, one row, whatever Stripe objects it takes and whatever was done to them by hand (BILLING_RULES 6, 7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from sync import mapping
from sync.desired.mirror import show
from sync.errors import Terminal
from sync.facts import Coupon, Customer, InvoicePayment, Phase, PhaseItem
from sync.run.rows import Rows
from sync.store.crm_content import content_of, hash_of
from tests.sync.desired.test_mirror import (
    FEB_1,
    JAN_1,
    JAN_1_2027,
    MAR_1,
    invoice,
    item,
    price,
    schedule,
    subscription,
    view,
)

DEAL = {"tandem_deal": "0Q0A", "salesforce_quote_id": "0Q0A"}


def running_deal(**more: Any) -> dict[str, Any]:
    return {
        "subscriptions": [subscription(schedule="sub_sched_1", metadata=DEAL, **more)],
        "schedules": [schedule(status="active", subscription="sub_1")],
    }


# ------------------------------------------------------------------ one row


def test_a_plan_with_a_second_schedule_is_still_one_row_under_its_first_key() -> None:
    first = schedule(
        id="sub_sched_1", status="released", released_subscription="sub_1", metadata={}, created_s=JAN_1 + 10
    )
    second = schedule(id="sub_sched_2", status="active", subscription="sub_1", metadata={}, created_s=JAN_1 + 20)

    shown = show(view(subscriptions=[subscription()], schedules=[first, second]), frozenset())

    [row] = shown.subscriptions
    assert (row.billing_key, row.status, row.stripe_ids) == ("sub_1", "Active", "sub_1,sub_sched_1,sub_sched_2")
    assert (row.mrr, row.contracted_mrr) == (Decimal("500.00"), Decimal("500.00"))


def test_the_row_keeps_its_key_when_a_plan_is_put_under_a_schedule_later() -> None:
    before = show(view(subscriptions=[subscription()]), frozenset())
    later = schedule(status="active", subscription="sub_1", metadata={}, created_s=JAN_1 + 86400)
    after = show(view(subscriptions=[subscription()], schedules=[later]), frozenset())

    assert before.subscriptions[0].billing_key == after.subscriptions[0].billing_key == "sub_1"


def test_a_schedule_whose_subscription_was_never_read_is_a_row_of_its_own() -> None:
    shown = show(view(schedules=[schedule(status="active", subscription="sub_unread")]), frozenset())

    assert [row.billing_key for row in shown.subscriptions] == ["0Q0A"]


# ------------------------------------------------------------------ ended, or ended by hand


def test_a_deal_canceled_by_hand_before_its_start_is_canceled_and_keeps_its_dates() -> None:
    [row] = show(view(schedules=[schedule(status="canceled", canceled_at_s=JAN_1)]), frozenset()).subscriptions

    assert (row.status, row.mrr, row.contracted_mrr) == ("Canceled", Decimal("0.00"), Decimal("0.00"))
    assert (row.start_date, row.end_date) == (date(2026, 1, 1), date(2026, 12, 31))


def test_a_deal_canceled_by_hand_earns_nothing_and_says_its_last_day() -> None:
    facts = {
        "subscriptions": [
            subscription(schedule="sub_sched_1", status="canceled", metadata=DEAL, ended_at_s=FEB_1 + 40000)
        ],
        "schedules": [schedule(status="canceled", subscription="sub_1")],
    }
    shown = show(view(FEB_1 + 50000, **facts), frozenset())

    [row] = shown.subscriptions
    assert (row.status, row.mrr, row.contracted_mrr, row.quantity) == ("Canceled", Decimal("0.00"), Decimal("0.00"), 0)
    assert (row.ends_on, row.current_period_end) == (date(2026, 2, 1), None)
    assert (shown.account.billing_health, shown.account.next_invoice_date, shown.account.mrr) == (
        "Canceled",
        None,
        Decimal("0.00"),
    )


def test_a_deal_that_ran_its_term_is_canceled_and_worth_nothing() -> None:
    facts = {
        "subscriptions": [
            subscription(schedule="sub_sched_1", status="canceled", metadata=DEAL, ended_at_s=JAN_1_2027)
        ],
        "schedules": [schedule(status="completed", subscription="sub_1")],
    }
    [row] = show(view(JAN_1_2027 + 60, **facts), frozenset()).subscriptions

    assert (row.status, row.end_date, row.ends_on) == ("Canceled", date(2026, 12, 31), date(2026, 12, 31))


def test_a_released_schedule_no_longer_ends_a_self_serve_plan() -> None:
    let_go = schedule(status="released", released_subscription="sub_1", metadata={}, created_s=JAN_1 + 10)
    [row] = show(view(subscriptions=[subscription()], schedules=[let_go]), frozenset()).subscriptions

    assert (row.status, row.end_date, row.contracted_mrr) == ("Active", None, Decimal("500.00"))


def test_a_deal_whose_schedule_was_released_keeps_its_signed_end() -> None:
    facts = {
        "subscriptions": [subscription(metadata=DEAL)],
        "schedules": [schedule(status="released", released_subscription="sub_1")],
    }
    [row] = show(view(**facts), frozenset()).subscriptions

    assert (row.end_date, row.channel) == (date(2026, 12, 31), "Sales-Led")


# ------------------------------------------------------------------ what comes next


def test_a_trial_earns_nothing_but_says_its_seats_and_its_first_invoice() -> None:
    shown = show(view(subscriptions=[subscription(status="trialing", trial_end_s=FEB_1)]), frozenset())

    [row] = shown.subscriptions
    assert (row.status, row.mrr, row.quantity, row.contracted_mrr) == (
        "Trialing",
        Decimal("0.00"),
        10,
        Decimal("500.00"),
    )
    assert (shown.account.next_invoice_date, shown.account.next_invoice_amount) == (date(2026, 2, 1), Decimal("500.00"))


def test_the_last_period_of_a_term_has_no_next_invoice() -> None:
    shown = show(view(**running_deal(items=(item(period_end_s=JAN_1_2027),))), frozenset())

    assert (shown.account.next_invoice_date, shown.account.next_invoice_amount) == (None, None)


def test_the_next_invoice_has_only_what_falls_due_on_its_day() -> None:
    yearly = item(1, id="si_2", price=price("price_2", "1200000", "year"), period_end_s=JAN_1_2027)
    shown = show(view(subscriptions=[subscription(items=(item(), yearly))]), frozenset())

    assert (shown.account.next_invoice_date, shown.account.next_invoice_amount) == (date(2026, 2, 1), Decimal("500.00"))


def test_a_discount_that_runs_out_is_in_the_mrr_and_not_in_what_was_contracted() -> None:
    half = {"half": Coupon(id="half", percent_off=Decimal(50), duration="repeating", duration_in_months=3)}
    [row] = show(view(subscriptions=[subscription(coupons=("half",))], coupons=half), frozenset()).subscriptions

    assert (row.mrr, row.contracted_mrr) == (Decimal("250.00"), Decimal("500.00"))


def test_the_next_invoice_is_without_a_discount_that_has_run_out_by_then() -> None:
    half = {"half": Coupon(id="half", percent_off=Decimal(50), duration="repeating", duration_in_months=1)}
    for end_s, amount in ((FEB_1 + 1, "250.00"), (FEB_1, "500.00")):
        plan = subscription(coupons=("half",), coupon_ends_s=(end_s,))
        assert show(view(subscriptions=[plan], coupons=half), frozenset()).account.next_invoice_amount == Decimal(
            amount
        )
        item_alone = subscription(items=(item(coupons=("half",), coupon_ends_s=(end_s,)),))
        shown = show(view(subscriptions=[item_alone], coupons=half), frozenset())
        assert shown.account.next_invoice_amount == Decimal(amount)


def test_a_trial_that_ended_without_a_card_is_paused_and_has_no_next_invoice() -> None:
    shown = show(view(subscriptions=[subscription(status="paused")]), frozenset())
    [row] = shown.subscriptions
    assert (row.status, row.mrr, row.contracted_mrr) == ("Paused", Decimal("0.00"), Decimal("500.00"))
    assert (shown.account.next_invoice_date, shown.account.next_invoice_amount) == (None, None)


@pytest.mark.parametrize(
    ("resumes", "day", "amount"),
    [
        (None, None, None),  # nobody knows when
        (FEB_1 - 86_400, date(2026, 2, 1), "500.00"),
        (FEB_1, date(2026, 2, 1), "500.00"),
        (FEB_1 + 1, date(2026, 3, 1), "500.00"),
        (MAR_1 + 86_400 * 40, date(2026, 5, 1), "500.00"),
    ],
)
def test_what_is_collected_again_from_a_day_on_is_the_next_invoice_of_a_plan_on_hold(
    resumes: int | None, day: date | None, amount: str | None
) -> None:
    held = subscription(paused=True, resumes_s=resumes, billing_cycle_anchor_s=JAN_1)
    shown = show(view(subscriptions=[held]), frozenset())
    assert (shown.subscriptions[0].status, shown.subscriptions[0].mrr) == ("Paused", Decimal("0.00"))
    expected = (day, Decimal(amount) if amount else None)
    assert (shown.account.next_invoice_date, shown.account.next_invoice_amount) == expected


def test_the_last_day_of_a_plan_counts_by_the_cycles_that_it_has_since_it_was_resumed() -> None:
    two = 2 * 3600  # it began at midnight, and goes on since two in the morning
    moved = (item(period_start_s=JAN_1 + two, period_end_s=FEB_1 + two),)
    for ends in ({"cancel_at_s": FEB_1 + two}, {"status": "canceled", "ended_at_s": FEB_1 + two}):
        [row] = show(view(subscriptions=[subscription(items=moved, **ends)]), frozenset()).subscriptions
        assert row.ends_on == date(2026, 1, 31)
    [row] = show(
        view(subscriptions=[subscription(items=moved, cancel_at_s=FEB_1 + two + 1)]), frozenset()
    ).subscriptions
    assert row.ends_on == date(2026, 2, 1)


# ------------------------------------------------------------------ currencies


def test_credit_in_another_currency_is_not_shown_as_the_accounts() -> None:
    customers = [
        Customer(id="cus_1", currency="usd", balance_minor=-1000),
        Customer(id="cus_2", currency="jpy", balance_minor=-5000),
    ]
    account = show(view(customers=customers, subscriptions=[subscription()]), frozenset()).account

    assert (account.billing_currency, account.credit_balance) == ("USD", Decimal("10.00"))


def test_what_a_customer_owes_is_no_credit() -> None:
    account = show(
        view(customers=[Customer(id="cus_1", currency="usd", balance_minor=1000)], subscriptions=[subscription()]),
        frozenset(),
    ).account

    assert account.credit_balance == Decimal("0.00")


def test_an_overdue_invoice_in_another_currency_makes_the_account_past_due_without_adding_its_amount() -> None:
    euro = invoice(currency="eur", due_date_s=JAN_1)
    account = show(view(subscriptions=[subscription()], invoices=[euro]), frozenset()).account

    assert (account.billing_health, account.overdue_amount, account.open_balance) == (
        "Past Due",
        Decimal("0.00"),
        Decimal("0.00"),
    )


def test_live_business_gives_the_currency_not_what_has_ended() -> None:
    over = subscription(id="sub_0", currency="eur", status="canceled", ended_at_s=JAN_1, items=())
    account = show(view(subscriptions=[over, subscription()]), frozenset()).account

    assert (account.billing_currency, account.mrr) == ("USD", Decimal("500.00"))


def test_dinars_have_three_decimals_on_every_row() -> None:
    dinars = item(3, price=price(amount="1230", currency="kwd"))
    shown = show(
        view(
            subscriptions=[subscription(currency="kwd", items=(dinars,))],
            invoices=[invoice(currency="kwd", total_minor=3690, amount_remaining_minor=3690)],
        ),
        frozenset({"in_1"}),
    )

    assert (str(shown.subscriptions[0].mrr), str(shown.items[0].unit_amount)) == ("3.690", "1.23000000")
    assert (str(shown.invoices[0].total), str(shown.account.open_balance)) == ("3.690", "3.690")


# ------------------------------------------------------------------ invoices


def test_only_open_invoices_are_owed() -> None:
    every = [
        invoice(id=f"in_{s}", status=s, due_date_s=JAN_1) for s in ("draft", "open", "paid", "void", "uncollectible")
    ]
    account = show(view(invoices=every), frozenset()).account

    assert (account.open_balance, account.overdue_amount) == (Decimal("500.00"), Decimal("500.00"))


def test_a_partly_paid_invoice_is_open_with_its_rest_and_one_payment() -> None:
    paid = InvoicePayment(
        id="inpay_1", status="paid", amount_minor=20000, created_s=JAN_1, paid_at_s=JAN_1 + 60, payment_intent="pi_1"
    )
    partly = invoice(amount_paid_minor=20000, amount_remaining_minor=30000, payments=(paid,))
    shown = show(view(invoices=[partly]), frozenset({"in_1"}))

    [row] = shown.invoices
    assert (row.status, row.amount_paid, row.amount_remaining) == ("Open", Decimal("200.00"), Decimal("300.00"))
    assert [(p.type, p.amount) for p in shown.payments] == [("Payment", Decimal("200.00"))]
    assert (shown.account.open_balance, shown.account.last_payment_amount) == (Decimal("300.00"), Decimal("200.00"))


def test_an_invoice_without_a_subscription_is_a_row_without_a_contract() -> None:
    [row] = show(
        view(subscriptions=[subscription()], invoices=[invoice(subscription=None)]), frozenset({"in_1"})
    ).invoices

    assert row.billing_subscription is None


def test_a_status_of_an_invoice_that_stripe_added_is_a_loud_bug_and_no_guess() -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        show(view(invoices=[invoice(status="suspended")]), frozenset({"in_1"}))


@pytest.mark.parametrize(
    ("zone", "now_s", "wakes"),
    [
        ("UTC", FEB_1 + 60, datetime(2026, 2, 2, tzinfo=UTC)),
        ("Pacific/Auckland", FEB_1 + 60, datetime(2026, 2, 1, 11, tzinfo=UTC)),
        ("America/Los_Angeles", FEB_1 + 60, datetime(2026, 2, 1, 8, tzinfo=UTC)),
    ],
)
def test_days_of_delay_are_counted_again_at_midnight_of_the_billing_zone(
    zone: str, now_s: int, wakes: datetime
) -> None:
    shown = show(view(now_s, zone=zone, invoices=[invoice(due_date_s=JAN_1)]), frozenset())

    assert shown.wake_at == wakes
    assert int(wakes.timestamp()) > now_s


# ------------------------------------------------------------------ taken over by a deal, and kept on after one

TAKES = {**DEAL, "tandem_takes": "sub_1", "tandem_term_end": "2027-01-01"}


def test_a_plan_shows_itself_until_the_deal_that_takes_it_over_begins() -> None:
    planned = schedule(status="not_started", subscription=None, metadata=TAKES)
    [row] = show(view(subscriptions=[subscription(metadata={})], schedules=[planned]), frozenset()).subscriptions

    assert (row.billing_key, row.channel, row.status, row.quote) == ("sub_1", "Self-Serve", "Active", "0Q0A")
    assert (row.ends_on, row.end_date) == (None, date(2026, 12, 31))


def test_the_deal_goes_on_in_the_row_of_the_plan_that_it_ended() -> None:
    ended = subscription(status="canceled", metadata={}, ended_at_s=FEB_1)
    deal = subscription(id="sub_2", schedule="sub_sched_1", metadata=TAKES)
    running = schedule(status="active", subscription="sub_2", metadata=TAKES)
    [row] = show(view(subscriptions=[ended, deal], schedules=[running]), frozenset()).subscriptions

    assert (row.billing_key, row.channel, row.status, row.ends_on) == ("sub_1", "Sales-Led", "Active", None)
    assert row.stripe_ids == "sub_2,sub_1,sub_sched_1"


def test_a_plan_goes_on_where_the_deal_was_ended_before_it_began() -> None:
    never = schedule(status="canceled", subscription=None, metadata=TAKES, canceled_at_s=JAN_1)
    [row] = show(view(subscriptions=[subscription(metadata={})], schedules=[never]), frozenset()).subscriptions

    assert (row.billing_key, row.channel, row.status, row.quote) == ("sub_1", "Self-Serve", "Active", None)


def test_what_was_kept_of_a_deal_is_self_serve_once_the_term_is_over() -> None:
    metadata = {**DEAL, "tandem_term_end": "2026-02-01"}
    kept = subscription(metadata=metadata)
    let_go = {"status": "released", "subscription": None, "released_subscription": "sub_1", "metadata": metadata}
    whens = ((FEB_1 - 1, "Sales-Led"), (FEB_1, "Self-Serve"))
    for how, (when, channel) in product(("cancel", "release"), whens):
        released = schedule(**let_go, end_behavior=how)
        [row] = show(view(when, subscriptions=[kept], schedules=[released]), frozenset()).subscriptions
        assert (row.billing_key, row.channel, row.status) == ("0Q0A", channel, "Active")


def test_what_is_bought_on_the_web_site_after_a_deal_is_a_row_of_its_own() -> None:
    ended = subscription(status="canceled", metadata=DEAL, ended_at_s=FEB_1, schedule="sub_sched_1")
    over = schedule(status="completed", subscription="sub_1", metadata=DEAL)
    bought = subscription(id="sub_web", metadata={}, start_date_s=FEB_1 + 86_400)
    shown = show(view(FEB_1 + 90_000, subscriptions=[ended, bought], schedules=[over]), frozenset())

    assert [(row.billing_key, row.channel, row.status) for row in shown.subscriptions] == [
        ("0Q0A", "Sales-Led", "Canceled"), ("sub_web", "Self-Serve", "Active"),
    ]  # fmt: skip
    assert (shown.account.billing_channel, shown.account.billing_health) == ("Self-Serve", "Good")


# ------------------------------------------------------------------ renewed


def renewal(name: str, status: str, **more: Any) -> Any:
    """The schedule of a Renewal of the deal 0Q0A, for 2027."""
    phase = Phase(start_s=JAN_1_2027, end_s=JAN_1_2027 + 31_536_000, items=(PhaseItem(price="price_1", quantity=9),))
    said = {"tandem_deal": name, "salesforce_quote_id": name, "tandem_renews": "0Q0A", **more}
    return schedule(id=f"sub_sched_{name}", status=status, phases=(phase,), metadata=said)


@pytest.mark.parametrize(
    ("renewals", "follower"),
    [
        ([renewal("0Q0B", "not_started")], "0Q0B"),
        ([renewal("0Q0B", "canceled")], None),
        ([renewal("0Q0B", "not_started"), renewal("0Q0C", "canceled")], "0Q0B"),
        ([renewal("0Q0B", "canceled"), renewal("0Q0C", "not_started")], "0Q0C"),
    ],
    ids=["planned", "called off", "called off later", "made anew"],
)
def test_a_deal_is_renewed_by_what_goes_on_from_it_and_by_nothing_that_was_called_off(
    renewals: list[Any], follower: str | None
) -> None:
    deal = running_deal()
    deal["schedules"] += renewals

    rows = {row.billing_key: row for row in show(view(**deal), frozenset()).subscriptions}

    assert rows["0Q0A"].renewed_by == follower


def test_a_renewal_that_ran_and_was_ended_is_still_what_renewed_the_deal() -> None:
    deal = running_deal()
    said = {"tandem_deal": "0Q0B", "tandem_renews": "0Q0A"}
    ended = subscription(
        id="sub_2", status="canceled", metadata=said, start_date_s=JAN_1_2027, ended_at_s=JAN_1_2027 + 864_000
    )
    shown = show(view(JAN_1_2027 + 900_000, **{**deal, "subscriptions": [*deal["subscriptions"], ended]}), frozenset())

    assert {row.billing_key: row.renewed_by for row in shown.subscriptions}["0Q0A"] == "0Q0B"


def test_a_row_that_lost_its_renewal_is_written_with_a_blank_and_one_that_never_had_any_is_not_written_for_it() -> None:
    rows, deal = Rows(mapping.load()), running_deal()
    [alone] = map(rows.subscription, show(view(**deal), frozenset()).subscriptions)
    deal["schedules"].append(renewal("0Q0B", "not_started"))
    renewed = rows.subscription(show(view(**deal), frozenset()).subscriptions[0])

    assert renewed.parents == {"Renewed_By__r": ("Billing_Subscription__c", "Billing_Key__c", "0Q0B")}
    assert (alone.parents, alone.fields["Renewed_By__c"]) == ({}, None)
    before = replace(alone, fields={k: v for k, v in alone.fields.items() if k != "Renewed_By__c"})
    assert hash_of(content_of(alone)) == hash_of(content_of(before)) != hash_of(content_of(renewed))
