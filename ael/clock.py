"""The real clock and real ids: the only module that asks the system for time or randomness."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from ael.ports import TimerHandle

__all__ = ["SystemClock", "TimeOrderedIds"]


class SystemClock:
    """Implements :class:`ael.ports.Clock` on the running loop and the system's clocks."""

    monotonic = staticmethod(time.monotonic)
    monotonic_ns = staticmethod(time.monotonic_ns)
    time_ns = staticmethod(time.time_ns)
    sleep = staticmethod(asyncio.sleep)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> TimerHandle:
        """Call back on the running loop."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class TimeOrderedIds:
    """Implements :class:`ael.ports.Ids`: UUIDs of version 7, sortable by the millisecond they were made in."""

    def execution_id(self) -> str:
        """RFC 9562, section 5.7: 48 bits of Unix milliseconds, version, 74 random bits."""
        random_bits = int.from_bytes(os.urandom(10), "big")
        value = (time.time_ns() // 1_000_000) << 80 | random_bits
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
