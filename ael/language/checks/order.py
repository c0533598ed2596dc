"""2xx: old files relied on their order; do their steps here?"""

from __future__ import annotations

from ael.definition import CodeBody, StepDefinition, ToolBody
from ael.graph import edges
from ael.language.catalog import graph, old
from ael.language.checks.context import Context
from ael.ports import ToolCatalog, ToolSpec

__all__ = ["check_order"]

_ORIGIN = frozenset(
    kind.code for kind in (old.OldKey, old.OldValue, old.ListForm, old.PackagesIgnored, old.PythonExec, old.OldCode)
)
"""Notes that tell an old file. ``mcp`` beside ``tool`` and the variable ``result`` are not among them: new files
have them too."""


def check_order(context: Context, catalog: ToolCatalog | None) -> None:
    """Warn about the first two unordered steps of an old file, one of which may do more than read.

    A file that says ``depends_on`` or ``sequential`` anywhere has thought of order.
    """
    definition = context.definition
    if definition.sequential or not any(note.code in _ORIGIN for note in definition.notes):
        return
    if any(step.depends_on for step in definition.steps):
        return
    waits = edges(context.flow)
    after: list[set[int]] = []
    for number, step in enumerate(definition.steps):
        before = set(waits[number]) & set(range(number))
        after.append(before.union(*(after[other] for other in before)))
        for other in range(number):
            first = definition.steps[other]
            if other not in after[number] and not (_only_reads(first, catalog) and _only_reads(step, catalog)):
                context.report.add(graph.StepsUnordered(first.id, step.id), context.path(step, "id"))
                return


def _only_reads(step: StepDefinition, catalog: ToolCatalog | None) -> bool:
    """Code has no effects; a tool only if it says so."""
    if isinstance(step.body, CodeBody):
        return True
    assert isinstance(step.body, ToolBody)
    found = None if catalog is None else catalog.lookup(step.body.tool, step.body.server)
    return isinstance(found, ToolSpec) and found.read_only is True
