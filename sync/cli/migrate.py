"""`tandem migrate`: contracts come over from another billing system, a cohort at a time."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from sync.cli import places
from sync.cli.cohort_file import read_members
from sync.cli.exits import Exit, NotFound, Refused
from sync.cli.options import Apply, Json, Yes
from sync.cli.output import Out, instant, table
from sync.cli.several import names_of, of_quotes
from sync.deal.money import format_amount, to_major
from sync.ports import Member, Stage
from sync.run.cohort import READY, WAITING, BilledOn, Migration, sums

if TYPE_CHECKING:
    from sync.wiring import Services

Cohort = Annotated[str, typer.Option("--cohort", help="The cohort's name, for example C2.")]
NOWHERE: Mapping[str, str] = MappingProxyType({})
HEADINGS = ("QUOTE", "STAGE", "PAID THROUGH", "OLD SYSTEM", "TANDEM", "WHY")


def application() -> typer.Typer:
    """The verbs of moving from another billing system."""
    app = typer.Typer(
        help="Move contracts from another billing system, a cohort at a time: plan, shadow, cut, status, rollback.",
        no_args_is_help=True,
    )
    app.callback()(_migrate)
    for verb in (plan, shadow, accept, cut, status, rollback):
        app.command()(verb)
    return app


def _migrate() -> None:
    pass


def plan(
    file: Annotated[
        Path, typer.Argument(help="CSV: quote, paid_through, legacy_amount, currency.", exists=True, dir_okay=False)
    ],
    cohort: Cohort,
    apply: Apply = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Say which contracts are in a cohort. Their quotes are On Hold from then on, until they are cut over.

    paid_through is the last day that the old system was paid for, legacy_amount what it would bill next.

    For example:
      tandem migrate plan c2.csv --cohort C2
      tandem migrate plan c2.csv --cohort C2 --apply
    """
    members = read_members(file, cohort)
    with places.services() as services:
        where = _where(services, members)
        taken, left = _migration(services, where).plan(members, apply=apply)
        if apply:
            _audit(services, "migrate plan", cohort, taken)
    lines = [*(f"left alone: {m.quote_id}: {why}" for m, why in left), _headline(taken, apply, "planned")]
    value = {"cohort": cohort, "applied": apply, "members": _json(taken, _names(where)), "left": _left(left)}
    Out(json).answer("migrate-plan", value, lines)
    return Exit.SOME_FAILED if left else Exit.DONE


def shadow(cohort: Cohort, json: Json = False, yes: Yes = False) -> int:
    """Hold what Tandem would bill next against what the old system would. Nothing is written to either side.

    Exit code 7 when amounts differ, 1 when a contract can't be billed.

    For example:
      tandem migrate shadow --cohort C2
    """
    with places.services() as services:
        where = _where(services, _known(services, cohort))
        seen = _migration(services, where).shadow(cohort)
    value = {"cohort": cohort, "members": _json(seen, _names(where))}
    Out(json).answer("migrate-shadow", value, _table(seen, _names(where)) if seen else "nobody waits")
    if any(m.stage is Stage.BLOCKED for m in seen):
        return Exit.SOME_FAILED
    return Exit.DIFFERENT if any(m.stage is Stage.UNLIKE for m in seen) else Exit.DONE


