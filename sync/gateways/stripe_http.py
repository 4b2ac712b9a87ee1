"""Calls to one Stripe account: reads by plain HTTP and JSON, writes through the SDK's client, both on the same pool,
pace and clock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import stripe

from sync.clock import Deadline
from sync.errors import SyncError, Transient
from sync.gateways.http import Answer, NoAnswer, NotSent, Transport
from sync.gateways.stripe_budget import Budget
from sync.gateways.stripe_errors import is_missing, is_nothing_upcoming, sorted_answer, sorted_failure
from sync.gateways.stripe_operations import Endpoint
from sync.gateways.stripe_wire import form

#: The SDK's own version: shapes, enumerations and the contract checker all go by it.
API_VERSION: str = stripe.api_version
#: Stripe's largest page.
PAGE = 100
#: How often a question is asked before its failure is told; a write is never repeated here (DESIGN 4, outcome rules).
READ_TRIES = 3
#: Machine seconds before the second try, doubled for the third; and the longest Retry-After that is waited for here.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0


class _Sdk(stripe.HTTPClient):
    """The SDK's wire, laid over our transport: total deadline, no retries, no redirects."""

    name = "tandem"

    def __init__(self, transport: Transport, deadline: Deadline) -> None:
        super().__init__()
        self._transport = transport
        self._deadline = deadline

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        body = post_data.encode() if isinstance(post_data, str) else post_data
        product = f"{self._transport.user_agent} {(headers or {}).get('User-Agent', '')}".strip()
        sent = {**(headers or {}), "User-Agent": product}
        try:
            answer = self._transport.call(method.upper(), url, headers=sent, body=body, deadline=self._deadline)
        except (NotSent, NoAnswer) as error:
            raise stripe.APIConnectionError(str(error), should_retry=False) from error  # type: ignore[no-untyped-call]
        return answer.body.decode("utf-8", "replace"), answer.status, answer.headers

    def close(self) -> None:
        """The transport is the gateway's."""


