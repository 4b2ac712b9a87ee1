"""Tax that can't be worked out, or that nobody collects, is told and closed again."""

from datetime import UTC, datetime

from sync.deal.taxation import Taxation
from sync.desired.explain_invoice import explain_invoice
from sync.desired.tax_issues import tax_troubles
from sync.desired.tax_words import estimate
from sync.desired.unverified import issue, unverified
from sync.facts import Invoice, TaxId


def invoice(id_="in_1", **more):
    return Invoice(**{"id": id_, "customer": "cus_1", "status": "open", "currency": "eur", "created_s": 1, **more})


def told(*invoices):
    return [(t.key, t.stands) for t in tax_troubles(invoices, "UTC")]


def test_an_invoice_whose_tax_can_not_be_worked_out_is_told_until_it_is_over():
    waits = invoice(status="draft", tax_status="requires_location_inputs")
    failed = invoice(status="draft", finalization_error_code="customer_tax_location_invalid", finalization_error="No.")
    off = invoice(tax_disabled="finalization_requires_location_inputs")
    broken = invoice(status="draft", tax_status="failed")
    unplaced, not_set_up = ("DATA-202:in_1", True), ("CONF-310:in_1", True)
    over = [("DATA-202:in_1", False), ("CONF-310:in_1", False)]
    assert [told(x) for x in (waits, failed, off)] == [[unplaced, over[1]]] * 3
    assert told(broken) == [not_set_up, over[0]]
    assert set(told(invoice(status="paid", tax_disabled="finalization_system_error"))) == set(over)
    assert told(invoice(tax_status="complete")) == over  # what was told of it as a draft is over
    assert told(invoice()) == []
    trouble = tax_troubles([failed], "UTC")[0]
    assert "It stays a draft." in trouble.detail
    assert "then finalise the invoice in Stripe. Stripe says: No." in trouble.detail
    ours = failed.model_copy(update={"metadata": {"tandem_deal": "Q1"}})
    assert "it goes on by itself" in tax_troubles([ours], "UTC")[0].detail


def of_deals(*invoices):
    return [(key, stands) for key, stands in told(*invoices) if ":cus_" in key]


def test_a_place_without_a_registration_is_told_once_a_deal_naming_the_deal_and_its_invoices():
    ours = {"tax_status": "complete", "metadata": {"tandem_deal": "Q1"}, "country": "US"}
    none = [
        invoice(f"in_{n}", created_s=n, number=number, status=status, tax_reasons=("not_collecting",), **ours)
        for n, number, status in ((1, "AC-1", "open"), (2, None, "draft"))
    ]
    over = ("CONF-310:cus_1", False)  # as it was called when it was told once a customer
    assert of_deals(*none) == [over, ("CONF-310:cus_1:Q1", True)]
    assert (
        "No tax was added to invoice AC-1, of 1 Jan 1970 (draft) of the deal of quote Q1"
        in tax_troubles(none, "UTC")[-1].detail
    )
    other = invoice("in_9", created_s=9, tax_reasons=("standard_rated",), **{**ours, "metadata": {"tandem_deal": "Q2"}})
    assert of_deals(*none, other) == [over, ("CONF-310:cus_1:Q1", True)]
    later = invoice("in_3", created_s=3, tax_reasons=("standard_rated",), **ours)
    assert of_deals(*none, later) == [over, ("CONF-310:cus_1:Q1", False)]
    assert of_deals(invoice(tax_reasons=("not_collecting",), tax_status="complete")) == []


def test_the_explanation_and_the_estimate_say_why_there_is_no_tax():
    reverse = invoice(tax_status="complete", tax_reasons=("reverse_charge",), country="DE")
    assert "Stripe worked out the tax for DE: reverse charge" in explain_invoice(reverse, "UTC")[0].because
    assert estimate(reverse, Taxation("exclusive")) == " + tax (estimate 0.00 EUR, reverse charge)"
    assert estimate(invoice(tax_status="failed"), Taxation("exclusive")) == " + tax (Stripe could not work it out)"


def test_numbers_that_the_authorities_do_not_confirm_are_told_and_those_that_nobody_asks_about_are_not():
    def number(kind, value, verification):
        return TaxId(id=f"txi_{value}", customer="cus_1", type=kind, value=value, verification=verification)

    wrong, away = number("eu_vat", "DE111111111", "unverified"), number("gb_vat", "GB123456789", "unavailable")
    good = [
        number("eu_vat", "DE2", "verified"), number("eu_vat", "DE3", "pending"), number("us_ein", "12-3", "unavailable"),
        number("us_ein", "45-6", None), wrong.model_copy(update={"deleted": True}),
    ]  # fmt: skip
    assert unverified(good) == []
    found = unverified([away, *good, wrong])
    assert found == [wrong, away]
    told_ = issue(found, "cus_1", "001A", datetime(2026, 1, 1, tzinfo=UTC))
    assert (told_.billing_key, told_.code, told_.record) == ("DATA-216:cus_1", "DATA-216", "001A")
    assert "DE111111111 (eu_vat): the authorities don't know it; GB123456789 (gb_vat): the auth" in told_.detail
