"""What a project says, as the engine wants to know it; reading it from a file is another module's, and heavier."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import attrs

from ael.errors import ConfigInvalidError
from ael.mcp_server import McpServer
from ael.settings import Settings

__all__ = ["Config"]


@attrs.frozen(kw_only=True)
class Config:
    """What a project says. The default is what holds where no file says anything.

    Attributes:
        workflows: Files and folders, absolute.
        tools: Names of modules.
        settings: ``secrets`` included.
        mcp_servers: Those of the file itself, then those of its ``mcp`` file; all consented to.
        source: The file, or ``None``.
        notes: Sentences about what was passed over.
    """

    workflows: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    settings: Settings = attrs.field(factory=Settings)
    mcp_servers: tuple[McpServer, ...] = ()
    source: Path | None = None
    notes: tuple[str, ...] = ()

    def tool_modules(self) -> list[ModuleType]:
        """Import the tools' modules; the file's folder comes first on the path, as with ``python -m``.

        Raises:
            ConfigInvalidError: A module is not there, or fails when it is imported.
        """
        if self.tools and self.source is not None:
            folder = str(self.source.absolute().parent)
            if folder not in sys.path:
                sys.path.insert(0, folder)
        return [_imported(name, self.source) for name in self.tools]


def _imported(name: str, source: Path | None) -> ModuleType:
    where = f" (named in {source})" if source else ""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigInvalidError(f"cannot import the tools in {name!r}{where}: {error}") from error
    except Exception as error:  # a module of the user's may raise anything while it is imported
        kind = type(error).__name__
        raise ConfigInvalidError(f"the tools in {name!r}{where} fail when imported: {kind}: {error}") from error
