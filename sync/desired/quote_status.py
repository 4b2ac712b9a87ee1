"""What the quote shows of its billing (BILLING_RULES 7, 8): our fields only, in words for the rep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sync import catalogue
from sync.deal.changes import Change
from sync.deal.deal import Deal
from sync.deal.effect import Effect
from sync.deal.forecast import Forecast
from sync.deal.money import to_major
from sync.deal.settled import all_past, is_past
from sync.deal.timeline import tracks
from sync.desired.keys import KEY
from sync.desired.made import schedule_of
from sync.errors import SyncError, Terminal, Transient
from sync.facts import Fact, Schedule, Subscription

NOT_STARTED = "Not Started"
WAITING = "Waiting"
CREATING = "Creating"
SCHEDULED = "Scheduled"
LIVE = "Live"
ENDED = "Ended"
NEEDS_ATTENTION = "Needs Attention"
WITH_BILLING = "With Billing Team"
ON_HOLD = "On Hold"

_OVER = frozenset({"canceled", "incomplete_expired", "completed"})
_MESSAGE_LENGTH = 10_000


@dataclass(frozen=True)
class Shown:
    """A quote's deal as it is shown on the quote. ``effect``: what the quote changes, None where it makes the deal.

    ``begins`` is the quote's first day; ``own_id`` the Stripe object that was made for it alone.
    """

    deal: Deal
    forecast: Forecast
    effect: Effect | None
    begins: date
    own_id: str | None = None

    @property
    def total(self) -> int:
        """What the quote comes to in all, in minor units: its deal, or the change of its deal."""
        return self.effect.total if self.effect is not None else self.forecast.total

    @property
    def first(self) -> int | None:
        """What is invoiced for it first, in minor units; None where nothing is."""
        if self.effect is not None:
            return self.effect.first
        return self.forecast.first if self.forecast.invoices else None


@dataclass(frozen=True)
class QuoteView:
    """All that the quote's billing fields follow from.

    ``objects`` are the customer's subscriptions and schedules as read last; ``failure`` is what the run ended with and
    ``reference`` its short name; ``preview`` None leaves what is written there; ``on_hold`` is operations' reason;
    ``note`` answers a request where nothing is wrong.
    """

    signed: bool
    now: datetime
    case: Shown | None = None
    preview: str | None = None
    objects: tuple[Fact, ...] = ()
    failure: SyncError | None = None
    reference: str = ""
    on_hold: str | None = None
    note: str | None = None

    @property
    def deal(self) -> Deal | None:
        """The deal, where it could be worked out."""
        return self.case.deal if self.case else None


def quote_fields(view: QuoteView) -> Mapping[str, object]:
    """The quote's own billing fields by API name. Code and message are blank (None) when all is well."""
    found: dict[str, object] = {
        "Billing_Status__c": status(view),
        "Billing_Code__c": view.failure.code if view.failure else None,
        "Billing_Message__c": _message(view),
        "Billing_Reference__c": _reference(view),
    }
    if view.preview is not None:
        found["Billing_Preview__c"] = view.preview
    if view.case:
        case, currency = view.case, view.case.deal.currency
        endless = case.effect.open_ended if case.effect is not None else case.forecast.open_ended
        found["Contract_Total__c"] = None if endless else to_major(case.total, currency)
        found["First_Invoice_Amount__c"] = None if case.first is None else to_major(case.first, currency)
    return found


def line_fields(amounts: Mapping[str, Decimal], change: Change) -> Mapping[str, Mapping[str, object]]:
    """The quote's own lines by id: `Contract_Amount__c`, in major units."""
    own = {line.id for line in change.adds}
    return {id_: {"Contract_Amount__c": amount} for id_, amount in amounts.items() if id_ in own}


def blank_fields() -> Mapping[str, object]:
    """Our fields reset: a quote without a link of its own may carry values that cloning copied (DESIGN 5)."""
    names = ("Code", "Message", "Preview", "Reference")
    blank: dict[str, object] = {f"Billing_{name}__c": None for name in names}
    totals: dict[str, object] = {"Contract_Total__c": None, "First_Invoice_Amount__c": None}
    return {"Billing_Status__c": NOT_STARTED, **blank, **totals}