def accept(
    quote: Annotated[str, typer.Argument(help="The quote's Salesforce id.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the difference is right; kept with who said it.")],
    apply: Apply = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Agree to the difference of one contract, so that it is cut over with its cohort.

    For example:
      tandem migrate accept 0Q0xx0000004C92AAE --reason "the discount of 2024 ended"
      tandem migrate accept 0Q0xx0000004C92AAE --reason "the discount of 2024 ended" --apply
    """
    with places.services() as services:
        where = _where(services, [m for m in [services.cohorts.member(quote)] if m is not None])
        agreed = _migration(services, where).accept(quote, reason, apply=apply)
        if apply:
            _audit(services, "migrate accept", quote, [agreed], reason=reason)
    told = f"accepted: {quote} is cut over with cohort {agreed.cohort}"
    if not apply:
        told = f"{quote} would be accepted as above; nothing was written. Do it with --apply"
    value = {"cohort": agreed.cohort, "applied": apply, "members": _json([agreed], _names(where))}
    Out(json).answer("migrate-accept", value, [_table([agreed], _names(where)), told])
    return Exit.DONE


def cut(
    cohort: Cohort,
    legacy_stopped: Annotated[
        bool, typer.Option("--legacy-stopped", help="You say that the old system bills these contracts no more.")
    ] = False,
    apply: Apply = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Let Tandem bill the members whose shadow run agreed. The others are held out and listed (exit code 7).

    For example:
      tandem migrate cut --cohort C2
      tandem migrate cut --cohort C2 --legacy-stopped --apply
    """
    if apply and not legacy_stopped:
        raise Refused("say --legacy-stopped once the old system renews these contracts no more: else both would bill.")
    with places.services() as services:
        where = _where(services, _known(services, cohort))
        go, held = _migration(services, where).cut(cohort, apply=apply)
        if apply and go:
            _audit(services, "migrate cut", cohort, go)
    on = _names(where)
    parts: list[str | Table] = [*([_table(held, on)] if held else []), _headline(go, apply, "cut over")]
    value = {"cohort": cohort, "applied": apply, "members": _json(go, on), "held": _json(held, on)}
    Out(json).answer("migrate-cut", value, parts)
    return Exit.DIFFERENT if held else Exit.DONE


def status(
    cohort: Annotated[str | None, typer.Option("--cohort", help="Only this cohort.")] = None,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Say how far each cohort is, in contracts and in money, and until when both systems run.

    For example:
      tandem migrate status
    """
    with places.store() as store:
        members = list(store.cohorts.of(cohort))
        states = store.comparing.states(f"quote:{m.quote_id}" for m in members)
        accounts, now = names_of(store), store.clock.now()
    if not members:
        raise NotFound("there is no such cohort." if cohort else "no cohort was planned.")
    names = sorted({m.cohort for m in members})
    rows = [_progress(name, [m for m in members if m.cohort == name]) for name in names]
    shown = table(
        ("COHORT", "CONTRACTS", "CUT OVER", "MONEY CUT OVER", "STAGES", "OLD SYSTEM PAID UNTIL"), [r[1] for r in rows]
    )
    on = {
        key.partition(":")[2]: accounts[s.stripe_account] for key, s in states.items() if s.stripe_account in accounts
    }
    value = {"as_of": now, "cohorts": [r[0] for r in rows], "members": _json(members, on)}
    Out(json).answer("migrate-status", value, shown)
    return Exit.DONE


def rollback(
    cohort: Cohort,
    quotes: Annotated[list[str] | None, typer.Argument(help="Only these quotes of it.")] = None,
    apply: Apply = False,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Give contracts back to the old system: their Stripe objects end, nothing is billed. Not once money moved.

    For example:
      tandem migrate rollback --cohort C2 0Q0xx0000004C92AAE --apply
    """
    with places.services() as services:
        members = [m for m in _known(services, cohort) if (m.quote_id in quotes if quotes else m.stage is Stage.CUT)]
        if not members:
            raise NotFound("none of these is cut over.")
        where = _where(services, members)
        go, left = _migration(services, where).roll_back(members, apply=apply)
        if apply and go:
            _audit(services, "migrate rollback", cohort, go)
    lines = [*(f"stays: {m.quote_id}: {why}" for m, why in left), _headline(go, apply, "rolled back")]
    value = {"cohort": cohort, "applied": apply, "members": _json(go, _names(where)), "left": _left(left)}
    Out(json).answer("migrate-rollback", value, lines)
    return Exit.SOME_FAILED if left else Exit.DONE


def _migration(services: Services, where: Mapping[str, Services]) -> Migration:
    """The work on cohorts; ``where`` has the equipment for the Stripe account of each quote that it reads."""
    return Migration(
        cohorts=services.cohorts,
        billed_on=lambda quote: _billed_on(where[quote]),
        is_signed=services.policy.is_signed,
        salesforce=services.salesforce,
        subjects=services.subjects,
        clock=services.clock,
    )


def _billed_on(one: Services) -> BilledOn:
    quotes = one.pipeline.quotes
    return BilledOn(lambda quote: quotes.preview(quote, shown_only=True), one.stripe, one.links, one.part)


def _where(services: Services, members: Sequence[Member]) -> Mapping[str, Services]:
    """For each member the equipment for the Stripe account that bills its quote, or will."""
    return of_quotes(services, [m.quote_id for m in members])


def _names(where: Mapping[str, Services]) -> Mapping[str, str]:
    """The name of the Stripe account by quote; none where accounts have no names."""
    return {quote: one.name for quote, one in where.items() if one.name}


def _known(services: Services, cohort: str) -> Sequence[Member]:
    members = services.cohorts.of(cohort)
    if not members:
        raise NotFound(f"there is no cohort {cohort}.")
    return members


def _audit(services: Services, action: str, target: str, members: Sequence[Member], **more: str) -> None:
    detail: dict[str, object] = {"quotes": [m.quote_id for m in members], "sums_minor": dict(sums(members)), **more}
    services.audit.write(actor=getpass.getuser(), action=action, target=target, detail=detail)


def _headline(members: Sequence[Member], apply: bool, done: str) -> str:
    money = ", ".join(format_amount(v, c) for c, v in sums(members).items()) or "nothing"
    if apply:
        return f"{len(members)} {done}, {money} at their next invoices; the workers do the rest (or `tandem drain`)"
    return f"{len(members)} would be {done}, {money} at their next invoices; nothing was written. Do it with --apply"


def _table(members: Sequence[Member], on: Mapping[str, str]) -> Table:
    """Members for people; ``on`` names the Stripe account of those that have one of a name."""
    rows = [
        (
            m.quote_id,
            *((on.get(m.quote_id, ""),) if on else ()),
            m.stage,
            m.paid_through.isoformat(),
            format_amount(m.legacy_minor, m.currency),
            "-" if m.ours_minor is None else format_amount(m.ours_minor, m.currency),
            " ".join(part for part in (m.code, m.detail) if part),
        )
        for m in members
    ]
    return table((HEADINGS[0], *(("STRIPE ACCOUNT",) if on else ()), *HEADINGS[1:]), rows)


def _progress(name: str, members: Sequence[Member]) -> tuple[dict[str, object], tuple[object, ...]]:
    """One cohort: both percentages side by side, and until when the old system was paid by those that wait."""
    cut = [m for m in members if m.stage is Stage.CUT]
    stages = Counter(str(m.stage) for m in members)
    waiting = [m.paid_through for m in members if m.stage in WAITING]
    money = {c: (sums(cut).get(c, 0), whole) for c, whole in sums(members).items()}
    until = min(waiting, default=None)
    value: dict[str, object] = {
        "cohort": name,
        "contracts": len(members),
        "cut": len(cut),
        "ready": sum(m.stage in READY for m in members),
        "stages": dict(stages),
        "sums": {c: {"cut": to_major(part, c), "all": to_major(whole, c)} for c, (part, whole) in money.items()},
        "old_system_paid_until": until,
    }
    percents = ", ".join(f"{_percent(part, whole)} of {format_amount(whole, c)}" for c, (part, whole) in money.items())
    told = ", ".join(f"{n} {stage}" for stage, n in sorted(stages.items()))
    return value, (
        name,
        len(members),
        _percent(len(cut), len(members)),
        percents,
        told,
        until.isoformat() if until else "-",
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part // whole} %" if whole else "-"


def _json(members: Sequence[Member], on: Mapping[str, str] = NOWHERE) -> list[Mapping[str, object]]:
    """Members for other programs; ``on`` names the Stripe account of those that have one of a name."""
    return [
        {
            **({"stripe_account": on[m.quote_id]} if m.quote_id in on else {}),
            "quote": m.quote_id,
            "cohort": m.cohort,
            "stage": str(m.stage),
            "paid_through": m.paid_through,
            "currency": m.currency,
            "legacy_amount": to_major(m.legacy_minor, m.currency),
            "amount": None if m.ours_minor is None else to_major(m.ours_minor, m.currency),
            "difference": None if m.ours_minor is None else to_major(m.ours_minor - m.legacy_minor, m.currency),
            "code": m.code,
            "why": m.detail,
            "moved_at": instant(m.moved_at) if m.moved_at else None,
        }
        for m in members
    ]


def _left(left: Sequence[tuple[Member, str]]) -> list[dict[str, str]]:
    return [{"quote": member.quote_id, "why": why} for member, why in left]
