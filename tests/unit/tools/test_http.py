"""``http.request`` against a real server."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.clock import SystemClock
from ael.errors import ParamInvalidError, ToolError, ToolLostError, ToolUnavailableError
from ael.ports import ToolCall
from ael.settings import Settings
from ael.tools.http import HttpProvider, retry_after_seconds
from ael.types import JsonValue
from tests.unit.tools.loopback import Answer, Request, answer, serve

LIMIT = 50_000
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class AtNoon(SystemClock):
    """A clock that stands at noon."""

    time_ns = staticmethod(lambda: int(NOON.timestamp()) * 1_000_000_000)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


async def request(url: str, provider: HttpProvider | None = None, **params: JsonValue) -> JsonValue:
    """One request, by a client of its own unless a provider is given."""
    used = provider or HttpProvider(Settings(max_result_bytes=LIMIT), AtNoon())
    try:
        return (await used.call("http.request", ToolCall("http.request", {"url": url, **params}))).value
    finally:
        if provider is None:
            await used.aclose()


async def failure(url: str, **params: JsonValue) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await request(url, **params)
    return caught.value


# -- what is sent --------------------------------------------------------------------------------


async def sent(**params: JsonValue) -> Request:
    async with serve(here=answer()) as server:
        await request(f"{server.url}/here{params.pop('path', '')}", **params)
    (seen,) = server.requests
    return seen


@pytest.mark.parametrize(
    ("params", "method", "target", "body"),
    [
        pytest.param({}, "GET", "/here", b"", id="nothing but the URL"),
        pytest.param({"method": "delete"}, "DELETE", "/here", b"", id="method in small letters"),
        pytest.param({"query": {"a": 1, "b": [True, "x y"]}}, "GET", "/here?a=1&b=true&b=x%20y", b"", id="query"),
        pytest.param({"path": "?a=1", "query": {"b": "2"}}, "GET", "/here?a=1&b=2", b"", id="query beside the URL's"),
        pytest.param({"query": {"a": None, "b": [None, 2**70], "c": []}}, "GET", f"/here?b={2**70}", b"", id="null"),
        pytest.param({"path": "?a=1", "query": {}}, "GET", "/here?a=1", b"", id="empty query"),
        pytest.param({"query": {"at": NOON}}, "GET", "/here?at=2026-03-01T12%3A00%3A00Z", b"", id="date in the query"),
        pytest.param({"method": "POST", "body": "héllo"}, "POST", "/here", "héllo".encode(), id="text"),
        pytest.param({"method": "POST", "body": b"\xff"}, "POST", "/here", b"\xff", id="bytes"),
        pytest.param({"method": "POST", "json": None}, "POST", "/here", b"null", id="JSON null"),
        pytest.param(
            {"method": "PUT", "json": {"at": NOON, "n": Decimal("1.50")}},
            "PUT",
            "/here",
            b'{"at":"2026-03-01T12:00:00Z","n":1.50}',
            id="data beyond JSON",
        ),
    ],
)
async def test_what_is_sent(params: dict[str, JsonValue], method: str, target: str, body: bytes) -> None:
    seen = await sent(**params)
    assert (seen.method, seen.target.replace("+", "%20"), seen.body) == (method, target, body)


async def test_headers() -> None:
    seen = await sent(headers={"X-Number": 3}, method="POST", json={})
    assert seen.headers["x-number"] == "3"
    assert seen.headers["content-type"] == "application/json"
    seen = await sent(headers={"content-type": "application/vnd.api+json"}, method="POST", json={})
    assert seen.headers["content-type"] == "application/vnd.api+json"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"url": 1},
        {"url": "http://x", "retries": 1},
        {"url": "http://x", "json": 1, "body": "x"},
        {"url": "http://x", "query": {"a": {"b": 1}}},
        {"url": "http://x", "expect": "2x"},
        {"url": "http://x", "expect": ["ok"]},
        {"url": "http://x", "headers": ["a"]},
    ],
    ids=str,
)
async def test_params_that_do_not_fit(params: dict[str, JsonValue]) -> None:
    provider = HttpProvider(Settings(), SystemClock())
    with pytest.raises(ParamInvalidError):
        await provider.call("http.request", ToolCall("http.request", params))


# -- what comes back -----------------------------------------------------------------------------

JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("respond", "status", "body"),
    [
        pytest.param(answer("200 OK", b'{"a": [1]}', JSON), 200, {"a": [1]}, id="JSON"),
        pytest.param(answer("200 OK", b"[]", "Content-Type: application/x+json; charset=utf-8"), 200, [], id="+json"),
        pytest.param(answer("204 No Content", b"", JSON), 204, None, id="empty JSON"),
        pytest.param(answer("200 OK", b"{oops", JSON), 200, "{oops", id="JSON that is none"),
        pytest.param(answer("200 OK", b"NaN", JSON), 200, "NaN", id="NaN is no JSON"),
        pytest.param(answer("201 Created", b"[1]", "Content-Type: text/plain"), 201, "[1]", id="text stays text"),
        pytest.param(answer("200 OK", b"h\xe9", "Content-Type: text/plain; charset=latin-1"), 200, "hé", id="charset"),
        pytest.param(answer("200 OK", b'{"a": 1e999}', JSON), 200, '{"a": 1e999}', id="no number of ours"),
        pytest.param(answer("200 OK", b"[" * 9_000, JSON), 200, "[" * 9_000, id="JSON without end"),
        pytest.param(answer("200 OK", b"[" * 300 + b"]" * 300, JSON), 200, "[" * 300 + "]" * 300, id="too deep JSON"),
        pytest.param(answer("200 OK", b"9" * 5_000, JSON), 200, "9" * 5_000, id="too long a number"),
        pytest.param(answer("200 OK", b"x", "Content-Type: text/plain; charset=undefined"), 200, b"x", id="no charset"),
        pytest.param(answer("200 OK", b"\xff\xfe\x00"), 200, b"\xff\xfe\x00", id="bytes"),
        pytest.param(answer("200 OK", gzip.compress(b"zipped"), "Content-Encoding: gzip"), 200, "zipped", id="gzip"),
        pytest.param(answer("200 OK", b"x", "Content-Type: text/plain; charset=none"), 200, b"x", id="unknown charset"),
    ],
)
async def test_the_body_is_what_the_server_says_it_is(respond: Answer, status: int, body: JsonValue) -> None:
    async with serve(here=respond) as server:
        result = await request(f"{server.url}/here")
    assert result["status"] == status
    assert result["body"] == body
    assert "content-length" in result["headers"]


@pytest.mark.parametrize(
    ("expect", "status", "accepted"),
    [
        ("2xx", "204 No Content", True),
        (404, "404 Not Found", True),
        ("404", "404 Not Found", True),
        ([200, "4xx"], "410 Gone", True),
        ([201], "200 OK", False),
        ("4xx", "200 OK", False),
        ([], "200 OK", False),
    ],
    ids=str,
)
async def test_expected_statuses(expect: JsonValue, status: str, accepted: bool) -> None:
    async with serve(here=answer(status)) as server:
        if accepted:
            assert (await request(f"{server.url}/here", expect=expect))["status"] == int(status[:3])
        else:
            assert (await failure(f"{server.url}/here", expect=expect)).details["status"] == int(status[:3])


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (404, False),
        (408, True),
        (425, True),
        (429, True),
        (500, True),
        (503, True),
        (599, True),
    ],
)
async def test_an_unexpected_status_fails(status: int, retryable: bool) -> None:
    async with serve(here=answer(f"{status} Oh", b'{"why": "x"}', JSON)) as server:
        error = await failure(f"{server.url.replace('//', '//user:pass@')}/here?token=secret")
    assert error.message == f"GET {server.url}/here answered {status} Oh"
    assert (error.code, error.retryable, error.retry_after) == ("TOOL_FAILED", retryable, None)
    assert error.details["status"] == status
    assert error.details["body"] == {"why": "x"}
    assert json.dumps(error.details)


async def test_an_error_does_not_carry_a_whole_page() -> None:
    async with serve(here=answer("500 Oh", b"x" * 40_000)) as server:
        error = await failure(f"{server.url}/here")
    assert len(error.details["body"]) < 3_000


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("soon", None),
        ("9" * 400, 365 * 86400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 365 * 86400.0),
        ("-3", None),
        ("1e3", None),
    ],
)
async def test_retry_after(header: str, seconds: float | None) -> None:
    async with serve(here=answer("503 Busy", b"", f"Retry-After: {header}")) as server:
        assert (await failure(f"{server.url}/here")).retry_after == seconds


@pytest.mark.parametrize("header", [None, "", "\N{SUPERSCRIPT TWO}", "Fri, 31 Dec 9999 23:59:59 -9999"])
def test_no_retry_after(header: str | None) -> None:
    assert retry_after_seconds(header, NOON) is None


@given(st.text())
def test_any_retry_after_is_seconds_or_nothing(header: str) -> None:
    seconds = retry_after_seconds(header, NOON)
    assert seconds is None or 0 <= seconds <= 365 * 86400


# -- redirects, cookies, connections -------------------------------------------------------------


async def test_redirects_are_followed_unless_they_are_expected() -> None:
    async with serve(old=answer("302 Found", b"", "Location: /new"), new=answer("200 OK", b"new")) as server:
        assert (await request(f"{server.url}/old"))["body"] == "new"
        expected = await request(f"{server.url}/old", expect=[302])
    assert (expected["status"], expected["headers"]["location"]) == (302, "/new")


async def test_redirects_without_end() -> None:
    async with serve(here=answer("302 Found", b"", "Location: /here")) as server:
        error = await failure(f"{server.url}/here")
    assert "redirects without end" in error.message
    assert not error.retryable


async def test_requests_share_connections_but_no_cookies() -> None:
    provider = HttpProvider(Settings(), SystemClock())
    async with serve(here=answer("200 OK", b"", "Set-Cookie: session=1")) as server:
        for _ in range(3):
            await request(f"{server.url}/here", provider)
        await provider.aclose()
        await provider.aclose()
    assert server.connections == 1
    assert not any("cookie" in seen.headers for seen in server.requests)


async def test_many_requests_at_once() -> None:
    arrived = asyncio.Semaphore(0)
    everybody = asyncio.Event()

    async def together(seen: Request, writer: asyncio.StreamWriter) -> None:
        arrived.release()
        await everybody.wait()
        await answer()(seen, writer)

    async def let_go() -> None:
        for _ in range(120):
            await arrived.acquire()
        everybody.set()

    provider = HttpProvider(Settings(), SystemClock())
    async with serve(here=together) as server:
        requests = (request(f"{server.url}/here", provider) for _ in range(120))
        results = (await asyncio.gather(let_go(), *requests))[1:]
        await provider.aclose()
    assert [result["status"] for result in results] == [200] * 120


# -- what goes wrong on the way ------------------------------------------------------------------


async def test_nobody_listens() -> None:
    async with serve() as server:
        url = server.url
    error = await failure(f"{url}/here", method="POST")
    assert (error.code, error.retryable) == ("TOOL_FAILED", True)
    assert error.message.startswith(f"cannot connect to {url.removeprefix('http://')}")


URLS = [
    "nowhere",
    "ftp://host/file",
    "http://",
    "http://host:port/",
    "http://[::1",
    "http://127.0.0.1:99999",
    "http://x/" + "y" * 70_000,
]


@pytest.mark.parametrize("url", URLS, ids=lambda url: url[:20])
async def test_a_url_that_cannot_be_requested(url: str) -> None:
    error = await failure(url)
    assert (error.code, error.retryable) == ("TOOL_FAILED", False)
    assert "cannot request" in error.message
    assert url[:100] in error.message
    assert len(error.message) < 3_000


@pytest.mark.parametrize(
    "params",
    [
        {"method": "G E T"},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\r\nc: d"}},
        {"body": "\ud800"},
        {"json": ["\ud800"]},
    ],
    ids=ascii,
)
async def test_a_request_that_cannot_be_said_in_http(params: dict[str, JsonValue]) -> None:
    async with serve(here=answer()) as server:
        error = await failure(f"{server.url}/here", **params)
    assert (error.code, error.retryable) == ("TOOL_FAILED", False)
    assert not server.requests


async def hang_up(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def break_off(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def babble(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"this is not HTTP\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("respond", [hang_up, break_off, babble], ids=lambda each: each.__name__)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_breaks_after_sending_is_lost(respond: Answer, method: str) -> None:
    async with serve(here=respond) as server:
        error = await failure(f"{server.url}/here", method=method)
    assert isinstance(error, ToolLostError)
    assert error.code == "TOOL_LOST"


async def test_a_broken_encoding() -> None:
    async with serve(here=answer("200 OK", b"no gzip", "Content-Encoding: gzip")) as server:
        error = await failure(f"{server.url}/here")
    assert "cannot be decoded" in error.message


async def flood(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"400\r\n" + b"x" * 0x400 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(flood, id="without end"),
        pytest.param(answer("200 OK", b"x" * (LIMIT + 1)), id="a byte too many"),
        pytest.param(answer("200 OK", gzip.compress(b"x" * 1_000_000), "Content-Encoding: gzip"), id="zipped"),
    ],
)
async def test_too_large_a_body_is_not_read_to_its_end(respond: Answer) -> None:
    async with serve(here=respond) as server:
        error = await failure(f"{server.url}/here")
    assert f"larger than {LIMIT:,} bytes" in error.message
    assert not error.retryable


async def test_a_body_of_just_the_size() -> None:
    async with serve(here=answer("200 OK", b"x" * LIMIT)) as server:
        assert len((await request(f"{server.url}/here"))["body"]) == LIMIT


async def test_cancelling_a_request_closes_its_connection() -> None:
    saw = asyncio.Event()

    async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
        saw.set()  # and answer nothing: the server goes on to read, and hears the client go

    provider = HttpProvider(Settings(), SystemClock())
    async with asyncio.timeout(30), serve(here=hang) as server:
        task = asyncio.create_task(request(f"{server.url}/here", provider))
        await saw.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await server.idle.wait()
        assert server.connections == 1
        await provider.aclose()


# -- what the engine asks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "repeatable"),
    [
        (None, True),
        ("GET", True),
        ("head", True),
        ("OPTIONS", True),
        ("PUT", True),
        ("DELETE", True),
        ("POST", False),
        ("PATCH", False),
    ],
)
def test_which_requests_may_be_repeated(method: str | None, repeatable: bool) -> None:
    params = {"url": "x"} if method is None else {"url": "x", "method": method}
    provider = HttpProvider(Settings(), SystemClock())
    assert provider.repeatable("http.request", ToolCall("http.request", params)) is repeatable


async def test_certificates_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(here=answer()) as server:
        await request(f"{server.url}/here")  # those of before are kept for who names no others
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
        with pytest.raises(ToolUnavailableError, match="SSL_CERT_FILE") as caught:
            await request(f"{server.url}/here")
    assert not caught.value.retryable


async def test_without_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ToolUnavailableError) as caught:
        await request("http://x")
    assert "\n" not in caught.value.message
    assert "pip install 'ael[http]'" in f"{caught.value.message} {caught.value.hint}"
    assert not caught.value.retryable