def status(view: QuoteView) -> str:
    """The word for where the deal's billing stands."""
    if view.on_hold:
        return ON_HOLD
    objects = deal_objects(view.deal, view.objects)
    if isinstance(view.failure, Transient):
        return CREATING if objects else WAITING
    if view.failure is not None:
        return _failed(view.failure, view)
    if not view.signed and not objects:
        return NOT_STARTED
    if view.case is not None and _goes_by_days(view.case):
        return _of_once(view.case, view.now)
    if view.deal is not None and not tracks(view.deal):
        return _ended_unbilled(view.deal, view)
    if view.deal is not None and not objects and all_past(view.deal, view.now):
        return ENDED
    if view.deal is None or not objects:
        return WAITING
    there = _by_track(view.deal, view.objects)
    if any(t.key not in there and not (t.alone or is_past(t, view.deal, view.now)) for t in tracks(view.deal)):
        return CREATING
    last, begins = view.deal.last, view.case.begins if view.case else view.deal.opens
    if (last is not None and view.now >= view.deal.boundary(last)) or all(_is_over(fact) for fact in objects):
        return ENDED
    return LIVE if view.now >= view.deal.boundary(begins) else SCHEDULED


def _goes_by_days(case: Shown) -> bool:
    """Whether nothing that the quote sold has an object in Stripe: what a later one adds to its deal is that quote's."""
    return case.deal.once_only or (case.effect is None and case.deal.fees_alone)


def _of_once(case: Shown, now: datetime) -> str:
    """Of a quote of one-time lines only, which stands on invoices alone: by its days, and by whether anything is left."""
    last, nothing = case.deal.last, case.deal.ends_on is not None and not case.forecast.invoices
    if nothing or (last is not None and now >= case.deal.boundary(last)):
        return ENDED
    return LIVE if now >= case.deal.boundary(case.begins) else SCHEDULED


def _ended_unbilled(deal: Deal, view: QuoteView) -> str:
    """Of a deal that a Cancellation ended before it billed anything: its trial may run until that day."""
    last = deal.last
    if last is None or last <= deal.opens or view.now >= deal.boundary(last):
        return ENDED
    begins = view.case.begins if view.case else deal.opens
    return LIVE if view.now >= deal.boundary(begins) else SCHEDULED


def _failed(failure: SyncError, view: QuoteView) -> str:
    """A rep hears of what a rep can act on; the rest is with the billing team (users.md 3)."""
    if not isinstance(failure, Terminal) or "rep" not in catalogue.entry(failure.code).told:
        return WITH_BILLING
    if catalogue.entry(failure.code).kind is catalogue.Kind.BUG:
        return WITH_BILLING
    return NEEDS_ATTENTION if view.signed else NOT_STARTED


def deal_objects(deal: Deal | None, facts: Iterable[Fact]) -> tuple[Schedule | Subscription, ...]:
    """For each track of the deal its schedule, else its subscription; tracks that have neither are left out."""
    return tuple(_by_track(deal, facts).values()) if deal is not None else ()


def _by_track(deal: Deal, facts: Iterable[Fact]) -> Mapping[str, Schedule | Subscription]:
    seen = [fact for fact in facts if not fact.deleted]
    subscriptions = {s.metadata.get(KEY): s for s in seen if isinstance(s, Subscription)}
    schedules = [s for s in seen if isinstance(s, Schedule)]
    found: dict[str, Schedule | Subscription] = {}
    for track in tracks(deal):
        subscription = subscriptions.get(track.key)
        mine = schedule_of(track.key, subscription, schedules) or subscription
        if mine is not None:
            found[track.key] = mine
    return found


def _is_over(fact: Schedule | Subscription) -> bool:
    return fact.status in _OVER


def _message(view: QuoteView) -> str | None:
    if view.on_hold:
        return f"On hold: {view.on_hold}"[:_MESSAGE_LENGTH]
    if view.failure is None:
        return view.note
    refusals = view.failure.refusals if isinstance(view.failure, Terminal) else ()
    words = dict.fromkeys(refusal.message for refusal in refusals) or {view.failure.message: None}
    return "\n".join(words)[:_MESSAGE_LENGTH]


def _reference(view: QuoteView) -> str | None:
    """Of a failure its code and short reference; else the id of the Stripe object made for it, of a deal that starts first."""
    if view.failure is not None:
        return " . ".join(part for part in (view.failure.code, view.reference) if part)
    objects = deal_objects(view.deal, view.objects)
    if view.case is not None and view.case.own_id is not None and objects:
        return view.case.own_id
    return objects[0].id if objects else view.case.own_id if view.case else None
