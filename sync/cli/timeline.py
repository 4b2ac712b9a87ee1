"""`tandem timeline ID`: the runs and operations of one record, newest first, with the request ids of both vendors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli import places
from sync.cli.exits import NotFound
from sync.cli.naming import QUOTE_NUMBER, key_named_in
from sync.cli.options import Json, Yes
from sync.cli.output import Out, instant, table
from sync.cli.several import names_of
from sync.ports import SubjectState
from sync.run.naming import NoId, key_of

if TYPE_CHECKING:
    from sync.wiring import Store


def timeline(
    id: Annotated[
        str, typer.Argument(help="A subject key, an id of Salesforce or Stripe, a quote's number, or a reference.")
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
      tandem timeline 00000123
    """
    with places.store() as store:
        state, entries = _told(id, store, limit)
    if not entries and state is None and _may_be_a_number(id):
        with places.services() as services:  # Salesforce knows which quote has the number
            state, entries = _told(id, services, limit)
    if not entries and state is None:
        raise NotFound(f"nothing was ever done under {id}.")
    rows = [_row(entry) for entry in entries]
    headings = ("WHEN", "WHAT", "OF", "STATE", "STRIPE ID", "STRIPE REQUEST", "SALESFORCE REQUEST", "CODE")
    value: dict[str, object] = {"id": id, "stands": _standing(state), "entries": [dict(e) for e in entries]}
    Out(json).answer("timeline", value, [*_stands(state), *([table(headings, rows)] if rows else [])])
    return 0


def _may_be_a_number(text: str) -> bool:
    try:
        return QUOTE_NUMBER.fullmatch(text) is not None and key_of(text) is None
    except NoId:
        return False


def _told(name: str, store: Store, limit: int) -> tuple[SubjectState | None, list[Mapping[str, object]]]:
    """How the record stands, and what was done with it; nothing for a name that the store doesn't know."""
    key = key_named_in(name, store)
    state = store.subjects.state(key) if key else None
    return state, [_named(entry, names_of(store)) for entry in store.ledger.timeline(key or name, limit)]


def _named(entry: Mapping[str, object], names: Mapping[str, str]) -> Mapping[str, object]:
    """The entry with its Stripe account by the name that people gave it, where they gave names."""
    return {**entry, "stripe_account": names[str(entry.get("stripe_account", ""))]} if names else entry


def _standing(state: SubjectState | None) -> dict[str, object] | None:
    if state is None:
        return None
    return {
        "subject": state.key,
        "reference": state.reference,
        "code": state.error_code,
        "message": state.error_message,
        "failed_at": state.failed_at,
        "wake_at": state.wake_at,
    }


def _stands(state: SubjectState | None) -> list[str]:
    """How the record stands now: what it waits for, or when it wakes."""
    if state is None:
        return []
    if state.error_code and state.failed_at:
        return [
            f"{state.key} waits for a person since {instant(state.failed_at)} (business time)",
            f"  {state.error_code}: {state.error_message}",
        ]
    if state.error_code:
        return [f"{state.key} is tried again by itself", f"  {state.error_code}: {state.error_message}"]
    return [f"{state.key} stands as it should; next wake {instant(state.wake_at)}"]


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
