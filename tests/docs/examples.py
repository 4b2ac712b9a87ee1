"""The worked examples of docs/billing-rules.md, read and worked out by the code that bills."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sync.deal.calendar import add_months
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, ForecastInvoice, forecast
from sync.deal.money import format_major, round_half_away
from sync.deal.policy import BillingPolicy
from sync.deal.pricing import arr_minor, items, mrr_minor
from sync.deal.timeline import tracks
from sync.errors import Refused
from tests.sync.deal.factory import ACCOUNT, EARLY, a_deal, a_fee, a_line

LINE = re.compile(
    r"(?P<quantity>\S+) x (?P<price>\S+) (?:a (?P<period>\w+)|(?P<once>once))(?:, less (?P<less>\S+) %)?(?:, billed (?P<billed>\w+))?"
)


@dataclass(frozen=True)
class Quote:
    """What an example says was signed."""

    fields: Mapping[str, Any]
    lines: tuple[str, ...]
    signed: datetime
    zone: str | None
    rounding: bool

    def deal(self) -> Deal:
        """The deal that the code reads out of it. Raises Refused."""
        account = replace(ACCOUNT, billing_timezone=self.zone)
        lines = [_line(text, number) for number, text in enumerate(self.lines, start=1)]
        return a_deal(
            *lines,
            now=self.signed,
            policy=BillingPolicy(rounding_step=self.rounding),
            account=account,
            **self.fields,
        )


def parts(example: str) -> list[tuple[str, str]]:
    """The lines of an example as (key, rest); ``last day`` is one key."""
    found = []
    for line in example.splitlines():
        key, rest = re.fullmatch(r"(last day|\w+)\s+(.*)", line).groups()  # type: ignore[union-attr]
        found.append((key, rest))
    return found


def quote_of(rows: list[tuple[str, str]]) -> Quote:
    """The quote and its lines."""
    currency, start, term, often, *options = rows[0][1].split(", ")
    fields: dict[str, Any] = {
        "currency": currency,
        "start_date": date.fromisoformat(start),
        "term_months": int(term.removesuffix(" months")),
        "billing_frequency": often,
    }
    signed, zone, rounding = EARLY, None, False
    for option in options:
        if option.startswith("signed "):
            signed = datetime.fromisoformat(option.removeprefix("signed "))
        elif option.startswith("zone "):
            zone = option.removeprefix("zone ")
        elif option.startswith("Net "):
            fields["days_until_due"] = int(option.removeprefix("Net "))
        elif option == "rounding step":
            rounding = True
        else:
            raise AssertionError(f"an example asks for {option!r}")
    return Quote(fields, tuple(rest for key, rest in rows if key == "line"), signed, zone, rounding)


def check(example: str) -> int:
    """Every claim of the example holds; returns how many there were. AssertionError says what the code answers instead."""
    rows = parts(example)
    if rows[0][0] != "quote":
        for key, rest in rows:
            _check_sum(key, rest)
        return len(rows)
    quote = quote_of(rows)
    claims = [(key, rest) for key, rest in rows[1:] if key != "line"]
    if claims == [("refused", claims[0][1])]:
        assert _refusal(quote) == claims[0][1]
        return 1
    deal = quote.deal()
    made = forecast(deal, quote.signed)
    billed = [(key, rest) for key, rest in claims if key in ("invoice", "invoices")]
    if billed:
        _check_invoices(billed, made, deal)
    others = [(key, rest) for key, rest in claims if key not in ("invoice", "invoices")]
    for key, rest in others:
        assert ANSWERS[key](deal, made, rest) == rest, key
    return len(claims)


def _line(text: str, number: int) -> Any:
    found = LINE.fullmatch(text)
    assert found, f"a line reads {text!r}"
    changes: dict[str, Any] = {
        "quantity": Decimal(found["quantity"]),
        "unit_price": Decimal(found["price"].replace(",", "")),
    }
    if found["once"]:
        return a_fee(number, **changes)
    if found["less"]:
        changes["discount_percent"] = Decimal(found["less"])
    return a_line(number, price_period=found["period"], billing_frequency=found["billed"], **changes)


def _refusal(quote: Quote) -> str:
    try:
        quote.deal()
    except Refused as refused:
        return refused.code
    return "nothing"


def _check_sum(key: str, rest: str) -> None:
    question, answer = rest.split(" = ")
    if key == "months":
        first, months = question.split(" + ")
        assert add_months(date.fromisoformat(first), int(months)).isoformat() == answer
    elif key == "round":
        assert round_half_away(Decimal(question)) == int(answer)
    else:
        raise AssertionError(f"an example begins with {key!r}")


def _check_invoices(claims: list[tuple[str, str]], made: Forecast, deal: Deal) -> None:
    """The claims name every invoice, in order."""
    left = list(made.invoices)
    for key, rest in claims:
        if key == "invoice":
            assert _said(left.pop(0), deal, due="due" in rest) == rest
            continue
        count, amount, first, last = re.fullmatch(r"(\d+) of (\S+), (\S+) to (\S+)", rest).groups()  # type: ignore[union-attr]
        group, left = left[: int(count)], left[int(count) :]
        assert {format_major(i.total, deal.currency) for i in group} == {amount}
        assert (len(group), str(group[0].day), str(group[-1].day)) == (int(count), first, last)
    assert not left, f"not named: {[str(i.day) for i in left]}"


def _said(invoice: ForecastInvoice, deal: Deal, *, due: bool) -> str:
    text = f"{invoice.day} {format_major(invoice.total, deal.currency)}"
    return f"{text} due {invoice.due}" if due else text


def _on(rest: str) -> date:
    return date.fromisoformat(rest.split()[0])


ANSWERS: Mapping[str, Callable[[Deal, Forecast, str], str]] = {
    "total": lambda deal, made, _: format_major(made.total, deal.currency),
    "signed": lambda deal, made, _: format_major(made.signed, deal.currency),
    "rounding": lambda deal, made, _: format_major(made.rest, deal.currency),
    "first": lambda deal, made, _: format_major(made.first, deal.currency),
    "objects": lambda deal, made, _: str(len(tracks(deal))),
    "days": lambda deal, made, _: " ".join(str(i.day) for i in made.invoices),
    "unit": lambda deal, made, _: f"{items(deal.pieces, deal, deal.start)[0].priced.unit:f}",
    "discount": lambda deal, made, _: format_major(sum(items(deal.pieces, deal, deal.start)[0].priced.off), deal.currency),
    "mrr": lambda deal, made, rest: f"{_on(rest)} {format_major(mrr_minor(deal, _on(rest)), deal.currency)}",
    "arr": lambda deal, made, rest: f"{_on(rest)} {format_major(arr_minor(deal, _on(rest)), deal.currency)}",
    "begins": lambda deal, made, _: f"{deal.boundary(deal.start):%Y-%m-%dT%H:%M:%SZ}",
    "ends": lambda deal, made, _: f"{deal.boundary(deal.end):%Y-%m-%dT%H:%M:%SZ}",
    "last day": lambda deal, made, _: str(date.fromordinal(deal.end.toordinal() - 1)),
}
