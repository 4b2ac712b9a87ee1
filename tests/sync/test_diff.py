"""The diff of what should be with what is: order, what can't be changed, and nothing at all for what is right."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sync import facts
from sync.diff import diff, only_needed
from sync.errors import Unsafe
from sync.observed import Actual, actuals
from sync.records import Desired, Operation, Ref, Verb
from tests.sync.deal.factory import EARLY, a_deal, a_fee, a_line
from tests.sync.desired.stripe_answers import StripeAnswers

A = Ref("product", "a")


def want(**changes):
    base = {"ref": A, "create": {"name": "x"}, "compare": {"name": "x"}, "update": {"name": {"name": "x"}}}
    return Desired(**{**base, **changes})


def test_what_is_not_there_is_created():
    (operation,) = diff([want()], {}).operations
    assert (operation.verb, operation.ref, operation.payload, operation.remote_id) == (
        Verb.CREATE,
        A,
        {"name": "x"},
        None,
    )


def test_what_is_right_needs_nothing():
    assert not diff([want()], {A: Actual("prod_1", {"name": "x"})})


def test_a_changeable_part_is_updated_and_the_old_value_is_kept_with_it():
    (operation,) = diff([want()], {A: Actual("prod_1", {"name": "old"})}).operations
    assert (operation.verb, operation.remote_id, operation.changed) == (Verb.UPDATE, "prod_1", ("name",))
    assert (operation.payload, operation.before) == ({"name": "x"}, {"name": "old"})


def test_an_unchangeable_part_is_told_and_no_operation():
    plan = diff([want(update={})], {A: Actual("prod_1", {"name": "old"})})
    assert plan.operations == ()
    with pytest.raises(Unsafe):
        plan.raise_if_unsafe()


def test_a_part_that_the_fact_does_not_tell_is_not_compared():
    assert not diff([want(update={})], {A: Actual("prod_1", {})})


def test_a_part_that_only_an_action_brings_about_is_an_action_and_goes_last():
    invoice = want(ref=Ref("invoice", "i"), compare={"finalized": True}, acts={"finalized": "finalize"}, update={})
    item = want(ref=Ref("invoiceitem", "i:1"))
    plan = diff([invoice, item], {invoice.ref: Actual("in_1", {"finalized": False})})
    assert [(o.verb, o.ref.kind, o.action) for o in plan.operations] == [
        (Verb.CREATE, "invoiceitem", ""),
        (Verb.ACT, "invoice", "finalize"),
    ]


def test_operations_come_in_the_order_in_which_they_need_each_other():
    kinds = ["invoiceitem", "schedule", "coupon", "price", "invoice", "customer", "subscription", "product"]
    plan = diff([want(ref=Ref(kind, kind)) for kind in kinds], {})
    order = ["customer", "product", "price", "coupon", "subscription", "schedule", "invoice", "invoiceitem"]
    assert [o.ref.kind for o in plan.operations] == order


def test_decimals_references_and_unordered_lists_are_compared_by_what_they_mean():
    price = Ref("price", "p")
    wanted = {"amount": Decimal("8.50"), "items": [{"price": price, "n": 1}, {"price": "price_2", "n": 2}]}
    found = {"amount": Decimal("8.5"), "items": [{"n": 2, "price": "price_2"}, {"n": 1, "price": "price_1"}]}
    known = {A: Actual("x", found), price: Actual("price_1", {})}
    assert not diff([want(compare=wanted)], known)


def test_metadata_of_others_is_none_of_our_business():
    compare = {"metadata": {"tandem_key": "a"}}
    assert not diff([want(compare=compare)], {A: Actual("x", {"metadata": {"tandem_key": "a", "theirs": "1"}})})
    assert diff([want(compare=compare, update=compare)], {A: Actual("x", {"metadata": {"theirs": "1"}})})


def test_a_product_that_is_there_is_not_a_deals_to_change_and_an_archived_price_comes_back_where_it_is_needed():
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, EARLY)
    (product,), (price,) = stripe.of(facts.Product), stripe.of(facts.Price)
    stripe.change(product, name="Old name")
    stripe.change(price, active=False)
    plan = stripe.plan(deal, EARLY)
    assert [(o.verb, o.ref.kind, o.payload) for o in plan.operations] == [(Verb.UPDATE, "price", {"active": True})]
    assert not only_needed(plan)
    needing = replace(plan, operations=(*plan.operations, Operation(Verb.CREATE, A, {})))
    assert only_needed(needing) == needing
    stripe.apply(plan)
    assert not stripe.plan(deal, EARLY)


@pytest.mark.parametrize(
    "other",
    [
        {"unit_amount_decimal": Decimal(1)},
        {"currency": "eur"},
        {"interval": "year"},
        {"interval_count": 3},
        {"product": "prod_other"},
        {"usage_type": "metered"},
        {"tiers_mode": "volume", "billing_scheme": "tiered"},
        {"packaged": True},
    ],
)
def test_a_price_that_is_not_what_its_name_says_stops_everything(other):
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, EARLY)
    (price,) = stripe.of(facts.Price)
    stripe.change(price, **other)
    with pytest.raises(Unsafe, match="BUG-503"):
        stripe.plan(deal, EARLY).raise_if_unsafe()


def test_of_two_prices_with_one_lookup_key_the_active_one_counts():
    old = facts.Price(id="price_1", lookup_key="k", active=False)
    new = facts.Price(id="price_2", lookup_key="k")
    assert actuals([old, new])[Ref("price", "k")].remote_id == "price_2"


def test_deleted_objects_and_those_of_others_are_not_there():
    gone = facts.Product(id="tandem_x", deleted=True)
    theirs = facts.Subscription(id="sub_1")
    assert actuals([gone, theirs]) == {}


def test_a_fee_changed_before_the_start_is_seen_and_after_it_is_history():
    stripe = StripeAnswers()
    deal = a_deal(a_line(), a_fee())
    stripe.converge(deal, EARLY)
    (schedule,) = stripe.of(facts.Schedule)
    bare = tuple(phase.model_copy(update={"add_invoice_items": ()}) for phase in schedule.phases)
    stripe.change(schedule, phases=bare)
    assert [d.part for d in stripe.plan(deal, EARLY).drift] == ["once"]
    stripe.change(schedule, phases=bare, status="active")
    assert not stripe.plan(deal, EARLY)
