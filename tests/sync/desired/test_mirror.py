"""What the CRM shows of one Account's money, from facts alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync.desired.account_view import AccountView
from sync.desired.mirror import show
from sync.errors import Terminal
from sync.facts import (
    Charge,
    Coupon,
    Customer,
    Dispute,
    Invoice,
    InvoicePayment,
    Item,
    Phase,
    PhaseItem,
    Price,
    Schedule,
    Subscription,
)

JAN_1, FEB_1, MAR_1 = 1767225600, 1769904000, 1772323200
JAN_1_2027 = 1798761600


def price(id_: str = "price_1", amount: str = "5000", interval: str | None = "month", **more: Any) -> Price:
    fields = {"product": "prod_1", "currency": "usd", "unit_amount_decimal": Decimal(amount), "interval": interval}
    return Price(id=id_, **(fields | more))


def item(quantity: int = 10, **more: Any) -> Item:
    fields: dict[str, Any] = {"id": "si_1", "price": price(), "period_start_s": JAN_1, "period_end_s": FEB_1}
    return Item(quantity=quantity, **(fields | more))


def subscription(**more: Any) -> Subscription:
    fields: dict[str, Any] = {
        "id": "sub_1", "customer": "cus_1", "status": "active", "currency": "usd", "collection_method": "send_invoice",
        "start_date_s": JAN_1, "created_s": JAN_1, "items": (item(),),
    }  # fmt: skip
    return Subscription(**(fields | more))


def schedule(**more: Any) -> Schedule:
    phase = Phase(start_s=JAN_1, end_s=JAN_1_2027, items=(PhaseItem(price="price_1", quantity=10),))
    fields: dict[str, Any] = {
        "id": "sub_sched_1", "customer": "cus_1", "status": "not_started", "end_behavior": "cancel", "currency": "usd", "phases": (phase,),
        "metadata": {"tandem_deal": "0Q0A", "salesforce_quote_id": "0Q0A"}, "created_s": JAN_1 - 100,
    }  # fmt: skip
    return Schedule(**(fields | more))


def invoice(**more: Any) -> Invoice:
    fields: dict[str, Any] = {
        "id": "in_1", "customer": "cus_1", "subscription": "sub_1", "status": "open", "currency": "usd", "collection_method": "send_invoice",
        "total_minor": 50000, "subtotal_minor": 50000, "amount_due_minor": 50000, "amount_remaining_minor": 50000, "created_s": JAN_1,
        "due_date_s": FEB_1, "period_start_s": JAN_1, "period_end_s": FEB_1,
    }  # fmt: skip
    return Invoice(**(fields | more))


def view(now_s: int = JAN_1 + 3600, **more: Any) -> AccountView:
    fields: dict[str, Any] = {
        "account_id": "001A", "zone": "UTC", "now": datetime.fromtimestamp(now_s, UTC), "customers": [Customer(id="cus_1")],
        "subscriptions": [], "schedules": [], "invoices": [], "prices": {"price_1": price()},
    }  # fmt: skip
    return AccountView(**(fields | more))


def test_a_self_serve_subscription_is_a_row_of_its_own() -> None:
    shown = show(view(subscriptions=[subscription()]), frozenset())

    (row,) = shown.subscriptions
    assert (row.billing_key, row.channel, row.status, row.quote) == ("sub_1", "Self-Serve", "Active", None)
    assert (row.mrr, row.arr, row.contracted_mrr, row.quantity) == (
        Decimal("500.00"),
        Decimal("6000.00"),
        Decimal("500.00"),
        10,
    )
    assert (row.start_date, row.end_date, row.ends_on, row.current_period_end) == (
        date(2026, 1, 1),
        None,
        None,
        date(2026, 1, 31),
    )
    assert shown.account.billing_channel == "Self-Serve"
    assert shown.account.billing_health == "Good"


def test_a_discount_that_stops_is_shown_until_then_and_looked_at_again_at_that_second() -> None:
    ending = subscription(coupons=("half",), coupon_ends_s=(JAN_1 + 7200,))
    half = {"half": Coupon(id="half", percent_off=Decimal(50), duration="repeating", duration_in_months=1)}
    shown = show(view(subscriptions=[ending], coupons=half), frozenset())
    assert (shown.subscriptions[0].mrr, shown.items[0].discount) == (Decimal("250.00"), Decimal("50.00"))
    assert shown.wake_at == datetime.fromtimestamp(JAN_1 + 7200, UTC)
    shown = show(view(JAN_1 + 7200, subscriptions=[ending], coupons=half), frozenset())
    assert (shown.subscriptions[0].mrr, shown.items[0].discount) == (Decimal("500.00"), Decimal("0.00"))
    assert shown.wake_at is None


def test_a_deal_before_its_start_is_scheduled_and_worth_nothing_yet() -> None:
    shown = show(view(JAN_1 - 3600, schedules=[schedule()]), frozenset())

    (row,) = shown.subscriptions
    assert (row.billing_key, row.status, row.mrr, row.contracted_mrr) == (
        "0Q0A",
        "Scheduled",
        Decimal("0.00"),
        Decimal("500.00"),
    )
    assert (row.start_date, row.end_date) == (date(2026, 1, 1), date(2026, 12, 31))
    assert (row.stripe_id, row.stripe_schedule_id, row.quantity) == ("sub_sched_1", "sub_sched_1", 0)
    assert (shown.account.next_invoice_date, shown.account.next_invoice_amount) == (date(2026, 1, 1), Decimal("500.00"))
    (line,) = shown.items
    assert (line.quantity, line.unit_amount, line.mrr) == (Decimal(10), Decimal("50.00000000"), Decimal("0.00"))


def test_the_row_of_a_deal_stays_the_same_when_its_subscription_begins() -> None:
    running = subscription(schedule="sub_sched_1", metadata={"tandem_deal": "0Q0A"})
    shown = show(
        view(subscriptions=[running], schedules=[schedule(status="active", subscription="sub_1")]), frozenset()
    )

    (row,) = shown.subscriptions
    assert (row.billing_key, row.stripe_id, row.stripe_ids, row.channel) == (
        "0Q0A",
        "sub_1",
        "sub_1,sub_sched_1",
        "Sales-Led",
    )
    assert (row.status, row.mrr, row.ends_on, row.end_date) == ("Active", Decimal("500.00"), None, date(2026, 12, 31))


def test_a_schedule_last_read_before_it_began_is_not_shown_beside_its_subscription() -> None:
    running = subscription(schedule="sub_sched_1", metadata={"tandem_deal": "0Q0A"})
    shown = show(view(subscriptions=[running], schedules=[schedule()]), frozenset())

    (row,) = shown.subscriptions
    assert (row.quantity, row.mrr, row.contracted_mrr) == (10, Decimal("500.00"), Decimal("500.00"))
    assert [line.quantity for line in shown.items] == [Decimal(10)]


def test_two_objects_of_one_deal_are_one_row() -> None:
    yearly = Item(
        id="si_2", price=price("price_2", "1200000", "year"), quantity=1, period_start_s=JAN_1, period_end_s=JAN_1_2027
    )
    deal = {"tandem_deal": "0Q0A"}
    shown = show(
        view(subscriptions=[subscription(metadata=deal), subscription(id="sub_2", items=(yearly,), metadata=deal)]),
        frozenset(),
    )

    (row,) = shown.subscriptions
    assert (row.mrr, row.quantity, row.stripe_ids) == (Decimal("1500.00"), 11, "sub_2,sub_1")


def test_mrr_counts_discounts_and_leaves_usage_out() -> None:
    usage = Item(id="si_2", price=price("price_2", "99", usage_type="metered"), quantity=None)
    discounted = item(30, price=price(amount="4900"), coupons=("pct15",))
    coupons = {"pct15": Coupon(id="pct15", percent_off=Decimal(15))}
    shown = show(view(subscriptions=[subscription(items=(discounted, usage))], coupons=coupons), frozenset())

    assert shown.subscriptions[0].mrr == Decimal("1249.50")
    assert shown.items[0].discount == Decimal("15.00")


@pytest.mark.parametrize(
    ("status", "shown_as"),
    [("past_due", "Past Due"), ("canceled", "Canceled"), ("incomplete", "Incomplete"), ("trialing", "Trialing")],
)
def test_stripes_status_is_said_in_the_crms_words(status: str, shown_as: str) -> None:
    assert show(view(subscriptions=[subscription(status=status)]), frozenset()).subscriptions[0].status == shown_as


def test_a_status_that_stripe_added_is_a_loud_bug_and_no_guess() -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        show(view(subscriptions=[subscription(status="hibernating")]), frozenset())


def test_a_planned_end_of_a_self_serve_plan_is_shown_at_once() -> None:
    (row,) = show(view(subscriptions=[subscription(cancel_at_period_end=True)]), frozenset()).subscriptions

    assert (row.ends_on, row.contracted_mrr, row.mrr) == (date(2026, 1, 31), Decimal("0.00"), Decimal("500.00"))


def test_an_open_invoice_shows_what_is_owed_and_wakes_on_its_due_date() -> None:
    shown = show(view(subscriptions=[subscription()], invoices=[invoice()]), frozenset({"in_1"}))

    (row,) = shown.invoices
    assert (row.status, row.total, row.amount_remaining, row.due_on) == (
        "Open",
        Decimal("500.00"),
        Decimal("500.00"),
        date(2026, 2, 1),
    )
    assert (row.period_start, row.period_end, row.billing_subscription) == (
        date(2026, 1, 1),
        date(2026, 1, 31),
        "sub_1",
    )
    assert (shown.account.open_balance, shown.account.overdue_amount) == (Decimal("500.00"), Decimal("0.00"))
    assert shown.wake_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_second_currency_is_said_and_not_added() -> None:
    euros = invoice(id="in_2", currency="eur", subscription=None, amount_remaining_minor=7_000)
    shown = show(view(subscriptions=[subscription()], invoices=[invoice(), euros]), frozenset())
    (issue,) = shown.issues
    assert (issue.code, issue.reference, shown.account.open_balance) == ("DATA-228", "EUR", Decimal("500.00"))
    assert "in USD" in issue.detail

    paid = euros.model_copy(update={"status": "paid", "amount_remaining_minor": 0})
    shown = show(view(subscriptions=[subscription()], invoices=[invoice(), paid]), frozenset())
    assert (shown.issues, shown.settled) == ((), ("DATA-228:001A:eur", "DATA-228:001A:usd"))


@pytest.mark.parametrize(("now_s", "health"), [(JAN_1 + 3600, "Under Review"), (MAR_1, "Past Due")])
def test_a_dispute_or_a_held_invoice_is_under_review_unless_something_is_overdue(now_s: int, health: str) -> None:
    asked = Dispute(id="dp_1", customer="cus_1", status="warning_needs_response", reason="general", currency="usd")
    held = invoice(id="in_2", status="draft", metadata={"tandem_held": "1"}, due_date_s=None)
    for more in ({"disputes": [asked]}, {"invoices": [invoice(), held]}):
        shown = show(view(now_s, **({"subscriptions": [subscription()], "invoices": [invoice()]} | more)), frozenset())
        assert shown.account.billing_health == health


@pytest.mark.parametrize(
    ("now_s", "statuses", "health"),
    [
        (JAN_1, ["open"], "Good"),
        (MAR_1, ["open"], "Past Due"),
        (MAR_1, ["paid", "void"], "Good"),
        (MAR_1, ["uncollectible", "void"], "Canceled"),
        (MAR_1, ["draft", "void"], "No Billing"),
        (MAR_1, [], "No Billing"),
    ],
)
def test_an_account_with_loose_invoices_alone_has_billing(now_s: int, statuses: list[str], health: str) -> None:
    loose = [
        invoice(
            id=f"in_{n}", subscription=None, status=s, amount_remaining_minor=0 if s in ("paid", "void") else 50_000
        )
        for n, s in enumerate(statuses)
    ]
    assert show(view(now_s, invoices=loose), frozenset()).account.billing_health == health
    over = subscription(status="canceled", ended_at_s=FEB_1)
    ended = show(view(JAN_1, subscriptions=[over], invoices=[invoice(subscription=None)]), frozenset())
    assert ended.account.billing_health == "Canceled", "what was cancelled is said, as long as nothing is late"


def test_an_invoice_without_a_number_is_called_by_its_day() -> None:
    draft = invoice(status="draft", due_date_s=None, tax_status="failed", created_s=JAN_1 + 3600)
    shown = show(view(invoices=[draft], zone="America/New_York"), frozenset())
    assert shown.issues[0].title == "Invoice of 31 Dec 2025 (draft): tax can't be worked out"
    numbered = show(view(invoices=[draft.model_copy(update={"number": "AC-0007"})]), frozenset())
    assert numbered.issues[0].title == "Invoice AC-0007: tax can't be worked out"


def test_an_overdue_invoice_makes_the_account_past_due_and_counts_days() -> None:
    shown = show(view(FEB_1 + 3 * 86400 + 60, subscriptions=[subscription()], invoices=[invoice()]), frozenset())

    assert (shown.account.billing_health, shown.account.overdue_amount, shown.account.overdue_days) == (
        "Past Due",
        Decimal("500.00"),
        3,
    )
    assert shown.wake_at == datetime(2026, 2, 5, tzinfo=UTC)


def test_a_failed_attempt_is_said_in_plain_words_and_clears_on_payment() -> None:
    waiting = InvoicePayment(id="inpay_1", status="open", amount_minor=50000, created_s=JAN_1, payment_intent="pi_1")
    refused = Charge(
        id="ch_1",
        payment_intent="pi_1",
        amount_minor=50000,
        currency="usd",
        status="failed",
        failure_code="insufficient_funds",
        created_s=JAN_1,
    )
    failing = invoice(
        collection_method="charge_automatically",
        due_date_s=None,
        attempt_count=1,
        next_payment_attempt_s=FEB_1,
        payments=(waiting,),
    )
    shown = show(view(invoices=[failing], charges={"pi_1": [refused]}), frozenset({"in_1"}))

    assert shown.invoices[0].failure == "The card has not enough money."
    assert (shown.invoices[0].attempts, shown.invoices[0].next_attempt_at) == (1, datetime(2026, 2, 1, tzinfo=UTC))
    assert [(p.type, p.status, p.billing_key) for p in shown.payments] == [("Attempt", "Failed", "ch_1")]

    taken = InvoicePayment(
        id="inpay_1", status="paid", amount_minor=50000, created_s=JAN_1, paid_at_s=FEB_1, payment_intent="pi_1"
    )
    paid = failing.model_copy(
        update={
            "status": "paid",
            "amount_paid_minor": 50000,
            "amount_remaining_minor": 0,
            "payments": (taken,),
            "attempt_count": 2,
        }
    )
    shown = show(view(invoices=[paid], charges={"pi_1": [refused]}), frozenset({"in_1"}))

    assert (shown.invoices[0].failure, shown.invoices[0].next_attempt_at, shown.invoices[0].attempts) == (None, None, 2)
    assert [(p.type, p.billing_key) for p in shown.payments] == [("Attempt", "ch_1"), ("Payment", "inpay_1")]
    assert (shown.account.last_payment_amount, shown.account.last_payment_date) == (Decimal("500.00"), date(2026, 2, 1))


HOSTED = "https://invoice.stripe.com/i/1"


def tried(**payment: Any) -> Invoice:
    """An invoice that was collected once, and its one payment."""
    of = {"id": "inpay_1", "status": "open", "amount_minor": 50_000, "created_s": JAN_1, "payment_intent": "pi_1"}
    more = {"collection_method": "charge_automatically", "due_date_s": None, "attempt_count": 1, "hosted_url": HOSTED}
    return invoice(**more, payments=(InvoicePayment(**{**of, **payment}),))


def test_a_payment_that_the_customer_has_to_confirm_says_where_and_becomes_the_payment() -> None:
    asked = tried(waits_for="customer")
    shown = show(view(invoices=[asked]), frozenset({"in_1"}))
    [row] = shown.invoices
    assert (row.status, row.attempts, row.next_attempt_at) == ("Open", 1, None)
    assert row.failure == f"The bank asks the customer to confirm the payment. Stripe's page for that: {HOSTED}"
    [payment] = shown.payments
    assert (payment.billing_key, payment.type, payment.status, payment.amount) == (
        "inpay_1", "Payment", "Requires Action", Decimal("500.00"),
    )  # fmt: skip
    assert payment.detail == row.failure
    assert (shown.account.billing_health, shown.account.last_payment_date) == ("Past Due", None)
    [issue] = shown.issues
    assert (issue.code, HOSTED in issue.detail) == ("DATA-218", True)
    assert issue.title.endswith(": the customer has to confirm the payment")

    paid = tried(status="paid", paid_at_s=FEB_1).model_copy(
        update={"status": "paid", "amount_remaining_minor": 0, "amount_paid_minor": 50_000}
    )
    shown = show(view(invoices=[paid]), frozenset({"in_1"}))
    assert [(p.billing_key, p.type, p.status) for p in shown.payments] == [("inpay_1", "Payment", "Succeeded")]
    assert (shown.issues, shown.settled[:1], shown.invoices[0].failure) == ((), ("DATA-218:in_1",), None)


def test_a_refusal_that_the_customer_can_undo_says_where() -> None:
    refused = Charge(
        id="ch_1", payment_intent="pi_1", amount_minor=50_000, currency="usd", status="failed",
        failure_code="authentication_required", created_s=JAN_1,
    )  # fmt: skip
    shown = show(view(invoices=[tried()], charges={"pi_1": [refused]}), frozenset({"in_1"}))
    assert HOSTED in (shown.invoices[0].failure or "")
    assert [(p.type, p.status, HOSTED in (p.detail or "")) for p in shown.payments] == [("Attempt", "Failed", True)]


def test_a_refused_payment_of_two_invoices_is_a_try_of_each_with_its_part() -> None:
    refused = Charge(
        id="ch_1", payment_intent="pi_1", amount_minor=120_000, currency="usd", status="failed",
        failure_code="expired_card", created_s=JAN_1,
    )  # fmt: skip
    both = [
        tried(amount_minor=part, id=f"inpay_{n}").model_copy(update={"id": f"in_{n}", "created_s": JAN_1 + n})
        for n, part in ((2, 50_000), (1, 70_000))
    ]
    expected = {"in_1": ("ch_1", Decimal("700.00")), "in_2": ("ch_1/in_2", Decimal("500.00"))}
    for named in (frozenset(expected), frozenset({"in_2"})):
        shown = show(view(invoices=both, charges={"pi_1": [refused]}), named)
        rows = {p.billing_invoice: (p.billing_key, p.amount) for p in shown.payments}
        assert rows == {i: expected[i] for i in named}


def test_nothing_has_failed_while_a_bank_debit_is_on_its_way() -> None:
    shown = show(view(MAR_1, subscriptions=[subscription()], invoices=[tried(waits_for="bank")]), frozenset({"in_1"}))
    assert [(p.billing_key, p.type, p.status) for p in shown.payments] == [("inpay_1", "Payment", "Pending")]
    assert (shown.invoices[0].failure, shown.invoices[0].attempts, shown.issues) == (None, 1, ())
    assert (shown.account.billing_health, shown.account.overdue_amount) == ("Good", Decimal("0.00"))
    assert shown.account.open_balance == Decimal("500.00")


def test_an_invoice_that_was_sent_is_overdue_though_a_debit_is_on_its_way_and_says_so() -> None:
    late = tried(waits_for="bank").model_copy(update={"collection_method": "send_invoice", "due_date_s": FEB_1})
    shown = show(view(MAR_1, invoices=[late]), frozenset())
    assert shown.account.billing_health == "Past Due"
    assert [(i.code, "answers within some days" in i.detail) for i in shown.issues] == [("DATA-225", True)]


def test_a_debit_after_a_refusal_leaves_open_what_was_told_and_one_that_failed_is_waited_for_no_more() -> None:
    refused = Charge(
        id="ch_1", payment_intent="pi_1", amount_minor=50_000, currency="usd", status="failed",
        failure_code="account_closed", created_s=JAN_1,
    )  # fmt: skip
    again = show(view(invoices=[tried(waits_for="bank")], charges={"pi_1": [refused]}), frozenset({"in_1"}))
    assert [i.code for i in again.issues] == ["DATA-218"]
    assert (again.invoices[0].failure, again.undone) == (None, ())
    failed = show(view(invoices=[tried()], charges={"pi_1": [refused]}), frozenset({"in_1"}))
    assert failed.invoices[0].failure == "The bank account has been closed."
    assert [(p.billing_key, p.type) for p in failed.payments] == [("ch_1", "Attempt")]
    assert failed.undone == ("inpay_1",)


@pytest.mark.parametrize(
    ("plan", "shown_as"), [("past_due", "Past Due"), ("unpaid", "Unpaid"), ("canceled", "Canceled")]
)
def test_when_stripe_has_given_up_trying_what_is_owed_stays_and_is_late(plan: str, shown_as: str) -> None:
    ended = {"ended_at_s": FEB_1} if plan == "canceled" else {}
    given_up = tried().model_copy(update={"attempt_count": 4, "auto_advance": False})
    shown = show(
        view(MAR_1, subscriptions=[subscription(status=plan, **ended)], invoices=[given_up]), frozenset({"in_1"})
    )
    [row] = shown.invoices
    assert (row.status, row.attempts, row.next_attempt_at, row.amount_remaining) == ("Open", 4, None, Decimal("500.00"))
    assert (shown.subscriptions[0].status, shown.account.billing_health) == (shown_as, "Past Due")
    assert (shown.account.overdue_amount, [i.code for i in shown.issues]) == (Decimal("500.00"), ["DATA-218"])


def test_a_void_invoice_owes_nothing_and_an_uncollectible_one_keeps_its_rest() -> None:
    void, lost = invoice(status="void"), invoice(id="in_2", status="uncollectible")
    shown = show(view(invoices=[void, lost]), frozenset({"in_1", "in_2"}))

    assert [(i.status, i.amount_remaining) for i in shown.invoices] == [
        ("Void", Decimal("0.00")),
        ("Uncollectible", Decimal("500.00")),
    ]


def test_amounts_of_a_second_currency_are_never_added() -> None:
    euro = invoice(id="in_2", currency="eur", amount_remaining_minor=999)
    shown = show(view(subscriptions=[subscription()], invoices=[invoice(), euro]), frozenset())

    assert (shown.account.billing_currency, shown.account.open_balance) == ("USD", Decimal("500.00"))


def test_yen_have_no_decimals() -> None:
    yen = subscription(currency="jpy", items=(item(3, price=price(amount="1200", currency="jpy")),))
    assert str(show(view(subscriptions=[yen]), frozenset()).subscriptions[0].mrr) == "3600"


def test_dates_are_days_of_the_billing_zone() -> None:
    late_evening = JAN_1 + 3 * 3600  # still 31 December in New York
    shown = show(view(zone="America/New_York", invoices=[invoice(created_s=late_evening)]), frozenset({"in_1"}))

    assert shown.invoices[0].issued_on == date(2025, 12, 31)


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("Asia/Tokyo", 0), ("Europe/Madrid", 0), ("America/Los_Angeles", 8), ("America/New_York", 5), ("UTC", 0)],
)
@pytest.mark.parametrize("month", [1, 7])
def test_a_last_day_is_the_same_whatever_hour_the_boundary_is_in_the_zone(zone: str, hour: int, month: int) -> None:
    def stamp(year: int, month: int) -> int:
        return int(datetime(year, month, 1, hour, tzinfo=UTC).timestamp())

    start, next_month, end = stamp(2026, month), stamp(2026, month + 1), stamp(2027, month)
    phase = Phase(start_s=start, end_s=end, items=(PhaseItem(price="price_1", quantity=10),))
    running = schedule(status="active", subscription="sub_1", phases=(phase,))
    sold = subscription(start_date_s=start, items=(item(period_start_s=start, period_end_s=next_month),))
    billed = invoice(created_s=start, period_start_s=start, period_end_s=next_month)
    seen = view(start + 3600, zone=zone, subscriptions=[sold], schedules=[running], invoices=[billed])
    shown = show(seen, frozenset({"in_1"}))

    (row,), (bill,) = shown.subscriptions, shown.invoices
    last = date(2026, 1, 31) if month == 1 else date(2026, 7, 31)
    assert (row.start_date, row.end_date) == (date(2026, month, 1), date(2027, month, 1) - timedelta(days=1))
    assert (row.current_period_end, bill.period_start, bill.period_end) == (last, date(2026, month, 1), last)

    over = show(
        view(
            end,
            zone=zone,
            subscriptions=[subscription(start_date_s=start, status="canceled", ended_at_s=end)],
            schedules=[schedule(status="completed", subscription="sub_1", phases=(phase,))],
        ),
        frozenset(),
    ).subscriptions
    assert over[0].ends_on == date(2027, month, 1) - timedelta(days=1)


def test_a_plan_stopped_in_the_afternoon_was_served_that_day() -> None:
    stopped = subscription(status="canceled", ended_at_s=FEB_1 + 15 * 3600)

    assert show(view(FEB_1 + 86400, subscriptions=[stopped]), frozenset()).subscriptions[0].ends_on == date(2026, 2, 1)


def test_a_payment_outside_stripe_is_one_payment_and_the_last_one() -> None:
    settled = invoice(status="paid", amount_paid_minor=50000, amount_remaining_minor=0, paid_at_s=FEB_1)
    shown = show(view(invoices=[settled]), frozenset({"in_1"}))

    assert [(p.billing_key, p.type, p.amount, p.detail) for p in shown.payments] == [
        ("in_1/outside", "Payment", Decimal("500.00"), "Paid outside Stripe")
    ]
    assert (shown.account.last_payment_date, shown.account.last_payment_amount) == (date(2026, 2, 1), Decimal("500.00"))


def test_a_payment_of_two_invoices_is_one_last_payment() -> None:
    def part(id_: str, minor: int) -> Invoice:
        one = InvoicePayment(
            id=f"inpay_{id_}",
            status="paid",
            amount_minor=minor,
            created_s=FEB_1,
            paid_at_s=FEB_1,
            payment_intent="pi_1",
        )
        more = {"amount_paid_minor": minor, "amount_remaining_minor": 0, "paid_at_s": FEB_1, "payments": (one,)}
        return invoice(id=id_, status="paid", **more)

    shown = show(view(invoices=[part("in_1", 20000), part("in_2", 30000)]), frozenset())

    assert shown.account.last_payment_amount == Decimal("500.00")


def test_a_deal_that_was_over_when_it_came_and_goes_on_after_all_is_one_row() -> None:
    """Its first invoice stood alone; what was added later has a subscription."""
    deal = {"tandem_deal": "0Q0A", "tandem_key": "0Q0A", "salesforce_quote_id": "0Q0A"}
    alone = invoice(subscription=None, metadata={**deal, "tandem_first_day": "2025-01-01"})
    (row,) = show(view(invoices=[alone]), frozenset()).subscriptions
    assert (row.billing_key, row.status, row.stripe_id) == ("0Q0A", "Canceled", "in_1")
    (row,) = show(view(invoices=[alone], subscriptions=[subscription(metadata=deal)]), frozenset()).subscriptions
    assert (row.billing_key, row.status, row.stripe_id) == ("0Q0A", "Active", "sub_1")


def test_an_overdue_invoice_says_since_when_and_what_is_left_of_it() -> None:
    late = tried().model_copy(update={"collection_method": "send_invoice", "due_date_s": FEB_1, "attempt_count": 0})
    [issue] = show(view(MAR_1, invoices=[late]), frozenset()).issues
    assert issue.detail.startswith("It was due on 1 Feb 2026, and 500.00 USD is not paid; nothing is tried by itself.")


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        ([], "visa •••• 4242"),
        ([{"payment_method": "pm_2", "method_words": "amex •••• 8431"}], "amex •••• 8431"),  # as Checkout leaves it
        ([{"payment_method": "pm_2", "method_words": "amex •••• 8431", "status": "canceled"}], "visa •••• 4242"),
        (
            [{"payment_method": "pm_2", "method_words": "amex •••• 8431", "collection_method": "send_invoice"}],
            "visa •••• 4242",
        ),
        ([{"payment_method": "card_2"}], None),  # of an old kind, of which nothing is said
    ],
)
def test_the_method_that_is_charged_next_is_the_accounts(plans: list[dict[str, Any]], expected: str | None) -> None:
    paying = [Customer(id="cus_1", payment_method="visa •••• 4242")]
    found = [subscription(**({"collection_method": "charge_automatically"} | plan)) for plan in plans]
    shown = show(view(customers=paying, subscriptions=found), frozenset())
    assert shown.account.payment_method == expected
