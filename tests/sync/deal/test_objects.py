"""Which lines share a Stripe object: use beside shorter cycles, and ramps with more steps than Stripe is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from sync.deal.calendar import add_months
from sync.deal.cycles import CycleKind
from sync.deal.deal import Deal
from sync.deal.effect import effect
from sync.deal.forecast import forecast, line_amounts
from sync.deal.lines import Charge, DealLine, DealProduct, Usage
from sync.deal.timeline import tracks
from tests.sync.deal.deals import EARLY, JAN, NEXT_JAN, amended, cancelled, day, deal, fee, line

CALLS = DealProduct("01tUSE", "Calls")


def by_use(name: str, **more: Any) -> DealLine:
    bare = replace(line(name, 1, "0.50", product=CALLS, **more), charge=Charge.USAGE, period_months=None)
    return replace(bare, usage=Usage("call"))


def lines_of(made: Deal) -> list[set[str]]:
    return [set(track.line_ids) for track in tracks(made)]


def test_use_shares_the_object_of_what_has_its_cycles() -> None:
    assert lines_of(deal(by_use("U"), line("L", 10, "10.00"))) == [{"U", "L"}]


def test_use_stands_apart_where_others_have_pieces_of_cycles() -> None:
    tail = deal(
        by_use("U", end=day("2026-03-15")), line("L", 10, "10.00", end=day("2026-03-15")), end=day("2026-03-15")
    )
    assert lines_of(tail) == [{"L"}, {"U"}]
    [phase] = tracks(tail)[1].phases  # the running cycle just ends early
    assert (phase.start, phase.end, phase.anchored) == (JAN, day("2026-03-15"), False)
    assert phase.items[0].interval == ("month", 1)
    assert lines_of(deal(by_use("U"), line("L", 10, "10.00"), billing_day=15)) == [{"L"}, {"U"}]
    inside = deal(line("L", 10, "10.00"), by_use("U", start=day("2026-01-11")))
    assert lines_of(inside) == [{"L"}, {"U"}]
    assert [phase.kind for phase in tracks(inside)[1].phases] == [CycleKind.JOINED, CycleKind.FULL]


def test_a_long_ramp_goes_on_in_objects_of_its_own_that_are_all_there_from_the_first_day() -> None:
    firsts = [add_months(JAN, n) for n in range(25)]
    steps = [line(f"L{n}", n, "10.00", start=firsts[n - 1], end=firsts[n]) for n in range(1, 25)]
    ramp = deal(*steps, end=firsts[24])
    assert [(track.start, track.end, len(track.phases)) for track in tracks(ramp)] == [
        (firsts[0], firsts[8], 8), (firsts[8], firsts[16], 8), (firsts[16], firsts[24], 8),
    ]  # fmt: skip
    made = forecast(ramp, EARLY)
    assert [(i.day, i.total) for i in made.invoices] == [(firsts[n - 1], n * 1_000) for n in range(1, 25)]
    late = replace(ramp, changes=(replace(ramp.base, accepted_at=ramp.boundary(firsts[10])),))
    assert len(tracks(late)[0].phases) == 11 + 8  # steps that had begun by then are told to nobody


def test_without_an_end_only_what_is_charged_once_comes_to_something() -> None:
    endless = deal(line("L", 10, "10.00", end=None), fee("F", "99.00"), end=None)
    made = forecast(endless, EARLY)
    assert line_amounts(endless, made) == {"F": Decimal("99.00")}
    more = amended(endless, "A", day("2026-03-01"), line("L2", 1, "10.00", start=day("2026-03-01"), end=None))
    assert effect(made, forecast(more, EARLY), more.changes[-1]).open_ended
    ended = cancelled(endless, day("2026-03-01"))
    assert effect(made, forecast(ended, EARLY), ended.changes[-1]).open_ended
    fixed = deal(line("L", 10, "10.00"))
    add = amended(fixed, "A", day("2026-03-01"), line("L2", 1, "10.00", start=day("2026-03-01"), end=NEXT_JAN))
    assert not effect(forecast(fixed, EARLY), forecast(add, EARLY), add.changes[-1]).open_ended
