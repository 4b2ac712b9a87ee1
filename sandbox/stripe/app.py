"""The HTTP side of the sandbox's Stripe: keys, versions, forms, idempotency, answers. The key selects the account.

Order of checks as at Stripe: API key, endpoint, version, form, idempotency key, parameters, then the handler.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.answers import Answer
from sandbox.middleware import Receive, Scope, Send, headers_of, read_body, respond
from sandbox.stripe import resources
from sandbox.stripe.accounts import Account, Accounts
from sandbox.stripe.clocks import clock_behind
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.form import MalformedForm, decode_form
from sandbox.stripe.kernel import API_VERSION, Call, Kernel, Route, routes
from sandbox.stripe.params import read_fields
from sandbox.stripe.rendering import check_expand, rendered
from sandbox.world import World

Install = Callable[[Kernel], object]
_log = logging.getLogger("sandbox.stripe")
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


class StripeHalf:
    """The Stripe accounts of a sandbox, as one half of a :class:`World`."""

    name = "stripe"
    delays_itself = True

    def __init__(self, world: World, parts: Sequence[Install] | None = None) -> None:
        """``parts`` make a fresh kernel ready; default is everything, billing included."""
        self._world = world
        self.accounts = Accounts(world, _all_parts() if parts is None else parts)
        self._routes = routes()

    @property
    def kernel(self) -> Kernel:
        """That of the first account."""
        return self.accounts.first.kernel

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        body = await read_body(receive)
        state = scope.setdefault("state", {})
        exchange = _Exchange(self, scope, headers_of(scope), body)
        await respond(send, await exchange.answer())
        state["effect"] = exchange.effect

    def ready(self, base_url: str) -> dict[str, Any]:
        """Credentials for the ready file. The secret is the first webhook endpoint's that is created."""
        first = self.accounts.first
        return {"api_key": first.api_key, "webhook_secret": first.webhook_secret}

    def reset(self) -> None:
        """Forget all objects, keys, deliveries and added accounts; the first one's credentials stay."""
        self.accounts.reset()

    def account_of(self, headers: Mapping[str, str]) -> str:
        """The name of the account that the request's key opens; "" where it opens none."""
        account = self.accounts.of_key(_api_key(headers.get("authorization", "")))
        return "" if account is None else account.name

    def next_due_s(self) -> int | None:
        """See :class:`Half`."""
        return min((due for a in self.accounts if (due := a.kernel.next_due_s()) is not None), default=None)

    def run_due(self, at_s: int) -> None:
        """See :class:`Half`. Accounts one after the other within the second, in the order in which they came to be."""
        for account in self.accounts:
            account.kernel.run_due(at_s)

    async def deliver(self) -> None:
        """Return when all queued webhook deliveries were attempted."""
        await asyncio.gather(*(account.kernel.webhooks.delivered() for account in self.accounts))

    def decode_params(self, query: str, content_type: str, body: bytes) -> Any:
        """Query and form as one tree of strings; what is no form is shown as text."""
        text = body.decode("utf-8", "replace")
        try:
            if "json" in content_type:
                return json.loads(text) if text else decode_form(query)
            return decode_form(query, text)
        except ValueError:
            return {"body": text}

    def fault_answer(self, kind: str, method: str, path: str, headers: Mapping[str, str]) -> Answer | None:
        """Rate limits, locks and refusals are answered here; a 500 is the exchange's, as it is kept under the key."""
        if kind == "rate_limit":
            return self._refusal(429, "rate_limit", "Request rate limit exceeded.", {})
        if kind == "lock":
            message = (
                "This object cannot be accessed right now because another API request or Stripe process is currently"
                " accessing it. If you see this error intermittently, retry the request."
            )
            return self._refusal(429, "lock_timeout", message, {"stripe-should-retry": "true"})
        if kind == "refuse":
            return self._refusal(400, "parameter_invalid", "Your account cannot make this request.", {})
        return None

    def _refusal(self, status: int, code: str, message: str, headers: dict[str, str]) -> Answer:
        error = StripeError(status, "invalid_request_error", code, message, storable=False)
        return Answer.of_json(status, error.body(), {"request-id": self.kernel.new_id("req"), **headers})

    def find_route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The endpoint and the ids in the path, or Stripe's 404."""
        for route in self._routes if not path.endswith("/search") else ():  # "search" is no id: that API is not built
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, match.groupdict()
        message = f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at"
        raise invalid(f"{message} https://support.stripe.com/.", status=404)


def _all_parts() -> Sequence[Install]:
    from sandbox.stripe import billing  # here, as its modules register their endpoints on the kernel above

    return (resources.install, billing.install)


