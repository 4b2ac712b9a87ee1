"""What a New quote takes over of what the customer bought on the web site (BILLING_RULES 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync.desired.customer import desire_customer
from sync.desired.keys import KEY
from sync.desired.takeover import bought_by, check_takeover, desire_ends, kept_method, row_of, said, taken_over
from sync.desired.takeover_credit import desire_credit, with_credits
from sync.desired.takeover_foreseen import foreseen
from sync.desired.takeover_returned import asked, returned
from sync.desired.takeover_unused import Read, unused
from sync.desired.worth import Terms
from sync.diff import diff
from sync.facts import (
    BalanceTransaction,
    Coupon,
    CreditNote,
    Customer,
    Dispute,
    Invoice,
    InvoicePayment,
    Item,
    Line,
    Phase,
    Price,
    Refund,
    Schedule,
    Subscription,
)
from sync.observed import observe
from sync.records import Desired, Ref
from tests.sync.deal.factory import QUOTE_ID, a_cancellation, a_deal

START = date(2026, 6, 25)
DEAL = a_deal(start_date=START)
DAY_S = 86_400


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def now(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


PERIOD = (at("2026-06-10"), at("2026-07-10"))
WEB = Price(id="price_web", product="prod_web", currency="usd", unit_amount_decimal=Decimal(3900), interval="month")


def plan(id_: str = "sub_web", **changes: Any) -> Subscription:
    item = Item(id="si_1", price=WEB, quantity=5, period_start_s=PERIOD[0], period_end_s=PERIOD[1])
    fields = {
        "id": id_, "customer": "cus_1", "status": "active", "currency": "usd", "items": (item,),
        "start_date_s": PERIOD[0], "billing_cycle_anchor_s": PERIOD[0],
    }  # fmt: skip
    return Subscription(**{**fields, **changes})


def invoice(amount: int = 19_500, id_: str = "in_1", period: tuple[int, int] = PERIOD, **changes: Any) -> Invoice:
    line = Line(amount_minor=amount, subscription_item="si_1", period_start_s=period[0], period_end_s=period[1])
    fields = {
        "id": id_, "customer": "cus_1", "subscription": "sub_web", "status": "paid", "currency": "usd",
        "number": "AC-0001", "subtotal_minor": amount, "total_minor": amount, "amount_paid_minor": amount, "created_s": period[0], "lines": (line,),
    }  # fmt: skip
    return Invoice(**{**fields, **changes})


def takeover(*plans: Subscription, deal: Any = DEAL, schedules: tuple[Schedule, ...] = ()) -> Any:
    found = taken_over(deal, [*plans, *schedules])
    assert found is not None
    return found


def amounts(invoices: list[Invoice], one: Subscription | None = None) -> list[tuple[str, int]]:
    return [(u.invoice.id, u.amount) for u in unused(takeover(one or plan()), invoices)]


def first_invoice(total: int) -> Desired:
    return Desired(Ref("invoice", f"{QUOTE_ID}:begun"), create={}, compare={"subtotal": total, "finalized": True})


def made(desired: list[Desired]) -> list[tuple[str, Any]]:
    names = {"invoiceitem": "amount", "balance": "amount", "creditnote": "invoice"}
    return [(d.ref.kind, d.create[names[d.ref.kind]]) for d in desired]


# ------------------------------------------------------------------ what is taken over


def test_every_live_plan_is_taken_over_and_the_oldest_ones_row_goes_on():
    older, ended = plan("sub_old", start_date_s=PERIOD[0] - 99), plan("sub_gone", status="canceled")
    objects = [plan(), older, ended]
    found = taken_over(DEAL, objects)
    assert found is not None
    assert [p.id for p in found.plans] == ["sub_old", "sub_web"]
    assert row_of(found, DEAL, objects) == "sub_old"


def test_what_a_customer_buys_after_the_deal_or_has_by_another_deal_is_left_alone():
    ours = Schedule(id="sched_1", metadata={"tandem_deal": QUOTE_ID, "tandem_takes": "sub_gone"})
    assert taken_over(DEAL, [ours, plan()]) is None
    assert row_of(None, DEAL, [ours, plan()]) == "sub_gone"
    assert taken_over(DEAL, [plan(metadata={"tandem_deal": "0Q0x"})]) is None
    assert taken_over(DEAL, [plan(metadata={"tandem_taken_by": "0Q0x"})]) is None
    assert taken_over(replace(DEAL, renews="0Q0x"), [plan()]) is None


def test_what_was_kept_of_a_deal_that_is_over_is_a_plan_but_its_row_stays_its_own():
    ended = {"tandem_deal": "0Q0x", "tandem_term_end": "2026-06-01"}
    released = Schedule(id="sched_1", status="released", released_subscription="sub_web", end_behavior="cancel")
    kept = plan(metadata=ended)
    found = takeover(kept, schedules=(released,))
    assert (found.plans, row_of(found, DEAL, [kept, released])) == ((kept,), None)
    running = plan(metadata={**ended, "tandem_term_end": "2026-06-26"})
    rolled = released.model_copy(update={"end_behavior": "release"})
    told_to_let_go = rolled.model_copy(update={"metadata": ended})
    assert takeover(kept, schedules=(told_to_let_go,)).plans == (kept,)
    for objects in (
        [running, released],
        [running, told_to_let_go],
        [kept, rolled],
        [plan(metadata={**ended, "tandem_ends_on": "2026-05-01"}), released],
    ):
        assert taken_over(DEAL, objects) is None


def test_a_marked_plan_stays_taken_over_once_the_deal_is_there():
    ours = Schedule(id="sched_1", metadata={"tandem_deal": QUOTE_ID})
    marked = plan(status="canceled", metadata={"tandem_taken_by": QUOTE_ID})
    assert takeover(marked, schedules=(ours,)).plans == (marked,)


def test_what_cannot_be_taken_over_is_refused_before_any_write():
    metered = plan(
        items=(plan().items[0].model_copy(update={"price": WEB.model_copy(update={"usage_type": "metered"})}),)
    )
    late, early = now("2026-06-25T09:00"), now("2026-06-20")
    assert check_takeover(DEAL, takeover(metered), [metered], early) == ()
    (refusal,) = check_takeover(DEAL, takeover(metered), [metered], late)
    assert (refusal.code, refusal.field) == ("CONF-311", "Start_Date__c")
    planned = Schedule(id="sched_web", status="not_started")
    (refusal,) = check_takeover(DEAL, None, [planned], early)
    assert (refusal.code, "sched_web" in refusal.message) == ("CONF-311", True)


# ------------------------------------------------------------------ how the plans end


def planned(one: Subscription, when: str, *schedules: Schedule) -> list[tuple[str, str, tuple[str, ...]]]:
    found = takeover(one, schedules=schedules)
    ends = desire_ends(found, now(when))
    return [(str(o.verb), o.action, o.changed) for o in diff(ends.objects, found.actual).operations]


def test_a_plan_is_told_its_end_in_its_last_cycle_and_only_marked_before():
    assert planned(plan(), "2026-06-20") == [("update", "", ("metadata", "ends"))]
    later = a_deal(start_date=date(2026, 8, 1))
    found = takeover(plan(), deal=later)
    ends = desire_ends(found, now("2026-06-20"))
    assert [o.changed for o in diff(ends.objects, found.actual).operations] == [("metadata",)]
    assert ends.wake_at == now("2026-07-10")


def test_a_plan_of_which_no_cycle_runs_is_looked_at_on_the_day_and_not_without_end():
    later = takeover(plan(status="paused"), deal=a_deal(start_date=date(2026, 8, 16)))
    ends = desire_ends(later, now("2026-08-01"))  # its trial ended on 10 July, without a card
    assert ([d.compare for d in ends.objects], ends.wake_at) == ([{"metadata": {"tandem_taken_by": QUOTE_ID}}], None)
    late = takeover(plan(), deal=a_deal(start_date=date(2026, 8, 16)))
    assert desire_ends(late, now("2026-07-10")).wake_at == now("2026-07-10T00:10")  # Stripe is about to renew it


def test_a_plan_that_runs_on_the_day_is_ended_then_and_a_second_run_writes_nothing():
    assert planned(plan(), "2026-06-25") == [("update", "", ("metadata",)), ("act", "cancel", ("standing",))]
    assert planned(plan(status="canceled", metadata={"tandem_taken_by": QUOTE_ID}), "2026-06-25") == []
    marked = plan(metadata={"tandem_taken_by": QUOTE_ID}, cancel_at_s=at("2026-06-25"))
    assert planned(marked, "2026-06-20") == []


def test_the_plan_of_a_deal_that_was_cancelled_before_it_began_goes_on():
    never = a_cancellation(DEAL, START)
    marked = plan(metadata={"tandem_taken_by": QUOTE_ID}, cancel_at_s=at("2026-06-25"))
    found = takeover(marked, deal=never)
    [change] = diff(desire_ends(found, now("2026-06-20")).objects, found.actual).operations
    assert change.payload == {"metadata": {"tandem_taken_by": ""}, "cancel_at": ""}
    free = takeover(plan(), deal=never)
    assert diff(desire_ends(free, now("2026-06-20")).objects, free.actual).operations == ()


def test_an_end_that_the_customer_planned_before_that_day_stays():
    marks = {"metadata": {"tandem_taken_by": QUOTE_ID}}
    assert planned(plan(cancel_at_s=at("2026-06-22"), **marks), "2026-06-20") == []
    assert planned(plan(cancel_at_s=at("2026-07-01"), **marks), "2026-06-20") == [("update", "", ("ends",))]
    assert planned(plan(cancel_at_period_end=True, **marks), "2026-06-20") == []  # it is ended on the day


def test_a_plan_with_a_schedule_of_its_own_is_let_go_of_it_first():
    mine = Schedule(id="sched_web", status="active", subscription="sub_web")
    assert planned(plan(), "2026-06-20", mine) == [("update", "", ("metadata",)), ("act", "release", ("running",))]
    assert desire_ends(takeover(plan(), schedules=(mine,)), now("2026-06-20")).again
    assert planned(plan(), "2026-06-25", mine) == [("update", "", ("metadata",)), ("act", "cancel", ("running",))]
    phase = Phase(start_s=at("2026-06-22"), end_s=at("2026-09-01"), items=())
    changing = mine.model_copy(update={"phases": (phase,)})
    ends = desire_ends(takeover(plan(), schedules=(changing,)), now("2026-06-20"))
    assert (len(ends.objects), ends.wake_at) == (1, now("2026-06-22"))  # its own change comes first


def test_a_plan_that_began_when_the_time_of_a_deal_was_over_goes_on_beside_what_is_billed_of_it():
    past = a_deal(start_date=date(2026, 1, 1), term_months=3, now=now("2026-06-25"))
    began_after = plan(start_date_s=at("2026-04-01"))
    for there, taken in ((began_after, False), (plan(start_date_s=at("2026-03-31")), True)):
        found = taken_over(past, bought_by([there], past, now("2026-06-25")))
        assert bool(found) == taken
        refused = check_takeover(past, found, [there], now("2026-06-25"))
        assert [r.code for r in refused] == (["CONF-311"] if taken else [])


# ------------------------------------------------------------------ what is given back


def test_unused_time_is_by_the_second_of_what_was_billed_after_discounts():
    assert amounts([invoice()]) == [("in_1", 9_750)]
    discounted = invoice().lines[0].model_copy(update={"discount_minor": 1_950})
    assert amounts([invoice(lines=(discounted,), total_minor=17_550)]) == [("in_1", 8_775)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "void"}, []),
        ({"status": "uncollectible"}, []),
        ({"status": "draft"}, [("in_1", 9_750)]),
        ({"status": "draft", "auto_advance": False}, []),  # collection is paused, or the plan is unpaid
        ({"status": "draft", "auto_advance": False, "metadata": {KEY: "ours"}}, [("in_1", 9_750)]),
        ({"credited_minor": 15_000}, [("in_1", 4_500)]),
        ({"credited_minor": 19_500}, []),
    ],
)
def test_never_more_is_given_back_than_was_billed(changes: dict[str, Any], expected: list[tuple[str, int]]):
    assert amounts([invoice(**changes)]) == expected


PAYMENT = InvoicePayment(id="inpay_1", status="paid", amount_minor=19_500, created_s=PERIOD[0], payment_intent="pi_1")
REFUND = {"customer": "cus_1", "charge": "ch_1", "payment_intent": "pi_1", "currency": "usd"}


@pytest.mark.parametrize(
    ("found", "notes", "credited", "expected"),
    [
        ([Refund(id="re_1", amount_minor=19_500, status="succeeded", **REFUND)], [], 0, []),
        ([Refund(id="re_1", amount_minor=15_000, status="pending", **REFUND)], [], 0, [("in_1", 4_500)]),
        ([Refund(id="re_1", amount_minor=5_000, status="succeeded", **REFUND)], [], 0, [("in_1", 9_750)]),
        ([Refund(id="re_1", amount_minor=19_500, status="failed", **REFUND)], [], 0, [("in_1", 9_750)]),
        # What a credit note sent back is counted by the note.
        (
            [Refund(id="re_1", amount_minor=12_000, status="succeeded", **REFUND)],
            [CreditNote(id="cn_1", invoice="in_1", status="issued", refunds=(("re_1", 12_000),))],
            12_000,
            [("in_1", 7_500)],
        ),
        ([Dispute(id="dp_1", amount_minor=19_500, status="lost", **REFUND)], [], 0, []),
        ([Dispute(id="dp_1", amount_minor=19_500, status="under_review", **REFUND)], [], 0, [("in_1", 9_750)]),
    ],
)
def test_what_went_back_to_the_customer_is_not_given_back_again(
    found: list[Any], notes: list[CreditNote], credited: int, expected: list[tuple[str, int]]
):
    paid = invoice(payments=(PAYMENT,), credited_minor=credited)
    read = Read(of_plans=(paid,))
    assert list(asked(takeover(plan()), read)) == [Ref("paid_charges_of", "pi_1")]
    back = returned(found, notes, read)
    assert [(u.invoice.id, u.amount) for u in unused(takeover(plan()), [paid], back)] == expected


def test_it_is_asked_only_as_long_as_the_time_is_not_given_back():
    paid = invoice(payments=(PAYMENT,))
    key = f"{QUOTE_ID}:takes:in_1"
    given = BalanceTransaction(id="cbtxn_1", metadata={KEY: key})
    assert asked(takeover(plan()), Read(of_plans=(paid,), balances=(given,))) == {}
    assert asked(takeover(plan()), Read(of_plans=(invoice(status="open", payments=()),))) == {}


def test_a_back_dated_deal_gets_back_all_that_was_billed_since():
    later = invoice(id_="in_2", period=(at("2026-07-10"), at("2026-08-10")))
    assert amounts([invoice(), later]) == [("in_2", 19_500), ("in_1", 9_750)]


def test_seats_that_were_given_back_in_the_cycle_are_not_given_back_twice():
    fewer = invoice(-3_900, "in_2", (at("2026-06-20"), at("2026-07-10")), total_minor=-3_900)
    assert amounts([invoice(), fewer]) == [("in_1", 9_750 - 2_925)]


def test_usage_and_a_plan_that_was_ended_before_give_nothing_back():
    assert (
        amounts(
            [invoice()], plan(status="canceled", ended_at_s=at("2026-06-24"), metadata={"tandem_taken_by": QUOTE_ID})
        )
        == []
    )
    metered = plan().items[0].model_copy(update={"price": WEB.model_copy(update={"usage_type": "metered"})})
    assert amounts([invoice()], plan(items=(metered,))) == []


def test_the_credit_is_an_item_on_the_first_invoice_that_we_state():
    found, first = takeover(plan()), first_invoice(495_000)
    given = desire_credit(found, [first], Read(of_plans=(invoice(),)), now("2026-06-25"))
    [item] = given.objects
    assert (item.create["amount"], item.create["invoice"]) == (-9_750, first.ref)
    assert item.create["period"] == {"start": at("2026-06-25"), "end": PERIOD[1]}
    assert item.create["description"] == "Unused time of the plan before (invoice AC-0001)"
    draft = desire_credit(found, [first], Read(of_plans=(invoice(status="draft", number=None),)), now("2026-06-25"))
    assert draft.objects[0].create["description"].endswith("(invoice of 10 Jun 2026 (draft))")
    assert with_credits([first], given)[0].compare["subtotal"] == 485_250
    # What is there is kept, whatever becomes of the old invoice.
    line = Line(amount_minor=-9_750, metadata={KEY: item.ref.key})
    there = invoice(485_250, "in_9", lines=(line,), subscription="sub_new", metadata={KEY: first.ref.key})
    again = desire_credit(found, [first], Read((invoice(credited_minor=19_500),), (there,)), now("2026-06-25"))
    assert (again.objects, with_credits([first], again)[0].compare["subtotal"]) == ([], 485_250)


def test_what_the_first_invoice_is_too_small_for_goes_to_the_balance_once():
    found, first = takeover(plan()), first_invoice(4_000)
    given = desire_credit(found, [first], Read(of_plans=(invoice(),)), now("2026-06-25"))
    assert made(given.objects) == [("invoiceitem", -4_000), ("balance", -5_750)]
    line = Line(amount_minor=-4_000, metadata={KEY: found.key("in_1")})
    there = invoice(0, "in_9", lines=(line,), subscription="sub_new", metadata={KEY: first.ref.key})
    crashed = Read((invoice(),), (there,))
    assert made(desire_credit(found, [first], crashed, now("2026-06-25")).objects) == [("balance", -5_750)]
    rest = BalanceTransaction(id="cbtxn_1", amount_minor=-5_750, metadata={KEY: f"{found.key('in_1')}:rest"})
    assert desire_credit(found, [first], replace(crashed, balances=(rest,)), now("2026-06-25")).objects == []


def test_a_larger_invoice_that_an_amendment_states_later_leaves_the_credit_where_it_is():
    found, first = takeover(plan()), first_invoice(4_000)
    later = Desired(Ref("invoice", f"{QUOTE_ID}#2:begun"), create={}, compare={"subtotal": 90_000})
    line = Line(amount_minor=-4_000, metadata={KEY: found.key("in_1")})
    there = invoice(0, "in_9", lines=(line,), subscription="sub_new", metadata={KEY: first.ref.key})
    given = desire_credit(found, [later, first], Read((invoice(),), (there,)), now("2026-06-25"))
    assert [d.compare["subtotal"] for d in with_credits([later, first], given)] == [90_000, 0]
    assert made(given.objects) == [("balance", -5_750)]


def test_an_invoice_that_nobody_paid_is_lowered_instead():
    owed = invoice(status="open", amount_paid_minor=0, amount_remaining_minor=19_500)
    read = Read(of_plans=(owed,))
    given = desire_credit(takeover(plan(status="past_due")), [first_invoice(495_000)], read, now("2026-06-25"))
    assert made(given.objects) == [("creditnote", "in_1")]
    note = CreditNote(id="cn_1", invoice="in_1", status="issued", metadata={KEY: takeover(plan()).key("in_1")})
    noted = replace(read, notes=(note,))
    assert desire_credit(takeover(plan()), [first_invoice(495_000)], noted, now("2026-06-25")).objects == []


def test_stripes_own_first_draft_is_waited_for_and_one_that_is_finalised_is_lowered():
    def given(*first: Invoice) -> Any:
        return desire_credit(takeover(plan()), [], Read((invoice(),), first), now("2026-06-25T00:01"))

    nothing = given(invoice(0, "in_0", subscription="sub_new"))  # as at the beginning of a trial
    assert (nothing.objects, nothing.wake_at) == ([], now("2026-06-25T00:11"))
    draft = invoice(495_000, "in_9", subscription="sub_new", status="draft")
    assert [(d.create["invoice"], d.create["amount"]) for d in given(draft).objects] == [("in_9", -9_750)]
    fields = {"subscription": "sub_new", "amount_paid_minor": 0, "amount_remaining_minor": 495_000}
    sent = invoice(495_000, "in_9", status="open", **fields)
    assert (made(given(sent).objects), given(sent).on_first) == ([("creditnote", "in_9")], 9_750)
    note = CreditNote(
        id="cn_1", invoice="in_9", status="issued", amount_minor=9_750, metadata={KEY: takeover(plan()).key("in_1")}
    )
    again = desire_credit(takeover(plan()), [], Read((invoice(),), (sent,), (note,)), now("2026-06-25T02:00"))
    assert (again.objects, again.on_first, again.by_invoice) == ([], 9_750, {})
    assert made(given(invoice(495_000, "in_9", subscription="sub_new")).objects) == [("balance", -9_750)]


@pytest.mark.parametrize(
    ("start", "changes", "expected"),
    [
        (date(2026, 6, 25), {}, (9_750, 0)),
        (date(2026, 7, 25), {}, (10_065, 0)),  # 16 of the 31 days from 10 July
        (date(2026, 8, 10), {}, (0, 0)),
        (date(2026, 7, 25), {"cancel_at_period_end": True}, (0, 0)),
        (date(2026, 7, 25), {"coupons": ("half",)}, (5_032, 0)),
        (date(2026, 7, 25), {"coupons": ("half",), "coupon_ends_s": (PERIOD[1] + 1,)}, (5_032, 0)),
        (date(2026, 7, 25), {"coupons": ("half",), "coupon_ends_s": (PERIOD[1],)}, (10_065, 0)),
        (date(2026, 7, 25), {"paused": True}, (0, 0)),
        (date(2026, 7, 25), {"paused": True, "resumes_s": PERIOD[1]}, (10_065, 0)),
        (date(2026, 7, 25), {"paused": True, "resumes_s": PERIOD[1] + 1}, (0, 0)),
        (date(2026, 7, 25), {"status": "paused"}, (0, 0)),
        (date(2026, 7, 25), {"status": "unpaid"}, (0, 0)),
    ],
    ids=[
        "in the running cycle",
        "in the next",
        "on a boundary",
        "ends before",
        "with a discount",
        "that lasts until then",
        "that has run out by then",
        "collection is paused",
        "and goes on with the cycle",
        "and goes on within it",
        "its trial ended without a card",
        "its invoices stay drafts",
    ],
)
def test_what_will_be_given_back_is_foreseen(start: date, changes: dict[str, Any], expected: tuple[int, int]):
    found = takeover(plan(**changes), deal=a_deal(start_date=start))
    coupons = {"half": Coupon(id="half", percent_off=Decimal(50))}
    given = foreseen(found, Read(of_plans=(invoice(),)), 495_000, Terms(coupons, {}, "UTC", now("2026-06-20")))
    assert (given.on_first, given.to_balance) == expected


def test_an_amount_off_the_plan_is_foreseen_once_whatever_number_of_items_it_has():
    extra = WEB.model_copy(update={"id": "price_extra", "unit_amount_decimal": Decimal(1000)})
    second = plan().items[0].model_copy(update={"id": "si_2", "price": extra, "quantity": 3})
    found = takeover(plan(items=(*plan().items, second), coupons=("off",)), deal=a_deal(start_date=date(2026, 7, 25)))
    coupons = {"off": Coupon(id="off", amount_off_minor=2_000, currency="usd")}
    given = foreseen(found, Read(), 495_000, Terms(coupons, {}, "UTC", now("2026-06-20")))
    assert given.on_first == 10_581  # 16 of 31 days of 195.00 + 30.00 - 20.00


@pytest.mark.parametrize(("start", "given"), [(date(2026, 7, 25), 5_032), (date(2026, 8, 25), 10_065)])
@pytest.mark.parametrize("on_item", [False, True])
def test_a_discount_for_one_invoice_is_spent_by_the_next(start: date, given: int, on_item: bool):
    [item] = plan().items
    once = {"items": (item.model_copy(update={"coupons": ("once",)}),)} if on_item else {"coupons": ("once",)}
    terms = Terms({"once": Coupon(id="once", percent_off=Decimal(50), duration="once")}, {}, "UTC", now("2026-06-20"))
    found = takeover(plan(**once), deal=a_deal(start_date=start))
    assert foreseen(found, Read(), 495_000, terms).on_first == given


def test_an_annual_plan_may_be_worth_more_than_the_first_invoice():
    year = (at("2026-01-01"), at("2027-01-01"))
    annual = plan().items[0].model_copy(update={"period_start_s": year[0], "period_end_s": year[1]})
    found = takeover(plan(items=(annual,)))
    terms = Terms({}, {}, "UTC", now("2026-06-20"))
    given = foreseen(found, Read(of_plans=(invoice(480_000, period=year),)), 100_000, terms)
    assert (given.on_first, given.to_balance) == (100_000, 149_863)  # 190 of 365 days: 249,863


def test_the_preview_names_the_plan_and_the_day():
    assert said(takeover(plan()), {"prod_web": "Starter (web)"}) == [
        "Takes over the self-serve plan sub_web (5 × Starter (web)): it ends when this deal begins, 25 Jun 2026"
    ]


def test_a_card_that_only_the_plan_has_becomes_the_customers_where_the_deal_is_to_be_charged():
    charged, nobody = a_deal(start_date=START, collection_method="Charge Automatically"), Customer(id="cus_1")
    bought = plan(payment_method="pm_1")
    assert kept_method(takeover(bought, deal=charged), nobody) == "pm_1"
    want = desire_customer(charged.payer, nobody, method="pm_1")
    [change] = [o for o in diff([want], {want.ref: observe(nobody)}).operations if "has_method" in o.changed]
    assert change.payload["invoice_settings"] == {"default_payment_method": "pm_1"}
    has_one = nobody.model_copy(update={"payment_method": "visa"})
    for found, customer in (
        (takeover(bought, deal=charged), has_one),
        (takeover(bought), nobody),  # sent by invoice
        (takeover(plan(payment_method="card_1"), deal=charged), nobody),
        (takeover(plan(), deal=charged), nobody),
        (takeover(bought, deal=charged), None),
        (None, nobody),
    ):
        assert kept_method(found, customer) is None
    gone = plan(status="canceled", payment_method="pm_1", metadata={"tandem_taken_by": QUOTE_ID})
    ours = Schedule(id="sched_1", metadata={"tandem_deal": QUOTE_ID})
    assert kept_method(takeover(gone, deal=charged, schedules=(ours,)), nobody) is None  # what was taken away stays so
