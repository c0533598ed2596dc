"""What is known of tools where nobody said which there are."""

from __future__ import annotations

from collections.abc import Iterable

from ael.ports import ToolCatalog, ToolMiss, ToolSpec

__all__ = ["PartialCatalog"]


class PartialCatalog:
    """Implements :class:`ael.ports.ToolCatalog`: the tools of another catalog, and any others there may be."""

    def __init__(self, known: ToolCatalog) -> None:
        self._known = known

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        """The tool, if it is known; else it may exist somewhere."""
        found = self._known.lookup(name, server)
        return found if isinstance(found, ToolSpec) else ToolMiss("unlisted")

    def specs(self) -> Iterable[ToolSpec]:
        """Those that are known."""
        return self._known.specs()
