"""What was agreed is frozen once: the first signature and the first promise hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine

from sync.ports import Promise
from sync.store.promises import StoredPromises
from tests.sync.store.samples import NOW


@pytest.fixture
def promises(engine: Engine) -> StoredPromises:
    return StoredPromises(engine, now=lambda: NOW)


def promise(**overrides: Any) -> Promise:
    values: dict[str, Any] = {
        "quote_id": "0Q0A",
        "input_digest": "d1",
        "graph": {"quote": {"name": "Ü", "total": Decimal("10.50")}},
        "preview": {"first": "120.00"},
        "signed_at": NOW - timedelta(hours=1),
        "frozen_at": NOW,
    }
    return Promise(**{**values, **overrides})


def test_the_first_time_we_saw_the_quote_signed_is_kept(promises: StoredPromises) -> None:
    assert promises.signed("0Q0A", NOW) == NOW
    assert promises.signed("0Q0A", NOW + timedelta(days=1)) == NOW
    assert promises.signed("0Q0A", NOW - timedelta(days=1)) == NOW
    assert promises.signed("0Q0B", NOW + timedelta(days=1)) == NOW + timedelta(days=1)


def test_the_first_promise_is_the_one_in_force(promises: StoredPromises) -> None:
    assert promises.frozen("0Q0A") is None
    first = promises.freeze(promise())
    later = promises.freeze(promise(input_digest="d2", preview={"first": "999.00"}))

    assert later == first == promises.frozen("0Q0A")
    assert first.preview == {"first": "120.00"}
    assert first.graph == {"quote": {"name": "Ü", "total": "10.50"}}
    assert (first.signed_at, first.frozen_at) == (NOW - timedelta(hours=1), NOW)


def test_a_promise_without_a_stamp_is_frozen_now(promises: StoredPromises) -> None:
    assert promises.freeze(promise(frozen_at=None)).frozen_at == NOW


def test_of_two_freezing_at_once_both_get_the_same(promises: StoredPromises, other_engine: Engine) -> None:
    other = StoredPromises(other_engine, now=lambda: NOW)
    start = Barrier(2)

    def freeze(where: StoredPromises, quote: str, digest: str) -> Promise:
        start.wait()
        return where.freeze(promise(quote_id=quote, input_digest=digest))

    with ThreadPoolExecutor(2) as pool:
        for n in range(10):
            one = pool.submit(freeze, promises, f"0Q{n}", "d1")
            two = pool.submit(freeze, other, f"0Q{n}", "d2")
            assert one.result(30) == two.result(30)


def test_quotes_of_one_deal_that_are_frozen_at_one_instant_keep_their_order(promises: StoredPromises) -> None:
    for quote in ("0Q0C", "0Q0A", "0Q0B"):
        promises.freeze(promise(quote_id=quote, deal_key="0Q0C"))
    assert [p.quote_id for p in promises.of_deal("0Q0C")] == ["0Q0C", "0Q0A", "0Q0B"]
