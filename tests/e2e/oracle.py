"""What a deal is billed and given back, worked out from its papers and from when each came. Knows nothing of Tandem's code.

A cycle is billed on its day with the papers that had come before it. What Stripe can't bill so is an amount for a day:
on that day, or, where its paper came later, on the day on which it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from itertools import groupby, pairwise

from tests.e2e.papers import FAR, Cycle, Line, Paper, Terms, cents, cycle_of, cycles, month_on, months_and_days, of_unit

#: Months that are looked ahead in a deal without an end.
LOOK_AHEAD = 60


class Impossible(Exception):
    """The paper can't be: ``code`` is what it is refused with."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


@dataclass
class Part:
    """So many units of a line that begin and end together; ``cut`` is the day on which ``by`` took them off."""

    line: Line
    quantity: int
    paper: Paper
    cut: date | None = None
    by: Paper | None = None
    by_line: str = ""

    @property
    def last(self) -> date:
        return self.line.end if self.cut is None else self.cut

    def runs(self, day: date) -> bool:
        return self.line.start <= day < self.last


@dataclass(frozen=True, order=True)
class Charge:
    """A line of an invoice. ``first`` and ``last`` are blank for what is billed once."""

    at: datetime
    cents: int
    first: str = ""
    last: str = ""


@dataclass
class Bill:
    """All that is billed and given back. ``late``: by moment, what papers that came late are billed for what was past.
    ``credits``: by paper and moment. ``free``: by moment, the cents that two Stripe objects with one item round apart.
    """

    charges: list[Charge] = field(default_factory=list)
    late: dict[datetime, int] = field(default_factory=dict)
    credits: dict[tuple[int, datetime], int] = field(default_factory=dict)
    free: dict[datetime, int] = field(default_factory=dict)
    step: int = 1

    def leave(self, at: datetime, cents_: int) -> None:
        """So many cents are left open at a moment."""
        self.free[at] = self.free.get(at, 0) + cents_

    @property
    def total(self) -> int:
        """Invoiced less given back."""
        return sum(c.cents for c in self.charges) + sum(self.late.values()) - sum(self.credits.values())


# ------------------------------------------------------------------ what runs when


def fold(papers: Iterable[Paper]) -> list[Part]:
    """The lines over time. Raises `Impossible` where more is taken off than there is."""
    papers = list(papers)
    steps = [(take.day, p.signed, p.number, 0, n, take, p) for p in papers for n, take in enumerate(p.takes)]
    steps += [(line.start, p.signed, p.number, 1, n, line, p) for p in papers for n, line in enumerate(p.adds)]
    parts: list[Part] = []
    for day, *_, step, paper in sorted(steps, key=lambda s: s[:5]):
        if isinstance(step, Line):
            parts.append(Part(step, step.quantity, paper))
            continue
        left = step.quantity
        there = [
            p
            for p in parts
            if p.runs(day) and p.line.cycle and (p.line.product, p.line.price) == (step.product, step.price)
        ]
        for part in sorted(there, key=lambda p: (p.line.start, p.paper.signed, p.paper.number), reverse=True):
            gone = min(left, part.quantity)
            left -= gone
            if gone and gone < part.quantity:
                parts.insert(parts.index(part) + 1, Part(part.line, gone, part.paper, day, paper, step.id))
                part.quantity -= gone
            elif gone:
                part.cut, part.by, part.by_line = day, paper, step.id
        if left:
            raise Impossible("DATA-207", f"{left} of {step.product} are not there on {day}")
    for paper in sorted((p for p in papers if p.kind == "Cancellation"), key=lambda p: p.order):
        for part in parts:
            if part.line.start >= paper.effective:
                part.cut, part.by, part.by_line = part.line.start, paper, "all"
            elif part.line.cycle and part.last > paper.effective:
                part.cut, part.by, part.by_line = paper.effective, paper, "all"
    return parts


def alike(part: Part, day: date) -> tuple[object, ...]:
    """What is equal of parts that are one item on that day."""
    line = part.line
    offs = tuple((o.part, o.cents, o.owner) for o in line.offs if o.runs(day))
    return (line.product, of_unit(line.price * (line.cycle or 1)), line.cycle, offs, line.end if line.cycle else day)


def grouped(parts: Iterable[Part], day: date) -> list[list[Part]]:
    """The parts that are one item, together."""
    known: dict[tuple[object, ...], list[Part]] = {}
    for part in parts:
        known.setdefault(alike(part, day), []).append(part)
    return list(known.values())


