"""What the router asks of a source of tools: Python functions, ``http``, ``shell``, one MCP server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ael.ports import ToolCall, ToolMiss, ToolOutcome, ToolSpec

__all__ = ["Binds", "Bound", "ToolProvider"]


class ToolProvider(Protocol):
    """One source of tools."""

    @property
    def name(self) -> str | None:
        """The MCP server's name; ``None`` for sources whose tools have whole names."""
        ...

    @property
    def listed(self) -> bool:
        """Whether ``specs()`` is complete now."""
        ...

    def specs(self) -> Sequence[ToolSpec]:
        """The tools known now; empty before a server was asked."""
        ...

    def miss(self, tool: str) -> ToolMiss | None:
        """Why this source, which could be expected to have ``tool``, does not (``shell.run`` switched off)."""
        ...

    def repeatable(self, tool: str, call: ToolCall) -> bool:
        """Whether making this call of ``tool`` twice does no more than making it once; unknown counts as not."""
        ...

    async def wait_listed(self) -> None:
        """Start what must be started so that ``specs()`` is complete.

        Raises:
            ToolUnavailableError: The server does not start or answer.
        """
        ...

    async def call(self, tool: str, call: ToolCall) -> ToolOutcome:
        """Call ``tool`` (its name at this source); see :class:`ael.ports.ToolInvoker`."""
        ...

    async def aclose(self) -> None:
        """Stop what was started; idempotent; bounded in time."""
        ...


class Bound(Protocol):
    """One tool of one source, ready to be called."""

    async def call(self, call: ToolCall) -> ToolOutcome:
        """Call it; see :class:`ael.ports.ToolInvoker`."""
        ...


@runtime_checkable
class Binds(Protocol):
    """A source whose tools can be looked up once and then called without it."""

    def bind(self, tool: str) -> Bound:
        """The tool; the same object every time."""
        ...
