"""`tandem usage`: usage from files, what became of it, and what people decide about the rest."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli import places
from sync.cli.exits import Exit, Misused, NotFound
from sync.cli.options import Apply, Json, Yes, agreed
from sync.cli.output import Out, instant, table
from sync.usage.files import NotUsage, lines_of, read_file
from sync.usage.rows import DEFAULT_SOURCE, Refusal, UsageRow

if TYPE_CHECKING:
    from sync.ports.usage import UsageState
    from sync.run.usage_intakes import Intakes
    from sync.wiring import Services

#: Rows that are judged and committed together.
BATCH = 500
#: Refused rows that are shown to people; JSON has all of them.
MOST_SHOWN = 20

Source = Annotated[str, typer.Option(help="The counting system: identifiers are unique within it.")]
Names = Annotated[
    list[str], typer.Argument(help="SOURCE:IDENTIFIER each; one without a colon is of the source 'default'.")
]


def application() -> typer.Typer:
    """The verbs below `tandem usage`."""
    app = typer.Typer(help="Usage and outcomes for Stripe's Billing Meters.", no_args_is_help=True)
    app.command("import")(import_)
    app.command("status")(status)
    app.command("list")(list_)
    app.command("retry")(retry)
    app.command("drop")(drop)
    return app


def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a heading, or JSON lines.", exists=True, dir_okay=False)],
    source: Source = DEFAULT_SOURCE,
    apply: Apply = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Take usage in from a file: each row is billed once, whatever is repeated.

    Columns: identifier, event or product, one of customer, account, subscription, quantity, timestamp (with its zone),
    and if you like source. A row that can't be billed is refused with its reason and the others are taken.
    Exit 0: all taken. 1: some rows refused. 2: the file can't be read.

    For example:
      tandem usage import june.csv
      tandem usage import june.jsonl --source router --apply
    """
    out = Out(json)
    try:
        with file.open(encoding="utf-8", errors="replace", newline="") as lines, places.services() as services:
            rows = read_file(lines_of(lines), source=source)
            return _imported(out, _intake(services), rows, apply=apply)
    except NotUsage as error:
        raise Misused(f"{file}: {error}") from error


def _imported(out: Out, intake: Intakes, rows: Iterator[tuple[int, UsageRow | Refusal]], *, apply: bool) -> int:
    accepted = known = done = 0
    by_reason: Counter[str] = Counter()
    refused: list[tuple[int, str, Refusal]] = []  # for people the first of them: a file may have a million
    while batch := list(islice(rows, BATCH)):
        taken = intake.take([row for _, row in batch], keep=apply)
        accepted, known, done = accepted + taken.accepted, known + taken.known, done + len(batch)
        for place, why in taken.refused:
            line, row = batch[place]
            by_reason[why.reason] += 1
            if out.as_json or len(refused) < MOST_SHOWN:
                refused.append((line, row.identifier if isinstance(row, UsageRow) else "", why))
        out.say(f"{done} {'row' if done == 1 else 'rows'}: {accepted} new, {known} known, {by_reason.total()} refused")
    value: dict[str, object] = {
        "applied": apply,
        "accepted": accepted,
        "known": known,
        "refused": [
            {"line": line, "identifier": name, "reason": why.reason, "message": why.message}
            for line, name, why in refused
        ],
    }
    verb = "taken" if apply else "would be taken"
    said: list[object] = [f"{accepted} {verb}, {known} known already, {by_reason.total()} refused"]
    if refused:
        lines = [(line, name, why.reason, why.message) for line, name, why in refused]
        said.append(table(("LINE", "IDENTIFIER", "REASON", "WHAT TO DO"), lines, right=("LINE",)))
    if by_reason.total() > MOST_SHOWN:
        said.append("in all: " + ", ".join(f"{n} {reason}" for reason, n in by_reason.most_common()))
    out.answer("usage-import", value, said)  # type: ignore[arg-type]
    if not apply:
        out.say("nothing was written. Take them in with --apply; the same file again does no harm.")
    return Exit.SOME_FAILED if refused else Exit.DONE


