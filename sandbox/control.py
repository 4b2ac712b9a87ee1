"""The control port: clock, faults, log, Stripe accounts, what customers pay and confirm and which discounts they are given,
reset. All paths start with a random segment that only the ready file names.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from sandbox.faults import Fault, FaultRefused
from sandbox.stripe import checkouts, confirmations, portals
from sandbox.stripe.accounts import AccountRefused, Accounts
from sandbox.stripe.billing import customer_discount_routes
from sandbox.stripe.billing.customer_discount_routes import CustomerDiscountRefused
from sandbox.stripe.checkouts import CheckoutRefused
from sandbox.stripe.confirmations import ConfirmationRefused
from sandbox.stripe.portals import PortalRefused
from sandbox.world import ClockRefused, World, stamp

WORLD_HEADER = "X-Tandem-Sandbox"
#: On an answer with the log: the last line that there was.
LAST_SEQ_HEADER = "X-Tandem-Last-Seq"
_LINES_A_CHUNK = 200


class _Refused(ValueError):
    """A request the control port can't understand."""


class Control:
    """The control application. ``path`` is the random first segment; ``ready`` makes the content of the ready file."""

    def __init__(self, world: World, ready: Callable[[], dict[str, Any]]) -> None:
        self._world = world
        self._ready = ready
        self.path = "/" + secrets.token_urlsafe(18)
        routes = [
            Route("/ready", self._get_ready, methods=["GET"]),
            Route("/clock", self._clock, methods=["GET", "POST"]),
            Route("/faults", self._faults, methods=["POST", "DELETE"]),
            Route("/log", self._log, methods=["GET"]),
            Route("/stripe_accounts", self._stripe_accounts, methods=["GET", "POST"]),
            Route("/checkouts", self._checkouts, methods=["POST"]),
            Route("/confirmations", self._confirmations, methods=["POST"]),
            Route("/customer_discounts", self._customer_discounts, methods=["POST"]),
            Route("/portal", self._portal, methods=["POST"]),
            Route("/reset", self._reset, methods=["POST"]),
        ]
        self.app = Starlette(
            routes=[Mount(self.path, routes=routes)],
            exception_handlers=dict.fromkeys(
                (
                    _Refused,
                    ClockRefused,
                    FaultRefused,
                    AccountRefused,
                    ConfirmationRefused,
                    CustomerDiscountRefused,
                    CheckoutRefused,
                    PortalRefused,
                ),
                self._refuse,
            ),
        )

    def _json(self, value: Any, status: int = 200) -> Response:
        return JSONResponse(value, status, headers={WORLD_HEADER: self._world.id})

    async def _refuse(self, request: Request, error: Exception) -> Response:
        return self._json({"error": str(error)}, 400)

    async def _get_ready(self, request: Request) -> Response:
        return self._json(self._ready())

    async def _clock(self, request: Request) -> Response:
        deliver = _flag(request, "deliver")
        if request.method == "POST":
            self._world.move_to(_instant(await _body(request)))
        if deliver:
            await self._world.deliver()
        return self._json({"now": stamp(self._world.now())})

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._world.faults.clear()
            return self._json({"faults": []})
        fault = Fault.parse(await _body(request))
        if fault.account:
            named = self._accounts().named(fault.account)
            if named is None:
                raise FaultRefused(f"there is no Stripe account {fault.account}")
            fault.account = named.name
        self._world.faults.plant(fault)
        return self._json({"faults": [fault.as_dict()]})

    async def _log(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdigit():
            raise _Refused("after must be a seq, a whole number")
        last = self._world.traffic.next_seq() - 1
        lines = self._world.traffic.lines(int(after), brief=_flag(request, "brief"), effect=_flag(request, "effect"))

        async def chunks() -> AsyncIterator[str]:
            batch: list[str] = []
            for line in lines:
                batch.append(line + "\n")
                if len(batch) == _LINES_A_CHUNK:
                    yield "".join(batch)
                    batch.clear()
            yield "".join(batch)

        headers = {WORLD_HEADER: self._world.id, LAST_SEQ_HEADER: str(last)}
        return StreamingResponse(chunks(), media_type="application/x-ndjson", headers=headers)

    async def _stripe_accounts(self, request: Request) -> Response:
        accounts = self._accounts()
        if request.method == "POST":
            return self._json(accounts.add(await _body(request)).as_dict())
        return self._json({"stripe_accounts": [account.as_dict() for account in accounts]})

    async def _checkouts(self, request: Request) -> Response:
        """Somebody pays on Stripe's Checkout page."""
        return self._json(checkouts.pay(self._accounts(), await _body(request)))

    async def _portal(self, request: Request) -> Response:
        """A customer does something in the customer portal."""
        return self._json(portals.act(self._accounts(), await _body(request)))

    async def _confirmations(self, request: Request) -> Response:
        """A customer answers a bank that asks to confirm a payment, as Stripe's own pages let them."""
        return self._json(confirmations.answer(self._accounts(), await _body(request)))

    async def _customer_discounts(self, request: Request) -> Response:
        """A person gives a customer a discount, which this version of Stripe's API has no endpoint for."""
        return self._json(customer_discount_routes.give(self._accounts(), await _body(request)))

    def _accounts(self) -> Accounts:
        found = (getattr(half, "accounts", None) for half in self._world.halves)
        accounts = next((each for each in found if isinstance(each, Accounts)), None)
        if accounts is None:
            raise _Refused("this sandbox has no Stripe")
        return accounts

    async def _reset(self, request: Request) -> Response:
        self._world.reset()
        return self._json({"now": stamp(self._world.now()), "id": self._world.id})


async def _body(request: Request) -> Any:
    raw = await request.body()
    try:
        return json.loads(raw)
    except ValueError as error:
        raise _Refused(f"the body is not JSON: {error}") from error


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "0")
    if value not in ("0", "1"):
        raise _Refused(f"{name} must be 0 or 1")
    return value == "1"


def _instant(data: Any) -> datetime:
    if not isinstance(data, dict) or set(data) != {"now"} or not isinstance(data["now"], str):
        raise _Refused('the body must be {"now": "2026-03-01T00:00:00Z"}')
    try:
        return datetime.fromisoformat(data["now"])
    except ValueError as error:
        raise _Refused(f"now is not an ISO 8601 time: {data['now']!r}") from error
