"""A command about everything, where there are several Stripe accounts: each has its turn, and the worst is its end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from sync.cli.exits import Exit
from sync.cli.in_turn import Told, added, in_turn, worst
from sync.cli.output import Out
from sync.errors import SyncError, Terminal, Transient

EVERY: Any = SimpleNamespace(everywhere=tuple(SimpleNamespace(name=name) for name in ("us", "eu", "jp")))


def turns(out: Out, **found: int | SyncError) -> int:
    def work(one: Any) -> Told:
        what = found[one.name]
        if isinstance(what, SyncError):
            raise what
        return Told({"left": what}, [f"{what} left"], Exit.DIFFERENT if what else Exit.DONE)

    def totals(values: Sequence[Mapping[str, object]]) -> tuple[Mapping[str, object], str]:
        left = added(one["left"] for one in values)
        return {"left": left}, f"{left} left"

    return in_turn(out, "reconcile", EVERY, work, totals)


def test_each_account_has_its_heading_and_the_end_says_what_it_comes_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert turns(Out(), us=0, eu=2, jp=1) == Exit.DIFFERENT

    said = [line for line in capsys.readouterr().out.splitlines() if line]
    assert said == [
        "Stripe account us", "0 left", "Stripe account eu", "2 left", "Stripe account jp", "1 left",
        "all 3 Stripe accounts: 3 left",
    ]  # fmt: skip


def test_one_that_is_away_holds_up_no_other_and_is_the_worst(capsys: pytest.CaptureFixture[str]) -> None:
    assert turns(Out(as_json=True), us=1, eu=Transient("TEMP-406", "Stripe is away."), jp=2) == Exit.AWAY

    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert {name: one["exit"] for name, one in answer["stripe_accounts"].items()} == {"us": 7, "eu": 6, "jp": 7}
    assert answer["stripe_accounts"]["eu"]["error"]["code"] == "TEMP-406"
    assert answer["totals"] == {"not_done": ["eu"], "left": 3}
    assert "--stripe-account eu" in said.err


def test_a_right_that_is_missing_is_worse_than_an_account_that_is_away() -> None:
    away, closed = Transient("TEMP-406", "away"), Terminal("CONF-305", "no right")
    assert turns(Out(as_json=True), us=away, eu=closed, jp=0) == Exit.NO_RIGHT


@pytest.mark.parametrize(
    ("codes", "expected"), [((0, 0), 0), ((0, 7), 7), ((7, 1, 0), 1), ((1, 6, 7), 6), ((6, 4), 4), ((2, 6), 2)]
)
def test_not_looked_at_is_worse_than_refused_and_that_than_different(codes: tuple[int, ...], expected: int) -> None:
    assert worst(codes) == expected


def test_tables_are_added_member_by_member_and_what_holds_must_hold_for_all() -> None:
    assert added([]) == 0
    assert added([{"a": 1, "b": {"x": 1}}, {"a": 2, "b": {"y": 3}}]) == {"a": 3, "b": {"x": 1, "y": 3}}
    assert (added([True, True]), added([True, False])) == (True, False)
