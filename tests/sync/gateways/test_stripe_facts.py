"""Stripe's JSON -> facts: strict about the essentials, tolerant of what is new."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.errors import Terminal
from sync.facts import (
    FACT_TYPES,
    BalanceTransaction,
    Charge,
    Coupon,
    CreditNote,
    Customer,
    Invoice,
    Line,
    Meter,
    PendingItem,
    Price,
    Product,
    Schedule,
    Subscription,
)
from sync.gateways.stripe_facts import fact_of, preview_of
from sync.gateways.stripe_json import coupons_of
from sync.gateways.stripe_money_facts import method_words

EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parents[2] / "contracts" / "fixtures3.json").read_text())[
    "resources"
]
KINDS = (
    "coupon",
    "product",
    "price",
    "customer",
    "charge",
    "subscription",
    "subscription_schedule",
    "invoice",
    "credit_note",
    "customer_balance_transaction",
    "billing.meter",
)


def line(**over: object) -> dict[str, Any]:
    parent = {"type": "subscription_item_details", "subscription_item_details": {"proration": False}}
    period = {"start": 100, "end": 200}
    return {
        "id": "il_1",
        "object": "line_item",
        "amount": 500,
        "currency": "usd",
        "parent": parent,
        "period": period,
        **over,
    }


def invoice(**over: object) -> dict[str, Any]:
    base = {
        "id": "in_1",
        "object": "invoice",
        "created": 1,
        "livemode": False,
        "customer": "cus_1",
        "status": "open",
        "currency": "usd",
        "collection_method": "charge_automatically",
        "subtotal": 500,
        "total": 500,
        "amount_due": 500,
        "amount_paid": 0,
        "amount_remaining": 500,
        "lines": {"data": [line()], "has_more": False},
        "period_start": 1,
        "period_end": 1,
        "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {"tandem_key": "q"}}},
    }
    return {**base, **over}


def item(**over: object) -> dict[str, Any]:
    price = {"id": "price_1", "object": "price", "created": 1, "currency": "usd", "active": True, "product": "prod_1"}
    base = {
        "id": "si_1",
        "price": price,
        "quantity": 3,
        "current_period_start": 1,
        "current_period_end": 2,
        "discounts": [],
    }
    return {**base, **over}


def subscription(**over: object) -> dict[str, Any]:
    base = {
        "id": "sub_1",
        "object": "subscription",
        "created": 1,
        "customer": {"id": "cus_1", "object": "customer"},
        "status": "active",
        "currency": "usd",
        "collection_method": "send_invoice",
        "start_date": 1,
        "billing_cycle_anchor": 1,
        "items": {"data": [item()]},
        "discounts": [],
    }
    return {**base, **over}


def test_an_item_says_when_it_was_put_on_its_subscription() -> None:
    fact = fact_of(subscription(items={"data": [item(created=7)]}))
    assert isinstance(fact, Subscription)
    assert fact.items[0].created_s == 7


@pytest.mark.parametrize("kind", KINDS)
def test_stripes_published_example_of_each_kind_is_read(kind: str) -> None:
    example = EXAMPLES[kind]
    fact = fact_of(without_ids_of_discounts(example))
    assert fact.id == example["id"]
    assert fact.created_s == example["created"]
    assert type(fact).model_validate_json(fact.model_dump_json()) == fact


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_is_read_can_be_stored_and_loaded_again(kind: str) -> None:
    fact = fact_of(without_ids_of_discounts(EXAMPLES[kind]))
    assert FACT_TYPES[fact.KIND] is type(fact)


def test_facts_that_an_earlier_release_stored_still_load() -> None:
    line = {"amount_minor": 5}
    stored = {"id": "in_1", "customer": "cus_1", "lines": [line]}
    old = Invoice.model_validate(stored)
    assert (old.auto_advance, old.more_lines, old.lines[0].subscription_item, old.lines[0].net_minor) == (
        None,
        False,
        None,
        5,
    )
    assert Price.model_validate({"id": "p"}).meter is None
    phase = {"start_s": 1, "end_s": 2, "items": []}
    old_phase = Schedule.model_validate({"id": "s", "phases": [phase]}).phases[0]
    assert (old_phase.billing_cycle_anchor, old_phase.trial_end_s) == (None, None)


def without_ids_of_discounts(obj: dict[str, Any]) -> dict[str, Any]:
    """Published examples are not expanded; our reads always expand discounts."""
    return {**obj, "discounts": []} if "discounts" in obj else obj


def test_unit_amounts_keep_all_their_decimals_and_have_one_spelling() -> None:
    price = {"id": "p", "object": "price", "created": 1, "currency": "usd", "active": True, "product": {"id": "prod_1"}}
    exact = fact_of({**price, "unit_amount": None, "unit_amount_decimal": "8333.333333333333"})
    whole = fact_of({**price, "unit_amount": 100, "unit_amount_decimal": "100.000"})
    assert isinstance(exact, Price)
    assert isinstance(whole, Price)
    assert (exact.unit_amount_decimal, exact.product) == (Decimal("8333.333333333333"), "prod_1")
    assert str(whole.unit_amount_decimal) == "100"


def test_the_period_of_an_invoice_is_that_of_its_recurring_lines() -> None:
    one_off = line(
        parent={"type": "invoice_item_details", "invoice_item_details": {"proration": False}},
        period={"start": 1, "end": 900},
    )
    fact = fact_of(invoice(lines={"data": [one_off, line(), line(period={"start": 150, "end": 300})]}))
    assert isinstance(fact, Invoice)
    assert (fact.period_start_s, fact.period_end_s) == (100, 300)
    only = fact_of(invoice(lines={"data": [one_off]}))
    none = fact_of(invoice(lines={"data": []}, period_start=7, period_end=8))
    assert isinstance(only, Invoice)
    assert isinstance(none, Invoice)
    assert (only.period_start_s, only.period_end_s, none.period_start_s) == (1, 900, 7)


def test_a_proration_is_told_from_a_cycle() -> None:
    prorated = line(parent={"subscription_item_details": {"proration": True}}, period={"start": 5, "end": 6})
    fact = fact_of(invoice(lines={"data": [line(), prorated]}))
    assert isinstance(fact, Invoice)
    assert [x.proration for x in fact.lines] == [False, True]
    assert fact.period_start_s == 100


def test_what_an_invoice_took_of_the_customers_balance_is_known_once_it_is_finalised() -> None:
    for starting, ending, taken in ((-500, None, 0), (-500, -200, 300), (-500, 0, 500), (300, 0, -300)):
        fact = fact_of(invoice(starting_balance=starting, ending_balance=ending))
        assert isinstance(fact, Invoice)
        assert fact.from_balance_minor == taken


@pytest.mark.parametrize(
    ("intent", "waits_for"),
    [
        ({"status": "processing"}, "bank"),
        ({"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}}, "customer"),
        ({"status": "requires_action", "next_action": {"type": "display_bank_transfer_instructions"}}, None),
        ({"status": "requires_payment_method"}, None),
    ],
)
def test_a_payment_that_is_not_decided_says_who_has_to_answer(intent: dict[str, Any], waits_for: str | None) -> None:
    payment = {"type": "payment_intent", "payment_intent": {"id": "pi_1", **intent}}
    waiting = {"id": "inpay_1", "amount_requested": 500, "created": 20, "payment": payment}
    for status, expected in (("open", waits_for), ("canceled", None)):
        fact = fact_of(invoice(payments={"data": [{**waiting, "status": status}]}))
        assert isinstance(fact, Invoice)
        assert [(p.payment_intent, p.waits_for) for p in fact.payments] == [("pi_1", expected)]


def test_the_banks_words_are_those_of_the_newest_payment() -> None:
    def payment(id: str, created: int, message: str) -> dict[str, Any]:
        intent = {
            "id": f"pi_{id}",
            "last_payment_error": {"message": message, "code": "card_declined", "decline_code": "insufficient_funds"},
        }
        return {
            "id": id,
            "status": "open",
            "amount_requested": 500,
            "created": created,
            "payment": {"type": "payment_intent", "payment_intent": intent},
        }

    fact = fact_of(invoice(payments={"data": [payment("b", 20, "new"), payment("a", 10, "old")]}))
    assert isinstance(fact, Invoice)
    assert (fact.last_error, fact.last_error_code) == ("new", "insufficient_funds")
    assert [p.payment_intent for p in fact.payments] == ["pi_b", "pi_a"]


def test_money_paid_outside_stripe_is_marked() -> None:
    record = {"type": "payment_record", "payment_record": "pr_1"}
    paid = {
        "id": "inpay_1",
        "status": "paid",
        "amount_paid": 400,
        "amount_requested": 500,
        "created": 1,
        "payment": record,
    }
    fact = fact_of(invoice(payments={"data": [{**paid, "status_transitions": {"paid_at": 9}}]}))
    assert isinstance(fact, Invoice)
    assert [(p.amount_minor, p.paid_at_s, p.out_of_band) for p in fact.payments] == [(400, 9, True)]


def test_what_was_credited_counts_credit_notes_before_and_after_payment() -> None:
    fact = fact_of(invoice(pre_payment_credit_notes_amount=200, post_payment_credit_notes_amount=50))

    assert isinstance(fact, Invoice)
    assert fact.credited_minor == 250


def test_discounts_are_told_by_their_coupons_in_order() -> None:
    expanded = [{"id": "di_1", "source": {"coupon": "a"}}, {"id": "di_2", "source": {"coupon": {"id": "b"}}}]
    fact = fact_of(subscription(items={"data": [item(discounts=expanded)]}, discounts=expanded[:1]))
    assert isinstance(fact, Subscription)
    assert (fact.items[0].coupons, fact.coupons, fact.customer) == (("a", "b"), ("a",), "cus_1")


def test_a_phase_names_its_coupon_also_by_a_discount_or_a_promotion_code() -> None:
    entries = [
        {"coupon": "a", "discount": None, "promotion_code": None},
        {"coupon": None, "discount": {"id": "di_1", "source": {"coupon": "b"}}, "promotion_code": None},
        {"coupon": None, "discount": None, "promotion_code": {"id": "promo_1", "promotion": {"coupon": "c"}}},
        {"coupon": None, "discount": "di_1", "promotion_code": None},
    ]
    assert coupons_of(entries) == ("a", "b", "c", "unknown")


def test_a_customers_discount_is_told_by_its_coupon_and_when_it_stops() -> None:
    obj = {"id": "cus_1", "object": "customer", "created": 1, "livemode": False, "metadata": {}}
    fact = fact_of({**obj, "discount": {"id": "di_1", "source": {"coupon": "a"}, "end": 5}})
    assert isinstance(fact, Customer)
    assert (fact.coupon, fact.coupon_end_s) == ("a", 5)
    without = fact_of({**obj, "discount": None})
    assert isinstance(without, Customer)
    assert (without.coupon, without.coupon_end_s) == (None, None)


@pytest.mark.parametrize(("net", "shown"), [(None, 1000), (800, 800), (-500, -500)])
def test_what_waits_for_an_invoice_counts_as_its_own_discounts_leave_it(net: int | None, shown: int) -> None:
    item = {"id": "ii_1", "object": "invoiceitem", "date": 1, "currency": "usd", "amount": 1000, "net_amount": net}
    fact = fact_of(item)
    assert isinstance(fact, PendingItem)
    assert fact.amount_minor == shown


def test_when_a_discount_stops_working_is_known_where_one_does_by_itself() -> None:
    lasting, limited = (
        {"id": f"di_{n}", "source": {"coupon": n}, "end": end} for n, end in (("a", None), ("b", 1_780_000_000))
    )
    fact = fact_of(subscription(items={"data": [item(discounts=[lasting, limited])]}, discounts=[lasting]))
    assert isinstance(fact, Subscription)
    assert (fact.items[0].coupon_ends_s, fact.coupon_ends_s) == ((None, 1_780_000_000), ())


def test_a_discount_that_was_not_expanded_is_no_missing_discount() -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        fact_of(subscription(discounts=["di_1"]))


def test_a_line_tells_its_discounts_apart_from_its_amount_and_names_its_item() -> None:
    parent = {"subscription_item_details": {"proration": False, "subscription_item": "si_1", "subscription": "sub_1"}}
    off = [{"amount": 50, "discount": "di_1"}, {"amount": 45, "discount": "di_2"}]
    fact = fact_of(invoice(lines={"data": [line(parent=parent, discount_amounts=off)]}, auto_advance=False))
    assert isinstance(fact, Invoice)
    assert [(x.amount_minor, x.discount_minor, x.net_minor, x.subscription_item) for x in fact.lines] == [
        (500, 95, 405, "si_1")
    ]
    assert fact.auto_advance is False


def test_a_metered_price_names_its_meter() -> None:
    recurring = {"interval": "month", "interval_count": 1, "usage_type": "metered", "meter": "mtr_1"}
    price = {"id": "p", "object": "price", "created": 1, "currency": "usd", "active": True, "product": "prod_1"}
    fact = fact_of({**price, "unit_amount_decimal": None, "billing_scheme": "tiered", "recurring": recurring})
    assert isinstance(fact, Price)
    assert (fact.meter, fact.usage_type, fact.unit_amount_decimal) == ("mtr_1", "metered", None)


def credit_note(**over: object) -> dict[str, Any]:
    base = {
        "id": "cn_1",
        "object": "credit_note",
        "created": 1,
        "customer": "cus_1",
        "invoice": {"id": "in_1", "object": "invoice"},
        "currency": "usd",
        "status": "issued",
        "number": "A-1-CN-01",
        "amount": 900,
        "total": 900,
        "pre_payment_amount": 0,
        "post_payment_amount": 900,
        "customer_balance_transaction": "cbtxn_1",
        "out_of_band_amount": None,
        "refunds": [],
        "metadata": {"tandem_key": "k"},
    }
    return {**base, **over}


@pytest.mark.parametrize(
    ("over", "parts"),
    [
        ({}, (0, 900, 0, 0)),
        ({"refunds": [{"amount_refunded": 300, "refund": "re_1"}], "out_of_band_amount": 100}, (0, 500, 300, 100)),
        (
            {"pre_payment_amount": 900, "post_payment_amount": 0, "customer_balance_transaction": None},
            (900, 0, 0, 0),
        ),
        (
            {"pre_payment_amount": 400, "post_payment_amount": 500, "customer_balance_transaction": {"id": "cbtxn_1"}},
            (400, 500, 0, 0),
        ),
        ({"refunds": [{"amount_refunded": 900}], "customer_balance_transaction": None}, (0, 0, 900, 0)),
        (
            {
                "refunds": [{"amount_refunded": 900, "type": "payment_record_refund"}],
                "customer_balance_transaction": None,
            },
            (0, 0, 0, 900),
        ),
    ],
)
def test_a_credit_note_says_where_its_money_went(over: dict[str, Any], parts: tuple[int, ...]) -> None:
    fact = fact_of(credit_note(**over))
    assert isinstance(fact, CreditNote)
    assert (fact.pre_payment_minor, fact.credit_minor, fact.refund_minor, fact.out_of_band_minor) == parts
    assert sum(parts) == fact.amount_minor == 900
    assert (fact.customer, fact.invoice, fact.status, fact.number) == ("cus_1", "in_1", "issued", "A-1-CN-01")


def test_a_move_of_a_balance_keeps_its_sign_and_its_cause() -> None:
    base = {"object": "customer_balance_transaction", "created": 1, "customer": "cus_1", "currency": "usd"}
    fact = fact_of({**base, "id": "cbtxn_1", "amount": -500, "type": "credit_note", "credit_note": {"id": "cn_1"}})
    assert isinstance(fact, BalanceTransaction)
    assert (fact.amount_minor, fact.type, fact.credit_note, fact.invoice) == (-500, "credit_note", "cn_1", None)
    assert fact.metadata == {}


def test_a_meter_is_known_by_the_event_it_counts() -> None:
    fact = fact_of(EXAMPLES["billing.meter"])
    assert isinstance(fact, Meter)
    assert (fact.event_name, fact.status, fact.display_name) == ("test-meter-event-name", "active", "test-meter")


def test_a_preview_is_an_invoice_under_no_id_of_its_own() -> None:
    raw = invoice(id="upcoming_in_1", status="draft", lines={"data": [line()], "has_more": True})
    del raw["id"]
    shown = preview_of(raw)
    assert (shown.id, shown.total_minor, shown.more_lines) == ("upcoming", 500, True)
    assert isinstance(shown.lines[0], Line)
    assert preview_of(invoice(id="upcoming_in_1")).more_lines is False


@pytest.mark.parametrize("raw", [None, [], {}, {"object": "customer", "id": "x"}, {"object": "invoice"}])
def test_what_is_no_preview_is_refused(raw: object) -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        preview_of(raw)


def test_unknown_enum_values_and_fields_are_kept_or_ignored() -> None:
    fact = fact_of({**subscription(status="hibernating"), "brand_new": {"a": 1}})
    assert isinstance(fact, Subscription)
    assert fact.status == "hibernating"


def test_a_deleted_object_is_a_fact_of_its_absence() -> None:
    fact = fact_of({"id": "cus_1", "object": "customer", "deleted": True})
    assert isinstance(fact, Customer)
    assert fact.deleted


@pytest.mark.parametrize(
    "name", ["id", "created", "status", "total", "lines", "customer", "currency", "amount_remaining"]
)
def test_a_missing_essential_is_named(name: str) -> None:
    broken = {k: v for k, v in invoice().items() if k != name}
    with pytest.raises(Terminal, match=rf"BUG-502.*{name}"):
        fact_of(broken)


@pytest.mark.parametrize("obj", [None, "in_1", [], {}, {"object": "teapot"}, {"object": "invoice", "deleted": True}])
def test_what_is_no_object_of_ours_is_refused(obj: object) -> None:
    with pytest.raises(Terminal, match="BUG-502"):
        fact_of(obj)


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw waits for a busy machine
@given(st.sampled_from(KINDS), st.data())
def test_a_damaged_object_is_a_fact_or_bug_502_never_another_error(kind: str, data: st.DataObject) -> None:
    obj = dict(EXAMPLES[kind])
    junk = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([1]) | st.just({"a": "b"})
    for name in data.draw(st.lists(st.sampled_from(sorted(obj)), max_size=3)):
        obj[name] = data.draw(junk)
    with suppress(Terminal):  # anything else fails the test
        fact_of(obj)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (
            {"type": "card", "card": {"brand": "visa", "last4": "4242", "exp_month": 3, "exp_year": 2030}},
            "visa •••• 4242, 03/2030",
        ),
        ({"type": "sepa_debit", "sepa_debit": {"last4": "3000"}}, "sepa debit •••• 3000"),
        ({"type": "link", "link": {}}, "link"),
        ({"type": None}, None),
    ],
)
def test_a_payment_method_is_said_in_words(method: dict[str, Any], words: str | None) -> None:
    assert method_words(method) == words


def test_a_schedule_keeps_what_it_promises() -> None:
    phase = {
        "start_date": 10,
        "end_date": 20,
        "currency": "usd",
        "items": [
            {
                "price": "price_1",
                "quantity": 3,
                "discounts": [{"coupon": "c", "discount": None}],
                "metadata": {"line": "x"},
            }
        ],
        "add_invoice_items": [{"price": {"id": "price_2"}, "quantity": 1}],
        "discounts": [],
        "proration_behavior": "none",
        "billing_cycle_anchor": "phase_start",
        "trial_end": 15,
    }
    settings = {
        "collection_method": "send_invoice",
        "invoice_settings": {"days_until_due": 45, "custom_fields": [{"name": "PO", "value": "7"}]},
    }
    fact = fact_of(
        {
            "id": "sub_sched_1",
            "object": "subscription_schedule",
            "created": 1,
            "customer": "cus_1",
            "status": "not_started",
            "end_behavior": "cancel",
            "phases": [phase],
            "default_settings": settings,
            "subscription": None,
        }
    )
    assert isinstance(fact, Schedule)
    assert (fact.days_until_due, fact.custom_fields, fact.currency) == (45, (("PO", "7"),), "usd")
    assert fact.phases[0].items[0].coupons == ("c",)
    assert fact.phases[0].add_invoice_items[0].price == "price_2"
    assert (fact.phases[0].billing_cycle_anchor, fact.phases[0].trial_end_s) == ("phase_start", 15)


def test_coupons_products_and_charges_keep_their_numbers() -> None:
    coupon = fact_of(
        {"id": "c", "object": "coupon", "created": 1, "percent_off": Decimal("12.50"), "duration": "forever"}
    )
    product = fact_of({"id": "p", "object": "product", "created": 1, "name": "Seat", "active": False})
    charge = fact_of(
        {
            "id": "ch",
            "object": "charge",
            "created": 1,
            "amount": 5,
            "currency": "usd",
            "status": "failed",
            "failure_code": "card_declined",
        }
    )
    assert isinstance(coupon, Coupon)
    assert isinstance(product, Product)
    assert isinstance(charge, Charge)
    assert (str(coupon.percent_off), product.active, charge.failure_code) == ("12.5", False, "card_declined")
