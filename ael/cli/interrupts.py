"""Ctrl-C: once cancels and lets the steps clean up, twice leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from ael.cli.output import INTERRUPTED, say

__all__ = ["Interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """Takes over SIGINT and SIGTERM of the main thread while entered, inside a running loop.

    The first signal calls ``cancel`` on the loop, the second ends the process even if the loop is stuck.

    Args:
        cancel: What the first signal does; may be replaced while entered.

    Attributes:
        count: How many signals have come.
    """

    def __init__(self, cancel: Callable[[], object], *, leave: Callable[[int], object] = os._exit) -> None:
        self.cancel = cancel
        self.count = 0
        self._leave = leave
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _SHOW_CURSOR.encode())
            self._leave(INTERRUPTED)
        self._loop.call_soon_threadsafe(self._first)

    def _first(self) -> None:
        if self.count == 1:
            say("cancelling; once more leaves at once")
            self.cancel()
