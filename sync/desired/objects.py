"""One Stripe object of a deal as it should stand now (DESIGN 4): a schedule made ahead; or, for a start that has come, a
subscription, its schedule, and the invoices that we state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import count, islice

from sync.deal.calendar import seconds
from sync.deal.cycles import CycleKind
from sync.deal.deal import Deal
from sync.deal.dues import stated
from sync.deal.settled import plain_from, settled, touching
from sync.deal.timeline import Track, tracks, without_stub
from sync.desired.catalog import placed
from sync.desired.going_on import goes_on, items_again, left_items
from sync.desired.keys import (
    AS_PLANNED,
    ENDS_ON,
    FIRST_DAY,
    KEY,
    PLAIN_FROM,
    RENEWS,
    SETTLED,
    TAKES,
    TAX,
    TERM_END,
    TRIAL_FROM,
    TRUE_UP,
    deal_metadata,
)
from sync.desired.made import LET_GO, OVER, Made, begun
from sync.desired.paying import payment_settings
from sync.desired.running import as_running
from sync.desired.schedules import (
    Window,
    compared_items,
    item_sent,
    once_compared,
    phases_compared,
    phases_sent,
    spans,
    window,
)
from sync.desired.stated import desire_stated
from sync.desired.taxed import automatic
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


def pending(track: Track, deal: Deal, mine: Made) -> tuple[str, ...]:
    """The quotes that touch the track and were not brought into it yet."""
    quotes = (change.quote_id for change in touching(track, deal))
    return tuple(quote for quote in quotes if quote != track.opened_by and quote not in mine.quotes)


def custom_fields(deal: Deal) -> list[Value]:
    """What every invoice of the deal carries for the customer's books."""
    return [{"name": PO_FIELD, "value": deal.terms.po_number}] if deal.terms.po_number else []


