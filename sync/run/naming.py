"""What a name that people copy from somewhere names: a subject key, or an id of Salesforce or Stripe."""

from __future__ import annotations

import re

KINDS = ("quote", "account", "customer", "subscription", "invoice", "payment", "product", "payer")
#: Prefixes of ids and the kind of subject that they name (Salesforce's are fixed for standard objects).
PREFIXES = {
    "0Q0": "quote",
    "001": "account",
    "01t": "product",
    "cus_": "customer",
    "sub_sched_": "subscription",
    "sub_": "subscription",
    "in_": "invoice",
    "pi_": "payment",
    "prod_": "product",
}
OF_SALESFORCE = ("quote", "account", "product", "payer")
SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
SALESFORCE_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


class NoId(ValueError):
    """The name looks like an id and is none; the words say why."""


def key_of(text: str) -> str | None:
    """The key of the subject that a key or an id names; None for what looks like neither, such as a reference. NoId for a
    mistyped one.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in KINDS and rest:
        if kind in OF_SALESFORCE and not SALESFORCE_ID.fullmatch(rest):
            raise NoId(f"{text}: {rest!r} is no id of Salesforce.")
        return f"{kind}:{full_id(rest) if kind in OF_SALESFORCE else rest}"
    for prefix, named in PREFIXES.items():
        if text.startswith(prefix) and (prefix.endswith("_") or SALESFORCE_ID.fullmatch(text)):
            return f"{named}:{text if prefix.endswith('_') else full_id(text)}"
    return None


def full_id(text: str) -> str:
    """A 15-character Salesforce id with the three that make it whole; anything else unchanged. NoId for a mistyped one.

    Each of the three stands for five characters: bit n is set where the n-th of them is a capital (Salesforce, "18-character IDs").
    """
    if not SALESFORCE_ID.fullmatch(text):
        return text
    blocks = (text[i : i + 5] for i in (0, 5, 10))
    whole = text[:15] + "".join(SUFFIXES[sum(1 << n for n, c in enumerate(block) if c.isupper())] for block in blocks)
    if len(text) == 18 and text != whole:
        raise NoId(f"{text} is no id of Salesforce: its last three characters don't fit the others.")
    return whole
