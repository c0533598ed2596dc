"""The seam between ael and the MCP SDK: what the connected side offers, free of the SDK.

Importing ``mcp`` costs a second of CPU, so nothing here and nothing that imports this does. The other
side of the seam, :mod:`ael.tools.mcp.wire`, is imported in a thread when the first server is needed: the loop
goes on meanwhile, in the interpreter's five-millisecond turns.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, cast

import attrs

from ael.errors import ToolUnavailableError
from ael.mcp_server import McpServer
from ael.ports import ToolSpec
from ael.settings import Settings
from ael.tools.mcp.lines import Tail
from ael.types import JsonValue

__all__ = ["CallResult", "Connect", "Progress", "Session", "SessionGoneError", "wait_imported"]


class Progress(Protocol):
    """Told the progress so far, the total if known, and a message."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Must not raise."""
        ...


@attrs.frozen
class CallResult:
    """A tool's answer as it came.

    Attributes:
        content: The blocks, as the protocol writes them.
        structured: ``structuredContent``; ``None`` unless ``has_structured``.
        is_error: Whether the tool says it failed.
        meta: What the server says about the result.
    """

    content: Sequence[Mapping[str, JsonValue]] = ()
    structured: JsonValue = None
    has_structured: bool = False
    is_error: bool = False
    meta: Mapping[str, JsonValue] | None = None


class SessionGoneError(ToolUnavailableError):
    """The server has refused the session itself: nothing was run, and a new session can be tried at once."""


class Session(Protocol):
    """A connection that has said hello and listed its tools; ``title`` is the name and version the server gives."""

    tools: Mapping[str, ToolSpec]
    title: tuple[str, str]

    async def call(
        self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue], progress: Progress | None
    ) -> CallResult:
        """Call a tool; cancelling it cancels the server's work.

        Raises:
            SessionGoneError: The call was refused before it ran.
            ToolUnavailableError: The server was not reached; the call did not run.
            ToolLostError: The connection broke during the call.
            ToolError: The server refused or failed the call.
        """
        ...


class Connect(Protocol):
    """``ael.tools.mcp.wire.connect``."""

    def __call__(
        self, server: McpServer, settings: Settings, tail: Tail, on_lost: Callable[[], object]
    ) -> AbstractAsyncContextManager[Session]:
        """Entered and left by one task; see there."""
        ...


async def wait_imported() -> Connect:
    """Import the SDK, off the loop's thread, and return what connects through it.

    Raises:
        ImportError: The extra is not installed, or another major version of it is.
    """
    wire = await asyncio.to_thread(importlib.import_module, "ael.tools.mcp.wire")
    return cast("Connect", wire.connect)
