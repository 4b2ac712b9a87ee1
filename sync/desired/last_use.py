"""Use that we bill ourselves (`sync.deal.last_use`), as invoices: what was used is measured once, by Stripe's own meters,
and stated; an invoice that stands is never measured again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync.deal.calendar import say
from sync.deal.changes import Piece
from sync.deal.deal import Deal
from sync.deal.dues import Due, DueLine, Stated
from sync.deal.last_use import MARK, Used, UseDue, last_uses
from sync.deal.pricing import DealItem, item
from sync.deal.timeline import tracks
from sync.deal.use import cost
from sync.desired.keys import KEY, USED
from sync.desired.made import Made, begun
from sync.desired.objects import custom_fields
from sync.desired.stated import desire_stated
from sync.facts import Invoice
from sync.records import Desired

#: Stripe sums events a while after it has taken them, so the sum is read so long after the last one could come.
SUMMED_WITHIN = timedelta(minutes=10)
_ONE_DAY = timedelta(days=1)
#: One line's use in a time, as a meter is asked: the meter's event, from, and until (exclusive).
Asked = tuple[str, datetime, datetime]


@dataclass(frozen=True)
class Uses:
    """All use of the deal that is ours to state. ``written``: what stands of it on invoices in Stripe, by the invoice's key
    the units and amount of each item that is there; a finalised one is done. ``standing``: the deal has no Stripe object.
    """

    deal: Deal
    dues: tuple[UseDue, ...] = ()
    invoices: Mapping[str, Invoice] = field(default_factory=dict)
    standing: bool = False

    def due(self, now: datetime) -> tuple[UseDue, ...]:
        """Those whose invoice should stand by now and is not finalised."""
        return tuple(d for d in self.dues if ready_at(d) <= now and not self._is_done(d))

    def _is_done(self, due: UseDue) -> bool:
        found = self.invoices.get(due.key)
        return found is not None and found.status != "draft"

    def is_ahead(self, due: UseDue, now: datetime) -> bool:
        """Whether it is not due yet."""
        return ready_at(due) > now

    def wake_at(self, now: datetime) -> datetime | None:
        """When the next one falls due."""
        return min((ready_at(d) for d in self.dues if self.is_ahead(d, now)), default=None)

    def items(self, due: UseDue) -> tuple[tuple[str, Used], ...]:
        """What its items are, by their natural keys."""
        return tuple((f"{due.key}:{n}", one) for n, one in enumerate(due.used, start=1))

    def asked(self, now: datetime, held: Container[str] = ()) -> tuple[Asked, ...]:
        """What has to be measured for those that are due, but for the ``held``: nothing that stands on a draft already."""
        return tuple(
            asked(one, self.deal)
            for due in self.due(now)
            for key, one in self.items(due)
            if due.key not in held and _amount_on(self.invoices.get(due.key), key) is None
        )

    def desire(self, now: datetime, counted: Mapping[Asked, int]) -> list[Desired]:
        """The invoices that are due, with what was counted; none where nothing is to be paid, or not all was counted."""
        return [one for due in self.due(now) for one in self._invoice(due, now, counted)]

    def _invoice(self, due: UseDue, now: datetime, counted: Mapping[Asked, int]) -> Sequence[Desired]:
        draft = self.invoices.get(due.key)
        lines: list[DueLine] = []
        units: list[int] = []
        for key, one in self.items(due):
            there = _amount_on(draft, key)
            many = counted.get(asked(one, self.deal))
            if there is None and many is None:
                return ()
            many = max(0, (many or 0) - one.billed)
            amount = cost(one.line, many, self.deal.currency, one.start).net if there is None else there
            lines.append(DueLine(_item(one, self.deal), amount, one.start, one.end))
            units.append(many)
        if not any(line.amount for line in lines):
            return ()
        track = next(t for t in tracks(self.deal) if t.key == due.track)
        stated = Stated((Due(due.key, due.quote_id, due.at, tuple(lines)),))
        fields = custom_fields(self.deal)
        made = desire_stated(track, self.deal, stated, now, fields, alone=due.alone, standing=self.standing)
        return [_worded(one, due, units) for one in made]


def uses_of(deal: Deal, done: Mapping[str, Made], now: datetime, grace: timedelta) -> tuple[UseDue, ...]:
    """Every use of the deal that is ours to state, in order of time."""
    settled = begun(deal, done)
    found = [due for track in tracks(deal) for due in last_uses(track, deal, settled.get(track.key), now, grace)]
    return tuple(sorted(found, key=lambda due: (due.at, due.key)))


def with_invoices(deal: Deal, dues: Sequence[UseDue], invoices: Iterable[Invoice], *, standing: bool = False) -> Uses:
    """The same with what of it stands in Stripe; ``standing``: on invoices alone, there is no object of the deal."""
    keys = {due.key for due in dues}
    mine = {i.metadata[KEY]: i for i in invoices if i.metadata.get(KEY) in keys}
    return Uses(deal, tuple(dues), mine, standing)


def is_use(metadata: Mapping[str, str]) -> bool:
    """Whether an invoice is one of these."""
    return metadata.get(KEY, "").endswith(MARK)


def ready_at(due: UseDue) -> datetime:
    """When its sum is read: Stripe has counted by then whatever was reported in time."""
    return due.at + SUMMED_WITHIN


def asked(used: Used, deal: Deal) -> Asked:
    """As a meter is asked for it."""
    assert used.line.usage is not None
    return used.line.usage.event, used.since or deal.boundary(used.start), used.until or deal.boundary(used.end)


def said_uses(dues: Iterable[UseDue], quote_id: str, deal: Deal, *, is_new: bool = False) -> list[str]:
    """In words, for the preview of a quote, when what is used until then is billed. ``is_new``: of a customer that Stripe
    does not know yet.
    """
    lines = []
    for due in (d for d in dues if d.quote_id == quote_id):
        names = " and ".join(dict.fromkeys(one.line.product.name for one in due.used))
        last, day = say(max(one.end for one in due.used) - _ONE_DAY), say(deal.day_of(ready_at(due)))
        unknown = (
            "; Stripe does not know the customer yet, so what nobody reports until then is not owed" if is_new else ""
        )
        lines.append(f"What is used of {names} until {last} is billed by what was counted, on {day}{unknown}")
    return lines


def _amount_on(invoice: Invoice | None, key: str) -> int | None:
    """What an item comes to that stands on the invoice already."""
    lines = (line for line in invoice.lines if line.metadata.get(KEY) == key) if invoice else ()
    return next((line.amount_minor for line in lines), None)


def _item(used: Used, deal: Deal) -> DealItem:
    piece = next((p for p in deal.pieces if p.line.id == used.line.id), None)
    made = item([Piece(used.line, 1, piece.change if piece else deal.base)], deal, used.start)
    return made if piece else replace(made, pieces=())  # of a plan that the deal takes over


def _worded(made: Desired, due: UseDue, units: Sequence[int]) -> Desired:
    """An item of use says how much was used, and until when."""
    if made.ref.kind != "invoiceitem":
        return made
    n = int(made.ref.key.rpartition(":")[2]) - 1
    one, metadata = due.used[n], made.create["metadata"]
    assert isinstance(metadata, Mapping)
    words = f"{units[n]:,} × {one.line.product.name} ({say(one.start)} to {say(one.end - _ONE_DAY)})"
    create = {**made.create, "description": words, "metadata": {**metadata, USED: str(units[n])}}
    return replace(made, create=create)
