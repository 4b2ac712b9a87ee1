"""The verbs that look, rehearse and work, against a real store and the sandbox."""

from __future__ import annotations

import re
from itertools import product

import psycopg
import pytest
import requests

from sync.store.engine import plain_dsn
from tests.sandbox.serving import Served
from tests.sync.cli.conftest import Tandem, seats, signed, unset
from workers.demo.actors import Crm, Stripe


def writes(sandbox: Served, system: str = "stripe") -> int:
    """Writes of ours that took effect in the sandbox so far."""
    return sum(
        1 for line in sandbox.log() if line["system"] == system and line["effect"] and line["client"] != "harness"
    )


def test_drain_does_the_work_and_a_second_one_writes_nothing(tandem: Tandem, crm: Crm, sandbox: Served) -> None:
    quote = signed(crm, "Acme", seats(crm))

    first = tandem("drain", "--json")

    assert first.code == 0
    assert first.json["schema"] == "tandem/drain/1"
    assert first.json["done"] > 0
    assert first.json["failed"] == []
    assert first.json["next_wake_at"] == "2026-02-01T00:00:00Z"
    assert crm.query(f"SELECT Billing_Status__c FROM Quote WHERE Id = '{quote}'")[0]["Billing_Status__c"] == "Scheduled"
    before = writes(sandbox), writes(sandbox, "salesforce")
    second = tandem("drain")
    assert second.code == 0
    assert (writes(sandbox), writes(sandbox, "salesforce")) == before
    assert "failed    none" in second.out


def test_drain_exits_1_and_lists_what_failed(tandem: Tandem, crm: Crm) -> None:
    product = seats(crm)
    good, bad = signed(crm, "Acme", product), signed(crm, "Bolt", product, email=None)

    answer = tandem("drain", "--json")

    assert answer.code == 1
    assert [(f["subject"], f["code"]) for f in answer.json["failed"]] == [(f"quote:{bad}", "DATA-201")]
    assert crm.query(f"SELECT Billing_Status__c FROM Quote WHERE Id = '{good}'")[0]["Billing_Status__c"] == "Scheduled"


def test_preview_shows_every_invoice_and_writes_nothing(tandem: Tandem, crm: Crm, sandbox: Served) -> None:
    quote = signed(crm, "Acme", seats(crm))

    text, data = tandem("preview", quote), tandem("preview", quote, "--json")

    assert text.code == data.code == 0
    assert "500.00 USD" in text.out
    assert "6,000.00 USD" in text.out
    assert data.json["can_bill"] is True
    assert data.json["plan"]["operations"]
    assert writes(sandbox) == 0
    assert writes(sandbox, "salesforce") == 0


def test_preview_of_a_quote_that_can_not_be_billed_exits_1_with_the_reason(tandem: Tandem, crm: Crm) -> None:
    quote = signed(crm, "Bolt", seats(crm), email=None)
    answer = tandem("preview", quote, "--json")
    assert answer.code == 1
    assert answer.json["can_bill"] is False
    assert [r["code"] for r in answer.json["refusals"]] == ["DATA-201"]
    assert "Nothing was charged" in answer.json["refusals"][0]["message"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("0Q0000000000001CAA", 3),
        ("0Q0gL00000D0n9XSAX", 2),
        ("001000000000001AAA", 2),
        ("ZZZZ", 3),
        ("hello there", 2),
        ("quote:", 2),
    ],
)
def test_preview_of_what_is_no_quote_is_refused(tandem: Tandem, name: str, code: int) -> None:
    answer = tandem("preview", name)
    assert answer.code == code
    assert answer.out == ""
    assert answer.err


