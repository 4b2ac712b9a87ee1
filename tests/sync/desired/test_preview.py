"""What the rep reads before accepting."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

from sync.deal.forecast import forecast
from sync.desired.customer import Linked
from sync.desired.preview import cannot_bill, preview
from sync.facts import Customer
from tests.sync.deal.factory import EARLY, a_cancellation, a_change, a_deal, a_fee, a_line, a_usage


def said(deal, now=EARLY, customer=None, notes=()):
    return preview(deal, forecast(deal, now), customer, notes).text


def of_change(before, deal):
    """What the last quote of the deal is said to do."""
    known = {"change": deal.changes[-1], "earlier": forecast(before, EARLY), "before": before}
    return preview(deal, forecast(deal, EARLY), None, **known)


def test_it_says_who_pays_what_and_when():
    seats = a_line(quantity=Decimal(15), unit_price=Decimal("80.00"))
    text = said(a_deal(seats, a_fee(), start_date=date(2026, 11, 1), days_until_due=45, po_number="PO-2291"))
    assert text.splitlines()[:4] == [
        "READY  Acme Ltd: new subscription, 1 Nov 2026 to 31 Oct 2027 (12 months), invoiced monthly in advance, Net 45, PO PO-2291",
        "Goes to Acme Ltd <ap@acme.example>, a new customer in Stripe",
        "15 × Pro at 80.00 USD, monthly: 1,200.00 USD",
        "1 × Implementation at 2,500.00 USD, once: 2,500.00 USD",
    ]
    assert "First invoice 1 Nov 2026: 3,700.00 USD, due 16 Dec 2026" in text
    assert "Then 11 × 1,200.00 USD: 1 Dec 2026, 1 Jan 2027," in text
    assert "Total: signed 16,900.00 USD, billed 16,900.00 USD, no rounding difference" in text


def test_what_rounding_leaves_is_never_silent():
    line = a_line(quantity=Decimal(7), unit_price=Decimal("1000.00"), price_period="Term")
    text = said(a_deal(line))
    assert "signed 7,000.00 USD, billed 6,999.96 USD; rounding bills 0.04 USD less than was signed" in text


def test_rounding_up_is_said_as_more():
    line = a_line(quantity=Decimal(1), unit_price=Decimal("0.07"), price_period="Year")
    assert "rounding bills 0.05 USD more than was signed" in said(a_deal(line))


def test_a_discount_shows_what_it_takes_off():
    line = a_line(quantity=Decimal(30), unit_price=Decimal("49.00"), discount_percent=Decimal(15))
    assert "30 × Pro at 49.00 USD, monthly: 1,470.00 USD less 15 % (220.50 USD) = 1,249.50 USD" in said(a_deal(line))


def test_an_invoice_for_time_already_begun_says_which():
    text = said(a_deal(start_date=date(2026, 2, 1)), datetime(2026, 4, 10, 10, tzinfo=UTC))
    assert (
        "First invoice 10 Apr 2026: 3,000.00 USD, due 10 May 2026, for the time already begun, 1 Feb 2026 to 30 Apr 2026"
        in text
    )


def test_a_single_invoice_says_that_none_follows():
    assert "No later invoice" in said(a_deal(a_line(price_period="Year"), billing_frequency="Annual"))


def test_two_frequencies_name_both_and_both_first_invoices():
    platform = a_line(
        1, quantity=Decimal(1), unit_price=Decimal(12000), price_period="Year", billing_frequency="Annual"
    )
    text = said(a_deal(platform, a_line(2)))
    assert "invoiced monthly and annually in advance" in text
    assert text.count("First invoice 1 Jan 2026") == 2


def test_a_matched_customer_is_named_with_the_evidence():
    linked = Linked(
        Customer(id="cus_7", payment_method="visa"), "the billing e-mail, confirmed by the web domain acme.example"
    )
    assert "customer cus_7 in Stripe (matched by the billing e-mail, confirmed by the web domain acme.example)" in said(
        a_deal(), customer=linked
    )


def test_a_card_deal_without_a_card_is_noted():
    deal = a_deal(collection_method="Charge Automatically")
    assert "Note: DATA-217: This deal is set to charge a card and there is none." in said(deal)
    assert "Note" not in said(deal, customer=Linked(Customer(id="cus_7", payment_method="visa"), "our own link"))


def test_amounts_have_the_currencys_own_decimals():
    assert "1,000 JPY" in said(a_deal(a_line(unit_price=Decimal(100)), currency="JPY"))
    assert "10.050 KWD" in said(a_deal(a_line(unit_price=Decimal("1.005")), currency="KWD"))


def test_the_json_form_holds_every_invoice_in_plain_types():
    deal = a_deal(a_line(), a_fee())
    data = json.loads(json.dumps(preview(deal, forecast(deal, EARLY), None).data))
    assert (data["schema"], data["billed"], data["first_invoice"], len(data["invoices"])) == (
        1,
        "14500.00",
        "3500.00",
        12,
    )
    assert sum(Decimal(invoice["total"]) for invoice in data["invoices"]) == Decimal(data["billed"])
    assert sum(Decimal(amount) for amount in data["lines"].values()) == Decimal(data["billed"])


def test_a_quote_that_cannot_be_billed_shows_no_amount():
    assert cannot_bill(["A.", "B."]) == "CANNOT BILL YET\n- A.\n- B."


# ------------------------------------------------------------------ what takes reading to find


def test_each_step_of_a_ramp_and_of_a_discount_says_its_days():
    steps = [
        a_line(1, quantity=Decimal(10), end_date=date(2026, 6, 30), ramp_key="A"),
        a_line(2, quantity=Decimal(20), start_date=date(2026, 7, 1), ramp_key="A"),
    ]
    text = said(a_deal(*steps))
    assert "10 × Pro at 100.00 USD, monthly: 1,000.00 USD, from 1 Jan 2026 to 30 Jun 2026\n" in text
    assert "20 × Pro at 100.00 USD, monthly: 2,000.00 USD, from 1 Jul 2026 to 31 Dec 2026\n" in text
    halved = said(a_deal(a_line(discount_percent=Decimal(50), discount_months=3)))
    assert "less 50 % (500.00 USD) = 500.00 USD, from 1 Jan 2026 to 31 Mar 2026\n" in halved
    assert "10 × Pro at 100.00 USD, monthly: 1,000.00 USD, from 1 Apr 2026 to 31 Dec 2026\n" in halved


def test_what_is_sold_by_use_alone_is_not_said_to_make_no_invoice():
    text = said(a_deal(a_usage()))
    assert "invoiced monthly in arrears" in text
    assert "What is used is invoiced after each cycle, beside all this\n" in text
    assert "No later invoice" not in text


def test_pieces_by_days_are_not_called_rounding():
    line = a_line(quantity=Decimal(4), unit_price=Decimal(300), price_period="Quarter")
    text = said(a_deal(line, start_date=date(2027, 3, 10), billing_frequency="Quarterly", billing_day=1))
    assert "; pieces by days and rounding bill 3.22 USD more than was signed" in text


def test_invoices_of_one_day_stand_together():
    lines = [a_line(n, unit_price=Decimal(n)) for n in range(1, 26)]
    assert text_of_day(said(a_deal(*lines)), "1 Feb 2026") == ["Then 11 × 2,100.00 USD and 1,150.00 USD"]


def text_of_day(text: str, day: str) -> list[str]:
    return [line.split(":")[0] for line in text.splitlines() if line.startswith("Then") and day in line]


def test_a_change_says_its_terms_and_what_is_no_longer_invoiced():
    deal = a_deal()
    more = a_line(31, quantity=Decimal(2), unit_price=Decimal(1200), price_period="Year", discount_percent=Decimal(15))
    assert "+ 2 × Pro at 1,200.00 USD a year less 15 % from 1 Jul 2026\n" in of_change(deal, a_change(deal, more)).text
    ended = of_change(deal, a_cancellation(deal, date(2026, 11, 1)))
    assert "No longer invoiced: 2 × 1,000.00 USD: 1 Nov 2026, 1 Dec 2026\n" in ended.text
    assert ended.data["change"]["first"] is None


def test_what_is_not_given_back_is_said():
    deal = a_deal()
    kept = of_change(deal, a_cancellation(deal, date(2026, 11, 16), credit_policy="None")).text
    assert "What is not used of what was billed is not given back\n" in kept
    back = of_change(deal, a_cancellation(deal, date(2026, 11, 16))).text
    assert "to the balance; off what is due where it is not paid yet\n" in back


def test_steps_of_a_ramp_stand_in_the_order_in_which_they_begin():
    steps = [
        a_line(1, end_date=date(2026, 3, 31), ramp_key="A"),
        a_line(2, start_date=date(2026, 4, 1), end_date=date(2026, 5, 15), unit_price=Decimal(90), ramp_key="A"),
        a_line(3, start_date=date(2026, 5, 16), unit_price=Decimal(80), ramp_key="A"),
    ]
    sold = [line for line in said(a_deal(*steps, a_usage())).splitlines() if line.startswith("10 × Pro")]
    assert [line.rpartition(", from ")[2].partition(" to ")[0] for line in sold] == [
        "1 Jan 2026", "1 Apr 2026", "1 May 2026", "16 May 2026",
    ]  # fmt: skip


def test_a_last_piece_of_one_month_is_a_month():
    line = a_line(price_period="Quarter")
    assert "for 1 month:" in said(a_deal(line, term_months=7, billing_frequency="Quarterly"))


def test_what_a_change_of_a_deal_without_an_end_does_goes_on():
    endless = a_deal(a_line(), term_months=None, end_date=None, auto_renew=True)
    text = of_change(endless, a_cancellation(endless, date(2026, 4, 12))).text
    assert "No longer invoiced: " in text
    assert "\nand so on\n" in text
    assert "and so on" not in of_change(a_deal(), a_cancellation(a_deal(), date(2026, 4, 12))).text


def test_what_a_later_quote_gave_back_is_no_rounding():
    ended = a_cancellation(a_deal(), date(2026, 3, 16))
    assert (
        "Total: signed 2,493.15 USD, billed 3,000.00 USD, given back 526.03 USD;"
        " changes inside a cycle and rounding bill 19.18 USD less than was signed"
    ) in said(ended)


def test_a_line_that_begins_with_a_piece_of_its_own_cycle_is_billed_for_it():
    seats = a_deal(a_line(), billing_frequency="Quarterly")
    monthly = a_line(21, quantity=Decimal(2), billing_frequency="Monthly")
    text = of_change(seats, a_change(seats, monthly, start_date=date(2026, 2, 10))).text
    assert "Then 1 × 144.66 USD (was 0.00 USD): 10 Feb 2026" in text
    assert "Nothing is billed or credited" not in text