def status(json: Json = False, yes: Yes = False) -> int:
    """Count usage by state, and show what waits for a person. From the store alone.

    For example:
      tandem usage status --json
    """
    with places.store() as store:
        counts, groups = store.usage.counts(), store.usage.set_aside_of()
        next_s = store.usage.waiting()[1]
    value = {
        "states": {state: {"rows": many, "quantity": quantity} for state, (many, quantity) in counts.items()},
        "next_in_s": next_s,
        "set_aside": [vars(group) for group in groups],
    }
    lines = [(state, many, quantity) for state, (many, quantity) in sorted(counts.items())]
    said = [table(("STATE", "ROWS", "QUANTITY"), lines, right=("ROWS", "QUANTITY"))]
    if groups:
        shown = [(g.code, g.many, g.quantity, g.customer, g.event, g.example, g.message) for g in groups]
        names = ("CODE", "ROWS", "QUANTITY", "CUSTOMER", "EVENT", "FOR EXAMPLE", "WHY")
        said.append(table(names, shown, right=("ROWS", "QUANTITY")))
    Out(json).answer("usage-status", value, said if counts else "no usage was ever taken in")
    return Exit.SOME_FAILED if groups else Exit.DONE


def list_(
    state: Annotated[str | None, typer.Option(help="waiting, sending, sent, refused, unknown or dropped.")] = None,
    customer: Annotated[str | None, typer.Option(help="A Stripe customer, or what the rows named.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """List usage, the newest first. From the store alone.

    For example:
      tandem usage list --state refused
      tandem usage list --customer cus_123 --limit 1000 --json
    """
    if state is not None and state not in STATES:
        raise Misused(f"--state {state}: one of {', '.join(STATES)}.")
    with places.store() as store:
        rows = store.usage.listed(state=state, customer=customer, limit=limit)
    shown = [
        (r["state"], f"{r['source']}:{r['identifier']}", r["customer"], r["event"], r["quantity"], _at(r), r["error_message"])
        for r in rows
    ]  # fmt: skip
    names = ("STATE", "IDENTIFIER", "CUSTOMER", "EVENT", "QUANTITY", "AT", "WHY")
    found = table(names, shown, right=("QUANTITY",)) if rows else "nothing matches"
    Out(json).answer("usage-list", {"rows": [dict(row) for row in rows]}, found)
    return Exit.DONE


STATES = ("waiting", "sending", "sent", "refused", "unknown", "dropped")


def retry(identifiers: Names, apply: Apply = False, json: Json = False, yes: Yes = False) -> int:
    """Send usage again that was refused, or of which nobody knows whether Stripe took it. Look into Stripe first.

    For example:
      tandem usage retry router:2026-06-17-4711 --apply
    """
    return _decide(identifiers, "waiting", apply=apply, json=json, yes=yes)


def drop(identifiers: Names, apply: Apply = False, json: Json = False, yes: Yes = False) -> int:
    """Never send these: they are in Stripe already, or billed by hand, or wrong.

    For example:
      tandem usage drop router:2026-06-17-4711 --apply
    """
    return _decide(identifiers, "dropped", apply=apply, json=json, yes=yes)


def _decide(identifiers: Sequence[str], state: UsageState, *, apply: bool, json: bool, yes: bool) -> int:
    keys = [_key(name) for name in identifiers]
    out = Out(json)
    with places.services() as services:
        there = services.usage.set_aside_keys(keys)
        if not there:
            raise NotFound("none of these waits for a person: see `tandem usage list --state refused`.")
        if apply:
            if state == "waiting":
                agreed(f"Send {len(there)} events again? What Stripe counted already is counted twice.", yes=yes)
            for one in services.everywhere:
                run = one.pipeline.usage
                assert run is not None
                run.settled(one.usage.decided(there, state))
            names = [f"{source}:{identifier}" for source, identifier in there]
            services.audit.write(
                actor=getpass.getuser(),
                action=f"usage {state}",
                target=f"{len(there)} events",
                detail={"events": names},
            )
        word = "sent again" if state == "waiting" else "never sent"
        text = f"{len(there)} of {len(keys)} {'are' if apply else 'would be'} {word}"
        out.answer("usage-decided", {"applied": apply, "state": state, "rows": len(there)}, text)
    return Exit.DONE if len(there) == len(keys) else Exit.SOME_FAILED


def _intake(services: Services) -> Intakes:
    from sync.run.usage_intakes import Intakes

    return Intakes([run.intake for one in services.everywhere if (run := one.pipeline.usage) is not None])


def _key(name: str) -> tuple[str, str]:
    source, colon, identifier = name.partition(":")
    return (source, identifier) if colon else (DEFAULT_SOURCE, name)


def _at(row: object) -> str:
    assert isinstance(row, dict)
    return instant(row["happened_at"])
