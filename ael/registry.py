"""Workflows by name: definitions, files, and folders that are read again when their content changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

import attrs

from ael.definition import WorkflowDefinition
from ael.errors import WorkflowInvalidError, WorkflowNotFoundError
from ael.language import read_file
from ael.loading import Loaded, load_definition, load_path, load_source, require
from ael.plan import Plan
from ael.ports import CodeExecutor, ToolCatalog
from ael.source import Source

__all__ = ["SUFFIXES", "FileRegistry"]

SUFFIXES = (".yaml", ".yml", ".json")


@attrs.frozen
class _File:
    """A file as it was read; ``stamp`` tells cheaply whether it may have changed since."""

    path: Path
    stamp: tuple[int, int]
    digest: str
    loaded: Loaded

    @property
    def says_its_name(self) -> bool:
        """Whether the file could be read as far as that it names a workflow."""
        definition = self.loaded.definition
        return definition is not None and ("name",) in definition.spans

    @property
    def name(self) -> str:
        """The workflow's name, or for a file that has none the file's."""
        definition = self.loaded.definition
        if definition is not None and self.says_its_name:
            return definition.name
        return self.path.name.partition(".")[0]


class FileRegistry:
    """Implements :class:`ael.ports.WorkflowRegistry`.

    A file is read again when its size or time changed and its bytes did; executions under way keep the
    plan they have. In a folder, files named ``*.yaml``, ``*.yml`` and ``*.json`` that speak of ``steps``
    count as workflows.

    Args:
        sources: Definitions, files, folders; a relative path counts from the working directory now.
        catalog: Which tools there are, for the checks.
        executors: Checks of code steps, by the executor's name.
    """

    def __init__(
        self,
        sources: Iterable[WorkflowDefinition | str | Path] = (),
        *,
        catalog: ToolCatalog | None = None,
        executors: Mapping[str, CodeExecutor] | None = None,
    ) -> None:
        self._catalog = catalog
        self._executors = executors or {}
        self._plans: dict[str, Plan] = {}
        self._paths: list[Path] = []
        self._files: dict[Path, _File] = {}
        for source in sources:
            self.add(source)

    def add(self, source: WorkflowDefinition | str | Path) -> None:
        """Add a definition, a file or a folder.

        Raises:
            WorkflowInvalidError: A definition has errors, or its name is taken. Files are looked at when they
                are asked for.
            WorkflowNotFoundError: There is no such file or folder.
        """
        if isinstance(source, WorkflowDefinition):
            if source.name in self._plans:
                raise WorkflowInvalidError(f"workflow {source.name!r} is given twice")
            loaded = load_definition(source, catalog=self._catalog, executors=self._executors)
            self._plans[source.name] = require(loaded, f"workflow {source.name!r}")
            return
        path = Path(source).absolute()
        if not path.exists():
            raise WorkflowNotFoundError(f"there is no file or folder {str(source)!r}")
        self._paths.append(path)

    def load(self, path: str | Path) -> Plan:
        """Read a file and add its workflow.

        Raises:
            WorkflowInvalidError: With all diagnostics.
        """
        plan = require(load_path(path, catalog=self._catalog, executors=self._executors), str(path))
        self._plans[plan.id] = plan
        return plan

    def get(self, workflow_id: str) -> Plan:
        """The plan of a workflow, as its file is now.

        Raises:
            WorkflowNotFoundError: With the nearest name.
            WorkflowInvalidError: With all diagnostics; also when two files have the same name.
        """
        plan = self._plans.get(workflow_id)
        if plan is not None:
            return plan
        named = [file for file in self._refresh() if file.name == workflow_id]
        named = [file for file in named if file.says_its_name] or named
        if not named:
            raise self._not_found(workflow_id)
        if len(named) > 1:
            places = " and ".join(str(file.path) for file in named)
            raise WorkflowInvalidError(f"workflow {workflow_id!r} is defined twice, in {places}")
        return require(named[0].loaded, str(named[0].path))

    def names(self) -> tuple[str, ...]:
        """All workflow ids, sorted, broken ones included."""
        return tuple(sorted({*self._plans, *(file.name for file in self._refresh())}))

    def _not_found(self, workflow_id: str) -> WorkflowNotFoundError:
        names = self.names()
        near = get_close_matches(workflow_id, names, n=1)
        if near:
            return WorkflowNotFoundError(f"there is no workflow {workflow_id!r}", hint=f"did you mean {near[0]!r}?")
        known = ", ".join(names) or "none"
        return WorkflowNotFoundError(f"there is no workflow {workflow_id!r}", hint=f"the workflows are: {known}")

    def _refresh(self) -> list[_File]:
        """Every file as it is now, read anew where it changed."""
        files: dict[Path, _File] = {}
        for path, named in self._candidates():
            file = self._read(path, named=named)
            if file is not None:
                files[path] = file
        self._files = files
        return list(files.values())

    def _candidates(self) -> Iterator[tuple[Path, bool]]:
        """Files to look at, and whether somebody named them rather than their folder."""
        for path in self._paths:
            if path.is_dir():
                yield from ((each, False) for each in sorted(path.iterdir()) if each.suffix in SUFFIXES)
            else:
                yield path, True

    def _read(self, path: Path, *, named: bool) -> _File | None:
        known = self._files.get(path)
        try:
            stat = path.stat()
        except OSError:
            return _File(path, (0, 0), "", load_path(path)) if named else None
        stamp = (stat.st_mtime_ns, stat.st_size)
        if known is not None and known.stamp == stamp:
            return known
        read = read_file(path)
        if not isinstance(read, Source):
            return _File(path, stamp, "", Loaded(None, None, (read,)))
        if not named and "steps" not in read.text:
            return None
        digest = hashlib.sha256(read.text.encode()).hexdigest()
        if known is not None and known.digest == digest:
            return attrs.evolve(known, stamp=stamp)
        loaded = load_source(read, catalog=self._catalog, executors=self._executors)
        return _File(path, stamp, digest, loaded)
