"""Whose time a request lives in: that of the test clock of the customer it is about, else the sandbox's own.

https://docs.stripe.com/billing/testing/test-clocks: a customer may be bound to a clock when they are created; all that
is theirs then lives in the clock's time. A request names its customer directly or by something that is the customer's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.stripe.store import Obj, Store

if TYPE_CHECKING:
    from sandbox.stripe.kernel import Call

CLOCK = "test_helpers.test_clock"
_NAMES = (
    "charge",
    "customer",
    "from_subscription",
    "invoice",
    "payment_intent",
    "schedule",
    "subscription",
    "test_clock",
)
_TYPES = {
    "ch": "charge",
    "cn": "credit_note",
    "cus": "customer",
    "ii": "invoiceitem",
    "in": "invoice",
    "pi": "payment_intent",
    "pm": "payment_method",
    "si": "subscription_item",
    "sub": "subscription",
    "sub_sched": "subscription_schedule",
}


def clock_of_customer(store: Store, customer_id: Any) -> Obj | None:
    """The test clock that a customer is bound to."""
    customer = store.get("customer", customer_id) if isinstance(customer_id, str) else None
    return store.get(CLOCK, customer["test_clock"]) if customer and customer["test_clock"] else None


def clock_behind(call: Call) -> Obj | None:
    """The test clock that the request's customer is bound to; none where it names no such customer."""
    store = call.kernel.store
    for id in _named(call):
        if (own := store.get(CLOCK, id)) is not None:
            return own
        if (found := clock_of_customer(store, _customer_behind(store, id))) is not None:
            return found
    return None


def _named(call: Call) -> Iterator[str]:
    if not call.route.template.startswith("/v1/test_helpers/"):
        yield from call.ids.values()
    candidates = [call.params.get(name) for name in _NAMES] + list((call.params.get("payload") or {}).values())
    yield from (each for each in candidates if isinstance(each, str))


def _customer_behind(store: Store, id: str) -> Any:
    type = _TYPES.get(id.rpartition("_")[0], "")
    found = store.get(type, id) if type else None
    if found is None or type == "customer":
        return id
    if type == "subscription_item":
        found = store.get("subscription", found["subscription"]) or {}
    return found.get("customer")
