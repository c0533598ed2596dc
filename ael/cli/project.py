"""What the working directory and the options offer: configuration, Python tools, servers somebody consented to."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Self

import attrs

from ael import assembly
from ael.cli.output import say, uses_color
from ael.config import Config, discover_mcp_files, load_config, load_mcp_servers
from ael.diagnostics import Severity
from ael.errors import ConfigInvalidError
from ael.language import render_text
from ael.mcp_server import McpServer
from ael.plan import Plan
from ael.ports import ToolCatalog
from ael.registry import FileRegistry
from ael.settings import Settings
from ael.tools.lock import ToolLock

if TYPE_CHECKING:
    from ael.engine import WorkflowEngine

__all__ = ["Project", "load_tools"]

DEFAULT_TIMEOUT_S = 300.0
"""Bounds tool attempts that have no timeout of their own, on the command line only."""


@attrs.frozen
class Project:
    """All that an engine of the command line is made from."""

    config: Config
    mcp: str | None = None
    tools: tuple[ModuleType, ...] = ()

    @classmethod
    def open(cls, *, config: str | None = None, mcp: str | None = None, tools: Iterable[str] = ()) -> Self:
        """Read the configuration, named or found in the working directory, and import tools.

        Raises:
            ConfigInvalidError: One of them is wrong.
        """
        return cls(load_config(config, cwd=Path.cwd()), mcp, tuple(load_tools(name) for name in tools))

    @property
    def settings(self) -> Settings:
        """The configured settings, with the command line's own default timeout."""
        settings = self.config.settings
        if settings.default_timeout is not None:
            return settings
        return attrs.evolve(settings, default_timeout=DEFAULT_TIMEOUT_S)

    def engine(self) -> WorkflowEngine:
        """An engine with all this; nothing is started yet."""
        with contextlib.redirect_stdout(sys.stderr):  # it imports modules, and stdout is for data
            return assembly.create_engine(
                tools=self.tools, mcp_servers=self.mcp, config=self.config, settings=self.settings
            )

    def catalog(self, lock: ToolLock) -> ToolCatalog:
        """The tools there are, those of servers as the lock has them; nothing is started."""
        with contextlib.redirect_stdout(sys.stderr):
            return assembly.create_catalog(
                lock, tools=self.tools, mcp_servers=self.mcp, config=self.config, settings=self.settings
            )

    def load(self, engine: WorkflowEngine, file: str) -> Plan:
        """Add a file's workflow to the engine.

        Raises:
            WorkflowInvalidError: It has errors.
        """
        assert isinstance(engine.registry, FileRegistry)
        return engine.registry.load(file)

    @property
    def folder(self) -> Path:
        """Where the project is: the folder of its configuration, else the working directory."""
        return Path.cwd() if self.config.source is None else self.config.source.absolute().parent

    @property
    def says_which_tools(self) -> bool:
        """Whether anybody said which tools there are: without, the program that runs a workflow may bring its own."""
        return bool(self.config.source or self.mcp or self.tools)

    def servers(self) -> tuple[McpServer, ...]:
        """The servers somebody named, those of ``--mcp`` first.

        Raises:
            ConfigInvalidError: Their file is wrong.
        """
        named = () if self.mcp is None else load_mcp_servers(self.mcp).servers
        return (*named, *self.config.mcp_servers)

    def unnamed_files(self) -> list[str]:
        """Files with servers that lie here and that nobody named: those are not used without consent."""
        if self.mcp is not None:
            return []
        here = Path.cwd()
        named = {Path(server.source).absolute() for server in self.config.mcp_servers if server.source}
        return [str(path.relative_to(here)) for path in discover_mcp_files(here) if path not in named]

    def say_warnings(self, plan: Plan) -> None:
        """Say what is probably not meant in a workflow that is about to run."""
        warnings = [each for each in plan.diagnostics if each.severity is Severity.WARNING]
        if warnings:
            say(render_text(warnings, color=uses_color(sys.stderr)).rstrip("\n"))

    def say_notes(self) -> None:
        """Say what was passed over in the configuration, and which files were not used."""
        for note in self.config.notes:
            say(f"note: {note}")
        for path in self.unnamed_files():
            say(f"note: found {path}, which nobody named; its servers are used with --mcp {path}")


def load_tools(name: str) -> ModuleType:
    """Import a module by its dotted name or its file.

    Raises:
        ConfigInvalidError: It is not there, or fails when it is imported.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return _load_file(Path(name)) if name.endswith(".py") else _load_module(name)
    except (ImportError, OSError, SyntaxError) as error:
        raise ConfigInvalidError(f"cannot import tools from {name!r}: {error}") from error
    except Exception as error:  # a module of the user's may raise anything while it is imported
        raise ConfigInvalidError(f"tools in {name!r} fail when imported: {type(error).__name__}: {error}") from error


def _load_module(name: str) -> ModuleType:
    """Import as ``python -m`` would: the working directory comes first."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module(name)


def _load_file(path: Path) -> ModuleType:
    name = f"ael_tools_{path.stem}"  # a file called json.py must not become everybody's json
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as an import would: dataclasses look it up there
    sys.path.insert(0, str(path.parent.absolute()))
    spec.loader.exec_module(module)
    return module
