"""`tandem pause` and `tandem resume`: writes to one side, or both, stop and go on. Nothing is lost meanwhile."""

from __future__ import annotations

import getpass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli import places
from sync.cli.exits import Exit, Misused, NotFound
from sync.cli.options import Json, Yes
from sync.cli.output import Out, instant
from sync.cli.several import StripeAccount, part_named
from sync.cli.since import length_of
from sync.run.pausing import scope_of

if TYPE_CHECKING:
    from sync.wiring import Store


class Side(StrEnum):
    """Whose writes."""

    STRIPE = "stripe"
    SALESFORCE = "salesforce"
    ALL = "all"


Writes = Annotated[
    Side | None, typer.Option("--writes", help="Which writes; all, or those of --stripe-account.", show_default=False)
]


def pause(
    reason: Annotated[str, typer.Option("--reason", help="Why; shown by `tandem status` and kept in the audit.")],
    writes: Writes = None,
    length: Annotated[
        str | None, typer.Option("--for", help="How long: 2h, 30min, 1d. Without it, until `tandem resume`.")
    ] = None,
    stripe_account: StripeAccount = None,
    json: Json = False,
    yes: Yes = False,
) -> int:
    """Stop writes to Stripe (no deal is worked on), to Salesforce (rows wait), or both, within seconds.

    Webhooks and changes are taken in all the same. A run that has begun ends first.

    For example:
      tandem pause --writes stripe --reason "price list is being corrected" --for 2h
      tandem pause --stripe-account eu --reason "its VAT is being set up"
    """
    for_s = _seconds(length)
    if not reason.strip():
        raise Misused("--reason: say why, others will ask.")
    with places.store() as store:
        scope, owner = _scope(store, writes, stripe_account), getpass.getuser()
        store.pauses.pause(scope, reason=reason.strip(), owner=owner, for_s=for_s)
        store.audit.write(actor=owner, action="pause", target=scope, detail={"reason": reason, "for_s": for_s})
        standing = next(p for p in store.pauses.standing() if p.scope == scope)
    until = standing.until_machine_at
    ends = f"until {instant(until)} (machine time)" if until else "until `tandem resume`"
    value = {"writes": scope, "reason": reason, "owner": owner, "until_machine_at": until}
    Out(json).answer("pause", value, f"writes paused, {scope}: {ends}")
    return Exit.DONE


def resume(writes: Writes = None, stripe_account: StripeAccount = None, json: Json = False, yes: Yes = False) -> int:
    """Let writes go on; the workers take up what waits. A pause is ended as it was begun: one of all does not end others.

    For example:
      tandem resume --writes stripe
      tandem resume --stripe-account eu
    """
    with places.store() as store:
        scope = _scope(store, writes, stripe_account)
        ended = store.pauses.resume(scope)
        others = {p.scope: p.reason for p in store.pauses.standing()}
        due = _due(store, stripe_account)
        rows = store.outbox.waiting()[0]
        if ended:
            store.audit.write(actor=getpass.getuser(), action="resume", target=scope, detail={})
    if not ended:
        named = ", ".join(f"{other} ({reason})" for other, reason in others.items()) or "nothing"
        raise NotFound(f"writes to {scope} are not paused; paused is {named}.")
    lines = [f"writes go on, {scope}: {due} records due, {rows} rows wait for Salesforce"]
    lines += [f"still paused, {other}: {reason}" for other, reason in others.items()]
    Out(json).answer("resume", {"writes": scope, "due": due, "rows": rows, "still_paused": others}, lines)
    return Exit.DONE


def _due(store: Store, account: str | None) -> int:
    """How many records have something to do: those of the Stripe account that is named, else all."""
    if (part := part_named(store, account)) is not None:
        return store.subjects.by_account().get(part, (0, 0))[0]
    return sum(store.subjects.counts(store.clock.now()).due.values())


def _scope(store: Store, writes: Side | None, account: str | None) -> str:
    """What is paused. Misused for a Stripe account that there is not, and for one with writes that are not its own."""
    if account is None:
        return (writes or Side.ALL).value
    part_named(store, account)
    if writes not in (None, Side.STRIPE):
        raise Misused(f"--writes {writes}: Salesforce is one for all Stripe accounts; leave --stripe-account out.")
    return scope_of(account)


def _seconds(length: str | None) -> float | None:
    """So many seconds; None without a length. Misused for anything that is none."""
    if length is None:
        return None
    lasting = length_of(length, digits=4)
    if not lasting:
        raise Misused(f"--for {length}: give a length such as 30min, 2h or 1d.")
    return lasting.total_seconds()
