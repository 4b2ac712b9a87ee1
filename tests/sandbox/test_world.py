"""The clock of a world: what falls due happens once, in order, at its own second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.world import ClockRefused, World, stamp


class Alarms:
    """A half that notes when it was called for which alarm."""

    def __init__(self, world: World, name: str, due: list[int]) -> None:
        self.world, self.name, self.due = world, name, sorted(due)
        self.rung: list[int] = []
        self.app: Any = None
        self.breeds: dict[int, int] = {}

    def ready(self, base_url: str) -> dict[str, Any]:
        return {}

    def reset(self) -> None:
        self.due.clear()

    def next_due_s(self) -> int | None:
        return self.due[0] if self.due else None

    def run_due(self, at_s: int) -> None:
        assert self.world.now_s() == at_s
        while self.due and self.due[0] <= at_s:
            self.rung.append(at_s)
            if (child := self.breeds.pop(self.due.pop(0), None)) is not None:
                self.due = sorted([*self.due, child])

    async def deliver(self) -> None:
        return None

    def decode_params(self, query: str, content_type: str, body: bytes) -> Any:
        return {}

    def fault_answer(self, kind: str, method: str, path: str, headers: Mapping[str, str]) -> None:
        return None


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_everything_due_happens_in_order_at_its_own_second() -> None:
    world = World()
    world.move_to(at(0))
    left, right = Alarms(world, "left", [30, 10]), Alarms(world, "right", [20, 99])
    world.add(left)
    world.add(right)
    world.move_to(at(50))
    assert (left.rung, right.rung) == ([10, 30], [20])
    assert world.now_s() == 50


def test_what_comes_due_on_the_way_happens_too() -> None:
    world = World()
    world.move_to(at(0))
    half = Alarms(world, "half", [10])
    half.breeds = {10: 40, 40: 40}
    world.add(half)
    world.move_to(at(60))
    assert half.rung == [10, 40, 40]


def test_one_jump_is_many_small_steps() -> None:
    rung = []
    for steps in ([100], range(1, 101)):
        world = World()
        world.move_to(at(0))
        half = Alarms(world, "half", [7, 50, 50, 100])
        world.add(half)
        for second in steps:
            world.move_to(at(second))
        rung.append(half.rung)
    assert rung[0] == rung[1] == [7, 50, 50, 100]


def test_something_that_stays_due_is_an_error_not_an_endless_loop() -> None:
    world = World()
    world.move_to(at(0))
    half = Alarms(world, "half", [10])
    half.run_due = lambda at_s: None  # type: ignore[method-assign]
    world.add(half)
    with pytest.raises(RuntimeError, match="stays due"):
        world.move_to(at(20))


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ClockRefused, match="time zone"):
        World().move_to(datetime(2026, 3, 1))  # noqa: DTZ001


def test_time_is_whole_seconds_utc() -> None:
    world = World()
    world.move_to(datetime(2026, 3, 1, 1, 0, 0, 999999, tzinfo=UTC).astimezone())
    assert stamp(world.now()) == "2026-03-01T01:00:00Z"
    assert world.now().utcoffset() == timedelta(0)


def test_two_worlds_are_never_the_same() -> None:
    assert World().id != World().id
    world = World()
    before = world.id
    world.reset()
    assert world.id != before
