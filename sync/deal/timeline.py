"""A deal cut into what each Stripe object carries, phase by phase (BILLING_RULES 4, DESIGN 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from sync.deal.calendar import add_months
from sync.deal.deal import Deal
from sync.deal.lines import DealLine
from sync.deal.pricing import DealItem, items

#: Stripe's limit of items on a subscription, and of `add_invoice_items` on a phase.
MAX_ITEMS = 20


@dataclass(frozen=True)
class Phase:
    """A stretch of time, ``end`` exclusive, in which nothing changes. ``once`` is billed on its first invoice."""

    start: date
    end: date
    items: tuple[DealItem, ...]
    once: tuple[DealItem, ...] = ()


@dataclass(frozen=True)
class Track:
    """What one Stripe object of the deal carries: items of one cycle, anchored at the track's start."""

    key: str
    cycle_months: int
    phases: tuple[Phase, ...]

    @property
    def start(self) -> date:
        """The first day, and the anchor of every cycle."""
        return self.phases[0].start

    @property
    def end(self) -> date:
        """The first day without service."""
        return self.phases[-1].end

    def cycles(self) -> tuple[tuple[date, date, Phase], ...]:
        """Every billing cycle: first day, first day of the next, and the phase it begins in; counted from the start."""
        found = []
        for phase in self.phases:
            k = 0
            while (day := add_months(self.start, k * self.cycle_months)) < phase.end:
                if day >= phase.start:
                    found.append((day, min(add_months(self.start, (k + 1) * self.cycle_months), self.end), phase))
                k += 1
        return tuple(found)


def tracks(deal: Deal) -> tuple[Track, ...]:
    """One track for each billing frequency, the shortest cycle first; more where one would pass Stripe's item limit.

    The first carries the deal's key, the others ``key#2``, ``key#3`` ... One-time lines go with the first with room.
    """
    cut: list[tuple[int, list[DealLine]]] = []
    for cycle in sorted({line.cycle_months for line in deal.recurring if line.cycle_months}):
        lines = [line for line in deal.recurring if line.cycle_months == cycle]
        cut += [(cycle, part) for part in _chunks(lines, deal)]
    once = items(deal.once, deal)
    found = []
    for index, (cycle, lines) in enumerate(cut):
        key = deal.key if index == 0 else f"{deal.key}#{index + 1}"
        found.append(Track(key, cycle, _phases(lines, once[index * MAX_ITEMS : (index + 1) * MAX_ITEMS], deal)))
    return tuple(found)


def _chunks(lines: Sequence[DealLine], deal: Deal) -> list[list[DealLine]]:
    """The lines in parts of at most 20 items, lines that agree kept together."""
    grouped = [list(item.lines) for item in items(lines, deal)]
    parts = [grouped[at : at + MAX_ITEMS] for at in range(0, len(grouped), MAX_ITEMS)]
    return [[line for group in part for line in group] for part in parts]


def _phases(lines: Sequence[DealLine], once: Sequence[DealItem], deal: Deal) -> tuple[Phase, ...]:
    """The time of these lines, cut wherever one begins or ends."""
    cuts = sorted({line.start for line in lines} | {line.end for line in lines})
    phases = []
    for start, end in pairwise(cuts):
        running = [line for line in lines if line.start <= start and end <= line.end]
        due = tuple(item for item in once if start <= item.start < end)
        phases.append(Phase(start, end, items(running, deal), due))
    return tuple(phases)
