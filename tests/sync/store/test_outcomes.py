"""How claimed subjects come out: done, waiting for a person, or again after a pause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from sync.ports import Again, Done, Failed, Outcome, SubjectState
from sync.records import Sent
from sync.store.backoff import PLAN_S, Backoff
from sync.store.ledger import StoredLedger
from sync.store.subjects import StoredSubjects
from tests.sync.store.samples import NOW, create, deal, mirror

KEY = "quote:0Q0A"


def run(subjects: StoredSubjects, outcome: Outcome) -> None:
    claim = subjects.claim_unit("deal")
    assert claim is not None
    subjects.finish(claim, {KEY: outcome})


def state(subjects: StoredSubjects, key: str = KEY) -> SubjectState:
    found = subjects.state(key)
    assert found is not None
    return found


def test_a_failure_waits_for_a_person_with_all_that_the_person_needs(subjects: StoredSubjects) -> None:
    subjects.mark([deal()], reason="accepted")
    run(
        subjects,
        Failed("DATA-201", "The contact has no e-mail.", ("0Q0A", "003X"), 120_000, "usd", NOW + timedelta(days=1)),
    )

    failed = state(subjects)
    assert (failed.error_code, failed.error_message) == ("DATA-201", "The contact has no e-mail.")
    assert (failed.blocked_on, failed.sum_minor, failed.currency) == (("0Q0A", "003X"), 120_000, "usd")
    assert (failed.failed_at, failed.wake_at) == (NOW, NOW + timedelta(days=1))
    assert failed.revision == failed.done_revision
    assert subjects.claim_unit("deal") is None
    counts = subjects.counts(NOW)
    assert counts.failed == {"DATA-201": 1}
    assert (counts.retrying, counts.leased, counts.settling) == (0, 0, 0)


def test_success_clears_the_failure(subjects: StoredSubjects) -> None:
    subjects.mark([deal()], reason="accepted")
    run(subjects, Failed("DATA-201", "no e-mail", ("003X",), 5, "usd"))
    subjects.mark([deal()], reason="fixed")
    assert subjects.failures() == []  # it is on its way again
    run(subjects, Done())

    done = state(subjects)
    assert (done.error_code, done.error_message, done.failed_at, done.sum_minor) == (None, None, None, None)
    assert (done.blocked_on, done.attempts) == ((), 0)
    assert subjects.counts(NOW).failed == {}


def test_a_failure_that_comes_again_has_stood_since_it_was_first_seen(engine: Engine) -> None:
    clock = [NOW]
    subjects = StoredSubjects(engine, now=lambda: clock[0])
    subjects.mark([deal()], reason="accepted")
    run(subjects, Failed("DATA-201", "no e-mail"))
    clock[0] = NOW + timedelta(days=3)
    subjects.mark([deal()], reason="replay")
    run(subjects, Failed("DATA-201", "still no e-mail"))
    assert state(subjects).failed_at == NOW

    subjects.mark([deal()], reason="replay")
    run(subjects, Failed("CONF-301", "no price"))
    assert state(subjects).failed_at == clock[0]


def test_failures_are_found_by_code_key_reference_and_age(engine: Engine) -> None:
    clock: list[datetime] = [NOW]
    subjects = StoredSubjects(engine, now=lambda: clock[0])
    for number, code in enumerate(("CONF-301", "CONF-301", "DATA-201")):
        clock[0] = NOW + timedelta(hours=number)
        subjects.mark([deal(f"0Q{number}", f"unit:{number}")], reason="accepted")
        claim = subjects.claim_unit("deal")
        assert claim is not None
        subjects.finish(claim, {f"quote:0Q{number}": Failed(code, "…")})

    def keys(**wanted: object) -> list[str]:
        return [failed.key for failed in subjects.failures(**wanted)]  # type: ignore[arg-type]

    reference = state(subjects, "quote:0Q1").reference
    assert keys() == ["quote:0Q0", "quote:0Q1", "quote:0Q2"]
    assert keys(code="CONF-301") == ["quote:0Q0", "quote:0Q1"]
    assert keys(keys=["quote:0Q2", reference.lower()]) == ["quote:0Q1", "quote:0Q2"]
    assert keys(since=NOW + timedelta(hours=1)) == ["quote:0Q1", "quote:0Q2"]
    assert keys(code="CONF-301", since=NOW + timedelta(hours=1)) == ["quote:0Q1"]
    assert keys(code="TEMP-401") == []
    assert subjects.by_reference(reference) == state(subjects, "quote:0Q1")
    assert subjects.by_reference("ZZZZ") is None
    assert subjects.by_reference("cus_123") is None


def test_what_passes_is_due_again_after_pauses_that_grow(engine: Engine, time_passes: Callable[[float], None]) -> None:
    subjects = StoredSubjects(engine, now=lambda: NOW, backoff=Backoff(jitter=0, give_up_s=1e9))
    subjects.mark([deal()], reason="accepted")

    for attempt, pause_s in enumerate((*PLAN_S, PLAN_S[-1]), start=1):
        run(subjects, Again("TEMP-401", "slow down"))
        assert state(subjects).attempts == attempt
        counts = subjects.counts(NOW)
        assert counts.retrying == 1
        assert counts.next_retry_in_s == pytest.approx(pause_s, abs=2)
        time_passes(pause_s - 2)
        assert subjects.claim_unit("deal") is None
        time_passes(3)


def test_a_try_in_which_stripe_took_a_step_counts_as_the_first(
    engine: Engine, ledger: StoredLedger, time_passes: Callable[[float], None]
) -> None:
    subjects = StoredSubjects(engine, now=lambda: NOW, backoff=Backoff(jitter=0))
    subjects.mark([deal()], reason="accepted")
    for _ in range(3):
        run(subjects, Again("TEMP-401", "slow down"))
        time_passes(PLAN_S[2] + 1)

    claim = subjects.claim_unit("deal")
    assert claim is not None
    opened = ledger.open_run(claim=claim, subject=KEY, trigger="due", as_of=NOW, digest="d1", plan={})
    step = ledger.plan_operation(opened, create(), revision=1, key="k1", payload_hash="h1")
    ledger.sent(step, claim, now=NOW)
    ledger.done(step, claim, Sent("sub_sched_1", {}, "req_1"), link=None)
    subjects.finish(claim, {KEY: Again("TEMP-401", "slow down")})
    assert state(subjects).attempts == 1
    assert subjects.counts(NOW).next_retry_in_s == pytest.approx(PLAN_S[0], abs=2)

    time_passes(PLAN_S[0] + 1)
    run(subjects, Again("TEMP-401", "slow down"))  # no step this time
    assert state(subjects).attempts == 2


def test_the_pause_that_the_other_side_asked_for_is_kept_even_in_a_drain(engine: Engine) -> None:
    subjects = StoredSubjects(engine, now=lambda: NOW, backoff_cap_s=2.0)
    subjects.mark([deal()], reason="accepted")
    run(subjects, Again("TEMP-401", "slow down", after_s=40))
    assert subjects.counts(NOW).next_retry_in_s == pytest.approx(40, abs=2)

    subjects.mark([deal()], reason="again")
    run(subjects, Again("TEMP-401", "slow down"))
    in_s = subjects.counts(NOW).next_retry_in_s
    assert in_s is not None
    assert in_s <= 2


def test_a_mark_ends_a_pause_at_once(subjects: StoredSubjects) -> None:
    subjects.mark([deal()], reason="accepted")
    run(subjects, Again("TEMP-401", "slow down"))
    subjects.mark([deal()], reason="notice")

    assert state(subjects).retry_machine_at is None
    claim = subjects.claim_unit("deal")
    assert claim is not None
    assert [(due.attempts, due.error_code) for due in claim.subjects] == [(2, "TEMP-401")]


def test_after_a_day_of_trying_a_person_is_told(subjects: StoredSubjects, time_passes: Callable[[float], None]) -> None:
    subjects.mark([deal()], reason="accepted")
    run(subjects, Again("TEMP-406", "Stripe is unavailable."))
    time_passes(86_401)
    run(subjects, Again("TEMP-406", "Stripe is unavailable."))

    assert subjects.claim_unit("deal") is None
    assert [failed.error_code for failed in subjects.failures()] == ["TEMP-406"]

    subjects.mark([deal()], reason="replay")  # a new series of tries
    run(subjects, Again("TEMP-406", "Stripe is unavailable."))
    assert subjects.failures() == []


def test_a_success_ends_the_series_of_tries(subjects: StoredSubjects, time_passes: Callable[[float], None]) -> None:
    subjects.mark([deal()], reason="accepted")
    run(subjects, Again("TEMP-401", "slow"))
    time_passes(10)
    run(subjects, Done())
    time_passes(90_000)
    subjects.mark([deal()], reason="accepted")
    run(subjects, Again("TEMP-401", "slow"))

    assert state(subjects).attempts == 1
    assert subjects.counts(NOW).retrying == 1


def test_outcomes_of_a_batch_are_stored_each_for_itself(subjects: StoredSubjects) -> None:
    subjects.mark([mirror("in_1"), mirror("in_2"), mirror("in_3"), mirror("in_4")], reason="x")
    claim = subjects.claim_batch("mirror")
    assert claim is not None
    subjects.finish(
        claim,
        {
            "invoice:in_1": Done(NOW + timedelta(days=5)),
            "invoice:in_2": Failed("BUG-502", "odd \x00 answer", ("re\x00c",)),
            "invoice:in_3": Again("TEMP-404", "row lock"),
        },
    )

    assert state(subjects, "invoice:in_1").wake_at == NOW + timedelta(days=5)
    assert state(subjects, "invoice:in_2").error_message == "odd  answer"
    assert state(subjects, "invoice:in_3").retry_machine_at is not None
    counts = subjects.counts(NOW)
    assert (counts.due["mirror"], counts.retrying, counts.failed, counts.leased) == (1, 1, {"BUG-502": 1}, 0)


def test_an_unknown_subject_has_no_state(subjects: StoredSubjects) -> None:
    assert subjects.state("quote:never") is None


def test_the_age_of_the_oldest_due_subject_is_known_by_lane(
    subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    assert subjects.oldest_due_s() == {}
    subjects.mark([deal()], reason="x")
    time_passes(100)
    subjects.mark([mirror(), mirror("in_2", settle_s=5)], reason="x")

    ages = subjects.oldest_due_s()
    assert ages["deal"] == pytest.approx(100, abs=3)
    assert ages["mirror"] == pytest.approx(0, abs=3)


def test_jitter_spreads_the_pauses_but_only_so_far() -> None:
    pauses = {Backoff().pause_s(2) for _ in range(200)}
    assert len(pauses) > 100
    assert all(24 <= pause <= 36 for pause in pauses)
    assert Backoff().pause_s(1, after_s=-5) == 0
