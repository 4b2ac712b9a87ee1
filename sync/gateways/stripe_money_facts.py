"""Stripe's JSON of money that moved, -> facts: charges, refunds, disputes, credit notes, moves of a customer's balance."""

from __future__ import annotations

from sync.facts import BalanceTransaction, CashBalance, Charge, CreditNote, Dispute, PendingItem, Refund
from sync.gateways.stripe_json import Json, base, int_of, need, part, ref_id, rows


def charge(obj: Json) -> Charge:
    """One attempt to collect."""
    return Charge(
        **base(obj),
        payment_intent=ref_id(obj.get("payment_intent")),
        customer=ref_id(obj.get("customer")),
        amount_minor=need(obj, "amount", int),
        currency=need(obj, "currency", str),
        status=need(obj, "status", str),
        failure_code=part(obj, "outcome").get("reason") or obj.get("failure_code"),
        failure_message=obj.get("failure_message"),
        method=method_words(part(obj, "payment_method_details")),
        refunded_minor=int_of(obj.get("amount_refunded")) or 0,
        disputed=bool(obj.get("disputed")),
    )


def method_words(method: Json) -> str | None:
    """``visa •••• 4242, 12/2030`` of a payment method or of a charge's payment_method_details."""
    kind = method.get("type")
    if not isinstance(kind, str):
        return None
    details = part(method, kind)
    name = str(details.get("brand") or kind.replace("_", " "))
    last4 = details.get("last4")
    words = f"{name} •••• {last4}" if last4 else name
    month, year = details.get("exp_month"), details.get("exp_year")
    return f"{words}, {month:02d}/{year}" if isinstance(month, int) and isinstance(year, int) else words


def refund(obj: Json) -> Refund:
    """A refund; of whom it is stands in it where its reader put it there (`stripe_money_reads`)."""
    return Refund(
        **base(obj),
        customer=ref_id(obj.get("customer")) or "",
        charge=ref_id(obj.get("charge")) or "",
        payment_intent=ref_id(obj.get("payment_intent")) or "",
        amount_minor=need(obj, "amount", int),
        currency=need(obj, "currency", str),
        status=need(obj, "status", str),
        reason=obj.get("reason"),
        failure_reason=obj.get("failure_reason"),
    )


def dispute(obj: Json) -> Dispute:
    """A dispute; Stripe doesn't say of which customer, its reader does (`stripe_money_reads`)."""
    moved = [int_of(t.get("amount")) or 0 for t in rows(obj.get("balance_transactions"))]
    return Dispute(
        **base(obj),
        customer=ref_id(obj.get("customer")) or "",
        charge=ref_id(obj.get("charge")) or need(obj, "charge", str),
        payment_intent=ref_id(obj.get("payment_intent")) or "",
        amount_minor=need(obj, "amount", int),
        currency=need(obj, "currency", str),
        status=need(obj, "status", str),
        reason=need(obj, "reason", str),
        answer_by_s=int_of(part(obj, "evidence_details").get("due_by")),
        withdrawn_minor=max(0, -sum(moved)),
    )


def credit_note(obj: Json) -> CreditNote:
    """A credit note with what became of each part of it."""
    after_payment = need(obj, "post_payment_amount", int)
    linked = [(r, int_of(r.get("amount_refunded")) or 0) for r in rows(obj.get("refunds"))]
    recorded = sum(amount for r, amount in linked if r.get("type") == "payment_record_refund")
    sent_back = sum(amount for _, amount in linked) - recorded
    outside = (int_of(obj.get("out_of_band_amount")) or 0) + recorded  # a payment record is of money outside Stripe
    to_balance = obj.get("customer_balance_transaction") is not None  # Stripe tells that there is a part, not how large
    return CreditNote(
        **base(obj),
        customer=ref_id(obj.get("customer")) or need(obj, "customer", str),
        invoice=ref_id(obj.get("invoice")) or need(obj, "invoice", str),
        number=obj.get("number"),
        status=need(obj, "status", str),
        currency=need(obj, "currency", str),
        amount_minor=need(obj, "total", int),
        pre_payment_minor=need(obj, "pre_payment_amount", int),
        credit_minor=max(0, after_payment - sent_back - outside) if to_balance else 0,
        refund_minor=sent_back,
        out_of_band_minor=outside,
        refunds=tuple((id_, amount) for r, amount in linked if (id_ := ref_id(r.get("refund")))),
        lines=tuple(
            (id_, (int_of(x.get("amount")) or 0) - (int_of(x.get("discount_amount")) or 0))
            for x in rows(obj.get("lines"))
            if (id_ := x.get("invoice_line_item"))
        ),
        reason=obj.get("reason"),
    )


def pending_item(obj: Json) -> PendingItem:
    """An invoice item that is on no invoice yet; its stamp is called ``date``. Of one that no discount of the invoice changes
    Stripe says what its own leave of it.
    """
    period, net = part(obj, "period"), int_of(obj.get("net_amount"))
    details = part(part(obj, "parent"), "subscription_details")
    return PendingItem(
        **base({**obj, "created": obj.get("date")}),
        customer=ref_id(obj.get("customer")) or "",
        subscription=ref_id(details.get("subscription")),
        currency=need(obj, "currency", str),
        amount_minor=need(obj, "amount", int) if net is None else net,
        description=obj.get("description"),
        period_start_s=int_of(period.get("start")) or 0,
        period_end_s=int_of(period.get("end")) or 0,
    )


def cash(obj: Json) -> CashBalance:
    """What a customer's cash balance holds; it has no id of its own."""
    available = part(obj, "available")
    return CashBalance(
        id=need(obj, "customer", str),
        livemode=obj.get("livemode") is True,
        available={str(currency): amount for currency in available if (amount := int_of(available[currency]))},
    )


def balance(obj: Json) -> BalanceTransaction:
    """One move of a customer's balance."""
    return BalanceTransaction(
        **base(obj),
        customer=ref_id(obj.get("customer")) or need(obj, "customer", str),
        amount_minor=need(obj, "amount", int),
        currency=need(obj, "currency", str),
        type=need(obj, "type", str),
        credit_note=ref_id(obj.get("credit_note")),
        invoice=ref_id(obj.get("invoice")),
    )
