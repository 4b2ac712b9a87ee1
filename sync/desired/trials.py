"""The trial of a deal that was cancelled, or all of which was taken off, before it billed anything: it runs until that day,
and then all of it is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from sync.deal.cycles import CycleKind
from sync.deal.deal import Deal
from sync.deal.timeline import Phase, Track, tracks
from sync.desired.made import Made
from sync.desired.objects import PlannedObject
from sync.records import Desired


class CutTrial(PlannedObject):
    """An object of which nothing is left but its trial, until a day in it."""

    def desired(self) -> list[Desired]:
        """What ends it on that day. No invoice is stated: nothing was ever billed."""
        schedule = self._schedule()
        alone = [self._subscription()] if self._stops else []
        return [*alone, *([schedule] if schedule is not None else [])]

    def wakes(self) -> list[datetime]:
        """None of its own: the deal wakes on its last day anyway."""
        return []

    def _tracks(self, deal: Deal) -> tuple[Track, ...]:
        """As it was sold, or as an earlier quote had cut it."""
        return (*tracks(deal), *cut_trials(deal, {self.track.key: self.mine}))


def cut_trials(deal: Deal, known: Mapping[str, Made]) -> tuple[Track, ...]:
    """The objects of the deal that nothing is left of but their trial: each ends on the Cancellation's day, or with the
    trial where Amendments took all of it off.

    One that has not begun and never will is left out: it is simply cancelled.
    """
    if deal.trial_from is None or (deal.ends_on is not None and deal.ends_on > deal.start and tracks(deal)):
        return ()
    left = {track.key for track in tracks(deal)}
    last = min(deal.ends_on or deal.start, deal.start)
    sold = (_as_sold(key, deal) for key, mine in known.items() if key not in left and _has_trial(mine, deal, last))
    return tuple(_until(track, last) for track in sold if track is not None and track.start == deal.start)


def _as_sold(key: str, deal: Deal) -> Track | None:
    """The object as it was when there was last something of it to bill."""
    sold = replace(deal, changes=tuple(c for c in deal.changes if not c.ends))
    each = (track for n in range(len(sold.changes), 0, -1) for track in tracks(sold.of_first(n)))
    return next((track for track in each if track.key == key), None)


def _has_trial(mine: Made, deal: Deal, last: date) -> bool:
    """Whether a trial of it runs, or will until that day."""
    standing = mine.schedule.status if mine.schedule else None
    if standing == "canceled" and mine.subscription is None:
        return False  # before it began
    return standing != "not_started" or last > deal.opens


def _until(track: Track, day: date) -> Track:
    """The track with nothing after its trial, which ends on that day."""
    return replace(track, phases=(Phase(track.start, day, track.phases[0].items, kind=CycleKind.FULL),))
