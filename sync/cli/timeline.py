"""`tandem timeline ID`: the runs and operations of one record, newest first, with the request ids of both vendors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer

from sync.cli import places
from sync.cli.exits import NotFound
from sync.cli.options import Json, Yes
from sync.cli.output import Out, instant, table


def timeline(
    id: Annotated[
        str, typer.Argument(help="A subject key, an id of Salesforce or Stripe, or a reference such as 7F3K.")
    ],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many entries at most.")] = 50,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Tell the story of one record: each run and each write, newest first. Machine time.

    For example:
      tandem timeline 0Q0xx0000004C92AAE
      tandem timeline sub_sched_1Qx --json
      tandem timeline 7F3K
    """
    with places.store() as store:
        entries = store.ledger.timeline(id, limit)
    if not entries:
        raise NotFound(f"nothing was ever done under {id}.")
    rows = [_row(entry) for entry in entries]
    headings = ("WHEN", "WHAT", "OF", "STATE", "STRIPE ID", "STRIPE REQUEST", "SALESFORCE REQUEST", "CODE")
    Out(json).answer("timeline", {"id": id, "entries": [dict(e) for e in entries]}, table(headings, rows))
    return 0


def _row(entry: Mapping[str, object]) -> tuple[str, ...]:
    def said(name: str) -> str:
        value = entry.get(name)
        return "" if value is None else str(value)

    at = entry.get("machine_at")
    when = instant(at) if isinstance(at, datetime) else "-"
    if entry.get("what") == "run":
        return (
            when,
            f"run ({said('trigger')})",
            said("subject"),
            said("outcome") or "open",
            "",
            "",
            said("crm_request_id"),
            said("error_code"),
        )
    of = f"{said('ref_kind')}:{said('ref_key')}"
    return (
        when,
        said("action") or said("verb"),
        of,
        said("state"),
        said("remote_id"),
        said("request_id"),
        "",
        said("error_code"),
    )