def test_sync_rehearses_and_applies_only_when_told(tandem: Tandem, crm: Crm, sandbox: Served) -> None:
    quote = signed(crm, "Acme", seats(crm))

    rehearsed = tandem("sync", quote)

    assert rehearsed.code == 0
    assert "create schedule" in rehearsed.out
    assert "sum 6,000.00 USD" in rehearsed.out
    assert writes(sandbox) == 0
    digest = re.search(r"--plan (\w+)", rehearsed.err)
    assert digest

    done = tandem("sync", quote, "--apply", "--plan", digest[1], "--json")

    assert done.code == 0
    assert done.json["result"] == "done"
    assert writes(sandbox) > 0
    after = tandem("sync", f"quote:{quote}")
    assert "nothing to do" in after.out


def test_sync_of_what_neither_side_knows_says_so_and_exits_3(tandem: Tandem) -> None:
    subjects = (
        "invoice:in_none", "subscription:sub_none", "subscription:sub_sched_none", "customer:cus_none", "payment:pi_none",
        "account:001000000000001AAA", "quote:0Q0000000000001CAA",
    )  # fmt: skip
    for subject, apply in product(subjects, [(), ("--apply",)]):
        answer = tandem("sync", subject, *apply)

        assert (answer.code, answer.out) == (3, ""), (subject, apply)
        assert f"there is no {'invoice that is paid by' if 'pi_' in subject else subject.split(':')[0]}" in answer.err
        assert subject.split(":")[1] in answer.err


def test_sync_refuses_a_plan_that_no_longer_holds(tandem: Tandem, crm: Crm, sandbox: Served) -> None:
    quote = signed(crm, "Acme", seats(crm))
    digest = re.search(r"--plan (\w+)", tandem("sync", quote).err)
    assert digest
    [line] = crm.query(f"SELECT Id FROM QuoteLineItem WHERE QuoteId = '{quote}'")
    crm.change("QuoteLineItem", line["Id"], Quantity=11)

    answer = tandem("sync", quote, "--apply", "--plan", digest[1])

    assert answer.code == 5
    assert "not as it was reviewed" in answer.err
    assert writes(sandbox) == 0
    assert tandem("sync", quote, "--apply", "--plan", "feedbeef").code == 5


def test_sync_runs_no_other_deal(tandem: Tandem, crm: Crm) -> None:
    product = seats(crm)
    first, second = signed(crm, "Acme", product), signed(crm, "Bolt", product)
    assert tandem("sync", first, "--apply").code == 0
    status = {
        quote: crm.query(f"SELECT Billing_Status__c FROM Quote WHERE Id = '{quote}'")[0]["Billing_Status__c"]
        for quote in (first, second)
    }
    assert status[first] == "Scheduled"
    assert status[second] is None


def test_sync_says_what_failed_and_exits_1(tandem: Tandem, crm: Crm) -> None:
    quote = signed(crm, "Bolt", seats(crm), email=None)
    answer = tandem("sync", quote, "--apply")
    assert answer.code == 1
    assert "DATA-201" in answer.out


def test_failures_are_grouped_by_cause_with_the_money_behind_them(tandem: Tandem, crm: Crm) -> None:
    gap, product = unset(crm), seats(crm)
    signed(crm, "Cold", gap, seats=10)
    signed(crm, "Dust", gap, seats=5)
    signed(crm, "Bolt", product, email=None)
    assert tandem("failures").out.strip() == "nothing waits for a person"
    tandem("drain")

    answer = tandem("failures", "--json")

    assert answer.code == 0
    groups = {g["code"]: g for g in answer.json["groups"]}
    assert groups["CONF-301"]["count"] == 2
    assert groups["CONF-301"]["sums"] == {"USD": "750.00"}
    assert groups["CONF-301"]["oldest"] == "2026-01-10T09:00:00Z"
    assert groups["DATA-201"]["count"] == 1
    text = tandem("failures")
    assert re.search(r"CONF-301 +2 +750\.00 USD", text.out)
    assert "tandem replay --code CONF-301" in text.err
    assert [g["code"] for g in tandem("failures", "--code", "DATA-201", "--json").json["groups"]] == ["DATA-201"]
    assert tandem("failures", "--since", "1h", "--json").json["groups"]
    assert tandem("failures", "--since", "yesterday").code == 2
    assert [g["code"] for g in tandem("failures", "--code", "data-201", "--json").json["groups"]] == ["DATA-201"]
    for verb in ("failures", "replay"):
        unknown = tandem(verb, "--code", "DATA-999")
        assert (unknown.code, "no such code" in unknown.err) == (2, True)


