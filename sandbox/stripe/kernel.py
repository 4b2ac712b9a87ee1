"""What every Stripe resource of the sandbox builds on. Interface, in the order in which you meet it:

**Objects** are plain dicts in Stripe's shape with ``object`` and ``id``, references as ids (never expanded), embedded
lists as ``{"object": "list", "data": [...], "has_more": False, "url": ...}``. Keys that start with ``_`` are the
sandbox's own and are never shown. Times are unix seconds of business time, money is whole minor units.

**Endpoints** are functions registered at import::

    @route("POST", "/v1/customers", params={"email": text(max=512).clearable(), "metadata": metadata()})
    def create_customer(call: Call) -> dict: ...          # {id}s of the template are in call.ids["id"]

``call.params`` is validated and typed (``params.py``); ``expand`` is handled around the handler, which returns the
stored object, or ``call.page("customer", where=...)`` for a list (declare ``{**PAGE, ...}`` as its params).
Raise ``StripeError`` / ``invalid(...)`` / ``no_such(...)`` (``errors.py``) *before* the first change: there is no
roll-back. Everything else that is raised is a 500.

**Kernel** (one for each start or reset; ``call.kernel``):
``now_s()``; ``new_id("sub")``; ``add(obj, "customer.created")`` stores and emits; ``with changing(obj,
"customer.updated"): obj["x"] = 1`` emits with ``previous_attributes`` when something shown changed; ``remove(obj,
"customer.deleted")`` leaves ``{"id", "object", "deleted"}``; ``emit(type, obj)``; ``get("customer", id,
param="customer")`` or raise ``resource_missing``; ``store`` for reading. ``add``, ``changing``, ``remove`` and ``emit``
mark the request as having an effect (``GET /log``) and stamp events with its request id and idempotency key.

**Expansion**: ``expandable("invoice", "customer", "customer")`` says that the field holds an id (or a list of ids)
of that type; paths into plain dicts are dotted (``"parent.subscription_details.subscription"``).
``includable("price", "tiers", lambda kernel, obj: ...)`` names a field that is shown only when expanded.

**Time**: ``now_s()`` is the sandbox's business time, or that of a test clock while ``with kernel.in_time_of(clock):``
lasts; a request is handled in the time of the customer it is about (``clocks.py``).
Append an object with ``next_due_s() -> int | None`` and ``run_due(at_s: int)`` to ``kernel.timers``. The
billing engine is plugged in as ``sandbox.stripe.billing.install(kernel)``, called for each new kernel (its modules'
routes register at import). A hook in ``kernel.before_customer_deleted`` may end what hangs on a customer.
``kernel.webhooks.holds(event)`` says whether an endpoint that wants the event has failed to take it (for the 72 hours
that finalisation then waits).
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.stripe.clocks import clock_of_customer
from sandbox.stripe.errors import StripeError, no_such
from sandbox.stripe.event_types import EVENT_TYPES
from sandbox.stripe.params import EXPAND, Fields
from sandbox.stripe.rendering import difference, expandable, includable, includable_within, shown
from sandbox.stripe.store import Obj, Store
from sandbox.stripe.webhooks import Webhooks
from sandbox.world import World

__all__ = [
    "API_VERSION",
    "Call",
    "Kernel",
    "Obj",
    "Route",
    "Store",
    "expandable",
    "includable",
    "includable_within",
    "route",
    "routes",
]

API_VERSION = "2026-10-28.endive"
_ALPHABET = string.ascii_letters + string.digits
_SHORT_IDS = {"cus": 14, "prod": 14, "si": 14, "req": 14, "ii": 24, "di": 24}


class Timer(Protocol):
    """Something that happens by itself as business time moves."""

    def next_due_s(self) -> int | None:
        """The earliest instant at which something is due."""

    def run_due(self, at_s: int) -> None:
        """Do what is due at this second."""


@dataclass
class Call:
    """One request as its handler sees it."""

    kernel: Kernel
    route: Route
    ids: dict[str, str]
    params: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""
    idempotency_key: str | None = None
    effect: bool = False
    fault: str | None = None
    """A planted fault that the endpoint has to show by itself."""

    def page(
        self, type: str, *, where: Callable[[Obj], bool] | None = None, of: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        """A list answer: newest first, paged by the request's ``limit``, ``starting_after``, ``ending_before``.

        ``where`` keeps what it is true for; ``of`` is ``(indexed field, value)``: much faster on a large world.
        """
        url = self.route.template
        for name, value in self.ids.items():
            url = url.replace("{" + name + "}", value)
        return page(self.kernel.store, type, self.params, url=url, where=where, of=of)


Handler = Callable[[Call], Obj]


@dataclass(frozen=True)
class Route:
    """One endpoint: method, path template, declared parameters, handler."""

    method: str
    template: str
    params: Fields
    handler: Handler
    pattern: re.Pattern[str]


_routes: dict[tuple[str, str], Route] = {}


def route(method: str, template: str, params: Fields | None = None) -> Callable[[Handler], Handler]:
    """Register a handler for ``METHOD /v1/path/{id}``; ``expand`` is added to its parameters."""

    def register(handler: Handler) -> Handler:
        parts = [f"(?P<{p[1:-1]}>[^/]+)" if p.startswith("{") else p for p in re.split(r"(\{\w+\})", template)]
        declared = {**(params or {}), "expand": EXPAND}
        _routes[(method, template)] = Route(method, template, declared, handler, re.compile("".join(parts)))
        return handler

    return register


def routes() -> list[Route]:
    """All registered endpoints, literal paths before those with ids."""
    return sorted(_routes.values(), key=lambda r: (r.template.count("{"), r.template))


def page(
    store: Store,
    type: str,
    params: dict[str, Any],
    *,
    url: str,
    where: Callable[[Obj], bool] | None = None,
    of: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """See :meth:`Call.page`. ``ending_before`` yields the page *nearest before* that object, still newest first."""
    limit = params.get("limit", 10)
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        message = "You cannot parameterize both starting_after and ending_before."
        raise StripeError(400, "invalid_request_error", "parameters_exclusive", message, "starting_after")
    low = high = None
    for name, value in (("starting_after", after), ("ending_before", before)):
        if value and (position := store.position(type, value)) is None:
            raise no_such(type.replace("_", " "), value, name)
        if value and name == "starting_after":
            high = position
        elif value:
            low = position
    found = store.newest_first(type, of=of, below=high) if low is None else store.oldest_first(type, of=of, above=low)
    kept: list[Obj] = []
    for obj in found:
        if where is None or where(obj):
            kept.append(obj)
            if len(kept) > limit:
                break
    data = kept[:limit] if low is None else kept[:limit][::-1]
    return {"object": "list", "url": url, "has_more": len(kept) > limit, "data": data}


class Kernel:
    """The state of one Stripe account in the sandbox and what changes it."""

    def __init__(self, world: World, first_webhook_secret: str | None = None) -> None:
        self.world = world
        self.store = Store()
        self.webhooks = Webhooks(self.store, world, first_webhook_secret)
        self.timers: list[Timer] = [self.webhooks]
        self.before_customer_deleted: list[Callable[[Obj], None]] = []
        self.account_id = self.new_id("acct")
        self.current: Call | None = None
        self._clock: Obj | None = None

    def now_s(self) -> int:
        """Business time in unix seconds; inside of :meth:`in_time_of` the test clock's."""
        return self.world.now_s() if self._clock is None else int(self._clock["frozen_time"])

    @contextmanager
    def in_time_of(self, clock: Obj | None) -> Iterator[None]:
        """Inside the block it is as late as on this test clock; without one, on the sandbox's own."""
        before, self._clock = self._clock, clock
        try:
            yield
        finally:
            self._clock = before

    def timeline_of(self, type: str, id: str) -> str | None:
        """The test clock whose time a stored object lives in, by id."""
        return (self.store.get(type, id) or {}).get("test_clock")

    def new_id(self, prefix: str) -> str:
        """A fresh Stripe-like id: ``cus_`` + 14 characters, ``in_1`` + 23 and so on."""
        length = _SHORT_IDS.get(prefix, 24)
        body = "".join(self.world.rng.choices(_ALPHABET, k=length))
        return f"{prefix}_{body}" if length < 24 else f"{prefix}_1{body[1:]}"

    def touch(self) -> None:
        """The current request changed something."""
        if self.current is not None:
            self.current.effect = True

    def add(self, obj: Obj, event: str | None = None) -> Obj:
        """Store a new object and, if named, emit the event. What is a customer's gets their test clock.

        Returns the object.
        """
        if "test_clock" in obj and "customer" in obj:
            clock = clock_of_customer(self.store, obj["customer"])
            obj["test_clock"] = clock["id"] if clock else None
        self.store.add(obj)
        self.touch()
        if event:
            self.emit(event, obj)
        return obj

    @contextmanager
    def changing(self, obj: Obj, event: str | None = None) -> Iterator[Obj]:
        """Change the object inside the block; afterwards the event goes out, if anything shown has changed."""
        before = shown(obj)
        yield obj
        previous = difference(before, shown(obj))
        if previous:
            self.touch()
            if event:
                self.emit(event, obj, previous)

    def remove(self, obj: Obj, event: str | None = None) -> Obj:
        """Delete the object; its id answers ``deleted: true`` from now on. Returns that answer."""
        if event:
            self.emit(event, obj)
        self.touch()
        return self.store.bury(obj)

    def get(self, type: str, id: str, param: str = "id", *, deleted: bool = False) -> Obj:
        """The stored object, or ``resource_missing``. With ``deleted`` a deleted one is answered as such."""
        found = self.store.get(type, id) or (self.store.grave(type, id) if deleted else None)
        if found is None:
            raise no_such(type.rpartition(".")[2].replace("_", " "), id, param)
        return found

    def emit(self, type: str, obj: Obj, previous_attributes: dict[str, Any] | None = None) -> Obj:
        """Record an event with a snapshot of the object now, and hand it to the webhook endpoints that want it."""
        if type not in EVENT_TYPES:
            raise ValueError(f"Stripe has no event {type!r}")
        call = self.current
        data: dict[str, Any] = {"object": shown(obj)}
        if previous_attributes is not None:
            data["previous_attributes"] = previous_attributes
        self.touch()
        event: Obj = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now_s(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {
                "id": call.request_id if call else None,
                "idempotency_key": call.idempotency_key if call else None,
            },
            "type": type,
        }
        self.store.add(event)
        self.webhooks.hand_over(event)
        return event

    def next_due_s(self) -> int | None:
        """The earliest instant at which one of the timers has something to do."""
        return min((due for timer in self.timers if (due := timer.next_due_s()) is not None), default=None)

    def run_due(self, at_s: int) -> None:
        """Let every timer that is due do its work, in the order in which they were added."""
        for timer in self.timers:
            due = timer.next_due_s()
            if due is not None and due <= at_s:
                timer.run_due(at_s)
