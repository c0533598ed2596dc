"""Which tools ``ael check`` holds workflows against: those of this program, of the lock, and of servers it asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from ael.cli.locking import Silence, ask, keep_silent, lock_path
from ael.cli.project import Project
from ael.diagnostics import Diagnostic
from ael.errors import ConfigInvalidError
from ael.language.catalog import Problem, listing, tools
from ael.language.checks.drift import check_drift, tools_called
from ael.language.ignores import hide_ignored
from ael.language.report import diagnose
from ael.language.tool_changes import changes_between
from ael.loading import load_path, load_source
from ael.mcp_server import McpServer
from ael.ports import ToolCatalog, ToolSpec
from ael.source import Source
from ael.tools.lock import LOCK_VERSION, LockError, ToolLock, parse_lock
from ael.tools.partial import PartialCatalog

if TYPE_CHECKING:
    from ael.engine import WorkflowEngine

__all__ = ["KnownTools"]


@attrs.define
class KnownTools:
    """What is known of tools in one run of ``ael check``.

    Attributes:
        catalog: What calls are checked against; ``None`` where nobody said which tools there are.
        problems: What is wrong with the lock, and which servers did not answer.
        path: Where the lock is, or would be.
        was: The lock, if there is one that can be read.
        now: What the servers said, with the lock's word for those that did not answer; ``None`` if none was asked.
        servers: Those somebody named.
    """

    engine: WorkflowEngine
    catalog: ToolCatalog | None
    problems: list[Diagnostic]
    path: Path
    was: ToolLock | None = None
    now: ToolLock | None = None
    servers: tuple[McpServer, ...] = ()
    _catalog_of_lock: ToolCatalog | None = None
    _called: set[str] = attrs.field(factory=set)
    _workflows: Collection[str] | None = None

    @classmethod
    def of(cls, project: Project, *, online: bool = False) -> Self:
        """Read the lock, and with ``online`` ask the servers."""
        engine = project.engine()
        path = lock_path(project)
        was, problems = _read(path)
        now = None
        if online:
            answers, silent = ask(project)
            now = _with_functions(keep_silent(answers, was, silent), was, project)
            problems += [_silence(each, path if was else None) for each in silent]
        known = now or was
        catalog: ToolCatalog | None = engine.invoker if project.says_which_tools else PartialCatalog(engine.invoker)
        if known is not None:
            catalog = project.catalog(known)
        of_lock = None if was is None or now is None else project.catalog(was)
        return cls(engine, catalog, problems, path, was, now, project.servers(), of_lock)

    def check(self, file: str) -> Sequence[Diagnostic]:
        """All that is wrong in a file, drift of the tools it calls included."""
        loaded = load_path(
            file, catalog=self.catalog, executors=self.engine.executors, workflows=self._known_workflows()
        )
        definition = loaded.definition
        if definition is None or self._catalog_of_lock is None or self.catalog is None:
            return loaded.diagnostics
        self._called.update(tools_called(definition, self._catalog_of_lock))
        drift = hide_ignored(
            check_drift(definition, self._catalog_of_lock, self.catalog, self.path.name),
            definition.source,
            definition.spans,
        )
        gone = {(each.line, each.column) for each in drift if each.code == tools.ToolGone.code}
        found = [each for each in loaded.diagnostics if not (_says_unknown(each) and (each.line, each.column) in gone)]
        return sorted([*found, *drift], key=lambda each: (each.line or 0, each.column or 0))

    def _known_workflows(self) -> Collection[str] | None:
        """The names of all workflows, looked up once; where no folder of them is configured, nobody knows."""
        if self._workflows is None:
            self._workflows = self.engine.registry.names()
        return self._workflows or None

    def check_text(self, source: Source) -> Sequence[Diagnostic]:
        """All that is wrong in a text by itself."""
        return load_source(source, catalog=self.catalog, executors=self.engine.executors).diagnostics

    def for_editors(self) -> tuple[list[ToolSpec], list[str]]:
        """All known tools; and the servers of which nobody knows what tools they have.

        Raises:
            ConfigInvalidError: The lock cannot be read.
        """
        if self.problems:
            raise ConfigInvalidError(str(self.problems[0]))
        listed = () if self.was is None else self.was.servers
        opened = [each.name for each in self.servers if not each.disabled and each.name not in listed]
        return list((self.catalog or self.engine.invoker).specs()), opened

    def rest(self) -> list[Diagnostic]:
        """What has changed in tools that none of the files checked so far calls."""
        if self.was is None or self.now is None:
            return []
        was = {spec.full_name: spec for spec in self.was.specs()}
        now = {spec.full_name: spec for spec in self.now.specs()}
        left = [name for name in sorted(was) if name not in self._called and was[name] != now.get(name)]
        new = [spec for name, spec in now.items() if name not in was]
        sources = sorted({spec.server for spec in new}, key=lambda server: server or "")
        return [*(self._behind(was[name], now.get(name)) for name in left), *(self._new(each, new) for each in sources)]

    def _behind(self, was: ToolSpec, now: ToolSpec | None) -> Diagnostic:
        changes = ("it is gone",) if now is None else changes_between(was, now).all
        text = "; ".join(changes) or "its schemas are written differently"
        return self._at_lock(tools.LockBehind(repr(was.full_name), text))

    def _new(self, server: str | None, new: Sequence[ToolSpec]) -> Diagnostic:
        names = tuple(sorted(spec.name for spec in new if spec.server == server))
        subject = "the list of other tools" if server is None else f"server {server!r}"
        return self._at_lock(tools.LockBehind(subject, f"it also has {listing(names)}"))

    def _at_lock(self, problem: Problem) -> Diagnostic:
        return diagnose(problem, Source("", str(self.path)), None)


def _with_functions(now: ToolLock, was: ToolLock | None, project: Project) -> ToolLock:
    """Where no Python tools are given there is nobody to ask: those of the lock count."""
    if was is None or project.tools or project.config.tools:
        return now
    return attrs.evolve(now, tools={**was.tools, **now.tools})


def _says_unknown(diagnostic: Diagnostic) -> bool:
    return diagnostic.code in {tools.ToolUnknown.code, tools.ServerUnknown.code}


def _read(path: Path) -> tuple[ToolLock | None, list[Diagnostic]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None, []
    except OSError as error:
        return None, [
            diagnose(tools.LockUnreadable((error.strerror or str(error)).lower()), Source("", str(path)), None)
        ]
    try:
        return parse_lock(data), []
    except LockError as error:
        return None, [_broken(error, data, path)]


def _broken(error: LockError, data: bytes, path: Path) -> Diagnostic:
    if error.version is not None:
        return diagnose(tools.LockVersion(error.version, LOCK_VERSION), Source("", str(path)), None)
    problem = tools.LockUnreadable(str(error))
    if error.offset is None:
        return diagnose(problem, Source("", str(path)), None)
    source = Source(data.decode("utf-8", "replace"), str(path))
    return diagnose(problem, source, source.span(error.offset, error.offset + 1))


def _silence(silence: Silence, path: Path | None) -> Diagnostic:
    """At the lock, whose word counts then; nowhere, if there is none."""
    advice = silence.advice or "`ael doctor --start` says more"
    problem = tools.ServerSilent(silence.server, silence.reason, advice)
    return diagnose(problem, None if path is None else Source("", str(path)), None)
