"""Where a line of the mappings leads in Stripe: `from:` fills a field of the CRM from there, `to:` sends one there.

``customer.address.city`` is a member of an object as Stripe's own SDK names it, ``customer.metadata.region`` a key of
its metadata. Whether a member exists, and of which type it is, `sync.gateways.stripe_shapes` knows from the SDK.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: The kind of Stripe object that each CRM object stands for.
KINDS: Mapping[str, str] = {
    "Account": "customer",
    "Product2": "product",
    "Quote": "subscription",
    "Billing_Subscription__c": "subscription",
    "Billing_Invoice__c": "invoice",
}
#: CRM objects that are sent to theirs. What Tandem shows is nobody's to send.
SENDING = ("Account", "Product2", "Quote")
#: CRM objects that can be filled from theirs. A Quote is what was signed: nothing of Stripe fills it by a line alone.
FILLED = ("Account", "Product2", "Billing_Subscription__c", "Billing_Invoice__c")
METADATA = "metadata."
#: Stripe's limit of a metadata key, and of its value.
KEY_LENGTH, VALUE_LENGTH = 40, 500
#: Keys that begin so are Tandem's: it finds its own objects by them.
OURS = ("tandem_", "salesforce_")
#: How many keys of an object's 50 the mappings may take, by kind; the rest is Tandem's, and finance's own.
MOST_KEYS: Mapping[str, int] = {"customer": 20, "product": 20, "subscription": 5}
#: Members that a line may send. Others are Tandem's own to send (a customer's name, e-mail and address), or move money.
SENT: Mapping[str, frozenset[str]] = {
    "customer": frozenset({"description", "phone"}),
    "product": frozenset({"name", "active", "description", "tax_code", "unit_label", "statement_descriptor", "url"}),
    "subscription": frozenset(),
}


@dataclass(frozen=True)
class End:
    """One place in Stripe: ``path`` is without the kind."""

    kind: str
    path: str

    @property
    def key(self) -> str | None:
        """The metadata key that it is; None for a member of the object."""
        return self.path.removeprefix(METADATA) if self.path.startswith(METADATA) else None


def end_of(text: str) -> End:
    """``customer.metadata.region`` in its two parts."""
    kind, _, path = text.partition(".")
    return End(kind, path)


def target_faults(text: str, api_name: str) -> list[str]:
    """What is wrong with a line of this CRM object that sends to this place; nothing if all is well as far as words go."""
    if api_name not in SENDING:
        return [f"to sends fields of {', '.join(SENDING)} only"]
    end, kind = end_of(text), KINDS[api_name]
    if end.kind == kind and end.key is not None:
        return key_faults(end.key)
    if end.kind != kind or end.path not in SENT[kind]:
        choices = ", ".join(f"{kind}.{path}" for path in ("metadata.KEY", *sorted(SENT[kind])))
        near = difflib.get_close_matches(text, [f"{kind}.{path}" for path in SENT[kind]], n=1)
        return [f"to {text!r} is none of {choices}" + (f"; did you mean {near[0]}?" if near else "")]
    return []


def key_faults(key: str) -> list[str]:
    """What Stripe, or Tandem, does not take as a key of metadata."""
    if not key or "[" in key or "]" in key or key != key.strip():
        return [f"{key!r} is no key of metadata: at least one character, and no square brackets"]
    if len(key) > KEY_LENGTH:
        return [f"metadata key {key!r} has {len(key)} characters; Stripe takes {KEY_LENGTH}"]
    if key.lower().startswith(OURS):
        return [f"metadata key {key!r} is reserved: Tandem knows its own objects by keys that begin so"]
    return []


def source_faults(text: str, api_name: str) -> list[str]:
    """As `target_faults`, of a line that is filled from there."""
    end = end_of(text)
    if api_name not in FILLED:
        return [f"from fills fields of {', '.join(FILLED)} only"]
    kind = KINDS[api_name]
    if end.kind != kind or not end.path or end.path == "metadata" or end.key == "":
        return [f"from {text!r} is none of {kind}.metadata.KEY or a member of the {kind}"]
    return []


def too_many(targets: Iterable[str]) -> list[str]:
    """Kinds of which the mappings take more metadata keys than there is room for."""
    ends = [end_of(text) for text in targets]
    counts = {kind: sum(e.kind == kind and e.key is not None for e in ends) for kind in MOST_KEYS}
    return [
        f"{n} metadata keys of a {kind}; there is room for {MOST_KEYS[kind]}"
        for kind, n in counts.items()
        if n > MOST_KEYS[kind]
    ]
