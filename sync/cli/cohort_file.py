"""The file of a cohort: CSV with a heading, one contract a line. Every fault of it is said at once."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sync.cli.exits import Misused
from sync.deal.money import Inexact, to_minor
from sync.ports import Member

COLUMNS = ("quote", "paid_through", "legacy_amount", "currency")
QUOTE_ID = re.compile(r"0Q0[A-Za-z0-9]{15}")


def read_members(path: Path, cohort: str) -> list[Member]:
    """The members in a file. Misused naming each line that can't be read; then nothing of it is taken."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise Misused(f"{path}: the heading lacks {', '.join(missing)}; it has to name {', '.join(COLUMNS)}.")
            read = [(rows.line_num, row) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Misused(f"{path} is no CSV file in UTF-8 ({error}).") from None
    found: list[Member] = []
    faults: list[str] = []
    for number, row in read:
        try:
            found.append(_member(row, cohort))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    times = Counter(member.quote_id for member in found)
    faults += [f"quote {quote} stands in it twice" for quote in sorted(times) if times[quote] > 1]
    if faults:
        raise Misused("\n".join((f"{path}: nothing was taken.", *faults)))
    if not found:
        raise Misused(f"{path}: there is no contract in it.")
    return found


def _member(row: Mapping[str, str | None], cohort: str) -> Member:
    quote, day, amount, currency = ((row.get(name) or "").strip() for name in COLUMNS)
    if not QUOTE_ID.fullmatch(quote):
        raise ValueError(f"quote {quote!r} is no id of a quote (18 characters, 0Q0…)")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise ValueError(f"currency {currency!r} is no code of three capitals")
    try:
        paid_through = date.fromisoformat(day)
    except ValueError:
        raise ValueError(f"paid_through {day!r} is no day (2026-10-14)") from None
    try:
        number = Decimal(amount)
        legacy = to_minor(number, currency)
    except (InvalidOperation, ValueError, OverflowError, Inexact):
        raise ValueError(f"legacy_amount {amount!r} is no amount of {currency} in major units") from None
    if legacy < 0:
        raise ValueError(f"legacy_amount {amount!r} is below zero")
    return Member(cohort, quote, paid_through, legacy, currency)
