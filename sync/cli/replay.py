"""`tandem replay`: failed records once more, rehearsed first; each re-reads the present, so an old event restores nothing (DESIGN 1)."""

from __future__ import annotations

import getpass
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli import places
from sync.cli.exits import Exit, Misused, NotFound
from sync.cli.failures import Code, Since
from sync.cli.naming import code_of, mark_of, subject_of
from sync.cli.options import Apply, Json, PlanDigest, Yes, agreed
from sync.cli.output import Out
from sync.cli.rehearsal import Rehearsal, keep, rehearse, reviewed, rows_reviewed, unlike
from sync.cli.several import StripeAccount, part_named
from sync.cli.since import since_of
from sync.cli.sync import exit_of, show
from sync.ports import Mark
from sync.ports.outbox import RefusedRows

if TYPE_CHECKING:
    from sync.wiring import Services

#: More than this many are applied only with a person's agreement.
ASK_ABOVE = 50


@dataclass(frozen=True)
class Asked:
    """What the options choose."""

    code: str | None
    since: str | None
    everything: bool
    plan: str | None
    stripe_account: str | None = None  # only what failed on the one of this name

    @property
    def chooses(self) -> bool:
        """Whether an option says which records are meant."""
        return bool(self.code or self.since or self.everything)

    @property
    def rows_of(self) -> str | None:
        """The code whose refused rows are meant too, "" for all, None for none."""
        every = self.chooses and not self.since and self.stripe_account is None
        return (self.code or "") if every else None


def replay(
    subjects: Annotated[
        list[str] | None, typer.Argument(help="Subjects, ids or references; none: use an option.")
    ] = None,
    code: Code = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that waits for a person.")] = False,
    stripe_account: StripeAccount = None,
    rate: Annotated[int, typer.Option(min=1, max=6000, help="How many a minute are made due.")] = 600,
    apply: Apply = False,
    plan: PlanDigest = None,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Make failed records due again: say first what that would do, with counts, calls and the sum of money.

    The workers do the rest. Running it twice does no harm: what is as it should be stays so. With --code or --all, rows
    that Salesforce refused go again too, unless --stripe-account takes one Stripe account alone.

    For example:
      tandem replay --code CONF-301 --since 24h
      tandem replay --code CONF-301 --apply --plan 9c41e2d07b11 --rate 120
      tandem replay --all --stripe-account eu
      tandem replay 7F3K --apply
    """
    out, code = Out(json), code_of(code)
    with places.services() as services:
        asked = Asked(code, since, everything, plan, stripe_account)
        keys, rows = chosen(services, subjects or (), asked), refused_rows(services, asked)
        if not (keys or rows):
            raise NotFound("nothing that waits for a person matches.")
        as_of, seen = reviewed(services, plan) if plan else (None, None)
        rehearsal = replace(rehearse(services, keys, as_of=as_of), rows=tuple(rows), rows_of=asked.rows_of)
        if not apply:
            keep(services, rehearsal)
            show(out, rehearsal)
            out.say(
                f"nothing was written. apply with: tandem replay --apply --plan {rehearsal.digest}"
                " (valid 30 min, refused for what changes)"
            )
            return exit_of(rehearsal)
        changed = unlike(rehearsal, seen) if seen is not None else []
        go = [key for key in keys if key not in changed]
        if len(go) > ASK_ABOVE:
            out.say(rehearsal.headline)
            agreed(f"Replay {len(go)} records?", yes=yes)
        marks = [mark_of(key, services) for key in go]
        if (part := part_named(services, stripe_account)) is not None:
            marks = [replace(mark, stripe_account=part) for mark in marks]
        marked = make_due(services, marks, rate=rate, out=out)
        again = sum(services.outbox.retry_failed(refused) for refused in sorted({one.code for one in rows}))
        _audit(services, rehearsal, go, changed, plan, again)
        return _told(out, rehearsal, marked, changed, again)


def chosen(services: Services, named: Sequence[str], asked: Asked) -> list[str]:
    """The keys that are meant, in the order in which they failed. Misused when nothing was said, or too much."""
    part = part_named(services, asked.stripe_account)
    if named:
        if asked.chooses or part is not None:
            raise Misused("give subjects, or --code, --since, --all with --stripe-account: not both.")
        return list(dict.fromkeys(subject_of(name, services) for name in named))
    if not asked.chooses:
        if asked.plan is None:
            raise Misused("say which: subjects, --code, --since, --all, or --plan DIGEST.")
        return list(reviewed(services, asked.plan)[1])
    found = services.subjects.failures(code=asked.code, since=since_of(asked.since, services.clock.now()))
    return [state.key for state in found if part in (None, state.stripe_account)]


def refused_rows(services: Services, asked: Asked) -> Sequence[RefusedRows]:
    """The rows that Salesforce refused and that are meant: of the code, or all; never by --since, which is business time."""
    rows_of = asked.rows_of
    if not asked.chooses and asked.plan is not None:
        rows_of = rows_reviewed(services, asked.plan)
    return services.outbox.refused(rows_of or None) if rows_of is not None else ()


def make_due(services: Services, marks: Sequence[Mark], *, rate: int, out: Out) -> int:
    """All are due, ``rate`` a minute of machine time; returns how many."""
    pause_s = 60.0 / rate
    for number, mark in enumerate(marks):
        if number:
            time.sleep(pause_s)
        services.subjects.mark([mark], reason="replay")
        if (number + 1) % 25 == 0:
            out.say(f"{number + 1} of {len(marks)}")
    return len(marks)


def _audit(
    services: Services, rehearsal: Rehearsal, go: Sequence[str], changed: Sequence[str], plan: str | None, rows: int
) -> None:
    detail = {
        "subjects": list(go),
        "skipped": list(changed),
        "plan": plan or rehearsal.digest,
        "sums_minor": rehearsal.sums,
        "rows": rows,
    }
    target = go[0] if len(go) == 1 else f"{len(go)} subjects"
    services.audit.write(actor=getpass.getuser(), action="replay", target=target, detail=detail)


def _told(out: Out, rehearsal: Rehearsal, marked: int, changed: Sequence[str], again: int) -> int:
    lines = [f"{marked} due again", *(f"skipped, not as reviewed: {key}" for key in changed), rehearsal.headline]
    if again:
        lines.append(f"{again} rows go to Salesforce again")
    value = {**rehearsal.to_json(), "marked": marked, "skipped": list(changed), "rows_marked": again}
    out.answer("replay", value, lines)
    return Exit.REFUSED if changed else Exit.DONE
