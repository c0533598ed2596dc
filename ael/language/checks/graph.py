"""2xx: do dependencies exist, and can the steps be ordered?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ael.dataflow import Flow, StepFlow
from ael.definition import Path, StepDefinition
from ael.diagnostics import Diagnostic, Edit, Fix
from ael.graph import find_cycle
from ael.language.catalog import graph, listing
from ael.language.checks.context import Context, Scope
from ael.language.suggest import nearest

__all__ = ["check_graph", "is_cycle"]

_CYCLES = frozenset({graph.SelfDependency.code, graph.CircularDependency.code, graph.BlockReadsItself.code})

_MOST_CYCLES = 20
"""So many of one block are reported: each is looked for in the whole block."""


def is_cycle(diagnostic: Diagnostic) -> bool:
    """Whether the problem is that steps wait for each other."""
    return diagnostic.code in _CYCLES


def check_graph(context: Context) -> None:
    """Dependencies of every step, then cycles, block by block."""
    for scope in context.scopes:
        for step_flow in scope.flow.steps:
            _check_dependencies(step_flow.step, scope, context)
        _check_cycles(scope, context)


def _check_dependencies(step: StepDefinition, scope: Scope, context: Context) -> None:
    seen: set[str] = set()
    for index, name in enumerate(step.depends_on):
        path = _dependency_path(step, index, context)
        if name in seen:
            context.report.add(graph.DependencyRepeated(scope.name(step), name), path)
        elif name not in scope.flow.numbers:
            _report_unknown(step, name, path, scope, context)
        elif name == step.id:
            context.report.add(graph.SelfDependency(scope.name(step)), path)
        seen.add(name)


def _report_unknown(step: StepDefinition, name: str, path: Path, scope: Scope, context: Context) -> None:
    known = scope.flow.numbers
    who = scope.name(step)
    several = [part for part in re.split(r"[,;\s]+", name) if part]
    if len(several) > 1 and all(part in known for part in several):
        written = f"[{', '.join(several)}]"
        problem = graph.DependencyUnknown(who, name, "no step", None, f"write a list: `{written}`")
        context.report.add(problem, path, fix=context.report.replace(path, written, f"write `{written}`"))
        return
    if name in scope.flow.names.steps:
        advice = _outside_advice(scope, scope.flow.names.steps[name][0])
        context.report.add(graph.DependencyUnknown(who, name, "no step of its block", None, advice), path)
        return
    near = nearest(name, known)
    fix = None if near is None else context.report.replace(path, near, f"write `{near}`")
    unsafe = None if fix is None else Fix(fix.message, fix.edits)
    which = "no step of its block" if scope.owners else "no step"
    advice = f"the steps are {listing(scope.known_ids)}"
    context.report.add(graph.DependencyUnknown(who, name, which, near, advice), path, fix=unsafe)


def _outside_advice(scope: Scope, depth: int) -> str:
    """How to wait for a step that stands ``depth`` blocks further out."""
    if depth > len(scope.owners):
        return "remove it: the steps of `finally` run when all others have settled"
    owner = scope.owners[-depth].id
    return f"`depends_on` names steps of the same block; move it to step {owner!r}, whose block this is"


def _dependency_path(step: StepDefinition, index: int, context: Context) -> tuple[str | int, ...]:
    listed = context.path(step, "depends_on", index)
    return listed if listed in context.definition.spans else context.path(step, "depends_on")


def _check_cycles(scope: Scope, context: Context) -> None:
    """Cycles that share no step with one reported before; steps that only wait for a cycle are fine."""
    steps = scope.flow.steps
    if len(scope.order) == len(steps):
        return
    waits = [list(before) for before in scope.waits]
    for number, before in enumerate(waits):
        if number in before:
            before.remove(number)
            _report_self_read(steps[number], scope, context)
    for _ in range(_MOST_CYCLES):
        cycle = find_cycle(tuple(map(tuple, waits)))
        if cycle is None:
            return
        path = " -> ".join(scope.name(steps[number].step) for number in cycle)
        first, second = steps[cycle[0]].step, steps[cycle[1]].step
        at = context.path(first, "depends_on")
        if at not in context.definition.spans:
            at = context.path(first, "id")
        context.report.add(graph.CircularDependency(path), at, fix=_without_dependency(first, second.id, context))
        for number in cycle:
            waits[number] = []


def _report_self_read(step_flow: StepFlow, scope: Scope, context: Context) -> None:
    """A step that reads itself; one that names itself was reported with its dependencies."""
    step = step_flow.step
    if step.id in step.depends_on:
        return
    if step.id in {name for block in step_flow.blocks for name in block.outer_reads}:
        name = scope.name(step)
        inside, path = next(_readers_inside(step_flow.blocks, step.id, name), (name, context.path(step, "id")))
        context.report.add(graph.BlockReadsItself(inside, name), path)
    else:
        context.report.add(graph.SelfDependency(scope.name(step)), context.path(step, "id"))


def _readers_inside(blocks: Iterable[Flow], step_id: str, prefix: str) -> Iterator[tuple[str, Path]]:
    """Who reads a step from inside it, and where."""
    for block in blocks:
        for inner in block.steps:
            name = f"{prefix}.{inner.step.id}"
            for path, template in inner.templates.items():
                if any(each.root == "steps" and each.name == step_id for each in template.references):
                    yield name, (*inner.step.path, *path)
            codes = (("code", inner.code), ("undo", inner.undo_code))
            for key, code in codes:
                if code is not None and any(each.name == step_id for each in code.steps):
                    yield name, (*inner.step.path, key)
            yield from _readers_inside(inner.blocks, step_id, name)


def _without_dependency(step: StepDefinition, name: str, context: Context) -> Fix | None:
    """The fix that takes a dependency out that stands alone in ``depends_on``."""
    node = context.definition.spans.get(context.path(step, "depends_on"))
    if node is None or node.key is None or step.depends_on != (name,):
        return None
    edit = Edit(node.key.line, node.key.column, node.value.end_line, node.value.end_column, "")
    return Fix(f"remove the dependency on {name}", (edit,))
