"""Usage that Stripe takes and does not count: told by a thin event, or found in the list of them; decided on by people."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.webhooks import running_web

SEATS = 29_000


@pytest.mark.long
def test_what_stripe_takes_and_does_not_count_is_told_to_people_and_sent_again_when_they_say_so(
    world: World, tandem: Tandem, usage: Book, command: Callable[..., Any], tmp_path: Path, servers: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    world.at("2026-06-20T12:00")

    def report(*names: str) -> None:
        file = tmp_path / "some.csv"
        rows = [f"{name},resolution,{usage.accounts['acme']},100,2026-06-20T11:00:00Z" for name in names]
        file.write_text("\n".join(["identifier,event,account,quantity,timestamp", *rows]) + "\n")
        assert command("import", str(file), "--apply")[0] == 0
        settled(tandem)

    def refused() -> list[str]:
        return sorted(row["identifier"] for row in command("list", "--state", "refused")[1]["rows"])

    # Seven are taken and not counted; the report names five of them.
    world.fault("stripe", "refuse_later", next=7, match="POST /v1/billing/meter_events")
    names = [f"n{n}" for n in range(6)] + ["l" * 150]
    report(*names)
    report("good")
    assert command("status")[1]["states"] == {"sent": {"rows": 8, "quantity": 800}}

    # The report comes by webhook, signed with the secret of its destination, which stands beside the other one.
    port = free_port()
    types = {"enabled_events": ["*"], "event_payload": "thin", "name": "Tandem", "type": "webhook_endpoint"}
    to = {"webhook_endpoint": {"url": f"http://127.0.0.1:{port}/webhooks/stripe"}}
    key, url = world.ready["stripe"]["api_key"], f"{world.ready['stripe_url']}/v2/core/event_destinations"
    wanted = {**types, **to, "include": ["webhook_endpoint.signing_secret"]}
    made = requests.post(url, json=wanted, auth=(key, ""), timeout=30).json()
    secret = made["webhook_endpoint"]["signing_secret"]
    with monkeypatch.context() as patched:
        patched.setenv("STRIPE_WEBHOOK_SECRET", f"{world.ready['stripe']['webhook_secret']},{secret}")
        with running_web(world, tandem.database_url, servers.redis_url, port=str(port)):
            world.at("2026-06-20T12:02")
    assert tandem.services.pipeline.step(Counter(), stop_at=0) == 1
    assert [name for name in refused() if not name.startswith("evt_test_")] == [names[-1], *names[:4]]
    settled(tandem)

    code, status = command("status")
    assert code == 1
    nobody, acme = sorted(status["set_aside"], key=lambda group: str(group["customer"]))
    assert (acme["customer"], acme["many"], acme["code"]) == (usage.customer("acme"), 5, "DATA-235")
    assert "Stripe has no such customer" in acme["message"]
    assert (nobody["customer"], nobody["many"], nobody["quantity"]) == ("", 1, 0)
    assert nobody["message"].startswith("2 events that Stripe's report")
    issues = world.crm.rows("Billing_Issue__c", "Account__c Status__c Detail__c")
    assert sorted((i["Account__c"] or "", i["Status__c"]) for i in issues) == [
        ("", "Open"),
        (usage.accounts["acme"], "Open"),
    ]
    changes_nothing(tandem)

    # People say what becomes of them. Those that Stripe did not name stay sent until somebody looks.
    named = [f"{row['source']}:{row['identifier']}" for row in command("list", "--state", "refused")[1]["rows"]]
    stands_in = [name for name in named if name.startswith("stripe:")]
    assert command("drop", *stands_in, "--apply")[0] == 0
    assert command("retry", *[n for n in named if n not in stands_in], "--apply", "--yes")[0] == 0
    settled(tandem)
    assert {i["Status__c"] for i in world.crm.rows("Billing_Issue__c", "Status__c")} == {"Closed"}

    # Without a webhook the list of reports is read.
    requests.delete(f"{url}/{made['id']}", auth=(key, ""), timeout=30).raise_for_status()
    world.fault("stripe", "refuse_later", next=1, match="POST /v1/billing/meter_events")
    report("later")
    world.at("2026-06-20T12:05")
    settled(tandem)
    assert refused() == ["later"]

    # Sent again, it is there already: nobody can say whether that one counts.
    usage.used("acme", "resolution", 100, "2026-06-20T11:00:00", identifier="default:later")
    assert command("retry", "later", "--apply", "--yes")[0] == 0
    settled(tandem)
    [group] = command("status")[1]["set_aside"]
    assert (group["code"], group["example"]) == ("BUG-503", "default:later")
    assert "It was refused before" in group["message"]
    assert command("drop", "later", "--apply")[0] == 0
    usage.live("2026-07-01")
    # The five that were named, the good one, and the one that somebody else reported; 100 of them are free.
    assert usage.billed("acme")[-1] == ("2026-07-01", SEATS + 600 * 99)


def free_port() -> int:
    """A port of this machine that nothing listens at now."""
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])
