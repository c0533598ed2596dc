"""Turns: how steps that never suspend let the loop come round.

In one pass of the loop, all of an execution's steps together get five milliseconds; when the turn is over,
what is ready waits for the next pass. Where steps run side by side, each pass begins a turn (one callback for
all of them); a step that runs alone, whose turn ended passes ago, has the next pass begin one.

Steps whose tasks exist stand in line meanwhile. A turn lets in a few more than it may have time for, those that it
had none for stand first in line again, and nothing new starts before the line is empty: looking at all that wait in
every pass would take the whole turn, once there are thousands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["TURN_NS", "Turns"]

TURN_NS = 5_000_000
"""The length of a turn, in nanoseconds."""

_LET_IN = 64
"""Most tasks in line that a turn lets in."""


class Turns:
    """The turns of one execution.

    Args:
        now_ns: The clock's monotonic nanoseconds.
        resume: Called at the beginning of every turn that was asked for.
    """

    __slots__ = ("_again", "_asked", "_line", "_loop", "_now_ns", "_resume", "ends")

    def __init__(self, now_ns: Callable[[], int], resume: Callable[[], None]) -> None:
        self.ends = now_ns() + TURN_NS
        self._now_ns = now_ns
        self._resume = resume
        self._asked = False
        self._loop = asyncio.get_running_loop()
        self._line: deque[asyncio.Future[None]] = deque()
        self._again: list[asyncio.Future[None]] = []

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
        line = self._line
        line.extendleft(reversed(self._again))
        self._again.clear()
        for _ in range(min(_LET_IN, len(line))):
            turn = line.popleft()
            if not turn.done():
                turn.set_result(None)
        if line:
            self.ask()
        else:
            self._resume()

    async def wait(self) -> None:
        """Let the loop come round until there is a turn with time left; first come, first served."""
        join = self._line.append
        while self._now_ns() >= self.ends:
            turn = self._loop.create_future()
            join(turn)
            self.ask()
            await turn
            join = self._again.append
