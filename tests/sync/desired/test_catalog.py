"""One catalogue that does not grow with deals: objects derive from what they are."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sync.deal.timeline import tracks, without_stub
from sync.desired.catalog import desire_catalogue, phase_refs
from sync.desired.references import candidate_refs, catalogue_refs, live_refs
from sync.desired.schedules import item_sent
from sync.records import Ref
from tests.sync.deal.factory import (
    ACCOUNT,
    FEE,
    OTHER,
    SEATS,
    SEATS_ID,
    a_cancellation,
    a_change,
    a_deal,
    a_fee,
    a_line,
)


def of_kind(deal, kind):
    return [want for want in desire_catalogue(deal) if want.ref.kind == kind]


def test_a_product_has_an_id_of_its_own_whatever_the_crm_says():
    copied = replace(SEATS, stripe_product_id="prod_copied")
    (product,) = of_kind(a_deal(products=(copied,)), "product")
    assert product.create["id"] == f"tandem_{SEATS_ID}"
    assert (product.create["name"], product.shared) == ("Pro", True)


def test_a_price_says_exactly_what_the_deal_bills():
    line = a_line(unit_price=Decimal("1000.00"), price_period="Term")
    (price,) = of_kind(a_deal(line), "price")
    assert price.create["unit_amount_decimal"] == Decimal("8333.333333333333")
    assert price.create["recurring"] == {"interval": "month", "interval_count": 1}
    assert (price.create["currency"], price.create["product"]) == ("usd", Ref("product", f"tandem_{SEATS_ID}"))
    assert price.ref.key.startswith("tdm_")
    assert len(price.ref.key) <= 200


def test_an_annual_price_is_one_year_and_a_one_time_price_has_no_interval():
    deal = a_deal(a_line(price_period="Year", billing_frequency="Annual"), a_fee(), products=(SEATS, FEE))
    annual, fee = of_kind(deal, "price")
    assert annual.create["recurring"] == {"interval": "year", "interval_count": 1}
    assert "recurring" not in fee.create


def test_equal_terms_are_one_price_and_any_difference_is_another():
    base = a_deal()
    (key,) = [p.ref.key for p in of_kind(base, "price")]
    same = a_deal(a_line(7, quantity=Decimal(3)), id="0Q0AA0000000002AAA")
    assert [p.ref.key for p in of_kind(same, "price")] == [key]
    others = [
        a_deal(a_line(unit_price=Decimal("100.01"))),
        a_deal(currency="EUR"),
        a_deal(billing_frequency="Quarterly"),
        a_deal(a_line(product_id=FEE.id, charge_type="Recurring", price_period="Month")),
    ]
    assert key not in {p.ref.key for deal in others for p in of_kind(deal, "price")}


def test_two_items_at_one_price_with_unlike_discounts_stand_on_twin_prices():
    deal = a_deal(a_line(1), a_line(2, discount_percent=Decimal(10)))
    prices = of_kind(deal, "price")
    assert len({p.ref.key for p in prices}) == 2
    assert len({p.create["unit_amount_decimal"] for p in prices}) == 1


def test_a_coupon_is_named_after_its_percentage_and_lasts_for_ever():
    (coupon,) = of_kind(a_deal(a_line(discount_percent=Decimal("12.50"))), "coupon")
    assert coupon.ref.key == "tdm-pct-12_5"
    assert (coupon.create["percent_off"], coupon.create["duration"]) == (Decimal("12.5"), "forever")


def test_the_same_percentage_of_line_and_quote_has_a_twin_as_stripe_takes_a_coupon_once_on_an_item():
    deal = a_deal(a_line(1, discount_percent=Decimal(10)), quote_discount=Decimal(10))
    coupons = of_kind(deal, "coupon")
    assert [c.ref.key for c in coupons] == ["tdm-pct-10", "tdm-pct-10-twin-2"]
    assert [c.create["id"] for c in coupons] == [c.ref.key for c in coupons]
    assert {c.create["percent_off"] for c in coupons} == {Decimal(10)}
    (item,) = tracks(deal)[0].phases[0].items
    assert [d["coupon"] for d in item_sent(item, Ref("price", "p"))["discounts"]] == [c.ref for c in coupons]


@given(st.decimals("0.01", "100", places=2), st.decimals("0.01", "100", places=2))
def test_coupons_are_the_same_exactly_when_the_percentages_are(one, two):
    keys = [of_kind(a_deal(a_line(discount_percent=p)), "coupon")[0].ref.key for p in (one, two)]
    assert (keys[0] == keys[1]) == (one == two)


def test_what_a_run_reads_is_what_the_catalogue_wants():
    deal = a_deal(a_line(1, discount_percent=Decimal(10)), a_line(2), a_fee())
    assert set(catalogue_refs(deal)) == {want.ref for want in desire_catalogue(deal)}


def test_a_customer_that_we_hold_is_the_only_one_looked_for():
    account = replace(ACCOUNT, stripe_customer_id="cus_7")
    assert candidate_refs(account, "a@b.example", "cus_1") == (Ref("customer_id", "cus_1"),)
    looked_for = candidate_refs(account, "a@b.example", None, "cus_8")
    assert looked_for == (
        Ref("customer_id", "cus_7"),
        Ref("customer_id", "cus_8"),
        Ref("customers_by_email", "a@b.example"),
    )
    assert candidate_refs(ACCOUNT, "a@b.example", None, "New") == (Ref("customers_by_email", "a@b.example"),)
    assert live_refs("cus_1") == (Ref("subscriptions_of", "cus_1"), Ref("schedules_of", "cus_1"))


def test_five_hundred_deals_on_the_same_terms_make_one_price_and_one_coupon_of_each_discount():
    refs, discounts = set(), (Decimal(10), Decimal("12.5"), Decimal(10), None)
    for n in range(500):
        seats = a_line(n, quantity=Decimal(1 + n % 90), discount_percent=discounts[n % 4])
        deal = a_deal(seats, quote_discount=Decimal(5) if n % 3 else None, id=f"0Q0AA0000000{n:03d}AAA")
        refs |= {want.ref for want in desire_catalogue(deal)}
    kinds = [ref.kind for ref in refs]
    assert (kinds.count("product"), kinds.count("price"), kinds.count("coupon")) == (1, 1, 3)


def test_a_first_cycle_that_has_begun_is_made_with_the_full_price_though_none_follows():
    """A quarterly line that begins inside its only cycle, told when that has begun (`make soak`, as BUG-502)."""
    base = a_deal(term_months=2)
    added = a_line(21, product_id=OTHER.id, billing_frequency="Quarterly")
    deal = a_change(base, added, start_date=date(2026, 1, 11), now=datetime(2026, 2, 3, tzinfo=UTC))
    late = without_stub(tracks(deal)[1], deal)
    assert {ref for phase in late.phases for ref in phase_refs(phase, deal)} <= {x.ref for x in desire_catalogue(deal)}


def test_what_the_deal_stood_on_before_its_newest_quote_is_read_too():
    """The price of a last, shorter cycle that a cancellation takes away is still there (`make soak`, as DATA-219)."""
    base = a_deal(end_date=date(2026, 12, 20), term_months=None)
    ended = a_cancellation(base, date(2026, 5, 5))
    assert set(catalogue_refs(base)) <= set(catalogue_refs(ended))
