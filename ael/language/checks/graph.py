"""2xx: do dependencies exist, and can the steps be ordered?"""

from __future__ import annotations

import re

from ael.definition import Path, StepDefinition
from ael.diagnostics import Diagnostic, Edit, Fix
from ael.graph import edges, find_cycle
from ael.language.catalog import graph, listing
from ael.language.checks.context import Context
from ael.language.suggest import nearest

__all__ = ["check_graph", "is_cycle"]

_CYCLES = frozenset({graph.SelfDependency.code, graph.CircularDependency.code})


def is_cycle(diagnostic: Diagnostic) -> bool:
    """Whether the problem is that steps wait for each other."""
    return diagnostic.code in _CYCLES


def check_graph(context: Context) -> None:
    """Dependencies of every step, then cycles."""
    for step in context.definition.steps:
        _check_dependencies(step, context)
    _check_cycles(context)


def _check_dependencies(step: StepDefinition, context: Context) -> None:
    known = context.flow.numbers
    seen: set[str] = set()
    for index, name in enumerate(step.depends_on):
        path = _dependency_path(step, index, context)
        if name in seen:
            context.report.add(graph.DependencyRepeated(step.id, name), path)
        elif name not in known:
            _report_unknown(step, name, path, context)
        elif name == step.id:
            context.report.add(graph.SelfDependency(step.id), path)
        seen.add(name)


def _report_unknown(step: StepDefinition, name: str, path: Path, context: Context) -> None:
    known = context.flow.numbers
    several = [part for part in re.split(r"[,;\s]+", name) if part]
    if len(several) > 1 and all(part in known for part in several):
        written = f"[{', '.join(several)}]"
        problem = graph.DependencyUnknown(step.id, name, None, f"write a list: `{written}`")
        context.report.add(problem, path, fix=context.report.replace(path, written, f"write `{written}`"))
        return
    near = nearest(name, known)
    fix = None if near is None else context.report.replace(path, near, f"write `{near}`")
    unsafe = None if fix is None else Fix(fix.message, fix.edits)
    advice = f"the steps are {listing(context.step_ids)}"
    context.report.add(graph.DependencyUnknown(step.id, name, near, advice), path, fix=unsafe)


def _dependency_path(step: StepDefinition, index: int, context: Context) -> tuple[str | int, ...]:
    listed = context.path(step, "depends_on", index)
    return listed if listed in context.definition.spans else context.path(step, "depends_on")


def _check_cycles(context: Context) -> None:
    """Every cycle that shares no step with one reported before; steps that only wait for a cycle are fine."""
    steps = context.flow.steps
    waits = [list(before) for before in edges(context.flow)]
    for number, before in enumerate(waits):
        if number in before:
            before.remove(number)
            _report_self_read(number, context)
    while (cycle := find_cycle(tuple(map(tuple, waits)))) is not None:
        path = " -> ".join(steps[number].step.id for number in cycle)
        first = steps[cycle[0]].step
        at = context.path(first, "depends_on")
        if at not in context.definition.spans:
            at = context.path(first, "id")
        context.report.add(graph.CircularDependency(path), at, fix=_without_dependency(first, cycle[1], context))
        for number in cycle:
            waits[number] = []


def _report_self_read(number: int, context: Context) -> None:
    """A step that reads itself; one that names itself was reported with its dependencies."""
    step = context.flow.steps[number].step
    if step.id not in step.depends_on:
        context.report.add(graph.SelfDependency(step.id), context.path(step, "id"))


def _without_dependency(step: StepDefinition, number: int, context: Context) -> Fix | None:
    """The fix that takes a dependency out that stands alone in ``depends_on``."""
    name = context.flow.steps[number].step.id
    node = context.definition.spans.get(context.path(step, "depends_on"))
    if node is None or node.key is None or step.depends_on != (name,):
        return None
    edit = Edit(node.key.line, node.key.column, node.value.end_line, node.value.end_column, "")
    return Fix(f"remove the dependency on {name}", (edit,))
