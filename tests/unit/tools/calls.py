"""Calling tools in tests: an invoker over a few functions, and what it was told."""

from __future__ import annotations

from collections.abc import Mapping

from ael.clock import SystemClock
from ael.ports import ToolCall
from ael.settings import Settings
from ael.tools.function import FunctionProvider, tools_from
from ael.tools.routing import RoutingInvoker
from ael.types import JsonValue

SETTINGS = Settings()


class Sink:
    """A :class:`ael.ports.CallSink` that notes everything, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[JsonValue, ...]] = []

    def log(self, level: str, message: str, fields: Mapping[str, JsonValue]) -> None:
        self.heard.append(("log", level, message, dict(fields)))

    def progress(self, fraction: float | None, message: str | None) -> None:
        self.heard.append(("progress", fraction, message))

    def tool_called(self, tool: str, server: str | None) -> None:
        self.heard.append(("called", tool, server))

    def tool_returned(self, tool: str, server: str | None, ok: bool, duration_s: float) -> None:
        assert duration_s >= 0
        self.heard.append(("returned", tool, server, ok))


def functions(*sources: object, settings: Settings = SETTINGS) -> RoutingInvoker:
    """An invoker over these functions and nothing else."""
    return RoutingInvoker([FunctionProvider(tools_from(list(sources)), settings)], SystemClock())


async def call(function: object, params: Mapping[str, JsonValue] | None = None, **fields: JsonValue) -> JsonValue:
    """Call one function as a tool, and return its value."""
    invoker = functions(function)
    name = tools_from(function)[0].name
    try:
        return (await invoker.call(ToolCall(name, params or {}, **fields))).value
    finally:
        await invoker.aclose()
