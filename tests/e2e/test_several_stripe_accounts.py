"""Two Stripe accounts, one for Europe: every deal is billed in one of them, and the CRM shows one customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from sync.cli import run
from sync.run import listing
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, work_in_parallel
from tests.workers.pipelines import any_of
from workers.demo.actors import Stripe
from workers.schedule import Pace, Scheduler

FILE = """\
accounts: [{name: main}, {name: eu}]
routes:
  - {account: eu, when: {Account.BillingCountry: [Germany, France]}}
  - {account: eu, when: {Quote.CurrencyIsoCode: GBP}}
  - {account: main}
"""
TERMS: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


@pytest.fixture
def eu(world: World) -> Stripe:
    """The account for Europe, as its finance team uses it."""
    made = requests.post(f"{world.control_url}/stripe_accounts", json={"name": "eu"}, timeout=10).json()
    return Stripe({**world.ready, "stripe": made})


@pytest.fixture
def accounts_file(tmp_path: Path) -> Path:
    file = tmp_path / "accounts.yaml"
    file.write_text(FILE)
    return file


@pytest.fixture
def several(eu: Stripe, accounts_file: Path, make_tandem: Callable[..., Tandem]) -> Tandem:
    return make_tandem(stripe_accounts=accounts_file)


@pytest.fixture
def command(
    several: Tandem, accounts_file: Path, tandem_command_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Runs `tandem …` where ``several`` is installed."""
    monkeypatch.setenv("STRIPE_ACCOUNTS", str(accounts_file))
    return cast("Callable[..., tuple[int, dict[str, Any]]]", tandem_command_of(several))


def payer(world: World, name: str, country: str) -> str:
    email = f"ap@{name.lower()}.example"
    return world.crm.create("Account", Name=name, Billing_Email__c=email, BillingCountry=country)


def billed(stripe: Stripe) -> dict[str, list[int]]:
    """Totals of all invoices by the customer's name."""
    names = {c["id"]: c["name"] for c in stripe.all("customers")}
    found: dict[str, list[int]] = {name: [] for name in names.values()}
    for invoice in stripe.all("invoices"):
        found[names[invoice["customer"]]].append(invoice["total"])
    return {name: sorted(totals) for name, totals in found.items()}


def account_row(world: World, id_: str) -> Mapping[str, Any]:
    return world.crm.row("Account", "Stripe_Customer_Id__c MRR__c Open_Balance__c Billing_Currency__c", f"Id = '{id_}'")


def reconciled_without_a_difference(tandem: Tandem) -> None:
    """Neither account takes what shows the other for its own, or for nobody's."""
    for one in tandem.services.everywhere:
        report = one.pipeline.nightly.sweep.run("by hand", heal=True)
        assert report.finished
        assert report.differences == [], one.name
    changes_nothing(tandem)


def test_each_deal_is_billed_where_the_rules_say_and_its_changes_follow_it(
    world: World, eu: Stripe, several: Tandem
) -> None:
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD", "EUR", "GBP"])
    oak, birch = payer(world, "Oak", "Germany"), payer(world, "Birch", "United States")
    in_eu = sell(world.crm, [(seat, 10, "50.00", {})], account=oak, currency="EUR", **TERMS)
    in_us = sell(world.crm, [(seat, 4, "50.00", {})], account=birch, **TERMS)
    pounds = sell(
        world.crm, [(seat, 2, "50.00", {})], account=payer(world, "Elm", "United States"), currency="GBP", **TERMS
    )
    settled(several)
    world.at("2026-03-02")
    settled(several)

    assert billed(world.stripe) == {"Birch": [20_000]}
    assert billed(eu) == {"Oak": [50_000], "Elm": [10_000]}
    assert [quote_row(world, q)["Billing_Status__c"] for q in (in_eu, in_us, pounds)] == ["Live"] * 3
    theirs = eu.all("subscription_schedules")
    assert {s["metadata"]["salesforce_quote_id"] for s in theirs} == {in_eu, pounds}
    [customer] = [c for c in eu.all("customers") if c["name"] == "Oak"]
    assert account_row(world, oak) == {
        "Stripe_Customer_Id__c": customer["id"], "MRR__c": Decimal(500), "Open_Balance__c": Decimal(500),
        "Billing_Currency__c": "EUR",
    }  # fmt: skip

    # The Account moves; its deal stays where it began, and what changes it goes there too. A new deal goes by the rules.
    world.crm.change("Account", oak, BillingCountry="United States")
    change(world.crm, in_eu, [(seat, 5, "50.00", {})], Start_Date__c="2026-04-01")
    other = sell(
        world.crm, [(seat, 1, "30.00", {})], account=oak, currency="EUR", **{**TERMS, "Start_Date__c": "2026-04-01"}
    )
    settled(several)
    world.at("2026-04-02")
    settled(several)

    assert billed(eu)["Oak"] == [50_000, 75_000]
    assert billed(world.stripe) == {"Birch": [20_000, 20_000], "Oak": [3_000]}
    assert quote_row(world, other)["Billing_Status__c"] == "Live"
    [at_home] = [c for c in world.stripe.all("customers") if c["name"] == "Oak"]
    assert account_row(world, oak) == {
        "Stripe_Customer_Id__c": at_home["id"], "MRR__c": Decimal(780), "Open_Balance__c": Decimal(1280),
        "Billing_Currency__c": "EUR",
    }  # fmt: skip
    reconciled_without_a_difference(several)


