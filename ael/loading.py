"""From text to a plan, through every check, with all problems together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import attrs

from ael import language
from ael.compiler import compile_plan
from ael.dataflow import analyse
from ael.definition import WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.errors import WorkflowInvalidError
from ael.plan import Plan
from ael.ports import CodeExecutor, ToolCatalog
from ael.source import Source

__all__ = ["Loaded", "load_definition", "load_path", "load_source", "load_workflow", "parse_workflow", "require"]


@attrs.frozen
class Loaded:
    """What became of a source.

    Attributes:
        definition: What could be read of it; ``None`` if nothing could.
        plan: ``None`` if there are errors.
        diagnostics: Everything found, in the order of the file.
    """

    definition: WorkflowDefinition | None
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Only what keeps it from running."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.is_error)


def load_source(
    source: Source,
    *,
    catalog: ToolCatalog | None = None,
    executors: Mapping[str, CodeExecutor] | None = None,
    workflows: Collection[str] | None = None,
) -> Loaded:
    """Read, check and compile a source. Never raises for what is wrong in it.

    Args:
        workflows: The names of all workflows that it may call; ``None``: names of workflows are not checked.
    """
    definition, found = language.parse(source.text, filename=source.name)
    if definition is None:
        return Loaded(None, None, tuple(found))
    return _finish(definition, found, catalog, executors, workflows)


def load_definition(
    definition: WorkflowDefinition,
    *,
    catalog: ToolCatalog | None = None,
    executors: Mapping[str, CodeExecutor] | None = None,
) -> Loaded:
    """The same for a definition that is there already."""
    return _finish(definition, list(definition.notes), catalog, executors)


def _finish(
    definition: WorkflowDefinition,
    found: Sequence[Diagnostic],
    catalog: ToolCatalog | None,
    executors: Mapping[str, CodeExecutor] | None,
    workflows: Collection[str] | None = None,
) -> Loaded:
    flow = analyse(definition)
    checked = language.check_definition(
        definition, flow, catalog=catalog, executors=executors or {}, workflows=workflows
    )
    together = sorted((*found, *checked), key=_place)
    diagnostics = language.apply_ignores(together, definition.source, definition.spans)
    if any(diagnostic.is_error for diagnostic in diagnostics):
        return Loaded(definition, None, diagnostics)
    plan = attrs.evolve(compile_plan(definition, flow), diagnostics=diagnostics)
    return Loaded(definition, plan, diagnostics)


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.line or 0, diagnostic.column or 0


def load_path(
    path: str | Path,
    *,
    catalog: ToolCatalog | None = None,
    executors: Mapping[str, CodeExecutor] | None = None,
    workflows: Collection[str] | None = None,
) -> Loaded:
    """The same for a file; one that cannot be read is a diagnostic too."""
    read = language.read_file(path)
    if isinstance(read, Diagnostic):
        return Loaded(None, None, (read,))
    return load_source(read, catalog=catalog, executors=executors, workflows=workflows)


def require(loaded: Loaded, what: str) -> Plan:
    """The plan.

    Raises:
        WorkflowInvalidError: There are errors; its code is ``CIRCULAR_DEPENDENCY`` if cycles are all that is wrong.
    """
    if loaded.plan is not None:
        return loaded.plan
    errors = loaded.errors
    only_cycles = all(language.is_cycle(error) for error in errors)
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    raise WorkflowInvalidError(
        f"{what} has {count}: {errors[0]}" + (", …" if len(errors) > 1 else ""),
        diagnostics=loaded.diagnostics,
        code="CIRCULAR_DEPENDENCY" if only_cycles else "WORKFLOW_INVALID",
    )


def parse_workflow(text: str, *, filename: str = "<string>") -> WorkflowDefinition:
    """Read a workflow from YAML or JSON text, with every check that needs no tools.

    Raises:
        WorkflowInvalidError: With all ``diagnostics``.
    """
    return require(load_source(Source(text, filename)), filename).definition


def load_workflow(path: str | Path) -> WorkflowDefinition:
    """Read a workflow from a file, with every check that needs no tools.

    Raises:
        WorkflowInvalidError: With all ``diagnostics``; also when the file cannot be read.
    """
    return require(load_path(path), str(path)).definition
