"""Time limits on silence: an attempt may go on for as long as its tool reports progress often enough."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ael.deadline import Deadline, OnDeaf
from ael.ports import CallSink, Clock, TimerHandle
from ael.types import JsonValue

__all__ = ["IdleDeadline", "Pulse"]


class Pulse:
    """Implements :class:`ael.ports.CallSink`: remembers when progress was last reported, and passes everything on.

    Safe to call from any thread.
    """

    __slots__ = ("_clock", "_sink", "last")

    def __init__(self, clock: Clock, sink: CallSink | None) -> None:
        self._clock = clock
        self._sink = sink
        self.last = clock.monotonic()

    def log(self, level: str, message: str, fields: Mapping[str, JsonValue]) -> None:
        """A line of the step's log; it is no progress."""
        if self._sink is not None:
            self._sink.log(level, message, fields)

    def progress(self, fraction: float | None, message: str | None) -> None:
        """How far the call is: it is alive."""
        self.last = self._clock.monotonic()
        if self._sink is not None:
            self._sink.progress(fraction, message)

    def tool_called(self, tool: str, server: str | None) -> None:
        """The call goes out."""
        if self._sink is not None:
            self._sink.tool_called(tool, server)

    def tool_returned(self, tool: str, server: str | None, ok: bool, duration_s: float) -> None:
        """The call is over."""
        if self._sink is not None:
            self._sink.tool_returned(tool, server, ok, duration_s)


class IdleDeadline:
    """Cancels the current task when its pulse has been silent for too long; begins at once.

    Args:
        grace: Seconds that the work has for its cleanup, before it counts as deaf.
        seconds: The longest silence.
        on_deaf: Called on the loop, with the current task, if the work ignores its cancellation.
    """

    __slots__ = ("_clock", "_deadline", "_grace", "_pulse", "_seconds", "_timer")

    def __init__(self, clock: Clock, grace: float, seconds: float, pulse: Pulse, on_deaf: OnDeaf) -> None:
        task = asyncio.current_task()
        assert task is not None, "a deadline needs a task to cancel"
        self._clock = clock
        self._grace = grace
        self._seconds = seconds
        self._pulse = pulse
        self._deadline = Deadline(task, pulse.last + seconds, on_deaf)
        self._timer: TimerHandle = clock.call_later(seconds, self._look)

    @property
    def expired(self) -> bool:
        """Whether it has cancelled the task."""
        return self._deadline.expired

    def close(self) -> bool:
        """Call it off; see :meth:`ael.deadline.Deadline.close`."""
        self._timer.cancel()
        return self._deadline.close()

    def _look(self) -> None:
        """Silent since the timer was set? Then it is over; else look again when it would be."""
        left = self._pulse.last + self._seconds - self._clock.monotonic()
        if left > 0:
            self._timer = self._clock.call_later(left, self._look)
        else:
            self._deadline.expire(self._clock, self._grace)
