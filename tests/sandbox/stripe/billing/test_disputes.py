"""Disputes: what opens them, what takes money and what gives it back."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story


def charged(story: Story, card: str) -> Any:
    """The charge of a plan of 1,200.00 that this card paid."""
    customer = story.customer(card)
    story.subscribe(customer, [{"price": story.price("120000")}])
    return story.v1.charges.list({"customer": customer}).data[0]


def dispute_of(story: Story, charge: Any) -> Any:
    (dispute,) = story.v1.disputes.list({"charge": charge.id}).data
    return dispute


def told(story: Story) -> list[str]:
    """The names of the disputes' events, oldest first."""
    events = story.v1.events.list({"limit": 100}).data
    return [e.type.removeprefix("charge.dispute.") for e in reversed(events) if e.type.startswith("charge.dispute.")]


def test_a_chargeback_takes_the_money_and_a_win_brings_it_back(story: Story) -> None:
    charge = charged(story, "pm_card_createDispute")
    dispute = dispute_of(story, charge)
    assert (charge.disputed, dispute.status, dispute.reason, dispute.amount) == (
        True,
        "needs_response",
        "fraudulent",
        120_000,
    )
    assert [t.net for t in dispute.balance_transactions] == [-121_500]
    story.v1.disputes.update(dispute.id, {"evidence": {"product_description": "Seats"}, "submit": False})
    assert dispute_of(story, charge).status == "needs_response"
    won = story.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    assert won.status == "won"
    assert sum(t.net for t in dispute_of(story, charge).balance_transactions) == 0
    assert told(story) == ["created", "funds_withdrawn", "updated", "updated", "closed", "funds_reinstated"]


def test_evidence_waits_for_the_bank_and_giving_in_loses(story: Story) -> None:
    dispute = dispute_of(story, charged(story, "pm_card_createDisputeProductNotReceived"))
    assert story.v1.disputes.update(dispute.id, {"evidence": {"customer_name": "Oak"}}).status == "under_review"
    with pytest.raises(stripe.InvalidRequestError, match="has been submitted"):
        story.v1.disputes.update(dispute.id, {"evidence": {"customer_name": "Ash"}})
    other = dispute_of(story, charged(story, "pm_card_createDispute"))
    assert story.v1.disputes.close(other.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        story.v1.disputes.close(other.id)


def test_an_inquiry_takes_nothing_until_it_escalates(story: Story) -> None:
    charge = charged(story, "pm_card_createDisputeInquiry")
    dispute = dispute_of(story, charge)
    assert (dispute.status, dispute.is_charge_refundable, dispute.balance_transactions) == (
        "warning_needs_response",
        True,
        [],
    )
    story.v1.refunds.create({"charge": charge.id, "amount": 100})
    story.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    assert (dispute_of(story, charge).status, dispute_of(story, charge).is_charge_refundable) == (
        "needs_response",
        False,
    )
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        story.v1.refunds.create({"charge": charge.id, "amount": 100})
    ended = dispute_of(story, charged(story, "pm_card_createDisputeInquiry"))
    answer: Any = {"evidence": {"uncategorized_text": "winning_evidence"}}
    assert story.v1.disputes.update(ended.id, answer).status == "warning_closed"


def test_a_refund_may_be_late_or_fail_later(story: Story) -> None:
    late, lost = charged(story, "pm_card_pendingRefund"), charged(story, "pm_card_refundFail")
    pending = story.v1.refunds.create({"charge": late.id})
    failing = story.v1.refunds.create({"charge": lost.id, "amount": 45_000})
    assert (pending.status, failing.status) == ("pending", "succeeded")
    with pytest.raises(stripe.InvalidRequestError, match="require action"):
        story.v1.refunds.cancel(pending.id)
    story.at("2026-01-03")
    arrived, failed = story.v1.refunds.retrieve(pending.id), story.v1.refunds.retrieve(failing.id)
    assert (arrived.status, failed.status, failed.failure_reason) == ("succeeded", "failed", "expired_or_canceled_card")
    assert story.v1.charges.retrieve(late.id).amount_refunded == 120_000
    assert story.v1.charges.retrieve(lost.id).amount_refunded == 0
    types = {e.type for e in story.v1.events.list({"limit": 100}).data}
    assert {"refund.updated", "refund.failed", "charge.refund.updated"} <= types
