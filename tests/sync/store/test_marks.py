"""A mark makes a subject due: now, after it settled, or when business time reaches its wake."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from sync.ports import Again, Done, Failed, Mark
from sync.store.subjects import StoredSubjects
from tests.sync.store.samples import NOW, deal, mirror


def test_a_marked_subject_is_due_until_it_is_done(subjects: StoredSubjects) -> None:
    assert subjects.mark([deal()], reason="notice") == 1
    assert subjects.counts(NOW).due == {"deal": 1, "mirror": 0, "bulk": 0}

    claim = subjects.claim_unit("deal")
    assert claim is not None
    assert [due.key for due in claim.subjects] == ["quote:0Q0A"]
    subjects.finish(claim, {"quote:0Q0A": Done()})

    assert subjects.claim_unit("deal") is None
    assert subjects.counts(NOW).due == {"deal": 0, "mirror": 0, "bulk": 0}


def test_marks_of_one_subject_in_one_breath_count_once_and_the_more_urgent_lane_holds(subjects: StoredSubjects) -> None:
    marks = [Mark("quote:0Q0A", "bulk", "unit:001A"), deal(), Mark("quote:0Q0A", "bulk", "")]

    assert subjects.mark(marks, reason="x") == 1

    state = subjects.state("quote:0Q0A")
    assert state is not None
    assert (state.lane, state.unit, state.revision) == ("deal", "unit:001A", 1)


def test_bulk_work_on_what_is_due_already_does_not_push_it_back(subjects: StoredSubjects) -> None:
    subjects.mark([deal()], reason="accepted")
    subjects.mark([Mark("quote:0Q0A", "bulk", "unit:001A")], reason="reconcile")

    assert subjects.claim_unit("bulk") is None
    assert subjects.claim_unit("deal") is not None


def test_a_subject_that_is_done_follows_the_lane_of_its_next_mark(subjects: StoredSubjects) -> None:
    subjects.mark([deal()], reason="accepted")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    subjects.finish(claim, {"quote:0Q0A": Done()})

    subjects.mark([Mark("quote:0Q0A", "bulk", "unit:001A")], reason="reconcile")

    assert subjects.claim_unit("deal") is None
    assert subjects.claim_unit("bulk") is not None


def test_a_settling_subject_waits_for_company(subjects: StoredSubjects, time_passes: Callable[[float], None]) -> None:
    subjects.mark([mirror(settle_s=60.0)], reason="notice")  # longer than the most that is allowed

    assert subjects.claim_batch("mirror") is None
    counts = subjects.counts(NOW)
    assert (counts.settling, counts.retrying, counts.due["mirror"]) == (1, 0, 0)

    time_passes(5)
    assert subjects.claim_batch("mirror") is not None


def test_company_lengthens_the_settling_up_to_five_seconds_in_all(
    subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    subjects.mark([mirror(settle_s=3.0)], reason="created")
    time_passes(2)
    subjects.mark([mirror(settle_s=3.0)], reason="finalized")
    time_passes(2)  # four seconds in all: the second mark asked for five
    assert subjects.claim_batch("mirror") is None

    subjects.mark([mirror(settle_s=3.0)], reason="paid")
    time_passes(1)

    claim = subjects.claim_batch("mirror")
    assert claim is not None
    assert [due.revision for due in claim.subjects] == [3]


def test_a_mark_that_does_not_settle_ends_the_settling(subjects: StoredSubjects) -> None:
    subjects.mark([mirror(settle_s=5.0)], reason="notice")
    subjects.mark([mirror()], reason="operator")

    assert subjects.claim_batch("mirror") is not None


def test_a_late_notice_does_not_delay_what_has_settled(
    subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    subjects.mark([mirror(settle_s=1.0)], reason="created")
    time_passes(2)
    subjects.mark([mirror(settle_s=1.0)], reason="paid")

    assert subjects.claim_batch("mirror") is not None


def test_the_creation_second_is_remembered_for_a_cheaper_read(subjects: StoredSubjects) -> None:
    subjects.mark([mirror(hint_created_s=1767225600)], reason="notice")
    subjects.mark([mirror()], reason="notice without it")

    claim = subjects.claim_batch("mirror")
    assert claim is not None
    assert claim.subjects[0].hint_created_s == 1767225600


def test_a_mark_during_a_claim_keeps_the_subject_due(subjects: StoredSubjects) -> None:
    subjects.mark([deal()], reason="accepted")
    claim = subjects.claim_unit("deal")
    assert claim is not None

    subjects.mark([deal()], reason="changed meanwhile")
    assert subjects.claim_unit("deal") is None  # still held
    subjects.finish(claim, {"quote:0Q0A": Done(wake_at=NOW + timedelta(days=1))})

    again = subjects.claim_unit("deal")
    assert again is not None
    assert [(due.revision, due.attempts) for due in again.subjects] == [(2, 1)]


@pytest.mark.parametrize("outcome", [Done(), Failed("DATA-201", "no e-mail"), Again("TEMP-401", "slow", after_s=3600)])
def test_a_mark_during_a_claim_wins_over_every_outcome(
    subjects: StoredSubjects, outcome: Done | Failed | Again
) -> None:
    subjects.mark([deal()], reason="accepted")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    subjects.mark([deal()], reason="changed meanwhile")
    subjects.finish(claim, {"quote:0Q0A": outcome})

    assert subjects.claim_unit("deal") is not None


def test_notices_that_come_while_a_subject_is_read_settle_together_again(subjects: StoredSubjects) -> None:
    subjects.mark([mirror()], reason="created")
    claim = subjects.claim_batch("mirror")
    assert claim is not None
    subjects.mark([mirror(settle_s=2.0)], reason="paid")
    subjects.finish(claim, {"invoice:in_1": Done()})

    assert subjects.claim_batch("mirror") is None
    assert subjects.counts(NOW).settling == 1


def test_a_wake_makes_its_subject_due_when_business_time_reaches_it_and_only_once(subjects: StoredSubjects) -> None:
    subjects.mark([deal()], reason="accepted")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    start = NOW + timedelta(days=30)
    subjects.finish(claim, {"quote:0Q0A": Done(wake_at=start)})
    assert subjects.counts(NOW).next_wake_at == start

    assert subjects.wake_due(start - timedelta(microseconds=1)) == 0
    assert subjects.counts(start).due["deal"] == 1  # not marked yet, yet due
    assert subjects.wake_due(start) == 1
    assert subjects.wake_due(start) == 0
    assert subjects.counts(start).next_wake_at is None
    assert subjects.claim_unit("deal") is not None


def test_one_jump_of_the_clock_wakes_all_that_fell_due(subjects: StoredSubjects) -> None:
    for number in range(3):
        subjects.mark([deal(f"0Q0{number}", f"unit:{number}")], reason="accepted")
        claim = subjects.claim_unit("deal")
        assert claim is not None
        subjects.finish(claim, {f"quote:0Q0{number}": Done(wake_at=NOW + timedelta(days=number))})

    assert subjects.wake_due(NOW + timedelta(days=1)) == 2
    assert subjects.counts(NOW + timedelta(days=1)).next_wake_at == NOW + timedelta(days=2)


def test_a_change_of_a_record_wakes_the_failures_that_wait_for_it(subjects: StoredSubjects) -> None:
    for quote, blocked_on in (("0Q0A", ("0Q0A", "003X")), ("0Q0B", ("0Q0B",))):
        subjects.mark([deal(quote, f"unit:{quote}")], reason="accepted")
        claim = subjects.claim_unit("deal")
        assert claim is not None
        subjects.finish(claim, {f"quote:{quote}": Failed("DATA-201", "no e-mail", blocked_on)})

    assert subjects.mark_blocked_on(["003X", "003Y"], reason="Contact changed") == 1
    assert subjects.mark_blocked_on(["003X"], reason="Contact changed") == 0  # due already
    assert subjects.mark_blocked_on([], reason="nothing") == 0

    claim = subjects.claim_unit("deal")
    assert claim is not None
    assert [(due.key, due.attempts, due.error_code) for due in claim.subjects] == [("quote:0Q0A", 1, "DATA-201")]


@pytest.mark.parametrize(
    ("mark", "complaint"),
    [
        (Mark("quote", "deal", "unit:001"), "names no subject"),
        (Mark(":0Q0", "deal", "unit:001"), "names no subject"),
        (Mark("quote:\x00", "deal", "unit:001"), "names no subject"),
        (Mark("quote:0Q0", "deal", ""), "without a unit"),
        (Mark("quote:0Q0", "express", "unit:001"), "unknown lane"),  # type: ignore[arg-type]
        (Mark("invoice:in_1", "mirror", "", settle_s=-1), "settles"),
    ],
)
def test_an_unsound_mark_is_refused_and_marks_nothing(subjects: StoredSubjects, mark: Mark, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        subjects.mark([deal("0Q0OK"), mark], reason="x")

    assert subjects.state("quote:0Q0OK") is None


def test_many_marking_the_same_subjects_in_any_order_lose_no_mark(
    subjects: StoredSubjects, other_subjects: StoredSubjects
) -> None:
    marks = [mirror(f"in_{n}") for n in range(60)]
    start = Barrier(4)

    def mark(where: StoredSubjects, given: list[Mark]) -> None:
        start.wait()
        for _ in range(5):
            where.mark(given, reason="notice")

    with ThreadPoolExecutor(4) as pool:
        work = [(subjects, marks), (other_subjects, marks[::-1]), (subjects, marks[::-1]), (other_subjects, marks)]
        for done in [pool.submit(mark, where, given) for where, given in work]:
            done.result(60)

    revisions = {subjects.state(mark.key).revision for mark in marks}  # type: ignore[union-attr]
    assert revisions == {20}


def test_a_wake_told_for_another_subject_does_not_make_it_due_and_the_earlier_holds(subjects: StoredSubjects) -> None:
    mark = Mark("account:001A", "mirror", "")
    subjects.wake(mark, NOW + timedelta(days=2))
    subjects.wake(mark, NOW + timedelta(days=1))
    subjects.wake(mark, NOW + timedelta(days=3))

    assert subjects.claim_batch("mirror") is None
    assert subjects.counts(NOW).next_wake_at == NOW + timedelta(days=1)


def test_a_wake_told_while_its_subject_is_held_is_not_lost(subjects: StoredSubjects) -> None:
    mark = Mark("account:001A", "mirror", "")
    subjects.mark([mark], reason="notice")
    claim = subjects.claim_batch("mirror")
    assert claim is not None
    subjects.wake(mark, NOW + timedelta(days=1))
    subjects.finish(claim, {"account:001A": Done()})  # rests on what was read before

    assert subjects.claim_batch("mirror") is not None
