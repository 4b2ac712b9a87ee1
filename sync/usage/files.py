"""Files of usage: CSV with a heading, or JSON lines. Read as they come, so that a file may be larger than memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TextIO

from sync.usage.rows import COLUMNS, WHAT, WHOSE, Refusal, UsageRow, read_row

#: A line that is longer than this is no row of usage.
LONGEST_LINE = 10_000
#: What a line has that says nothing, as spreadsheets leave them below the last row.
EMPTY = ', "\t\r\n'


class NotUsage(ValueError):
    """The file can't be read as usage at all; ``str()`` says why."""


def lines_of(file: TextIO) -> Iterator[str]:
    """The lines of a file that may be larger than memory, also where one of them is: of that only the beginning is given, which
    is longer than a row can be.
    """
    halved = False
    while line := file.readline(LONGEST_LINE + 1):
        if not (halved and line == "\n"):
            yield line
        while len(line) > LONGEST_LINE and not line.endswith(("\n", "\r")):
            line = file.readline(LONGEST_LINE + 1)
        halved = line.endswith("\r")  # the other half of its end may come by itself


def read_file(lines: Iterable[str], *, source: str) -> Iterator[tuple[int, UsageRow | Refusal]]:
    """Each row with the number of its line. JSON lines where the first line begins with ``{``. NotUsage for a heading that
    can't be right: then no row was given. Bytes that are no UTF-8 are to be replaced (``errors="replace"``): a row with
    such is refused alone.
    """
    numbered = ((n, line) for n, line in enumerate(lines, 1))
    for number, line in numbered:
        first = line.lstrip("\ufeff") if number == 1 else line
        if first.strip():
            break
    else:
        raise NotUsage("the file is empty")
    rest = (line for _, line in numbered)
    if len(first) > LONGEST_LINE:
        raise NotUsage(f"its first line is longer than {LONGEST_LINE} characters")
    if "\ufffd" in first or "\x00" in first:
        raise NotUsage('its heading is no text in UTF-8: save it as "CSV UTF-8"')
    if first.lstrip().startswith("{"):
        yield from _json_lines(number, first, rest, source)
    else:
        yield from _csv(number, first, rest, source)


def _json_lines(number: int, first: str, rest: Iterable[str], source: str) -> Iterator[tuple[int, UsageRow | Refusal]]:
    yield number, of_json(first, source=source)
    for n, line in enumerate(rest, number + 1):
        if line.strip():
            yield n, of_json(line, source=source)


def of_json(line: str, *, source: str) -> UsageRow | Refusal:
    """One JSON object as a row."""
    if len(line) > LONGEST_LINE:
        return Refusal("incomplete", f"the line is longer than {LONGEST_LINE} characters.")
    try:
        given = json.loads(line, parse_float=Decimal)
    except (ValueError, RecursionError):
        return Refusal("incomplete", "the line is no JSON object.")
    if not isinstance(given, Mapping):
        return Refusal("incomplete", "the line is no JSON object.")
    return read_row(given, source=source)


def _csv(number: int, heading: str, rest: Iterable[str], source: str) -> Iterator[tuple[int, UsageRow | Refusal]]:
    names = [name.strip() for name in next(csv.reader([heading]))]
    _check(names)
    for n, line in enumerate(rest, number + 1):
        if line.strip(EMPTY):
            yield n, _cells(line, names, source)


def _cells(line: str, names: list[str], source: str) -> UsageRow | Refusal:
    """One line as a row. No cell of usage goes over two lines, so that a quotation mark without its other hides no row."""
    if len(line) > LONGEST_LINE:
        return Refusal("incomplete", f"the line is longer than {LONGEST_LINE} characters.")
    try:
        [cells] = csv.reader([line], strict=True)
    except (csv.Error, ValueError) as error:
        return Refusal("incomplete", f"the line is no CSV: {error}.")
    if len(cells) != len(names):
        return Refusal("incomplete", f"the line has {len(cells)} cells, the heading {len(names)}.")
    return read_row(dict(zip(names, cells, strict=True)), source=source)


def _check(names: list[str]) -> None:
    faults = [f'no such column: "{name}"' for name in names if name not in COLUMNS]
    faults += [f"{name} stands there twice" for name in sorted({n for n in names if names.count(n) > 1})]
    faults += [f"{name} is missing" for name in ("identifier", "quantity", "timestamp") if name not in names]
    for some in (WHAT, WHOSE):
        if not set(some) & set(names):
            faults.append(f"one of {', '.join(some)} is missing")
    if len(names) == 1 and (separator := next((one for one in ";\t|" if one in names[0]), None)):
        what = {"\t": "tabs"}.get(separator, f'"{separator}"')
        raise NotUsage(f"its columns are separated by {what}: save it with commas")
    if faults:
        raise NotUsage(f"the heading can't be used: {'; '.join(faults)}. Columns are {', '.join(COLUMNS)}.")
