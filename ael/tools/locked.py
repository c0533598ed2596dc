"""A source of tools that is known from a lock alone: it can be looked up, not called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ael.errors import ToolUnavailableError
from ael.ports import ToolCall, ToolMiss, ToolOutcome, ToolSpec

__all__ = ["LockedProvider"]


class LockedProvider:
    """Implements :class:`ael.tools.provider.ToolProvider` for checks.

    Args:
        name: The server's name; ``None`` for tools whose names are whole.
        specs: Its tools, as they were.
    """

    def __init__(self, name: str | None, specs: Iterable[ToolSpec]) -> None:
        self.name = name
        self.listed = True
        self._specs = tuple(specs)

    def specs(self) -> Sequence[ToolSpec]:
        """The tools of the lock."""
        return self._specs

    def miss(self, tool: str) -> ToolMiss | None:
        """Nothing is held back."""
        return None

    def repeatable(self, tool: str, call: ToolCall) -> bool:
        """By the annotations of the lock."""
        return any(spec.repeatable for spec in self._specs if spec.name == tool)

    async def wait_listed(self) -> None:
        """Nothing is started."""

    async def call(self, tool: str, call: ToolCall) -> ToolOutcome:
        """Refuse.

        Raises:
            ToolUnavailableError: Always.
        """
        raise ToolUnavailableError(
            f"tool {call.name!r} is known from a lock only and cannot be called", retryable=False
        )

    async def aclose(self) -> None:
        """Nothing is to be stopped."""
