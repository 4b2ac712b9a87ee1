"""The Stripe objects that bill a deal (DESIGN 4): a schedule made ahead; or, for a start that has come, a subscription,
its schedule, and the invoices that we state. Takes a Deal, never a quote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import count, islice

from sync import catalogue
from sync.deal.calendar import instant, say, seconds
from sync.deal.cycles import CycleKind
from sync.deal.deal import Deal
from sync.deal.dues import plain_from, settled, stated, touching
from sync.deal.policy import BillingPolicy
from sync.deal.timeline import Track, tracks, without_stub
from sync.desired.catalog import placed
from sync.desired.keys import (
    AS_PLANNED,
    ENDS_ON,
    KEY,
    PLAIN_FROM,
    RENEWS,
    SETTLED,
    TAKES,
    TERM_END,
    TRIAL_FROM,
    deal_metadata,
)
from sync.desired.made import Made, begun
from sync.desired.schedules import (
    Window,
    item_sent,
    once_compared,
    phases_compared,
    phases_sent,
    spans,
    window,
)
from sync.desired.stated import MAX_LINES, desire_stated
from sync.errors import Refusal, Refused
from sync.facts import Schedule
from sync.records import Desired, Ref, Value

#: Name of the custom field that carries the customer's order number on every invoice.
PO_FIELD = "PO number"
#: The last day of the month that an anchor can simply be put on. From the 28th on Stripe may think it too late: a month
#: after 31 January, 05:00, is 28 February, 05:00, and that is before 08:00.
LAST_PLAIN_DAY = 27
#: Boundaries among which each day of the month comes that ever will: a yearly 29 February is the rarest.
SOME_CYCLES = 9
FLEXIBLE: Mapping[str, Value] = {"type": "flexible", "flexible": {"proration_discounts": "itemized"}}


@dataclass(frozen=True)
class Wanted:
    """What should be true now, and the business instant at which that changes (None: never again).

    ``waiting``: a boundary is too near to arrange anything before it; nothing is made before ``wake_at``.
    """

    objects: tuple[Desired, ...]
    wake_at: datetime | None
    waiting: bool = False


def desire(
    deal: Deal, now: datetime, done: Mapping[str, Made] | None = None, policy: BillingPolicy | None = None
) -> Wanted:
    """The objects of the deal, one or more for each billing frequency, as they should stand.

    ``done`` is `sync.desired.made.made` of what was read: what was settled stays settled. Raises `Refused` for a deal
    that ended before it got here.
    """
    known, rules = done or {}, policy or BillingPolicy()
    if not known:
        _check_start(deal, now)
    too_near = _too_near(deal, now, known, rules)
    if too_near is not None:
        return Wanted((), too_near, waiting=True)
    objects: list[Desired] = []
    wakes = [deal.boundary(deal.opens), *([deal.boundary(deal.last)] if deal.last else [])]
    for track in (t for t in tracks(deal) if not t.void or t.key in known):
        one = _Object(track, deal, now, known.get(track.key))
        if one.waits_until is not None:
            wakes.append(one.waits_until)
            continue
        objects += one.desired()
        wakes += one.wakes()
    objects += _gone(deal, known)
    ahead = [at for at in wakes if at > now]
    return Wanted(tuple(objects), min(ahead, default=None))


def _check_start(deal: Deal, now: datetime) -> None:
    """Refuse what can't be begun any more, before the first write."""
    refused: list[Refusal] = []
    if deal.last is not None and deal.boundary(deal.last) <= now:
        detail = f"Quote {deal.number}: the term ended before {say(deal.last)}. Correct Start_Date__c or End_Date__c."
        feature = "A deal whose whole term has passed"
        refused.append(
            catalogue.refusal("CONF-311", detail, record_id=deal.quote_id, field="Start_Date__c", feature=feature)
        )
    for track in tracks(deal):
        if any(len(due.lines) > MAX_LINES for due in stated(track, deal, None, now).dues):
            feature = f"A start so far back that its first invoice has more than {MAX_LINES} lines"
            detail = f"Quote {deal.number}: Start_Date__c is {say(deal.start)}. Choose a later one."
            refused.append(
                catalogue.refusal("CONF-311", detail, record_id=deal.quote_id, field="Start_Date__c", feature=feature)
            )
    if refused:
        raise Refused(tuple(refused))


