"""The diff of what should be with what is: order, what can't be changed, and nothing at all for what is right."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sync import facts
from sync.deal.discounts import Discount, Percent
from sync.deal.lines import Tier, Usage
from sync.deal.taxation import Taxation
from sync.desired.catalog import desire_catalogue
from sync.diff import as_named, as_standing, diff, only_needed
from sync.errors import Unsafe
from sync.observed import Actual, actuals, observe
from sync.records import Desired, Operation, Ref, Verb
from tests.sync.deal.deals import deal, line
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
        {"meter": "mtr_other"},
        {"tiers": (facts.PriceTier(up_to=None),)},
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


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"products": ("prod_other",)}, "applies_to"),
        ({"max_redemptions": 5}, "max_redemptions is 5"),
        ({"redeem_by_s": 1_800_000_000}, "redeem_by"),
    ],
)
def test_a_coupon_under_our_name_that_takes_off_less_than_was_signed_stops_everything(limit, said):
    stripe = StripeAnswers()
    off = deal(line("A", 10, "10.00", discounts=(Discount(Percent(Decimal(15))),)))
    stripe.converge(off, EARLY)
    assert not stripe.plan(off, EARLY)
    (coupon,) = stripe.of(facts.Coupon)
    stripe.change(coupon, **limit)
    with pytest.raises(Unsafe, match=f"coupon {coupon.id}, {said}") as stop:
        stripe.plan(off, EARLY).raise_if_unsafe()
    assert "Delete it in Stripe" in str(stop.value)


@pytest.mark.parametrize(("formula", "stops"), [("sum", False), ("count", False), ("last", True)])
def test_a_meter_that_keeps_the_last_value_alone_counts_no_use_that_was_signed(formula, stops):
    use = deal(replace(line("U", 1, "0.99"), usage=Usage("resolution", "", ())))
    (want,) = (one for one in desire_catalogue(use) if one.ref.kind == "meter")
    meter = facts.Meter(id="mtr_1", event_name="resolution", status="active", formula=formula)
    plan = diff([want], {want.ref: observe(meter)})
    assert [(d.part, d.wanted, d.found) for d in plan.drift] == (
        [("counts", "every use", "the last value alone")] if stops else []
    )


def test_a_deal_stands_on_its_own_price_whoever_has_the_lookup_key_now():
    stripe = StripeAnswers()
    stripe.converge(one := a_deal(), EARLY)
    (ours,) = stripe.of(facts.Price)
    wanted = desire_catalogue(one)
    taken = facts.Price(**{**ours.model_dump(), "id": "price_theirs", "metadata": {}})
    bare = ours.model_copy(update={"lookup_key": None})
    known = {**actuals(stripe.facts.values()), Ref("price", ours.lookup_key or ""): observe(taken)}
    assert as_standing(wanted, known, [bare])[Ref("price", ours.lookup_key or "")].remote_id == ours.id
    for unlike in ({"unit_amount_decimal": Decimal(1)}, {"metadata": {}}, {"product": "prod_other"}):
        assert as_standing(wanted, known, [bare.model_copy(update=unlike)]) == known
    archived = bare.model_copy(update={"active": False})
    back = as_standing(wanted, known, [archived])[Ref("price", ours.lookup_key or "")]
    assert (back.remote_id, back.compare["active"]) == (ours.id, False)  # it is made active where something needs it
    both = as_standing(wanted, known, [ours.model_copy(update={"active": False})])[Ref("price", ours.lookup_key or "")]
    assert both.remote_id == ours.id
    assert "active" not in both.compare  # under one key only one can be


def test_an_archived_price_that_is_not_what_its_name_says_makes_room_for_one_of_ours():
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, EARLY)
    (price,) = stripe.of(facts.Price)
    stripe.change(price, active=False, currency="eur")
    wanted, found = desire_catalogue(deal), actuals(stripe.facts.values())
    assert [o.verb for o in diff(wanted, as_named(wanted, found)).operations] == [Verb.CREATE]
    stripe.change(price, active=False)
    found = actuals(stripe.facts.values())
    assert as_named(wanted, found) == found  # what it says: it comes back


def test_every_step_of_a_price_is_held_against_what_is_wanted():
    tiers = (Tier(100, Decimal(0)), Tier(None, Decimal("0.79"), Decimal(5)))
    use = deal(replace(line("U", 1, "0"), usage=Usage("resolution", "graduated", tiers)))
    (want,) = (one for one in desire_catalogue(use) if one.ref.kind == "price")
    product, meter = (Ref("product", use.lines[0].product.key), Ref("meter", "resolution"))
    steps = (facts.PriceTier(up_to=100), facts.PriceTier(up_to=None, unit=Decimal(79), flat=Decimal(500)))
    right = facts.Price(
        id="price_1", lookup_key=want.ref.key, product="prod_1", currency="usd", interval="month", meter="mtr_1",
        usage_type="metered", billing_scheme="tiered", tiers_mode="graduated", tiers=steps,
    )  # fmt: skip

    def unlike(**changes):
        known = {product: Actual("prod_1", {}), meter: Actual("mtr_1", {})}
        return [d.part for d in diff([want], {**known, want.ref: observe(right.model_copy(update=changes))}).drift]

    assert unlike() == []
    assert unlike(tiers=()) == []  # not read: that says nothing
    assert unlike(meter="mtr_2") == ["meter"]
    for other in (
        steps[1:], (steps[0].model_copy(update={"up_to": 101}), steps[1]),
        (steps[0], steps[1].model_copy(update={"unit": Decimal("79.5")})),
        (steps[0], steps[1].model_copy(update={"flat": Decimal(0)})),
    ):  # fmt: skip
        assert unlike(tiers=other) == ["tiers"]


@pytest.mark.parametrize(("found", "told"), [("exclusive", []), ("unspecified", ["update"]), ("inclusive", ["drift"])])
def test_how_a_price_is_taxed_is_said_where_nobody_said_it_and_else_it_stops_everything(found, told):
    taxed = replace(deal(line("L", 2, "10.00")), tax=Taxation("exclusive"))
    (want,) = (one for one in desire_catalogue(taxed) if one.ref.kind == "price")
    plan = diff([want], {want.ref: Actual("price_1", {"tax_behavior": found})})
    assert [*(str(o.verb) for o in plan.operations), *("drift" for _ in plan.drift)] == told
    assert [d.said() for d in plan.drift] == [("tax_behavior", "exclusive", "inclusive")] * told.count("drift")


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
