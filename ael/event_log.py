"""The events of one execution: made when somebody listens, kept for late readers, masked on the way in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from ael.errors import AELError
from ael.events import (
    ErrorView,
    Event,
    ExecutionFinished,
    LogEmitted,
    StepAttemptFailed,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepSkipped,
    ToolCalled,
    ToolReturned,
)
from ael.ports import Clock, Observer, Secrets
from ael.types import JsonValue, StepResult, StepStatus, datetime_from_ns

__all__ = ["EventLog", "StepSink", "tell", "tell_failed"]


class EventLog:
    """Collects one execution's events and hands them to observers and readers, in order.

    Everything happens on the loop's thread; :class:`StepSink` brings what threads say over to it.

    Args:
        keep: How many events are kept for readers that come late; the oldest go first. 0 when only
            observers listen.
    """

    def __init__(
        self, execution_id: str, clock: Clock, *, observers: Sequence[Observer] = (), secrets: Secrets, keep: int
    ) -> None:
        self.execution_id = execution_id
        self.closed = False
        self._clock = clock
        self._observers = tuple(observers)
        self._secrets = secrets
        self._loop = asyncio.get_running_loop()
        self._keep = keep
        self._kept: list[Event] = []
        self._untold: deque[Event] = deque()
        self._last = 0
        self._readers: set[asyncio.Future[None]] = set()

    def emit(self, kind: Callable[..., Event], path: str = "", attempt: int = 0, **fields: object) -> None:
        """Make an event of ``kind`` now and hand it on. Nothing is added after the execution's last event."""
        if self.closed:
            return
        self._last += 1
        event = kind(
            seq=self._last,
            ts=datetime_from_ns(self._clock.time_ns()),
            execution_id=self.execution_id,
            path=path,
            attempt=attempt,
            **fields,
        )
        self.closed = isinstance(event, ExecutionFinished)
        self._kept.append(event)
        excess = len(self._kept) - self._keep
        if excess > 0:
            del self._kept[: excess + self._keep // 10]  # some more than must go, so that it is rarely done
        if self._observers:
            self._tell(event)
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)

    def _tell(self, event: Event) -> None:
        """In order for every observer, also when one of them makes something happen."""
        self._untold.append(event)
        if len(self._untold) > 1:
            return
        try:
            while self._untold:
                for observer in self._observers:
                    self._show(observer, self._untold[0])
                self._untold.popleft()
        finally:
            self._untold.clear()  # if one of them ends the program

    @property
    def is_telling(self) -> bool:
        """Whether observers are being told of something."""
        return bool(self._untold)

    def _show(self, observer: Observer, event: Event) -> None:
        """Observers are other people's code: one that breaks is reported and stops nothing."""
        try:
            observer.on_event(event)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it raises, steps must settle
            self._loop.call_exception_handler(
                {"message": f"an observer of execution {self.execution_id} raised", "exception": error}
            )

    def view(self, error: AELError) -> ErrorView:
        """What an event says of an error, secrets masked."""
        return ErrorView(error.code, self._secrets.mask(error.message), error.retryable)

    def mask(self, value: JsonValue) -> JsonValue:
        """Hide secrets in anything that is about to leave."""
        return self._secrets.mask(value)

    def run_on_loop(self, callback: Callable[[], None]) -> None:
        """Call back on the loop's thread: at once if this is it."""
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            callback()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    async def read(self) -> AsyncIterator[Event]:
        """All events from the first that is kept to the execution's last, as they come."""
        seen = 0
        while True:
            last = self._last
            new = max(0, len(self._kept) - (last - seen))
            for event in self._kept[new:]:
                yield event
            seen = last  # also when some of them were not kept
            if seen < self._last:
                continue
            if self.closed:
                return
            await self._wait_more()

    async def _wait_more(self) -> None:
        more = self._loop.create_future()
        self._readers.add(more)
        try:
            await more
        finally:
            self._readers.discard(more)


def tell(events: EventLog, path: str, result: StepResult) -> None:
    """Emit the event of a step that has settled."""
    error = None if result.error is None else events.view(result.error)
    match result.status:
        case StepStatus.COMPLETED:
            events.emit(StepCompleted, path, result.attempt, duration_ms=result.duration_ms)
        case StepStatus.FAILED:
            events.emit(StepFailed, path, result.attempt, error=error, duration_ms=result.duration_ms)
        case StepStatus.SKIPPED:
            events.emit(StepSkipped, path, result.attempt, reason=result.skip_reason, error=error)
        case _:
            events.emit(StepCancelled, path, result.attempt, reason=result.skip_reason)


def tell_failed(
    events: EventLog, path: str, attempt: int, error: AELError, *, now_ns: int, delay: float | None
) -> None:
    """Emit the event of an attempt that has failed; ``delay`` is the wait before the next in seconds, or ``None``."""
    retry_at = None if delay is None else datetime_from_ns(now_ns + int(delay * 1e9))
    events.emit(StepAttemptFailed, path, attempt, error=events.view(error), retry_at=retry_at)


class StepSink:
    """Implements :class:`ael.ports.CallSink` for one attempt of one step. Safe to call from any thread."""

    __slots__ = ("_attempt", "_events", "_path")

    def __init__(self, events: EventLog, path: str, attempt: int) -> None:
        self._events = events
        self._path = path
        self._attempt = attempt

    def _emit(self, kind: Callable[..., Event], **fields: object) -> None:
        self._events.run_on_loop(lambda: self._events.emit(kind, self._path, self._attempt, **fields))

    def log(self, level: str, message: str, fields: Mapping[str, JsonValue]) -> None:
        """A line of the step's log."""
        mask = self._events.mask
        self._emit(LogEmitted, level=level, message=mask(message), fields=mask(dict(fields)))

    def progress(self, fraction: float | None, message: str | None) -> None:
        """How far the call is, 0 to 1; an event of kind ``log`` and level ``progress``."""
        text = self._events.mask(message or "")
        self._emit(LogEmitted, level="progress", message=text, fields={"fraction": fraction})

    def tool_called(self, tool: str, server: str | None) -> None:
        """The call goes out."""
        self._emit(ToolCalled, tool=tool, server=server)

    def tool_returned(self, tool: str, server: str | None, ok: bool, duration_s: float) -> None:
        """The call is over."""
        self._emit(ToolReturned, tool=tool, server=server, ok=ok, duration_ms=duration_s * 1000)