def test_one_gap_is_closed_by_one_replay(tandem: Tandem, crm: Crm, sandbox: Served, database: str) -> None:
    gap = unset(crm)
    quotes = [signed(crm, name, gap) for name in ("Cold", "Dust")]
    tandem("drain")
    still = tandem("replay", "--code", "CONF-301")
    assert still.code == 1
    assert "2 still fails CONF-301" in still.out
    crm.change("Product2", gap["id"], Charge_Type__c="Recurring", Price_Period__c="Month")

    rehearsed = tandem("replay", "--code", "CONF-301")

    assert rehearsed.code == 0
    assert "2 records" in rehearsed.out
    assert "Stripe calls 8" in rehearsed.out
    assert "sum 12,000.00 USD" in rehearsed.out
    assert writes(sandbox) == 0
    digest = re.search(r"--plan (\w+)", rehearsed.err)
    assert digest
    applied = tandem("replay", "--apply", "--plan", digest[1], "--rate", "6000", "--json")
    assert applied.code == 0
    assert applied.json["marked"] == 2
    assert tandem("drain").code == 0
    for quote in quotes:
        assert (
            crm.query(f"SELECT Billing_Status__c FROM Quote WHERE Id = '{quote}'")[0]["Billing_Status__c"]
            == "Scheduled"
        )
    with psycopg.connect(plain_dsn(database)) as connection:
        [(action, detail)] = connection.execute("SELECT action, detail FROM audit").fetchall()
    assert action == "replay"
    assert sorted(detail["subjects"]) == sorted(f"quote:{q}" for q in quotes)
    assert tandem("replay", "--code", "CONF-301").code == 3


def test_replay_skips_and_lists_what_is_not_as_reviewed(tandem: Tandem, crm: Crm) -> None:
    gap = unset(crm)
    first, second = (signed(crm, name, gap) for name in ("Cold", "Dust"))
    tandem("drain")
    crm.change("Product2", gap["id"], Charge_Type__c="Recurring", Price_Period__c="Month")
    digest = re.search(r"--plan (\w+)", tandem("replay", "--all").err)
    assert digest
    [line] = crm.query(f"SELECT Id FROM QuoteLineItem WHERE QuoteId = '{second}'")
    crm.change("QuoteLineItem", line["Id"], Quantity=99)

    answer = tandem("replay", "--apply", "--plan", digest[1], "--json")

    assert answer.code == 5
    assert answer.json["marked"] == 1
    assert answer.json["skipped"] == [f"quote:{second}"]
    assert tandem("status", "--json").json["lanes"]["deal"]["due"] == 1
    assert first


