"""Any quote at all is read or refused, and nothing else ever happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.crm import CrmAccount, CrmProduct, CrmQuote, CrmQuoteLine, CrmTier, QuoteGraph
from sync.deal.deal import Deal
from sync.deal.forecast import forecast
from sync.deal.policy import BillingPolicy
from sync.deal.pricing import mrr_minor
from sync.errors import Refusal, Refused
from sync.quotes.standard import read_change, read_quote
from tests.properties import examples
from tests.sync.deal.factory import (
    ACCOUNT,
    ACCOUNT_ID,
    EARLY,
    FEE,
    FEE_ID,
    OTHER_ID,
    PRODUCTS,
    QUOTE_ID,
    ROW_ID,
    SEATS,
    SEATS_ID,
    USE_ID,
    a_deal,
    a_graph,
    a_line,
)

LATE = datetime(2026, 6, 20, tzinfo=UTC)


def read_or_refused(read) -> tuple[Deal | None, tuple[Refusal, ...]]:
    try:
        return read(), ()
    except Refused as refused:
        found = refused.refusals
    assert found
    assert all(one.message.endswith("Nothing was charged.") for one in found)
    return None, found


# ---------------------------------------------------------------- nonsense

WORDS = ["", "New", "Amendment", "Renewal", "Cancellation", "Recurring", "One-Time", "Usage", "Month", "Term", "Monthly", "Annual", "Add",
         "Remove", "x"]  # fmt: skip
TEXT = st.one_of(st.none(), st.sampled_from(WORDS))
NUMBER = st.one_of(
    st.none(), st.decimals(-(10**6), 10**12, places=4), st.sampled_from([Decimal("NaN"), Decimal("Infinity")])
)
DAY = st.one_of(st.none(), st.dates(), st.just(date(2026, 1, 1)))
WHOLE = st.one_of(st.none(), st.integers(-10, 2000))
ID = st.one_of(st.none(), st.sampled_from([SEATS_ID, FEE.id, "01tAA0000000009AAA"]))
KEY = st.one_of(st.none(), st.sampled_from(["A", "B"]))

LINES = st.builds(
    CrmQuoteLine, id=st.sampled_from(["0QLAA0000000001AAA", "0QLAA0000000002AAA"]), quote_id=st.just(QUOTE_ID), product_id=ID,
    quantity=NUMBER, unit_price=NUMBER, sort_order=WHOLE, discount_percent=NUMBER, discount_amount=NUMBER, discount_months=WHOLE,
    change=TEXT, charge_type=TEXT, price_period=TEXT, billing_frequency=TEXT, start_date=DAY, end_date=DAY, ramp_key=KEY, optional=st.booleans(),
)  # fmt: skip
TIERS = st.builds(
    CrmTier, st.sampled_from([None, "USD", "EUR"]), *[st.one_of(st.none(), st.decimals(-2, 9999, places=2))] * 3
)
ANY_PRODUCT = st.builds(
    CrmProduct, id=st.just(SEATS_ID), name=st.text(max_size=8), is_active=st.booleans(), charge_type=TEXT, price_period=TEXT,
    tier_mode=st.sampled_from([None, "Graduated", "Volume", "x"]), meter_event=TEXT, tiers=st.lists(TIERS, max_size=3).map(tuple),
)  # fmt: skip
ACCOUNTS = st.one_of(
    st.none(),
    st.builds(CrmAccount, id=st.just(ACCOUNT_ID), name=st.text(max_size=8), billing_email=TEXT, billing_timezone=TEXT),
)
QUOTES = st.builds(
    CrmQuote, id=st.just(QUOTE_ID), number=st.just("1"), name=st.just(""), status=st.just("Accepted"), account_id=ID, currency=TEXT,
    quote_type=TEXT, start_date=DAY, end_date=DAY, term_months=WHOLE, billing_frequency=TEXT, billing_day=WHOLE, payment_methods=TEXT,
    collection_method=TEXT, days_until_due=WHOLE, email=st.just("a@b.example"), trial_days=WHOLE, auto_renew=st.booleans(),
    quote_discount=NUMBER, quote_discount_months=WHOLE, proration_policy=TEXT, credit_policy=TEXT, skip_past_invoices=st.booleans(),
    billing_subscription_id=st.sampled_from([None, ROW_ID]),
)  # fmt: skip


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(QUOTES, st.lists(LINES, max_size=3), ACCOUNTS | st.just(ACCOUNT), ANY_PRODUCT, st.booleans())
def test_nonsense_is_refused_in_words(quote, lines, account, product, rounding):
    graph = QuoteGraph(quote, tuple(lines), account, {SEATS_ID: product, FEE.id: FEE})
    policy = BillingPolicy(rounding_step=rounding)
    for read in (
        lambda: read_quote(graph, policy, EARLY),
        lambda: read_quote(graph, policy, EARLY, renews=a_deal()),
    ):
        read_or_refused(read)
    if quote.quote_type in ("Amendment", "Cancellation"):
        read_or_refused(lambda: read_change(graph, a_deal(), policy, EARLY))


# ---------------------------------------------------------------- likely quotes

CENTS = st.sampled_from(["0", "1.00", "33.33", "49.99", "100.00", "1200.00", "8.3333"]).map(Decimal)
COUNT = st.sampled_from([1, 2, 3, 7, 10, 50]).map(Decimal)
FREQUENCY = st.sampled_from([None, "Monthly", "Quarterly", "Semiannual", "Annual"])
PERIOD = st.sampled_from([None, None, "Month", "Quarter", "Year", "Term"])
PERCENT = st.sampled_from([None, None, "5", "12.5", "33.333", "100"]).map(lambda p: p and Decimal(p))
OFF = st.sampled_from([None, None, None, "1", "5.50", "1000"]).map(lambda p: p and Decimal(p))
MONTHS = st.sampled_from([None, None, 1, 3, 6, 12, 24])
PRODUCT_IDS = st.sampled_from([SEATS_ID, SEATS_ID, OTHER_ID, FEE_ID, USE_ID])
ADDED = st.none()
CHANGES = st.sampled_from([None, None, "Remove"])
STARTS = st.sampled_from([date(2026, 1, 1), date(2026, 1, 31), date(2024, 2, 29), date(2026, 3, 15)])
LATER = st.one_of(st.none(), st.none(), st.integers(0, 500))


@st.composite
def likely_lines(draw, first: date, *, number: int = 1, change=ADDED):
    found = []
    for n in range(draw(st.integers(1, 3))):
        id_ = draw(PRODUCT_IDS)
        start, end = (None if (d := draw(LATER)) is None else first + timedelta(days=d) for _ in range(2))
        found.append(
            a_line(
                number + n, product_id=id_, quantity=Decimal(1) if id_ == USE_ID else draw(COUNT), unit_price=draw(CENTS),
                price_period=draw(PERIOD), billing_frequency=draw(FREQUENCY), discount_percent=draw(PERCENT), discount_amount=draw(OFF),
                discount_months=draw(MONTHS), start_date=start, end_date=end, ramp_key=draw(KEY), change=draw(change),
            )
        )  # fmt: skip
    return found


@st.composite
def likely_headers(draw):
    start = draw(STARTS)
    ends = draw(st.sampled_from(["term", "term", "day", "never"]))
    return {
        "start_date": start,
        "term_months": draw(st.sampled_from([1, 3, 9, 12, 18, 36])) if ends == "term" else None,
        "end_date": start + timedelta(days=draw(st.integers(0, 700))) if ends == "day" else None,
        "auto_renew": ends == "never",
        "billing_frequency": draw(FREQUENCY),
        "billing_day": draw(st.sampled_from([None, None, 1, 15, 31])),
        "trial_days": draw(st.sampled_from([None, None, 14])),
        "quote_discount": draw(PERCENT),
        "quote_discount_months": draw(MONTHS),
        "skip_past_invoices": draw(st.booleans()),
        "proration_policy": draw(st.sampled_from([None, "Signed", "Stripe", "None"])),
        "currency": draw(st.sampled_from(["USD", "USD", "JPY", "KWD"])),
    }


POLICIES = st.builds(
    BillingPolicy, rounding_step=st.booleans(), newest_first=st.booleans(), whole_months=st.booleans(), co_terminate=st.booleans()
)  # fmt: skip
NOWS = st.sampled_from([EARLY, LATE, datetime(2030, 1, 1, tzinfo=UTC)])


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), likely_headers(), POLICIES, NOWS)
def test_a_likely_quote_is_a_deal_that_can_be_billed_or_refused(data, header, policy, now):
    lines = data.draw(likely_lines(header["start_date"]))
    deal, found = read_or_refused(lambda: read_quote(a_graph(*lines, **header), policy, now))
    assert (deal is None) == bool(found)
    if deal is not None:
        assert forecast(deal, now).total >= 0
        assert all(deal.start <= line.start and (not deal.end or line.start < deal.end) for line in deal.lines)
        assert all(not deal.end or (line.end and line.end <= deal.end) for line in deal.lines)


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), POLICIES, NOWS, st.integers(0, 400), st.sampled_from(["Amendment", "Amendment", "Cancellation"]))
def test_a_likely_change_of_a_deal_is_read_or_refused_and_never_half(data, policy, now, days, kind):
    start = date(2026, 1, 1)
    base = a_deal(a_line(1), a_line(2, product_id=OTHER_ID, billing_frequency="Annual"), policy=policy)
    lines = data.draw(likely_lines(start, number=31, change=CHANGES))
    header = {"id": "0Q0AA0000000005AAA", "number": "5", "quote_type": kind, "billing_subscription_id": ROW_ID}
    header |= {
        "start_date": start + timedelta(days=days),
        "term_months": None,
        "billing_frequency": data.draw(FREQUENCY),
    }
    header |= {"quote_discount": data.draw(PERCENT), "quote_discount_months": data.draw(MONTHS)}
    deal, found = read_or_refused(lambda: read_change(a_graph(*lines, **header), base, policy, now))
    assert (deal is None) == bool(found)
    if deal is None:
        return
    assert deal.changes[:-1] == base.changes
    assert replace(deal, changes=base.changes) == base
    assert forecast(deal, now).total >= 0
    assert mrr_minor(deal, deal.changes[-1].effective) >= 0
    if kind == "Cancellation":
        assert mrr_minor(deal, deal.changes[-1].effective) == 0
        assert forecast(deal, EARLY).total <= forecast(base, EARLY).total


@settings(max_examples=examples(100), deadline=None)
@given(
    st.sampled_from(["USD", "JPY", "KWD", "ISK"]),
    st.dates(date(1990, 1, 1), date(2210, 1, 1)),
    st.integers(0, 300),
    st.decimals(0, 10**6, places=4),
    st.integers(1, 10**5),
    st.one_of(st.none(), st.decimals(-1, 101, places=4)),
    st.booleans(),
)
def test_any_price_is_read_or_refused(currency, start, term, price, quantity, discount, rounding):
    line = a_line(unit_price=price, quantity=Decimal(quantity), discount_percent=discount)
    graph = a_graph(line, currency=currency, start_date=start, term_months=term, products=(SEATS,))
    deal, found = read_or_refused(lambda: read_quote(graph, BillingPolicy(rounding_step=rounding), EARLY))
    assert (deal is None) == bool(found)
    if deal is not None:
        assert [signed.id for signed in deal.lines] == [line.id]


def test_the_products_of_these_quotes_are_complete():
    assert {product.id for product in PRODUCTS} == {SEATS_ID, FEE_ID, USE_ID, OTHER_ID}
