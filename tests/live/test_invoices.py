"""docs/assumptions.md, invoices, payments and credits: each test is named by its number."""

from __future__ import annotations

from typing import Any

from tests.live.account import FLEXIBLE, Account, day, seats, stamp


def stated(account: Account, customer: str, subscription: str, amount: int) -> Any:
    """A draft as Tandem states an amount: for a subscription, with an item of ours."""
    draft = account.v1.invoices.create(
        {
            "customer": customer,
            "subscription": subscription,
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "pending_invoice_items_behavior": "exclude",
            "auto_advance": False,
            "metadata": {"tandem_key": "stated"},
        }
    )
    account.v1.invoice_items.create(
        {"customer": customer, "invoice": draft.id, "currency": "usd", "amount": amount, "discountable": False}
    )
    return draft


def test_s18_an_invoice_for_a_subscription_is_listed_under_it(account: Account) -> None:
    customer = account.customer(account.clock("2026-01-01"))
    made = account.subscription(customer, [seats(account.price("1000"))])
    draft = stated(account, customer, made.id, 777)

    found = account.v1.invoices.retrieve(draft.id)
    assert found.parent.subscription_details.subscription == made.id
    assert found.total == 777
    listed = account.v1.invoices.list({"subscription": made.id}).data
    assert [one.metadata.to_dict() for one in listed if one.id == draft.id] == [{"tandem_key": "stated"}]


def test_s20_what_is_paid_outside_stripe_leaves_no_payment_of_stripes(account: Account) -> None:
    customer = account.customer(account.clock("2026-01-01"))
    made = account.subscription(customer, [seats(account.price("1000"))])
    draft = stated(account, customer, made.id, 777)
    account.v1.invoices.finalize_invoice(draft.id)
    paid = account.v1.invoices.pay(draft.id, {"paid_out_of_band": True})

    payments = account.v1.invoice_payments.list({"invoice": draft.id}).data
    through_stripe = sum(p.amount_paid or 0 for p in payments if p.status == "paid")
    assert (paid.status, paid.amount_paid, through_stripe) == ("paid", 777, 0)


def test_s21_every_attempt_is_a_charge_of_the_invoices_payment_intent(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer = account.customer(clock, "pm_card_chargeCustomerFail")
    start = stamp("2026-01-02")
    phase = {"items": [seats(account.price("1000"))], "end_date": stamp("2026-03-02")}
    account.schedule(customer, [phase], start, default_settings={"collection_method": "charge_automatically"})
    account.advance(clock, "2026-01-03", "2026-01-12")

    [invoice] = account.invoices(customer)
    [payment] = account.v1.invoice_payments.list({"invoice": invoice.id}).data
    charges = account.v1.charges.list({"payment_intent": payment.payment.payment_intent}).data
    assert len(charges) == invoice.attempt_count >= 2
    assert all(charge.status == "failed" for charge in charges)


def test_s22_embedded_lists_show_the_first_ten(account: Account) -> None:
    customer = account.customer(account.clock("2026-01-01"))
    made = account.subscription(customer, [seats(account.price("100")) for _ in range(11)])
    found = account.v1.subscriptions.retrieve(made.id)["items"]
    assert (len(found.data), found.has_more) == (10, True)
    [invoice] = account.invoices(customer)
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)


def test_s43_a_credit_note_may_have_lines_of_our_own(account: Account) -> None:
    customer = account.customer(account.clock("2026-01-01"))
    made = account.subscription(customer, [seats(account.price("1000"))])
    line = {"type": "custom_line_item", "description": "Not used", "quantity": 1, "unit_amount": 300}
    invoices = [stated(account, customer, made.id, 1000) for _ in range(2)]
    for invoice in invoices:
        account.v1.invoices.finalize_invoice(invoice.id)
    unpaid, paid = (invoice.id for invoice in invoices)
    account.v1.invoices.pay(paid, {"paid_out_of_band": True})

    account.v1.credit_notes.create({"invoice": unpaid, "lines": [line]})
    account.v1.credit_notes.create({"invoice": paid, "lines": [line], "credit_amount": 300})
    assert account.v1.invoices.retrieve(unpaid).amount_remaining == 700
    assert account.v1.customers.retrieve(customer).balance == -300


def test_s44_a_preview_takes_prices_that_do_not_exist_and_answers_the_first_invoice(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer, product = account.customer(clock), account.product()
    data = {"currency": "usd", "product": product, "unit_amount_decimal": "8333.333333333333"}
    once = {"price_data": {"currency": "usd", "product": product, "unit_amount_decimal": "250000"}, "quantity": 1}
    item = {"price_data": {**data, "recurring": {"interval": "month", "interval_count": 1}}, "quantity": 7}
    phase = {
        "start_date": stamp("2026-02-10"), "end_date": stamp("2026-05-10"), "items": [item],
        "add_invoice_items": [once], "discounts": "", "proration_behavior": "none",
    }  # fmt: skip
    details = {
        "billing_mode": FLEXIBLE,
        "end_behavior": "cancel",
        "proration_behavior": "none",
        "phases": [phase],
    }
    told = account.v1.invoices.create_preview({"customer": customer, "currency": "usd", "schedule_details": details})
    assert told.total == 58_333 + 250_000

    price = account.price("8333.333333333333", product=product)
    fee = account.price("250000", None, product=product)
    made = {"items": [seats(price, 7)], "add_invoice_items": [{"price": fee, "quantity": 1}]}
    account.schedule(customer, [{**made, "end_date": stamp("2026-05-10")}], stamp("2026-02-10"))
    account.advance(clock, "2026-02-11")
    assert account.billed(customer) == [("2026-02-10", told.total)]


def test_s51_a_draft_of_stripes_that_is_held_stays_a_draft(account: Account) -> None:
    clock = account.clock("2026-01-01")
    customer = account.customer(clock)
    account.subscription(customer, [seats(account.price("1000"))])
    account.advance(clock, "2026-02-01T00:10")
    draft = account.invoices(customer)[-1]
    assert (draft.status, day(draft.created)) == ("draft", "2026-02-01")
    account.v1.invoices.update(draft.id, {"auto_advance": False})
    account.advance(clock, "2026-02-03")

    assert account.v1.invoices.retrieve(draft.id).status == "draft"
    assert account.v1.invoices.finalize_invoice(draft.id).status == "open"
