"""When the steps of an execution ran, as its events tell it, and whether that is what a file expects."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ael.events import Event, StepCancelled, StepCompleted, StepFailed, StepSkipped, StepStarted

__all__ = ["Observed"]

_ENDS = (StepCompleted, StepFailed, StepSkipped, StepCancelled)


class Observed:
    """The time line of one execution, in sequence numbers of its events.

    A path counts with what is below it: ``pages`` begins with the first step of its first item that starts.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._started: dict[str, int] = {}
        self._ended: dict[str, int] = {}
        for event in events:
            if isinstance(event, StepStarted):
                self._started.setdefault(event.path, event.seq)
            elif isinstance(event, _ENDS):
                self._ended[event.path] = event.seq

    def misses(self, constraint: str) -> str | None:
        """What is wrong with ``a < b`` (a ended before b began), ``a | b`` (both ran at one time) or
        ``not started: a``; ``None`` if it holds.
        """  # fmt: skip
        if constraint.startswith("not started: "):
            path = constraint.removeprefix("not started: ")
            return f"{path} started" if self._start(path) < math.inf else None
        left, sign, right = constraint.split(" ")
        for path in (left, right):
            if self._start(path) == math.inf:
                return f"{path} never started"
        if sign == "<":
            holds = self._end(left) < self._start(right)
        else:
            assert sign == "|", constraint
            holds = self._start(left) < self._end(right) and self._start(right) < self._end(left)
        return None if holds else f"not {constraint}"

    def _start(self, path: str) -> float:
        return min((seq for other, seq in self._started.items() if _is_in(other, path)), default=math.inf)

    def _end(self, path: str) -> float:
        return max((seq for other, seq in self._ended.items() if _is_in(other, path)), default=-math.inf)


def _is_in(path: str, owner: str) -> bool:
    return path == owner or path.startswith((f"{owner}.", f"{owner}["))
