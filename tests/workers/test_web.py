"""The web process over real HTTP with a real PostgreSQL: what it stores, and what it answers when it can't."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import requests

from sync.gateways.stripe_signature import verifier
from sync.store.engine import plain_dsn
from sync.store.gauges import GAUGES_SQL
from sync.store.inbox import insert_notices_sql, notice_arrays
from tests.workers.processes import eventually
from workers.notice_writer import NoticeWriter
from workers.web import MAX_BODY_BYTES, Punctual, Web, listen, serve

SECRET = "whsec_" + "k" * 32
SOURCE = "stripe:acct_1"


@dataclass
class Running:
    """A web process's application behind a real socket, and the database where its notices go."""

    url: str
    database_url: str

    def post(self, body: bytes, signature: str | None) -> requests.Response:
        headers = {} if signature is None else {"Stripe-Signature": signature}
        return requests.post(f"{self.url}/webhooks/stripe", data=body, headers=headers, timeout=30)

    def deliver(self, event: dict[str, Any]) -> requests.Response:
        body = json.dumps(event).encode()
        return self.post(body, signed(body))

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=30)

    def answers(self) -> bool:
        try:
            return self.get("/livez").ok
        except requests.ConnectionError:
            return False

    def stored(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(plain_dsn(self.database_url)) as connection:
            columns = "source, external_id, type, object_kind, object_id, related, body"
            return connection.execute(f"SELECT {columns} FROM notices ORDER BY external_id").fetchall()


def signed(body: bytes, *, secret: str = SECRET, age_s: int = 0) -> str:
    stamp = int(time.time()) - age_s
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    invoice = {"id": f"in_{number}", "object": "invoice", "created": 1767225600, "customer": "cus_1"}
    return {
        "id": f"evt_{number}", "object": "event", "type": "invoice.paid", "data": {"object": invoice}, **changes
    }  # fmt: skip


SECRET_EU = "whsec_of_the_other_account"


class Hasty(Punctual):
    """Waits half a second for a request."""

    within_s = 0.5


def run(dsn: str, database_url: str, protocol: type[Punctual] = Punctual) -> Iterator[Running]:
    writer = NoticeWriter(dsn, insert_notices_sql(), notice_arrays)
    web = Web(
        writer=writer,
        verify=verifier([SECRET]),
        source=lambda: SOURCE,
        version={"version": "1.2.3"},
        gauges_sql=GAUGES_SQL,
        accounts={"us": (verifier([SECRET]), lambda: SOURCE), "eu": (verifier([SECRET_EU]), lambda: "stripe:acct_eu")},
    )
    bound = listen("127.0.0.1", 0)
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(web.app, bound, stop), kwargs={"protocol": protocol}, daemon=True)
    thread.start()
    running = Running(f"http://127.0.0.1:{bound.getsockname()[1]}", database_url)
    assert eventually(running.answers), "the web process did not start"
    yield running
    stop.set()
    thread.join(20)
    assert not thread.is_alive(), "the web process did not stop"


@pytest.fixture
def web(database: str) -> Iterator[Running]:
    yield from run(plain_dsn(database), database)


@pytest.fixture
def web_without_store(database: str) -> Iterator[Running]:
    yield from run("postgresql://tandem@127.0.0.1:9/nowhere", database)


def test_an_event_is_stored_as_received_before_it_is_answered(web: Running) -> None:
    answer = web.deliver(event())

    assert answer.status_code == 200
    [(source, external_id, type_, kind, object_id, related, body)] = web.stored()
    assert (source, external_id, type_, kind, object_id) == (SOURCE, "evt_1", "invoice.paid", "invoice", "in_1")
    assert related == {"customer": "cus_1"}
    assert json.loads(body) == event()


def test_each_stripe_account_has_a_path_and_secrets_of_its_own(web: Running) -> None:
    body = json.dumps(event()).encode()

    def sent(path: str, secret: str) -> int:
        headers = {"Stripe-Signature": signed(body, secret=secret)}
        return requests.post(f"{web.url}{path}", data=body, headers=headers, timeout=10).status_code

    assert sent("/webhooks/stripe/eu", SECRET) == 400
    assert sent("/webhooks/stripe/us", SECRET_EU) == 400
    assert sent("/webhooks/stripe", SECRET_EU) == 400
    assert sent("/webhooks/stripe/asia", SECRET) == 404
    assert web.stored() == []
    assert sent("/webhooks/stripe/eu", SECRET_EU) == 200
    assert [row[0] for row in web.stored()] == ["stripe:acct_eu"]
    assert sent("/webhooks/stripe/us", SECRET) == 200, "the same event id, of another account"
    assert {row[0] for row in web.stored()} == {"stripe:acct_eu", SOURCE}