# ------------------------------------------------------------------ what it costs


def net(parts: Sequence[Part], months: Fraction, day: date, terms: Terms, *, amounts: bool = True) -> int:
    """What one item bills for so many months: rounded after multiplying, then each discount rounded and taken off."""
    line, quantity = parts[0].line, sum(p.quantity for p in parts)
    step = terms.step if terms.rounding else 1
    unit = line.price * months
    rest = cents((unit if step > 1 else of_unit(unit)) * quantity, step)
    _carried(rest, terms)
    for off in (o for o in line.offs if o.runs(day)):
        if off.part is not None:
            rest -= cents(rest * off.part, step)
        elif amounts:
            rest -= min(rest, off.cents)
        _carried(rest, terms)
    return rest


def _carried(amount: int, terms: Terms) -> None:
    if amount % terms.step:
        raise Impossible("DATA-210", f"{terms.currency} can't carry {amount}")


def worth(part: Part, first: date, end: date) -> Fraction:
    """What is signed from a day to an end: months and days, less the percentages of each stretch."""
    days = sorted({first, end, *(o.until for o in part.line.offs if o.until and first < o.until < end)})
    total = Fraction(0)
    for a, b in pairwise(days):
        left = Fraction(1)
        for off in part.line.offs:
            left *= 1 - (off.part or 0) if off.runs(a) else 1
        total += (months_and_days(first, b) - months_and_days(first, a)) * left
    return total * part.line.price * part.quantity


def rest_of_cycle(part: Part, beside: Sequence[Part], day: date, terms: Terms, policy: str) -> int:
    """What the part is worth from a day inside its cycle to the next boundary; ``beside`` are those that run with it."""
    cycle = cycle_of(terms, part.line, day)
    if not part.line.cycle or cycle.start == day or policy == "None":
        return 0
    if policy == "Stripe":
        same = [p for p in beside if alike(p, day) == alike(part, day)]
        left = Fraction((cycle.end - day).days, (cycle.end - cycle.start).days)
        old = net(same, cycle.months, day, terms) if same else 0
        new = net([*same, part], cycle.months, day, terms)
        return _charged(left * new, terms) - _charged(left * old, terms)
    end = part.line.end if part.line.end != FAR else cycle.end
    later = 0
    for c in cycles(terms, part.line.cycle, part.line.end):
        if c.start >= end:
            break
        later += net([part], c.months, c.start, terms, amounts=False) if c.start > day else 0
    return _charged(Fraction(max(0, cents(worth(part, day, end)) - later)), terms)


def _charged(amount: Fraction, terms: Terms) -> int:
    whole = cents(amount, terms.step if terms.rounding else 1)
    _carried(whole, terms)
    return whole


# ------------------------------------------------------------------ the bill


