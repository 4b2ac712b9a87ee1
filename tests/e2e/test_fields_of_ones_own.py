"""A field is one line of the mappings: a customer's own, filled from Stripe, flows and is put right like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.mapping import builtin
from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

#: Lines of fields that the package has, filled by something else: an org of the sandbox has no others on these objects.
SHOWN = {
    "billing_invoice": ("PDF_URL__c", "invoice.footer"),
    "billing_subscription": ("Stripe_URL__c", "subscription.metadata.cost_center"),
}
OWN = "  AccountNumber: {type: text, owner: tandem, from: customer.metadata.erp_number, length: 40}\n"


def test_a_field_that_a_customer_adds_by_one_line_is_filled_from_stripe(
    world: World, make_tandem: Callable[..., Tandem], tmp_path: Path
) -> None:
    product = (builtin() / "account.yaml").read_text(encoding="utf-8")
    (tmp_path / "account.yaml").write_text(product + OWN, encoding="utf-8")
    for name, (field, source) in SHOWN.items():
        lines = (builtin() / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.strip().startswith(field)]
        kept.append(f"  {field}: {{type: text, owner: tandem, from: {source}, length: 90}}")
        (tmp_path / f"{name}.yaml").write_text("\n".join(kept), encoding="utf-8")
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
    # Text that is longer than the field is cut, and is right as it then stands.
    world.stripe.post(f"customers/{book.customer('acme')}", form={"metadata[erp_number]": "4711 " * 9})
    settled(tandem)
    assert _number(world, book) == ("4711 " * 8)[:39] + "…"
    world.stripe.post(f"customers/{book.customer('acme')}", form={"metadata[erp_number]": ""})
    settled(tandem)
    assert _number(world, book) is None

    # So are a deal's row from its subscription, and an invoice's from the invoice, as long as somebody may change it.
    book.live("2026-02-01T00:30")
    [draft], [plan] = world.stripe.all("invoices"), world.stripe.all("subscriptions")
    world.stripe.post(f"subscriptions/{plan['id']}", form={"metadata[cost_center]": "EMEA 7"})
    world.stripe.post(f"invoices/{draft['id']}", footer="Thank you " * 20)
    settled(tandem)
    footer = world.crm.row("Billing_Invoice__c", "PDF_URL__c")["PDF_URL__c"]
    assert (footer, len(footer)) == (("Thank you " * 20)[:89] + "…", 90)
    assert book.row("acme", "Stripe_URL__c") == ("EMEA 7",)
    assert tandem.services.pipeline.nightly.sweep.run("held", heal=False).left == []
    changes_nothing(tandem)


SENT = """
  Industry: {type: picklist, owner: crm, to: customer.metadata.industry}
  Phone: {type: text, owner: crm, to: customer.phone}
"""


@pytest.mark.long
def test_fields_that_a_customer_adds_are_sent_to_stripe_and_put_right_there(
    world: World, make_tandem: Callable[..., Tandem], tmp_path: Path
) -> None:
    for name, more in (
        ("account", SENT),
        ("quote", "  Description: {type: text, owner: crm, to: subscription.metadata.project}\n"),
    ):
        text = (builtin() / f"{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"{name}.yaml").write_text(text + more, encoding="utf-8")
    tandem = make_tandem(tandem_mappings=tmp_path)
    world.at("2026-01-10T09:00")
    book = Book(world, tandem)
    terms = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
    quote = book.sell("acme", [(book.product("Seat"), 10, "10.00", {})], Description="Apollo", **terms)
    account = book.accounts["acme"]
    book.live("2026-01-10T10:00")
    customer = book.customer("acme")
    assert "industry" not in _customer(world, customer)["metadata"]
    [schedule] = world.stripe.all("subscription_schedules")
    assert schedule["metadata"]["project"] == "Apollo"

    world.crm.change("Account", account, Industry="Energy", Phone="+1 555 0100")
    # A label of the deal stays as it was signed, and is no change of the contract.
    world.crm.change("Quote", quote, Description="Gemini")
    before = world.mark()
    settled(tandem)
    assert [f"{w.method} {w.path}" for w in world.writes(before, "stripe")] == [f"POST /v1/customers/{customer}"]
    found = _customer(world, customer)
    assert (found["metadata"]["industry"], found["phone"]) == ("Energy", "+1 555 0100")
    assert book.status(quote) == "Scheduled"

    # Changed in Stripe: put right when Stripe tells. Blanked in Salesforce: the key is gone.
    world.stripe.post(f"customers/{customer}", form={"metadata[industry]": "Mining", "metadata[finance]": "keeps"})
    settled(tandem)
    assert _customer(world, customer)["metadata"]["industry"] == "Energy"
    world.crm.change("Account", account, Industry=None)
    settled(tandem)
    assert "industry" not in _customer(world, customer)["metadata"]
    assert _customer(world, customer)["metadata"]["finance"] == "keeps"
    book.live("2026-02-01")
    [subscription] = world.stripe.all("subscriptions", customer=customer)
    assert subscription["metadata"]["project"] == "Apollo"
    changes_nothing(tandem)


def _customer(world: World, customer: str) -> dict[str, Any]:
    [found] = [c for c in world.stripe.all("customers") if c["id"] == customer]
    return dict(found)


def _number(world: World, book: Book) -> str | None:
    found: str | None = world.crm.row("Account", "AccountNumber", f"Id = '{book.accounts['acme']}'")["AccountNumber"]
    return found
