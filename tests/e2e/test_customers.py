"""Who the customer is: found before made, asked about when it is not plain (BILLING_RULES 5)."""

from __future__ import annotations

from typing import Any

import pytest

from sync.gateways.stripe_client import StripeAccount
from sync.records import Operation, Sent
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, work_in_parallel

pytestmark = pytest.mark.long


HEADER: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_known_customer_of_the_same_company_is_used(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    known = _customer(world, "Acme Ltd")

    quote = _sign(world)
    settled(tandem)

    assert [c["id"] for c in world.stripe.all("customers")] == [known]
    assert world.crm.row("Account", "Stripe_Customer_Id__c")["Stripe_Customer_Id__c"] == known
    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    assert known in quote_row(world, quote)["Billing_Preview__c"]
    changes_nothing(tandem)


def test_two_customers_of_one_address_are_a_question_that_people_answer(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    known = [_customer(world, "Acme Ltd"), _customer(world, "Acme Holding")]

    quote = _sign(world)
    done = tandem.drain()

    assert [code for _, code, _ in done.failed] == ["DATA-213"]
    shown = quote_row(world, quote)
    for one in known:
        assert one in shown["Billing_Message__c"]
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)

    world.crm.change("Quote", quote, Customer_Choice__c=known[1])
    settled(tandem)

    assert len(world.stripe.all("customers")) == 2
    [schedule] = world.stripe.all("subscription_schedules")
    assert schedule["customer"] == known[1]
    changes_nothing(tandem)


def test_customer_of_another_company_is_a_question_answered_with_new(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    known = _customer(world, "Somebody Else")
    quote = _sign(world)
    assert [code for _, code, _ in tandem.drain().failed] == ["DATA-213"]
    assert world.writes(system="stripe") == []

    world.crm.change("Quote", quote, Customer_Choice__c="New")
    settled(tandem)

    assert len(world.stripe.all("customers")) == 2
    [schedule] = world.stripe.all("subscription_schedules")
    assert schedule["customer"] != known
    changes_nothing(tandem)


def test_live_subscription_in_another_currency_refuses_the_deal(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    euros = world.crm.product("Euro seat", currencies=["EUR"])
    account = world.crm.create("Account", Name="Acme Ltd", Billing_Email__c="ap@acme.example")
    sell(world.crm, [(euros, 1, "10.00", {})], account=account, currency="EUR", **HEADER)
    settled(tandem)
    before = world.mark()

    quote = _sign(world, account)
    done = tandem.drain()

    assert [code for _, code, _ in done.failed] == ["DATA-203"]
    message = quote_row(world, quote)["Billing_Message__c"]
    assert "EUR" in message
    assert "USD" in message
    assert world.writes(before, "stripe") == []


def test_many_quotes_of_few_accounts_by_three_workers_make_one_of_everything(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    quotes = []
    for name in ("Alder", "Beech"):
        account = world.crm.create("Account", Name=name, Billing_Email__c=f"ap@{name.lower()}.example")
        quotes += [sell(world.crm, [(seat, n, "10.00", {})], account=account, **HEADER) for n in (1, 2, 3)]
    workers = [tandem, tandem.again(), tandem.again()]
    for worker in workers:
        worker.services.pipeline.poll()

    work_in_parallel(*workers)
    settled(tandem)

    assert len(world.stripe.all("customers")) == 2
    assert len(world.stripe.all("subscription_schedules")) == len(quotes)
    assert len(world.stripe.all("products")) == len(world.stripe.all("prices")) == 1
    assert {quote_row(world, q)["Billing_Status__c"] for q in quotes} == {"Scheduled"}
    assert len(world.crm.rows("Billing_Subscription__c", "Id")) == len(quotes)
    changes_nothing(tandem)


def _customer(world: World, name: str) -> str:
    return str(world.stripe.post("customers", name=name, email="ap@acme.example")["id"])


def _sign(world: World, account: str | None = None) -> str:
    seat = world.crm.product("Seat", currencies=["USD"])
    return sell(world.crm, [(seat, 2, "10.00", {})], account=account, **HEADER)


def test_a_customer_whose_id_was_typed_on_another_account_is_asked_about(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    known = _customer(world, "Acme Ltd")
    holder = world.crm.create("Account", Name="Acme Holding", Stripe_Customer_Id__c=known)

    quote = _sign(world)
    assert [code for _, code, _ in tandem.drain().failed] == ["DATA-213"]
    assert world.writes(system="stripe") == []
    assert holder in quote_row(world, quote)["Billing_Message__c"]

    world.crm.change("Account", holder, Stripe_Customer_Id__c=None)
    settled(tandem)
    [schedule] = world.stripe.all("subscription_schedules")
    assert schedule["customer"] == known
    changes_nothing(tandem)


def test_an_account_merged_while_its_question_waits_is_asked_about_as_the_winner(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    known = [_customer(world, "Acme Ltd"), _customer(world, "Acme Holding")]
    quote = _sign(world)
    assert [code for _, code, _ in tandem.drain().failed] == ["DATA-213"]
    loser = world.crm.row("Quote", "AccountId", f"Id = '{quote}'")["AccountId"]
    winner = world.crm.create("Account", Name="Acme Group", Billing_Email__c="ap@acme.example")

    world.switch("merge", master=winner, losers=[loser])
    assert [code for _, code, _ in tandem.drain().failed] == ["DATA-213"]
    assert "Acme Group" in quote_row(world, quote)["Billing_Message__c"]
    assert world.writes(system="stripe") == []

    world.crm.change("Quote", quote, Customer_Choice__c=known[0])
    settled(tandem)
    [schedule] = world.stripe.all("subscription_schedules")
    assert (schedule["customer"], len(world.stripe.all("customers"))) == (known[0], 2)
    shown = {a["Id"]: a["Stripe_Customer_Id__c"] for a in world.crm.rows("Account", "Id Stripe_Customer_Id__c")}
    assert shown == {winner: known[0]}
    changes_nothing(tandem)


def test_a_customer_deleted_between_being_found_and_being_linked_is_nobody(
    world: World, tandem: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.at("2026-02-10")
    found = _customer(world, "Acme Ltd")
    send = StripeAccount.send
    gone: list[str] = []

    def deleted_before(self: StripeAccount, operation: Operation, payload: Any, key: str) -> Sent:
        if operation.ref.kind == "customer" and not gone:
            gone.append(found)
            assert world.stripe._http.delete(f"{world.stripe._base}/v1/customers/{found}").status_code == 200
        return send(self, operation, payload, key)

    monkeypatch.setattr(StripeAccount, "send", deleted_before)
    quote = _sign(world)
    settled(tandem)

    [customer] = world.stripe.all("customers")
    assert customer["id"] != found
    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    changes_nothing(tandem)


def test_a_customer_deleted_between_two_writes_of_its_deal_is_made_anew_and_billed_once(
    world: World, tandem: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.at("2026-02-10")
    send = StripeAccount.send
    gone: list[str] = []

    def deleted_before(self: StripeAccount, operation: Operation, payload: Any, key: str) -> Sent:
        if operation.ref.kind == "schedule" and not gone:
            gone.append(world.stripe.all("customers")[0]["id"])
            assert world.stripe._http.delete(f"{world.stripe._base}/v1/customers/{gone[0]}").status_code == 200
        return send(self, operation, payload, key)

    monkeypatch.setattr(StripeAccount, "send", deleted_before)
    quote = _sign(world)
    settled(tandem)
    assert gone
    [customer] = world.stripe.all("customers")
    [schedule] = world.stripe.all("subscription_schedules")
    assert schedule["customer"] == customer["id"] != gone[0]
    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    changes_nothing(tandem)
