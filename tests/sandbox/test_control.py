"""The control port, spoken to over HTTP as an outside harness does."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from sandbox.__main__ import write_ready_file
from sandbox.stripe import resources
from sandbox.stripe.app import StripeHalf
from sandbox.world import World
from tests.sandbox.serving import RawStripe, Served

LOG_FIELDS = [
    "seq",
    "at",
    "system",
    "client",
    "method",
    "path",
    "params",
    "idempotency_key",
    "status",
    "response",
    "effect",
]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    world = World()
    world.add(StripeHalf(world, (resources.install,)))
    with Served(world) as served:
        yield served


@pytest.fixture
def served(server: Served) -> Served:
    server.reset()
    return server


@pytest.fixture
def raw(served: Served) -> RawStripe:
    return RawStripe(served)


def control(served: Served, method: str, path: str, **more: object) -> requests.Response:
    return requests.request(method, served.control + path, timeout=10, **more)  # type: ignore[arg-type]


def test_ready_is_what_the_ready_file_says(served: Served) -> None:
    answer = control(served, "GET", "/ready")
    assert answer.json() == served.ready
    assert set(served.ready) == {"control_url", "stripe_url", "stripe"}
    assert set(served.ready["stripe"]) == {"api_key", "webhook_secret"}


def test_every_control_answer_names_the_world(served: Served) -> None:
    first = control(served, "GET", "/clock").headers["X-Tandem-Sandbox"]
    assert first == control(served, "GET", "/log").headers["X-Tandem-Sandbox"]
    assert control(served, "POST", "/reset").headers["X-Tandem-Sandbox"] != first


def test_a_path_without_the_random_segment_is_not_found(served: Served) -> None:
    root = served.control.rsplit("/", 1)[0]
    assert requests.get(f"{root}/ready", timeout=10).status_code == 404
    assert requests.get(f"{root}/wrong/ready", timeout=10).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:x", ""])
def test_a_foreign_host_name_is_refused_everywhere(served: Served, host: str) -> None:
    for url in (f"{served.control}/ready", f"{served.ready['stripe_url']}/v1/customers"):
        assert requests.get(url, headers={"Host": host}, timeout=10).status_code in (400, 421)


def test_loopback_names_are_served(served: Served) -> None:
    for host in ("localhost", "localhost:1234", "127.0.0.1:80", "[::1]:80"):
        assert requests.get(f"{served.control}/ready", headers={"Host": host}, timeout=10).status_code == 200


def test_before_the_first_move_it_is_the_real_time_standing_still(served: Served) -> None:
    first = control(served, "GET", "/clock").json()["now"]
    assert abs(datetime.fromisoformat(first) - datetime.now(UTC)) < timedelta(minutes=5)
    assert control(served, "GET", "/clock").json()["now"] == first


def test_the_first_move_may_go_back_later_ones_only_forward(served: Served) -> None:
    assert served.clock("2020-01-01T00:00:00Z") == "2020-01-01T00:00:00Z"
    assert served.clock("2026-03-01T01:00:00+01:00") == "2026-03-01T00:00:00Z"
    assert served.clock("2026-03-01T00:00:00Z") == "2026-03-01T00:00:00Z"
    back = control(served, "POST", "/clock", json={"now": "2026-02-28T23:59:59Z"})
    assert back.status_code == 400
    assert "only moves forward" in back.json()["error"]
    assert control(served, "GET", "/clock").json()["now"] == "2026-03-01T00:00:00Z"
    served.reset()
    assert served.clock("2020-01-01T00:00:00Z") == "2020-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "body",
    ["{", "[]", "{}", '{"now": 1}', '{"now": "tomorrow"}', '{"now": "2026-03-01T00:00:00"}', '{"now": "", "x": 1}'],
)
def test_a_clock_that_cannot_be_read_is_400_and_says_why(served: Served, body: str) -> None:
    answer = control(served, "POST", "/clock", data=body)
    assert answer.status_code == 400
    assert len(answer.json()["error"]) > 10


@pytest.mark.parametrize(
    "fault",
    [
        [],
        {},
        {"system": "stripe", "kind": "lock"},
        {"system": "stripe", "kind": "lock", "next": 1, "ratio": 1},
        {"system": "paypal", "kind": "lock", "next": 1},
        {"system": "stripe", "kind": "gremlin", "next": 1},
        {"system": "stripe", "kind": "quota", "next": 1},
        {"system": "stripe", "kind": "lock", "next": 0},
        {"system": "stripe", "kind": "lock", "next": 1.5},
        {"system": "stripe", "kind": "lock", "next": True},
        {"system": "stripe", "kind": "lock", "ratio": 1.1},
        {"system": "stripe", "kind": "lock", "ratio": "all"},
        {"system": "stripe", "kind": "lock", "next": 1, "match": 5},
        {"system": "stripe", "kind": "lock", "next": 1, "path": "/v1"},
        {"system": "stripe", "kind": "delay", "next": 1, "delay_s": -1},
    ],
)
def test_a_fault_that_is_none_is_400(served: Served, raw: RawStripe, fault: object) -> None:
    assert control(served, "POST", "/faults", json=fault).status_code == 400
    assert raw.get("/v1/customers").status_code == 200


def test_an_unknown_method_or_path_of_the_control_port_is_refused(served: Served) -> None:
    assert control(served, "DELETE", "/clock").status_code == 405
    assert control(served, "GET", "/clocks").status_code == 404
    assert control(served, "GET", "/log", params={"after": "x"}).status_code == 400
    before = control(served, "GET", "/clock").json()
    answer = control(served, "POST", "/clock", params={"deliver": "yes"}, json={"now": "2026-01-01T00:00:00Z"})
    assert answer.status_code == 400
    assert control(served, "GET", "/clock").json()["now"] != "2026-01-01T00:00:00Z"
    assert before["now"] != "2026-01-01T00:00:00Z"


def test_the_log_has_a_line_for_each_request_with_exactly_the_known_fields(served: Served, raw: RawStripe) -> None:
    served.clock("2026-03-01T00:00:00Z")
    raw.post("/v1/customers", {"metadata[a]": "1", "name": "Birch"}, headers={"X-Tandem-Client": "harness"})
    raw.get("/v1/customers", {"limit": "3"}, headers={"User-Agent": "curl/8"})
    first, second = served.log()
    assert list(first) == LOG_FIELDS
    assert first["response"]["name"] == "Birch"
    shown = {key: first[key] for key in LOG_FIELDS if key != "response"}
    assert shown == {
        "seq": 1,
        "at": "2026-03-01T00:00:00Z",
        "system": "stripe",
        "client": "harness",
        "method": "POST",
        "path": "/v1/customers",
        "params": {"metadata": {"a": "1"}, "name": "Birch"},
        "idempotency_key": None,
        "status": 200,
        "effect": True,
    }
    assert (second["client"], second["params"], second["effect"]) == ("curl/8", {"limit": "3"}, False)
    assert [line["seq"] for line in served.log(after=1)] == [2]
    answer = control(served, "GET", "/log", params={"after": 1, "brief": 1})
    [brief] = [json.loads(line) for line in answer.text.splitlines()]
    assert brief == {**second, "params": None, "response": None}
    assert answer.headers["X-Tandem-Last-Seq"] == "2"
    changes = control(served, "GET", "/log", params={"effect": 1}).text.splitlines()
    assert [json.loads(line) for line in changes] == [first]
    assert control(served, "GET", "/log", params={"brief": "yes"}).status_code == 400


def test_garbage_is_logged_as_it_came(served: Served, raw: RawStripe) -> None:
    raw.post("/v1/customers", b"[a]=1\n", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert served.log()[0]["params"] == {"body": "[a]=1\n"}


def test_no_secret_ever_stands_in_the_log(served: Served, raw: RawStripe) -> None:
    key, secret = served.ready["stripe"].values()
    made = raw.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/x", "enabled_events[]": "*"}).json()
    second = raw.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/x", "enabled_events[]": "*"}).json()
    assert made["secret"] == secret
    raw.post("/v1/customers", {"name": key, "metadata[note]": secret}, headers={"User-Agent": key})
    text = control(served, "GET", "/log").text
    assert len(text.splitlines()) == 3
    assert all(planted not in text for planted in (key, secret, second["secret"], "Bearer"))


def test_reset_forgets_objects_log_faults_and_keeps_the_credentials(served: Served, raw: RawStripe) -> None:
    raw.post("/v1/customers", {"name": "x"}, headers={"Idempotency-Key": "k"})
    served.fault(system="stripe", kind="rate_limit", ratio=1)
    account = raw.get("/v1/account", headers={"X-Tandem-Client": "harness"}).json()["id"]
    served.reset()
    assert served.log() == []
    assert raw.get("/v1/customers").json()["data"] == []
    assert (
        "Idempotent-Replayed" not in raw.post("/v1/customers", {"name": "x"}, headers={"Idempotency-Key": "k"}).headers
    )
    assert raw.get("/v1/account").json()["id"] != account


def test_the_ready_file_is_whole_and_its_owners_only(tmp_path: Path) -> None:
    target = tmp_path / "ready.json"
    target.write_text("old")
    write_ready_file(target, {"control_url": "x"})
    assert target.read_text() == '{\n  "control_url": "x"\n}\n'
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_requests_of_many_threads_are_all_logged_once(served: Served) -> None:
    threads = [
        threading.Thread(target=lambda: RawStripe(served).post("/v1/customers", {"name": "x"})) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line["seq"] for line in served.log()] == list(range(1, 17))
