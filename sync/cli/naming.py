"""Which subject a person means: a subject key, an id of either side, or a reference that was read out ("7F3K")."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sync import catalogue
from sync.cli.exits import Misused, NotFound
from sync.cli.several import IN_STRIPE, knowing
from sync.ports import EVERY, Mark
from sync.records import Ref
from sync.run.intake import account_mark, payer_mark, product_mark, quote_mark, unit_of
from sync.run.naming import KINDS, NoId, key_of

if TYPE_CHECKING:
    from sync.wiring import Services, Store


#: The number of a quote, as orgs give them: 00000123, Q-00123.
QUOTE_NUMBER = re.compile(r"[\w-]*\d[\w-]*")


def subject_of(text: str, services: Store) -> str:
    """The subject's key. A quote's number is one too, where Salesforce can be asked. NotFound for a reference nobody has;
    Misused for what can name nothing.
    """
    try:
        named = key_of(text)
    except NoId as error:
        raise Misused(str(error)) from error
    if named is not None:
        return named
    if (found := services.subjects.by_reference(text)) is not None:
        return found.key
    if QUOTE_NUMBER.fullmatch(text) and (numbered := _numbered(text, services)) is not None:
        return numbered
    if re.fullmatch(r"[0-9A-Za-z]{4,12}", text):
        raise NotFound(f"nothing has the reference {text}.")
    raise Misused(
        f"{text!r} names no subject: give kind:id ({', '.join(KINDS)}), an id of Salesforce or Stripe, or a reference."
    )


def _numbered(text: str, services: Store) -> str | None:
    """The key of the quote with this number. Misused for a number that several have."""
    from sync.wiring import Services

    found = services.salesforce.quotes_numbered(text) if isinstance(services, Services) else ()
    if len(found) > 1:
        raise Misused(f"{text} is the number of several quotes: {', '.join(found)}. Give the id of one.")
    return f"quote:{found[0]}" if found else None


def code_of(text: str | None) -> str | None:
    """The code of the catalogue that is meant, whatever the case of its letters. Misused for what is none."""
    if text is None or text.strip().upper() in catalogue.CATALOGUE:
        return text.strip().upper() if text else None
    raise Misused(f"--code {text}: there is no such code; docs/errors.md has all, for example CONF-301.")


def key_named_in(text: str, store: Store) -> str | None:
    """The key of the subject that is meant, None when it names none: for looking at whatever a person copied from
    somewhere, a quote's "DATA-201 . 3B05" included.
    """
    try:
        return subject_of(text.replace(".", " ").split()[-1], store)
    except (IndexError, NotFound, Misused):
        return None


def mark_of(key: str, services: Services) -> Mark:
    """The mark that makes this subject due, in the lane and unit where it belongs. NotFound for what neither side knows."""
    states = [s for one in services.everywhere if (s := one.subjects.state(key)) is not None]
    if states:
        where = EVERY if len({s.stripe_account for s in states}) > 1 else states[0].stripe_account
        return Mark(key, states[0].lane, states[0].unit, stripe_account=where)
    return replace(_new_mark(key, services), stripe_account=knowing(services, key).part)


def _new_mark(key: str, services: Services) -> Mark:
    kind, _, id_ = key.partition(":")
    if kind in IN_STRIPE:
        _refuse_unknown(kind, id_, services)
    if kind == "quote":
        graph = services.salesforce.quotes([id_]).get(id_)
        if graph is None:
            raise NotFound(f"there is no quote {id_} in Salesforce.")
        return quote_mark(id_, graph.quote.account_id or "")
    if kind == "account":
        if id_ not in services.salesforce.accounts([id_]):
            raise NotFound(f"there is no account {id_} in Salesforce.")
        return account_mark(id_)
    if kind == "payer":
        return payer_mark(id_)
    if kind == "customer":
        return Mark(key, "deal", unit_of(id_))
    if kind == "product":
        return product_mark(id_)
    return Mark(key, "mirror", "")


def _refuse_unknown(kind: str, id_: str, services: Services) -> None:
    name = "schedule_id" if id_.startswith("sub_sched_") else IN_STRIPE[kind]
    ref = Ref(name, id_)
    if not any(one.stripe.read([ref]).found.get(ref) for one in services.everywhere):
        what = "invoice that is paid by" if kind == "payment" else kind
        raise NotFound(f"there is no {what} {id_} in Stripe.")
