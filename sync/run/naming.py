"""What a name that people copy from somewhere names: a subject key, or an id of Salesforce or Stripe."""

from __future__ import annotations

from sync.salesforce_ids import SALESFORCE_ID, NoId, full_id

__all__ = ["KINDS", "NoId", "key_of"]

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
