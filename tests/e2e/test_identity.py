"""What becomes of a payer: Accounts that are merged, and customers that are deleted in Stripe (BILLING_RULES 5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sync.cli.rehearsal import rehearse
from sync.run.payers import PayerGone
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import change, draft_change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


HEADER: dict[str, Any] = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def account(world: World, name: str, **fields: Any) -> str:
    return world.crm.create("Account", Name=name, Billing_Email__c=f"ap@{name.lower()}.example", **fields)


def customer_of(world: World, account_id: str) -> str | None:
    row = world.crm.row("Account", "Stripe_Customer_Id__c", f"Id = '{account_id}'")
    return str(row["Stripe_Customer_Id__c"]) if row["Stripe_Customer_Id__c"] else None


def test_what_a_merged_account_had_is_the_winners_and_its_deal_goes_on(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    loser, winner = account(world, "Birch"), account(world, "Alder")
    deal = sell(world.crm, [(seat, 2, "10.00", {})], account=loser, **HEADER)
    settled(tandem)
    world.at("2026-02-01T02:00")
    settled(tandem)
    customer = customer_of(world, loser)
    assert customer

    world.switch("merge", master=winner, losers=[loser])
    world.at("2026-03-01T02:00")
    settled(tandem)

    assert customer_of(world, winner) == customer
    [known] = world.stripe.all("customers")
    assert known["metadata"]["salesforce_account_id"] == known["metadata"]["tandem_key"] == winner
    rows = [
        *world.crm.rows("Billing_Subscription__c", "Account__c"),
        *world.crm.rows("Billing_Invoice__c", "Account__c"),
    ]
    assert [row["Account__c"] for row in rows] == [winner] * 3
    assert (quote_row(world, deal)["Billing_Status__c"], quote_row(world, deal)["Billing_Code__c"]) == ("Live", None)
    assert tandem.services.outbox.failed_rows() == []
    changes_nothing(tandem)

    change(world.crm, deal, [(seat, 1, "10.00", {})], Start_Date__c="2026-04-01", Proration_Policy__c="None")
    fresh = sell(world.crm, [(seat, 5, "10.00", {})], account=winner, **{**HEADER, "Start_Date__c": "2026-04-01"})
    settled(tandem)
    assert len(world.stripe.all("customers")) == 1
    assert {s["customer"] for s in world.stripe.all("subscription_schedules")} == {customer}
    assert quote_row(world, fresh)["Billing_Status__c"] == "Scheduled"
    world.at("2026-04-01T02:00")
    settled(tandem)
    assert sorted(i["total"] for i in world.stripe.all("invoices")) == [2000, 2000, 3000, 5000]
    changes_nothing(tandem)


def test_two_live_payers_after_a_merge_go_on_apart_until_somebody_says_who_pays(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    loser, winner = account(world, "Birch"), account(world, "Alder")
    old, kept = (sell(world.crm, [(seat, 2, "10.00", {})], account=a, **HEADER) for a in (loser, winner))
    settled(tandem)
    of_loser, of_winner = customer_of(world, loser), customer_of(world, winner)

    world.switch("merge", master=winner, losers=[loser])
    done = tandem.drain()

    assert [(key, code) for key, code, _ in done.failed] == [(f"payer:{loser}", "DATA-214")]
    assert done.failed[0][2].startswith("Birch was merged into Alder; both have live billing.")
    change(world.crm, old, [(seat, 1, "10.00", {})], Start_Date__c="2026-03-01", Proration_Policy__c="None")
    fresh = sell(world.crm, [(seat, 7, "10.00", {})], account=winner, **HEADER)
    assert {key for key, _, _ in tandem.drain().failed} == {f"payer:{loser}", f"quote:{fresh}"}
    assert quote_row(world, fresh)["Billing_Code__c"] == "DATA-214"
    for words in (of_loser, of_winner, "Customer_Choice__c"):
        assert str(words) in quote_row(world, fresh)["Billing_Message__c"]
    by_customer = {s["metadata"]["tandem_deal"]: s["customer"] for s in world.stripe.all("subscription_schedules")}
    assert by_customer == {old: of_loser, kept: of_winner}
    assert customer_of(world, winner) == of_winner
    [waits] = _differences(tandem)
    assert waits.endswith("nothing in Stripe: waits: DATA-214")
    summary = world.crm.row("Account", "Billing_Health__c Contracted_MRR__c", f"Id = '{winner}'")
    assert (summary["Billing_Health__c"], summary["Contracted_MRR__c"]) == ("Under Review", Decimal("20.00"))

    world.crm.change("Quote", fresh, Customer_Choice__c=str(of_loser))
    settled(tandem)

    by_customer = {s["metadata"]["tandem_deal"]: s["customer"] for s in world.stripe.all("subscription_schedules")}
    assert by_customer == {old: of_loser, kept: of_winner, fresh: of_loser}
    assert customer_of(world, winner) == of_loser
    summary = world.crm.row("Account", "Billing_Health__c Contracted_MRR__c", f"Id = '{winner}'")
    assert (summary["Billing_Health__c"], summary["Contracted_MRR__c"]) == ("Good", Decimal("120.00"))
    assert len(world.stripe.all("customers")) == 2
    assert {row["Account__c"] for row in world.crm.rows("Billing_Subscription__c", "Account__c")} == {winner}
    assert _differences(tandem) == []
    world.at("2026-03-01T02:00")
    settled(tandem)
    assert sorted(i["total"] for i in world.stripe.all("invoices")) == [2000, 2000, 2000, 3000, 7000, 7000]
    changes_nothing(tandem)


def _differences(tandem: Tandem) -> list[str]:
    """What a comparison of both sides finds."""
    report = tandem.services.pipeline.nightly.sweep.run("test", heal=False)
    return [f"{d.kind}: {d.record} {d.field}: {d.expected}, not {d.actual}" for d in report.differences]


def test_a_customer_deleted_in_stripe_ends_its_deal_and_a_new_quote_gets_another(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    payer = account(world, "Birch")
    deal = sell(world.crm, [(seat, 2, "10.00", {})], account=payer, **HEADER)
    settled(tandem)
    world.at("2026-02-01T02:00")
    settled(tandem)
    gone = customer_of(world, payer)
    assert gone

    answer = world.stripe._http.delete(f"{world.stripe._base}/v1/customers/{gone}")
    assert answer.ok, answer.text
    before = world.mark()
    done = tandem.drain()

    assert {code for _, code, _ in done.failed} == {"DATA-224"}
    assert gone in quote_row(world, deal)["Billing_Message__c"]
    assert world.writes(before, "stripe") == []
    assert world.crm.row("Billing_Subscription__c", "Status__c MRR__c")["Status__c"] == "Canceled"
    assert customer_of(world, payer) is None
    assert len(world.crm.rows("Billing_Invoice__c", "Id", f"Account__c = '{payer}'")) == 1
    changes_nothing(tandem)

    fresh = sell(world.crm, [(seat, 3, "10.00", {})], account=payer, **{**HEADER, "Start_Date__c": "2026-03-01"})
    tandem.drain()

    assert quote_row(world, fresh)["Billing_Status__c"] == "Scheduled"
    [other] = world.stripe.all("customers")
    assert customer_of(world, payer) == other["id"] != gone
    assert quote_row(world, deal)["Billing_Code__c"] == "DATA-224"
    assert len(world.crm.rows("Billing_Invoice__c", "Id", f"Account__c = '{payer}'")) == 1
    changes_nothing(tandem)

    before = world.mark()
    ended = draft_change(
        world.crm, deal, kind="Cancellation", Start_Date__c="2026-02-15", Proration_Policy__c="Stripe", Credit_Policy__c="Balance",
        Billing_Request__c="Check",
    )  # fmt: skip
    tandem.drain()
    assert "10.00 USD" in quote_row(world, ended)["Billing_Preview__c"]
    assert quote_row(world, ended)["Billing_Code__c"] is None
    world.crm.accept(ended)
    tandem.drain()

    said = quote_row(world, ended)
    assert (said["Billing_Status__c"], said["Billing_Code__c"]) == ("Ended", None)
    for text in (said["Billing_Message__c"], said["Billing_Preview__c"]):
        assert gone in text
        assert "10.00 USD" in text  # of 20.00 for February the half
    made = quote_row(world, deal)
    assert (made["Billing_Status__c"], made["Billing_Code__c"]) == ("Ended", None)
    assert "10.00 USD" not in made["Billing_Message__c"]
    rehearsed = rehearse(tandem.services, [f"quote:{ended}", f"quote:{deal}"])
    assert [one.result for one in rehearsed.subjects] == ["nothing to do"] * 2
    assert world.writes(before, "stripe") == []
    again = change(world.crm, deal, kind="Cancellation", Start_Date__c="2026-02-15")
    tandem.drain()
    assert quote_row(world, again)["Billing_Code__c"] == "DATA-212"  # as of any deal that is cancelled
    changes_nothing(tandem)
    report = tandem.services.pipeline.nightly.sweep.run("gone", heal=True)
    assert [str(d.kind) for d in report.differences if deal in d.record or d.sum_minor] == []
    world.crm.change("Quote", ended, Start_Date__c="2026-02-10")
    tandem.drain()
    assert quote_row(world, ended)["Billing_Code__c"] == "DATA-221"

    # The other way round: what is cancelled from a day to come ends when its customer is deleted before.
    later = change(world.crm, fresh, kind="Cancellation", Start_Date__c="2026-06-01")
    settled_but_refused = tandem.drain()
    assert {code for _, code, _ in settled_but_refused.failed} == {"DATA-212", "DATA-221"}
    assert quote_row(world, later)["Billing_Status__c"] == "Scheduled"
    assert world.stripe._http.delete(f"{world.stripe._base}/v1/customers/{other['id']}").ok
    with pytest.raises(PayerGone) as refused:  # of the Account's two that are gone the one that billed this deal
        tandem.services.pipeline.quotes.preview(fresh)
    assert refused.value.customer == other["id"]
    tandem.drain()
    for quote in (later, fresh):
        row = quote_row(world, quote)
        assert (row["Billing_Status__c"], row["Billing_Code__c"], other["id"] in row["Billing_Message__c"]) == (
            "Ended",
            None,
            True,
        )


def test_what_was_told_of_a_merged_account_closes_under_the_winner_though_its_closing_was_on_the_way(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-01-10")
    tandem = make_tandem(owner_tasks=True)
    seat = world.crm.product("Seat", currencies=["USD"])
    loser, winner = account(world, "Birch"), account(world, "Alder")
    deal = sell(world.crm, [(seat, 2, "10.00", {})], account=loser, Days_Until_Due__c=5, **HEADER)
    settled(tandem)
    world.at("2026-02-10")
    settled(tandem)
    refused = change(world.crm, deal, [(seat, 1, "10.00", {})], Start_Date__c="2026-03-01", End_Date__c="2026-12-01")
    assert [code for _, code, _ in tandem.drain().failed] == ["DATA-205"]
    [invoice] = world.stripe.all("invoices")
    world.stripe.post(f"invoices/{invoice['id']}/pay", paid_out_of_band="true")
    pipeline = tandem.services.pipeline
    pipeline.changes.poll_stripe()
    pipeline.take_in()
    assert pipeline.run_mirror()
    assert tandem.services.outbox.waiting()[0] > 0

    world.switch("merge", master=winner, losers=[loser])
    assert [code for _, code, _ in tandem.drain().failed] == ["DATA-205"]

    fields = "Code__c Account__c Record__c Status__c"
    told = {i["Code__c"]: i for i in world.crm.rows("Billing_Issue__c", fields)}
    assert told["DATA-225"] == {
        "Code__c": "DATA-225", "Account__c": winner, "Record__c": winner, "Status__c": "Closed",
    }  # fmt: skip
    assert world.crm.row("Billing_Invoice__c", "Account__c Status__c") == {"Account__c": winner, "Status__c": "Paid"}
    assert tandem.services.outbox.failed_rows() == []
    world.crm.change("Quote", refused, End_Date__c=None)
    settled(tandem)
    assert quote_row(world, refused)["Billing_Status__c"] == "Scheduled"
    assert len(world.crm.rows("Task", "Id")) == 1
    changes_nothing(tandem)


def test_who_was_deleted_in_stripe_and_comes_back_is_the_same_accounts_and_its_deals(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    payer = account(world, "Birch", Website="birch.example")
    world.stripe.sign_up("Birch", "ap@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    gone = customer_of(world, payer)
    assert world.stripe._http.delete(f"{world.stripe._base}/v1/customers/{gone}").ok
    settled(tandem)
    assert (customer_of(world, payer), _subscriptions(world)) == (None, [("Self-Serve", "Canceled", 0)])

    back = world.stripe.sign_up("Birch Ltd", "AP@birch.example", seats=2, card="pm_card_visa")["customer"]
    settled(tandem)
    assert customer_of(world, payer) == back
    assert _subscriptions(world) == [("Self-Serve", "Canceled", 0), ("Self-Serve", "Active", 78)]
    deal = sell(world.crm, [(seat, 3, "10.00", {})], account=payer, **HEADER)
    settled(tandem)
    world.at("2026-02-01T02:00")
    settled(tandem)
    assert {s["customer"] for s in world.stripe.all("subscription_schedules")} == {back}
    assert quote_row(world, deal)["Billing_Status__c"] == "Live"
    assert _subscriptions(world) == [("Self-Serve", "Canceled", 0), ("Sales-Led", "Active", 30)]
    changes_nothing(tandem)


def _subscriptions(world: World) -> list[tuple[Any, ...]]:
    rows = world.crm.rows("Billing_Subscription__c", "Channel__c Status__c MRR__c", order="MRR__c")
    return [tuple(row.values()) for row in rows]


def test_a_pair_that_was_kept_apart_is_one_after_all_and_one_linked_elsewhere_is_nobodys_to_give(
    world: World, tandem: Tandem, tandem_command: Callable[..., Any]
) -> None:
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    mine, other = account(world, "Birch"), account(world, "Alder")
    web = world.stripe.sign_up("Somebody", "ap@birch.example", seats=3, card="pm_card_visa")["customer"]
    assert [code for _, code, _ in tandem.drain().failed] == ["DATA-213"]
    assert tandem_command("identity", "keep-apart", mine, web, "--apply")[0] == 0
    settled(tandem)
    assert customer_of(world, mine) is None

    code, said = tandem_command("identity", "link", mine, web, "--apply")
    assert (code, said["changes"][-1]) == (0, "they are kept apart no longer")
    settled(tandem)
    assert (customer_of(world, mine), _subscriptions(world)) == (web, [("Self-Serve", "Active", 117)])

    quote = sell(world.crm, [(seat, 2, "10.00", {})], account=other, Customer_Choice__c=web, **HEADER)
    assert [code for _, code, _ in tandem.drain().failed] == ["DATA-213"]
    assert f"belongs to Account {mine}" in quote_row(world, quote)["Billing_Message__c"]
    assert tandem_command("identity", "link", other, web, "--apply")[0] == 5
    world.crm.change("Quote", quote, Customer_Choice__c="new")
    settled(tandem)
    assert customer_of(world, other) not in (None, web)
    assert (customer_of(world, mine), len(world.stripe.all("customers"))) == (web, 2)
    changes_nothing(tandem)
