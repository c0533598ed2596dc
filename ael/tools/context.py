"""What a tool may ask and tell about the call it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ael.ports import CallSink, ToolCall
from ael.types import JsonValue
from ael.values import NotDataError, normalise

__all__ = ["ToolContext"]

_LEVELS = frozenset({"debug", "info", "warning", "error"})


class ToolContext:
    """What a tool may ask and tell about the call it serves. A parameter of this type is filled in by the engine.

    Usable from synchronous tools too, in their thread.

    Attributes:
        path: The step's path in the execution.
        attempt: From 1.
        idempotency_key: The same in every attempt of the step: send it along where a service takes one.
        deadline: When the attempt is over, on ``time.monotonic()``'s seconds, or ``None``.
    """

    __slots__ = ("_sink", "attempt", "deadline", "idempotency_key", "path")

    def __init__(self, call: ToolCall) -> None:
        self.path = call.path
        self.attempt = call.attempt
        self.idempotency_key = call.idempotency_key
        self.deadline = call.deadline
        self._sink: CallSink | None = call.sink

    def __repr__(self) -> str:
        return f"<ToolContext of {self.path!r}, attempt {self.attempt}>"

    def log(self, message: str, level: str = "info", **fields: JsonValue) -> None:
        """Say something: it becomes an event of the step. A field that is no data is logged as its text.

        Raises:
            ValueError: ``level`` is none of ``debug info warning error``.
        """
        if level not in _LEVELS:
            raise ValueError(f"level {level!r} is none of debug, info, warning, error")
        if self._sink is not None:
            self._sink.log(level, str(message), _as_data(fields))

    async def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Say how far the call is, 0 to 1. Lets others run once, so that it can be heard."""
        self.progress_nowait(fraction, message)
        await asyncio.sleep(0)

    def progress_nowait(self, fraction: float | None = None, message: str | None = None) -> None:
        """The same from a synchronous tool."""
        if self._sink is not None:
            self._sink.progress(fraction, message)


def _as_data(fields: Mapping[str, object]) -> dict[str, JsonValue]:
    """The fields as the event's own; a line of a log is no reason for a call to fail."""
    own: dict[str, JsonValue] = {}
    for name, value in fields.items():
        try:
            own[name] = normalise(value)
        except NotDataError:
            own[name] = repr(value)
    return own
