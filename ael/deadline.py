"""A time limit on what the current task awaits, cheaper than a cancel scope, with an answer for deaf work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ael.ports import Clock, TimerHandle

__all__ = ["Deadline"]


class Deadline:
    """Cancels the current task after some seconds, and says afterwards whether it was that.

    ``close()`` must be called in every case, in a ``finally``. A cancellation of the task by anybody
    else is never mistaken for the deadline's, also when both come at once.

    Args:
        clock: Whose seconds.
        seconds: Until the cancellation.
        grace: Seconds after it until ``on_deaf`` is called, if the deadline was not closed by then.
        on_deaf: For work that ignores its cancellation; called on the loop.
    """

    __slots__ = ("_before", "_clock", "_grace", "_on_deaf", "_task", "_timer", "expired")

    def __init__(self, clock: Clock, seconds: float, grace: float, on_deaf: Callable[[], None]) -> None:
        task = asyncio.current_task()
        assert task is not None, "a deadline needs a task to cancel"
        self.expired = False
        self._task = task
        self._before = task.cancelling()
        self._clock = clock
        self._grace = grace
        self._on_deaf = on_deaf
        self._timer: TimerHandle = clock.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self.expired = True
        self._timer = self._clock.call_later(self._grace, self._on_deaf)
        self._task.cancel()

    def close(self) -> bool:
        """Call it off and take its cancellation back.

        Returns:
            Whether the task is being cancelled by somebody else besides.
        """
        self._timer.cancel()
        if self.expired:
            return self._task.uncancel() > self._before
        return False
