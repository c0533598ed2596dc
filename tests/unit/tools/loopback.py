"""A small HTTP server on the loopback interface, for tests that need a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs


@attrs.frozen
class Request:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@attrs.define
class Server:
    """Where it listens, what it was asked, and how many connections were made and are open."""

    url: str
    requests: list[Request] = attrs.field(factory=list)
    connections: int = 0
    open: int = 0
    idle: asyncio.Event = attrs.field(factory=asyncio.Event)

    def opened(self) -> None:
        """A connection was made."""
        self.connections += 1
        self.open += 1
        self.idle.clear()

    def closed(self) -> None:
        """A connection has ended; ``idle`` is set while none is open."""
        self.open -= 1
        if not self.open:
            self.idle.set()


def answer(status: str = "200 OK", body: bytes = b"", *headers: str) -> Answer:
    """The same answer to every request; further lines of the head in ``headers``."""

    async def respond(_: Request, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)

    return respond


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


@asynccontextmanager
async def serve(**answers: Answer) -> AsyncIterator[Server]:
    """Answers by the first part of the path; ``/name/more?x=1`` is answered by ``name``."""
    found = Server("")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.opened()
        try:
            while not writer.is_closing():
                request = await _read(reader)
                found.requests.append(request)
                await answers[request.target.split("?")[0].split("/")[1]](request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            found.closed()
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        found.url = f"http://{host}:{port}"
        yield found
