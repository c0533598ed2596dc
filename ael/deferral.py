"""Calls that wait their turn: what would climb or descend through nested scopes, level by level of the stack."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["Deferral"]


class Deferral:
    """Calls at once, unless it is calling already: then next, from the same place of the stack."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def __call__(self, call: Callable[[], None]) -> None:
        """Make the call now, or as soon as those before it have returned; in the order of asking."""
        self._waiting.append(call)
        if len(self._waiting) > 1:
            return
        try:
            while self._waiting:
                self._waiting[0]()
                self._waiting.popleft()
        finally:
            self._waiting.clear()
