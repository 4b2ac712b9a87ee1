"""Which of several Stripe accounts a command is about: the one that it is told, or the one that knows the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli.exits import Misused
from sync.records import Ref

if TYPE_CHECKING:
    from sync.wiring import Services, Store

StripeAccount = Annotated[
    str | None,
    typer.Option("--stripe-account", metavar="NAME", help="Of several Stripe accounts the one of this name."),
]
#: Kinds of subjects that live in Stripe, and how the gateway looks one up.
IN_STRIPE = {
    "customer": "customer_id",
    "subscription": "subscription_id",
    "invoice": "invoice_id",
    "payment": "invoice_of",
}


def chosen(services: Services, name: str | None) -> Services:
    """The equipment for the account of this name. Misused for a name that there is not, and for none among several: what is
    about everything goes through all of them (`sync.cli.in_turn`).
    """
    if name is None and not services.others:
        return services
    found = next((one for one in services.everywhere if one.name and one.name == name), None)
    if found is not None:
        return found
    names = ", ".join(one.name for one in services.everywhere if one.name)
    if name is None:
        raise Misused(f"there are several Stripe accounts: say --stripe-account NAME, one of {names}.")
    raise Misused(
        f"--stripe-account {name}: there is no such account; there is {names or 'one alone, without a name'}."
    )


def knowing(services: Services, key: str, name: str | None = None) -> Services:
    """The equipment for the account that the subject is on: of a quote the one that bills it, or will. Misused where
    several know it and none was named.
    """
    if name is not None or not services.others:
        return chosen(services, name)
    kind, _, id_ = key.partition(":")
    if kind == "quote":
        return of_quotes(services, [id_])[id_]
    if kind in IN_STRIPE:
        found = [one for one in services.everywhere if one.subjects.state(key) or _is_there(one, kind, id_)]
    else:  # its subject is on every account
        found = [one for one in services.everywhere if one.links.by_salesforce_id([id_])]
    if len(found) > 1:
        names = " or ".join(one.name for one in found)
        raise Misused(f"{key} is on several Stripe accounts: say --stripe-account {names}.")
    return found[0] if found else services


def of_quotes(services: Services, quotes: Sequence[str]) -> Mapping[str, Services]:
    """For each of these quotes the equipment for the account that bills it, or will; one call for all of them."""
    if not services.others:
        return dict.fromkeys(quotes, services)
    by_part = {one.part: one for one in services.everywhere}
    routing, graphs = services.pipeline.quotes.routing, services.salesforce.quotes(quotes)
    found = {}
    for id_ in quotes:
        state = None if id_ in graphs else services.subjects.state(f"quote:{id_}")
        part = routing.of(graphs[id_]) if routing and id_ in graphs else state.stripe_account if state else ""
        found[id_] = by_part[part]
    return found


def _is_there(one: Services, kind: str, id_: str) -> bool:
    """Whether the Stripe account has this object now."""
    ref = Ref("schedule_id" if id_.startswith("sub_sched_") else IN_STRIPE[kind], id_)
    return bool(one.stripe.read([ref]).found.get(ref))


def named(services: Services) -> dict[str, object]:
    """What a JSON answer says of the account, where accounts have names."""
    return {"stripe_account": services.name} if services.name else {}


def names_of(store: Store) -> Mapping[str, str]:
    """The names of all Stripe accounts by what their work is kept under; empty where they have none."""
    first = store.cursors.realm().get("stripe", "")
    return {"" if id_ == first else id_: name for id_, name in ids_of(store).items()}


def part_named(store: Store, name: str | None) -> str | None:
    """What the work of the Stripe account of this name is kept under; None without a name. Misused for one that there is not."""
    if name is None:
        return None
    parts = {known: part for part, known in names_of(store).items()}
    if name not in parts:
        there = ", ".join(sorted(parts)) or "one alone, without a name"
        raise Misused(f"--stripe-account {name}: there is no such account; there is {there}.")
    return parts[name]


def ids_of(store: Store) -> Mapping[str, str]:
    """The names of all Stripe accounts by their ids; empty where they have none."""
    return {id_: mark.partition(":")[2] for mark, id_ in store.cursors.realm().items() if mark.startswith("stripe:")}
