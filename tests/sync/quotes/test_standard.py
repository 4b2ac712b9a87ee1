"""The standard quote: what is read, and every way in which it is refused."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sync.crm import QuoteGraph
from sync.deal.forecast import forecast
from sync.deal.policy import BillingPolicy
from sync.errors import Refused
from sync.quotes.standard import read_quote
from tests.sync.deal.factory import (
    ACCOUNT,
    ACCOUNT_ID,
    EARLY,
    QUOTE_ID,
    SEATS,
    SEATS_ID,
    a_deal,
    a_fee,
    a_graph,
    a_line,
    a_quote,
)


def refusals(graph: QuoteGraph, policy: BillingPolicy | None = None, now: datetime = EARLY):
    with pytest.raises(Refused) as refused:
        read_quote(graph, policy or BillingPolicy(), now)
    return refused.value.refusals


def the_refusal(graph: QuoteGraph, policy: BillingPolicy | None = None, now: datetime = EARLY):
    (only,) = refusals(graph, policy, now)
    return only


# ---------------------------------------------------------------- what is read


def test_a_blank_quote_type_is_a_new_quote():
    assert a_deal(quote_type=None) == a_deal(quote_type="New")


@pytest.mark.parametrize(
    ("period", "price", "frequency", "unit"),
    [
        ("Month", "100.00", "Monthly", 10000),
        ("Month", "100.00", "Quarterly", 30000),
        ("Quarter", "300.00", "Monthly", 10000),
        ("Year", "1200.00", "Semiannual", 60000),
        ("Year", "588.00", "Annual", 58800),
        ("Term", "468.00", "Monthly", 3900),
    ],
)
def test_a_price_per_period_becomes_one_per_cycle(period, price, frequency, unit):
    deal = a_deal(a_line(unit_price=Decimal(price), price_period=period), billing_frequency=frequency)
    line = deal.lines[0]
    assert line.month_minor("USD") * line.cycle_months == unit


def test_the_lines_own_charge_period_and_frequency_stand_above_product_and_quote():
    product = replace(SEATS, charge_type="One-Time", price_period="Year")
    line = a_line(charge_type="Recurring", price_period="Quarter", billing_frequency="Quarterly")
    (read,) = a_deal(line, products=(product,)).lines
    assert (read.charge, read.period_months, read.cycle_months) == ("Recurring", 3, 3)


def test_the_end_comes_from_the_last_day_as_well_as_from_months():
    by_date = a_deal(term_months=None, end_date=date(2026, 12, 31))
    both = a_deal(end_date=date(2026, 12, 31))
    assert by_date == both == a_deal()
    assert (by_date.end, by_date.months) == (date(2027, 1, 1), 12)


def test_a_blank_start_on_the_quote_is_taken_from_lines_that_agree():
    deal = a_deal(a_line(1, start_date=date(2026, 2, 1)), a_line(2, start_date=date(2026, 2, 1)), start_date=None)
    assert deal.start == date(2026, 2, 1)


def test_an_optional_line_is_no_part_of_the_quote_whatever_is_wrong_with_it():
    deal = a_deal(a_line(1), a_line(2, optional=True, quantity=Decimal("1.5"), start_date=date(2030, 1, 1)))
    assert [line.id for line in deal.lines] == [a_line(1).id]


def test_a_line_of_zero_is_a_real_line():
    deal = a_deal(a_line(1, unit_price=Decimal("0.00")), a_line(2))
    assert len(deal.lines) == 2


def test_payment_terms_order_number_and_collection_are_read():
    terms = a_deal(days_until_due=45, po_number=" PO-2291 ", collection_method="Send Invoice").terms
    assert (terms.collection_method, terms.days_until_due, terms.po_number) == ("send_invoice", 45, "PO-2291")
    card = a_deal(days_until_due=45, collection_method="Charge Automatically").terms
    assert (card.collection_method, card.days_until_due) == ("charge_automatically", None)


@pytest.mark.parametrize(
    ("account", "quote", "email"),
    [
        ({"billing_email": "a@x.example", "person_email": "b@x.example"}, {"email": "c@x.example"}, "a@x.example"),
        ({"billing_email": None, "person_email": "b@x.example"}, {"email": "c@x.example"}, "b@x.example"),
        ({"billing_email": " "}, {"email": "c@x.example", "contact_email": "d@x.example"}, "c@x.example"),
        ({"billing_email": None}, {"email": None, "contact_email": "d@x.example"}, "d@x.example"),
    ],
)
def test_the_billing_email_is_the_first_on_the_ladder(account, quote, email):
    assert a_deal(account=replace(ACCOUNT, **account), **quote).payer.email == email


@pytest.mark.parametrize(
    ("country", "sent"), [("Germany", None), ("de ", "DE"), ("DEU", None), ("", None), (None, None)]
)
def test_a_country_is_sent_by_its_two_letters_or_left_out(country: str | None, sent: str | None) -> None:
    address = dict(a_deal(account=replace(ACCOUNT, city="Oslo", country=country)).payer.address)

    assert (address.get("country"), address["city"]) == (sent, "Oslo")


def test_a_billing_day_that_is_the_day_of_the_start_asks_for_nothing() -> None:
    assert a_deal(start_date=date(2026, 3, 15), billing_day=15).start == date(2026, 3, 15)


def test_the_accounts_time_zone_stands_above_the_installations():
    west = replace(ACCOUNT, billing_timezone="America/Los_Angeles")
    assert a_deal(account=west).boundary(date(2026, 7, 1)) == datetime(2026, 7, 1, 8, tzinfo=UTC)


def test_a_single_currency_org_names_no_currency():
    assert a_deal(currency=None, policy=BillingPolicy(currency="EUR")).currency == "EUR"


# ---------------------------------------------------------------- refusals, one by one

REFUSED = [
    ("no lines", QuoteGraph(a_quote(), (), ACCOUNT, {}), "DATA-215", "QuoteLineItems", QUOTE_ID),
    ("only optional lines", a_graph(a_line(optional=True)), "DATA-215", "QuoteLineItems", QUOTE_ID),
    ("deleted quote", a_graph(is_deleted=True), "DATA-215", "", QUOTE_ID),
    ("no start", a_graph(start_date=None), "DATA-215", "Start_Date__c", QUOTE_ID),
    ("start in the year 206", a_graph(start_date=date(206, 1, 1)), "DATA-215", "Start_Date__c", QUOTE_ID),
    ("no term and no end", a_graph(term_months=None), "DATA-215", "Term_Months__c", QUOTE_ID),
    ("term of no months", a_graph(term_months=0), "DATA-215", "Term_Months__c", QUOTE_ID),
    ("term of 999 months", a_graph(term_months=999), "DATA-215", "Term_Months__c", QUOTE_ID),
    ("end and term disagree", a_graph(end_date=date(2027, 1, 31)), "DATA-205", "End_Date__c", QUOTE_ID),
    ("end before start", a_graph(term_months=None, end_date=date(2025, 1, 1)), "DATA-205", "End_Date__c", QUOTE_ID),
    ("no frequency", a_graph(billing_frequency=None), "DATA-215", "Billing_Frequency__c", QUOTE_ID),
    ("unknown frequency", a_graph(billing_frequency="Weekly"), "CONF-304", "Billing_Frequency__c", QUOTE_ID),
    ("fraction", a_graph(a_line(quantity=Decimal("1.5"))), "DATA-207", "Quantity", a_line().id),
    ("zero seats", a_graph(a_line(quantity=Decimal(0))), "DATA-207", "Quantity", a_line().id),
    ("negative seats", a_graph(a_line(quantity=Decimal(-3))), "DATA-207", "Quantity", a_line().id),
    ("blank quantity", a_graph(a_line(quantity=None)), "DATA-207", "Quantity", a_line().id),
    ("no price", a_graph(a_line(unit_price=None)), "DATA-209", "UnitPrice", a_line().id),
    ("negative price", a_graph(a_line(unit_price=Decimal(-1))), "DATA-209", "UnitPrice", a_line().id),
    ("discount over 100", a_graph(a_line(discount_percent=Decimal(101))), "DATA-209", "Discount", a_line().id),
    ("negative discount", a_graph(a_line(discount_percent=Decimal(-5))), "DATA-209", "Discount", a_line().id),
    ("no charge type", a_graph(products=(replace(SEATS, charge_type=None),)), "CONF-301", "Charge_Type__c", SEATS_ID),
    ("no price period", a_graph(products=(replace(SEATS, price_period=None),)), "CONF-301", "Price_Period__c", SEATS_ID),
    ("product gone", a_graph(products=()), "CONF-301", "Product2Id", a_line().id),
    ("product deleted", a_graph(products=(replace(SEATS, is_deleted=True),)), "CONF-301", "Product2Id", a_line().id),
    ("product inactive", a_graph(products=(replace(SEATS, is_active=False),)), "CONF-301", "IsActive", SEATS_ID),
    ("tiers", a_graph(products=(replace(SEATS, tier_mode="Volume"),)), "CONF-311", "Tier_Mode__c", SEATS_ID),
    ("unknown charge type", a_graph(a_line(charge_type="Barter")), "CONF-304", "Charge_Type__c", a_line().id),
    ("unknown period", a_graph(a_line(price_period="Week")), "CONF-304", "Price_Period__c", a_line().id),
    ("half a cent", a_graph(a_line(quantity=Decimal(1), unit_price=Decimal("10.005"))), "DATA-210", "UnitPrice", a_line().id),
    ("yen with decimals", a_graph(a_line(quantity=Decimal(1), unit_price=Decimal("100.5")), currency="JPY"), "DATA-210", "UnitPrice", a_line().id),
    ("dinar ending in 4", a_graph(a_line(quantity=Decimal(1), unit_price=Decimal("5.124")), currency="KWD"), "DATA-210", "UnitPrice", a_line().id),
    ("part of a krona", a_graph(a_line(quantity=Decimal(1), unit_price=Decimal("10.50")), currency="ISK"), "DATA-210", "UnitPrice", a_line().id),
    ("no account", a_graph(account=None, account_id=None), "DATA-201", "AccountId", QUOTE_ID),
    ("account deleted", a_graph(account=replace(ACCOUNT, is_deleted=True)), "DATA-201", "AccountId", QUOTE_ID),
    ("no e-mail", a_graph(account=replace(ACCOUNT, billing_email=None)), "DATA-201", "Billing_Email__c", ACCOUNT_ID),
    ("no e-mail address", a_graph(account=replace(ACCOUNT, billing_email="ask Jo")), "DATA-201", "Billing_Email__c", ACCOUNT_ID),
    ("zone", a_graph(account=replace(ACCOUNT, billing_timezone="Mars/Base")), "CONF-304", "Billing_Timezone__c", ACCOUNT_ID),
    ("currency", a_graph(currency="E1"), "CONF-304", "CurrencyIsoCode", QUOTE_ID),
    ("collection", a_graph(collection_method="Barter"), "CONF-304", "Collection_Method__c", QUOTE_ID),
    ("negative terms", a_graph(days_until_due=-1), "DATA-208", "Days_Until_Due__c", QUOTE_ID),
    ("long order number", a_graph(po_number="x" * 141), "CONF-311", "PO_Number__c", QUOTE_ID),
    ("unknown type", a_graph(quote_type="Barter"), "CONF-304", "Quote_Type__c", QUOTE_ID),
    ("existing deal", a_graph(billing_subscription_id="a00AA0000000001AAA"), "CONF-311", "Billing_Subscription__c", QUOTE_ID),
    ("auto renew", a_graph(auto_renew=True), "CONF-311", "Auto_Renew__c", QUOTE_ID),
    ("removal", a_graph(a_line(change="Remove")), "CONF-311", "Change__c", a_line().id),
    ("only one-time, again and again", a_graph(a_fee(), term_months=None, auto_renew=True), "CONF-311", "Auto_Renew__c", QUOTE_ID),
]  # fmt: skip


@pytest.mark.parametrize(
    ("graph", "code", "field", "record"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_billed_is_refused_with_code_field_and_record(graph, code, field, record):
    refusal = the_refusal(graph)
    assert (refusal.code, refusal.field, refusal.record_id) == (code, field, record)
    assert refusal.message.endswith("Nothing was charged.")
    assert "?" not in refusal.message
    assert QUOTE_ID in refusal.blocked_on
    assert record in refusal.blocked_on
    if field and field != "QuoteLineItems":
        assert field in refusal.message or field == "Product2Id"


def test_a_missing_email_names_every_place_and_waits_for_account_and_contact():
    refusal = the_refusal(a_graph(account=replace(ACCOUNT, billing_email=None), contact_id="003AA0000000001AAA"))
    for place in ("Account.Billing_Email__c", "Account.PersonEmail", "Quote.Email", "Contact.Email"):
        assert place in refusal.message
    assert set(refusal.blocked_on) == {QUOTE_ID, ACCOUNT_ID, "003AA0000000001AAA"}


def test_an_incomplete_product_waits_for_the_product_so_that_all_its_deals_go_on_together():
    refusal = the_refusal(a_graph(products=(replace(SEATS, charge_type=None),)))
    assert SEATS_ID in refusal.blocked_on
    assert "Pro isn't set up for billing." in refusal.message


def test_the_right_end_date_is_named():
    assert "Set End_Date__c to 31 Dec 2026" in the_refusal(a_graph(end_date=date(2027, 1, 31))).message


def test_an_amount_that_cannot_be_carried_names_both_amounts_and_the_difference():
    graph = a_graph(a_line(quantity=Decimal(1), unit_price=Decimal("5.124")), currency="KWD")
    message = the_refusal(graph).message
    assert "5.124 KWD" in message
    assert "5.120 KWD" in message
    assert "0.004 KWD" in message


def test_all_faults_are_told_at_once():
    graph = a_graph(
        a_line(1, quantity=Decimal("1.5"), discount_percent=Decimal(120)),
        a_line(2, product_id="01tAA0000000009AAA"),
        account=None,
        account_id=None,
        start_date=None,
    )
    assert [r.code for r in refusals(graph)] == ["DATA-215", "DATA-201", "DATA-207", "DATA-209", "CONF-301"]


def test_an_invoice_larger_than_stripe_makes_is_refused_with_both_amounts_before_anything_is_written():
    most = a_line(quantity=Decimal(1), unit_price=Decimal("9999999999.99"))
    assert forecast(a_deal(most), EARLY).first == 999_999_999_999
    found = the_refusal(a_graph(replace(most, quantity=Decimal(2))))
    assert (found.code, found.field, found.record_id) == ("DATA-209", "UnitPrice", QUOTE_ID)
    assert (
        "the invoice of 1 Jan 2026 comes to 19,999,999,999.98 USD, and Stripe makes none above 9,999,999,999.99 USD"
        in found.message
    )


def test_back_dating_and_payment_terms_are_limited_only_where_a_limit_is_set():
    late = datetime(2026, 3, 1, tzinfo=UTC)
    assert a_deal(now=late, days_until_due=400).start == date(2026, 1, 1)
    limited = BillingPolicy(max_days_back=30, max_days_until_due=90)
    found = refusals(a_graph(days_until_due=400), limited, late)
    assert [r.code for r in found] == ["DATA-204", "DATA-208"]
    assert "59 days back" in found[0].message


def test_the_rounding_step_bills_what_would_be_refused_and_leaves_the_difference_to_be_shown():
    policy = BillingPolicy(rounding_step=True)
    deal = a_deal(a_line(quantity=Decimal(1), unit_price=Decimal("5.124")), currency="KWD", policy=policy)
    made = forecast(deal, EARLY)
    assert {invoice.total for invoice in made.invoices} == {5120}
    assert made.rest == 12 * 4


def test_a_discount_finer_than_stripe_carries_becomes_an_exact_net_price_or_is_refused():
    fine = a_deal(a_line(quantity=Decimal(1), discount_percent=Decimal("33.3333")))
    assert forecast(fine, EARLY).invoices[0].total == 6667
    endless = a_line(unit_price=Decimal("1000.00"), price_period="Term", discount_percent=Decimal("0.0003"))
    refusal = the_refusal(a_graph(endless))
    assert (refusal.code, refusal.field) == ("DATA-209", "Discount")


def test_a_quote_without_a_currency_is_refused_unless_the_installation_names_it() -> None:
    with pytest.raises(Refused) as refused:
        a_deal(currency=None)

    assert refused.value.code == "CONF-304"
    assert "BILLING_CURRENCY" in refused.value.message