class PlannedObject:
    """One track of a deal as it should stand in Stripe now."""

    def __init__(self, track: Track, deal: Deal, now: datetime, mine: Made | None, *, put_back: bool = False) -> None:
        self.deal, self.now, self.is_made, self.put_back = deal, now, mine is not None, put_back
        on_trial = deal.trial_from is not None and track.start == deal.start
        self.start = deal.boundary(deal.trial_from if on_trial and deal.trial_from else track.start)
        self.mine = mine or _fresh(track, deal, now, self.start)
        #: Made by us when its start had come, and not by a schedule that was there before it.
        self.late = self.mine.plain_s > seconds(self.start)
        #: While a trial runs Stripe has billed nothing yet, so a shorter first cycle after it is Stripe's to bill.
        self.stub_stated = self.mine.plain_s > seconds(deal.boundary(track.start))
        self.track = without_stub(track, deal) if self.stub_stated else track
        self.pending = pending(track, deal, self.mine) if mine else ()
        self.begun = begun(deal, {track.key: mine}).get(track.key) if mine else None
        self.over = track.end is not None and deal.boundary(track.end) <= now
        self.customer = Ref("customer", deal.payer.account_id)

    @property
    def waits_until(self) -> datetime | None:
        """The start of an object that no schedule made ahead would put on the right day of every month by itself: its
        cycles are counted from their first boundary, and of a deal of the 30th that one may be 29 February.
        """
        if self.is_made or self.start <= self.now:
            return None
        full = next((p for p in self.track.phases if p.kind is CycleKind.FULL), None)
        return self.start if full is not None and full.start.day != _nominal_day(self.deal) else None

    def desired(self) -> list[Desired]:
        """The objects, in the order in which they need each other."""
        alone = goes_on(self.track, self.mine.subscription)
        found = [self._subscription()] if self.late or self._stops or alone else []
        if self.mine.subscription is not None and not self.over:
            found = as_running(
                found, self.mine.subscription, self.track.key, self._metadata(), self.deal.terms, put_back=self.put_back
            )
        schedule = self._schedule()
        if schedule is not None:
            found.append(schedule)
        ours = stated(self.track, self.deal, self.begun, self.now)
        fields = custom_fields(self.deal)
        return [*found, *desire_stated(self.track, self.deal, ours, self.now, fields, runs_from=self.start)]

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
        unled = self._runs_by is None or (self.put_back and self._let_go_on)
        return there and self.over and self._is_cut and unled

    @property
    def _let_go_on(self) -> bool:
        """Whether somebody released the schedule that would have ended it, so that Stripe bills on."""
        runs = self.mine.subscription is not None and self.mine.subscription.status not in OVER
        return runs and self._runs_by is not None and self._runs_by.status == LET_GO

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
            "currency": self.deal.currency.lower(),
            "items": [item_sent(item, price) for item, price in placed(phase.items, self.deal)],
            **self._begin(),
            "proration_behavior": "none",
            "billing_mode": FLEXIBLE,
            "collection_method": self.deal.terms.collection_method,
            "metadata": self._metadata(),
            **payment_settings(self.deal.terms),
        }
        create |= automatic(self.deal)
        if self.deal.terms.days_until_due is not None:
            create["days_until_due"] = self.deal.terms.days_until_due
        if fields := custom_fields(self.deal):
            create["invoice_settings"] = {"custom_fields": fields}
        compare: dict[str, Value] = {"customer": self.customer}
        ref = Ref("subscription", self.track.key)
        if goes_on(self.track, self.mine.subscription):
            left = left_items(self.track, self._earlier(), self.now, late=self.late)
            compare["items"] = compared_items(left, self.deal)
            again: dict[str, Value] = {"items": items_again(left, self.deal, self.mine.subscription)}
            updates = {"items": {**again, "proration_behavior": "none"}} if self.put_back else {}
            return Desired(ref, create=create, compare=compare, update=updates, money=True)
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
        elif self.put_back:
            update |= dict.fromkeys(("phases", "end_behavior", "once"), change)
            settings: Mapping[str, Value] = {"default_settings": self._default_settings()}
            update |= {"collection": settings, "custom_fields": settings}
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
        """Whether only a window of the phases was told, so that more follow without a new quote. One that was told to its end
        lets go only because somebody said so in Stripe.
        """
        if schedule is None or schedule.end_behavior != "release" or self.track.end is None:
            return False
        return not schedule.phases or schedule.phases[-1].end_s < seconds(self.deal.boundary(self.track.end))

    def _earlier(self) -> Deal:
        """The deal with the quotes that were brought in before."""
        return self.deal.of(frozenset(c.quote_id for c in self.deal.changes) - frozenset(self.pending))

    def _tracks(self, deal: Deal) -> tuple[Track, ...]:
        """What objects of this kind the deal has."""
        return tracks(deal)

    def _as_left(self, schedule: Schedule | None) -> Mapping[str, Value]:
        """How the phases stand if nobody but us changed them: with the quotes that were brought in before."""
        earlier = self._earlier()
        track = next((t for t in self._tracks(earlier) if t.key == self.track.key), None)
        if track is None or schedule is None:
            return {}
        shown = window(without_stub(track, earlier) if self.stub_stated else track, earlier, self.now, schedule)
        told = max(0, len(schedule.phases) - len(shown.past))
        return {"phases": phases_compared(replace(shown, spans=shown.spans[:told]), earlier)}

    def _ended(self, schedule: Schedule | None) -> Desired | None:
        """A track whose last day has passed: by its plan, or by a quote that ended it and came after that day."""
        if schedule is None or (schedule.status == LET_GO and not self._is_cut):
            return None  # who let go of it was told so while it ran; what goes on now is no deal's
        compare: dict[str, Value] = {"customer": self.customer}
        update: dict[str, Mapping[str, Value]] = {}
        acts: dict[str, str] = {}
        live = schedule.status in ("active", "not_started")
        if not self._is_cut or (self._let_go_on and not self.put_back):
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
        if deal.true_up:
            found[TRUE_UP] = "1"
        if deal.tax is not None:
            found[TAX] = deal.tax.behavior
        if deal.fees_alone:
            found[FIRST_DAY] = deal.opens.isoformat()
        if deal.trial_from is not None:
            found[TRIAL_FROM] = deal.trial_from.isoformat()
        if deal.ends_on is not None:
            found[ENDS_ON] = deal.ends_on.isoformat()
        takes = {TAKES: deal.takes} if deal.takes is not None else {}
        return found | takes | ({RENEWS: deal.renews} if deal.renews is not None else {})

    def _default_settings(self) -> Mapping[str, Value]:
        terms = self.deal.terms
        settings: dict[str, Value] = {"collection_method": terms.collection_method, **automatic(self.deal)}
        invoice: dict[str, Value] = {}
        if terms.days_until_due is not None:
            invoice["days_until_due"] = terms.days_until_due
        if fields := custom_fields(self.deal):
            invoice["custom_fields"] = fields
        return {**settings, "invoice_settings": invoice} if invoice else settings


def _fresh(track: Track, deal: Deal, now: datetime, start: datetime) -> Made:
    """How an object made now is settled: all by Stripe if it is made ahead, else from the next boundary on."""
    plain_s = seconds(start) if start > now else seconds(deal.boundary(plain_from(track, deal, now)))
    return Made(plain_s, seconds(now))


def _nominal_day(deal: Deal) -> int:
    """The day of the month of every boundary that is not clamped."""
    return deal.billing_day or deal.start.day