@pytest.mark.long
def test_an_account_that_is_away_leaves_the_other_going(
    world: World, eu: Stripe, several: Tandem, accounts_file: Path, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD", "EUR"])
    settled(several)
    world.fault("stripe", "error_500", ratio=1, account="eu")
    in_eu = sell(world.crm, [(seat, 10, "50.00", {})], account=payer(world, "Oak", "Germany"), currency="EUR", **TERMS)
    in_us = sell(world.crm, [(seat, 4, "50.00", {})], account=payer(world, "Birch", "Spain"), **TERMS)

    other = make_tandem(stripe_accounts=accounts_file)
    with pytest.raises(Exception, match="TEMP-4"):
        other.drain()

    assert quote_row(world, in_us)["Billing_Status__c"] == "Scheduled"
    assert quote_row(world, in_eu)["Billing_Status__c"] != "Scheduled"
    world.clear_faults()
    settled(other)
    assert quote_row(world, in_eu)["Billing_Status__c"] == "Scheduled"
    assert len(eu.all("subscription_schedules")) == len(world.stripe.all("subscription_schedules")) == 1


# ---------------------------------------------------------------- what operators do


def test_operators_pause_move_and_compare_each_account_and_see_which(
    world: World,
    eu: Stripe,
    several: Tandem,
    command: Callable[..., tuple[int, dict[str, Any]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A pause of one account, a cohort on both, a payment that no webhook told of, and the reconcile of the night."""
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD", "EUR"], period="Year")
    oak, birch = payer(world, "Oak", "Germany"), payer(world, "Birch", "Spain")
    yearly: dict[str, Any] = {"Start_Date__c": "2025-03-01", "Auto_Renew__c": True, "Billing_Frequency__c": "Annual"}
    moved = {
        "eu": world.crm.quote("Moved", oak, "EUR", [(seat, 1, "480.00", {})], **yearly),
        "main": world.crm.quote("Moved", birch, "USD", [(seat, 1, "480.00", {})], **yearly),
    }
    currency = {"eu": "EUR", "main": "USD"}
    file = tmp_path / "c1.csv"
    rows = [f"{quote},2026-02-28,480.00,{currency[name]}" for name, quote in moved.items()]
    file.write_text("\n".join(["quote,paid_through,legacy_amount,currency", *rows]), encoding="utf-8")

    assert command("migrate", "plan", str(file), "--cohort", "C1", "--apply")[0] == 0
    for quote in moved.values():
        world.crm.accept(quote)
    settled(several)
    _, shadow = command("migrate", "shadow", "--cohort", "C1")
    assert {m["quote"]: (m["stripe_account"], m["stage"]) for m in shadow["members"]} == {
        quote: (name, "equal") for name, quote in moved.items()
    }
    assert run(["migrate", "shadow", "--cohort", "C1"]) == 0
    assert {"eu", "main"} <= set(capsys.readouterr().out.split())
    for wrong in (("--stripe-account", "asia"), ("--stripe-account", "eu", "--writes", "all")):
        assert command("pause", *wrong, "--reason", "VAT")[0] == 2
    assert command("pause", "--stripe-account", "eu", "--reason", "VAT")[0] == 0
    assert command("migrate", "cut", "--cohort", "C1", "--legacy-stopped", "--apply")[0] == 0

    held = several.again().drain()

    assert not held.clean
    assert [len(one.all("subscriptions")) for one in (world.stripe, eu)] == [1, 0]
    status = command("status")[1]
    assert status["paused"] == {"stripe:eu": "VAT"}
    assert status["stripe_accounts"]["eu"]["open"] > status["stripe_accounts"]["main"]["open"] == 0
    assert command("resume", "--writes", "stripe")[0] == 3
    code, resumed = command("resume", "--stripe-account", "eu")
    assert (code, resumed["due"]) == (0, status["stripe_accounts"]["eu"]["open"])
    settled(several.again())
    assert {quote_row(world, q)["Billing_Status__c"] for q in moved.values()} == {"Live"}
    on = {m["quote"]: m["stripe_account"] for m in command("migrate", "status")[1]["members"]}
    assert on == {quote: name for name, quote in moved.items()}
    assert command("explain", moved["eu"])[1]["stripe_account"] == "eu"
    assert command("sync", moved["eu"])[1]["subjects"][0]["stripe_account"] == "eu"
    assert command("reconcile", moved["eu"])[0] == 0
    assert command("reconcile", moved["eu"], moved["main"])[0] == 2

    # From here on a scheduler does what a drain did: it reads each account, and the night compares both.
    scheduler = Scheduler(several.services, any_of(None), Pace(), holder="test")
    scheduler.clock_timers()[0].run()
    world.at("2026-03-01T12:00")
    for stripe in (world.stripe, eu):
        [bill] = [i for i in stripe.all("invoices") if i["total"]]
        stripe.post(f"invoices/{bill['id']}/pay", paid_out_of_band="true")
    for one in several.services.pipeline.everywhere:
        assert scheduler.stripe_timers(one)[0].turn(0.0)
    work_in_parallel(several)
    invoices = world.crm.rows("Billing_Invoice__c", "Id Status__c Currency__c", "Total__c > 0")
    assert sorted((i["Status__c"], i["Currency__c"]) for i in invoices) == [("Paid", "EUR"), ("Paid", "USD")]
    for row in invoices:
        world.crm.change("Billing_Invoice__c", row["Id"], Status__c="Void")
    world.at("2026-03-02T06:00")
    assert scheduler.clock_timers()[0].turn(0.0)
    while sum(one.run_mirror("bulk") for one in several.services.pipeline.everywhere):
        several.services.pipeline.flusher.run_once()
    several.services.pipeline.flusher.run_once()

    assert {i["Status__c"] for i in world.crm.rows("Billing_Invoice__c", "Status__c", "Total__c > 0")} == {"Paid"}
    compared = {name: one["last_reconcile"] for name, one in command("status")[1]["stripe_accounts"].items()}
    assert {name: (one["found"], one["left"]) for name, one in compared.items()} == {"main": (1, 0), "eu": (1, 0)}

    # By hand: all accounts in turn; one that is away is gone on with, and what was compared is not compared again.
    for row in invoices:
        world.crm.change("Billing_Invoice__c", row["Id"], Status__c="Void")
    world.fault("stripe", "error_500", ratio=1, account="eu", match="/v1/customers")
    monkeypatch.setattr(listing, "TRIES", 2)
    code, found = command("reconcile")
    assert (code, found["totals"]["left"], found["totals"]["not_done"]) == (6, 1, ["eu"])
    world.clear_faults()
    before = found["stripe_accounts"]["main"]["started_at"]
    code, found = command("reconcile", "--resume")
    assert (code, found["totals"]["left"], found["stripe_accounts"]["main"]["started_at"]) == (7, 2, before)
    code, found = command("reconcile", "--heal=safe")
    healed = {name: (one["healed"], one["left"], one["exit"]) for name, one in found["stripe_accounts"].items()}
    assert (code, healed) == (0, {"main": (1, 0, 0), "eu": (1, 0, 0)})
    assert {i["Status__c"] for i in world.crm.rows("Billing_Invoice__c", "Status__c", "Total__c > 0")} == {"Paid"}

    # A cohort goes back from where it was cut to, and not once money moved.
    assert command("migrate", "rollback", "--cohort", "C1", "--apply")[0] == 1
    reconciled_without_a_difference(several)


@pytest.mark.long
def test_history_of_each_account_is_adopted_and_one_account_of_both_shows_their_sum(
    world: World, eu: Stripe, several: Tandem, command: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    world.at("2026-02-20")
    oak = world.crm.create(
        "Account",
        Name="Oak",
        Website="https://oak.example",
        Billing_Email__c="ap@oak.example",
        BillingCountry="Germany",
    )
    for stripe, seats in ((world.stripe, 2), (eu, 3)):
        stripe.sign_up("Oak", "ap@oak.example", seats=seats, card="pm_card_visa")
    world.at("2026-02-20T02:00")
    code, told = command("backfill")
    assert (code, [one["rows"] for one in told["stripe_accounts"].values()]) == (0, [4, 4])
    assert (told["totals"]["rows"], world.writes()) == (8, [])

    code, told = command("backfill", "--apply", "--yes")
    assert (code, told["totals"]["linked"], told["totals"]["not_done"]) == (0, 2, [])
    assert {name: (one["complete"], one["linked"]) for name, one in told["stripe_accounts"].items()} == {
        "main": (True, 1),
        "eu": (True, 1),
    }
    code, told = command("backfill", "--stripe-account", "eu", "--apply", "--yes")
    assert (code, told["stripe_account"], told["rows"]["written"]) == (0, "eu", 0)

    [customer] = eu.all("customers")
    row = account_row(world, oak)
    assert (row["Stripe_Customer_Id__c"], row["MRR__c"]) == (customer["id"], Decimal(195))
    assert len(world.crm.rows("Billing_Invoice__c", "Id", "Status__c = 'Paid'")) == 2
    [worth] = [r for r in command("explain", oak)[1]["reasons"] if r["what"] == "MRR__c"]
    assert worth["says"] == "195.00 USD"
    assert [one.partition("): ")[2] for one in worth["because"]] == [
        "78.00 USD (Stripe account main)", "117.00 USD (Stripe account eu)",
    ]  # fmt: skip
    assert settled(several).flushed == 0
    # A second customer with the e-mail, on one account: a question there, which the list shows with its candidates.
    eu.sign_up("Oak GmbH", "ap@oak.example", seats=1, card="pm_card_visa")
    several.drain()
    [question] = command("identity", "list")[1]["questions"]
    [second] = [c["id"] for c in eu.all("customers") if c["id"] != customer["id"]]
    assert (question["stripe_account"], list(question["customers"])) == ("eu", [second])
    assert command("identity", "keep-apart", oak, second, "--apply")[0] == 0
    settled(several)
    assert command("identity", "list")[1]["questions"] == []

    # What failed can be listed, rehearsed and run again for one account, or for all.
    seat = world.crm.product("Seat", currencies=["USD"])
    bad = {
        name: sell(world.crm, [(seat, "1.5", "10.00", {})], account=payer(world, name, land), **TERMS)
        for name, land in (("eu", "Germany"), ("main", "Spain"))
    }
    several.drain()
    for chosen, names in (((), {"eu", "main"}), (("--stripe-account", "eu"), {"eu"})):
        [group] = command("failures", *chosen)[1]["groups"]
        assert (set(group["subjects"]), set(group["stripe_accounts"])) == ({f"quote:{bad[n]}" for n in names}, names)
        code, rehearsed = command("replay", "--code", "DATA-207", *chosen)
        assert (code, {s["stripe_account"] for s in rehearsed["subjects"]}) == (1, names)
    assert command("replay", "--all", "--stripe-account", "eu", "--apply")[1]["marked"] == 1
    told = command("status")[1]["stripe_accounts"]
    assert {name: (one["open"], one["failed"]) for name, one in told.items()} == {"eu": (1, 0), "main": (0, 1)}
    for wrong in (("failures", "--stripe-account", "asia"), ("replay", "--all", "--stripe-account", "asia")):
        assert command(*wrong)[0] == 2
    assert command("replay", "--stripe-account", "eu")[0] == 2  # it narrows a choice, and is none


@pytest.mark.long
def test_what_both_accounts_show_of_one_customer_is_missing_for_neither(
    world: World, eu: Stripe, several: Tandem
) -> None:
    """Each of them took the row that says of the second currency for the other's alone, and healed it for ever."""
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["EUR"])
    oak = payer(world, "Oak", "Germany")
    sell(world.crm, [(seat, 10, "50.00", {})], account=oak, currency="EUR", **{**TERMS, "Start_Date__c": "2026-02-20"})
    world.stripe.sign_up("Oak", "ap@oak.example", seats=5, card="pm_card_visa")
    settled(several)

    issue = world.crm.row("Billing_Issue__c", "Billing_Key__c Status__c")
    assert (issue["Billing_Key__c"], issue["Status__c"]) == (f"DATA-228:{oak}:usd", "Open")
    reconciled_without_a_difference(several)
