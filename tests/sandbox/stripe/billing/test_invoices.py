"""Invoices stated by the caller, their states, and what each state refuses."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, day, stamp


def stated(story: Story, customer: str, amount: int = 30_000, **values: Any) -> Any:
    """A draft by invoice with one stated amount."""
    params = {
        "customer": customer,
        "collection_method": "send_invoice",
        "days_until_due": 30,
        "currency": "usd",
        **values,
    }
    invoice = story.v1.invoices.create(params)  # type: ignore[arg-type]
    story.v1.invoice_items.create(
        {
            "customer": customer,
            "invoice": invoice.id,
            "amount": amount,
            "currency": "usd",
            "description": "5 seats to the end of the term",
            "discountable": False,
            "period": {"start": stamp("2026-07-01"), "end": stamp("2027-01-01")},
            "metadata": {"key": "A1"},
        }
    )
    return story.v1.invoices.retrieve(invoice.id)


def test_a_stated_amount_for_a_subscription(story: Story) -> None:
    customer = story.customer()
    subscription = story.subscribe(
        customer, [{"price": story.price("100", "year")}], collection_method="send_invoice", days_until_due=30
    )
    draft = stated(
        story, customer, subscription=subscription.id, discounts="", pending_invoice_items_behavior="exclude",
        auto_advance=False, custom_fields=[{"name": "PO", "value": "7"}], metadata={"key": "stated:1"},
    )  # fmt: skip
    (line,) = draft.lines.data
    assert (draft.status, draft.total, line.amount, line.metadata["key"]) == ("draft", 30_000, 30_000, "A1")
    assert (day(line.period.start), day(line.period.end), line.discountable) == ("2026-07-01", "2027-01-01", False)
    final = story.v1.invoices.finalize_invoice(draft.id)
    assert (final.status, final.amount_due, day(final.due_date)) == ("open", 30_000, "2026-01-31")  # type: ignore[arg-type]
    assert final.parent.subscription_details.subscription == subscription.id  # type: ignore[union-attr]
    assert final.metadata["key"] == "stated:1"  # type: ignore[index]


def test_a_draft_with_auto_advance_finalises_itself(story: Story) -> None:
    customer = story.customer()
    draft = stated(story, customer, auto_advance=True)
    manual = stated(story, customer)
    story.at("2026-01-02")
    assert story.v1.invoices.retrieve(draft.id).status == "open"
    assert story.v1.invoices.retrieve(manual.id).status == "draft"


def test_pending_items_wait_for_an_invoice_that_includes_them(story: Story) -> None:
    customer = story.customer()
    item = story.v1.invoice_items.create({"customer": customer, "amount": 500, "currency": "usd"})
    assert stated(story, customer).total == 30_000
    taken = story.v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    assert (taken.total, story.v1.invoice_items.retrieve(item.id).invoice) == (500, taken.id)
    assert story.v1.invoice_items.list({"customer": customer, "pending": True}).data == []


def test_a_draft_follows_its_items(story: Story) -> None:
    customer = story.customer()
    draft = stated(story, customer)
    extra = story.v1.invoice_items.create(
        {"customer": customer, "invoice": draft.id, "pricing": {"price": story.one_time(700)}, "quantity": 3}
    )
    assert story.v1.invoices.retrieve(draft.id).total == 32_100
    story.v1.invoice_items.update(extra.id, {"quantity": 5})
    assert story.v1.invoices.retrieve(draft.id).total == 33_500
    story.v1.invoice_items.delete(extra.id)
    assert story.v1.invoices.retrieve(draft.id).total == 30_000


def test_a_discount_on_the_invoice_spares_what_is_not_discountable(story: Story) -> None:
    customer = story.customer()
    draft = stated(story, customer)
    story.v1.invoice_items.create({"customer": customer, "invoice": draft.id, "amount": 1000, "currency": "usd"})
    updated = story.v1.invoices.update(draft.id, {"discounts": [{"coupon": story.coupon("25")}]})
    assert (updated.subtotal, updated.total) == (31_000, 30_750)


def test_drafts_cannot_be_voided_and_open_ones_can(story: Story) -> None:
    draft = stated(story, story.customer())
    with pytest.raises(stripe.InvalidRequestError, match="cannot be voided"):
        story.v1.invoices.void_invoice(draft.id)
    story.v1.invoices.finalize_invoice(draft.id)
    void = story.v1.invoices.void_invoice(draft.id)
    assert (void.status, void.status_transitions.voided_at) == ("void", stamp("2026-01-01"))
    for act in (story.v1.invoices.void_invoice, story.v1.invoices.pay, story.v1.invoices.finalize_invoice):
        with pytest.raises(stripe.InvalidRequestError):
            act(draft.id)


def test_a_bad_debt_can_still_be_paid_or_voided(story: Story) -> None:
    customer = story.customer()
    first, second = (story.v1.invoices.finalize_invoice(stated(story, customer).id) for _ in range(2))
    for invoice in (first, second):
        assert story.v1.invoices.mark_uncollectible(invoice.id).amount_remaining == 30_000
    assert story.v1.invoices.pay(first.id, {"paid_out_of_band": True}).status == "paid"
    assert story.v1.invoices.void_invoice(second.id).status == "void"


def test_a_finalised_invoice_is_frozen(story: Story) -> None:
    customer = story.customer()
    invoice = story.v1.invoices.finalize_invoice(stated(story, customer).id)
    with pytest.raises(stripe.InvalidRequestError, match="can't be updated in this way"):
        story.v1.invoices.update(invoice.id, {"description": "late"})
    assert story.v1.invoices.update(invoice.id, {"metadata": {"a": "b"}}).metadata["a"] == "b"  # type: ignore[index]
    item = {"customer": customer, "invoice": invoice.id, "amount": 1, "currency": "usd"}
    with pytest.raises(stripe.InvalidRequestError, match="no longer editable"):
        story.v1.invoice_items.create(item)  # type: ignore[arg-type]
    with pytest.raises(stripe.InvalidRequestError, match="draft"):
        story.v1.invoices.delete(invoice.id)


def test_only_drafts_made_by_hand_can_be_deleted(story: Story) -> None:
    customer = story.customer()
    draft = stated(story, customer)
    assert story.v1.invoices.delete(draft.id).deleted is True
    assert story.v1.invoice_items.list({"customer": customer}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such invoice"):
        story.v1.invoices.retrieve(draft.id)
    story.subscribe(customer, [{"price": story.price("100")}], collection_method="send_invoice", days_until_due=1)
    with pytest.raises(stripe.InvalidRequestError, match="created by subscriptions"):
        story.v1.invoices.delete(story.invoices(customer)[-1].id)


def test_held_back_by_auto_advance_false_a_renewal_stays_a_draft(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price("3900")}])
    story.at("2026-02-01")
    draft = story.invoices(customer)[-1]
    held = story.v1.invoices.update(draft.id, {"auto_advance": False})
    assert (held.automatically_finalizes_at, held.next_payment_attempt) == (None, None)
    story.at("2026-02-20")
    assert story.v1.invoices.retrieve(draft.id).status == "draft"
    story.v1.invoices.update(draft.id, {"auto_advance": True})
    story.at("2026-02-21")
    assert story.v1.invoices.retrieve(draft.id).status == "paid"


def test_credit_is_used_when_an_invoice_is_finalised_and_comes_back_when_it_is_void(story: Story) -> None:
    customer = story.customer()
    story.v1.customers.balance_transactions.create(customer, {"amount": -12_000, "currency": "usd"})
    draft = stated(story, customer)
    assert (draft.starting_balance, draft.amount_due, draft.ending_balance) == (-12_000, 18_000, None)
    final = story.v1.invoices.finalize_invoice(draft.id)
    assert (final.total, final.amount_due, final.ending_balance) == (30_000, 18_000, 0)
    assert story.v1.customers.retrieve(customer).balance == 0
    story.v1.invoices.void_invoice(final.id)
    moves = story.v1.customers.balance_transactions.list(customer).data
    assert [(move.type, move.amount, move.ending_balance) for move in moves] == [
        ("unapplied_from_invoice", -12_000, -12_000), ("applied_to_invoice", 12_000, 0), ("adjustment", -12_000, -12_000),
    ]  # fmt: skip


def test_numbers_run_for_each_customer(story: Story) -> None:
    customer = story.customer()
    numbers = [story.v1.invoices.finalize_invoice(stated(story, customer).id).number for _ in range(2)]
    assert [number[-5:] for number in numbers if number] == ["-0001", "-0002"]


def test_sending_finalises_and_only_invoices_that_are_sent_can_be(story: Story) -> None:
    customer = story.customer()
    assert story.v1.invoices.send_invoice(stated(story, customer).id).status == "open"
    assert "invoice.sent" in story.event_types()
    charged = story.v1.invoices.create({"customer": customer})
    with pytest.raises(stripe.InvalidRequestError, match="collection method"):
        story.v1.invoices.send_invoice(charged.id)


def test_a_list_filters_by_status_and_due_date(story: Story) -> None:
    customer = story.customer()
    first = story.v1.invoices.finalize_invoice(stated(story, customer).id)
    stated(story, customer, days_until_due=90)
    assert [found.id for found in story.v1.invoices.list({"status": "open"}).data] == [first.id]
    by_due = story.v1.invoices.list({"due_date": {"lte": stamp("2026-02-15")}}).data
    assert [found.id for found in by_due] == [first.id]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"collection_method": "send_invoice"}, "days_until_due"),
    ({"days_until_due": 3}, "send_invoice"),
    ({"collection_method": "send_invoice", "days_until_due": 3, "due_date": 1800000000}, "both"),
    ({"customer": "cus_none"}, "No such customer"),
    ({"subscription": "sub_none"}, "No such subscription"),
    ({"custom_fields": [{"name": "PO"}]}, "Missing required param"),
    ({"discounts": [{"coupon": "none"}]}, "No such coupon"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_stripe_refuses_is_refused(story: Story, change: dict[str, Any], words: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.v1.invoices.create({"customer": story.customer(), **change})  # type: ignore[typeddict-item]
    assert story.v1.invoices.list().data == []
