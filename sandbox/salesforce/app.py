"""The Salesforce half of the sandbox: HTTP in, HTTP out, one org behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.answers import Answer
from sandbox.middleware import mark_effect
from sandbox.salesforce import batches, composite, describe, housekeeping, single, trees
from sandbox.salesforce.bulk import BulkJobs
from sandbox.salesforce.calls import Call, CsvText, Reply, Router, check_version
from sandbox.salesforce.errors import SalesforceError, locked, not_found
from sandbox.salesforce.json_text import dumps, loads
from sandbox.salesforce.oauth import LogIn, LogInRefused
from sandbox.salesforce.org import Clock, Org, Switches
from sandbox.salesforce.queries import Cursors
from sandbox.salesforce.records import Writer, every_other_locked, no_locks
from sandbox.salesforce.switches import run_switch

API_VERSION = "66.0"
LONGEST_URI = 16_384
"""Characters of the address alone (414), and of address and headers together (431)."""
_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"]
_HARNESS = "harness"
_CSV = {"content-type": "text/csv"}
_JSON = {"content-type": "application/json;charset=UTF-8"}
_HTML_ERROR = (
    b"<html><head><title>Server Error</title></head><body><h1>An internal server error has occurred</h1>"
    b"<p>Error ID: 1234567890-12345 (1234567890)</p></body></html>"
)
_EXPIRED = SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", status=401)


class SalesforceHalf:
    """One org served over HTTP. ``namespace`` prefixes every custom name; ``switches`` say how the org is set up."""

    name = "salesforce"

    def __init__(
        self, world: Clock, namespace: str = "", switches: Switches | None = None, *, jwt_public_key: str | None = None
    ) -> None:
        self._world = world
        self._at_start = replace(switches or Switches(), namespace=namespace)
        self._log_in = LogIn(jwt_public_key)
        self.reset()
        self.app = Starlette(routes=[Route("/{path:path}", self._serve, methods=_METHODS)])

    def ready(self, base_url: str) -> dict[str, Any]:
        """Its part of the ready file."""
        return {
            "url": base_url,
            "token_url": f"{base_url}/services/oauth2/token",
            "client_id": self._log_in.client_id,
            "client_secret": self._log_in.client_secret,
            "api_version": API_VERSION,
        }

    def reset(self) -> None:
        """A new, empty org with a new id. The client id and secret stay valid; tokens do not."""
        self.org = Org(self._world, replace(self._at_start))
        self._log_in.forget_sessions()
        self._router = Router()
        Cursors().add_routes(self._router)
        BulkJobs().add_routes(self._router)
        for part in (describe, housekeeping, batches, trees, single):
            part.add_routes(self._router)
        composite.add_routes(self._router)

    def next_due_s(self) -> int | None:
        """When the next held commit shows."""
        return min((held.visible_at_s for held in self.org.store.held), default=None)

    def run_due(self, at_s: int) -> None:
        """Show the commits held until now."""
        self.org.store.release(at_s)

    def close(self) -> None:
        """Nothing runs beside the requests."""

    async def deliver(self) -> None:
        """Nothing: Salesforce is polled."""

    def decode_params(self, query: str, content_type: str, body: bytes) -> Any:
        """The parameters of the address, or the body, or both by name."""
        given = dict(parse_qsl(query, keep_blank_values=True))
        if not body:
            return given
        text = body.decode("utf-8", "replace")
        if "form" in content_type:
            return given | dict(parse_qsl(text, keep_blank_values=True))
        try:
            decoded = json.loads(text)
        except (ValueError, RecursionError):
            decoded = text
        return {"query": given, "body": decoded} if given else decoded

    def fault_answer(self, kind: str, method: str, path: str, headers: Mapping[str, str]) -> Answer | None:
        """Salesforce's words for a fault; ``None`` where the request itself has to meet it."""
        if kind == "error_500":
            return Answer(500, _HTML_ERROR, {"content-type": "text/html;charset=UTF-8"})
        if not path.startswith("/services/data/v"):
            return None
        if kind in ("quota", "rate_limit"):
            limit = "TotalRequests" if kind == "quota" else "ConcurrentRequests (Concurrent API Requests)"
            return self._answer(Reply.refusal(_over_limit(limit)))
        if kind == "expire_token":
            self._log_in.revoke(_bearer(headers))
            return self._answer(Reply.refusal(_EXPIRED))
        if kind == "lock" and method != "GET" and "/composite" not in path:
            return self._answer(Reply.refusal(locked(None)))
        return None

    async def _serve(self, request: Request) -> Response:
        body = await request.body()
        answer = self._run(request, body)
        headers = {name: value for name, value in answer.headers.items() if name != "content-type"}
        return Response(answer.body, answer.status, headers, answer.headers.get("content-type"))

    def _run(self, request: Request, body: bytes) -> Answer:
        """Answer one request; no ``await`` in here, so each request is atomic."""
        uri = len(request.scope["raw_path"]) + len(request.scope["query_string"])
        if uri > LONGEST_URI:
            return self._answer(Reply(414, [{"message": "URI Too Long", "errorCode": "URI_TOO_LONG"}]))
        if uri + sum(len(name) + len(value) for name, value in request.headers.raw) > LONGEST_URI:
            text = "Request Header Fields Too Large"
            return self._answer(Reply(431, [{"message": text, "errorCode": "REQUEST_HEADER_FIELDS_TOO_LARGE"}]))
        try:
            return self._answer(self._dispatch(request, body))
        except LogInRefused as refusal:
            return self._answer(Reply(refusal.status, refusal.as_body()))
        except SalesforceError as error:
            self.org.store.undo_to(0)
            return self._answer(Reply.refusal(error), self._limit_header(request, error))
        except BaseException:
            self.org.store.undo_to(0)
            raise

    def _dispatch(self, request: Request, body: bytes) -> Reply:
        segments = [unquote(one) for one in request.scope["raw_path"].decode("ascii").strip("/").split("/")]
        if segments[:2] == ["services", "oauth2"]:
            return self._oauth(request, segments[2:], body)
        if segments[:1] == ["tandem-sandbox"] and len(segments) == 2 and _client(request) == _HARNESS:
            reply = run_switch(self.org, self._log_in, segments[1], loads(body) if body else {})
            self.org.store.commit(self._world.now_s())
            return reply
        if segments == ["services", "data"]:
            return Reply(200, housekeeping.versions())
        if segments[:1] == ["id"] and len(segments) == 3:
            self._check_token(request)
            return Reply(200, self._identity(request))
        if segments[:2] == ["services", "data"] and len(segments) >= 3:
            return self._api(request, segments[2], tuple(segments[3:]), body)
        raise not_found()

    def _api(self, request: Request, version: str, parts: tuple[str, ...], body: bytes) -> Reply:
        self._check_token(request)
        check_version(version)
        client = _client(request)
        if client != _HARNESS and self.org.count_call() > self.org.switches.daily_calls:
            raise _over_limit("TotalRequests")
        access = self.org.access(client)
        locks = every_other_locked if request.scope.get("state", {}).get("fault") == "lock" else no_locks
        writer = Writer(self.org, access, locks())
        params = dict(request.query_params)
        method = params.pop("_HttpMethod", request.method).upper()
        parsed = _parsed(body, request) if body and method in ("POST", "PATCH", "PUT") else None
        call = Call(self.org, access, writer, method, version, parts, params, request.headers, parsed)
        reply = self._router.run(call)
        self.org.store.commit(self._world.now_s(), self.org.switches.commit_delay_s)
        if writer.effect:
            mark_effect(request)
        return replace(reply, headers={**reply.headers, **self._limit_info()})

    def _limit_info(self) -> dict[str, str]:
        return {"sforce-limit-info": f"api-usage={self.org.calls_used}/{self.org.switches.daily_calls}"}

    def _limit_header(self, request: Request, error: SalesforceError) -> dict[str, str]:
        counted = request.url.path.startswith("/services/data/v") and error.status != 401
        return self._limit_info() if counted else {}

    def _check_token(self, request: Request) -> None:
        if not self._log_in.is_valid(_bearer(request.headers)):
            raise _EXPIRED

    def _oauth(self, request: Request, segments: list[str], body: bytes) -> Reply:
        form = dict(request.query_params) | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if segments == ["token"]:
            if request.method != "POST":
                raise LogInRefused("invalid_request", "must use HTTP POST")
            base_url = f"http://{request.headers.get('host', '')}"
            return Reply(200, self._log_in.token(self.org, form, request.headers, base_url))
        if segments == ["revoke"]:
            self._log_in.revoke(form.get("token", ""))
            return Reply(200)
        if segments == ["userinfo"]:
            self._check_token(request)
            return Reply(200, self._identity(request))
        raise not_found()

    def _identity(self, request: Request) -> dict[str, Any]:
        user = self.org.access(_client(request)).user
        base_url = f"http://{request.headers.get('host', '')}"
        return {
            "id": f"{base_url}/id/{self.org.id}/{user.id}",
            "user_id": user.id,
            "organization_id": self.org.id,
            "username": user.username,
            "preferred_username": user.username,
            "display_name": user.name,
            "email": user.username,
            "active": True,
            "user_type": "STANDARD",
            "urls": {"rest": f"{base_url}/services/data/v{{version}}/"},
        }

    def _answer(self, reply: Reply, more: Mapping[str, str] | None = None) -> Answer:
        if reply.body is None:
            return Answer(reply.status, b"", {**reply.headers, **(more or {})})
        is_csv = isinstance(reply.body, CsvText)
        text = str(reply.body) if is_csv else dumps(reply.body)
        return Answer(reply.status, text.encode(), {**(_CSV if is_csv else _JSON), **reply.headers, **(more or {})})


def _parsed(body: bytes, request: Request) -> Any:
    if not request.headers.get("content-type", "").startswith("text/csv"):
        return loads(body)
    try:
        return CsvText(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SalesforceError("INVALIDBATCH", "CSV must be UTF-8") from error


def _over_limit(limit: str) -> SalesforceError:
    return SalesforceError("REQUEST_LIMIT_EXCEEDED", f"{limit} Limit exceeded.", status=403)


def _client(request: Request) -> str:
    return str(request.headers.get("x-tandem-client") or request.headers.get("user-agent", ""))


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "oauth") else ""
