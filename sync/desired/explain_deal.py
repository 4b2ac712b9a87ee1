"""Why a deal's billing is as it is: status, days, revenue, and every amount with the arithmetic behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction

from sync.deal.calendar import months_between, say, seconds
from sync.deal.changes import Proration
from sync.deal.cycles import Cycle
from sync.deal.deal import Deal
from sync.deal.discounts import AmountOff, Off
from sync.deal.dues import CreditDue
from sync.deal.forecast import Forecast, ForecastInvoice, ForecastLine
from sync.deal.lines import Charge, DealLine
from sync.deal.money import exponent, format_amount, format_exact, round_half_away
from sync.deal.pricing import monthly_minor, mrr_minor
from sync.deal.proration import worth
from sync.deal.timeline import is_begun
from sync.desired import quote_status, reasons
from sync.desired.past_deals import stands_alone
from sync.desired.quote_status import QuoteView
from sync.desired.reasons import Reason
from sync.words import counted, term

#: Invoices that are explained when no day is asked for: the next ones, so many.
SOME = 3


def explain_deal(view: QuoteView, on: date | None = None) -> list[Reason]:
    """Everything that the quote shows of a deal that could be worked out, with its inputs; amounts in major units.

    ``on`` chooses the invoices and credits of one billing day; without it those of the next days are explained.
    """
    assert view.case is not None
    deal, made = view.case.deal, view.case.forecast
    return [
        _status(view),
        *_days(deal),
        _revenue(deal, deal.day_of(view.now)),
        *(_invoice(invoice, deal) for invoice in _chosen(made, deal.day_of(view.now), on)),
        *(_credit(credit, deal) for credit in made.credits if on is None or deal.day_of(credit.at) == on),
        *([] if on else [_total(deal, made)]),
    ]


# ------------------------------------------------------------------ how it stands


def _status(view: QuoteView) -> Reason:
    assert view.case is not None
    deal, objects = view.case.deal, quote_status.deal_objects(view.deal, view.objects)
    begins = deal.boundary(view.case.begins)
    alone = stands_alone(deal, view.objects, view.now)
    nothing = "nothing of it runs in Stripe: it stands on invoices alone" if alone else "nothing of it is in Stripe"
    there = [f"in Stripe: {fact.id} ({fact.status})" for fact in objects] or [nothing]
    lines = [
        f"it is {view.now:%Y-%m-%d %H:%MZ}; its first day, {say(view.case.begins)}, begins at {begins:%Y-%m-%d %H:%MZ}",
        *there,
    ]
    if deal.last is not None:
        lines.append(
            f"the first day without service, {say(deal.last)}, begins at {deal.boundary(deal.last):%Y-%m-%d %H:%MZ}"
        )
    if not view.signed:
        lines.append("the quote is not signed, so nothing is begun")
    return Reason("Billing_Status__c", quote_status.status(view), tuple(lines), reasons.QUOTE)


def _days(deal: Deal) -> list[Reason]:
    stamp = seconds(deal.boundary(deal.start))
    zone = f"billing time zone {deal.timezone}: {say(deal.start)} begins at {deal.boundary(deal.start):%Y-%m-%d %H:%MZ} ({stamp})"
    found = [Reason("Start", say(deal.start), (zone,), reasons.DAY)]
    if deal.end is not None:
        months, days = months_between(deal.start, deal.end)
        ends = "ends" if (months, days) in ((1, 0), (0, 1)) else "end"
        length = f"{term(months, days)} from {say(deal.start)} {ends} before {say(deal.end)} ({seconds(deal.boundary(deal.end))} in Stripe)"
        found.append(Reason("End_Date__c", say(deal.end - timedelta(days=1)), (length,), reasons.LAST_DAY))
    if deal.ends_on is not None:
        who = next(c for c in deal.changes if c.ends and c.effective == deal.ends_on)
        told = f"Cancellation {who.number}: {say(deal.ends_on)} is the first day without service"
        found.append(Reason("Ends_On__c", say(deal.ends_on - timedelta(days=1)), (told,), reasons.LAST_DAY))
    return found


def _revenue(deal: Deal, today: date) -> Reason:
    lines = []
    for piece in deal.pieces:
        month = monthly_minor(piece, deal.currency, today)
        if month:
            price = f"{piece.quantity} × {_price(piece.line, deal)}"
            lines.append(
                f"{piece.line.product.name}, quote {piece.change.number}: {price} = {_exact(month, deal)} a month, after discounts"
            )
    lines = lines or [f"no recurring licensed line runs on {say(today)}"]
    return Reason(
        "MRR__c",
        format_amount(mrr_minor(deal, today), deal.currency),
        (*lines, "summed, then rounded once"),
        reasons.REVENUE,
    )


# ------------------------------------------------------------------ amounts


def _chosen(made: Forecast, today: date, on: date | None) -> Sequence[ForecastInvoice]:
    if on is not None:
        return [invoice for invoice in made.invoices if invoice.day == on]
    ahead = [invoice for invoice in made.invoices if invoice.day >= today]
    return ahead[:SOME] or made.invoices[-1:]


def _invoice(invoice: ForecastInvoice, deal: Deal) -> Reason:
    lines = [text for line in invoice.lines for text in _line(line, invoice, deal)]
    if invoice.due is not None:
        lines.append(
            f"due {say(invoice.due)}: {counted(deal.terms.days_until_due or 0, 'day')} after {say(invoice.day)}"
        )
    rule = reasons.ROUNDING
    if invoice.stated:
        lines.insert(
            0,
            f"stated by Tandem for quote {_number(invoice.quote_id, deal)} as {invoice.key}, not by the subscription's own cycle",
        )
        rule = reasons.PAST if is_begun(invoice.key) else reasons.PRORATION
        if not any(line.recurring for line in invoice.lines):
            rule = reasons.ONE_TIME
    return Reason(f"Invoice of {say(invoice.day)}", format_amount(invoice.total, deal.currency), tuple(lines), rule)


def _line(line: ForecastLine, invoice: ForecastInvoice, deal: Deal) -> list[str]:
    """One line of an invoice with its arithmetic."""
    item, currency = line.item, deal.currency
    sold = item.lines[0]
    what = f"{item.product.name}: {format_amount(line.amount, currency)}"
    if sold.charge is Charge.ONE_TIME:
        return [f"{what}, billed once on {say(line.period_start)}", *_steps(line, deal)]
    what += f" for {say(line.period_start)} to {say(line.period_end - timedelta(days=1))}"
    if invoice.stated and not _whole(line, deal):
        return [what, *_rest(line, deal)]
    return [what, *_steps(line, deal)]


def _whole(line: ForecastLine, deal: Deal) -> bool:
    """Whether the line is a cycle from its first day on."""
    return deal.grid(line.item.lines[0]).is_boundary(line.period_start)


def _steps(line: ForecastLine, deal: Deal) -> list[str]:
    """Quantity by unit amount, rounded once, then each discount."""
    item, currency = line.item, deal.currency
    if line.amount != item.priced.net:
        return [f"  for {item.quantity} × {_price(item.lines[0], deal)}, less what was billed already"]
    unit = format_exact(_major(Fraction(item.priced.unit), deal), currency)
    steps = [
        f"  {_price(item.lines[0], deal)}, so {unit} each: {item.quantity} × {unit} = {format_amount(item.priced.gross, currency)}"
    ]
    for off, amount in zip(item.priced.offs, item.priced.off, strict=True):
        steps.append(f"  less {_off(off, deal)}: {format_amount(-amount, currency)}")
    if item.priced.offs:
        steps.append(f"  leaves {format_amount(item.priced.net, currency)}")
    return steps


def _rest(line: ForecastLine, deal: Deal) -> list[str]:
    """What is left of a cycle that had begun, by the policy of the quote that adds the line."""
    sold, change = line.item.lines[0], line.item.pieces[0].change
    start, grid = line.period_start, deal.grid(sold)
    if change.joins_by is Proration.STRIPE:
        return [f"  policy Stripe: {_by_seconds(start, grid.at(start), deal)}, each amount rounded"]
    end = sold.end or grid.at(start).end
    months, days = months_between(start, end)
    signed = sum(round_half_away(worth(p.line, p.quantity, start, end, deal)) for p in line.item.pieces)
    time = term(months, days) + (" of 1/(365/12) of a month" if days else "")
    paper = format_amount(signed, deal.currency)
    steps = [f"  policy Signed: {line.item.quantity} × {_price(sold, deal)} for {time} is {paper}, net of percentages"]
    if signed != line.amount:
        rest = format_amount(signed - line.amount, deal.currency)
        steps.append(f"  less the full cycles still to come, {rest}: {format_amount(line.amount, deal.currency)}")
    return steps


def _by_seconds(day: date, cycle: Cycle, deal: Deal) -> str:
    first, now, end = (seconds(deal.boundary(at)) for at in (cycle.start, day, cycle.end))
    return f"{end - now:,} of the {end - first:,} seconds of the cycle {say(cycle.start)} to {say(cycle.end - timedelta(days=1))} are left"


def _credit(credit: CreditDue, deal: Deal) -> Reason:
    where = "refunded" if credit.refund else "on the invoices that billed the time, the rest to the customer's balance"
    change = next(c for c in deal.changes if c.quote_id == credit.quote_id)
    because = (
        f"quote {change.number} ({change.kind}) takes off what was billed for {say(credit.start)} to {say(credit.end - timedelta(days=1))}",
        f"policy {change.proration}, credit policy {change.credit}: {where}",
        "never more than was billed",
    )
    return Reason(
        f"Credit of {say(deal.day_of(credit.at))}",
        format_amount(credit.amount, deal.currency),
        because,
        reasons.CREDITS,
    )


def _total(deal: Deal, made: Forecast) -> Reason:
    """The contract total, and what rounding leaves."""
    billed = format_amount(made.total, deal.currency)
    if made.open_ended:
        return Reason("Contract_Total__c", "blank", ("the deal has no end, so there is no total",), reasons.EXACT)
    lines = [
        f"{counted(len(made.invoices), 'invoice')} {'comes' if len(made.invoices) == 1 else 'come'} to {billed}, before tax and without usage"
    ]
    if made.credited:
        lines.append(f"less {format_amount(made.credited, deal.currency)} given back")
    if made.left_out:
        lines.append(f"{format_amount(made.left_out, deal.currency)} is left out, as it was over when it was signed")
    what = "changes inside a cycle and rounding leave" if len(deal.changes) > 1 else "rounding leaves"
    lines.append(
        f"signed: {format_amount(made.signed, deal.currency)}; {what} {format_amount(made.rest, deal.currency)}"
    )
    return Reason("Contract_Total__c", billed, tuple(lines), reasons.EXACT)


# ------------------------------------------------------------------ words


def _price(line: DealLine, deal: Deal) -> str:
    unit = format_exact(line.unit_price, deal.currency)
    if line.period_months is None:
        return unit
    months = line.period_months
    words = {Fraction(1): "a month", Fraction(3): "a quarter", Fraction(12): "a year"}
    often = words.get(months, f"a term of {months} months" if months.denominator == 1 else "the whole term")
    if line.cycle_months and line.cycle_months != line.period_months:
        often += f", billed every {line.cycle_months} months" if line.cycle_months > 1 else ", billed every month"
    return f"{unit} {often}"


def _off(off: Off, deal: Deal) -> str:
    if isinstance(off, AmountOff):
        return f"{format_amount(off.amount_minor, deal.currency)} an invoice"
    return f"{off.value} %"


def _exact(amount: Fraction, deal: Deal) -> str:
    return format_exact(_major(amount, deal), deal.currency)


def _major(amount: Fraction, deal: Deal) -> Fraction:
    return amount / Fraction(10 ** exponent(deal.currency))


def _number(quote_id: str, deal: Deal) -> str:
    numbers: Iterable[str] = (c.number for c in deal.changes if c.quote_id == quote_id)
    return next(iter(numbers), deal.number)
