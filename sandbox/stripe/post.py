"""A small HTTP/1.1 client for webhook deliveries: POST only, loopback only, connections kept open."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from urllib.parse import urlsplit

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_LONGEST_HEAD = 64 * 1024


class Poster:
    """Posts bodies to ``http://`` addresses and returns the status."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[_Connection]] = defaultdict(list)

    async def post(self, url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> int | None:
        """The answer's status, or ``None`` without an answer within ``timeout_s`` (machine time). Never raises."""
        try:
            return await asyncio.wait_for(self._post(url, body, headers), timeout_s)
        except (OSError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError):
            return None

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        parts = urlsplit(url)
        at = (parts.hostname or "", parts.port or 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())])
        request = head.encode("latin-1") + b"\r\n\r\n" + body
        while self._idle[at]:
            try:
                return await self._exchange(at, self._idle[at].pop(), request)
            except (OSError, EOFError):
                continue  # the receiver had closed this kept connection; it can't have read the request
        return await self._exchange(at, await asyncio.open_connection(*at, limit=_LONGEST_HEAD), request)

    async def _exchange(self, at: tuple[str, int], connection: _Connection, request: bytes) -> int:
        reader, writer = connection
        try:
            writer.write(request)
            await writer.drain()
            status, keep = await _read_answer(reader)
        except BaseException:
            writer.close()
            raise
        if keep:
            self._idle[at].append(connection)
        else:
            writer.close()
        return status

    def close(self) -> None:
        """Close the kept connections."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()
        self._idle.clear()


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Status, and whether the connection can be used again (the body was read to its end)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, status, *_ = head[0].split(" ")
    fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
    keep = version == "HTTP/1.1" and fields.get("connection", "").lower() != "close"
    if "content-length" in fields:
        await reader.readexactly(int(fields["content-length"]))
    elif status != "204":
        keep = False
    return int(status), keep