class Oracle:
    """One deal with its papers, in the order in which they came."""

    def __init__(self, terms: Terms, papers: Sequence[Paper]) -> None:
        self.terms, self.papers = terms, tuple(papers)
        self.base = self.papers[0]

    def last(self) -> date:
        """The first day without service."""
        return min([self.terms.end, *(p.effective for p in self.papers if p.kind == "Cancellation")])

    def accepts(self, paper: Paper) -> None:
        """Raises `Impossible` for a paper that has to be refused beside those that came before it."""
        ends = [p.effective for p in self.papers if p.kind == "Cancellation"]
        if ends and paper.effective >= min(ends):
            raise Impossible("DATA-212", "the deal was cancelled before that day")
        if paper.effective > self.terms.end or (paper.effective == self.terms.end and paper.kind != "Cancellation"):
            raise Impossible("DATA-205", "the deal has ended by then")
        for line in (x for x in paper.adds if ends and x.start >= min(ends)):
            raise Impossible("DATA-212", f"line {line.id} begins after the end")
        with_it = Oracle(self.terms, (*self.papers, paper))
        with_it.bill(self.terms.at(month_on(max(self.terms.start, paper.effective), LOOK_AHEAD)))

    # -------------------------------------------------------------- what it is worth

    def monthly(self, at: datetime) -> Fraction:
        """What runs at a moment is worth a month, in cents, exact."""
        total = Fraction(0)
        for part in self._running(at):
            rest = part.line.price * part.quantity
            for off in (o for o in part.line.offs if o.until is None or at < self.terms.at(o.until)):
                rest = (
                    rest * (1 - off.part)
                    if off.part is not None
                    else max(Fraction(0), rest - Fraction(off.cents, part.line.cycle))
                )
            total += rest
        return total

    def quantity(self, at: datetime) -> int:
        """How many units run at a moment; those of the first day also in the trial before it."""
        trial = self.terms.at(self.terms.opens) <= at < self.terms.at(self.terms.start)
        return sum(p.quantity for p in self._running(self.terms.at(self.terms.start) if trial else at))

    def _running(self, at: datetime) -> list[Part]:
        parts = [p for p in fold(self.papers) if p.line.cycle]
        return [p for p in parts if self.terms.at(p.line.start) <= at < self.terms.at(p.last)]

    # -------------------------------------------------------------- what is billed

    def bill(self, until: datetime) -> Bill:
        """Everything up to a moment, and that moment itself."""
        made = Bill(step=self.terms.step)
        self._cycles(made, until)
        for paper in self.papers:
            if paper is self.base:
                self._begun(made)
            self._once(made, paper, until)
            self._joining(made, paper, until)
            self._given_back(made, paper, until)
        made.charges.sort()
        return made

    def _spans(self, until: datetime) -> list[tuple[int, date, Cycle]]:
        """Every cycle of every frequency and end that some line has, up to a moment."""
        found = []
        for cycle, end in sorted({(x.cycle, x.end) for p in self.papers for x in p.adds if x.cycle}):
            for span in cycles(self.terms, cycle, end):
                if self.terms.at(span.start) > until:
                    break
                found.append((cycle, end, span))
        return found

    def _items(self, parts: Iterable[Part], cycle: int, end: date, span: Cycle) -> list[int]:
        """What each item of one cycle bills."""
        running = [p for p in parts if (p.line.cycle, p.line.end) == (cycle, end) and p.runs(span.start)]
        return [net(group, span.months, span.start, self.terms) for group in grouped(running, span.start)]

    def _cycles(self, made: Bill, until: datetime) -> None:
        """What Stripe bills by itself: each cycle on its day, with the papers that had come before it."""
        for cycle, end, span in self._spans(until):
            at = self.terms.at(span.start)
            known = [p for p in self.papers if p.arrived < at]
            if self.base in known:
                made.charges += [_charge(at, n, span) for n in self._items(fold(known), cycle, end, span)]

    def _begun(self, made: Bill) -> None:
        """The cycles that had begun when the deal came, on that day."""
        at, parts = self.base.arrived, fold([self.base])
        for cycle, end, span in self._spans(at):
            if not self._skipped(span):
                made.charges += [_charge(at, n, span) for n in self._items(parts, cycle, end, span)]

    def _skipped(self, span: Cycle) -> bool:
        return self.base.skip_past and span.end <= self.terms.day(self.base.signed)

    def _once(self, made: Bill, paper: Paper, until: datetime) -> None:
        """What is billed once: on its day, or on the day on which it came; what agrees together."""
        fees = sorted((x for x in paper.adds if not x.cycle), key=lambda x: x.start)
        for day, lines in groupby(fees, key=lambda x: x.start):
            at, ids = max(self.terms.at(day), paper.arrived), {x.id for x in lines}
            if at <= until:
                parts = fold(p for p in self.papers if p.arrived <= at)
                due = [p for p in parts if p.line.id in ids and p.cut is None]
                made.charges += [Charge(at, net(g, Fraction(1), day, self.terms)) for g in grouped(due, day)]

    def _joining(self, made: Bill, paper: Paper, until: datetime) -> None:
        """The rest of the cycles in which lines begin; of a paper that came late, also the cycles billed without it."""
        adds = sorted(paper.adds, key=lambda x: x.start)
        for n, line in enumerate(adds):
            at = max(self.terms.at(line.start), paper.arrived)
            if not line.cycle or at > until:
                continue
            known = self._before(paper, line.start)
            before, after = (fold([*known, replace(paper, adds=tuple(adds[:k]), takes=())]) for k in (n, n + 1))
            beside = [p for p in before if p.runs(line.start)]
            if sum(p.quantity for p in after if p.runs(line.start)) == sum(p.quantity for p in beside):
                continue  # all had ended before it began
            if any(
                p.line.start > line.start and alike(p, FAR) == alike(Part(line, 1, paper), FAR)
                for p in fold(self.papers)
            ):
                made.leave(at, self.terms.step * sum(c == line.cycle for c, _, _ in self._spans(at)))
            elif paper.proration == "Stripe":
                made.leave(at, self.terms.step)
            amount = rest_of_cycle(Part(line, line.quantity, paper), beside, line.start, self.terms, paper.proration)
            if paper is self.base or self.terms.at(line.start) > paper.arrived:
                if amount:
                    end = cycle_of(self.terms, line, line.start).end
                    made.charges.append(Charge(at, amount, line.start.isoformat(), end.isoformat()))
                continue
            amount += self._sum(after, paper.arrived) - self._sum(before, paper.arrived)
            for often in sorted({p.line.cycle for p in after if p.line.cycle}):  # an earlier paper takes off others now
                now, was = (
                    self._unused([p for p in some if p.line.cycle == often], at) for some in (after, before)
                )  # fmt: skip
                amount += max(0, was - now)
                if now > was:
                    made.credits[paper.number, at] = made.credits.get((paper.number, at), 0) + now - was
            made.late[at] = made.late.get(at, 0) + amount

    def _before(self, paper: Paper, day: date) -> list[Paper]:
        """The papers that count as there when a line of this one takes effect."""
        at = self.terms.at(day)
        if paper.arrived >= at:
            return list(self.papers[: self.papers.index(paper)])
        mine = (day, paper.signed, paper.number)
        others = (p for p in self.papers if p is not paper and p.arrived <= at)
        return [
            p for p in others if p is self.base or p.order < mine or (p.kind == "Cancellation" and p.effective <= day)
        ]

    def _sum(self, parts: Sequence[Part], at: datetime) -> int:
        """What the cycles that had begun by then come to with these parts."""
        return sum(sum(self._items(parts, *span)) for span in self._spans(at))

    # -------------------------------------------------------------- what is given back

    def _given_back(self, made: Bill, paper: Paper, until: datetime) -> None:
        ends = paper.kind == "Cancellation"
        if paper.credit == "None" or paper is self.base:
            return
        bare = replace(paper, kind="Amendment", takes=())
        takes = sorted(paper.takes, key=lambda x: x.day)
        steps = [
            (take.day, replace(bare, takes=tuple(takes[:n])), replace(bare, takes=tuple(takes[: n + 1])))
            for n, take in enumerate(takes)
        ]
        steps += [(paper.effective, bare, paper)] if ends else []
        for day, without, with_it in steps:
            at = max(self.terms.at(day), paper.arrived)
            if at > until:
                continue
            known = self._before(paper, day)
            if paper.proration == "Stripe":
                made.leave(at, self.terms.step)
            elif self.terms.at(day) <= paper.arrived and _on_two_objects([*known, paper]):
                made.leave(
                    at, self.terms.step * len(self._spans(at))
                )  # whole cycles are given back as they were billed
            folded = fold([*known, without]), fold([*known, with_it])
            for often in sorted({p.line.cycle for p in folded[1] if p.line.cycle}):  # what one has too much is its own
                before, after = ([p for p in some if p.line.cycle == often] for some in folded)
                amount = self._unused(after, at) - self._unused(before, at)
                if self.terms.at(day) <= paper.arrived:
                    amount += self._sum(before, paper.arrived) - self._sum(after, paper.arrived)
                if amount > 0:
                    made.credits[paper.number, at] = made.credits.get((paper.number, at), 0) + amount

    def _unused(self, parts: Sequence[Part], at: datetime) -> int:
        """What all that was taken off by a moment gives back for the cycles in which it was taken off."""
        cut: dict[tuple[int, str], list[Part]] = {}
        for part in parts:
            if part.by is None or part.by.credit == "None" or not part.line.cycle or self._never(part):
                continue
            if self.terms.at(max(_day_of(part), part.line.start)) <= at:
                cut.setdefault((part.by.number, part.by_line), []).append(part)
        return sum(self._unused_by(some, parts) for some in cut.values())

    def _rest(self, part: Part) -> int:
        """What a part was billed for the cycle in which it began; nothing where that was on its first day."""
        whole = Part(part.line, part.quantity, part.paper)
        return rest_of_cycle(whole, (), part.line.start, self.terms, part.paper.proration)

    def _never(self, part: Part) -> bool:
        """Whether it was known, before the part began, that everything ends on that day or earlier."""
        assert part.by is not None
        return (
            part.by_line == "all" and part.cut == part.line.start and part.by.arrived < self.terms.at(part.line.start)
        )

    def _unused_by(self, some: Sequence[Part], parts: Sequence[Part]) -> int:
        day, by = _day_of(some[0]), some[0].by
        assert by is not None
        left = [p for p in parts if p.runs(day)]
        amount = sum(self._rest(p) for p in some if p.line.start > day)
        paid = [p for p in some if p.line.start <= day and self._billed(p, day) > 0]
        for group in grouped(paid, day):
            gone = Part(group[0].line, sum(p.quantity for p in group), group[0].paper)
            unused = rest_of_cycle(gone, left, day, self.terms, by.proration)
            amount += min(unused, sum(self._billed(p, day) for p in group))
        return amount

    def _billed(self, part: Part, day: date) -> int:
        """What a part was billed for the cycle that a day is in."""
        cycle = cycle_of(self.terms, part.line, day)
        if part.line.start > cycle.start:
            return self._rest(part)
        return 0 if self._skipped(cycle) else net([part], cycle.months, cycle.start, self.terms)


