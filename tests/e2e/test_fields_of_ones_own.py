"""A field is one line of the mappings: a customer's own, filled from Stripe, flows and is put right like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sync.mapping import builtin
from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

OWN = "  AccountNumber: {type: text, owner: tandem, from: customer.metadata.erp_number}\n"


def test_a_field_that_a_customer_adds_by_one_line_is_filled_from_stripe(
    world: World, make_tandem: Callable[..., Tandem], tmp_path: Path
) -> None:
    product = (builtin() / "account.yaml").read_text(encoding="utf-8")
    (tmp_path / "account.yaml").write_text(product + OWN, encoding="utf-8")
    tandem = make_tandem(tandem_mappings=tmp_path)
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    terms = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    book.sell("acme", [(seat, 10, "10.00", {})], **terms)
    book.live("2026-01-10T10:00")
    # What the product is in Stripe stands on it.
    shown = world.crm.row("Product2", "Stripe_Product_Id__c", f"Id = '{seat['id']}'")["Stripe_Product_Id__c"]
    assert [p["id"] for p in world.stripe.all("products")] == [shown]

    world.stripe.post(f"customers/{book.customer('acme')}", form={"metadata[erp_number]": "4711"})
    settled(tandem)
    assert _number(world, book) == "4711"
    world.stripe.post(f"customers/{book.customer('acme')}", form={"metadata[erp_number]": ""})
    settled(tandem)
    assert _number(world, book) is None
    changes_nothing(tandem)


def _number(world: World, book: Book) -> str | None:
    found: str | None = world.crm.row("Account", "AccountNumber", f"Id = '{book.accounts['acme']}'")["AccountNumber"]
    return found
