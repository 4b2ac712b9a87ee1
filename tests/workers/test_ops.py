"""The pages for billing operations, over real HTTP with a real store: who may see them, and what they say."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape

import pytest
import requests
from starlette.applications import Starlette

from sync.config import Settings
from sync.errors import Transient
from sync.ports import Asked, Claim, Failed, Mark, RowResult
from sync.run.overview import Overview
from sync.wiring import Store, open_store
from sync.wiring.overview import MOST, StoreOverview
from sync.wiring.store import store_of
from tests.sync.store.samples import invoice_row
from workers.ops.endpoint import OpsPages
from workers.ops.parts import POLICY, STYLE
from workers.web import listen, serve

TOKEN = "t" * 32
EVIL = '<script>alert("x")</script>'


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    opened = open_store(Settings(), database_url=database, stripe_account="acct_1")
    yield opened
    opened.close()


@contextmanager
def served(tokens: list[str], overview: Callable[[], Overview]) -> Iterator[str]:
    """The address at which the pages are served."""
    pages, bound, stop = OpsPages(tokens, overview, version="1.2.3"), listen("127.0.0.1", 0), threading.Event()
    thread = threading.Thread(target=serve, args=(Starlette(routes=pages.routes), bound, stop), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    stop.set()
    thread.join(20)


@pytest.fixture
def ops(store: Store) -> Iterator[str]:
    with served([TOKEN], lambda: StoreOverview(store)) as url:
        yield url


def page(url: str, *, status: int = 200, **parameters: str) -> str:
    answer = requests.get(url, params=parameters, auth=("anybody", TOKEN), timeout=20)
    assert answer.status_code == status, answer.text
    return answer.text


def words(html: str) -> str:
    """What a reader sees of a page."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("</style>")[2])))


def fails(store: Store, quote: str, failed: Failed) -> str:
    """The quote waits for a person; returns its reference."""
    key = f"quote:{quote}"
    store.subjects.mark([Mark(key, "deal", f"unit:{quote}")], reason="test")
    claim = store.subjects.claim_unit("deal")
    assert isinstance(claim, Claim)
    store.subjects.finish(claim, {key: failed})
    state = store.subjects.state(key)
    assert state is not None
    return state.reference


def test_only_who_has_the_token_sees_anything(ops: str) -> None:
    for path in ("/ops", "/ops/code?id=DATA-201", "/ops/record?id=7F3K"):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !!"}, {"Authorization": TOKEN}):
            refused = requests.get(ops + path, headers=headers, timeout=20)
            assert (refused.status_code, refused.headers["WWW-Authenticate"][:5]) == (401, "Basic")
            assert "DATA-201" not in refused.text
    assert requests.get(f"{ops}/ops", auth=("anybody", "wrong"), timeout=20).status_code == 401
    assert requests.get(f"{ops}/ops", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20).status_code == 200
    assert requests.post(f"{ops}/ops", auth=("anybody", TOKEN), timeout=20).status_code == 405


def test_without_a_configured_token_there_are_no_pages(store: Store) -> None:
    with served([], lambda: StoreOverview(store)) as url:
        assert requests.get(f"{url}/ops", auth=("", ""), timeout=20).status_code == 404


def test_an_installation_where_nothing_happened_says_so_and_claims_nothing(ops: str) -> None:
    said = words(page(f"{ops}/ops"))

    for told in (
        "What waits for a person fine Nothing.",
        "Who is who fine No question is open.",
        "Signed, and not billed not checked yet",
        "Last comparison of both sides not checked yet",
        "Last heard of each side not checked yet",
        "0 rows waiting, 0 refused",
    ):
        assert told in said, said


