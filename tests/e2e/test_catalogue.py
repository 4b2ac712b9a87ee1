"""Products on both sides: renamed, archived, adopted; what is sold goes on as it was signed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.mapping import builtin
from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, writes_of

TERMS = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_a_product_is_renamed_and_archived_by_salesforce_while_its_deal_runs_on(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    book.sell("acme", [(seat, 10, "10.00", {})], **TERMS)
    book.live("2026-01-10T10:00")
    stripe_id = f"tandem_{seat['id']}"

    world.crm.change("Product2", seat["id"], Name="Seat Plus", Description="One person")
    wrote = writes_of(world, lambda: settled(tandem))
    assert wrote == [f"stripe POST /v1/products/{stripe_id}"]
    assert (product(world, stripe_id)["name"], product(world, stripe_id)["description"]) == ("Seat Plus", "One person")

    # Sold no longer: it is archived, and what runs bills on.
    world.crm.change("Product2", seat["id"], IsActive=False, Description=None)
    assert writes_of(world, lambda: settled(tandem)) == [f"stripe POST /v1/products/{stripe_id}"]
    assert (product(world, stripe_id)["active"], product(world, stripe_id)["description"]) == (False, None)
    book.live("2026-02-01")
    assert book.billed("acme") == [("2026-02-01", 10_000)]
    changes_nothing(tandem)

    # Sold again: active again, since it was Salesforce that archived it.
    world.crm.change("Product2", seat["id"], IsActive=True)
    settled(tandem)
    assert product(world, stripe_id)["active"] is True

    # Archived by somebody in Stripe: that stands, and a quote that sells it is refused in words, before any write.
    world.stripe.post(f"products/{stripe_id}", active="false")
    settled(tandem)
    assert product(world, stripe_id)["active"] is False
    quote = book.sell("birch", [(seat, 1, "10.00", {})], **TERMS | {"Start_Date__c": "2026-03-01"})
    before = world.mark()
    tandem.drain()
    assert quote_row(world, quote)["Billing_Code__c"] == "CONF-301"
    assert "was archived in Stripe" in quote_row(world, quote)["Billing_Message__c"]
    assert world.writes(before, "stripe") == []
    world.stripe.post(f"products/{stripe_id}", active="true")
    settled(tandem)
    assert book.status("birch" and quote) == "Scheduled"
    changes_nothing(tandem)


@pytest.mark.long
def test_a_product_that_stripe_has_already_is_taken_by_its_id_and_never_a_second_one_made(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    old = world.stripe.post("products", name="Legacy seat", description="From before")["id"]
    gone, seat, twin = (book.product(name) for name in ("Gone", "Seat", "Twin"))
    for one, id_ in ((gone, "prod_nowhere"), (seat, old), (twin, f"tandem_{gone['id']}")):
        world.crm.change("Product2", one["id"], Stripe_Product_Id__c=id_)

    book.sell("acme", [(seat, 10, "10.00", {})], **TERMS)
    book.sell("birch", [(twin, 1, "10.00", {})], **TERMS)
    refused = book.sell("cedar", [(gone, 1, "10.00", {})], **TERMS)
    world.at("2026-01-10T10:00")
    tandem.drain()
    settled_row = quote_row(world, refused)
    assert (settled_row["Billing_Status__c"], settled_row["Billing_Code__c"]) == ("Needs Attention", "CONF-301")
    assert "no product of this Stripe account" in settled_row["Billing_Message__c"]

    # The one it names is the one that is sold; an id copied by cloning says nothing.
    assert {p["id"] for p in world.stripe.all("products")} == {old, f"tandem_{twin['id']}"}
    adopted = product(world, old)
    assert (adopted["name"], adopted["metadata"]["salesforce_product_id"]) == ("Seat", seat["id"])
    assert {p["product"] for p in world.stripe.all("prices")} == {old, f"tandem_{twin['id']}"}
    shown = world.crm.row("Product2", "Stripe_Product_Id__c", f"Id = '{twin['id']}'")["Stripe_Product_Id__c"]
    assert shown == f"tandem_{twin['id']}"

    # Another Product2 can't have it too; cleared, it gets one of its own, and the deal goes on by itself.
    world.crm.change("Product2", gone["id"], Stripe_Product_Id__c=old)
    tandem.drain()
    assert f"belongs to product {seat['id']}" in quote_row(world, refused)["Billing_Message__c"]
    world.crm.change("Product2", gone["id"], Stripe_Product_Id__c=None)
    settled(tandem)
    assert book.status(refused) == "Scheduled"
    book.change("acme", [(seat, 1, "12.00", {})], Start_Date__c="2026-03-01")
    settled(tandem)
    assert len(world.stripe.all("products")) == 3
    changes_nothing(tandem)


def test_prices_that_somebody_made_under_our_names_are_never_billed_and_mending_them_is_enough(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    use = book.by_use("resolution", [(100, "0", None), (None, "0.79", None)])
    # A product that names the Product2 in its metadata is the one that is sold.
    named = world.stripe.post("products", form={"name": "Old", "metadata[salesforce_product_id]": use["id"]})["id"]
    settled(tandem)
    book.sell("acme", [(use, 1, "0", {})], **TERMS)
    settled(tandem)
    [ours] = world.stripe.all("prices")
    assert (ours["product"], {p["id"] for p in world.stripe.all("products")}) == (named, {named})
    assert world.crm.row("Product2", "Stripe_Product_Id__c", f"Id = '{use['id']}'")["Stripe_Product_Id__c"] == named

    # Another price takes the name of ours, with another second step.
    world.stripe.post(f"prices/{ours['id']}", lookup_key="")
    theirs = world.stripe.post("prices", form=OTHER_STEPS | {
        "product": named, "lookup_key": ours["lookup_key"], "recurring[meter]": ours["recurring"]["meter"],
    })  # fmt: skip
    quote = book.sell("birch", [(use, 1, "0", {})], **TERMS)
    before = world.mark()
    tandem.drain()
    row = quote_row(world, quote)
    assert (row["Billing_Code__c"], world.writes(before, "stripe")) == ("BUG-503", [])
    assert f"price {theirs['id']}, tiers" in row["Billing_Message__c"]
    world.stripe.post(f"prices/{theirs['id']}", active="false")
    settled(tandem)
    assert book.status(quote) == "Scheduled"
    [made] = [p for p in world.stripe.all("prices") if p["id"] not in (ours["id"], theirs["id"])]
    assert (made["lookup_key"], made["active"]) == (ours["lookup_key"], True)

    # What ran on ours before it lost its name runs on it, is changed on it, and differs from nothing.
    other = book.by_use("call", [(None, "0.10", None)])
    book.change("acme", [(other, 1, "0", {})], Start_Date__c="2026-04-01", Billing_Frequency__c="Monthly")
    settled(tandem)
    assert tandem.services.pipeline.nightly.sweep.run("found", heal=False).left == []
    acme = world.stripe.all("subscription_schedules", customer=book.customer("acme"))
    phases = [[item["price"] for item in phase["items"]] for schedule in acme for phase in schedule["phases"]]
    assert {prices[0] for prices in phases} == {ours["id"]}
    assert len(phases) == 2
    changes_nothing(tandem)


@pytest.mark.long
def test_a_coupon_or_meter_of_our_name_that_does_something_else_is_refused_before_any_write(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    seat, gauge = book.product("Seat"), book.by_use("stored", [(None, "0.79", None)])
    chair = world.stripe.post("products", name="Chair")["id"]
    for name, limit in (("15", {"applies_to[products][0]": chair}), ("17", {"max_redemptions": 1})):
        form = {"id": f"tdm-pct-{name}", "percent_off": name, "duration": "forever", **limit}
        world.stripe.post("coupons", form=form)
    keeps_last = {"display_name": "S", "event_name": "stored", "default_aggregation[formula]": "last"}
    meter = world.stripe.post("billing/meters", form=keeps_last)["id"]
    before = world.mark()
    quotes = {
        "applies_to": book.sell("acme", [(seat, 10, "10.00", {"Discount": 15})], **TERMS),
        "max_redemptions": book.sell("birch", [(seat, 10, "10.00", {"Discount": 17})], **TERMS),
        "counts is the last value alone": book.sell("cedar", [(gauge, 1, "0", {})], **TERMS),
    }
    tandem.drain()
    for said, quote in quotes.items():
        row = quote_row(world, quote)
        assert (row["Billing_Status__c"], row["Billing_Code__c"]) == ("With Billing Team", "BUG-503")
        assert said in row["Billing_Message__c"]
    assert world.writes(before, "stripe") == []

    for name in ("15", "17"):
        world.stripe._http.delete(f"{world.stripe._base}/v1/coupons/tdm-pct-{name}").raise_for_status()
    world.stripe.post(f"billing/meters/{meter}/deactivate")
    world.stripe.post("billing/meters", form={**keeps_last, "default_aggregation[formula]": "count"})
    settled(tandem)
    assert {book.status(quote) for quote in quotes.values()} == {"Scheduled"}
    book.live("2026-02-01")
    assert [book.billed(who) for who in ("acme", "birch")] == [[("2026-02-01", 8_500)], [("2026-02-01", 8_300)]]
    changes_nothing(tandem)


OTHER_STEPS = {
    "currency": "usd", "billing_scheme": "tiered", "tiers_mode": "graduated", "recurring[interval]": "month",
    "recurring[usage_type]": "metered", "tiers[0][up_to]": 100, "tiers[0][unit_amount]": 0,
    "tiers[1][up_to]": "inf", "tiers[1][unit_amount]": 80,
}  # fmt: skip


STRIPES = {
    "{as: name, type: text, owner: crm, input: true, to: product.name}": "{as: name, type: text, owner: stripe, from: product.name}",
    "{as: is_active, type: boolean, owner: crm, input: true, to: product.active}": (
        "{as: is_active, type: boolean, owner: stripe, from: product.active}"
    ),
}


@pytest.mark.long
def test_where_the_mappings_give_names_to_stripe_they_come_from_there(
    world: World, make_tandem: Callable[..., Tandem], tmp_path: Path
) -> None:
    text = (builtin() / "product2.yaml").read_text(encoding="utf-8")
    for ours, theirs in STRIPES.items():
        assert ours in text
        text = text.replace(ours, theirs)
    text += "  Family: {type: picklist, owner: crm, to: product.metadata.family}\n"
    (tmp_path / "product2.yaml").write_text(text, encoding="utf-8")
    tandem = make_tandem(tandem_mappings=tmp_path)
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    book.sell("acme", [(seat, 10, "10.00", {})], **TERMS)
    book.live("2026-01-10T10:00")
    stripe_id = f"tandem_{seat['id']}"

    world.stripe.post(f"products/{stripe_id}", name="Seat as finance calls it", active="false")
    settled(tandem)
    row = world.crm.row("Product2", "Name IsActive Stripe_Product_Id__c", f"Id = '{seat['id']}'")
    assert (row["Name"], row["IsActive"], row["Stripe_Product_Id__c"]) == ("Seat as finance calls it", False, stripe_id)
    # A name typed over in Salesforce is not sent.
    world.crm.change("Product2", seat["id"], Name="Typed over", Description="Sent")
    settled(tandem)
    assert product(world, stripe_id)["name"] == "Seat as finance calls it"
    assert product(world, stripe_id)["description"] == "Sent"
    changes_nothing(tandem)


@pytest.mark.long
def test_a_comparison_tells_what_was_changed_in_stripe_puts_ours_right_and_asks_about_the_rest(
    world: World, make_tandem: Callable[..., Tandem], tmp_path: Path
) -> None:
    text = (builtin() / "account.yaml").read_text(encoding="utf-8")
    line = "  Industry: {type: picklist, owner: crm, to: customer.metadata.industry}\n"
    (tmp_path / "account.yaml").write_text(text + line, encoding="utf-8")
    tandem = make_tandem(tandem_mappings=tmp_path)
    sweep = tandem.services.pipeline.nightly.sweep
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    quote = book.sell("acme", [(seat, 10, "10.00", {})], **TERMS)
    book.live("2026-01-10T10:00", "2026-02-01")
    world.crm.change("Account", book.accounts["acme"], Industry="Energy")
    settled(tandem)
    assert sweep.run("before", heal=False).left == []

    stripe_id, [price] = f"tandem_{seat['id']}", world.stripe.all("prices")
    world.stripe.post(f"products/{stripe_id}", name="Chair", active="false")
    world.stripe.post(f"customers/{book.customer('acme')}", form={"metadata[industry]": "Mining"})
    world.stripe.post(f"prices/{price['id']}", active="false")
    world.crm.change("Product2", seat["id"], Stripe_Product_Id__c="prod_typed_over")
    report = sweep.run("found", heal=False)
    assert sorted((str(d.kind), d.record, d.field, d.expected, d.actual) for d in report.left) == [
        ("archived in Stripe", price["id"], "active", "active", "archived in Stripe"),
        ("archived in Stripe", stripe_id, "active", "true (Product2.IsActive)", "archived in Stripe"),
        ("field unlike in Stripe", book.customer("acme"), "metadata.industry", "Energy", "Mining"),
        ("field unlike in Stripe", stripe_id, "name", "Seat", "Chair"),
        ("overwritten in Salesforce", f"Product2 {seat['id']}", "Stripe_Product_Id__c", stripe_id, "prod_typed_over"),
    ]
    assert {d.subject for d in report.left if d.cure == "person"} == {f"quote:{quote}", f"product:{seat['id']}"}

    assert len(sweep.run("healed", heal=True).healed) == 3
    settled(tandem)
    assert (product(world, stripe_id)["name"], product(world, stripe_id)["active"]) == ("Seat", False)
    shown = world.crm.row("Product2", "Stripe_Product_Id__c", f"Id = '{seat['id']}'")["Stripe_Product_Id__c"]
    assert shown == stripe_id
    assert {str(d.kind) for d in sweep.run("after", heal=True).left} == {"archived in Stripe"}
    changes_nothing(tandem)


def product(world: World, id_: str) -> dict[str, Any]:
    """The product in Stripe."""
    [found] = [p for p in world.stripe.all("products") if p["id"] == id_]
    return dict(found)