def test_rows_that_salesforce_refused_go_again_by_a_replay_of_their_code(
    tandem: Tandem, crm: Crm, sandbox: Served
) -> None:
    def withhold(*fields: str) -> None:
        url = f"{sandbox.ready['salesforce']['url']}/tandem-sandbox/settings"
        headers = {"X-Tandem-Client": "harness", "Authorization": str(crm._http.headers["Authorization"])}
        requests.post(url, json={"withheld": list(fields)}, headers=headers, timeout=10).raise_for_status()

    withhold("Billing_Subscription__c")
    signed(crm, "Acme", seats(crm))
    tandem("drain")
    [row] = tandem("failures", "--code", "CONF-302", "--json").json["rows"]
    assert row["object"] == "Billing_Subscription__c"
    assert tandem("failures", "--code", "DATA-201", "--json").json["rows"] == []
    assert "tandem replay --code CONF-302" in tandem("failures").err
    withhold("Quote.PO_Number__c")  # a field that billing reads: no start without it
    stopped = tandem("drain")
    assert (stopped.code, "Quote.PO_Number__c can't be read (CONF-302)" in stopped.err) == (2, True)
    withhold()

    rehearsed = tandem("replay", "--code", "CONF-302")

    assert "1 of Billing_Subscription__c that Salesforce refused: sent again" in rehearsed.out
    assert crm.query("SELECT Id FROM Billing_Subscription__c") == []
    digest = re.search(r"--plan (\w+)", rehearsed.err)
    assert digest
    assert tandem("replay", "--apply", "--plan", digest[1], "--json").json["rows_marked"] == 1
    assert tandem("drain").code == 0
    assert len(crm.query("SELECT Id FROM Billing_Subscription__c")) == 1
    assert tandem("failures").out.strip() == "nothing waits for a person"
    assert tandem("replay", "--all").code == 3


def test_replay_wants_to_be_told_what(tandem: Tandem) -> None:
    assert tandem("replay").code == 2
    assert "The dates don't agree." in tandem("explain", "DATA-205").out
    assert tandem("replay", "7F3K", "--all").code == 2
    assert tandem("replay", "--all").code == 3


def test_timeline_tells_a_deal_newest_first_with_ids_of_both_sides(tandem: Tandem, crm: Crm) -> None:
    quote = signed(crm, "Acme", seats(crm))
    tandem("drain")

    answer = tandem("timeline", quote, "--json")

    assert answer.code == 0
    entries = answer.json["entries"]
    stamps = [e["machine_at"] for e in entries]
    assert stamps == sorted(stamps, reverse=True)
    schedule = next(e for e in entries if e.get("ref_kind") == "schedule")
    assert schedule["remote_id"].startswith("sub_sched_")
    assert schedule["request_id"].startswith("req_")
    assert schedule["state"] == "done"
    assert tandem("timeline", schedule["remote_id"]).code == 0
    assert schedule["remote_id"] in tandem("timeline", quote).out
    assert tandem("timeline", "0Q0000000000009CAA").code == 3
    assert (
        tandem("timeline", quote[:15]).out == tandem("timeline", f"quote:{quote}").out == tandem("timeline", quote).out
    )


def test_timeline_of_a_refused_quote_says_how_it_stands(tandem: Tandem, crm: Crm) -> None:
    quote = signed(crm, "Acme", seats(crm), email=None)
    tandem("drain")
    reference = crm.query(f"SELECT Billing_Reference__c FROM Quote WHERE Id = '{quote}'")[0]["Billing_Reference__c"]

    for name in (quote, quote[:15], f"quote:{quote}", reference, reference.split()[-1]):
        answer = tandem("timeline", name)
        assert answer.code == 0, name
        assert "DATA-201" in answer.out
        assert "waits for a person" in answer.out
    number = crm.query(f"SELECT QuoteNumber FROM Quote WHERE Id = '{quote}'")[0]["QuoteNumber"]
    assert tandem("timeline", number).out == tandem("timeline", quote).out
    assert tandem("explain", number).out == tandem("explain", quote).out
    assert tandem("timeline", "99999999").code == 3
    told = tandem("timeline", quote, "--json").json
    assert told["stands"]["code"] == "DATA-201"
    tandem("replay", quote, "--apply", "--yes")
    tandem("drain")
    runs = [e for e in tandem("timeline", quote, "--json").json["entries"] if e["what"] == "run"]
    assert [(r["outcome"], r["error_code"]) for r in runs] == [("refused", "DATA-201")]  # once while it stays the same


