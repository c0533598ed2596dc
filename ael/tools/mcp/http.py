"""The streamable HTTP transport: the SDK's, over a client that keeps one request's failure to that request.

In the SDK a network error of one POST tears down the session and every call in it. This client answers
such a request itself, with a marked JSON-RPC error (:mod:`ael.tools.mcp.marks`). It also has no
pool limit (a full pool is such an error too), no read timeout for calls (a tool may be silent for
long; the engine owns the deadlines), and an end to how much of an answer it reads.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from ael.mcp_server import McpServer
from ael.tools.mcp.marks import Mark, mark
from ael.types import JsonValue

__all__ = ["http_transport"]

_CONNECT_S = 30.0
_NOTIFY_S = 15.0
_GOODBYE_S = 2.0
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


@contextlib.asynccontextmanager
async def http_transport(server: McpServer, limit: int) -> AsyncIterator[TransportStreams]:
    """Open the endpoint; ``limit`` is the bytes of the longest message taken. Connects with the first request."""
    assert server.url is not None
    client = _IsolatingClient(
        limit,
        headers=dict(server.headers),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32),
        timeout=httpx2.Timeout(_CONNECT_S, read=None, pool=None),
    )
    async with client, streamable_http_client(server.url, http_client=client, max_sse_event_size=limit) as streams:
        yield streams


class _IsolatingClient(httpx2.AsyncClient):
    """Turns what goes wrong with one POST into the answer to that POST."""

    def __init__(self, limit: int, *, headers: dict[str, str], limits: httpx2.Limits, timeout: httpx2.Timeout) -> None:
        super().__init__(headers=headers, limits=limits, timeout=timeout)
        self._limit = limit

    async def send(self, request: httpx2.Request, **options: JsonValue) -> httpx2.Response:
        """Send as httpx2 does; never raises for a POST that failed on the network."""
        _bound_reading(request)
        if request.method != "POST":
            return await super().send(request, **options)
        try:
            return await self._answer(request, await super().send(request, **options))
        except _NEVER_SENT as error:
            return _reply(request, Mark.UNREACHED, _reason(error))
        except httpx2.TransportError as error:
            return _reply(request, Mark.LOST, _reason(error))

    async def _answer(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        is_json = response.headers.get("content-type", "").lower().startswith("application/json")
        if response.status_code == 404 and "mcp-session-id" in request.headers:
            await response.aclose()
            return _reply(request, Mark.SESSION_GONE, "the server knows the session no more")
        if is_json:
            return await self._read(request, response)
        # A 404 without a session is the SDK's sign of an older server while it negotiates.
        if response.status_code >= 400 and response.status_code != 404:
            await response.aclose()
            reason = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
            return _reply(request, Mark.HTTP_STATUS, reason, status=response.status_code)
        return response

    async def _read(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        parts: list[bytes] = []
        size = 0
        try:
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > self._limit:
                    return _reply(request, Mark.TOO_LARGE, "the result is too large")
        finally:
            await response.aclose()
        headers = {key: value for key, value in response.headers.items() if key.lower() not in _BODY_HEADERS}
        return httpx2.Response(response.status_code, headers=headers, content=b"".join(parts), request=request)


_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def _bound_reading(request: httpx2.Request) -> None:
    """Only calls may be silent for long: a notification or a goodbye without answer must block nobody."""
    timeout = request.extensions.get("timeout", {})
    if request.method == "DELETE":
        request.extensions["timeout"] = {**timeout, "connect": _GOODBYE_S, "read": _GOODBYE_S}
    elif request.method == "POST" and b'"method":"notifications/' in request.content[:512]:
        request.extensions["timeout"] = {**timeout, "read": _NOTIFY_S}


def _reason(error: httpx2.TransportError) -> str:
    return str(error) or type(error).__name__


def _reply(request: httpx2.Request, reason: Mark, message: str, **more: JsonValue) -> httpx2.Response:
    # ``id: null`` is filled in by the SDK; the status is one it looks into for a JSON-RPC error.
    error = {"code": reason.code, "message": message, "data": mark(reason, **more)}
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
    return httpx2.Response(502, headers={"content-type": "application/json"}, content=body, request=request)
