"""The deal lane: every subject of a unit runs and gets an outcome, under one lease that lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog

from sync.errors import LeaseLost, Terminal, Transient, Unsafe
from sync.ports import Claim, Done, Due, Failed, Outcome
from sync.run.pausing import Pausing
from sync.run.pipeline import Pipeline
from tests.sync.run.conftest import Place


@dataclass
class Runs:
    """Stands in for the quote and the identity run; notes what it ran."""

    answer: Callable[[Due], Outcome] = lambda due: Done()
    ran: list[str] = field(default_factory=list)
    mode: str = "match"

    def run(self, claim: Claim, due: Due) -> Outcome:
        self.ran.append(due.key)
        return self.answer(due)


def pipeline(place: Place, quotes: Runs, **more: Any) -> Pipeline:
    parts: dict[str, Any] = {
        "subjects": place.subjects,
        "outbox": place.outbox,
        "clock": place.clock,
        "mirror": place.mirror(),
        "pausing": Pausing(place.cursors),
    }
    nothing: Any = None
    return Pipeline(
        **{
            **parts,
            "changes": nothing,
            "flusher": nothing,
            "nightly": nothing,
            "won": nothing,
            "quotes": quotes,
            "identity": Runs(),
            "products": Runs(),
            **more,
        }
    )


def due(place: Place, *keys: str) -> None:
    place.mark(*keys, lane="deal", unit="unit:001A")


def raises(error: Exception) -> Callable[[Due], Outcome]:
    def answer(_: Due) -> Outcome:
        raise error

    return answer


def test_all_due_subjects_of_a_unit_run_each_by_its_kind(place: Place) -> None:
    quotes, identity = Runs(), Runs()
    due(place, "quote:0Q0A", "quote:0Q0B", "customer:cus_1")

    assert pipeline(place, quotes, identity=identity).run_deal() == 3

    assert (sorted(quotes.ran), identity.ran) == (["quote:0Q0A", "quote:0Q0B"], ["customer:cus_1"])
    assert place.due() == {}


@pytest.mark.parametrize("key", ["account:001A", "invoice:in_1", "payment:pi_1"])
def test_a_subject_that_is_no_deal_is_set_aside_loudly(place: Place, key: str) -> None:
    due(place, key)

    assert pipeline(place, Runs()).run_deal() == 1

    assert place.code(key) == "BUG-502"


@pytest.mark.parametrize(
    ("error", "code", "waits_for_a_person"),
    [
        (Transient("TEMP-401", "slow down"), "TEMP-401", False),
        (Terminal("CONF-305", "no right"), "CONF-305", True),
        (Unsafe("BUG-501", "other content"), "BUG-501", True),
        (ZeroDivisionError(), "BUG-502", True),
    ],
)
def test_what_escapes_a_run_becomes_its_outcome_and_others_go_on(
    place: Place, error: Exception, code: str, waits_for_a_person: bool
) -> None:
    quotes = Runs(answer=lambda d: raises(error)(d) if d.id == "0Q0A" else Done())
    due(place, "quote:0Q0A", "quote:0Q0B")

    pipeline(place, quotes).run_deal()

    assert place.code("quote:0Q0A") == code
    assert place.code("quote:0Q0B") is None
    assert [s.key for s in place.subjects.failures()] == (["quote:0Q0A"] if waits_for_a_person else [])


@pytest.mark.parametrize(("code", "reason"), [("DATA-214", None), ("CONF-305", "Dune Inc")])
def test_what_people_wrote_stays_with_the_record_and_out_of_the_log(
    place: Place, code: str, reason: str | None
) -> None:
    due(place, "quote:0Q0A")
    with structlog.testing.capture_logs() as said:
        pipeline(place, Runs(answer=raises(Terminal(code, "Dune Inc")))).run_deal()

    [failed] = [line for line in said if line["event"] == "run_failed"]
    assert (failed["code"], failed.get("reason")) == (code, reason)
    [state] = place.subjects.failures()
    assert state.error_message == "Dune Inc"


def test_many_subjects_of_one_unit_outlast_one_lease(place: Place) -> None:
    quotes = Runs()
    quotes.answer = lambda _: (place.leases_end(), Done())[1]
    due(place, *(f"quote:0Q{n:02d}" for n in range(10)))

    pipeline(place, quotes).run_deal()

    assert len(quotes.ran) == 10
    assert place.due() == {}


def test_who_lost_the_unit_starts_no_further_subject_and_records_nothing(place: Place) -> None:
    quotes = Runs()
    quotes.answer = lambda _: (place.taken_over(), Done())[1]
    due(place, "quote:0Q0A", "quote:0Q0B")

    pipeline(place, quotes).run_deal()

    assert len(quotes.ran) == 1
    assert len(place.due()) == 2


def test_a_lease_lost_inside_a_run_ends_it_without_an_outcome(place: Place) -> None:
    quotes = Runs(answer=raises(LeaseLost("unit:001A")))
    due(place, "quote:0Q0A", "quote:0Q0B")

    pipeline(place, quotes).run_deal()

    assert len(quotes.ran) == 1
    assert place.code("quote:0Q0A") is None


def test_a_subject_that_goes_round_in_circles_is_stopped(place: Place) -> None:
    quotes = Runs()
    quotes.answer = lambda _: (due(place, "quote:0Q0A"), Done())[1]
    due(place, "quote:0Q0A")
    work, runs = pipeline(place, quotes), Counter[str]()

    while work.run_deal(runs, stop_at=20):
        assert runs["quote:0Q0A"] < 100

    assert len(quotes.ran) == 20
    [stopped] = place.subjects.failures()
    assert (stopped.error_code, "20 times" in str(stopped.error_message)) == ("BUG-503", True)


def test_a_failure_that_wakes_is_looked_at_again_at_its_instant(place: Place) -> None:
    quotes = Runs(answer=lambda _: Failed("DATA-221", "changed", wake_at=place.clock.at))
    due(place, "quote:0Q0A")
    work = pipeline(place, quotes)
    work.run_deal()
    assert place.due() == {}

    work.take_in()

    assert place.due() == {"quote:0Q0A": "deal"}
