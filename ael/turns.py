"""Turns: how steps that never suspend let the loop come round.

All of an execution's steps together get five milliseconds; when the turn is over, what is ready waits for
the next pass of the loop. A turn that ended long ago costs the next step one pass and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["TURN_NS", "Turns"]

TURN_NS = 5_000_000
"""The length of a turn, in nanoseconds."""


class Turns:
    """The turns of one execution.

    Args:
        now_ns: The clock's monotonic nanoseconds.
        resume: Called at the beginning of a turn that was asked for.
    """

    __slots__ = ("_asked", "_loop", "_now_ns", "_resume", "ends")

    def __init__(self, now_ns: Callable[[], int], resume: Callable[[], None]) -> None:
        self.ends = now_ns() + TURN_NS
        self._now_ns = now_ns
        self._resume = resume
        self._asked = False
        self._loop = asyncio.get_running_loop()

    def ask(self) -> None:
        """Have ``resume`` called in the next pass of the loop, with a new turn. Once is enough."""
        if not self._asked:
            self._asked = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._asked = False
        self.ends = self._now_ns() + TURN_NS
        self._resume()

    async def wait(self) -> None:
        """Let the loop come round until there is a turn with time left; the first to return opens it."""
        while self._now_ns() >= (seen := self.ends):
            await asyncio.sleep(0)
            if self.ends == seen:
                self.ends = self._now_ns() + TURN_NS
                return
