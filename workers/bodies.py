"""Bodies of requests, with a limit."""

from __future__ import annotations

from starlette.requests import Request


async def whole_body(request: Request, most_bytes: int) -> bytes | None:
    """The body as sent, or None when it is longer than ``most_bytes``; no more than that is ever held."""
    if int(request.headers.get("content-length") or 0) > most_bytes:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            return None
    return bytes(body)
