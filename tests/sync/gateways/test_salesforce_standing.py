"""What an org holds of some Accounts' billing, under our own names, in two calls."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync.errors import Terminal
from sync.gateways import salesforce_lists
from sync.ports.standing import LEADING
from tests.sync.gateways.crm_seed import make_deal
from tests.sync.gateways.world import World


@pytest.fixture(params=["", "acme"])
def org_world(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue("namespaced_world" if request.param else "world")
    return found


def test_rows_and_signed_quotes_stand_under_their_account(org_world: World) -> None:
    world, org = org_world, org_world.org()
    deal, other = make_deal(world), make_deal(world, name="Other")
    world.change("Quote", deal.quote, Status="Accepted")
    row = world.make("Billing_Subscription__c", Account__c=deal.account, Billing_Key__c=deal.quote, Quantity__c=10)
    world.make(
        "Billing_Subscription_Item__c", Billing_Subscription__c=row, Billing_Key__c=f"{deal.quote}/p", Quantity__c=10
    )
    invoice = world.make(
        "Billing_Invoice__c", Account__c=deal.account, Billing_Key__c="in_1", Total__c=Decimal("10.00")
    )
    world.make("Billing_Payment__c", Billing_Invoice__c=invoice, Billing_Key__c="pay_1", Amount__c=Decimal("10.00"))
    world.make("Billing_Issue__c", Account__c=deal.account, Billing_Key__c="issue_1")

    found = org.standing([deal.account, other.account])

    mine = found[deal.account]
    assert {(r.sobject, r.key) for r in mine.rows} == {
        ("Account", deal.account), ("Quote", deal.quote), ("Billing_Subscription__c", deal.quote),
        ("Billing_Subscription_Item__c", f"{deal.quote}/p"), ("Billing_Invoice__c", "in_1"), ("Billing_Payment__c", "pay_1"),
        ("Billing_Issue__c", "issue_1"), ("QuoteLineItem", deal.line), ("Opportunity", deal.opportunity),
    }  # fmt: skip
    assert [(q.id, q.status, q.start_date is not None) for q in mine.quotes] == [(deal.quote, "Accepted", True)]
    payment = next(r for r in mine.rows if r.sobject == "Billing_Payment__c")
    assert (payment.parents, payment.fields["Amount__c"]) == ({"Billing_Invoice__r": "in_1"}, Decimal("10.0"))
    assert [(r.sobject, r.key) for r in found[other.account].rows] == [("Account", other.account)]
    assert found[other.account].quotes == ()  # not signed
    again = org.calls
    org.standing([deal.account])
    assert org.calls - again == 2


def test_accounts_are_led_to_by_signed_quotes_and_rows_page_by_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(salesforce_lists, "PAGE", 2)
    org = world.org()
    signed = [make_deal(world, name=f"S{n}") for n in range(3)]
    for deal in signed:
        world.change("Quote", deal.quote, Status="Accepted")
    shown = make_deal(world, name="Shown").account
    world.make("Billing_Subscription__c", Account__c=shown, Billing_Key__c="sub_1")
    world.make("Billing_Invoice__c", Account__c=shown, Billing_Key__c="in_1")
    marked = world.make("Account", Name="Marked", Stripe_Customer_Id__c="cus_1")

    found: dict[str, set[str]] = {}
    for sobject in LEADING:
        after, pages = None, 0
        while pages == 0 or after is not None:
            page = org.billed_accounts(sobject, after)
            found.setdefault(sobject, set()).update(page.account_ids)
            after, pages = page.after, pages + 1

    assert found == {
        "Account": {marked}, "Quote": {d.account for d in signed}, "Billing_Subscription__c": {shown}, "Billing_Invoice__c": {shown},
    }  # fmt: skip


def test_an_account_that_is_gone_is_absent_and_what_is_no_id_is_never_sent(world: World) -> None:
    org, deal = world.org(), make_deal(world)

    assert org.standing(["001AA0000000001"]) == {}
    assert set(org.standing([deal.account])) == {deal.account}
    with pytest.raises(Terminal):
        org.standing(["' OR Name != '"])