def test_a_duplicate_is_answered_200_and_stored_once(web: Running) -> None:
    assert [web.deliver(event()).status_code for _ in range(3)] == [200, 200, 200]
    assert len(web.stored()) == 1


@pytest.mark.parametrize(
    "signature",
    [None, "", "nonsense", "t=1,v1=00", "v1=00", "t=abc,v1=00", "t=99999999999999999999,v1=00", "é", "t={now},v1=é"],
)
def test_a_missing_or_malformed_signature_is_refused_and_nothing_stored(web: Running, signature: str | None) -> None:
    given = None if signature is None else signature.replace("{now}", str(int(time.time())))
    assert web.post(json.dumps(event()).encode(), given).status_code == 400
    assert web.stored() == []


def test_a_signature_with_another_secret_is_refused(web: Running) -> None:
    body = json.dumps(event()).encode()
    assert web.post(body, signed(body, secret="whsec_other")).status_code == 400
    assert web.stored() == []


def test_a_signature_of_another_body_is_refused(web: Running) -> None:
    assert web.post(json.dumps(event(2)).encode(), signed(json.dumps(event(1)).encode())).status_code == 400
    assert web.stored() == []


def test_an_old_signature_is_refused_even_if_it_is_right(web: Running) -> None:
    body = json.dumps(event()).encode()
    assert web.post(body, signed(body, age_s=3600)).status_code == 400
    assert web.stored() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"{}",
        b'{"object": "event"}',
        b'{"object": "v2.core.account", "id": "evt_1", "type": "x", "data": {"object": {}}}',
        b'{"object": "event", "id": 7, "type": "x", "data": {"object": {"object": "y"}}}',
        b'{"object": "event", "id": "evt_1", "type": "x", "data": []}',
        b"[" * 200_000,
    ],
)
def test_a_signed_body_that_is_no_event_is_refused_and_the_next_event_taken(web: Running, body: bytes) -> None:
    assert web.post(body, signed(body)).status_code == 400
    assert web.deliver(event()).status_code == 200
    assert len(web.stored()) == 1


def test_a_body_larger_than_any_of_stripes_is_refused_unread(web: Running) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)
    assert web.post(body, signed(body)).status_code == 400

    def chunks() -> Iterator[bytes]:
        yield from (b" " * 65536 for _ in range(20))

    answer = requests.post(f"{web.url}/webhooks/stripe", data=chunks(), headers={"Stripe-Signature": "t=1"}, timeout=30)
    assert answer.status_code == 400
    assert web.stored() == []


def test_a_type_that_we_do_not_use_is_answered_200_and_kept(web: Running) -> None:
    unknown = event(type="starship.launched", data={"object": {"object": "starship", "id": "ss_1"}})
    assert web.deliver(unknown).status_code == 200
    assert [row[2] for row in web.stored()] == ["starship.launched"]


def test_characters_that_postgresql_refuses_do_not_spoil_an_event(web: Running) -> None:
    body = json.dumps(event()).replace('"cus_1"', '"cus\\u0000_1", "note": "\\ud800"').encode()
    assert web.post(body, signed(body)).status_code == 200
    assert len(web.stored()) == 1


def test_many_at_once_are_all_stored_once(web: Running) -> None:
    events = [event(number) for number in range(60)] * 2
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(web.deliver, events))

    assert {answer.status_code for answer in answers} == {200}
    assert len(web.stored()) == 60


def test_without_a_store_an_event_is_answered_503_so_that_it_comes_again(web_without_store: Running) -> None:
    assert web_without_store.deliver(event()).status_code == 503
    assert web_without_store.get("/livez").status_code == 200
    assert web_without_store.get("/readyz").status_code == 503
    assert web_without_store.get("/metrics").status_code == 503


