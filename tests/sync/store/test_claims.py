"""Who claims what: never two at once, and never for longer than a lease without a sign of life."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Lock

import pytest
from sqlalchemy import Connection, Engine, text

from sync.errors import LeaseLost, Transient
from sync.ports import Again, Done, Mark
from sync.store import marks, unit_merge
from sync.store.subjects import StoredSubjects
from tests.sync.store.samples import NOW, deal, mirror


def test_a_unit_is_claimed_with_all_its_due_subjects_of_the_lane(subjects: StoredSubjects) -> None:
    subjects.mark(
        [deal("0Q0A"), deal("0Q0B"), deal("0Q0C", "unit:001B"), Mark("account:001A", "bulk", "unit:001A")], reason="x"
    )

    claim = subjects.claim_unit("deal", unit="unit:001A")

    assert claim is not None
    assert (claim.lane, claim.unit) == ("deal", "unit:001A")
    assert [due.key for due in claim.subjects] == ["quote:0Q0A", "quote:0Q0B"]
    assert all(due.attempts == 1 and due.revision == 1 for due in claim.subjects)


def test_the_unit_that_has_been_due_longest_comes_first(
    subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    for quote in ("0Q0C", "0Q0A", "0Q0B"):
        subjects.mark([deal(quote, f"unit:{quote}")], reason="x")
        time_passes(1)

    claims = [subjects.claim_unit("deal") for _ in range(3)]
    assert [claim.unit for claim in claims if claim] == ["unit:0Q0C", "unit:0Q0A", "unit:0Q0B"]


def test_a_busy_unit_is_passed_over_and_costs_no_attempt(subjects: StoredSubjects) -> None:
    subjects.mark([deal("0Q0A")], reason="x")
    first = subjects.claim_unit("deal")
    subjects.mark([deal("0Q0B"), Mark("account:001A", "bulk", "unit:001A")], reason="x")

    assert first is not None
    assert subjects.claim_unit("deal") is None
    assert subjects.claim_unit("bulk") is None
    counts = subjects.counts(NOW)
    assert (counts.due["deal"], counts.due["bulk"], counts.leased) == (0, 0, 1)

    subjects.finish(first, {"quote:0Q0A": Done()})
    second = subjects.claim_unit("deal")
    assert second is not None
    assert [(due.key, due.attempts) for due in second.subjects] == [("quote:0Q0B", 1)]


def test_a_batch_is_taken_whatever_the_units_and_up_to_its_limit(subjects: StoredSubjects) -> None:
    subjects.mark([mirror(f"in_{n}") for n in range(250)], reason="x")

    first, second, third = (subjects.claim_batch("mirror") for _ in range(3))

    assert first is not None
    assert second is not None
    assert third is None
    assert (len(first.subjects), len(second.subjects)) == (200, 50)
    assert not {due.key for due in first.subjects} & {due.key for due in second.subjects}
    assert second.token > first.token


def test_the_lanes_do_not_take_from_each_other(subjects: StoredSubjects) -> None:
    subjects.mark([mirror(), Mark("customer:cus_1", "bulk", "")], reason="x")

    assert subjects.claim_unit("deal") is None
    bulk = subjects.claim_batch("bulk")
    assert bulk is not None
    assert [due.key for due in bulk.subjects] == ["customer:cus_1"]


def test_an_expired_lease_is_taken_and_the_old_token_is_refused_everywhere(
    subjects: StoredSubjects, other_subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    subjects.mark([deal()], reason="x")
    old = subjects.claim_unit("deal")
    assert old is not None

    time_passes(44)
    assert other_subjects.claim_unit("deal") is None
    time_passes(2)
    new = other_subjects.claim_unit("deal")

    assert new is not None
    assert new.token > old.token
    assert new.subjects[0].attempts == 2
    with pytest.raises(LeaseLost):
        subjects.renew(old)
    with pytest.raises(LeaseLost):
        subjects.finish(old, {"quote:0Q0A": Done()})
    subjects.release(old)  # nothing is left to give back, and nothing is taken from the new holder
    other_subjects.renew(new)
    assert other_subjects.state("quote:0Q0A").attempts == 2  # type: ignore[union-attr]
    other_subjects.finish(new, {"quote:0Q0A": Done()})


def test_a_lease_that_ran_out_but_was_taken_by_nobody_still_counts(
    subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    subjects.mark([deal()], reason="x")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    time_passes(100)

    subjects.renew(claim)

    assert subjects.claim_unit("deal") is None


def test_a_renewed_lease_lasts_its_whole_length_again(
    subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    subjects.mark([mirror()], reason="x")
    claim = subjects.claim_batch("mirror")
    assert claim is not None
    for _ in range(3):
        time_passes(40)
        subjects.renew(claim)
        assert subjects.claim_batch("mirror") is None


def test_a_unit_taken_for_other_subjects_is_lost_all_the_same(
    subjects: StoredSubjects, other_subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    subjects.mark([deal("0Q0A"), Mark("account:001A", "bulk", "unit:001A")], reason="x")
    old = subjects.claim_unit("deal")
    assert old is not None
    time_passes(50)
    new = other_subjects.claim_unit("bulk")
    assert new is not None
    assert [due.key for due in new.subjects] == ["account:001A"]

    with pytest.raises(LeaseLost):
        subjects.renew(old)
    with pytest.raises(LeaseLost):
        subjects.finish(old, {"quote:0Q0A": Done()})


def test_a_batch_of_which_a_part_was_taken_is_lost_as_a_whole(
    subjects: StoredSubjects, other_subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    subjects.mark([mirror("in_1"), mirror("in_2")], reason="x")
    old = subjects.claim_batch("mirror")
    assert old is not None
    time_passes(50)
    new = other_subjects.claim_batch("mirror", limit=1)
    assert new is not None

    with pytest.raises(LeaseLost):
        subjects.finish(old, {due.key: Done() for due in old.subjects})

    rest = other_subjects.claim_batch("mirror")
    assert rest is not None
    assert {due.key for due in (*new.subjects, *rest.subjects)} == {"invoice:in_1", "invoice:in_2"}


def test_released_subjects_are_due_at_once_and_the_try_is_not_counted(subjects: StoredSubjects) -> None:
    subjects.mark([deal("0Q0A"), deal("0Q0B")], reason="x")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    subjects.release(claim)

    again = subjects.claim_unit("deal")
    assert again is not None
    assert [due.attempts for due in again.subjects] == [1, 1]


def test_subjects_without_an_outcome_are_given_back(subjects: StoredSubjects) -> None:
    subjects.mark([deal("0Q0A"), deal("0Q0B")], reason="x")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    subjects.finish(claim, {"quote:0Q0A": Done()})

    again = subjects.claim_unit("deal")
    assert again is not None
    assert [(due.key, due.attempts) for due in again.subjects] == [("quote:0Q0B", 1)]


def test_an_outcome_for_a_subject_that_was_not_claimed_is_a_mistake(subjects: StoredSubjects) -> None:
    subjects.mark([deal()], reason="x")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    with pytest.raises(ValueError, match="quote:0Q0Z"):
        subjects.finish(claim, {"quote:0Q0A": Done(), "quote:0Q0Z": Done()})

    subjects.finish(claim, {"quote:0Q0A": Done()})  # nothing of the mistaken call was stored


def test_many_claimers_never_share_a_unit_and_every_unit_is_served(
    subjects: StoredSubjects, other_subjects: StoredSubjects
) -> None:
    subjects.mark([deal(f"0Q{n}", f"unit:{n % 12}") for n in range(48)], reason="x")
    held: Counter[str] = Counter()
    served: Counter[str] = Counter()
    shared: list[str] = []
    guard, start = Lock(), Barrier(6)

    def work(where: StoredSubjects) -> None:
        start.wait()
        while (claim := where.claim_unit("deal")) is not None:
            with guard:
                held[claim.unit] += 1
                shared.extend(unit for unit, holders in held.items() if holders > 1)
            where.renew(claim)
            with guard:
                held[claim.unit] -= 1
                served.update(due.key for due in claim.subjects)
            where.finish(claim, {due.key: Done() for due in claim.subjects})

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, where) for where in (subjects, other_subjects) * 3]:
            done.result(60)

    # Whoever came while the last units were held left; what they did not get is still due, never done twice.
    while (claim := subjects.claim_unit("deal")) is not None:
        served.update(due.key for due in claim.subjects)
        subjects.finish(claim, {due.key: Done() for due in claim.subjects})
    assert shared == []
    assert set(served.values()) == {1}
    assert len(served) == 48


def test_many_claimers_of_batches_never_share_a_subject(
    subjects: StoredSubjects, other_subjects: StoredSubjects
) -> None:
    subjects.mark([mirror(f"in_{n}") for n in range(300)], reason="x")
    start = Barrier(4)

    def work(where: StoredSubjects) -> list[str]:
        start.wait()
        mine: list[str] = []
        while (claim := where.claim_batch("mirror", limit=17)) is not None:
            mine += [due.key for due in claim.subjects]
            where.finish(claim, {due.key: Done() for due in claim.subjects})
        return mine

    with ThreadPoolExecutor(4) as pool:
        taken = [
            key for done in [pool.submit(work, w) for w in (subjects, other_subjects) * 2] for key in done.result()
        ]
    assert len(taken) == len(set(taken)) == 300


def test_marking_while_others_claim_and_finish_ends_with_everything_done(
    subjects: StoredSubjects, other_subjects: StoredSubjects
) -> None:
    keys = [f"0Q{n}" for n in range(6)]
    start = Barrier(3)

    def mark() -> None:
        start.wait()
        for _ in range(20):
            subjects.mark([deal(key, f"unit:{key}") for key in keys], reason="x")

    def work(where: StoredSubjects) -> None:
        start.wait()
        for _ in range(60):
            if (claim := where.claim_unit("deal")) is not None:
                where.finish(claim, {due.key: Done() for due in claim.subjects})

    with ThreadPoolExecutor(3) as pool:
        for done in (pool.submit(mark), pool.submit(work, subjects), pool.submit(work, other_subjects)):
            done.result(60)
    while (claim := subjects.claim_unit("deal")) is not None:
        subjects.finish(claim, {due.key: Done() for due in claim.subjects})

    states = [subjects.state(f"quote:{key}") for key in keys]
    assert {(state.revision, state.done_revision) for state in states if state} == {(20, 20)}


def test_a_lease_shorter_than_a_call_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="outlast"):
        StoredSubjects(engine, now=lambda: NOW, lease_s=30, call_deadline_s=30)


def test_a_claim_finds_its_rows_by_an_index_among_many_that_are_done(subjects: StoredSubjects, engine: Engine) -> None:
    subjects.mark([mirror(f"in_{n}") for n in range(2000)], reason="x")
    while (claim := subjects.claim_batch("mirror", limit=2000)) is not None:
        subjects.finish(claim, {due.key: Done() for due in claim.subjects})
    with engine.begin() as connection:
        connection.execute(text("ANALYZE subjects"))
        plan = connection.execute(
            text(
                "EXPLAIN SELECT key FROM subjects WHERE lane = 'mirror' AND revision > done_revision"
                " AND ready_machine_at <= (SELECT clock_timestamp()) ORDER BY ready_machine_at LIMIT 200"
            )
        )
        told = "\n".join(row[0] for row in plan)
    assert "subjects_due" in told
    assert "Seq Scan" not in told


# ---------------------------------------------------------------- merging two units


def test_a_linked_customer_s_subjects_move_to_the_account_now_and_later(subjects: StoredSubjects) -> None:
    subjects.mark([deal("0Q0A", "unit:cus_1"), deal("0Q0B", "unit:001A")], reason="x")

    subjects.merge_units("unit:001A", "unit:cus_1")
    subjects.mark([deal("0Q0C", "unit:cus_1")], reason="later")

    claim = subjects.claim_unit("deal")
    assert claim is not None
    assert claim.unit == "unit:001A"
    assert [due.key for due in claim.subjects] == ["quote:0Q0A", "quote:0Q0B", "quote:0Q0C"]
    assert subjects.claim_unit("deal") is None


def test_units_merged_one_after_the_other_end_in_the_last(subjects: StoredSubjects) -> None:
    subjects.merge_units("unit:001A", "unit:cus_1")
    subjects.merge_units("unit:001B", "unit:001A")
    subjects.merge_units("unit:001B", "unit:cus_1")  # once more is fine
    subjects.mark([deal("0Q0A", "unit:cus_1")], reason="x")

    assert subjects.state("quote:0Q0A").unit == "unit:001B"  # type: ignore[union-attr]


def test_a_merge_waits_while_somebody_else_works_on_either_unit(
    subjects: StoredSubjects, other_subjects: StoredSubjects
) -> None:
    subjects.mark([deal("0Q0A", "unit:cus_1"), deal("0Q0B", "unit:001A")], reason="x")
    mine = subjects.claim_unit("deal", unit="unit:001A")
    theirs = other_subjects.claim_unit("deal", unit="unit:cus_1")
    assert mine is not None
    assert theirs is not None

    with pytest.raises(Transient, match="unit:cus_1"):
        subjects.merge_units("unit:001A", "unit:cus_1", claim=mine)

    other_subjects.finish(theirs, {"quote:0Q0A": Done()})
    subjects.merge_units("unit:001A", "unit:cus_1", claim=mine)
    subjects.finish(mine, {"quote:0Q0B": Done()})


@pytest.mark.parametrize("held", ["unit:001A", "unit:cus_1"])
def test_who_merges_holds_both_units_until_its_claim_ends(
    subjects: StoredSubjects, other_subjects: StoredSubjects, held: str
) -> None:
    subjects.mark([deal("0Q0A", held)], reason="x")
    mine = subjects.claim_unit("deal")
    assert mine is not None
    subjects.merge_units("unit:001A", "unit:cus_1", claim=mine)

    subjects.mark([deal("0Q0B", "unit:001A")], reason="meanwhile")
    assert other_subjects.claim_unit("deal") is None
    subjects.renew(mine)
    subjects.finish(mine, {"quote:0Q0A": Done()})

    claim = other_subjects.claim_unit("deal")
    assert claim is not None
    assert [due.key for due in claim.subjects] == ["quote:0Q0B"]


def test_two_merges_crossing_each_other_end_in_one_unit(
    subjects: StoredSubjects, other_subjects: StoredSubjects
) -> None:
    start = Barrier(2)

    def merge(where: StoredSubjects, into: str, other: str) -> None:
        start.wait()
        where.merge_units(into, other)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(merge, subjects, "unit:001A", "unit:cus_1")
        two = pool.submit(merge, other_subjects, "unit:cus_1", "unit:001A")
        one.result(30)
        two.result(30)
    subjects.mark([deal("0Q0A", "unit:001A"), deal("0Q0B", "unit:cus_1")], reason="x")

    claim = subjects.claim_unit("deal")
    assert claim is not None
    assert len(claim.subjects) == 2


def test_a_unit_that_is_merged_away_meanwhile_takes_nobody_in(
    subjects: StoredSubjects, other_subjects: StoredSubjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects.mark([deal("0Q0A", "unit:001A"), deal("0Q0B", "unit:001B"), deal("0Q0C", "unit:cus_1")], reason="x")
    locked, first = unit_merge._take_both, [True]

    def after_another(connection: Connection, pair: list[str], token: int | None) -> None:
        """Between the look at the two units and their locks somebody else merges one of them."""
        if first:
            first.clear()
            other_subjects.merge_units("unit:001A", "unit:001B")
        locked(connection, pair, token)

    monkeypatch.setattr(unit_merge, "_take_both", after_another)
    subjects.merge_units("unit:001B", "unit:cus_1")
    subjects.mark([deal("0Q0D", "unit:cus_1")], reason="x")

    claim = subjects.claim_unit("deal")
    assert claim is not None
    assert [due.key for due in claim.subjects] == ["quote:0Q0A", "quote:0Q0B", "quote:0Q0C", "quote:0Q0D"]


def test_a_mark_not_yet_committed_ends_in_the_merged_unit(subjects: StoredSubjects, engine: Engine) -> None:
    subjects.mark([deal("0Q0Z", "unit:cus_1")], reason="x")  # the unit is known
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            marks.raise_due(connection, [deal("0Q0A", "unit:cus_1")], reason="x", settle_max_s=5)
            merge = pool.submit(subjects.merge_units, "unit:001A", "unit:cus_1")
            with pytest.raises(TimeoutError):
                merge.result(0.5)  # waits for the mark
        merge.result(30)

    assert subjects.state("quote:0Q0A").unit == "unit:001A"  # type: ignore[union-attr]


def test_a_merge_needs_two_names(subjects: StoredSubjects) -> None:
    with pytest.raises(ValueError, match="without a name"):
        subjects.merge_units("unit:001A", "")


def test_a_retrying_subject_is_not_claimed_before_its_time(
    subjects: StoredSubjects, time_passes: Callable[[float], None]
) -> None:
    subjects.mark([deal()], reason="x")
    claim = subjects.claim_unit("deal")
    assert claim is not None
    subjects.finish(claim, {"quote:0Q0A": Again("TEMP-401", "slow down", after_s=600)})

    assert subjects.claim_unit("deal") is None
    time_passes(timedelta(minutes=9).total_seconds())
    assert subjects.claim_unit("deal") is None
    time_passes(61)
    assert subjects.claim_unit("deal") is not None
