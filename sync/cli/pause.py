"""`tandem pause` and `tandem resume`: writes to one side, or both, stop and go on. Nothing is lost meanwhile."""

from __future__ import annotations

import getpass
from enum import StrEnum
from typing import Annotated

import typer

from sync.cli import places
from sync.cli.exits import Exit, Misused, NotFound
from sync.cli.options import Json, Yes
from sync.cli.output import Out, instant
from sync.cli.since import length_of


class Side(StrEnum):
    """Whose writes."""

    STRIPE = "stripe"
    SALESFORCE = "salesforce"
    ALL = "all"


Writes = Annotated[Side, typer.Option("--writes", help="Which writes.")]


def pause(
    reason: Annotated[str, typer.Option("--reason", help="Why; shown by `tandem status` and kept in the audit.")],
    writes: Writes = Side.ALL,
    length: Annotated[
        str | None, typer.Option("--for", help="How long: 2h, 30min, 1d. Without it, until `tandem resume`.")
    ] = None,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Stop writes to Stripe (no deal is worked on), to Salesforce (rows wait), or both, within seconds.

    Webhooks and changes are taken in all the same. A run that has begun ends first.

    For example:
      tandem pause --writes stripe --reason "price list is being corrected" --for 2h
    """
    for_s = _seconds(length)
    if not reason.strip():
        raise Misused("--reason: say why, others will ask.")
    with places.store() as store:
        owner = getpass.getuser()
        store.pauses.pause(writes.value, reason=reason.strip(), owner=owner, for_s=for_s)
        store.audit.write(actor=owner, action="pause", target=writes, detail={"reason": reason, "for_s": for_s})
        standing = next(p for p in store.pauses.standing() if p.scope == writes)
    until = standing.until_machine_at
    ends = f"until {instant(until)} (machine time)" if until else "until `tandem resume`"
    value = {"writes": writes, "reason": reason, "owner": owner, "until_machine_at": until}
    Out(json).answer("pause", value, f"writes paused, {writes}: {ends}")
    return Exit.DONE


def resume(writes: Writes = Side.ALL, json: Json = False, yes: Yes = False) -> int:
    """Let writes go on; the workers take up what waits.

    For example:
      tandem resume --writes stripe
    """
    with places.store() as store:
        ended = store.pauses.resume(writes.value)
        others = {p.scope: p.reason for p in store.pauses.standing()}
        due = sum(store.subjects.counts(store.clock.now()).due.values())
        rows = store.outbox.waiting()[0]
        if ended:
            store.audit.write(actor=getpass.getuser(), action="resume", target=writes, detail={})
    if not ended:
        named = ", ".join(f"{scope} ({reason})" for scope, reason in others.items()) or "nothing"
        raise NotFound(f"writes to {writes} are not paused; paused is {named}.")
    lines = [f"writes go on, {writes}: {due} records due, {rows} rows wait for Salesforce"]
    lines += [f"still paused, {scope}: {reason}" for scope, reason in others.items()]
    Out(json).answer("resume", {"writes": writes, "due": due, "rows": rows, "still_paused": others}, lines)
    return Exit.DONE


def _seconds(length: str | None) -> float | None:
    """So many seconds; None without a length. Misused for anything that is none."""
    if length is None:
        return None
    lasting = length_of(length, digits=4)
    if not lasting:
        raise Misused(f"--for {length}: give a length such as 30min, 2h or 1d.")
    return lasting.total_seconds()
