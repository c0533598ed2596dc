"""The stdio transport: a server as a child process, in a process group of its own.

In place of the SDK's, because that one reads long answers in quadratic time and gives the server the
terminal's stderr. Theory of operation: three plain tasks move bytes, a fourth looks whether the process lives;
whoever finds that it is over closes the read stream, from which the SDK's session ends every waiting call, after a
fifth of a second at most in which the server's exit code and last words arrive. The write stream has no bound (calls
do: ``Settings.server_concurrency``), so that a call is cancelled promptly even when the server
reads nothing. Leaving kills the whole group within a few seconds, and at once when leaving itself is
cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import anyio
import attrs
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError, jsonrpc_message_adapter

from ael.mcp_server import McpServer
from ael.tools.mcp.lines import LineSplitter, Oversized, Tail
from ael.tools.mcp.marks import Mark, mark
from ael.tools.mcp.program import find_program

__all__ = ["Streams", "process_transport", "server_environment"]

Streams = tuple[MemoryObjectReceiveStream["SessionMessage | Exception"], MemoryObjectSendStream[SessionMessage]]

_CHUNK = 256 * 1024
_POLL_S = 0.01
_WATCH_S = 0.5
_LAST_WORDS_S = 0.2
_EXIT_GRACE_S = 2.0
_TERM_GRACE_S = 1.0
_REAP_S = 1.0


def server_environment(server: McpServer, inherited: Sequence[str]) -> dict[str, str]:
    """What the child sees: the SDK's safe default set, the variables named, and the server's own ``env``."""
    named = {name: os.environ[name] for name in inherited if name in os.environ}
    return {**get_default_environment(), **named, **server.env}


@contextlib.asynccontextmanager
async def process_transport(
    server: McpServer, environment: Mapping[str, str], limit: int, tail: Tail, on_lost: Callable[[], object]
) -> AsyncIterator[Streams]:
    """Start the server and connect to it; leaving ends it.

    Args:
        server: Its command, arguments and directory.
        environment: All of the child's environment.
        limit: Bytes of the longest message taken.
        tail: Gets what the server says on stderr, and on stdout beside the protocol.
        on_lost: Called once when the server has closed its stdout.

    Raises:
        OSError: The process cannot be started.
    """
    assert server.command is not None
    process = await asyncio.create_subprocess_exec(
        find_program(server) or server.command,  # what is not found is told best by the attempt
        *server.args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        cwd=server.cwd,
        limit=_CHUNK,
        start_new_session=True,
    )
    # No await between the start and this try, or a cancellation could leak the process.
    pump = _Pump(process, LineSplitter(limit), tail, on_lost)
    try:
        yield pump.start()
    finally:
        await pump.aclose()


@attrs.define(eq=False)
class _Pump:
    """Moves bytes between a process's pipes and the streams of an MCP session."""

    process: asyncio.subprocess.Process
    splitter: LineSplitter
    tail: Tail
    on_lost: Callable[[], object]
    leaving: bool = False
    hears: asyncio.Task[None] = attrs.field(init=False)
    tasks: list[asyncio.Task[None]] = attrs.field(factory=list)
    closing: list[MemoryObjectSendStream[SessionMessage | Exception] | MemoryObjectReceiveStream[SessionMessage]] = (
        attrs.field(factory=list)
    )

    def start(self) -> Streams:
        inbound, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](64)
        write_stream, outbound = anyio.create_memory_object_stream[SessionMessage](math.inf)
        self.closing += [inbound, outbound]
        self.hears = asyncio.create_task(self._listen())
        self.tasks.append(self.hears)
        for work in (self._read(inbound), self._write(outbound, inbound), self._watch(inbound)):
            self.tasks.append(asyncio.create_task(work))
        return read_stream, write_stream

    async def _read(self, inbound: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        try:
            await self._pass_on(inbound)
            await self._lose("it closed its stdout", inbound)
        except _DesyncError as error:
            self.tail.broken = f"it sent {error}"
        except OSError as error:
            await self._lose(f"reading from it failed ({error})", inbound)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the session, or another of these tasks, has ended it already
        finally:
            inbound.close()
            self.on_lost()

    async def _pass_on(self, inbound: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        while chunk := await stdout.read(_CHUNK):
            for line in self.splitter.feed(chunk):
                message = self._message(line)
                if message is not None:
                    await inbound.send(message)

    async def _lose(self, why: str, inbound: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """End the session: its calls fail once it is known how and with what words the process ended, or soon."""
        self.on_lost()
        if not self.leaving:  # else we ended it, and its exit code is no news
            self.tail.broken = self.tail.broken or why
            await self._wait_last_words()
        inbound.close()

    async def _wait_last_words(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LAST_WORDS_S
        if await _exited(self.process, _LAST_WORDS_S):
            self.tail.exit_code = self.process.returncode
            await asyncio.wait([self.hears], timeout=max(0.0, deadline - loop.time()))

    async def _watch(self, inbound: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """End the session of a process that is gone, though something it started holds its stdout open."""
        await _exited(self.process, math.inf, _WATCH_S)
        await asyncio.sleep(_WATCH_S)  # for answers that are in the pipe
        await self._lose("it ended", inbound)

    def _message(self, line: bytes | Oversized) -> SessionMessage | None:
        if isinstance(line, Oversized):
            if line.request_id is None:
                raise _DesyncError("a message longer than the limit, which answers a request that cannot be told")
            error = ErrorData(code=Mark.TOO_LARGE.code, message="the result is too large", data=mark(Mark.TOO_LARGE))
            return SessionMessage(JSONRPCError(jsonrpc="2.0", id=line.request_id, error=error))
        if not line.startswith(b"{"):  # not worth parsing: some log a lot
            self.tail.add_noise(line)
            return None
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError as error:
            # Banners and log lines on stdout are common and harmless; a broken answer would leave its call waiting.
            self.tail.add_noise(line)
            if line.startswith(b'{"jsonrpc"'):
                raise _DesyncError("a JSON-RPC message that is broken") from error
            return None

    async def _write(
        self,
        outbound: MemoryObjectReceiveStream[SessionMessage],
        inbound: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        stdin = self.process.stdin
        assert stdin is not None
        try:
            with outbound:
                async for message in outbound:
                    text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    stdin.write(text.encode() + b"\n")
                    await stdin.drain()
        except OSError as error:
            # The server may live on with its stdin closed: end the session, or calls would wait for ever.
            await self._lose(f"it closed its stdin ({error.strerror or error})", inbound)
        except ValueError as error:
            await self._lose(f"a message to it cannot be written ({error})", inbound)

    async def _listen(self) -> None:
        stderr = self.process.stderr
        assert stderr is not None
        with contextlib.suppress(OSError):  # what was heard until then is kept
            while chunk := await stderr.read(_CHUNK):
                self.tail.feed(chunk)
                await asyncio.sleep(0)  # a flood may not keep the loop to itself

    async def aclose(self) -> None:
        if self.process.returncode is not None:
            self.tail.exit_code = self.process.returncode  # by itself: it was told nothing yet
        self.leaving = True
        try:
            await self._end_process()
        finally:
            _signal_group(self.process, _KILL)
            for task in self.tasks:
                task.cancel()
            for stream in self.closing:
                stream.close()
            _close_transport(self.process)
        await asyncio.wait(self.tasks, timeout=_REAP_S)

    async def _end_process(self) -> None:
        """Close stdin, wait; then terminate the group, wait; the caller kills what is left."""
        await asyncio.sleep(0)  # one pass, so that a courtesy message already queued goes out
        assert self.process.stdin is not None
        self.process.stdin.close()
        await _exited(self.process, _EXIT_GRACE_S)
        if _signal_group(self.process, signal.SIGTERM) and not await _exited(self.process, _TERM_GRACE_S):
            _signal_group(self.process, _KILL)
            await _exited(self.process, _REAP_S)
        # stderr may hold the reason of an early end; it is there already, only not read yet.
        await asyncio.wait([self.hears], timeout=_POLL_S * 10)


class _DesyncError(Exception):
    """The server broke the protocol in a way that leaves calls without an answer."""


_KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


async def _exited(process: asyncio.subprocess.Process, within_s: float, every_s: float = _POLL_S) -> bool:
    """Whether the process ends in time. Not ``process.wait()``: that also waits for pipes a grandchild holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while process.returncode is None:
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(every_s)
    return True


def _signal_group(process: asyncio.subprocess.Process, number: int) -> bool:
    """Signal everything the server started; false if nothing of it is left."""
    if sys.platform == "win32":
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        return process.returncode is None
    try:
        os.killpg(process.pid, number)  # the leader's pid names the group even after the leader is gone
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _close_transport(process: asyncio.subprocess.Process) -> None:
    """Close the pipes a surviving grandchild would keep open; nothing public does it."""
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