def _on_two_objects(papers: Sequence[Paper]) -> bool:
    """Whether lines that agree stand on two Stripe objects: one that came later begins earlier, and what is there never
    moves.
    """
    lines = [(x, p) for p in papers for x in p.adds if x.cycle]
    return any(
        q.arrived > p.arrived and y.start < x.start and alike(Part(x, 1, p), FAR) == alike(Part(y, 1, q), FAR)
        for x, p in lines
        for y, q in lines
    )


def _day_of(part: Part) -> date:
    """The day on which a part was taken off; of a Cancellation that of the end, though it had not begun by then."""
    assert part.by is not None
    assert part.cut is not None
    return part.by.effective if part.by_line == "all" else part.cut


def _charge(at: datetime, amount: int, span: Cycle) -> Charge:
    return Charge(at, amount, span.start.isoformat(), span.end.isoformat())


# ------------------------------------------------------------------ held against what was found


def unlike(bill: Bill, found: Iterable[Charge], given: Mapping[datetime, int]) -> list[str]:
    """What differs between a bill and the lines that were found and what was given back, in words.

    What agrees may stand on two Stripe objects, where the rules leave that open: then it is rounded twice, and each line
    may differ by half a cent. Of what came late only the sum is settled.
    """
    wanted, there = _spread(bill.charges), _spread(found)
    over: Counter[datetime] = Counter()
    slack: Counter[datetime] = Counter()
    wrong = []
    for key in sorted(wanted.keys() | there.keys()):
        extra = there.get(key, Counter()) - wanted.get(key, Counter())
        missing = wanted.get(key, Counter()) - there.get(key, Counter())
        rest = _sum(extra) - _sum(missing)
        apart = there.get(key, Counter()).total() > wanted.get(key, Counter()).total() > 0
        free = bill.free.get(key[0], 0) + (bill.step * (extra.total() + 1) if apart else 0)
        if missing and rest < -free:
            wrong.append(f"missing {key}: {sorted(missing.elements())}, found {sorted(extra.elements())}")
        elif abs(rest) > free:
            over[key[0]] += rest
        slack[key[0]] += free
    for at in sorted(over.keys() | bill.late.keys()):
        if abs(over[at] - bill.late.get(at, 0)) > slack[at] + bill.free.get(at, 0):
            wrong.append(f"at {at}: {over[at]} beside what is due then, for what came late {bill.late.get(at, 0)}")
    credits: Counter[datetime] = Counter()
    for (_, at), amount in bill.credits.items():
        credits[at] += amount
    wrong += [
        f"given back at {at}: {given.get(at, 0)}, not {credits[at]}"
        for at in sorted(given.keys() | credits.keys())
        if abs(given.get(at, 0) - credits[at]) > bill.free.get(at, 0)
    ]
    return wrong


Key = tuple[datetime, str, str]


def _spread(charges: Iterable[Charge]) -> dict[Key, Counter[int]]:
    """The amounts by moment and period; what is nothing stands on no bill."""
    found: dict[Key, Counter[int]] = {}
    for charge in charges:
        if charge.cents:
            found.setdefault((charge.at, charge.first, charge.last), Counter())[charge.cents] += 1
    return found


def _sum(amounts: Counter[int]) -> int:
    return sum(amount * times for amount, times in amounts.items())
