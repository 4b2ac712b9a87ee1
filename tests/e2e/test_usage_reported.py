"""Usage that Tandem is told goes to Stripe once: from a file and over HTTP, across kills, and after Stripe has forgotten it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from sync.cli import run
from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.webhooks import running_web

SEATS = 29_000
TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def tandem(make_tandem: Callable[..., Tandem]) -> Tandem:
    """One that does not wait long for an answer that never comes."""
    return make_tandem(call_deadline_s=2.0, lease_s=3.0)


def test_a_month_of_use_is_billed_once_from_a_file_and_over_http(
    world: World, tandem: Tandem, usage: Book, command: Callable[..., Any], tmp_path: Path, servers: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    world.at("2026-06-30T12:00")
    file = tmp_path / "june.csv"
    acme, cedar = usage.accounts["acme"], usage.accounts["cedar"]
    rows = [f"r{n},resolution,{acme},100,2026-06-{n:02}T12:00:00+02:00" for n in range(2, 12)]
    bad = [
        f"zero,resolution,{cedar},1,2026-06-10T12:00:00Z", f"half,resolution,{acme},2.5,2026-06-10T12:00:00Z",
        f"less,resolution,{acme},-1,2026-06-10T12:00:00Z", f"old,resolution,{acme},1,2026-05-20T12:00:00Z",
        f"older,resolution,{acme},1,2026-05-01T12:00:00Z", f"soon,resolution,{acme},1,2026-07-01T12:00:00Z",
        f"what,answer,{acme},1,2026-06-10T12:00:00Z", "who,resolution,001000000000000AAA,1,2026-06-10T12:00:00Z",
        f"when,resolution,{acme},1,2026-06-10T12:00:00", f"r2,resolution,{acme},101,2026-06-02T12:00:00+02:00",
    ]  # fmt: skip
    file.write_text("\n".join(["identifier,event,account,quantity,timestamp", *rows, rows[0], *bad]) + "\n")
    rehearsed = command("import", str(file))
    assert command("status")[1]["states"] == {}
    taken = command("import", str(file), "--apply")
    assert rehearsed[0] == taken[0] == 1
    assert (taken[1]["accepted"], taken[1]["known"]) == (10, 1)
    assert [(r["line"], r["reason"]) for r in taken[1]["refused"]] == [
        (13, "not_billed"), (14, "bad_quantity"), (15, "bad_quantity"), (16, "late"), (17, "late"), (18, "early"),
        (19, "unknown_meter"), (20, "unknown_customer"), (21, "bad_timestamp"), (22, "differs"),
    ]  # fmt: skip
    again = command("import", str(file), "--apply")[1]
    assert again["accepted"] == 0, again

    monkeypatch.setenv("USAGE_TOKEN", TOKEN)
    with running_web(world, tandem.database_url, servers.redis_url) as web:
        url = web.endpoint.replace("/webhooks/stripe", "/usage")
        event = {"identifier": "h1", "event": "resolution", "quantity": 250, "timestamp": "2026-06-30T11:59:59Z"}
        mine = {**event, "subscription": usage.deals["acme"]}
        assert post(url, {"events": [mine]}, token="another-token").status_code == 401
        assert requests.post(url, json={"events": [mine]}, timeout=30).status_code == 401
        assert post(url, {"rows": []}).status_code == 400
        assert requests.post(url, data=b" " * 1_000_001, headers=bearer(), timeout=30).status_code == 413
        answer = post(url, {"events": [mine, {**mine, "identifier": "h2", "quantity": 1.5}, mine]})
        assert answer.status_code == 202
        assert [answer.json()[k] for k in ("accepted", "known")] == [1, 1]
        assert [(r["index"], r["reason"]) for r in answer.json()["refused"]] == [(1, "bad_quantity")]
        product = usage_product(world)
        by_product = {"identifier": "b1", "product": product, "customer": usage.customer("birch")}
        more = {**by_product, "quantity": 101, "timestamp": "2026-06-15T00:00:00Z"}
        assert post(url, {"source": "router", "events": [more]}).json()["accepted"] == 1
        assert post(url, {"events": [{**mine, "identifier": "h3", "event": "no"}]}).status_code == 422

    settled(tandem)
    usage.live("2026-07-01")
    # 1,250 x the tiers of case 17, and 1 above 100 that are free
    assert usage.billed("acme")[-1] == ("2026-07-01", SEATS + 108_850)
    assert usage.billed("birch")[-1] == ("2026-07-01", SEATS + 99)
    assert usage.billed("cedar")[-1] == ("2026-07-01", SEATS)
    code, counted = command("status")
    assert (code, counted["states"]) == (0, {"sent": {"rows": 12, "quantity": 1_351}})
    assert command("list", "--state", "refused")[1]["rows"] == []
    changes_nothing(tandem)


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def post(url: str, body: Mapping[str, Any], token: str = TOKEN) -> requests.Response:
    return requests.post(url, json=body, headers=bearer(token), timeout=30)


def usage_product(world: World) -> str:
    return str(world.crm.row("Product2", "Id", "Name = 'resolution'")["Id"])


def test_a_use_counts_once_although_the_process_died_before_or_after_it_was_sent(
    world: World, tandem: Tandem, usage: Book, command: Callable[..., Any], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    world.at("2026-06-20T12:00")
    store, pipeline = tandem.services.usage, tandem.services.pipeline

    def report(**quantities: int) -> None:
        """Each at a minute of its own."""
        file = tmp_path / "some.jsonl"
        lines = [
            {"identifier": name, "event": "resolution", "account": usage.accounts["acme"], "quantity": quantity,
             "timestamp": f"2026-06-20T11:{minute:02}:30Z"}
            for minute, (name, quantity) in enumerate(quantities.items(), 10)
        ]  # fmt: skip
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        assert command("import", str(file), "--apply")[0] == 0

    def die_calling() -> None:
        """A process dies when all that waits was marked as called, and nothing of it has left."""
        for row in store.claim(10):
            store.calling(row.id, world.now())

    # No answer came, and the same identifier goes again within the day.
    report(answered=100)
    world.fault("stripe", "timeout_after_effect", next=1, match="POST /v1/billing/meter_events")
    settled(tandem)
    # It was sent, and the process died before it could write that down: nobody tried again for two days.
    report(answered=100, arrived=200)
    world.fault("stripe", "timeout_after_effect", next=1, match="POST /v1/billing/meter_events")
    pipeline.send_usage()
    # The process died before it was sent.
    report(answered=100, arrived=200, absent=300)
    die_calling()
    world.at("2026-06-22T12:00")
    settled(tandem)
    assert command("status")[1]["states"] == {"sent": {"rows": 3, "quantity": 600}}

    # Somebody else reports for the same minute: whether ours is among it can't be told.
    report(answered=100, arrived=200, absent=300, doubtful=400)
    usage.used("acme", "resolution", 50, "2026-06-20T11:13:00")
    die_calling()
    world.at("2026-06-24T12:00")
    settled(tandem)
    assert command("status")[0] == 1
    [group] = command("status")[1]["set_aside"]
    assert (group["code"], group["quantity"], group["example"]) == ("BUG-503", 400, "default:doubtful")
    issue = world.crm.row("Billing_Issue__c", "Code__c Status__c Account__c")
    assert tuple(issue.values()) == ("BUG-503", "Open", usage.accounts["acme"])
    assert command("retry", "doubtful", "--apply", "--yes")[0] == 0
    settled(tandem)
    assert world.crm.row("Billing_Issue__c", "Status__c")["Status__c"] == "Closed"

    # What was taken in and never sent until its month was billed is told to people, and billed to nobody.
    file = tmp_path / "june.csv"
    birch = f"resolution,{usage.customer('birch')}"
    heading = "identifier,event,customer,quantity,timestamp"
    file.write_text(f"{heading}\na,{birch},1000,2026-06-20T11:00:00Z\nb,{birch},1,2026-06-20T11:00:00Z\n")
    assert command("import", str(file), "--apply")[0] == 0
    world.at("2026-07-02T02:00")
    tandem.drain()
    assert usage.billed("acme")[-1] == ("2026-07-01", SEATS + 89_100 + 50 * 79)  # 1,050
    assert usage.billed("birch")[-1] == ("2026-07-01", SEATS)
    [group] = command("status")[1]["set_aside"]
    assert (group["code"], group["many"], group["quantity"]) == ("DATA-235", 2, 1001)
    assert "is billed already" in group["message"]
    capsys.readouterr()
    assert run(["failures", "--json"]) == 0
    [failure] = json.loads(capsys.readouterr().out)["usage"]
    assert (failure["code"], failure["many"]) == ("DATA-235", 2)
    told = "Code__c = 'DATA-235'"
    assert world.crm.row("Billing_Issue__c", "Status__c", told)["Status__c"] == "Open"
    assert command("drop", "a", "--apply")[0] == 0
    tandem.drain()
    assert world.crm.row("Billing_Issue__c", "Status__c", told)["Status__c"] == "Open"  # b waits still
    assert command("drop", "a", "b", "--apply")[0] == 1
    tandem.drain()
    assert world.crm.row("Billing_Issue__c", "Status__c", told)["Status__c"] == "Closed"
    assert command("import", str(file), "--apply")[1]["known"] == 2


@pytest.mark.long
def test_what_is_reported_late_of_a_deal_that_was_ended_today_is_billed_and_what_comes_later_is_refused(
    world: World, tandem: Tandem, usage: Book, command: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "late.csv"

    def report(name: str, quantity: int, at: str = "2026-06-15T23:59:59Z") -> list[str]:
        """The reasons for which it is refused."""
        row = f"{name},resolution,{usage.accounts['acme']},{quantity},{at}"
        file.write_text(f"identifier,event,account,quantity,timestamp\n{row}\n")
        return [refused["reason"] for refused in command("import", str(file), "--apply")[1]["refused"]]

    world.at("2026-06-16T09:00")
    usage.used("acme", "resolution", 150, "2026-06-10T12:00:00")
    usage.change("acme", kind="Cancellation", Start_Date__c="2026-06-16", Credit_Policy__c="None")
    settled(tandem)
    world.at("2026-06-16T09:59")
    assert report("in time", 100) == []
    assert report("after the end", 1, "2026-06-16T00:00:00Z") == ["period_billed"]
    world.at("2026-06-16T10:15")
    assert report("too late", 1) == ["period_billed"]
    settled(tandem)  # what was taken in goes to Stripe, and the invoice waits until Stripe has summed it
    assert usage.billed("acme") == [("2026-06-01", SEATS)]
    world.at("2026-06-16T10:26")
    settled(tandem)
    assert usage.billed("acme") == [("2026-06-01", SEATS), ("2026-06-16", 150 * 99)]  # 250, of which 100 are free
    assert report("after that", 1) == ["period_billed"]
    assert usage.row("acme", "Last_Usage__c Status__c") == (250, "Canceled")
    changes_nothing(tandem)
