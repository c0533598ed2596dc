"""What is ready to start, and when it does: as far as slots and turns go, in the order in which it became ready."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ael.frame import Frame
from ael.slots import Slots
from ael.stage import Source
from ael.turns import Turns

__all__ = ["Pump"]

_BATCH = 128
"""Most tasks created from one pass of the loop to the next: those run then, before anybody can say stop, and with a
thousand more of them the garbage collector would have a thousand more to look at."""
_ITEM = 6
"""To open an item makes as many objects as so many tasks."""

_Entry: TypeAlias = tuple[Frame, int] | Source


class Pump:
    """Starts steps. Whatever becomes ready meanwhile is appended, so the stack never grows with a chain.

    Args:
        start: Starts the task of a step that has been marked as running.
        begin: Begins a step that is no task.

    Attributes:
        ready: Steps that are tasks, and sources, in order; a step of a plain plan may be appended by whoever knows it.
        slots: Of ``max_parallel``; a step that is no task needs none.
    """

    __slots__ = ("_begin", "_now_ns", "_opening", "_pumping", "_room", "_start", "ready", "slots", "turns")

    def __init__(
        self,
        max_parallel: int | None,
        now_ns: Callable[[], int],
        *,
        start: Callable[[Frame, int], None],
        begin: Callable[[Frame, int], None],
    ) -> None:
        self.slots = Slots(max_parallel, self.run)
        self.turns = Turns(now_ns, self._run_anew)
        self._now_ns = now_ns
        self._start = start
        self._begin = begin
        self.ready: deque[_Entry] = deque()
        self._opening: deque[tuple[Frame, int]] = deque()
        self._pumping = False
        self._room = _BATCH

    def line_up(self, frame: Frame, numbers: Sequence[int]) -> None:
        """Steps have become ready."""
        plan = frame.scope.plan
        if plan.plain:
            for number in numbers:
                self.ready.append((frame, number))
            return
        for number in numbers:
            (self.ready if plan.steps[number].in_task else self._opening).append((frame, number))

    def enqueue(self, source: Source) -> None:
        """Something has more to open: one at a time, in turn with everything else that is ready."""
        self.ready.append(source)
        self.run()

    def _run_anew(self) -> None:
        """A pass of the loop begins: those that were started in the one before run in it."""
        self._room = max(1, _BATCH - self.turns.waiting)
        self.run()

    def run(self) -> None:
        """Start what is ready, as far as slots and this turn go. Never re-entered."""
        if self._pumping or not (self._opening or (self.ready and self.slots.free > 0)):
            return
        self._pumping = True
        try:
            held = self.slots.size - self.slots.free
            if held:
                self.turns.share(len(self.ready) + held)
            else:
                self._room = _BATCH  # no task is left that has not run
                self.turns.share(len(self.ready))
            if self._opening or (self._start_some() and self._opening):
                self._alternate()
        finally:
            self._pumping = False

    def _alternate(self) -> None:
        while self._begin_all() and self._start_some() and self._opening:
            pass

    def _begin_all(self) -> bool:
        """Begin the steps that are no tasks; whether the turn has time left."""
        while self._opening:
            if self._now_ns() >= self.turns.ends:
                self.turns.ask()
                return False
            frame, number = self._opening.popleft()
            if frame.scope.run(number):
                self._begin(frame, number)
        return True

    def _start_some(self) -> bool:
        """Start tasks, and open what loops have more of, until a step is to be begun; whether the turn has time left.

        A task may run at once, and an ``exit`` that is ready beside it has its word first.
        """
        ready, opening, slots, turns = self.ready, self._opening, self.slots, self.turns
        while ready and slots.free > 0 and not opening:
            if self._room <= 0 or self._now_ns() >= turns.ends:
                turns.ask()
                return False
            entry = ready.popleft()
            if type(entry) is tuple:
                frame, number = entry
                if frame.scope.run(number):
                    slots.free -= 1
                    self._room -= 1
                    self._start(frame, number)
            else:
                self._room -= _ITEM
                if entry.open_next():  # type: ignore[union-attr]  # it is no tuple
                    ready.append(entry)
        return True