def test_pages_say_what_waits_with_sums_and_lead_to_the_story(ops: str, store: Store) -> None:
    evil = fails(
        store,
        "0Q0000000000001CAA",
        Failed("CONF-301", f"{EVIL} isn't set up. key sk_test_abc ap@acme.example", (), 412_300_00, "USD"),
    )
    fails(store, "0Q0000000000002CAA", Failed("CONF-301", "Seats isn't set up.", (), 5000, "JPY"))
    asked = fails(store, "0Q0000000000003CAA", Failed("DATA-213", "We found 2.", (), 100, "USD"))
    store.identities.ask(
        Asked("quote:0Q0000000000003CAA", {"001A": EVIL}, {"cus_1": "A. Smith", "cus_2": ""}, "same e-mail")
    )
    store.outbox.put([invoice_row()], 1)
    flush = store.outbox.claim_flush()
    assert flush is not None
    refusal = RowResult(ok=False, code="CONF-302", message=EVIL, status_code="X")
    store.outbox.finish_flush(flush, {flush.rows[0].id: refusal}, request_id=None)
    store.cursors.put(
        "won_not_billed", {"late": 2, "oldest_signed_at": "2026-01-01T00:00:00+00:00", "sums_minor": {"USD": 7500}}
    )

    first = page(f"{ops}/ops")
    said = words(first)
    assert "412,300.00 USD" in said
    assert "5,000 JPY" in said
    assert "A product isn't set up for billing." in said
    assert "tandem replay --code CONF-301" in said
    assert "tandem identity link 001A CUSTOMER" in said
    assert "2 late, 75.00 USD, the oldest signed 2026-01-01 00:00:00Z" in said
    assert "1 refused" in said
    assert "A. Smith" not in said
    code = page(f"{ops}/ops/code", id="conf-301")
    assert "the oldest since" in words(code)
    assert words(code).index("Seats isn't set up.") > 0
    story = page(f"{ops}/ops/record", id=evil)
    assert "Sum at stake: 412,300.00 USD" in words(story)
    assert f"tandem replay {evil}" in words(story)
    assert "0Q0000000000003CAA" in page(f"{ops}/ops/record", id=f"DATA-213 . {asked}")
    assert "quote:0Q0000000000001CAA" in page(f"{ops}/ops/record", id="0Q0000000000001CAA")
    for html in (first, code, story):
        assert "<script" not in html
        assert "sk_test_abc" not in html
        assert "ap@acme.example" not in html
    assert "&lt;script&gt;" in code


def test_a_name_that_nobody_has_and_one_that_is_markup_are_said_and_harmless(ops: str) -> None:
    for name in ("ZZZZ", EVIL, '"><img src=x>', "x" * 3000, ""):
        html = page(f"{ops}/ops/record", id=name, status=404)
        assert "<script" not in html
        assert "<img" not in html
    assert "There is no code" in page(f"{ops}/ops/code", id=EVIL, status=404)


def test_a_browser_is_told_to_run_nothing_and_to_keep_nothing(ops: str) -> None:
    answer = requests.get(f"{ops}/ops", auth=("", TOKEN), timeout=20)

    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert "script-src" not in POLICY
    assert f"<style>{STYLE}</style>" in answer.text


def test_a_store_that_is_away_is_503_and_not_an_empty_page() -> None:
    def away() -> Overview:
        raise Transient("TEMP-406", "The store does not answer.")

    with served([TOKEN], away) as url:
        assert "does not answer now" in page(f"{url}/ops", status=503)


def test_each_of_several_stripe_accounts_has_its_comparison_and_its_records(ops: str, store: Store) -> None:
    realm = {"salesforce": "00D", "stripe": "acct_1", "livemode": "False", "stripe:uk": "acct_1", "stripe:us": "acct_2"}
    store.cursors.pin_realm(realm)
    there = store_of(store.settings, store.engine, store.clock, "acct_2", part="acct_2", parts=("", "acct_2"))
    there.subjects.mark([Mark("customer:cus_us", "deal", "unit:cus_us")], reason="test")

    said = words(page(f"{ops}/ops"))

    assert "Last comparison of both sides, uk" in said
    assert "Last comparison of both sides, us" in said
    assert "customer:cus_us" in words(page(f"{ops}/ops/record", id="cus_us"))


def test_of_many_those_that_waited_longest_are_shown_and_all_are_counted(ops: str, store: Store) -> None:
    many = MOST + 5
    store.subjects.mark([Mark(f"quote:0Q0{n:012d}", "deal", "unit:001A") for n in range(many)], reason="test")
    claim = store.subjects.claim_unit("deal")
    assert claim is not None
    failed = Failed("CONF-301", "Seats isn't set up.", (), 100_00, "USD")
    store.subjects.finish(claim, {due.key: failed for due in claim.subjects})

    said = words(page(f"{ops}/ops/code", id="CONF-301"))

    assert f"{many} waiting, {many * 100:,}.00 USD" in said
    assert f"The {MOST} that have waited longest; `tandem failures --code CONF-301` has all." in said
    assert said.count("Seats isn't set up.") == MOST
