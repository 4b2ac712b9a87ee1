"""The Stripe objects that bill a deal (DESIGN 4), one or more for each billing frequency, each as `sync.desired.objects`
has it. Takes a Deal, never a quote.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sync import catalogue
from sync.deal.calendar import instant, say
from sync.deal.deal import Deal
from sync.deal.dues import stated
from sync.deal.policy import BillingPolicy
from sync.deal.settled import all_past, is_past, plain_from
from sync.deal.timeline import Track, tracks
from sync.desired.made import Made
from sync.desired.objects import PlannedObject, custom_fields, pending
from sync.desired.schedules import spans
from sync.desired.stated import desire_stated
from sync.desired.trials import CutTrial, cut_trials
from sync.errors import Refusal, Refused
from sync.facts import Subscription
from sync.records import Desired, Ref


@dataclass(frozen=True)
class Wanted:
    """What should be true now, and the business instant at which that changes (None: never again).

    ``waiting``: a boundary is too near to arrange anything before it; nothing is made before ``wake_at``.
    """

    objects: tuple[Desired, ...]
    wake_at: datetime | None
    waiting: bool = False


def desire(
    deal: Deal,
    now: datetime,
    done: Mapping[str, Made] | None = None,
    policy: BillingPolicy | None = None,
    *,
    put_back: bool = False,
) -> Wanted:
    """The objects of the deal, one or more for each billing frequency, as they should stand.

    ``done`` is `sync.desired.made.made` of what was read: what was settled stays settled. ``put_back`` also says how
    what somebody changed by hand is made as it was signed. Raises `Refused` for what can't be begun any more.
    """
    known, rules = done or {}, policy or BillingPolicy()
    if not known:
        _check_start(deal, now)
    too_near = _too_near(deal, now, known, rules)
    if too_near is not None:
        return Wanted((), too_near, waiting=True)
    objects: list[Desired] = []
    wakes = [deal.boundary(deal.opens), *([deal.boundary(deal.last)] if deal.last else [])]
    for track in tracks(deal):
        alone = track.alone or (track.key not in known and is_past(track, deal, now))
        if track.void and track.key not in known and not alone:
            continue
        if alone:
            ours = stated(track, deal, None, now)
            objects += desire_stated(track, deal, ours, now, custom_fields(deal), alone=True, standing=not known)
            wakes += [due.at for due in ours.dues]
            continue
        _check_ended(track, deal, now, known.get(track.key))
        one = PlannedObject(track, deal, now, known.get(track.key), put_back=put_back)
        if one.waits_until is not None:
            wakes.append(one.waits_until)
            continue
        objects += one.desired()
        wakes += one.wakes()
    cut = cut_trials(deal, known)
    for track in cut:
        objects += CutTrial(track, deal, now, known[track.key], put_back=put_back).desired()
    objects += _gone(known, frozenset(track.key for track in (*tracks(deal), *cut)))
    ahead = [at for at in wakes if at > now]
    return Wanted(tuple(objects), min(ahead, default=None))


def _check_start(deal: Deal, now: datetime) -> None:
    """Refuse what can't be begun any more, before the first write."""
    past, ended = all_past(deal, now), deal.last is not None and deal.boundary(deal.last) <= now
    if ended and not past and not deal.once_only:
        detail = f"Quote {deal.number}: it was cancelled from {say(deal.last or deal.start)} on before it was billed. Correct that day."
        raise Refused((_refusal(deal, "Start_Date__c", detail, "A deal that was cancelled before it was billed"),))


def _refusal(deal: Deal, field: str, detail: str, feature: str) -> Refusal:
    return catalogue.refusal("CONF-311", detail, record_id=deal.quote_id, field=field, feature=feature)


def _check_ended(track: Track, deal: Deal, now: datetime, mine: Made | None) -> None:
    """Refuse a change by which an object would go on that has ended in Stripe, as was planned, because all was taken off: it
    adds before that day the same at another discount or to another end, and what was taken off comes off the newest. Other
    lines, and those that are alike in all (`Deal.spared`), go on with an object of their own (`sync.deal.slots`).
    """
    if mine is None or (track.end is not None and deal.boundary(track.end) <= now):
        return
    waiting = pending(track, deal, mine)
    ended = mine.schedule.status == "completed" if mine.schedule else _is_canceled(mine.subscription)
    if waiting and (ended or _was_called_off(track, deal, mine, waiting)):
        number = next(c.number for c in deal.changes if c.quote_id == waiting[-1])
        detail = (
            f"Quote {number}: it adds what was taken off on a later day, at another discount, with another end or after policy None, "
            "so that would count as taken off these, and others go on whose subscription in Stripe has ended. "
            "Choose a Start_Date__c from that later day on."
        )
        feature = "A change from a day before everything of its kind was taken off"
        refusal = catalogue.refusal(
            "CONF-311", detail, record_id=waiting[-1], field="Start_Date__c", blocked_on=(waiting[-1],), feature=feature
        )
        raise Refused((refusal,))


def _was_called_off(track: Track, deal: Deal, mine: Made, waiting: Collection[str]) -> bool:
    """Whether we cancelled the schedule before it began, because without these quotes nothing of the object was left."""
    if mine.schedule is None or mine.schedule.status != "canceled":
        return False
    earlier = deal.of(frozenset(c.quote_id for c in deal.changes) - frozenset(waiting))
    return all(other.key != track.key for other in tracks(earlier))


def _is_canceled(subscription: Subscription | None) -> bool:
    return subscription is not None and subscription.status == "canceled"


def _too_near(deal: Deal, now: datetime, known: Mapping[str, Made], rules: BillingPolicy) -> datetime | None:
    """The boundary within the margin before which nothing new is arranged: were we late, Stripe would bill otherwise."""
    near: list[datetime] = []
    for track in tracks(deal):
        mine = known.get(track.key)
        if track.alone or (mine is not None and not pending(track, deal, mine)):
            continue
        stamps = [instant(s.start_s) for s in spans(track, deal, now)]
        stamps.append(deal.boundary(plain_from(track, deal, now)))
        near += [at for at in stamps if now < at <= now + rules.start_margin]
    return min(near, default=None)


def _gone(known: Mapping[str, Made], left: frozenset[str]) -> list[Desired]:
    """Schedules for which nothing is left to bill, as after a Cancellation on the first day: they are ended."""
    return [
        Desired(
            Ref("schedule", key),
            create={},
            compare={"standing": "canceled"},
            update={"standing": {}},
            acts={"standing": "cancel"},
            money=True,
        )
        for key, mine in known.items()
        if key not in left and mine.schedule is not None and mine.schedule.status == "not_started"
    ]
