"""6xx: are the tools still what they were when the lock was written?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from ael.definition import Body, Path, StepDefinition, ToolBody, WorkflowDefinition, walk_steps
from ael.diagnostics import Diagnostic
from ael.language.catalog import tools
from ael.language.report import Report
from ael.language.suggest import nearest_tool
from ael.language.tool_changes import changes_between
from ael.ports import ToolCatalog, ToolMiss, ToolSpec

__all__ = ["check_drift", "tools_called"]

_GONE = frozenset({"unknown", "unknown_server"})


def check_drift(definition: WorkflowDefinition, was: ToolCatalog, now: ToolCatalog, lock: str) -> list[Diagnostic]:
    """How the tools that a workflow calls have changed.

    Args:
        definition: The workflow.
        was: The tools of the lock.
        now: The tools that are there.
        lock: The name of the lock's file.
    """
    drift = _Drift(Report(definition.source, definition.spans), was, now, lock)
    for step, body, at in _calls(definition):
        drift.check(step, body, at)
    return drift.report.diagnostics


def tools_called(definition: WorkflowDefinition, catalog: ToolCatalog) -> Iterator[str]:
    """The full names of the tools that a workflow calls, as far as the catalog knows them."""
    for _, body, _ in _calls(definition):
        found = catalog.lookup(body.tool, body.server)
        if isinstance(found, ToolSpec):
            yield found.full_name


def _calls(definition: WorkflowDefinition) -> Iterator[tuple[StepDefinition, ToolBody, Path]]:
    for step in walk_steps((*definition.steps, *definition.finally_steps)):
        bodies: list[tuple[Body, Path]] = [(step.body, step.path)]
        if step.undo is not None:
            bodies.append((step.undo.body, (*step.path, "undo")))
        for body, at in bodies:
            if isinstance(body, ToolBody) and body.tool:
                yield step, body, (*at, "tool")


@attrs.frozen
class _Drift:
    """Compares tool by tool; what it finds goes to the report."""

    report: Report
    was: ToolCatalog
    now: ToolCatalog
    lock: str

    def check(self, step: StepDefinition, body: ToolBody, at: Path) -> None:
        before = self.was.lookup(body.tool, body.server)
        if not isinstance(before, ToolSpec):
            return  # whether a tool is there at all is the business of another check
        after = self.now.lookup(body.tool, body.server)
        if isinstance(after, ToolMiss):
            if after.reason in _GONE:
                near = nearest_tool(before.full_name, [spec.full_name for spec in self.now.specs()])
                self.report.add(tools.ToolGone(step.id, before.full_name, self.lock, near), at)
            return
        changes = changes_between(before, after)
        kinds: tuple[tuple[Callable[..., tools.ToolChanged | tools.AnnotationsChanged], tuple[str, ...]], ...] = (
            (tools.ToolChanged, changes.schemas),
            (tools.AnnotationsChanged, changes.annotations),
        )
        for kind, sentences in kinds:
            if sentences:
                self.report.add(kind(step.id, after.full_name, self.lock, "; ".join(sentences)), at)
