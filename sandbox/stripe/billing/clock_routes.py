"""Endpoints of test clocks (https://docs.stripe.com/api/test_clocks).

All that falls due is done before `advance` answers; the answer still says `advancing`, as Stripe's does, and the next
look says `ready`. A clock is never deleted by itself.
"""

from __future__ import annotations

from sandbox.stripe.billing.calendar import DAY_S, Interval, add_months, boundary
from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.billing.requests import LIVE as LIVE_SUBSCRIPTION
from sandbox.stripe.billing.schedules import LIVE as LIVE_SCHEDULE
from sandbox.stripe.clocks import CLOCK
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, route
from sandbox.stripe.params import PAGE, text, timestamp
from sandbox.stripe.rendering import shown
from sandbox.stripe.resources.customers import remove_customer

_KEPT_S = 30 * DAY_S
_MOST_MONTHS = 24

for _type in ("customer", "invoice", "invoiceitem", "subscription", "subscription_schedule"):
    expandable(_type, "test_clock", CLOCK)


@route(
    "POST",
    "/v1/test_helpers/test_clocks",
    {"customer": text(), "frozen_time": timestamp().required(), "name": text(max=300)},
)
def create_clock(call: Call) -> Obj:
    """A clock that stands at a time of the past or future; it may take a customer who has nothing yet."""
    kernel, given = call.kernel, call.params
    customer = kernel.get("customer", given["customer"], "customer") if "customer" in given else None
    if customer is not None:
        _check_free(kernel, customer)
    now = kernel.world.now_s()
    clock: Obj = {
        "id": kernel.new_id("clock"),
        "object": CLOCK,
        "created": now,
        "deletes_after": now + _KEPT_S,
        "frozen_time": given["frozen_time"],
        "livemode": False,
        "name": given.get("name"),
        "status": "ready",
        "status_details": {},
    }
    kernel.add(clock, "test_helpers.test_clock.created")
    if customer is not None:
        with kernel.changing(customer, "customer.updated"):
            customer["test_clock"] = clock["id"]
    return clock


def _check_free(kernel: Kernel, customer: Obj) -> None:
    """What a customer has lives in the sandbox's own time already; it can't be moved into a clock's."""
    kinds = ("subscription", "subscription_schedule", "invoice")
    if customer["test_clock"] or any(kernel.store.all(kind, of=("customer", customer["id"])) for kind in kinds):
        raise invalid(f"The customer {customer['id']} cannot be attached to a test clock.", "customer")


@route("GET", "/v1/test_helpers/test_clocks/{id}")
def retrieve_clock(call: Call) -> Obj:
    """Any clock."""
    return call.kernel.get(CLOCK, call.ids["id"])


@route("GET", "/v1/test_helpers/test_clocks", PAGE)
def list_clocks(call: Call) -> Obj:
    """Newest first."""
    return call.page(CLOCK)


@route("POST", "/v1/test_helpers/test_clocks/{id}/advance", {"frozen_time": timestamp().required()})
def advance_clock(call: Call) -> Obj:
    """Move the clock forward; what is its customers' lives through all that time."""
    kernel, target = call.kernel, call.params["frozen_time"]
    clock = kernel.get(CLOCK, call.ids["id"])
    if target <= clock["frozen_time"]:
        raise invalid("`frozen_time` must be after the test clock's current frozen time.", "frozen_time")
    latest = _latest(kernel, clock)
    if target > latest:
        raise invalid(
            "`frozen_time` cannot be more than two intervals in the future from the shortest subscription in this test"
            f" clock (two years without a subscription): at most {latest}.",
            "frozen_time",
        )
    with kernel.changing(clock):
        clock["status"], clock["status_details"] = "advancing", {"advancing": {"target_frozen_time": target}}
    kernel.emit("test_helpers.test_clock.advancing", clock)
    answer: Obj = shown(clock)
    billing_of(kernel).advance(clock, target)
    with kernel.changing(clock):
        clock["status"], clock["status_details"] = "ready", {}
    kernel.emit("test_helpers.test_clock.ready", clock)
    return answer


def customers_of(kernel: Kernel, clock: Obj) -> list[Obj]:
    """The customers that are bound to a clock, oldest first."""
    return [customer for customer in kernel.store.all("customer") if customer["test_clock"] == clock["id"]]


def _latest(kernel: Kernel, clock: Obj) -> int:
    """How far the clock may be moved at once: two of the shortest interval that its customers have, else two years."""
    prices: list[Obj] = []
    for customer in customers_of(kernel, clock):
        of = ("customer", customer["id"])
        for subscription in kernel.store.all("subscription", of=of):
            if subscription["status"] in LIVE_SUBSCRIPTION:
                prices += [item["price"] for item in subscription["_items"]]
        for schedule in kernel.store.all("subscription_schedule", of=of):
            if schedule["status"] in LIVE_SCHEDULE:
                prices += [kernel.get("price", item["price"]) for p in schedule["phases"] for item in p["items"]]
    now = int(clock["frozen_time"])
    ends = [boundary(now, Interval.of_price(price), 2) for price in prices]
    return min(ends, default=add_months(now, _MOST_MONTHS))


@route("DELETE", "/v1/test_helpers/test_clocks/{id}")
def delete_clock(call: Call) -> Obj:
    """Delete the clock and its customers; their subscriptions end."""
    kernel = call.kernel
    clock = kernel.get(CLOCK, call.ids["id"])
    with kernel.in_time_of(clock):
        for customer in customers_of(kernel, clock):
            remove_customer(kernel, customer)
    return kernel.remove(clock, "test_helpers.test_clock.deleted")