class _Exchange:
    """One request being answered."""

    def __init__(self, half: StripeHalf, scope: Scope, headers: dict[str, str], body: bytes) -> None:
        self.half, self.headers, self.body = half, headers, body
        self.method, self.path = scope["method"], scope["path"]
        self.query = scope.get("query_string", b"").decode("latin-1")
        self.fault = scope["state"].get("fault")
        self.delay_s = scope["state"].get("delay_s")
        self.account = half.accounts.first  # until the key has opened another
        self.request_id = self.account.kernel.new_id("req")
        self.effect = False

    async def answer(self) -> Answer:
        """The answer with the headers that every answer has."""
        extra: dict[str, str] = {}
        try:
            status, body = await self._execute(extra)
        except StripeError as error:
            status, body = error.status, _dump(error.body())
            extra.update(error.headers)
        headers = {
            "content-type": "application/json",
            "request-id": self.request_id,
            "stripe-version": API_VERSION,
            "cache-control": "no-cache, no-store",
            **extra,
        }
        return Answer(status, body, headers)

    async def _execute(self, extra: dict[str, str]) -> tuple[int, bytes]:
        self.account = self._opened()
        route, ids = self.half.find_route(self.method, self.path)
        self._check_version()
        given = self._decoded()
        key = self.headers.get("idempotency-key") if self.method == "POST" else None
        if not key:
            await self._wait()
            return self._run(route, ids, given, None)
        keys, kernel = self.account.keys, self.account.kernel
        extra["idempotency-key"] = key
        kept = keys.claim(key, self.path, given, self.request_id, kernel.now_s())
        if kept is not None:
            extra.update({"idempotent-replayed": "true", "original-request": kept.request_id})
            return kept.status or 500, kept.body
        try:
            await self._wait()
            status, body = self._run(route, ids, given, key)
        except StripeError as error:
            if not error.storable or error.status in (409, 429):
                keys.release(key)
                raise
            keys.keep(key, error.status, _dump(error.body()))
            raise
        except BaseException:
            keys.release(key)
            raise
        keys.keep(key, status, body)
        return status, body

    async def _wait(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)

    def _run(self, route: Route, ids: dict[str, str], given: dict[str, Any], key: str | None) -> tuple[int, bytes]:
        if self.fault == "error_500":
            return 500, _dump(_api_error().body())
        params = read_fields(route.params, given)
        kernel = self.account.kernel
        expand = params.pop("expand", [])
        check_expand(expand)
        call = Call(kernel, route, ids, params, self.request_id, key, fault=self.fault)
        kernel.current = call
        try:
            with kernel.in_time_of(clock_behind(call)):
                answered = route.handler(call)
        except StripeError:
            raise
        except Exception:
            _log.exception("%s %s failed", self.method, self.path)
            return 500, _dump(_api_error().body())
        finally:
            kernel.current = None
            self.effect = call.effect
        return 200, _dump(rendered(kernel, answered, expand))

    def _opened(self) -> Account:
        given = _api_key(self.headers.get("authorization", ""))
        if given is None:
            message = (
                "You did not provide an API key. You need to provide your API key in the Authorization header, using"
                " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
            headers = {"www-authenticate": 'Bearer realm="Stripe"'}
            raise StripeError(401, "invalid_request_error", None, message, storable=False, headers=headers)
        opened = self.half.accounts.of_key(given)
        if opened is None:
            struck = f"{given[:8]}{'*' * max(len(given) - 12, 4)}{given[-4:]}" if len(given) > 12 else "****"
            message = f"Invalid API Key provided: {struck}"
            raise StripeError(401, "invalid_request_error", None, message, storable=False)
        account = self.headers.get("stripe-account")
        if account not in (None, opened.kernel.account_id):
            message = f"The provided key does not have access to account '{account}' (or that account does not exist)."
            raise StripeError(403, "invalid_request_error", "account_invalid", message, storable=False)
        return opened

    def _check_version(self) -> None:
        version = self.headers.get("stripe-version", API_VERSION)
        if version != API_VERSION:
            message = f"Invalid Stripe API version: {version}. This sandbox speaks {API_VERSION} only."
            raise StripeError(400, "invalid_request_error", None, message, storable=False)

    def _decoded(self) -> dict[str, Any]:
        content_type = self.headers.get("content-type", _FORM).split(";")[0].strip().lower()
        wanted = _JSON if self.path.startswith("/v2/") else _FORM
        if self.body and content_type != wanted:
            message = f"Invalid request: the body must be sent as {wanted}, not {content_type}."
            raise StripeError(400, "invalid_request_error", None, message, storable=False)
        try:
            if self.body and wanted == _JSON:
                return _object(self.body)
            return decode_form(self.query, self.body.decode("utf-8"))
        except (MalformedForm, ValueError) as error:
            message = f"Invalid request: {error}"
            raise StripeError(400, "invalid_request_error", None, message, storable=False) from error


def _object(body: bytes) -> dict[str, Any]:
    """A body of API v2. Raises ``ValueError``."""
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("the body must be a JSON object")
    return found


def _api_error() -> StripeError:
    message = "An unknown error occurred while processing your request. Please contact us via our support website."
    return StripeError(500, "api_error", None, message)


def _api_key(authorization: str) -> str | None:
    """The key of a Bearer or Basic header; ``None`` without one."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