def _too_near(deal: Deal, now: datetime, known: Mapping[str, Made], rules: BillingPolicy) -> datetime | None:
    """The boundary within the margin before which nothing new is arranged: were we late, Stripe would bill otherwise."""
    near: list[datetime] = []
    for track in tracks(deal):
        mine = known.get(track.key)
        if mine is not None and not _pending(track, deal, mine):
            continue
        stamps = [instant(s.start_s) for s in spans(track, deal, now)]
        stamps.append(deal.boundary(plain_from(track, deal, now)))
        near += [at for at in stamps if now < at <= now + rules.start_margin]
    return min(near, default=None)


def _pending(track: Track, deal: Deal, mine: Made) -> tuple[str, ...]:
    """The quotes that touch the track and were not brought into it yet."""
    quotes = (change.quote_id for change in touching(track, deal))
    return tuple(quote for quote in quotes if quote != track.opened_by and quote not in mine.quotes)


def _gone(deal: Deal, known: Mapping[str, Made]) -> list[Desired]:
    """Schedules for which nothing is left to bill, as after a Cancellation on the first day: they are ended."""
    left = {track.key for track in tracks(deal)}
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


class _Object:
    """One track of a deal as it should stand in Stripe now."""

    def __init__(self, track: Track, deal: Deal, now: datetime, mine: Made | None) -> None:
        self.deal, self.now, self.is_made = deal, now, mine is not None
        on_trial = deal.trial_from is not None and track.start == deal.start
        self.start = deal.boundary(deal.trial_from if on_trial and deal.trial_from else track.start)
        self.mine = mine or _fresh(track, deal, now, self.start)
        #: Made by us when its start had come, and not by a schedule that was there before it.
        self.late = self.mine.plain_s > seconds(self.start)
        self.track = without_stub(track, deal) if self.late else track
        self.pending = _pending(track, deal, self.mine) if mine else ()
        self.begun = begun(deal, {track.key: mine}).get(track.key) if mine else None
        self.over = track.end is not None and deal.boundary(track.end) <= now
        self.customer = Ref("customer", deal.payer.account_id)

    @property
    def waits_until(self) -> datetime | None:
        """The start of an object that no schedule made ahead would put on the right day of every month by itself."""
        first = self.track.phases[0]
        if self.is_made or self.start <= self.now or first.kind not in (CycleKind.STUB, CycleKind.JOINED):
            return None
        full = next((p for p in self.track.phases if p.kind is CycleKind.FULL), None)
        return self.start if full is not None and full.start.day != _nominal_day(self.deal) else None

    def desired(self) -> list[Desired]:
        """The objects, in the order in which they need each other."""
        found = [self._subscription()] if self.late or self._stops else []
        schedule = self._schedule()
        if schedule is not None:
            found.append(schedule)
        ours = stated(self.track, self.deal, self.begun, self.now)
        return [*found, *desire_stated(self.track, self.deal, ours, self.now, self._custom_fields())]

    @property
    def _runs_by(self) -> Schedule | None:
        """The schedule that walks the track; one that let the subscription go as planned does so no more."""
        schedule = self.mine.schedule
        released = schedule is not None and schedule.status == "released" and schedule.end_behavior == "release"
        return None if released else schedule

    @property
    def _stops(self) -> bool:
        """Whether its day has come before the one that was sold, and no schedule is there that would end the subscription."""
        there = self.late or self.mine.subscription is not None
        return there and self.over and self._is_cut and self._runs_by is None

    @property
    def _is_cut(self) -> bool:
        """Whether it ends before the day that was sold: by a Cancellation, or because all of it was taken off."""
        end, sold = self.track.end, self.track.grid.end
        return end is not None and (sold is None or end < sold)

    def wakes(self) -> list[datetime]:
        """When the answer changes: a stated amount falls due, more phases have to follow."""
        ours = stated(self.track, self.deal, self.begun, self.now)
        rolls = window(self.track, self.deal, self.now, self.mine.schedule).roll_at
        return [*(due.at for due in ours.dues), *(c.at for c in ours.credits), *([rolls] if rolls else [])]

    # ------------------------------------------------------------------ the subscription of a start that has come

    def _subscription(self) -> Desired:
        """A subscription that bills nothing before the next boundary, its anchor."""
        now = self.deal.day_of(self.now)
        phase = next((p for p in self.track.phases if p.end is None or now < p.end), self.track.phases[-1])
        create: dict[str, Value] = {
            "customer": self.customer,
            "items": [item_sent(item, price) for item, price in placed(phase.items, self.deal)],
            **self._begin(),
            "proration_behavior": "none",
            "billing_mode": FLEXIBLE,
            "collection_method": self.deal.terms.collection_method,
            "metadata": self._metadata(),
        }
        if self.deal.terms.days_until_due is not None:
            create["days_until_due"] = self.deal.terms.days_until_due
        if fields := self._custom_fields():
            create["invoice_settings"] = {"custom_fields": fields}
        compare: dict[str, Value] = {"customer": self.customer}
        ref = Ref("subscription", self.track.key)
        if not self._stops:
            return Desired(ref, create=create, compare=compare, money=True)
        compare |= {"metadata": self._metadata(), "standing": "canceled"}
        update: dict[str, Mapping[str, Value]] = {"metadata": {"metadata": self._metadata()}, "standing": {}}
        return Desired(ref, create=create, compare=compare, update=update, acts={"standing": "cancel"}, money=True)

    def _begin(self) -> dict[str, Value]:
        """Where its time begins, and by what Stripe counts its cycles."""
        first = self.deal.boundary(self.track.start)
        if first > self.now:  # the trial runs
            return {"trial_end": seconds(first)}
        return {"backdate_start_date": seconds(first), **self._anchor()}

    def _anchor(self) -> dict[str, Value]:
        """By what Stripe counts the cycles still to come: their first boundary, or, for one late in the month, the day
        itself. The next boundary of the 31st may be 30 November, and an anchor there would stay on the 30th.
        """
        nominal, end = _nominal_day(self.deal), self.track.grid.end
        nothing_left = end is not None and self.mine.plain_s >= seconds(self.deal.boundary(end))
        if nominal <= LAST_PLAIN_DAY or nothing_left:
            return {"billing_cycle_anchor": self.mine.plain_s}
        at, day = self.deal.boundary(self.deal.start), self._next_unclamped()
        config: dict[str, Value] = {"day_of_month": day.day, "hour": at.hour, "minute": at.minute, "second": at.second}
        if self.track.cycle_months > 1:
            config["month"] = day.month
        return {"billing_cycle_anchor_config": config}

    def _next_unclamped(self) -> date:
        """Of the boundaries from the first that Stripe bills by itself on, the first with the latest day of the month:
        the nominal one, but for a 31st that is billed each November.
        """
        days = (self.track.grid.boundary(k) for k in count())
        ahead = islice((d for d in days if seconds(self.deal.boundary(d)) >= self.mine.plain_s), SOME_CYCLES)
        return max(ahead, key=lambda d: (d.day, -d.toordinal()))

    # ------------------------------------------------------------------ the schedule

    def _schedule(self) -> Desired | None:
        """The schedule that walks the track through its phases and ends it; none for one that simply goes on."""
        schedule = self._runs_by
        if self.over:
            return self._ended(schedule)
        ahead = not self.is_made and not self.late
        left = [span for span in spans(self.track, self.deal, self.now) if span.end_s > seconds(self.now)]
        if self.track.end is None and len(left) < 2 and not (schedule or self.pending or ahead):
            return None
        shown = window(self.track, self.deal, self.now, schedule)
        running = schedule is not None and schedule.status != "not_started"
        bare = schedule is None or not schedule.metadata.get(KEY)  # none yet, or as it came from the subscription
        attached = self.late or (self.is_made and bare)
        metadata = self._metadata()
        change: dict[str, Value] = {
            "phases": phases_sent(shown, self.deal, metadata, running=running, update=True),
            "end_behavior": shown.end_behavior,
            "proration_behavior": "none",
        }
        half_made = attached and bare
        update: dict[str, Mapping[str, Value]] = {"metadata": {"metadata": metadata}}
        before: Mapping[str, Value] = {}
        if half_made:
            update["metadata"] = {**change, "metadata": metadata, "default_settings": self._default_settings()}
        elif self.pending or self._rolls(schedule):
            update |= dict.fromkeys(("phases", "end_behavior", "once"), change)
            before = self._as_left(schedule)
        return Desired(
            Ref("schedule", self.track.key),
            create={"from_subscription": Ref("subscription", self.track.key)}
            if attached
            else self._ahead(shown, metadata),
            compare=self._compare(shown, metadata, running=running or self.late),
            update=update,
            before=before,
            money=True,
            unfinished=attached,
        )

    def _rolls(self, schedule: Schedule | None) -> bool:
        """Whether only a window of the phases was told, so that more follow without a new quote."""
        return schedule is not None and schedule.end_behavior == "release" and self.track.end is not None

    def _as_left(self, schedule: Schedule | None) -> Mapping[str, Value]:
        """How the phases stand if nobody but us changed them: with the quotes that were brought in before."""
        earlier = self.deal.of(frozenset(c.quote_id for c in self.deal.changes) - frozenset(self.pending))
        track = next((t for t in tracks(earlier) if t.key == self.track.key), None)
        if track is None or schedule is None:
            return {}
        shown = window(without_stub(track, earlier) if self.late else track, earlier, self.now, schedule)
        told = max(0, len(schedule.phases) - len(shown.past))
        return {"phases": phases_compared(replace(shown, spans=shown.spans[:told]), earlier)}

    def _ended(self, schedule: Schedule | None) -> Desired | None:
        """A track whose last day has passed: by its plan, or by a quote that ended it and came after that day."""
        if schedule is None:
            return None
        compare: dict[str, Value] = {"customer": self.customer}
        update: dict[str, Mapping[str, Value]] = {}
        acts: dict[str, str] = {}
        live = schedule.status in ("active", "not_started")
        if not self._is_cut:
            compare["standing"] = AS_PLANNED
        elif live and schedule.phases and schedule.phases[-1].end_s > seconds(self.now):
            compare |= {"standing": "canceled", "metadata": {KEY: self.track.key, **self._metadata()}}
            update = {"metadata": {"metadata": self._metadata()}, "standing": {}}
            acts = {"standing": "cancel"}
        ref = Ref("schedule", self.track.key)
        return Desired(ref, create={}, compare=compare, update=update, acts=acts, money=True)

    def _ahead(self, shown: Window, metadata: Mapping[str, str]) -> dict[str, Value]:
        """A schedule that starts, bills and ends by itself."""
        return {
            "customer": self.customer,
            "start_date": shown.spans[0].start_s,
            "end_behavior": shown.end_behavior,
            "billing_mode": FLEXIBLE,
            "default_settings": self._default_settings(),
            "metadata": metadata,
            "phases": phases_sent(shown, self.deal, metadata, running=False, update=False),
        }

    def _compare(self, shown: Window, metadata: Mapping[str, str], *, running: bool) -> dict[str, Value]:
        """The schedule's facts in the form of `sync.observed`."""
        terms = self.deal.terms
        found: dict[str, Value] = {
            "customer": self.customer,
            "standing": AS_PLANNED,
            "end_behavior": shown.end_behavior,
            "collection": [terms.collection_method, terms.days_until_due],
            "custom_fields": [[PO_FIELD, terms.po_number]] if terms.po_number else [],
            "phases": phases_compared(shown, self.deal),
            "metadata": {KEY: self.track.key, **metadata},
        }
        if not running:
            found["once"] = once_compared(shown, self.deal)
        return found

    # ------------------------------------------------------------------ parts

    def _metadata(self) -> dict[str, str]:
        """Our keys and the CRM's, when what was settled, and a planned end."""
        deal = self.deal
        found = {**deal_metadata(deal, self.track.key), PLAIN_FROM: str(self.mine.plain_s)}
        for quote, stamp in settled(self.track, deal, self.begun, self.now).items():
            if quote != self.track.opened_by:
                fresh = (seconds(deal.boundary(stamp.plain)), seconds(stamp.at))
                found[f"{SETTLED}{quote}"] = "{}/{}".format(*self.mine.quotes.get(quote, fresh))
        if deal.end is not None:
            found[TERM_END] = deal.end.isoformat()
        if deal.trial_from is not None:
            found[TRIAL_FROM] = deal.trial_from.isoformat()
        if deal.ends_on is not None:
            found[ENDS_ON] = deal.ends_on.isoformat()
        takes = {TAKES: deal.takes} if deal.takes is not None else {}
        return found | takes | ({RENEWS: deal.renews} if deal.renews is not None else {})

    def _default_settings(self) -> Mapping[str, Value]:
        terms = self.deal.terms
        settings: dict[str, Value] = {"collection_method": terms.collection_method}
        invoice: dict[str, Value] = {}
        if terms.days_until_due is not None:
            invoice["days_until_due"] = terms.days_until_due
        if fields := self._custom_fields():
            invoice["custom_fields"] = fields
        return {**settings, "invoice_settings": invoice} if invoice else settings

    def _custom_fields(self) -> list[Value]:
        return [{"name": PO_FIELD, "value": self.deal.terms.po_number}] if self.deal.terms.po_number else []


def _fresh(track: Track, deal: Deal, now: datetime, start: datetime) -> Made:
    """How an object made now is settled: all by Stripe if it is made ahead, else from the next boundary on."""
    plain_s = seconds(start) if start > now else seconds(deal.boundary(plain_from(track, deal, now)))
    return Made(plain_s, seconds(now))


def _nominal_day(deal: Deal) -> int:
    """The day of the month of every boundary that is not clamped."""
    return deal.billing_day or deal.start.day
