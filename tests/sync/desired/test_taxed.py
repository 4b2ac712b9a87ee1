"""A taxed deal: what Stripe is told, whose the customer's address is, and that a deal stays as it was made."""

from dataclasses import replace

import pytest

from sync.deal.deal import Payer
from sync.deal.dues import DueLine
from sync.deal.taxation import Taxation
from sync.deal.timeline import tracks
from sync.desired.catalog import desire_catalogue
from sync.desired.customer import desire_customer
from sync.desired.keys import PLAIN_FROM, TAX
from sync.desired.made import Made
from sync.desired.taxed import as_taxed, on_taxed_invoice
from sync.desired.taxed_customer import address_used, check_taxed, digest, lacking
from sync.diff import diff
from sync.facts import Customer, Subscription
from sync.observed import actuals
from tests.sync.deal.deals import JAN, NEXT_JAN, deal, line

ON_TOP = Taxation("exclusive", "txcd_10103001")
GERMAN = {"line1": "Hauptstr. 1", "city": "Bonn", "country": "DE"}
PAYER = Payer("001A", "Acme", "ap@acme.example", address=tuple(GERMAN.items()))


def sold(tax=None, **more):
    return replace(deal(line("L1", 2, "10.00"), **more), tax=tax)


def prices(made):
    return {d.ref.key: d.create.get("tax_behavior") for d in desire_catalogue(made) if d.ref.kind == "price"}


def test_whether_tax_comes_on_top_is_part_of_what_a_price_is_only_where_it_is_said():
    plain, taxed, inclusive = prices(sold()), prices(sold(ON_TOP)), prices(sold(Taxation("inclusive")))
    assert (set(plain.values()), set(taxed.values()), set(inclusive.values())) == ({None}, {"exclusive"}, {"inclusive"})
    assert len({*plain, *taxed, *inclusive}) == 3


def test_a_deal_stays_as_it_was_made_whatever_is_switched_later():
    def made(metadata):
        return {"Q1": Made(0, subscription=Subscription(id="sub_1", metadata={PLAIN_FROM: "0", **metadata}))}

    assert as_taxed(sold(ON_TOP), {}).tax == ON_TOP
    assert as_taxed(sold(ON_TOP), made({})).tax is None
    assert as_taxed(sold(), made({TAX: "inclusive"})).tax == Taxation("inclusive")


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ({}, "BillingCountry"),
        ({"city": "Bonn", "postal_code": "53111"}, "BillingCountry"),
        ({"country": "US", "state": "TX"}, "BillingPostalCode"),
        ({"country": "US", "postal_code": "7870"}, "BillingPostalCode"),
        ({"country": "US", "postal_code": "78701x"}, "BillingPostalCode"),
        ({"country": "CA"}, "BillingState"),
        ({"country": "CA", "state": "ON"}, None),
        ({"country": "CA", "postal_code": "K1A 0B1"}, None),
        ({"country": "US", "postal_code": "78701-1234"}, None),
        ({"country": "DE"}, None),
    ],
)
def test_what_an_address_lacks_is_named_by_the_field_of_the_account(address, field):
    found = lacking(address)
    assert (found.field if found else None) == field


def plan_of(customer, payer=PAYER):
    wanted = desire_customer(payer, customer, taxed=True)
    [operation] = diff([wanted], actuals([], customer=("001A", customer))).operations or [None]
    return dict(operation.payload) if operation else {}


def test_the_address_is_ours_until_somebody_else_enters_another():
    known = {"id": "cus_1", "name": "Acme", "email": "ap@acme.example"}
    mine = {"tandem_key": "001A", "salesforce_account_id": "001A"}
    written = plan_of(Customer(**known, metadata=mine))
    assert written["address"] == {**GERMAN, "line2": "", "state": "", "postal_code": ""}
    marked = {**mine, "tandem_address": digest(GERMAN)}
    assert plan_of(Customer(**known, metadata=marked, address=GERMAN)) == {}

    moved = replace(PAYER, address=(("country", "FR"),))
    assert plan_of(Customer(**known, metadata=marked, address=GERMAN), moved)["address"]["country"] == "FR"
    entered = Customer(**known, metadata=marked, address={"country": "AT"})
    assert "address" not in plan_of(entered, moved)
    assert "address" in plan_of(Customer(**known, metadata=marked, address={"city": "Wien"}), moved)


def test_an_address_that_says_too_little_never_takes_the_place_of_one_that_says_enough():
    known = Customer(
        id="cus_1", name="Acme", email="ap@acme.example", address=GERMAN,
        metadata={"tandem_key": "001A", "salesforce_account_id": "001A", "tandem_address": digest(GERMAN)},
    )  # fmt: skip
    for emptied in ((), (("country", "US"),), (("city", "Bonn"),)):
        payer = replace(PAYER, address=emptied)
        assert plan_of(known, payer) == {}
        assert address_used(payer, known) == GERMAN
    assert address_used(replace(PAYER, address=(("country", "US"),)), Customer(id="cus_2")) == {"country": "US"}


def test_a_deal_without_tax_leaves_address_and_exemption_alone():
    customer = Customer(
        id="cus_1", name="Acme", email="ap@acme.example", address={"country": "AT"}, tax_exempt="reverse"
    )
    wanted = desire_customer(replace(PAYER, tax_exempt="Exempt"), customer)
    assert set(wanted.compare) == {"name", "metadata"}
    assert plan_of(customer, replace(PAYER, tax_exempt="None"))["tax_exempt"] == "none"
    assert "tax_exempt" not in plan_of(customer)


def test_what_can_not_be_taxed_is_refused_before_any_write_with_the_record_and_field():
    bad = replace(sold(ON_TOP), payer=replace(PAYER, address=(), tax_exempt="Maybe"))
    coded = replace(bad, changes=(replace(bad.base, adds=(_coded(bad.base.adds[0]),)),))
    found = [(r.code, r.field) for r in check_taxed(coded, None)]
    assert found == [("DATA-202", "BillingCountry"), ("CONF-304", "Tax_Exempt__c"), ("CONF-304", "Tax_Code__c")]
    assert check_taxed(replace(coded, tax=None), None) == ()
    theirs = Customer(id="cus_1", address={"country": "AT"})
    assert "DATA-202" not in [r.code for r in check_taxed(coded, theirs)]


def _coded(sold_line):
    return replace(sold_line, product=replace(sold_line.product, tax_code="seats"))


def test_credit_and_debit_of_one_product_are_one_line_because_stripe_taxes_none_below_zero():
    made = sold(ON_TOP)
    item = tracks(made)[0].phases[0].items[0]
    lines = (DueLine(item, -604_932, JAN, NEXT_JAN), DueLine(item, 907_397, JAN, NEXT_JAN))
    [one] = on_taxed_invoice(lines, made)
    assert one.amount == 302_465
    assert on_taxed_invoice(lines, replace(made, tax=None)) == lines
