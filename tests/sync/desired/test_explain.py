"""`tandem explain`: the arithmetic it shows is the arithmetic that is billed."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from sync.deal.changes import Proration
from sync.deal.deal import Deal
from sync.deal.discounts import AmountOff, Discount, Percent
from sync.deal.forecast import forecast
from sync.desired import reasons
from sync.desired.account_view import AccountView
from sync.desired.explain_account import explain_account, explain_subscription
from sync.desired.explain_deal import explain_deal
from sync.desired.explain_invoice import explain_invoice
from sync.desired.explain_rows import explain_invoice_row
from sync.desired.mirror import Shown as MirrorShown
from sync.desired.mirror import show
from sync.desired.quote_status import QuoteView, Shown
from sync.desired.reasons import Reason
from sync.facts import Charge, Customer, Invoice, InvoicePayment, Item, Line, Price, Refund, Subscription
from sync.run.several import together
from tests.sync.deal.deals import EARLY, amended, cancelled, day, deal, fee, line
from tests.sync.desired.test_mirror import item, price, subscription
from tests.sync.desired.test_mirror import view as a_view


def explained(of: Deal, *, on: str = "", now: datetime = EARLY) -> dict[str, Reason]:
    view = QuoteView(signed=True, now=now, case=Shown(of, forecast(of, now), None, of.opens))
    return {reason.what: reason for reason in explain_deal(view, day(on) if on else None)}


def text(reason: Reason) -> str:
    return "\n".join((reason.says, *reason.because))


def test_an_amount_is_shown_with_quantity_price_and_the_rounding_after_multiplying() -> None:
    """Case 02: 7 at 1,000.00 a term of 12 months."""
    said = explained(deal(line("L", 7, "1000.00", per=12)))["Invoice of 1 Jan 2026"]
    assert said.says == "583.33 USD"
    assert "7 × 83.333333333333 USD = 583.33 USD" in text(said)
    assert "due 31 Jan 2026: 30 days after 1 Jan 2026" in text(said)


def test_each_discount_is_a_step_of_its_own() -> None:
    offs = (Discount(Percent(Decimal(20))), Discount(AmountOff(1_000, "USD", "L")))
    said = text(explained(deal(line("L", 10, "50.00", discounts=offs)))["Invoice of 1 Jan 2026"])
    assert "10 × 50.00 USD = 500.00 USD" in said
    assert "less 20 %: -100.00 USD" in said
    assert "less 10.00 USD an invoice: -10.00 USD" in said
    assert "leaves 390.00 USD" in said


def test_a_change_inside_a_cycle_is_shown_by_its_policy() -> None:
    """Case 08, signed and by seconds."""
    may, end = day("2026-05-01"), day("2027-05-01")
    base = deal(line("L1", 10, "50.00", start=may, end=end), start=may, end=end)
    more = line("L2", 3, "50.00", start=day("2026-05-16"), end=end)

    signed = text(explained(amended(base, "A", more.start, more), on="2026-05-16")["Invoice of 16 May 2026"])
    assert "3 × 50.00 USD a month for 11 months and 15 days of 1/(365/12) of a month is 1,723.97 USD" in signed
    assert "less the full cycles still to come, 1,650.00 USD: 73.97 USD" in signed

    by_seconds = amended(base, "A", more.start, more, proration=Proration.STRIPE)
    said = explained(by_seconds, on="2026-05-16")["Invoice of 16 May 2026"]
    assert said.says == "77.42 USD"
    assert "1,382,400 of the 2,678,400 seconds" in text(said)


def test_status_days_and_revenue_say_what_they_follow_from() -> None:
    said = explained(deal(line("L", 10, "50.00"), fee("F", "100.00")))
    assert said["Billing_Status__c"].says == "Waiting"
    assert "nothing of it is in Stripe" in text(said["Billing_Status__c"])
    assert said["End_Date__c"].says == "31 Dec 2026"
    assert "1798761600" in text(said["End_Date__c"])
    assert said["MRR__c"].says == "0.00 USD"
    assert said["Contract_Total__c"].says == "6,100.00 USD"
    later = explained(deal(line("L", 10, "50.00")), now=datetime(2026, 2, 3, tzinfo=UTC))
    assert later["MRR__c"].says == "500.00 USD"


def test_what_is_given_back_names_the_quote_and_the_policy() -> None:
    said = explained(cancelled(deal(line("L", 10, "50.00")), day("2026-03-16")))
    credit = said["Credit of 16 Mar 2026"]
    assert "quote C (Cancellation)" in text(credit)
    assert "never more than was billed" in text(credit)
    assert said["Ends_On__c"].says == "15 Mar 2026"
    total = said["Contract_Total__c"]
    assert (total.says, total.because[1]) == ("1,500.00 USD", "less 263.01 USD given back")
    # two months and 15 days of 500.00; 15 days and the 16 given back are 31/30.4 of a month
    assert total.because[2] == "signed: 1,246.58 USD; changes inside a cycle and rounding leave 9.59 USD"


def test_a_deal_without_an_end_has_no_total_to_explain() -> None:
    endless = deal(line("L", 1, "50.00", end=None), end=None)
    assert explained(endless)["Contract_Total__c"].says == "blank"


def test_an_invoice_of_the_web_site_is_explained_from_what_stripe_has() -> None:
    made = Invoice(
        id="in_1", customer="cus_1", status="open", currency="usd", billing_reason="subscription_cycle",
        collection_method="send_invoice", total_minor=19_500, amount_remaining_minor=9_500, amount_paid_minor=10_000,
        created_s=1_767_225_600, finalized_at_s=1_767_229_200, due_date_s=1_769_821_200,
        lines=(Line(amount_minor=19_500, quantity=5, description="5 × Seat", period_start_s=1_767_225_600, period_end_s=1_769_904_000),),
    )  # fmt: skip
    said = {reason.what: reason for reason in explain_invoice(made, "UTC")}
    assert "partly paid is still Open" in text(said["Status__c"])
    assert "no quote stands behind it" in text(said["Issued_On__c"])
    assert said["Due_On__c"].says == "31 Jan 2026"
    assert "30 days after it was finalised" in text(said["Due_On__c"])
    assert "for 1 Jan 2026 to 31 Jan 2026" in text(said["5 × Seat"])


@pytest.mark.parametrize(
    ("status", "minor", "said"),
    [
        ("paid", 5_000, "50.00 USD came out of"),
        ("open", -5_000, "50.00 USD that the customer owed"),
        ("void", 5_000, ""),
    ],
)
def test_what_an_invoice_took_of_the_balance_is_explained(status: str, minor: int, said: str) -> None:
    made = Invoice(id="in_1", status=status, currency="usd", total_minor=20_000, from_balance_minor=minor)
    lines = [line for line in explain_invoice(made, "UTC")[0].because if line.startswith("50.00")]
    assert [line.startswith(said) for line in lines] == ([True] if said else [])


def test_a_paid_invoice_names_its_payments() -> None:
    payment = InvoicePayment(id="inpay_1", status="paid", amount_minor=500, created_s=1, paid_at_s=1)
    made = Invoice(
        id="in_1", status="paid", currency="jpy", total_minor=500, amount_paid_minor=500, payments=(payment,)
    )
    said = {reason.what: reason for reason in explain_invoice(made, "Asia/Tokyo")}
    assert "payment inpay_1 of 500 JPY" in text(said["Status__c"])
    assert said["Due_On__c"].says == "blank"


@pytest.mark.parametrize("name", [n for n in vars(reasons) if n.isupper()])
def test_every_rule_that_is_cited_stands_in_the_billing_rules(name: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "billing-rules.md").read_text(encoding="utf-8")
    headings = {row.lstrip("# ") for row in page.splitlines() if row.startswith("#")}
    assert getattr(reasons, name) in headings


def test_a_day_is_chosen_by_its_billing_day() -> None:
    said = explained(deal(line("L", 10, "50.00")), on="2026-07-01")
    assert [what for what in said if what.startswith("Invoice")] == ["Invoice of 1 Jul 2026"]


def test_an_account_names_as_overdue_exactly_what_it_counts() -> None:
    """An invoice that falls due later today is not overdue yet, though its day is today."""
    due = int(datetime(2026, 3, 10, 15, tzinfo=UTC).timestamp())
    late = Invoice(
        id="in_1", customer="cus_1", number="A-1", status="open", currency="usd", collection_method="send_invoice",
        total_minor=500, amount_remaining_minor=500, due_date_s=due, created_s=due - 86_400,
    )  # fmt: skip

    def overdue(hour: int) -> Reason:
        now = datetime(2026, 3, 10, hour, tzinfo=UTC)
        view = AccountView("001A", "UTC", now, [Customer(id="cus_1")], [], [], [late])
        return {r.what: r for r in explain_account({"": show(view, frozenset({"in_1"}))})}["Overdue_Amount__c"]

    assert overdue(14).because == ("no open invoice is late",)
    assert overdue(14).says == "0.00 USD, 0 days"
    assert "due 10 Mar 2026" in overdue(16).because[0]
    assert overdue(16).says == "5.00 USD, 0 days"


def test_an_account_of_two_stripe_accounts_is_explained_by_what_each_adds_and_what_is_not_added() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    dollars = a_view(now_s=int(now.timestamp()), subscriptions=[subscription(id="sub_a")])
    euros = a_view(
        now_s=int(now.timestamp()),
        subscriptions=[
            subscription(
                id="sub_b", currency="eur", customer="cus_2", items=(item(price=price("p_2", currency="eur")),)
            )
        ],
    )
    whole = together([dollars, euros])
    sides = {name: show(view, frozenset(), whole) for name, view in (("main", dollars), ("eu", euros))}

    found = {r.what: r for r in explain_account(sides)}

    assert found["MRR__c"].says == "500.00 USD"
    assert found["MRR__c"].because == (
        "sub_a (Active): 500.00 USD (Stripe account main)",
        "sub_b (Active): 500.00 EUR; not added, another currency (Stripe account eu)",
    )
    alone = {r.what: r for r in explain_account({"": show(dollars, frozenset())})}
    assert alone["MRR__c"].because == ("sub_a (Active): 500.00 USD",)


def test_every_amount_and_day_of_a_row_is_explained() -> None:
    shown = _paid_and_sent_back()
    rows = {
        "account": (shown.account, {r.what for r in explain_account({"": shown})}),
        "subscription": (shown.subscriptions[0], {r.what for r in explain_subscription(shown, "sub_1")}),
        "invoice": (shown.invoices[0], {r.what for r in _of_invoice()}),
    }
    for name, (row, told) in rows.items():
        values = {f.name: getattr(row, f.name) for f in fields(row)}  # type: ignore[arg-type]
        wanted = {n for n, v in values.items() if isinstance(v, Decimal | date) and not isinstance(v, datetime)}
        words = {
            n: "_".join(p.upper() if p in ("mrr", "arr") else p.capitalize() for p in n.split("_")) for n in wanted
        }
        missing = {n for n, word in words.items() if f"{word}__c" not in told} - WITH_ANOTHER
        assert missing == set(), name


def test_what_was_sent_back_of_an_invoice_is_told_refund_by_refund() -> None:
    said = {reason.what: reason for reason in _of_invoice()}
    assert said["Amount_Refunded__c"].says == "45.00 USD"
    assert "re_1, 2026-03-02 00:00Z: 45.00 USD, Succeeded" in said["Amount_Refunded__c"].because
    assert "a refund leaves it Paid" in said["Amount_Refunded__c"].because
    assert "inpay_1, 2026-03-01 00:00Z: 195.00 USD, Succeeded" in said["Amount_Paid__c"].because
    assert said["Amount_Remaining__c"].says == "0.00 USD"
    assert explain_invoice_row(_paid_and_sent_back(), "in_2") == []


#: Told with another field: tax and subtotal with the total, the end of the period with its start, amounts with their days.
WITH_ANOTHER = {"subtotal", "tax", "period_end", "next_invoice_amount", "last_payment_amount", "issued_on", "due_on"}


def _of_invoice() -> list[Reason]:
    return explain_invoice_row(_paid_and_sent_back(), "in_1")


def _paid_and_sent_back() -> MirrorShown:
    """A subscription of the web site, of which one invoice was paid and 45.00 of it sent back."""
    march = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    price = Price(id="price_1", product="prod_1", currency="usd", unit_amount_decimal=Decimal(3900), interval="month")
    item = Item(id="si_1", price=price, quantity=5, period_start_s=march, period_end_s=march + 31 * 86_400)
    subscription = Subscription(
        id="sub_1", customer="cus_1", status="active", currency="usd", start_date_s=march, items=(item,),
        collection_method="charge_automatically", created_s=march, cancel_at_s=march + 31 * 86_400,
    )  # fmt: skip
    payment = InvoicePayment(
        id="inpay_1", status="paid", amount_minor=19_500, created_s=march, paid_at_s=march, payment_intent="pi_1"
    )
    invoice = Invoice(
        id="in_1", customer="cus_1", number="A-1", status="paid", currency="usd", subscription="sub_1", total_minor=19_500,
        subtotal_minor=19_500, amount_paid_minor=19_500, created_s=march, payments=(payment,), collection_method="charge_automatically",
        lines=(Line(amount_minor=19_500, quantity=5, period_start_s=march, period_end_s=march + 31 * 86_400),),
    )  # fmt: skip
    refund = Refund(
        id="re_1", customer="cus_1", payment_intent="pi_1", charge="ch_1", amount_minor=4_500, currency="usd", status="succeeded",
        created_s=march + 86_400,
    )  # fmt: skip
    charge = Charge(
        id="ch_1",
        customer="cus_1",
        payment_intent="pi_1",
        amount_minor=19_500,
        currency="usd",
        status="succeeded",
        created_s=march,
    )
    view = AccountView(
        "001A", "UTC", datetime(2026, 3, 10, tzinfo=UTC), [Customer(id="cus_1")], [subscription], [], [invoice],
        charges={"pi_1": [charge]}, refunds=[refund],
    )  # fmt: skip
    return show(view, frozenset({"in_1"}))


@pytest.mark.parametrize("coupon", ["SUMMER", None])
def test_the_revenue_of_a_plan_names_the_discount_of_its_customer(coupon: str | None) -> None:
    shown = show(a_view(customers=[Customer(id="cus_1", coupon=coupon)], subscriptions=[subscription()]), frozenset())
    [revenue] = [r for r in explain_subscription(shown, "sub_1") if r.what == "MRR__c"]
    assert any("cus_1 has a discount in Stripe, coupon SUMMER" in one for one in revenue.because) == bool(coupon)
