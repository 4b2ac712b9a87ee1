"""A product on both sides: what is sent, who archived it, and which Stripe product it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sync.crm import CrmProduct
from sync.desired.catalog import desire_catalogue
from sync.desired.compared_fields import archived_prices, product_unlike
from sync.desired.keys import ARCHIVED, DEAL, KEY, PRODUCT
from sync.desired.product import desire_product
from sync.desired.sellable import check_products
from sync.diff import diff
from sync.facts import Item, Price, Product, Subscription
from sync.observed import observe
from sync.plan import Plan
from sync.ports import NewLink
from sync.run.catalogued import adopted_id
from tests.sync.deal.factory import SEATS, SEATS_ID, a_deal, a_graph

OWN = f"tandem_{SEATS_ID}"


def sold(**changes: Any) -> CrmProduct:
    """The product as the mappings read it."""
    one = replace(SEATS, **changes)
    sent = {"name": one.name, "active": one.is_active, "description": one.description, "tax_code": one.tax_code}
    return replace(one, sent=tuple((f"product.{k}", v) for k, v in sent.items()) + one.sent)


def in_stripe(**changes: Any) -> Product:
    """The product as a deal made it."""
    return Product(**{"id": OWN, "name": "Pro", "metadata": {KEY: OWN, PRODUCT: SEATS_ID}, **changes})


def plan(product: CrmProduct, found: Product) -> Plan:
    """What a run of this product would write."""
    wanted = desire_product(product, found)
    return diff([wanted], {wanted.ref: observe(found)})


def payload(product: CrmProduct, found: Product) -> dict[str, Any]:
    """What the one update would send."""
    [operation] = plan(product, found).operations
    return dict(operation.payload)


def test_what_a_deal_makes_is_what_the_products_own_run_wants() -> None:
    label = ("product.metadata.family", "Seats")
    one = sold(description="A seat", tax_code="txcd_10000000", sent=(label,))
    [made] = [w for w in desire_catalogue(a_deal(products=(one,))) if w.ref.kind == "product"]
    fields = {k: v for k, v in made.create.items() if k != "metadata"}
    assert made.create["metadata"] == {KEY: OWN, PRODUCT: SEATS_ID, "family": "Seats"}
    assert not plan(one, Product.model_validate({**fields, "metadata": made.create["metadata"]}))
    # A deal that runs changes nothing of a product that is there.
    assert not diff([made], {made.ref: observe(in_stripe(name="Renamed since", active=False))})


def test_a_rename_is_one_update_and_blanks_are_cleared_but_for_the_tax_code() -> None:
    assert payload(sold(name="Pro Plus"), in_stripe()) == {"name": "Pro Plus"}
    found = in_stripe(description="Old", tax_code="txcd_10000000")
    assert payload(sold(), found) == {"description": ""}
    labelled = in_stripe(metadata={KEY: OWN, PRODUCT: SEATS_ID, "family": "Seats", "finance": "keeps"})
    cleared = payload(sold(sent=(("product.metadata.family", None),)), labelled)
    assert cleared["metadata"] == {KEY: OWN, PRODUCT: SEATS_ID, "family": "", ARCHIVED: ""}


def test_only_what_was_archived_because_of_the_crm_is_made_active_by_it_again() -> None:
    off, on = sold(is_active=False), sold()
    archived = payload(off, in_stripe())
    assert (archived["active"], archived["metadata"][ARCHIVED]) == (False, "salesforce")
    by_us = in_stripe(active=False, metadata={KEY: OWN, PRODUCT: SEATS_ID, ARCHIVED: "salesforce"})
    assert not plan(off, by_us)
    again = payload(on, by_us)
    assert (again["active"], again["metadata"][ARCHIVED]) == (True, "")
    by_hand = in_stripe(active=False)
    assert not plan(on, by_hand)
    assert not plan(off, by_hand)


@pytest.mark.parametrize(
    ("written", "linked", "adopted"),
    [
        (None, None, None),
        ("prod_1", None, "prod_1"),
        (" prod_1 ", None, "prod_1"),
        (OWN, None, None),
        ("tandem_01tOTHER", None, None),  # as cloning leaves it
        ("prod_1", "prod_2", "prod_2"),
        ("prod_1", OWN, None),
    ],
)
def test_a_link_stands_above_what_is_written_and_a_copy_says_nothing(
    written: str | None, linked: str | None, adopted: str | None
) -> None:
    link = NewLink(f"product:{linked}", SEATS_ID, "product", linked, livemode=False) if linked else None
    assert adopted_id(replace(SEATS, stripe_product_id=written), link) == adopted


def test_an_adopted_product_is_marked_and_its_prices_are_its_own() -> None:
    deal = a_deal(products=(sold(adopted="prod_1"),))
    product, price = (w for w in desire_catalogue(deal) if w.ref.kind in ("product", "price"))
    [operation] = diff([product], {product.ref: observe(Product(id="prod_1", name="Legacy"))}).operations
    assert operation.payload == {"metadata": {KEY: "prod_1", PRODUCT: SEATS_ID}}
    own = next(w for w in desire_catalogue(a_deal(products=(sold(),))) if w.ref.kind == "price")
    assert price.ref != own.ref


@pytest.mark.parametrize(
    ("adopted", "found", "holders", "said"),
    [
        (None, in_stripe(), {}, None),
        (None, None, {}, None),
        (None, in_stripe(active=False), {}, "was archived in Stripe"),
        (None, in_stripe(active=False, metadata={ARCHIVED: "salesforce"}), {}, "in a moment"),
        ("prod_1", Product(id="prod_1"), {}, None),
        ("prod_1", Product(id="prod_1", metadata={PRODUCT: SEATS_ID}), {"prod_1": SEATS_ID}, None),
        ("prod_1", Product(id="prod_1", active=False), {}, "was archived in Stripe"),
        ("prod_1", None, {}, "no product of this Stripe account"),
        ("prod_1", None, {"prod_1": SEATS_ID}, "not in this Stripe account any more"),
        ("prod_1", Product(id="prod_1", metadata={PRODUCT: "01tB"}), {}, "belongs to product 01tB"),
        ("prod_1", Product(id="prod_1"), {"prod_1": "01tB"}, "belongs to product 01tB"),
    ],
)
def test_what_stripe_cannot_sell_is_refused_in_words(
    adopted: str | None, found: Product | None, holders: dict[str, str], said: str | None
) -> None:
    graph = replace(a_graph(), products={SEATS_ID: sold(adopted=adopted)})
    refusals = check_products(graph, [found] if found else [], holders)
    if said is None:
        assert refusals == ()
        return
    [refusal] = refusals
    assert (refusal.code, refusal.record_id) == ("CONF-301", SEATS_ID)
    assert said in refusal.message
    assert {SEATS_ID, found.id if found else adopted or ""} <= set(refusal.blocked_on)


def test_of_two_products_of_a_quote_that_name_one_of_stripes_only_one_gets_it() -> None:
    graph = a_graph()
    other = replace(sold(adopted="prod_1"), id="01t000000000002AAA", name="Other")
    second = replace(graph.lines[0], id="line-2", product_id=other.id)
    both = {SEATS_ID: sold(adopted="prod_1"), other.id: other}
    named = replace(graph, lines=(*graph.lines, second), products=both)
    first, last = sorted(both)
    for holders, refused, owner in (({}, last, first), ({"prod_1": last}, first, last)):
        [refusal] = check_products(named, [Product(id="prod_1")], holders)
        assert (refusal.code, refusal.record_id) == ("CONF-301", refused)
        assert f"belongs to product {owner}" in refusal.message


def test_a_comparison_names_each_key_and_leaves_what_was_archived_by_hand_to_a_person() -> None:
    one = sold(sent=(("product.metadata.family", "Seats"),))
    found = in_stripe(name="Chair", active=False, metadata={KEY: OWN, PRODUCT: SEATS_ID, "family": "Chairs"})
    assert [(d.field, d.expected, d.actual, str(d.cure)) for d in product_unlike(one, found)] == [
        ("name", "Pro", "Chair", "safe"),
        ("metadata.family", "Seats", "Chairs", "safe"),
        ("active", "true (Product2.IsActive)", "archived in Stripe", "person"),
    ]
    assert product_unlike(sold(is_active=False), in_stripe(active=False)) == []
    stale = product_unlike(sold(is_active=False), in_stripe())
    assert ("active", "false", "true", "safe") in [(d.field, d.expected, d.actual, str(d.cure)) for d in stale]


def test_only_a_price_that_something_live_runs_on_is_told_when_it_is_archived() -> None:
    price = Price(id="price_1", lookup_key="tdm_1", active=False)
    item = Item(id="si_1", price=price.model_copy(update={"active": True}))
    live = Subscription(id="sub_1", status="active", metadata={DEAL: "0Q0A"}, items=(item, item))
    [told] = archived_prices("001A", [live], {"price_1": price})
    assert (told.subject, told.record, str(told.cure)) == ("quote:0Q0A", "price_1", "person")
    over = live.model_copy(update={"status": "canceled"})
    selfserve = live.model_copy(update={"metadata": {}})
    assert archived_prices("001A", [over, selfserve], {"price_1": price}) == []
    assert archived_prices("001A", [live], {}) == []
