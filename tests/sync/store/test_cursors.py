"""How far each source was read, what was acted on, who leads, and whose store this is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine

from sync.errors import Unsafe
from sync.store.cursors import StoredCursors
from sync.store.pauses import StoredPauses

REALM = {"organization_id": "00D1", "stripe_account": "acct_1", "livemode": "false"}


@pytest.fixture
def cursors(engine: Engine) -> StoredCursors:
    return StoredCursors(engine)


@pytest.fixture
def other_cursors(other_engine: Engine) -> StoredCursors:
    return StoredCursors(other_engine)


def test_a_cursor_is_where_it_was_left(cursors: StoredCursors) -> None:
    assert cursors.get("hot") is None
    cursors.put("hot", {"stamp": "2026-03-01T00:00:00.000Z", "id": "0Q0"})
    cursors.put("cold", {"stamp": "x"})
    cursors.put("hot", {"stamp": "2026-03-02T00:00:00.000Z"})

    assert cursors.get("hot") == {"stamp": "2026-03-02T00:00:00.000Z"}


def test_inputs_already_acted_on_are_nothing_new(cursors: StoredCursors) -> None:
    assert cursors.seen("Quote", {"a": "1", "b": "1"}) == {"a", "b"}
    cursors.act_on("Quote", {"a": "1", "b": "1"})
    cursors.act_on("Quote", {"b": "2"})
    cursors.act_on("Quote", {})

    assert cursors.seen("Quote", {"a": "1", "b": "1", "c": "1"}) == {"b", "c"}
    assert cursors.seen("Quote", {"b": "2"}) == set()
    assert cursors.seen("Account", {"a": "1"}) == {"a"}
    assert cursors.seen("Quote", {}) == set()


def test_one_leads_until_it_resigns_or_falls_silent(
    cursors: StoredCursors, other_cursors: StoredCursors, time_passes: Callable[[float], None]
) -> None:
    assert cursors.lead("scheduler", "one", 15)
    assert cursors.lead("scheduler", "one", 15)
    assert not other_cursors.lead("scheduler", "two", 15)
    assert other_cursors.lead("poller", "two", 15)

    time_passes(14)
    assert not other_cursors.lead("scheduler", "two", 15)
    time_passes(2)
    assert other_cursors.lead("scheduler", "two", 15)
    assert not cursors.lead("scheduler", "one", 15)
    cursors.resign("scheduler", "one")  # not its to give up
    assert not cursors.lead("scheduler", "one", 15)
    other_cursors.resign("scheduler", "two")
    assert cursors.lead("scheduler", "one", 15)


def test_of_many_that_want_to_lead_one_does(cursors: StoredCursors, other_cursors: StoredCursors) -> None:
    start = Barrier(6)

    def lead(where: StoredCursors, holder: str) -> bool:
        start.wait()
        return where.lead("scheduler", holder, 15)

    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(lead, (cursors, other_cursors)[n % 2], str(n)) for n in range(6)]
        assert sum(done.result(30) for done in work) == 1


def test_a_store_serves_one_pair_of_systems_only(cursors: StoredCursors) -> None:
    cursors.pin_realm(REALM)
    cursors.pin_realm(REALM)

    for other in (
        {**REALM, "organization_id": "00D2"},
        {**REALM, "livemode": "true"},
        {"organization_id": "00D1", "stripe_account": "acct_1"},
        {},
    ):
        with pytest.raises(Unsafe, match="belongs to another") as refused:
            cursors.pin_realm(other)
        assert refused.value.code == "CONF-308"
    cursors.pin_realm(REALM)


def test_a_realm_may_say_more_later_and_then_must_go_on_saying_it(cursors: StoredCursors) -> None:
    cursors.pin_realm(REALM)
    cursors.pin_realm({**REALM, "sandbox": "world-1"})
    with pytest.raises(Unsafe, match="sandbox"):
        cursors.pin_realm(REALM)


def test_a_stripe_account_may_join_later_and_is_never_taken_away_renamed_or_exchanged(cursors: StoredCursors) -> None:
    us = {**REALM, "stripe:us": "acct_1"}
    cursors.pin_realm(REALM)
    cursors.pin_realm(us)
    cursors.pin_realm({**us, "stripe:eu": "acct_eu"})
    with pytest.raises(Unsafe, match=r"Stripe account eu \(acct_eu\) is not given any more") as refused:
        cursors.pin_realm(us)
    assert refused.value.code == "CONF-308"
    with pytest.raises(Unsafe, match="Stripe account eu is acct_eu, not acct_asia; an account is never exchanged"):
        cursors.pin_realm({**us, "stripe:eu": "acct_asia"})


def test_of_two_realms_pinning_an_empty_store_at_once_one_is_refused(
    cursors: StoredCursors, other_cursors: StoredCursors
) -> None:
    start = Barrier(2)

    def pin(where: StoredCursors, org: str) -> bool:
        start.wait()
        try:
            where.pin_realm({"organization_id": org})
        except Unsafe:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(pin, cursors, "00D1"), pool.submit(pin, other_cursors, "00D2")
        assert sorted([one.result(30), two.result(30)]) == [False, True]


def test_an_installation_keeps_its_id_and_raises_its_epoch_for_good(
    cursors: StoredCursors, other_cursors: StoredCursors
) -> None:
    id_, epoch = cursors.installation()
    cursors.pin_realm(REALM)
    assert other_cursors.installation() == (id_, epoch)
    assert epoch == 1
    assert len(id_) == 36

    assert cursors.raise_epoch() == 2
    assert other_cursors.installation() == (id_, 2)


def test_pauses_stand_until_they_are_over_or_lifted(
    cursors: StoredCursors, engine: Engine, time_passes: Callable[[float], None]
) -> None:
    pauses = StoredPauses(engine)
    assert cursors.paused() == {}
    pauses.pause("stripe", reason="audit", owner="ann", for_s=3600)
    pauses.pause("salesforce", reason="release", owner="bob", for_s=None)
    pauses.pause("stripe", reason="audit, longer", owner="ann", for_s=7200)

    assert cursors.paused() == {"stripe": "audit, longer", "salesforce": "release"}
    assert [(pause.scope, pause.owner) for pause in pauses.standing()] == [("salesforce", "bob"), ("stripe", "ann")]
    time_passes(7201)
    assert cursors.paused() == {"salesforce": "release"}
    assert pauses.resume("salesforce")
    assert not pauses.resume("salesforce")
    assert cursors.paused() == {}
