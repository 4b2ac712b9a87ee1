"""Reading what was tried, collected, sent back and questioned of payments: charges with their refunds and disputes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync.facts import Fact
from sync.gateways.stripe_facts import facts_of
from sync.gateways.stripe_http import PAGE, StripeHttp
from sync.gateways.stripe_json import ref_id
from sync.gateways.stripe_operations import READS

Json = dict[str, Any]

#: From so many payment intents on, a list of all charges of their time is tried before each is asked about.
LIST_FROM = 3
#: Refunds come with their charge, in the same call (the newest ten of them).
WITH_REFUNDS: Mapping[str, object] = {"expand": ["data.refunds"]}
#: A charge may be some minutes older than the second at which its payment counts.
PAID_WITHIN_S = 600


class MoneyReads:
    """Part of one `read` of the gateway. Holds no state between reads."""

    def __init__(self, http: StripeHttp) -> None:
        self._http = http

    def tried(self, intents: Sequence[str], created: Mapping[str, int]) -> Mapping[str, tuple[Fact, ...]]:
        """All charges of each payment intent, oldest first, then what was refunded and disputed of them. One list for
        all when their age is known and it ends soon; it counts only when it was read to its end.
        """
        if len(intents) >= LIST_FROM and all(i in created for i in intents):
            span = {"gte": min(created[i] for i in intents)}
            listed, whole = self._of(intents, span)
            if whole:
                return {i: self.facts_with(listed[i]) for i in intents}
        return {i: self.facts_with(self._listed(i)) for i in intents}

    def paid(self, intents: Sequence[str], paid_at: Mapping[str, int]) -> Mapping[str, tuple[Fact, ...]]:
        """As `tried`, of intents of which it matters only what became of the money that they brought: a list of the time
        in which they were paid, and one for each that has no charge there.
        """
        listed: dict[str, list[Json]] = {i: [] for i in intents}
        known = [paid_at[i] for i in intents if i in paid_at]
        if len(known) >= LIST_FROM:
            listed, _ = self._of(intents, {"gte": min(known) - PAID_WITHIN_S, "lte": max(known)})
        return {i: self.facts_with(listed[i] or self._listed(i)) for i in intents}

    def _of(self, intents: Sequence[str], span: Mapping[str, int]) -> tuple[dict[str, list[Json]], bool]:
        """The charges of these intents within a span of creation, and whether the span was read to its end: it is not
        worth more pages than half of the calls that it saves.
        """
        found: dict[str, list[Json]] = {i: [] for i in intents}
        most = max(1, len(intents) // 2)
        for number, page in enumerate(self._http.pages(READS["charges"], {**WITH_REFUNDS, "created": dict(span)})):
            for obj in page:
                found.get(ref_id(obj.get("payment_intent")) or "", []).append(obj)
            if number + 1 == most and len(page) == PAGE:
                return found, False
        return found, True

    def _listed(self, intent: str) -> list[Json]:
        return self._http.listed(READS["charges"], {**WITH_REFUNDS, "payment_intent": intent})

    def facts_with(self, charges: Iterable[Json]) -> tuple[Fact, ...]:
        """The charges, then what was refunded of them, then their disputes, each oldest first."""
        there = list(charges)
        refunds = [_owned(obj, charge) for charge in there for obj in self._refunds(charge)]
        disputes = [_owned(obj, charge) for charge in there if charge.get("disputed") for obj in self._disputes(charge)]
        return (*_oldest_first(there), *_oldest_first(refunds), *_oldest_first(disputes))

    def _refunds(self, charge: Json) -> list[Json]:
        embedded = charge.get("refunds")
        if not isinstance(embedded, Mapping) or embedded.get("has_more"):
            return self._http.listed(READS["refunds"], {"charge": charge["id"]})
        return list(embedded.get("data") or [])

    def _disputes(self, charge: Json) -> list[Json]:
        return self._http.listed(READS["disputes"], {"charge": charge["id"]})


def _owned(obj: Json, charge: Json) -> Json:
    """A refund or a dispute with the customer and the intent of its charge: Stripe says both only there, always."""
    return {
        **obj,
        "customer": ref_id(charge.get("customer")),
        "payment_intent": ref_id(charge.get("payment_intent")),
        "charge": charge["id"],
    }


def _oldest_first(objects: Iterable[Json]) -> tuple[Fact, ...]:
    return tuple(sorted(facts_of(objects), key=lambda f: (f.created_s, f.id)))
