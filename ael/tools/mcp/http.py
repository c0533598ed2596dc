"""The streamable HTTP transport: the SDK's, over a client that keeps one request's failure to that request.

In the SDK a network error of one POST tears down the session and every call in it. This client answers
such a request itself, with a marked JSON-RPC error (:mod:`ael.tools.mcp.marks`). It also has no
pool limit (a full pool is such an error too), no read timeout for calls (a tool may be silent for
long; the engine owns the deadlines), and an end to how much of an answer it reads.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED

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
        if response.status_code >= 400:
            return _refusal(request, await self._read(request, response))
        # What streams has its bound in the SDK, per event.
        is_json = response.headers.get("content-type", "").lower().startswith("application/json")
        return await self._read(request, response) if is_json else response

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


_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def _refusal(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
    """What a refused request is answered with: mostly a marked error that says more than the SDK would."""
    error = _error_in(response)
    status = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
    reason = f"{status}: {error['message']}" if error else status
    # 404 is the protocol's word for a session the server forgot; many servers say 400. Either way nothing was run.
    if response.status_code in (400, 404) and "mcp-session-id" in request.headers:
        return _reply(request, Mark.SESSION_GONE, reason)
    # By codes with a meaning, and by the bare 404 of an older server, the SDK negotiates.
    negotiates = response.status_code == 404 if error is None else error["code"] != CONNECTION_CLOSED
    return response if negotiates else _reply(request, Mark.HTTP_STATUS, reason, status=response.status_code)


def _error_in(response: httpx2.Response) -> dict[str, JsonValue] | None:
    """The JSON-RPC error a refusal carries."""
    try:
        error = response.json()["error"]
        return {"code": int(error["code"]), "message": str(error["message"])}
    except (ValueError, TypeError, LookupError):
        return None


def _bound_reading(request: httpx2.Request) -> None:
    """Only calls may be silent for long: a notification or a goodbye without answer must block nobody."""
    timeout = request.extensions.get("timeout", {})
    if request.method == "DELETE":
        request.extensions["timeout"] = {**timeout, "connect": _GOODBYE_S, "read": _GOODBYE_S}
    elif request.method == "POST" and b'"method":"notifications/' in request.content[:512]:
        request.extensions["timeout"] = {**timeout, "read": _NOTIFY_S}


def _reason(error: httpx2.TransportError) -> str:
    return _ERRNO.sub("", str(error)) or type(error).__name__


def _reply(request: httpx2.Request, reason: Mark, message: str, **more: JsonValue) -> httpx2.Response:
    # ``id: null`` is filled in by the SDK; the status is one it looks into for a JSON-RPC error.
    error = {"code": reason.code, "message": message, "data": mark(reason, **more)}
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
    return httpx2.Response(502, headers={"content-type": "application/json"}, content=body, request=request)
