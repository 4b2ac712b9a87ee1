"""From what was said to what is due: every family of Stripe's events, every kind of CRM record, and whatever makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sync.notices import notice_of_event
from sync.ports import Mark, NewNotice, Notice
from sync.run.intake import route, waited_for
from tests.sync.run.conftest import Place

CREATED = 1_772_323_200


def event(type_: str, **obj: Any) -> Notice:
    said = notice_of_event(
        {"object": "event", "id": "evt_1", "type": type_, "data": {"object": {"created": CREATED, **obj}}},
        "stripe:acct_1",
    )
    return notice(said)


def record(kind: str, id_: str, **related: str) -> Notice:
    return notice(NewNotice("salesforce:00D", f"{kind}/{id_}", f"{kind}.changed", kind, id_, related=related))


def notice(said: NewNotice) -> Notice:
    return Notice(**{name: getattr(said, name) for name in NewNotice.__dataclass_fields__}, id=1)


def marks(said: Notice) -> list[Mark]:
    return list(route(said, settle_s=1.0))


SUB: dict[str, Any] = {"object": "subscription", "id": "sub_1", "customer": "cus_1"}
SCHED: dict[str, Any] = {"object": "subscription_schedule", "id": "sub_sched_1", "customer": "cus_1"}
INV: dict[str, Any] = {"object": "invoice", "id": "in_1", "customer": "cus_1"}
ROUTES: Mapping[str, tuple[str, dict[str, Any], str | None]] = {
    "customer": ("customer.created", {"object": "customer", "id": "cus_1"}, "customer:cus_1"),
    "discount of a customer": (
        "customer.discount.created", {"object": "discount", "id": "di_1", "customer": "cus_1"}, "customer:cus_1",
    ),
    "discount of a subscription": (
        "customer.discount.created",
        {"object": "discount", "id": "di_1", "customer": "cus_1", "subscription": "sub_1"},
        None,
    ),
    "tax number": ("customer.tax_id.updated", {"object": "tax_id", "id": "txi_1", "customer": "cus_1"}, "tax_numbers:cus_1"),
    "tax number of ours": ("customer.tax_id.updated", {"object": "tax_id", "id": "txi_1", "customer": None}, None),
    "customer gone": ("customer.deleted", {"object": "customer", "id": "cus_1"}, "customer:cus_1"),
    "subscription": ("customer.subscription.updated", SUB, "subscription:sub_1"),
    "subscription ended": ("customer.subscription.deleted", SUB, "subscription:sub_1"),
    "schedule": ("subscription_schedule.released", SCHED, "subscription:sub_sched_1"),
    "invoice": ("invoice.paid", INV, "invoice:in_1"),
    "draft gone": ("invoice.deleted", INV, "invoice:in_1"),
    "invoice to come": ("invoice.upcoming", {"object": "invoice", "customer": "cus_1"}, None),
    "invoice payment": ("invoice_payment.paid", {"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1"}, "invoice:in_1"),
    "invoice item that waits": ("invoiceitem.created", {"object": "invoiceitem", "id": "ii_1", "customer": "cus_1"}, "pending:cus_1"),
    "invoice item": ("invoiceitem.created", {"object": "invoiceitem", "id": "ii_1", "customer": "cus_1", "invoice": "in_1"}, None),
    "credit note": ("credit_note.created", {"object": "credit_note", "id": "cn_1", "invoice": "in_1"}, "invoice:in_1"),
    "refund": ("refund.created", {"object": "refund", "id": "re_1", "payment_intent": "pi_1"}, "payment:pi_1"),
    "refund of a bare charge": ("refund.created", {"object": "refund", "id": "re_1", "charge": "ch_1"}, None),
    "dispute": ("charge.dispute.created", {"object": "dispute", "id": "du_1", "payment_intent": "pi_1"}, "payment:pi_1"),
    "charge refunded": ("charge.refunded", {"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, "payment:pi_1"),
    "charge settled": ("charge.updated", {"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, None),
    "transfer": (
        "customer_cash_balance_transaction.created",
        {"object": "customer_cash_balance_transaction", "id": "ccsbtxn_1", "customer": "cus_1"},
        "cash:cus_1",
    ),
    "debit begun": ("payment_intent.processing", {"object": "payment_intent", "id": "pi_1"}, "payment:pi_1"),
    "charge": ("charge.succeeded", {"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, None),
    "payment": ("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_1", "customer": "cus_1"}, None),
    "price": ("price.created", {"object": "price", "id": "price_1", "product": "prod_1"}, None),
    "product": ("product.updated", {"object": "product", "id": "prod_1"}, "product:prod_1"),
    "product of ours": ("product.updated", {"object": "product", "id": "tandem_01tA"}, "product:01tA"),
    "product made": ("product.created", {"object": "product", "id": "tandem_01tA"}, None),
    "product of others": ("product.created", {"object": "product", "id": "prod_1"}, "product:prod_1"),
    "coupon": ("coupon.created", {"object": "coupon", "id": "pct10"}, None),
    "test clock": ("test_helpers.test_clock.ready", {"object": "test_helpers.test_clock", "id": "clock_1"}, None),
    "something new": ("quantum.entangled", {"object": "quantum", "id": "q_1", "customer": "cus_1"}, None),
}  # fmt: skip


@pytest.mark.parametrize("family", ROUTES)
def test_event_leads_to_its_subject(family: str) -> None:
    type_, obj, key = ROUTES[family]
    assert [mark.key for mark in marks(event(type_, **obj))] == ([key] if key else [])


def test_what_stripe_bills_is_the_mirrors_and_settles_in_the_customers_unit() -> None:
    assert marks(event("invoice.paid", **INV)) == [Mark("invoice:in_1", "mirror", "unit:cus_1", 1.0, CREATED)]
    [paid] = marks(event("invoice_payment.paid", object="invoice_payment", id="inpay_1", invoice="in_1"))
    assert (paid.unit, paid.hint_created_s) == ("", None)  # the payment's age says nothing of the invoice's


def test_who_a_customer_is_is_a_deals_question_in_a_unit_of_its_own() -> None:
    [found] = marks(event("customer.updated", object="customer", id="cus_1"))

    assert (found.key, found.lane, found.unit) == ("customer:cus_1", "deal", "unit:cus_1")
    assert found.hint_created_s is not None  # many are read as pages of a list


@pytest.mark.parametrize(
    ("said", "key", "lane", "unit"),
    [
        (record("Quote", "0Q0A", AccountId="001A"), "quote:0Q0A", "deal", "unit:001A"),
        (record("Quote", "0Q0A"), "quote:0Q0A", "deal", "unit:0Q0A"),
        (record("QuoteLineItem", "0QLA", QuoteId="0Q0A", AccountId="001A"), "quote:0Q0A", "deal", "unit:001A"),
        (record("Account", "001A"), "account:001A", "mirror", "unit:001A"),
        (record("Product2", "01tA"), "product:01tA", "deal", "unit:01tA"),
    ],
)
def test_changed_record_leads_to_its_subject(said: Notice, key: str, lane: str, unit: str) -> None:
    assert [(m.key, m.lane, m.unit) for m in marks(said)] == [(key, lane, unit)]


@pytest.mark.parametrize(
    "kind", ["PricebookEntry", "Product_Price_Tier__c", "Contact", "Opportunity", "QuoteLineItem", "Lead"]
)
def test_record_that_only_others_wait_for_makes_nothing_due_itself(kind: str) -> None:
    assert marks(record(kind, "x")) == []


def test_what_comes_from_nowhere_makes_nothing_due() -> None:
    assert marks(notice(NewNotice("request", "1", "retry", "Quote", "0Q0A"))) == []


def test_a_burst_of_events_of_one_invoice_is_one_subject(place: Place) -> None:
    types = ("invoice.created", "invoice.finalized", "invoice.paid", "invoice.updated")
    place.subjects.add_notices(
        [
            NewNotice("stripe:acct_1", f"evt_{n}", t, "invoice", "in_1", CREATED, {"customer": "cus_1"})
            for n, t in enumerate(types)
        ]
    )

    assert place.subjects.intake(lambda said: route(said, settle_s=0.0)) == 4
    assert place.due() == {"invoice:in_1": "mirror"}


def test_who_waits_for_a_thing_of_the_catalogue_or_for_the_tax_settings_is_told_by_what_stripe_says_of_it() -> None:
    for kind in ("product", "price", "coupon", "billing.meter"):
        assert waited_for(event(f"{kind}.updated", object=kind, id="x_1")) == "x_1"
    assert waited_for(event("tax.settings.updated", object="tax.settings")) == "tax.settings"
    assert waited_for(event("invoice.paid", **INV)) == ""
    assert waited_for(record("Product2", "01tA")) == ""


def test_an_early_fraud_warning_is_kept_and_makes_nothing_due() -> None:
    assert marks(event("radar.early_fraud_warning.created", object="radar.early_fraud_warning", id="issfr_1")) == []
