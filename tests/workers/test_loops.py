"""A loop keeps going whatever its step does, and ends when it is asked to."""

from __future__ import annotations

import threading

import pytest

from sync.errors import LeaseLost, Transient
from tests.workers.processes import eventually
from workers.loops import LONGEST_REST_S, Loop


def test_a_loop_repeats_its_step_and_ends_when_asked() -> None:
    stop, turns = threading.Event(), []

    def step() -> int:
        turns.append(1)
        return 0

    loop = Loop("test", step, stop, idle_s=0.01)
    loop.start()
    assert eventually(lambda: len(turns) > 3)
    stop.set()
    assert loop.join(5)


@pytest.mark.parametrize("error", [Transient("TEMP-406", "away"), LeaseLost("unit:1"), ZeroDivisionError()])
def test_no_failure_ends_a_loop(error: Exception) -> None:
    stop, answers = threading.Event(), iter([error, 0, 1])
    reached = threading.Event()

    def step() -> int:
        answer = next(answers, None)
        if answer is None:
            reached.set()
            return 0
        if isinstance(answer, Exception):
            raise answer
        return answer

    loop = Loop("test", step, stop, idle_s=0.01)
    loop.start()
    assert reached.wait(5)
    stop.set()
    assert loop.join(5)


def test_a_step_that_keeps_failing_is_tried_less_and_less_often() -> None:
    def step() -> int:
        raise Transient("TEMP-406", "away")

    loop = Loop("test", step, threading.Event(), idle_s=1.0)
    rests = []
    for _ in range(40):
        loop.turn()
        rests.append(loop.rest_s())

    assert rests[0] < rests[3] < rests[-1] <= LONGEST_REST_S * 1.2
