"""An event loop whose clock jumps to the next timer whenever nothing else is left to do.

A program that waits for what cannot happen is told so, instead of hanging.

Threads, processes and sockets are invisible to it: while one of them is awaited and a timer is pending, the
loop jumps. Use it for tests whose tools are coroutines.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import TypeVar

from ael.ports import TimerHandle

__all__ = ["VirtualClock", "VirtualLoop", "run_virtual"]

_Result = TypeVar("_Result")
_EPOCH_NS = 1_800_000_000 * 10**9


class _JumpingSelector(selectors.SelectSelector):
    """Tells the loop how long it would have slept, and does not sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        elif not ready and timeout is None:
            raise RuntimeError("nothing is left to happen, and somebody still waits: a deadlock")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time, starting at 0 seconds."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now


class VirtualClock:
    """Implements :class:`ael.ports.Clock` on the running loop's time, virtual or not.

    The wall clock begins on 2027-01-15 and moves with the loop.
    """

    def monotonic(self) -> float:
        """Seconds of the loop."""
        return asyncio.get_running_loop().time()

    def monotonic_ns(self) -> int:
        """The same in nanoseconds."""
        return round(self.monotonic() * 1e9)

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, from a fixed start."""
        return _EPOCH_NS + self.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait virtually."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> TimerHandle:
        """Call back on the running loop."""
        return asyncio.get_running_loop().call_later(seconds, callback)


def run_virtual(main: Coroutine[None, None, _Result]) -> _Result:
    """Like ``asyncio.run``, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
