"""What `tandem reconcile` found, as the command line tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sync.cli.exits import Exit
from sync.cli.output import Out, table
from sync.cli.several import named
from sync.deal.money import format_amount
from sync.desired.differences import Cure, Difference, Kind, by_kind
from sync.run.sweep import Report

if TYPE_CHECKING:
    from rich.table import Table

    from sync.wiring import Services

#: Differences shown as text; --json has more.
SHOWN = 50


def told(out: Out, services: Services, report: Report) -> int:
    """The report is told, as JSON where that was asked for; what to exit with."""
    out.answer("reconcile", {**report.to_json(), **named(services)}, texts_of(report))
    for line in busy(report):
        out.say(line)
    return code_of(report)


def busy(report: Report) -> list[str]:
    """What could not be compared just now, in words; nothing where all was."""
    many = len(report.busy)
    return [f"{many} accounts are being worked on just now and were not compared: run it again."] if many else []


def code_of(report: Report) -> int:
    """What to exit with: 7 while differences are left."""
    if report.left:
        return Exit.DIFFERENT
    return Exit.SOME_FAILED if report.busy else Exit.DONE


def texts_of(report: Report) -> list[str | Table]:
    """Kinds with their sums, each difference, and a line of totals."""
    texts: list[str | Table] = []
    if report.differences:
        kinds = [(k.kind, k.count, k.open, _money(k.sums), _money(k.mrr)) for k in by_kind(report.differences)]
        texts.append(table(("KIND", "FOUND", "OPEN", "SUM", "MRR"), kinds, right=("FOUND", "OPEN")))
        rows = [_row(d, report) for d in report.differences[:SHOWN]]
        headings = ("WHAT", "SUBJECT", "RECORD", "FIELD", "EXPECTED", "ACTUAL", "MRR", "ACTOR", "WHAT NEXT")
        texts += ["", table(headings, rows), ""]
        if len(report.differences) > SHOWN:
            texts.append(f"and {len(report.differences) - SHOWN} more: --json has them")
    texts.append(
        f"{report.accounts} account{'' if report.accounts == 1 else 's'} compared | "
        f"{len(report.differences)} differences | {len(report.healed)} healed | "
        f"{len(report.left)} left | Stripe calls {report.stripe_calls}, Salesforce calls {report.salesforce_calls}"
    )
    return texts


def _row(one: Difference, report: Report) -> tuple[str, ...]:
    healed = one.fingerprint in report.healed
    asks = "--repair, or --accept" if one.kind is Kind.CHANGED_IN_STRIPE else "a person: --accept, or put it right"
    following = "healed" if healed else f"stands: {one.decided}" if one.decided else ""
    following = following or ("--heal=safe" if one.cure is Cure.SAFE else asks)
    mrr = format_amount(one.mrr_minor, one.currency) if one.mrr_minor and one.currency else ""
    return (str(one.kind), one.subject, one.record, one.field, one.expected, one.actual, mrr, one.actor, following)


def _money(sums: Mapping[str, int]) -> str:
    return ", ".join(format_amount(minor, currency) for currency, minor in sums.items())