def test_status_shows_what_fails_and_what_wakes(tandem: Tandem, crm: Crm) -> None:
    product = seats(crm)
    signed(crm, "Acme", product)
    signed(crm, "Bolt", product, email=None)
    tandem("drain")

    answer = tandem("status", "--json")

    assert answer.json["failed"] == {"DATA-201": 1}
    assert answer.json["next_wake_at"] == "2026-02-01T00:00:00Z"
    assert answer.json["rows_waiting"] == 0
    assert answer.json["salesforce_calls"]["allowed"] > answer.json["salesforce_calls"]["used"] > 0
    assert any(source.startswith("stripe:") for source in answer.json["last_event_machine_at"])


def test_check_online_passes_against_a_sandbox(tandem: Tandem) -> None:
    answer = tandem("check", "--online", "--json")
    failed = [line for line in answer.json["lines"] if line["level"] == "FAIL"]
    assert failed == []
    assert answer.code == 0
    looked_at = {line["what"] for line in answer.json["lines"]}
    assert {
        "mappings",
        "database",
        "schema",
        "queue",
        "Stripe log-in",
        "Salesforce log-in",
        "Salesforce rights",
    } <= looked_at


def test_check_online_says_what_the_account_lacks_to_work_out_tax(
    tandem: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOMATIC_TAX", "true")
    answer = tandem("check", "--online", "--json")
    failed = [(line["what"], line["detail"]) for line in answer.json["lines"] if line["level"] == "FAIL"]
    assert failed == [("Stripe tax", "CONF-310: its settings lack head_office")]
    assert answer.code == 2


def test_check_online_proves_that_records_may_be_written(tandem: Tandem, crm: Crm) -> None:
    def writes() -> tuple[int, set[tuple[str, str]]]:
        answer = tandem("check", "--online", "--json")
        lines = [line for line in answer.json["lines"] if line["what"] == "Salesforce writes"]
        return answer.code, {(line["level"], line["detail"]) for line in lines}

    nothing_yet = "there is no record yet to try it on"
    assert writes() == (0, {("WARN", f"Account: {nothing_yet}"), ("WARN", f"Quote: {nothing_yet}")})
    signed(crm, "Acme", seats(crm))
    assert writes() == (0, {("OK", "Account can be written"), ("OK", "Quote can be written")})


def test_check_online_names_the_object_that_may_not_be_written(
    tandem: Tandem, crm: Crm, sandbox: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWNER_TASKS", "true")
    monkeypatch.setenv("SELF_SERVE_ACCOUNTS", "create")
    signed(crm, "Acme", seats(crm))
    url = f"{sandbox.ready['salesforce']['url']}/tandem-sandbox/settings"
    headers = {"X-Tandem-Client": "harness", "Authorization": str(crm._http.headers["Authorization"])}
    requests.post(url, json={"withheld": ["Contact", "Quote", "Task"]}, headers=headers, timeout=10).raise_for_status()

    answer = tandem("check", "--online", "--json")

    failed = [line for line in answer.json["lines"] if line["level"] == "FAIL"]
    assert answer.code == 4
    assert [line["what"] for line in failed] == ["Salesforce tasks", "Salesforce new accounts", "Salesforce writes"]
    assert all("CONF-302" in line["detail"] for line in failed)
    assert [name in line["detail"] for name, line in zip(("Task", "Contact", "Quote"), failed, strict=True)] == [
        True
    ] * 3


def test_check_tells_every_fault_it_can_find_and_the_worst_code(
    bare: Tandem, monkeypatch: pytest.MonkeyPatch, empty_database: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    answer = bare("check")
    assert answer.code == 2
    for what in ("credentials", "database", "queue"):
        assert re.search(rf"^FAIL +{what} ", answer.out, re.MULTILINE), what


def test_check_online_says_when_the_log_in_is_refused(tandem: Tandem, sandbox: Served) -> None:
    sandbox.fault(system="salesforce", kind="error_500", ratio=1.0, match="/services/oauth2/token")
    answer = tandem("check", "--online", "--json")
    assert answer.code in (4, 6)
    assert any(line["level"] == "FAIL" and line["what"].startswith("Salesforce") for line in answer.json["lines"])
    assert any(line["level"] == "OK" and line["what"] == "Stripe log-in" for line in answer.json["lines"])


def test_a_store_of_another_world_is_refused(tandem: Tandem, sandbox: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tandem("drain").code == 0
    sandbox.reset()

    answer = tandem("drain")

    assert answer.code == 2
    assert "CONF-308" in answer.err
    assert any(
        line["what"] == "store" and line["level"] == "FAIL"
        for line in tandem("check", "--online", "--json").json["lines"]
    )


def test_explain_says_why_a_quote_stands_as_it_does_and_what_is_wrong_with_another(tandem: Tandem, crm: Crm) -> None:
    product = seats(crm)
    good, bad = signed(crm, "Acme", product), signed(crm, "Bolt", product, email=None)
    tandem("drain")

    text, data = tandem("explain", good, "--on", "2026-02-01"), tandem("explain", bad, "--json")

    assert text.code == data.code == 0
    assert "Billing_Status__c: Scheduled" in text.out
    assert "10 × 50.00 USD = 500.00 USD" in text.out
    assert [(r["what"], r["rule"]) for r in data.json["reasons"]] == [("DATA-201", "Refusing")]
    assert "Billing_Email__c" in data.json["reasons"][0]["says"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("DATA-205", 0),
        ("0Q0000000000001CAA", 3),
        ("in_nobody", 3),
        ("sub_nobody", 3),
        ("cus_1", 3),
        ("pi_1", 2),
        ("nonsense!", 2),
    ],
)
def test_explain_of_what_is_not_there_says_so(tandem: Tandem, name: str, code: int) -> None:
    assert tandem("explain", name).code == code


def test_a_pause_is_shown_and_audited_until_it_is_lifted(tandem: Tandem) -> None:
    assert tandem("pause", "--writes", "stripe", "--reason", "price list", "--for", "2h").code == 0
    assert tandem("status", "--json").json["paused"] == {"stripe": "price list"}
    assert tandem("resume", "--writes", "salesforce").code == 3
    assert tandem("resume", "--writes", "stripe").code == 0
    assert tandem("status", "--json").json["paused"] == {}


@pytest.mark.parametrize(
    "arguments",
    [("--reason", " "), ("--reason", "x", "--for", "soon"), ("--reason", "x", "--for", "0h"), ("--reason", "x", "--writes", "both"), ()],
)  # fmt: skip
def test_a_pause_that_makes_no_sense_is_refused(tandem: Tandem, arguments: tuple[str, ...]) -> None:
    assert tandem("pause", *arguments).code == 2
    assert tandem("status", "--json").json["paused"] == {}


def test_explain_of_an_account_and_of_a_plan_of_the_web_site_adds_up_what_they_show(
    tandem: Tandem, crm: Crm, sandbox: Served
) -> None:
    account = crm.create("Account", Name="Birch", Billing_Email__c="ops@birch.example", Website="https://birch.example")
    shop = Stripe(sandbox.ready)
    bought = shop.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    customer, plan = bought["customer"], bought["id"]
    tandem("drain")

    of_account = {r["what"]: r for r in tandem("explain", account, "--json").json["reasons"]}
    of_plan = {r["what"]: r for r in tandem("explain", plan, "--json").json["reasons"]}

    assert of_account["MRR__c"]["says"] == of_plan["MRR__c"]["says"] == "195.00 USD"
    assert "5 × 39 a cycle: 195.00 USD a month" in of_plan["MRR__c"]["because"][0]
    assert of_account["Billing_Health__c"]["says"] == "Good"
    assert tandem("explain", customer).code == 0
    assert tandem("explain", crm.create("Account", Name="Nobody")).code == 3
    assert tandem("explain", account, "--on", "2026-01-01").code == 2
