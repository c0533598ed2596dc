"""The life of one server's connection: started late, kept, lost, started again.

Theory of operation. The SDK ties a connection to the task that entered it, and cancels that task when the
connection breaks. So every *generation* of a connection has an owner: a plain task with a context of
its own, in nobody's cancel scope, that connects, publishes the session, waits, and disconnects. Others
only call.

* The first call starts generation 1; whoever comes meanwhile waits for the same start.
* A generation that was *retired* (a call was lost in it, or its process closed stdout) takes no new
  calls; its owner ends it when the last call has left. It is never repaired, and no call is sent twice.
* The next call starts the next generation. Two failures in a row or more are spaced: 0.5, 1, 2 … 10
  seconds. A generation lost within five seconds counts as a failed start. Nothing is started while nobody asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterator

import attrs

from ael.errors import ToolUnavailableError
from ael.mcp_server import McpServer
from ael.ports import Clock
from ael.settings import Settings
from ael.tools.mcp.failures import Failure, failure_of
from ael.tools.mcp.lines import Tail
from ael.tools.mcp.session import Connect, Session, wait_imported

__all__ = ["Link", "Live"]

_SHORT_LIFE_S = 5.0
_LONGEST_PAUSE_S = 10.0
_CLOSE_S = 8.0


@attrs.define(eq=False)
class Live:
    """One generation while it lives.

    Attributes:
        session: What calls go through.
        generation: Counts the connections that came to life, from 1.
        since: When it came to life, on the clock's monotonic seconds.
        calls: Calls under way.
        retired: Whether it takes no new calls.
        over: Set when its owner is to end it.
    """

    session: Session
    generation: int
    since: float
    calls: int = 0
    retired: bool = False
    over: asyncio.Event = attrs.field(factory=asyncio.Event)

    @contextlib.contextmanager
    def using(self) -> Iterator[Session]:
        """Hold the generation open for one call."""
        self.calls += 1
        try:
            yield self.session
        finally:
            self.calls -= 1
            if self.retired and not self.calls:
                self.over.set()

    def retire(self) -> None:
        """Take no new calls; end when the last one has left."""
        self.retired = True
        if not self.calls:
            self.over.set()


@attrs.define(eq=False)
class _Start:
    """One attempt to bring a generation to life; ``done`` is set with ``live`` or ``failure``."""

    done: asyncio.Event = attrs.field(factory=asyncio.Event)
    live: Live | None = None
    failure: Failure | None = None
    tail: Tail = attrs.field(factory=Tail)


class Link:
    """Keeps one server connected for those who ask; all on one loop.

    Args:
        server: How to reach it.
        settings: ``connect_timeout`` bounds each start.
        clock: For the pauses between starts.
        imported: Gives the SDK's ``connect``; a test gives another.
    """

    def __init__(
        self,
        server: McpServer,
        settings: Settings,
        clock: Clock,
        imported: Callable[[], Awaitable[Connect]] = wait_imported,
    ) -> None:
        self._server = server
        self._settings = settings
        self._clock = clock
        self._imported = imported
        self._live: Live | None = None
        self._starting: _Start | None = None
        self._owners: dict[asyncio.Task[None], _Start] = {}
        self._generation = 0
        self._failures = 0
        self._not_before = 0.0
        self._closed = False

    @property
    def live_nowait(self) -> Live | None:
        """The generation that takes calls now."""
        return self._live

    async def live(self) -> Live:
        """The generation that takes calls, started if need be. Cancelling the wait leaves the start alone.

        Raises:
            ToolUnavailableError: This start failed, or the link is closed.
        """
        if self._live is not None:
            return self._live
        if self._closed:
            raise ToolUnavailableError(f"MCP server {self._server.name!r} was stopped", retryable=False)
        start = self._starting or self._begin()
        await start.done.wait()
        if start.failure is not None:
            raise start.failure.error()  # each waiter its own: errors are completed where they are caught
        assert start.live is not None
        return start.live

    def retire(self, live: Live) -> None:
        """A call was lost in this generation, or its process is gone: the next call starts another."""
        if live is not self._live:
            return
        self._live = None
        live.retire()
        if self._clock.monotonic() - live.since < _SHORT_LIFE_S:
            self._count_failure()
        else:
            self._failures = 0

    async def aclose(self) -> None:
        """End every generation, whatever it is doing, within seconds; idempotent; waits for nobody's calls."""
        self._closed = True
        self._live = None
        for owner, start in self._owners.items():
            if start.live is None:
                owner.cancel()
            else:
                start.live.over.set()
        if self._owners:
            _, late = await asyncio.wait(list(self._owners), timeout=_CLOSE_S)
            for owner in late:
                owner.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)

    def _begin(self) -> _Start:
        start = self._starting = _Start()
        name = f"ael mcp server {self._server.name}"
        owner = asyncio.get_running_loop().create_task(self._own(start), name=name, context=contextvars.Context())
        self._owners[owner] = start
        owner.add_done_callback(self._ended)
        return start

    async def _own(self, start: _Start) -> None:
        try:
            await self._connect_and_wait(start)
        except Exception as error:  # noqa: BLE001 - the SDK raises what it likes, and all of it is reported
            self._settle(start, failure_of(error, self._server, self._settings.connect_timeout, start.tail))

    def _ended(self, owner: asyncio.Task[None]) -> None:
        """Not the owner's last lines: a task cancelled before its first line never runs them."""
        start = self._owners.pop(owner)
        self._settle(start, Failure(f"MCP server {self._server.name!r} was stopped while it started", False))

    async def _connect_and_wait(self, start: _Start) -> None:
        pause = self._not_before - self._clock.monotonic()
        if pause > 0:
            await self._clock.sleep(pause)
        connect = await self._imported()
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(self._settings.connect_timeout):
                session = await stack.enter_async_context(
                    connect(self._server, self._settings, start.tail, lambda: self._lost(start))
                )
            live = self._publish(start, session)
            await live.over.wait()

    def _publish(self, start: _Start, session: Session) -> Live:
        self._generation += 1
        live = Live(session, self._generation, self._clock.monotonic())
        start.live = self._live = live
        self._starting = None
        start.done.set()
        return live

    def _lost(self, start: _Start) -> None:
        if start.live is not None:
            self.retire(start.live)

    def _settle(self, start: _Start, failure: Failure) -> None:
        """The owner has ended; a no-op the second time."""
        if start.live is not None:
            self.retire(start.live)
        elif not start.done.is_set():
            self._count_failure()
            start.failure = failure
            self._starting = None
            start.done.set()

    def _count_failure(self) -> None:
        self._failures += 1
        pause = 0.0 if self._failures < 2 else min(0.25 * 2 ** min(self._failures - 1, 16), _LONGEST_PAUSE_S)
        self._not_before = self._clock.monotonic() + pause
