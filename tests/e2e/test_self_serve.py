"""Customers who bought on the web site: who they are in the CRM, and what happens when their Account goes."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.looks import changes_nothing, settled, shown_invoices
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem


def test_an_account_of_ours_has_one_contact_and_never_a_second(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-03-05")
    world.stripe.sign_up("Ada Lovelace", "ada@birch.example", seats=5, card="pm_card_visa")
    tandem = make_tandem(self_serve_accounts="create")

    settled(tandem)

    account = world.crm.row("Account", "Id Name Billing_Email__c")
    assert (account["Name"], account["Billing_Email__c"]) == ("Ada Lovelace", "ada@birch.example")
    contact = world.crm.row("Contact", "FirstName LastName Email AccountId")
    assert contact == {
        "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@birch.example", "AccountId": account["Id"],
    }  # fmt: skip
    changes_nothing(tandem)
    assert len(world.crm.rows("Contact", "Id")) == 1


def test_rows_of_a_deleted_account_stop_with_one_code_and_follow_once_it_is_back(world: World, tandem: Tandem) -> None:
    world.at("2026-03-05")
    account = world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )
    world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    assert len(shown_invoices(world)) == 1

    world.crm.delete("Account", account)
    world.at("2026-04-05T02:00")
    tandem.drain()

    assert {code for _, code, _ in tandem.services.outbox.failed_rows()} == {"DATA-223"}
    before = world.mark()
    tandem.drain()
    assert [
        e.path for e in world.log(before) if e.by_tandem and e.method in ("POST", "PATCH") and _carries(e.params)
    ] == []

    world.switch("undelete", id=account)
    settled(tandem)

    assert [i["Status__c"] for i in shown_invoices(world)] == ["Paid", "Paid"]
    assert len(world.crm.rows("Billing_Payment__c", "Id")) == 2
    changes_nothing(tandem)


def _carries(params: object) -> bool:
    """Whether a call has rows to write."""
    parts = params.get("compositeRequest", []) if isinstance(params, dict) else []
    return any(part["method"] == "PATCH" for part in parts)
