"""Every operation is written before it is sent, and its result only by who holds the unit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine

from sync.errors import LeaseLost, Unsafe
from sync.ports import Claim, Done, NewLink, OpState
from sync.records import Operation, Ref, Sent, Verb
from sync.store.ledger import StoredLedger
from sync.store.links import StoredLinks
from sync.store.subjects import StoredSubjects
from tests.sync.store.samples import NOW, create, deal

REF = Ref("schedule", "0Q0A")
LINK = NewLink("schedule:0Q0A", "0Q0A", "schedule", "sub_sched_1")
SENT = Sent("sub_sched_1", {"id": "sub_sched_1"}, "req_1")


@pytest.fixture
def claim(subjects: StoredSubjects) -> Claim:
    subjects.mark([deal()], reason="accepted")
    claimed = subjects.claim_unit("deal")
    assert claimed is not None
    return claimed


def open_run(ledger: StoredLedger, claim: Claim, **overrides: Any) -> int:
    values: dict[str, Any] = {
        "claim": claim,
        "subject": "quote:0Q0A",
        "trigger": "notice",
        "as_of": NOW,
        "digest": "d1",
        "plan": {"creates": 1},
    }
    return ledger.open_run(**{**values, **overrides})


def planned(ledger: StoredLedger, claim: Claim, operation: Operation | None = None, **overrides: Any) -> int:
    values: dict[str, Any] = {"revision": 1, "key": "key-1", "payload_hash": "hash-1"}
    run = open_run(ledger, claim)
    return ledger.plan_operation(run, operation or create(), **{**values, **overrides})


def last(ledger: StoredLedger, payload_hash: str = "hash-1") -> OpState:
    found = ledger.last(REF, "create", "", payload_hash)
    assert found is not None
    return found


def test_an_operation_goes_from_planned_over_sent_to_done_with_its_link(
    ledger: StoredLedger, links: StoredLinks, claim: Claim
) -> None:
    op = planned(ledger, claim)
    assert last(ledger).state == "planned"
    assert ledger.open_operations([REF]) == ()

    ledger.sent(op, claim, now=NOW)
    assert (last(ledger).state, last(ledger).first_sent_at) == ("sent", NOW)
    assert [state.id for state in ledger.open_operations([REF, Ref("price", "x")])] == [op]

    ledger.done(op, claim, SENT, link=LINK)
    done = last(ledger)
    assert (done.state, done.remote_id, done.request_id) == ("done", "sub_sched_1", "req_1")
    assert ledger.open_operations([REF]) == ()
    assert links.by_key(["schedule:0Q0A"]) == {"schedule:0Q0A": LINK}


def test_what_was_never_planned_has_no_history(ledger: StoredLedger) -> None:
    assert ledger.last(REF, "create", "", "hash-1") is None
    assert ledger.revision(REF) == 0
    assert ledger.open_operations([]) == ()


def test_the_newest_operation_with_the_same_content_is_found_whatever_its_run(
    ledger: StoredLedger, claim: Claim
) -> None:
    first = planned(ledger, claim, revision=1, key="key-1")
    second = planned(ledger, claim, revision=2, key="key-2")
    planned(ledger, claim, revision=3, key="key-3", payload_hash="hash-2")
    planned(ledger, claim, create(verb=Verb.ACT, action="release"), revision=4, key="key-4")

    assert second > first
    assert last(ledger).id == second
    assert ledger.revision(REF) == 4
    assert ledger.revision(Ref("schedule", "other")) == 0


def test_a_key_is_never_used_for_other_content(ledger: StoredLedger, claim: Claim) -> None:
    planned(ledger, claim)
    again = planned(ledger, claim)  # the same content under the same key is a try more
    assert again == last(ledger).id

    with pytest.raises(Unsafe) as refused:
        planned(ledger, claim, payload_hash="hash-2")
    assert refused.value.code == "BUG-501"


def test_of_two_planning_different_content_under_one_key_at_once_one_is_refused(
    ledger: StoredLedger, claim: Claim, other_engine: Engine
) -> None:
    other = StoredLedger(other_engine, StoredLinks(other_engine, stripe_account="acct_1"))
    start = Barrier(2)

    def plan(where: StoredLedger, payload_hash: str, key: str) -> bool:
        run = open_run(where, claim)
        start.wait()
        try:
            where.plan_operation(run, create(), revision=1, key=key, payload_hash=payload_hash)
        except Unsafe:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for round_ in range(10):
            one = pool.submit(plan, ledger, "hash-1", f"key-{round_}")
            two = pool.submit(plan, other, "hash-2", f"key-{round_}")
            assert sorted([one.result(30), two.result(30)]) == [False, True]


def test_sending_renews_the_lease(
    ledger: StoredLedger, subjects: StoredSubjects, claim: Claim, time_passes: Callable[[float], None]
) -> None:
    op = planned(ledger, claim)
    time_passes(40)
    ledger.sent(op, claim, now=NOW)
    time_passes(40)
    subjects.mark([deal("0Q0B")], reason="x")

    assert subjects.claim_unit("deal") is None


def test_who_lost_the_lease_neither_sends_nor_reports(
    ledger: StoredLedger,
    links: StoredLinks,
    subjects: StoredSubjects,
    claim: Claim,
    time_passes: Callable[[float], None],
) -> None:
    flying = planned(ledger, claim)
    ledger.sent(flying, claim, now=NOW)
    next_one = planned(ledger, claim, create("0Q0A#2"), key="key-2")
    time_passes(46)
    taker = subjects.claim_unit("deal")
    assert taker is not None

    with pytest.raises(LeaseLost):
        ledger.sent(next_one, claim, now=NOW)
    with pytest.raises(LeaseLost):
        ledger.done(flying, claim, SENT, link=LINK)

    assert last(ledger).state == "sent"
    assert links.by_key(["schedule:0Q0A"]) == {}
    ledger.adopted(flying, "sub_sched_1")
    assert last(ledger).state == "done"
    subjects.finish(taker, {"quote:0Q0A": Done()})


def test_a_finished_claim_can_no_longer_report(ledger: StoredLedger, subjects: StoredSubjects, claim: Claim) -> None:
    op = planned(ledger, claim)
    subjects.finish(claim, {"quote:0Q0A": Done()})

    with pytest.raises(LeaseLost):
        ledger.sent(op, claim, now=NOW)


def test_a_result_whose_link_clashes_is_not_stored_either(
    ledger: StoredLedger, links: StoredLinks, claim: Claim
) -> None:
    links.add(NewLink("schedule:0Q0B", "0Q0B", "schedule", "sub_sched_1"))
    op = planned(ledger, claim)
    ledger.sent(op, claim, now=NOW)

    with pytest.raises(Unsafe):
        ledger.done(op, claim, SENT, link=LINK)
    assert last(ledger).state == "sent"


def test_an_unknown_outcome_stays_open_until_somebody_looked(ledger: StoredLedger, claim: Claim) -> None:
    op = planned(ledger, claim)
    ledger.sent(op, claim, now=NOW)
    ledger.unknown(op, answered=True, code="TEMP-403", message="500", request_id="req_500")

    (open_,) = ledger.open_operations([REF])
    assert (open_.state, open_.answered, open_.error_code, open_.request_id) == ("unknown", True, "TEMP-403", "req_500")
    ledger.failed(op, code="TEMP-403", message="we looked: it is not there", request_id=None)
    assert ledger.open_operations([REF]) == ()
    assert last(ledger).request_id == "req_500"


def test_the_same_key_sent_again_keeps_the_moment_of_its_first_sending(ledger: StoredLedger, claim: Claim) -> None:
    first = planned(ledger, claim)
    ledger.sent(first, claim, now=NOW)
    ledger.unknown(first, answered=False, code="TEMP-403", message="no answer", request_id=None)
    second = planned(ledger, claim)
    ledger.sent(second, claim, now=NOW + timedelta(hours=3))
    other_key = planned(ledger, claim, revision=2, key="key-2")
    ledger.sent(other_key, claim, now=NOW + timedelta(hours=4))

    sent = {state.id: state.first_sent_at for state in ledger.open_operations([REF])}
    assert sent == {first: NOW, second: NOW, other_key: NOW + timedelta(hours=4)}


def test_success_under_a_key_closes_earlier_tries_under_it(ledger: StoredLedger, claim: Claim) -> None:
    first = planned(ledger, claim)
    ledger.sent(first, claim, now=NOW)
    ledger.unknown(first, answered=False, code="TEMP-403", message="no answer", request_id=None)
    second = planned(ledger, claim)
    ledger.sent(second, claim, now=NOW)
    ledger.done(second, claim, SENT, link=None)

    assert ledger.open_operations([REF]) == ()
    tries = [entry for entry in ledger.timeline("0Q0A") if entry["what"] == "operation"]
    assert [entry["state"] for entry in tries] == ["done", "done"]  # one entry a try


def test_a_late_word_does_not_undo_what_is_known(ledger: StoredLedger, claim: Claim) -> None:
    op = planned(ledger, claim)
    ledger.sent(op, claim, now=NOW)
    ledger.adopted(op, "sub_sched_1")

    ledger.unknown(op, answered=False, code="TEMP-403", message="late", request_id=None)
    ledger.failed(op, code="TEMP-403", message="late", request_id=None)
    assert last(ledger).state == "done"
    with pytest.raises(Unsafe, match="closed already"):
        ledger.sent(op, claim, now=NOW)


def test_the_timeline_tells_one_story_under_every_name_of_a_record(
    ledger: StoredLedger, subjects: StoredSubjects, claim: Claim
) -> None:
    run = open_run(ledger, claim)
    op = ledger.plan_operation(run, create(), revision=1, key="k", payload_hash="h")
    ledger.sent(op, claim, now=NOW)
    ledger.done(op, claim, SENT, link=LINK)
    ledger.close_run(run, outcome="done", crm_request_id="sf_1")
    other = open_run(ledger, Claim("deal", "unit:001Z", 99, ()), subject="quote:0Q0Z")
    ledger.plan_operation(other, create("0Q0Z"), revision=1, key="k2", payload_hash="h")

    reference = subjects.state("quote:0Q0A").reference  # type: ignore[union-attr]
    for name in ("quote:0Q0A", "0Q0A", "sub_sched_1", "schedule:0Q0A", reference, "unit:001A", "001A"):
        story = ledger.timeline(name)
        assert [(entry["what"], entry["id"]) for entry in story] == [("operation", op), ("run", run)], name
    assert ledger.timeline("001A", limit=1)[0]["what"] == "operation"
    (operation, run_entry) = ledger.timeline("0Q0A")
    assert (operation["request_id"], run_entry["crm_request_id"], run_entry["outcome"]) == ("req_1", "sf_1", "done")
    assert ledger.timeline("nobody") == []


def test_a_second_object_of_a_deal_is_in_the_deal_s_timeline(ledger: StoredLedger, claim: Claim) -> None:
    planned(ledger, claim, create("0Q0A#2"))
    assert [entry["what"] for entry in ledger.timeline("0Q0A")] == ["operation", "run"]
