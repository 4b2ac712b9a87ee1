"""`tandem drain`: run all that is due at business now, until a full round does nothing (DESIGN 6)."""

from __future__ import annotations

from collections import Counter

from sync.cli import places
from sync.cli.exits import Exit
from sync.cli.options import Json, Yes
from sync.cli.output import Out, instant
from sync.run.drain import Drained
from sync.run.drain import drain as run_drain


def drain(json: Json = False, yes: Yes = False) -> int:
    """Read both sides to their head, run all that is due, and repeat until nothing is left to do.

    Exit 0: all done. 1: something failed or waits. 2: configuration.

    For example:
      tandem drain
      TANDEM_SANDBOX_URL=http://127.0.0.1:4711/x1 tandem drain --json
    """
    out = Out(json)
    with places.services(drain=True, upgrade=True, fields=True) as services:
        drained = run_drain(services.pipeline, progress=out.say)
    out.answer("drain", to_json(drained), lines(drained))
    return Exit.DONE if drained.clean else Exit.SOME_FAILED


def to_json(drained: Drained) -> dict[str, object]:
    """As JSON types."""
    failed = [{"subject": key, "code": code, "message": message} for key, code, message in drained.failed]
    for one, name in zip(failed, drained.accounts, strict=False):  # empty where there is one Stripe account alone
        one["stripe_account"] = name
    return {
        "done": drained.runs,
        "by_kind": dict(drained.by_kind),
        "rows": drained.flushed,
        "rounds": drained.rounds,
        "failed": failed,
        "waiting": drained.waiting,
        "rows_waiting": drained.rows_waiting,
        "rows_refused": drained.rows_refused,
        "usage_waiting": drained.usage_waiting,
        "next_wake_at": drained.next_wake_at,
    }


def lines(drained: Drained) -> list[str]:
    """For people: counts, then each failure."""
    codes = Counter(code for _, code, _ in drained.failed)
    failed = ", ".join(f"{n} {code}" for code, n in codes.most_common()) or "none"
    refused = f", {drained.rows_refused} rows that Salesforce refused (tandem failures)" if drained.rows_refused else ""
    said = [
        f"done      {drained.runs} runs, {drained.flushed} rows written to Salesforce, {drained.rounds} rounds",
        f"failed    {failed}{refused}",
        f"waiting   {drained.waiting} subjects, {drained.rows_waiting} rows, {drained.usage_waiting} usage events",
        f"next wake {instant(drained.next_wake_at)}",
    ]
    return said + [f"  {key} {code}: {message}" for key, code, message in drained.failed]
