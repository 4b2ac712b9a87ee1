"""What a command says: its answer on stdout, as text or as one JSON document, and everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from sync.words import duration as duration
from sync.words import instant as instant

#: Wide enough that nothing wraps where no person looks; a table takes only what it needs.
UNWRAPPED = 4000


def console(*, stderr: bool = False) -> Console:
    """A console that colours only for a terminal, and never with NO_COLOR set."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else UNWRAPPED, highlight=False, markup=False, emoji=False
    )


@dataclass(frozen=True)
class Out:
    """The two voices of one command."""

    as_json: bool = False

    def answer(self, kind: str, value: Mapping[str, object], text: str | Table | Sequence[str | Table]) -> None:
        """The answer: ``value`` as JSON with its schema (``tandem/<kind>/1``), or ``text``."""
        if self.as_json:
            print(json.dumps({"schema": f"tandem/{kind}/1", **value}, default=to_json, ensure_ascii=False, indent=2))
            return
        out = console()
        for part in [text] if isinstance(text, str | Table) else text:
            out.print(part, soft_wrap=isinstance(part, str))

    def say(self, line: str) -> None:
        """Something that is no part of the answer."""
        console(stderr=True).print(line, soft_wrap=True)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]], *, right: Iterable[str] = ()) -> Table:
    """Rows under headings, if there are any; those in ``right`` stand at the right of their column."""
    names, at_right = list(columns), set(right)
    shown = Table(box=None, pad_edge=False, show_edge=False, header_style="bold", show_header=any(names))
    for name in names:
        shown.add_column(name, justify="right" if name in at_right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    return shown


def to_json(value: object) -> object:
    """What JSON has no word for: moments in UTC, decimals as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
