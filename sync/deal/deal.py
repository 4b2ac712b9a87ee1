"""A deal: the sum of its signed lines over time (BILLING_RULES 4). Knows no Stripe object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

from sync.crm import Sent
from sync.deal.calendar import boundary, business_day, months_between
from sync.deal.changes import Change, Piece, alike, fold
from sync.deal.cycles import Grid, grid
from sync.deal.lines import Charge, DealLine, DealProduct
from sync.deal.taxation import Taxation


@dataclass(frozen=True)
class Payer:
    """Who pays: one Account is one Stripe customer. ``email`` comes from the ladder of BILLING_RULES 5."""

    account_id: str
    name: str
    email: str
    website: str | None = None
    address: tuple[tuple[str, str], ...] = ()  # Stripe's names: line1, city, state, postal_code, country
    tax_exempt: str | None = None  # None Exempt Reverse, as the Account says; None where it says nothing
    tax_number: str | None = None  # as the Account has it
    sent: Sent = field(default=(), compare=False)  # what the mappings send of the Account


@dataclass(frozen=True)
class Terms:
    """How the money is collected. ``days_until_due`` is None exactly when a stored payment method is charged."""

    collection_method: str  # send_invoice, charge_automatically
    days_until_due: int | None
    po_number: str | None = None
    methods: tuple[str, ...] = ()  # Stripe's payment method types, sorted; none: the Stripe account decides


@dataclass(frozen=True)
class Deal:
    """Signed quotes of one deal, from ``start`` to ``end`` (exclusive; None: evergreen), for one payer, in one currency.

    ``key`` names the deal for ever (the id of the quote that made it). ``changes`` begin with that quote; ``start`` is
    the first day that is billed, ``trial_from`` the first day of a trial before it. ``rounding`` is on when what the
    currency can't carry is rounded and shown, off when it is refused.
    """

    key: str
    number: str
    quote_id: str
    payer: Payer
    currency: str  # upper case
    timezone: str
    start: date
    end: date | None
    terms: Terms
    changes: tuple[Change, ...]
    opportunity_id: str | None = None
    rounding: bool = False
    billing_day: int | None = None
    trial_from: date | None = None
    newest_first: bool = True
    true_up: bool = False  # what rounding leaves is made good in the last period
    whole_months: bool = False  # proration precision "month": a part month counts whole
    renews: str | None = None  # the key of the deal that this one renews
    paid_through: date | None = None  # the last day that the system it came from was paid for: a migrated deal
    tax: Taxation | None = None  # None: no automatic tax
    sent: Sent = ()  # what the mappings send of the quote that made it
    takes: str | None = (
        None  # the key of the row in the CRM in which it goes on: of a self-serve plan that it takes over
    )

    @property
    def months(self) -> int | None:
        """Whole months from start to end; None without an end."""
        return months_between(self.start, self.end)[0] if self.end else None

    @property
    def opens(self) -> date:
        """The first day of service: of the trial, else of the billed time."""
        return self.trial_from or self.start

    @property
    def base(self) -> Change:
        """The quote that made the deal."""
        return self.changes[0]

    @cached_property
    def lines(self) -> tuple[DealLine, ...]:
        """Every line that was added, in the order in which the quotes were taken in."""
        return tuple(line for change in self.changes for line in change.adds)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The lines over time, with what was taken off. Raises `TooMuchRemoved`."""
        return fold(self.changes, newest_first=self.newest_first, spared=self.spared)

    def first(self, quotes: int) -> tuple[Piece, ...]:
        """The lines over time when so many quotes had been taken in."""
        known: dict[int, tuple[Piece, ...]] = self.__dict__.setdefault("_first", {})
        if quotes not in known:
            known[quotes] = fold(self.changes[:quotes], newest_first=self.newest_first, spared=self.spared)
        return known[quotes]

    @cached_property
    def spared(self) -> Mapping[str, frozenset[str]]:
        """By line that takes something off, the lines that it leaves alone as long as it finds others: they came when it had
        taken the same from another one, and what ended in Stripe by that, or was called off there, can't go on.
        """
        found: dict[str, frozenset[str]] = {}
        if self.base.skip_past or self.paid_through is not None:
            return found  # of one of them less may have been billed
        for n, change in enumerate(self.changes if self.recurring else ()):
            gone = [removal for earlier in self.changes[:n] for removal in earlier.removes]
            if not gone or not change.adds:
                continue
            before = fold(self.changes[:n], newest_first=self.newest_first, spared=found)
            for removal in gone:
                took = [piece for piece in before if piece.cut_line == removal.line_id]
                called_off = not any(self.began(piece) for piece in took)
                if called_off or self.boundary(removal.start) <= change.accepted_at:
                    found[removal.line_id] = found.get(removal.line_id, frozenset()) | alike(took, removal, change)
        return found

    @cached_property
    def recurring(self) -> tuple[DealLine, ...]:
        """The lines billed every cycle, usage among them."""
        return tuple(line for line in self.lines if line.cycle_months)

    @cached_property
    def once(self) -> tuple[DealLine, ...]:
        """The lines billed once, on their start date."""
        return tuple(line for line in self.lines if line.charge is Charge.ONE_TIME)

    @property
    def once_only(self) -> bool:
        """Whether nothing of it is billed more than once: it needs no Stripe object that runs, only invoices."""
        return not self.recurring

    @cached_property
    def fees_alone(self) -> bool:
        """Whether what is charged once stands on invoices without a Stripe object: the quote that made the deal sold nothing
        else, and what a later one adds moves none of it.
        """
        return not any(line.cycle_months for line in self.base.adds)

    @cached_property
    def products(self) -> Mapping[str, DealProduct]:
        """The products sold, by their Stripe id."""
        return {line.product.key: line.product for line in self.lines}

    @cached_property
    def ends_on(self) -> date | None:
        """The first day without service once a Cancellation was signed; None while there is none."""
        ends = [c.effective for c in self.changes if c.ends]
        return min(ends) if ends else None

    @property
    def last(self) -> date | None:
        """The first day without service: of the Cancellation, else after the term; None: it goes on."""
        ends = [day for day in (self.ends_on, self.end) if day]
        return min(ends) if ends else None

    def paid_elsewhere(self, day: date) -> bool:
        """Whether what is billed from that day on was paid to the system that the deal came from."""
        return self.paid_through is not None and day <= self.paid_through

    def grid(self, line: DealLine) -> Grid:
        """The boundaries by which a line is billed."""
        return grid(self.start, line.end, line.cycle_months or 1, self.billing_day)

    def of_first(self, quotes: int) -> Deal:
        """The deal as it was when so many quotes had been taken in."""
        return replace(self, changes=self.changes[:quotes])

    def of(self, quotes: frozenset[str]) -> Deal:
        """The deal as it is with these quotes only."""
        kept = tuple(c for c in self.changes if c.quote_id in quotes)
        if len(kept) == len(self.changes):
            return self
        known: dict[tuple[str, ...], Deal] = self.__dict__.setdefault("_of", {})
        names = tuple(c.quote_id for c in kept)
        if names not in known:
            known[names] = replace(self, changes=kept)
            known[names].__dict__["spared"] = self.spared  # what a line took once is the same without the others
        return known[names]

    def began(self, piece: Piece) -> bool:
        """Whether anything of the piece ever was. What ends on its own first day was, if the quote that ends it came later."""
        if piece.cut_by is None or piece.last != piece.start:
            return True
        return piece.cut_by.accepted_at >= self.boundary(piece.start)

    def boundary(self, day: date) -> datetime:
        """The UTC instant at which ``day`` begins for this deal; all its boundaries share one UTC time of day."""
        return boundary(day, self.timezone, first_day=self.opens)

    def day_of(self, at: datetime) -> date:
        """The billing zone's day of an instant."""
        return business_day(at, self.timezone)
