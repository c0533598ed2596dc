"""``http.request``: one HTTP request as a tool. Needs the extra ``http`` (httpx), imported on first use."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from ael.errors import ToolError, ToolLostError, ToolUnavailableError
from ael.ports import Clock, ToolCall, ToolMiss, ToolOutcome, ToolSpec
from ael.settings import Settings
from ael.tools.schemas import check_params, params_error
from ael.types import JsonValue, datetime_from_ns
from ael.values import normalise

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["HTTP_REQUEST", "HttpProvider", "retry_after_seconds"]

_RETRYABLE = frozenset({408, 425, 429})
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_SHOWN = 2_000
"""Most characters of a body or URL that an error carries."""

_YEAR_S = 365 * 86400.0
_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_ENCODER = msgspec.json.Encoder(decimal_format="number")

HTTP_REQUEST = ToolSpec(
    name="http.request",
    description="Make one HTTP request. Fails unless the status is an expected one.",
    input_schema={
        "type": "object",
        "properties": {
            "method": {"type": "string", "default": "GET", "description": "GET, HEAD, POST, PUT, PATCH, DELETE, …"},
            "url": {"type": "string", "description": "http:// or https://"},
            "headers": {"type": "object", "additionalProperties": {"type": ["string", "number", "null"]}},
            "query": {
                "type": "object",
                "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]},
                "description": "Added to the URL; a list repeats its name, null leaves it out.",
            },
            "json": {"description": "The body, as JSON."},
            "body": {"type": "string", "description": "The body, as text or bytes; not together with json."},
            "expect": {
                "description": "A status, a class such as 2xx, or a list of these; default 2xx.",
                "anyOf": [
                    {"type": "integer"},
                    {"type": "string", "pattern": "^[1-5](xx|[0-9][0-9])$"},
                    {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"pattern": "^[1-5](xx|[0-9][0-9])$"}]}},
                ],
            },
        },
        "required": ["url"],
        "additionalProperties": False,
    },
    output_schema={
        "type": "object",
        "properties": {"status": {"type": "integer"}, "headers": {"type": "object"}, "body": {}},
        "required": ["status", "headers", "body"],
    },
)


class HttpProvider:
    """Implements :class:`ael.tools.provider.ToolProvider` with one client per engine."""

    name: str | None = None
    listed = True

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._limit = settings.max_result_bytes
        self._connect_timeout_s = settings.connect_timeout
        self._clock = clock
        self._client: httpx.AsyncClient | None = None

    def specs(self) -> Sequence[ToolSpec]:
        """The one tool."""
        return [HTTP_REQUEST]

    def miss(self, tool: str) -> ToolMiss | None:
        """Nothing is held back."""
        return None

    def repeatable(self, tool: str, call: ToolCall) -> bool:
        """By the method: RFC 9110, section 9.2.2."""
        return str(call.params.get("method", "GET")).upper() in _REPEATABLE

    async def wait_listed(self) -> None:
        """Nothing to wait for."""

    async def call(self, tool: str, call: ToolCall) -> ToolOutcome:
        """Make the request; see docs/language.md, section 8."""
        params = call.params
        check_params(HTTP_REQUEST.input_schema, params, tool)
        if "json" in params and "body" in params:
            raise params_error(tool, ["json and body exclude each other"])
        httpx = _httpx()
        client = self._open(httpx)
        request = _request(client, params, httpx)
        redirects = not any(_expected(status, params.get("expect", "2xx")) for status in range(300, 400))
        with _failures(httpx, request):
            response = await client.send(request, stream=True, follow_redirects=redirects)
            try:
                content = await self._read(response)
            finally:
                await response.aclose()
        return ToolOutcome(self._judge(response, content, params))

    async def _read(self, response: httpx.Response) -> bytes:
        """The body, decoded, as far as the limit allows."""
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self._limit:
                raise ToolError(
                    f"the response of {response.url.host} is larger than {self._limit:,} bytes",
                    retryable=False,
                    hint="raise max_result_bytes in the settings",
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _judge(self, response: httpx.Response, content: bytes, params: Mapping[str, JsonValue]) -> JsonValue:
        status = response.status_code
        headers = dict(response.headers)
        body = _body(response, content)
        if _expected(status, params.get("expect", "2xx")):
            return {"status": status, "headers": headers, "body": body}
        now = datetime_from_ns(self._clock.time_ns())
        shown = body if len(content) <= _SHOWN else content[:_SHOWN].decode(errors="replace") + "…"
        raise ToolError(
            f"{response.request.method} {_place(response.url)} answered {status} {response.reason_phrase}".rstrip(),
            retryable=status in _RETRYABLE or status >= 500,
            retry_after=retry_after_seconds(response.headers.get("retry-after"), now),
            details={"status": status, "headers": headers, "body": shown},
        )

    def _open(self, httpx: JsonValue) -> httpx.AsyncClient:
        """The engine bounds the time and the number of requests; the client bounds neither. It keeps no cookies:
        requests of different executions have nothing to do with each other.
        """
        client = self._client
        if client is None:
            from http import cookiejar  # brings http.client and urllib.request, which only requests need

            client = self._client = httpx.AsyncClient(
                verify=_trusted(httpx, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
                timeout=httpx.Timeout(None, connect=self._connect_timeout_s),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
                cookies=cookiejar.CookieJar(cookiejar.DefaultCookiePolicy(allowed_domains=[])),
            )
        return client

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


@lru_cache(maxsize=4)
def _trusted(httpx: JsonValue, file: str | None, folder: str | None) -> ssl.SSLContext:
    """Whose certificates are believed. Reading them takes 25 ms, so all engines share what the same variables name."""
    try:
        context: ssl.SSLContext = httpx.create_ssl_context()
    except OSError as error:
        message = f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: {error}"
        raise ToolUnavailableError(message, retryable=False, hint="correct the variable, or unset it") from error
    return context


def _httpx() -> JsonValue:
    try:
        import httpx
    except ImportError as error:
        raise ToolUnavailableError(
            "tool 'http.request' needs the package httpx", hint="pip install 'ael[http]'"
        ) from error
    return httpx


@contextmanager
def _failures(httpx: JsonValue, request: httpx.Request) -> Iterator[None]:
    """What httpx raises, told apart by one question: can the request have had an effect?"""
    host = request.url.netloc.decode("ascii", errors="replace").rpartition("@")[2]
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise ToolError(f"cannot connect to {host}: {_words(error)}", retryable=True) from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError, ExceptionGroup) as error:
        # A group: anyio connects in a task group, which cannot say in another way that a port is out of range.
        raise ToolError(f"cannot request {_place(request.url)}: {_words(error)}", retryable=False) from error
    except httpx.TooManyRedirects as error:
        raise ToolError(f"{host} redirects without end", retryable=False) from error
    except httpx.DecodingError as error:
        raise ToolError(f"the answer of {host} cannot be decoded: {_words(error)}") from error
    except httpx.TransportError as error:
        raise ToolLostError(f"the connection to {host} broke: {_words(error)}") from error


def _request(client: httpx.AsyncClient, params: Mapping[str, JsonValue], httpx: JsonValue) -> httpx.Request:
    headers = {name: str(value) for name, value in params.get("headers", {}).items() if value is not None}
    try:
        if "json" in params and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        url = httpx.URL(params["url"])
        if params.get("query"):
            url = url.copy_merge_params(_query(params["query"]))
        method = params.get("method", "GET").upper()
        return client.build_request(method, url, headers=headers, content=_content(params))
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise ToolError(f"cannot request {_short(params['url'])!r}: {_words(error)}", retryable=False) from error


def _content(params: Mapping[str, JsonValue]) -> bytes | None:
    if "json" in params:
        return _ENCODER.encode(params["json"])
    body: str | bytes | None = params.get("body")
    return body.encode() if isinstance(body, str) else body


def _query(query: Mapping[str, JsonValue]) -> dict[str, list[str]]:
    """Each name with its values as JSON says them, without quotes: dates, booleans, decimals."""
    lists = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
    texts = {name: [_as_text(each) for each in values if each is not None] for name, values in lists.items()}
    return {name: values for name, values in texts.items() if values}


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else _ENCODER.encode(value).decode().strip('"')


def _place(url: httpx.URL) -> str:
    """The URL without what may be secret in it: user, password, query."""
    host = url.netloc.decode("ascii", errors="replace").rpartition("@")[2]
    return _short(f"{url.scheme}://{host}{url.path}" if host else repr(str(url)))


def _short(url: str) -> str:
    return url if len(url) <= _SHOWN else url[:_SHOWN] + "…"


def _words(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _body(response: httpx.Response, content: bytes) -> JsonValue:
    """Parsed if it is JSON; else text if it is text; else bytes."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return normalise(json.loads(content, parse_constant=_refuse_constant)) if content else None
        except (ValueError, RecursionError):
            pass  # it says JSON and is none, or none that can be data (1e999, thousands of levels): then it is text
    try:
        return content.decode(response.charset_encoding or "utf-8")
    except (UnicodeError, LookupError):
        return content


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")


def _expected(status: int, expect: JsonValue) -> bool:
    each = expect if isinstance(expect, list) else [expect]
    return any(str(one) == str(status) or (str(one).endswith("xx") and str(one)[0] == str(status)[0]) for one in each)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """What ``Retry-After`` asks for, from seconds or an HTTP date (RFC 9110, section 10.2.3), but no more than a year.

    ``None`` if it asks for nothing.
    """
    if header is None:
        return None
    if header.isascii() and header.strip().isdigit():
        return min(float(header), _YEAR_S)
    from email.utils import parsedate_to_datetime  # brings the whole of email

    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _YEAR_S)