def test_when_the_store_comes_back_events_are_taken_again(web: Running) -> None:
    assert web.deliver(event(1)).status_code == 200
    with psycopg.connect(plain_dsn(web.database_url), autocommit=True) as connection:
        connection.execute("ALTER TABLE notices RENAME TO elsewhere")
        assert web.deliver(event(2)).status_code == 503
        connection.execute("ALTER TABLE elsewhere RENAME TO notices")
    with psycopg.connect(plain_dsn(web.database_url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    # The first may meet a connection that has just been cut; Stripe would send it again.
    statuses = [web.deliver(event(2)).status_code for _ in range(5)]
    assert statuses[-1] == 200
    assert set(statuses) <= {200, 503}
    assert [row[1] for row in web.stored()] == ["evt_1", "evt_2"]


def test_health_and_version_are_told(web: Running) -> None:
    assert web.get("/livez").text == "ok"
    assert web.get("/readyz").text == "ok"
    assert web.get("/version").json() == {"version": "1.2.3"}
    assert web.get("/webhooks/stripe").status_code == 405
    assert web.get("/nowhere").status_code == 404


def test_metrics_count_webhooks_and_show_the_queue(web: Running) -> None:
    web.deliver(event())
    web.post(b"x", None)
    with psycopg.connect(plain_dsn(web.database_url), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO subjects (key, lane, unit, revision, done_revision, error_code, failed_at) VALUES"
            " ('quote:1', 'deal', 'unit:1', 1, 0, NULL, NULL), ('quote:2', 'deal', 'unit:2', 1, 1, 'DATA-201', now())"
        )

    text = web.get("/metrics").text

    assert 'tandem_webhooks_total{result="stored",type="invoice"} 1.0' in text
    assert 'tandem_webhooks_total{result="bad_signature",type="unknown"} 1.0' in text
    assert 'tandem_queue_jobs{lane="deal",state="due"} 1.0' in text
    assert 'tandem_failed_records{class="DATA",code="DATA-201"} 1.0' in text
    assert f'tandem_last_event_timestamp_seconds{{source="{SOURCE}"}}' in text
    assert 'tandem_build_info{version="1.2.3"} 1.0' in text


def test_a_scrape_is_not_haunted_by_an_earlier_one(web: Running) -> None:
    with psycopg.connect(plain_dsn(web.database_url), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO crm_writes (sobject, key, \"group\", content, hash, fence) VALUES ('Quote', 'k', 'g', '{}', 'h', 1)"
        )
        assert 'tandem_crm_rows{state="waiting"} 1.0' in web.get("/metrics").text
        connection.execute("DELETE FROM crm_writes")

    assert "tandem_crm_rows{" not in web.get("/metrics").text


def test_a_process_that_is_asked_to_stop_before_it_serves_ends_at_once() -> None:
    stop = threading.Event()
    stop.set()
    writer = NoticeWriter("postgresql://tandem@127.0.0.1:9/nowhere", insert_notices_sql(), notice_arrays)
    web = Web(
        writer=writer, verify=lambda body, header: False, source=lambda: SOURCE, version={"version": "0"}, gauges_sql=""
    )
    thread = threading.Thread(target=serve, args=(web.app, listen("127.0.0.1", 0), stop), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def hasty(database: str) -> Iterator[Running]:
    yield from run(plain_dsn(database), database, Hasty)


HEAD = b"POST /webhooks/stripe HTTP/1.1\r\nHost: tandem\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST /webhooks/stripe HTTP/1.1\r\nHost: tan", HEAD, HEAD + b'{"id": '],
    ids=["nothing", "half of the headers", "headers only", "half of the body"],
)
def test_who_does_not_send_a_request_to_its_end_is_cut_off(hasty: Running, begun: bytes) -> None:
    with connected(hasty) as slow:
        slow.sendall(begun)

        assert slow.recv(1000) == b""
    assert hasty.deliver(event()).status_code == 200


@pytest.mark.parametrize("begun", [b"GET /livez HTTP/1.1\r\nX-Slow: ", HEAD], ids=["headers", "body"])
def test_who_sends_a_byte_now_and_then_is_cut_off_all_the_same(hasty: Running, begun: bytes) -> None:
    with connected(hasty) as slow:
        slow.sendall(begun)
        slow.settimeout(0.05)

        assert eventually(lambda: _is_cut_off(slow))


def test_each_request_of_a_connection_has_its_own_time(hasty: Running) -> None:
    with connected(hasty) as one:
        one.sendall(b"GET /livez HTTP/1.1\r\nHost: tandem\r\n\r\n")
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
        one.sendall(b"GET /livez HT")
        assert one.recv(1000) == b""


def connected(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), timeout=30)


def _is_cut_off(slow: socket.socket) -> bool:
    """Sends one more byte, and looks whether the other side is still there."""
    try:
        slow.sendall(b"x")
        return slow.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
