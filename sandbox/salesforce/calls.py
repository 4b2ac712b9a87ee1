"""One API call as the handlers see it, what they answer, and which handler an address belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.salesforce.access import Access
from sandbox.salesforce.bodies import BodyReader
from sandbox.salesforce.errors import BodyRefused, SalesforceError, not_found
from sandbox.salesforce.org import Org
from sandbox.salesforce.records import Writer

LISTED_VERSIONS = tuple(f"{number}.0" for number in range(62, 69))


class CsvText(str):
    """A body that is CSV, not JSON."""

    __slots__ = ()


@dataclass(frozen=True)
class Call:
    """A call, or one sub-request of a composite. ``parts`` are the decoded path segments after the version."""

    org: Org
    access: Access
    writer: Writer
    method: str
    version: str
    parts: tuple[str, ...]
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    @property
    def reader(self) -> BodyReader:
        """Reads bodies with this caller's rights."""
        return BodyReader(self.org, self.access)

    @property
    def base(self) -> str:
        """``/services/data/v66.0``"""
        return f"/services/data/{self.version}"

    def flag(self, name: str) -> bool:
        """A true-or-false parameter; absent is false."""
        value = self.params.get(name, "false").lower()
        if value not in ("true", "false"):
            raise SalesforceError("INVALID_PARAMETER", f"{name} must be true or false, not {value}")
        return value == "true"

    def object_body(self) -> dict[str, Any]:
        """The body, which has to be a JSON object."""
        if not isinstance(self.body, dict):
            raise BodyRefused("JSON_PARSER_ERROR", "The HTTP entity body is required and must be a JSON object.")
        return self.body


@dataclass(frozen=True)
class Reply:
    """Status, JSON value (``None``: no body) and headers of an answer."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def refusal(cls, error: SalesforceError) -> Reply:
        """The answer of a refused single call."""
        return cls(error.status, error.as_single())


Handler = Callable[[Call], Reply]


class Router:
    """Finds the handler of a path pattern such as ``sobjects/*/describe``; ``*`` is any one segment."""

    def __init__(self) -> None:
        self._routes: list[tuple[tuple[str, ...], dict[str, Handler]]] = []

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """From now on the handler answers this method at addresses of this pattern; the first added pattern wins."""
        wanted = tuple(pattern.split("/")) if pattern else ()
        for known, handlers in self._routes:
            if known == wanted:
                handlers[method] = handler
                return
        self._routes.append((wanted, {method: handler}))

    def run(self, call: Call) -> Reply:
        """The handler's answer. Raises 404 or 405 where there is none."""
        for pattern, handlers in self._routes:
            if _fits(pattern, call.parts):
                if call.method in handlers:
                    return handlers[call.method](call)
                allowed = ", ".join(sorted(handlers))
                text = f"HTTP Method '{call.method}' not allowed. Allowed are {allowed}"
                raise SalesforceError("METHOD_NOT_ALLOWED", text, status=405)
        raise not_found()


def _fits(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return len(pattern) == len(parts) and all(want in ("*", part) for want, part in zip(pattern, parts, strict=True))


def check_version(text: str) -> str:
    """``v66.0`` if the org serves it; else 404."""
    if not re.fullmatch(r"v\d+\.0", text) or text[1:] not in LISTED_VERSIONS:
        raise not_found()
    return text
