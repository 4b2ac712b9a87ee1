"""Mirror runs: read once, show everything, and let nothing hold up anything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync.errors import LeaseLost, OutcomeUnknown, Terminal, Transient
from sync.facts import Charge, Coupon, Invoice, InvoicePayment, Subscription
from sync.ports import Done, Failed, NewLink, RowResult
from sync.records import Ref
from tests.sync.desired.test_mirror import FEB_1, JAN_1, invoice, item, price, schedule, subscription
from tests.sync.run.conftest import NOW, Place, customer, of_deal


@pytest.fixture
def place(place: Place) -> Place:
    """A linked customer with a plan, an invoice of it, and the moment after it was made."""
    place.links.add(NewLink("customer:001A", "001A", "customer", "cus_1"))
    place.stripe.has(customer(), subscription(), invoice())
    place.clock.at = datetime.fromtimestamp(JAN_1 + 3600, UTC)
    return place


def drained(place: Place, **more: Any) -> int:
    """All that is due for the mirror has run."""
    mirror, runs = place.mirror(**more), 0
    while ran := mirror.run_once():
        runs += ran
    return runs


def kinds(place: Place) -> list[str]:
    return sorted(str(ref) for ref in place.stripe.asked)


def test_an_invoice_is_read_once_with_what_it_needs_and_nothing_is_read_twice(place: Place) -> None:
    place.mark("invoice:in_1")
    drained(place)

    assert kinds(place) == ["customer_id:cus_1", "invoice_id:in_1", "subscription_id:sub_1"]
    assert place.rows("Billing_Invoice__c")["in_1"]["Total__c"] == Decimal("500.00")
    assert place.rows("Account")["001A"]["Open_Balance__c"] == Decimal("500.00")
    assert list(place.rows("Billing_Subscription__c")) == ["sub_1"]

    place.stripe.asked.clear()
    place.mark("invoice:in_1")
    drained(place)
    assert kinds(place) == ["invoice_id:in_1"]


def test_coupons_and_prices_are_read_when_they_are_first_met(place: Place) -> None:
    planned = of_deal(schedule(subscription="sub_1", status="active"))
    place.stripe.has(
        subscription(items=(item(coupons=("pct10",)),)), Coupon(id="pct10", percent_off=Decimal(10)), planned, price()
    )
    place.mark("subscription:sub_sched_1")
    drained(place)

    assert kinds(place) == [
        "coupon:pct10",
        "customer_id:cus_1",
        "price_id:price_1",
        "schedule_id:sub_sched_1",
        "subscription_id:sub_1",
    ]
    assert place.rows("Billing_Subscription__c")["0Q0A"]["MRR__c"] == Decimal("450.00")


@pytest.mark.parametrize("in_the_crm", [True, False], ids=["in the CRM", "still on its way"])
def test_an_item_whose_price_left_its_plan_shows_none_of_it_and_no_mrr(place: Place, in_the_crm: bool) -> None:
    gone, stays = item(id="si_2", price=price("price_2")), item()
    place.stripe.has(subscription(items=(stays, gone)))
    place.mark("subscription:sub_1")
    drained(place)
    if in_the_crm:
        place.written()
    place.stripe.has(subscription(items=(stays,)))
    place.mark("subscription:sub_1")
    drained(place)

    items = place.rows("Billing_Subscription_Item__c")
    assert (items["sub_1/price_2"]["Quantity__c"], items["sub_1/price_2"]["MRR__c"]) == (0, Decimal("0.00"))
    assert items["sub_1/price_2"]["Billing_Subscription__r"][2] == "sub_1"
    assert ("sub_1/price_1" in items) is not in_the_crm  # it says what it said

    place.written()
    place.mark("subscription:sub_1")
    drained(place)
    assert place.outbox.waiting() == (0, None), "it is put right once"


def test_an_item_whose_price_comes_back_shows_it_again(place: Place) -> None:
    two = subscription(items=(item(), item(id="si_2", price=price("price_2"))))
    for now in (two, subscription(), two):
        place.stripe.has(now)
        place.mark("subscription:sub_1")
        drained(place)
        shown = place.rows("Billing_Subscription_Item__c")
        place.written()

    assert (shown["sub_1/price_2"]["Quantity__c"], shown["sub_1/price_2"]["MRR__c"]) == (10, Decimal("500.00"))


def test_rows_of_an_account_that_was_gone_go_again_when_it_is_back(place: Place) -> None:
    place.mark("invoice:in_1")
    drained(place)
    flush = place.outbox.claim_flush()
    assert flush is not None
    gone = RowResult(ok=False, code="DATA-223", message="gone", status_code="ENTITY_IS_DELETED")
    place.outbox.finish_flush(flush, {row.id: gone for row in flush.rows}, request_id=None)
    assert place.outbox.claim_flush() is None

    place.mark("account:001A")
    drained(place)

    assert "in_1" in place.rows("Billing_Invoice__c")


def test_a_payment_leads_to_its_invoice_and_one_of_no_invoice_to_nothing(place: Place) -> None:
    paid = InvoicePayment(
        id="inpay_1", status="paid", amount_minor=50000, created_s=JAN_1, paid_at_s=JAN_1, payment_intent="pi_1"
    )
    place.stripe.has(invoice(status="paid", amount_paid_minor=50000, amount_remaining_minor=0, payments=(paid,)))
    place.mark("payment:pi_1", "payment:pi_of_a_web_shop")

    assert drained(place) == 2

    assert place.rows("Billing_Invoice__c")["in_1"]["Status__c"] == "Paid"
    assert place.due() == {}


@pytest.mark.parametrize(
    ("status", "attempts", "asked"),
    [
        ("paid", 1, False),
        ("open", 0, False),
        ("open", 1, True),
        ("paid", 2, True),
        ("uncollectible", 1, True),
        ("void", 1, False),
    ],
)
def test_failed_charges_are_read_only_where_an_attempt_failed(
    place: Place, status: str, attempts: int, asked: bool
) -> None:
    tried = InvoicePayment(id="inpay_1", status="open", amount_minor=50000, created_s=JAN_1 + 7, payment_intent="pi_1")
    place.stripe.has(invoice(status=status, attempt_count=attempts, payments=(tried,)))
    place.stripe.has(
        Charge(id="ch_1", customer="cus_1", payment_intent="pi_1", amount_minor=50000, currency="usd", status="failed")
    )
    place.mark("invoice:in_1")
    drained(place)

    assert (Ref("charges_of", "pi_1") in place.stripe.asked) is asked
    assert ("ch_1" in place.rows("Billing_Payment__c")) is asked
    if asked:
        assert place.stripe.hints[Ref("charges_of", "pi_1")] == JAN_1 + 7


def test_a_deleted_draft_owes_nothing_and_is_shown_void(place: Place) -> None:
    place.stripe.has(invoice(status="draft", subscription=None))
    place.mark("invoice:in_1")
    drained(place)
    assert place.rows("Billing_Invoice__c")["in_1"]["Status__c"] == "Draft"

    del place.stripe.facts["in_1"]
    place.mark("invoice:in_1")
    drained(place)

    row = place.rows("Billing_Invoice__c")["in_1"]
    assert (row["Status__c"], row["Amount_Remaining__c"]) == ("Void", Decimal("0.00"))


def test_an_invoice_that_was_never_there_makes_no_row(place: Place) -> None:
    place.mark("invoice:in_unknown")
    drained(place)

    assert place.rows("Billing_Invoice__c") == {}
    assert place.due() == {}


# ------------------------------------------------------------------ one bad object


def many(place: Place, count: int) -> list[str]:
    ids = [f"in_{n:03d}" for n in range(count)]
    place.stripe.has(*(invoice(id=i, created_s=JAN_1 + n) for n, i in enumerate(ids)))
    place.mark(*(f"invoice:{i}" for i in ids))
    return ids


@pytest.mark.parametrize(
    "fault", [Terminal("BUG-502", "what is this"), ValueError("what is this")], ids=["understood", "not understood"]
)
def test_a_bad_object_is_set_aside_and_holds_up_no_other(place: Place, fault: Exception) -> None:
    ids = many(place, 5)
    place.stripe.failing["in_002"] = fault

    drained(place)

    assert sorted(place.rows("Billing_Invoice__c")) == [i for i in ids if i != "in_002"]
    assert [(s.key, s.error_code) for s in place.subjects.failures()] == [("invoice:in_002", "BUG-502")]


def test_an_object_that_can_not_be_shown_is_set_aside_with_its_account_and_no_other(place: Place) -> None:
    place.links.add(NewLink("customer:001B", "001B", "customer", "cus_2"))
    place.stripe.has(
        customer("cus_2"), invoice(id="in_2", customer="cus_2", subscription=None), invoice(status="suspended")
    )
    place.mark("invoice:in_1", "invoice:in_2")

    drained(place)

    assert list(place.rows("Billing_Invoice__c")) == ["in_2"]
    assert place.code("invoice:in_1") == "BUG-502"


def test_a_kind_without_a_place_is_set_aside(place: Place) -> None:
    place.mark("quote:0Q0A", "invoice:in_1")
    drained(place)

    assert place.code("quote:0Q0A") == "BUG-502"
    assert list(place.rows("Billing_Invoice__c")) == ["in_1"]


def test_what_passes_is_tried_again_as_a_whole(place: Place) -> None:
    many(place, 3)
    place.stripe.failing["in_001"] = Transient("TEMP-401", "slow down", retry_after_s=9.0)

    assert place.mirror().run_once() == 3

    assert len(place.stripe.asked) == 3
    for n in range(3):
        state = place.subjects.state(f"invoice:in_{n:03d}")
        assert state is not None
        assert (state.error_code, state.failed_at, state.retry_machine_at is not None) == ("TEMP-401", None, True)


def test_an_object_at_which_stripe_keeps_failing_holds_up_the_others_for_a_while_only(place: Place) -> None:
    ids = many(place, 4)
    place.stripe.failing["in_000"] = OutcomeUnknown("TEMP-403", "500", answered=True)

    for _ in range(3):
        place.mark(*(f"invoice:{i}" for i in ids))
        assert place.mirror().run_once() == 4

    assert sorted(place.rows("Billing_Invoice__c")) == ids[1:]
    assert place.code("invoice:in_000") == "TEMP-403"


# ------------------------------------------------------------------ leases and fences


def test_a_long_reading_keeps_its_lease(place: Place) -> None:
    many(place, 120)
    place.stripe.meanwhile = place.leases_end  # each call takes longer than a lease; nobody else is there

    assert place.mirror().run_once() == 120
    assert place.due() == {}


def test_who_lost_the_batch_gives_up_quietly_and_leaves_it_to_the_other(place: Place) -> None:
    many(place, 120)
    place.stripe.meanwhile = place.taken_over

    assert place.mirror().run_once() == 120

    assert len(place.due()) == 120
    assert place.rows("Billing_Invoice__c") == {}


def test_who_lost_the_batch_while_trying_one_by_one_gives_up_too(place: Place) -> None:
    many(place, 3)
    place.stripe.failing["in_001"] = Terminal("BUG-502", "what is this")
    place.stripe.meanwhile = place.taken_over

    assert place.mirror().run_once() == 3
    assert len(place.due()) == 3


def test_a_run_that_stalled_shows_nothing_older_than_what_came_after(place: Place) -> None:
    place.mark("invoice:in_1")

    def overtaken() -> None:
        place.stripe.meanwhile = lambda: None
        place.leases_end()
        old = dict(place.stripe.facts)
        place.stripe.has(invoice(status="paid", amount_paid_minor=50000, amount_remaining_minor=0))
        assert place.mirror().run_once() == 1
        place.stripe.facts = old  # what the stalled one had read before it stopped

    place.stripe.meanwhile = overtaken
    place.mirror().run_once()

    assert place.rows("Billing_Invoice__c")["in_1"]["Status__c"] == "Paid"
    assert place.rows("Account")["001A"]["Open_Balance__c"] == Decimal("0.00")


def test_two_runs_of_one_account_at_once_lose_no_invoice_from_its_sums(place: Place) -> None:
    """The first has read its invoice but not stored it when the second reads, stores and shows another."""
    place.stripe.has(invoice(id="in_2"))
    place.mark("invoice:in_1")

    def second_runs() -> None:
        place.stripe.meanwhile = lambda: None
        place.mark("invoice:in_2")
        assert place.mirror().run_once() == 1

    place.stripe.meanwhile = second_runs
    place.mirror().run_once()

    assert place.rows("Account")["001A"]["Open_Balance__c"] == Decimal("1000.00")


# ------------------------------------------------------------------ whose it is


def test_a_customer_without_an_account_is_asked_about_once(place: Place) -> None:
    place.stripe.has(customer("cus_2"), invoice(id="in_2", customer="cus_2", subscription=None))
    place.mark("invoice:in_2")
    drained(place)
    assert place.due() == {"customer:cus_2": "deal"}
    assert place.rows("Billing_Invoice__c") == {}

    _answered(place, Done(NOW + timedelta(days=30)))
    for _ in range(3):
        place.mark("invoice:in_2")
        drained(place)

    assert place.due() == {}
    state = place.subjects.state("customer:cus_2")
    assert state is not None
    assert state.wake_at == place.clock.at + timedelta(days=1)


def test_a_contact_that_buys_is_asked_about_though_it_was_looked_at_before(place: Place) -> None:
    place.mark("customer:cus_2", lane="deal", unit="unit:cus_2")
    _answered(place, Done())
    place.stripe.has(customer("cus_2"), invoice(id="in_2", customer="cus_2", subscription=None))
    place.mark("invoice:in_2")

    drained(place)

    assert place.due() == {"customer:cus_2": "deal"}


def test_a_customer_that_is_a_question_is_not_asked_about_with_every_invoice(place: Place) -> None:
    place.mark("customer:cus_2", lane="deal", unit="unit:cus_2")
    _answered(place, Failed("DATA-213", "which one", blocked_on=("001A", "001B")))
    place.stripe.has(customer("cus_2"), invoice(id="in_2", customer="cus_2", subscription=None))
    place.mark("invoice:in_2")

    drained(place)

    assert place.due() == {}
    assert place.code("customer:cus_2") == "DATA-213"


def _answered(place: Place, outcome: Done | Failed) -> None:
    claim = place.subjects.claim_unit("deal")
    assert claim is not None
    place.subjects.finish(claim, {due.key: outcome for due in claim.subjects})


# ------------------------------------------------------------------ wakes and quotes


def test_an_account_wakes_when_an_invoice_falls_due_and_then_every_day(place: Place) -> None:
    place.mark("invoice:in_1")
    drained(place)
    assert place.rows("Account")["001A"]["Billing_Health__c"] == "Good"

    for day in range(3):
        place.clock.at = datetime.fromtimestamp(FEB_1 + day * 86400, UTC)
        place.stripe.asked.clear()
        assert place.subjects.wake_due(place.clock.at) == 1
        assert drained(place) == 1
        assert place.stripe.asked == []
        row = place.rows("Account")["001A"]
        assert (row["Billing_Health__c"], row["Overdue_Days__c"]) == ("Past Due", day)


def test_one_jump_over_many_wakes_ends_as_many_small_steps_do(place: Place) -> None:
    place.mark("invoice:in_1")
    drained(place)

    place.clock.at = datetime.fromtimestamp(FEB_1 + 400 * 86400, UTC)
    place.subjects.wake_due(place.clock.at)
    assert drained(place) == 1

    assert place.rows("Account")["001A"]["Overdue_Days__c"] == 400
    assert place.subjects.counts(place.clock.at).next_wake_at == place.clock.at + timedelta(days=1)


def test_a_quote_is_told_when_its_schedule_changes_and_not_when_it_is_first_seen(place: Place) -> None:
    place.stripe.has(of_deal(schedule()), price())
    place.mark("subscription:sub_sched_1")
    drained(place)
    assert place.due() == {}

    place.mark("subscription:sub_sched_1")
    drained(place)
    assert place.due() == {}

    place.stripe.has(of_deal(schedule(status="canceled")))
    place.mark("subscription:sub_sched_1")
    drained(place)
    assert place.due() == {"quote:0Q0A": "deal"}


def test_a_quote_is_told_of_a_schedule_that_was_ended_before_it_was_ever_read(place: Place) -> None:
    place.stripe.has(of_deal(schedule(status="canceled")), price())
    place.mark("subscription:sub_sched_1")
    drained(place)

    assert place.due() == {"quote:0Q0A": "deal"}


def test_who_waits_for_an_object_in_stripe_goes_on_when_it_changes(place: Place) -> None:
    place.mark("subscription:sub_1")
    drained(place)
    place.mark("quote:0Q0A", lane="deal", unit="unit:001A")
    _answered(place, Failed("DATA-219", "changed outside", blocked_on=("0Q0A", "sub_1")))

    place.stripe.has(subscription(items=(item(8),)))
    place.mark("subscription:sub_1")
    drained(place)

    assert place.due() == {"quote:0Q0A": "deal"}


def test_an_account_that_nobody_bills_is_left_alone(place: Place) -> None:
    place.mark("account:001Z")
    drained(place)

    assert place.rows("Account") == {}


def test_facts_are_those_of_the_objects(place: Place) -> None:
    place.mark("invoice:in_1")
    drained(place)

    assert isinstance(place.facts.get("invoice", ["in_1"])["in_1"], Invoice)
    assert isinstance(place.facts.get("subscription", ["sub_1"])["sub_1"], Subscription)


def test_a_lost_lease_is_no_failure_of_the_lane(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.mark("invoice:in_1")

    def lost(*_: object) -> None:
        raise LeaseLost("batch")

    monkeypatch.setattr(place.subjects, "finish", lost)
    assert place.mirror().run_once() == 1
