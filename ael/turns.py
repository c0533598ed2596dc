"""Turns: how steps that never suspend let the loop come round.

In one pass of the loop, all of an execution's steps together get five milliseconds; when the turn is over,
what is ready waits for the next pass. Where steps run side by side, each pass begins a turn (one callback for
all of them); a step that runs alone, whose turn ended passes ago, waits for one pass and begins the next.
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
        resume: Called at the beginning of every turn that was asked for.

    Attributes:
        ends: When the turn is over.
        waiting: How many tasks wait for one; they all look in every pass, so that there must not be many.
    """

    __slots__ = ("_asked", "_loop", "_now_ns", "_resume", "ends", "waiting")

    def __init__(self, now_ns: Callable[[], int], resume: Callable[[], None]) -> None:
        self.ends = now_ns() + TURN_NS
        self._now_ns = now_ns
        self._resume = resume
        self._asked = False
        self.waiting = 0
        self._loop = asyncio.get_running_loop()

    def share(self, steps: int) -> None:
        """So many steps are about to run: if there are several, their turn begins with the next pass."""
        if steps > 1:
            self.ask()

    def ask(self) -> None:
        """Have the next pass of the loop begin with a new turn, and ``resume`` called in it. Once is enough."""
        if not self._asked:
            self._asked = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._asked = False
        self.ends = self._now_ns() + TURN_NS
        self._resume()

    async def wait(self) -> None:
        """Let the loop come round until there is a turn with time left; the first to return opens it."""
        self.waiting += 1
        try:
            while self._now_ns() >= (seen := self.ends):
                await asyncio.sleep(0)
                if self.ends == seen:
                    self.ends = self._now_ns() + TURN_NS
                    return
        finally:
            self.waiting -= 1
