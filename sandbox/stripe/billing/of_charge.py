"""Lists of what hangs on a charge: refunds and disputes are filtered alike."""

from __future__ import annotations

from sandbox.stripe.kernel import Call, Obj
from sandbox.stripe.params import in_range


def page_of_charge(call: Call, kind: str) -> Obj:
    """A page of this kind, newest first, by ``charge``, ``payment_intent`` and ``created``."""
    wanted = call.params

    def listed(found: Obj) -> bool:
        if "payment_intent" in wanted and found["payment_intent"] != wanted["payment_intent"]:
            return False
        return in_range(found["created"], wanted.get("created"))

    return call.page(kind, where=listed, of=("charge", wanted["charge"]) if "charge" in wanted else None)
