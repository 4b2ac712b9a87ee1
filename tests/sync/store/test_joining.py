"""Further units of a claim that runs: held by one at a time, waited for by nobody, free when the claim ends or its holder is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync.errors import LeaseLost
from sync.ports import Claim, Done
from sync.store.subjects import StoredSubjects
from tests.sync.store.samples import deal

MAIL, OTHER = "email:1", "email:2"


def working(subjects: StoredSubjects, quote: str, unit: str) -> Claim:
    subjects.mark([deal(quote, unit)], reason="x")
    claim = subjects.claim_unit("deal", unit=unit)
    assert claim is not None
    return claim


@pytest.fixture
def mine(subjects: StoredSubjects) -> Claim:
    return working(subjects, "0Q0A", "unit:001A")


@pytest.fixture
def theirs(other_subjects: StoredSubjects) -> Claim:
    return working(other_subjects, "0Q0B", "unit:001B")


def test_what_one_holds_another_does_not_get_and_all_else_it_gets(
    subjects: StoredSubjects, other_subjects: StoredSubjects, mine: Claim, theirs: Claim
) -> None:
    held, busy = subjects.hold(mine, [MAIL])
    assert (held.others, busy) == ((MAIL,), frozenset())

    assert other_subjects.hold(theirs, [OTHER, MAIL])[1] == {MAIL}
    assert subjects.hold(held, [MAIL, OTHER]) == (held, {OTHER})  # once more is fine


def test_it_is_free_again_when_the_claim_ends(
    subjects: StoredSubjects, other_subjects: StoredSubjects, mine: Claim, theirs: Claim
) -> None:
    subjects.hold(mine, [MAIL])

    subjects.finish(mine, {"quote:0Q0A": Done()})

    assert other_subjects.hold(theirs, [MAIL])[1] == frozenset()


def test_it_lasts_while_the_claim_is_renewed_and_is_free_once_its_holder_is_gone(
    subjects: StoredSubjects,
    other_subjects: StoredSubjects,
    mine: Claim,
    time_passes: Callable[[float], None],
) -> None:
    held, _ = subjects.hold(mine, [MAIL])
    time_passes(30)
    subjects.renew(held)
    time_passes(30)
    theirs = working(other_subjects, "0Q0B", "unit:001B")
    assert other_subjects.hold(theirs, [MAIL])[1] == {MAIL}

    time_passes(46)
    assert other_subjects.hold(theirs, [MAIL])[1] == frozenset()
    with pytest.raises(LeaseLost, match="email:1"):
        subjects.renew(held)  # it was frozen, and its own unit is still nobody else's


def test_a_claim_that_another_took_over_gets_nothing(
    subjects: StoredSubjects, other_subjects: StoredSubjects, mine: Claim, time_passes: Callable[[float], None]
) -> None:
    time_passes(46)
    assert other_subjects.claim_unit("deal") is not None

    with pytest.raises(LeaseLost):
        subjects.hold(mine, [MAIL])

    theirs = working(other_subjects, "0Q0B", "unit:001B")
    assert other_subjects.hold(theirs, [MAIL])[1] == frozenset()