class StripeHttp:
    """One Stripe account, addressed by its key. Thread-safe."""

    def __init__(self, *, api_key: str, api_base: str, transport: Transport, budget: Budget) -> None:
        self._key = api_key
        self._base = api_base.rstrip("/")
        self._transport = transport
        self._budget = budget

    @property
    def calls(self) -> int:
        """Requests begun so far, by all threads."""
        return self._transport.calls

    @property
    def livemode(self) -> bool:
        """What the key is for; Stripe's keys say it."""
        return "_live_" in self._key

    def get(self, endpoint: Endpoint, params: Mapping[str, object] | None = None, *, id: str = "") -> dict[str, Any]:
        """One object or one page. Raises what `stripe_errors` sorts."""
        return _object(self._asked(endpoint, lambda d: self._read(endpoint, params or {}, id, d)))

    def find(
        self, endpoint: Endpoint, params: Mapping[str, object] | None = None, *, id: str = ""
    ) -> dict[str, Any] | None:
        """One object (or the page beside one), or None when Stripe says that it has no such object, or can have none by
        that id. Any other failure raises: it never means "none".
        """
        if id and not _names_one(id):
            return None
        answer = self._asked(endpoint, lambda d: self._read(endpoint, params or {}, id, d), fits=is_missing)
        return None if is_missing(answer) else _object(answer)

    def pages(
        self, endpoint: Endpoint, params: Mapping[str, object], *, id: str = ""
    ) -> Iterator[list[dict[str, Any]]]:
        """Every page of a list, newest first as Stripe gives them, each read when it is asked for."""
        after: dict[str, object] = {}
        while True:
            page = self.get(endpoint, {"limit": PAGE, **params, **after}, id=id)
            members = [m for m in page.get("data") or [] if isinstance(m, dict)]
            yield members
            if not page.get("has_more") or not members:
                return
            after = {"starting_after": members[-1]["id"]}

    def listed(self, endpoint: Endpoint, params: Mapping[str, object], *, id: str = "") -> list[dict[str, Any]]:
        """The whole list."""
        return [member for page in self.pages(endpoint, params, id=id) for member in page]

    def write(self, endpoint: Endpoint, params: Mapping[str, object], *, id: str = "", key: str) -> Answer:
        """The answer of a write sent once under this idempotency key, through the SDK; it is 2xx and JSON, anything
        else
        raises.
        """
        deadline = self._transport.deadline()
        self._turn(endpoint, deadline)
        client = stripe.StripeClient(
            self._key,
            base_addresses={"api": self._base},
            max_network_retries=0,
            http_client=_Sdk(self._transport, deadline),
        )
        fields = form({**params, **endpoint.always})
        try:
            response = client.raw_request(endpoint.method.lower(), _path(endpoint, id), idempotency_key=key, **fields)
            answer = Answer(response.code, dict(response.headers), response.body.encode())
        except stripe.StripeError as error:
            answer = self._answer_of(error, endpoint)
        return self._checked(answer, endpoint, writing=True)

    def ask(self, endpoint: Endpoint, params: Mapping[str, object]) -> dict[str, Any] | None:
        """A POST that changes nothing (a preview): no idempotency key, and a failure is only a failure. None when Stripe
        says that there would be no invoice.
        """
        body = urlencode(form(params)).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._asked(
            endpoint,
            lambda d: self._call(endpoint, "", d, headers=headers, body=body, query={}),
            fits=is_nothing_upcoming,
        )
        return None if is_nothing_upcoming(answer) else _object(answer)

    def _asked(
        self,
        endpoint: Endpoint,
        call: Callable[[Deadline], Answer],
        *,
        fits: Callable[[Answer], bool] = lambda _: False,
    ) -> Answer:
        """The answer to a question. What passes by itself is asked again in a moment, all within the time of one call:
        a run asks so many questions that one refusal in ten would hardly ever let it through.
        """
        deadline = self._transport.deadline()
        for number in range(1, READ_TRIES + 1):
            try:
                answer = call(deadline)
                return answer if fits(answer) else self._checked(answer, endpoint, writing=False)
            except Transient as error:
                planned_s = FIRST_PAUSE_S * 2 ** (number - 1) * random.uniform(0.8, 1.2)
                pause_s = max(planned_s, error.retry_after_s or 0.0)
                if number == READ_TRIES or pause_s > min(LONGEST_PAUSE_S, deadline.left_s() / 2):
                    raise
                time.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def _answer_of(self, error: stripe.StripeError, endpoint: Endpoint) -> Answer:
        if isinstance(error.__cause__, (NotSent, NoAnswer)):
            raise sorted_failure(error.__cause__, what=endpoint.words, writing=True) from error
        body = error.http_body or b""
        return Answer(
            error.http_status or 0, dict(error.headers or {}), body if isinstance(body, bytes) else body.encode()
        )

    def _read(self, endpoint: Endpoint, params: Mapping[str, object], id: str, deadline: Deadline) -> Answer:
        return self._call(endpoint, id, deadline, headers={}, body=None, query=form(params))

    def _call(
        self,
        endpoint: Endpoint,
        id: str,
        deadline: Deadline,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        query: Mapping[str, str],
    ) -> Answer:
        self._turn(endpoint, deadline)
        ours = {"Authorization": f"Bearer {self._key}", "Stripe-Version": API_VERSION, "Accept": "application/json"}
        url = self._base + _path(endpoint, id)
        try:
            return self._transport.call(
                endpoint.method, url, headers={**ours, **headers}, body=body, params=query, deadline=deadline
            )
        except (NotSent, NoAnswer) as error:
            raise sorted_failure(error, what=endpoint.words, writing=False) from error

    def _turn(self, endpoint: Endpoint, deadline: Deadline) -> None:
        self._budget.turn(f"{endpoint.method} {endpoint.path}", deadline)

    def _checked(self, answer: Answer, endpoint: Endpoint, *, writing: bool) -> Answer:
        if answer.ok and isinstance(answer.json(), dict):
            return answer
        error: SyncError = sorted_answer(answer, what=endpoint.words, right=endpoint.right, writing=writing)
        if isinstance(error, Transient) and error.code == "TEMP-401":
            self._budget.slow_down(f"{endpoint.method} {endpoint.path}", error.retry_after_s or 1.0)
        raise error


def _object(answer: Answer) -> dict[str, Any]:
    body = answer.json()
    assert isinstance(body, dict)
    return body


def _names_one(id: str) -> bool:
    """Whether an object can have this id: it is one step of a path, which leads nowhere else and is cut by nothing."""
    return bool(id.strip(".")) and id.isprintable() and not set(id) & set("/\\?#%")


def _path(endpoint: Endpoint, id: str) -> str:
    return endpoint.path.replace("{id}", quote(id, safe=""))
