"""Time limits on what tasks await: one timer for many deadlines of equal length, and an answer for deaf work.

Nearly every deadline is called off long before it is due, so opening and closing one must cost almost
nothing. Deadlines of equal length fall due in the order in which they were opened: a queue per length, with
a timer for its head, is enough (a tenth of the cost of a timer each).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from ael.ports import Clock, TimerHandle

__all__ = ["Deadline", "Deadlines", "OnDeaf"]

OnDeaf: TypeAlias = Callable[[asyncio.Task[object]], None]


class Deadline:
    """One time limit on what the current task awaits; made by :meth:`Deadlines.open`.

    A cancellation of the task by anybody else is never mistaken for the deadline's, also when both come
    at once.

    Attributes:
        expired: Whether it has cancelled the task.
    """

    __slots__ = ("_before", "_task", "_timer", "closed", "due", "expired", "on_deaf")

    def __init__(self, task: asyncio.Task[object], due: float, on_deaf: OnDeaf) -> None:
        self.due = due
        self.on_deaf = on_deaf
        self.expired = False
        self.closed = False
        self._task = task
        self._before = task.cancelling()
        self._timer: TimerHandle | None = None

    def expire(self, clock: Clock, grace: float) -> None:
        """Cancel the task; if the deadline is still open after ``grace`` seconds, call ``on_deaf``."""
        self.expired = True
        self._timer = clock.call_later(grace, lambda: self.on_deaf(self._task))
        self._task.cancel()

    def close(self) -> bool:
        """Call it off and take its cancellation back. To be called exactly once, whatever happened.

        Returns:
            Whether the task is being cancelled by somebody else besides.
        """
        self.closed = True
        if self._timer is None:
            return False  # it has not expired
        self._timer.cancel()
        return self._task.uncancel() > self._before


class Deadlines:
    """All deadlines of one execution.

    Args:
        clock: Whose seconds.
        grace: Seconds that expired work has for its cleanup, before it counts as deaf.
    """

    __slots__ = ("_clock", "_grace", "_queues", "_timers")

    def __init__(self, clock: Clock, grace: float) -> None:
        self._clock = clock
        self._grace = grace
        self._queues: dict[float, deque[Deadline]] = {}
        self._timers: dict[float, TimerHandle] = {}

    def open(self, seconds: float, on_deaf: OnDeaf) -> Deadline:
        """Begin a deadline for the current task.

        Args:
            seconds: From now.
            on_deaf: Called on the loop, with the current task, if the work ignores its cancellation.
        """
        task = asyncio.current_task()
        assert task is not None, "a deadline needs a task to cancel"
        deadline = Deadline(task, self._clock.monotonic() + seconds, on_deaf)
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = deque()
        while queue and queue[0].closed:
            queue.popleft()
        queue.append(deadline)
        if seconds not in self._timers:
            self._arm(seconds, seconds)
        return deadline

    def stop(self) -> None:
        """Stop the timers; open deadlines never fall due then."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _arm(self, seconds: float, delay: float) -> None:
        self._timers[seconds] = self._clock.call_later(delay, lambda: self._ring(seconds))

    def _ring(self, seconds: float) -> None:
        """Expire what is due, and set the timer for the next that is open."""
        queue = self._queues[seconds]
        now = self._clock.monotonic()
        while queue and (queue[0].closed or queue[0].due <= now):
            deadline = queue.popleft()
            if not deadline.closed:
                deadline.expire(self._clock, self._grace)
        del self._timers[seconds]
        if queue:
            self._arm(seconds, queue[0].due - now)
