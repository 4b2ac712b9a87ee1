"""An HTTP answer as the halves hand it to the middleware and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """A JSON answer, compact."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, body, {"content-type": "application/json", **(headers or {})})

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """As ASGI wants them, with the length."""
        pairs = {**self.headers, "content-length": str(len(self.body))}
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs.items()]
