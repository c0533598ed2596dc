"""2xx: what can never run, and what skips would take along unseen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from ael.dataflow import StepFlow
from ael.definition import MISSING, Path, StepDefinition
from ael.language.catalog import Problem, graph, listing
from ael.language.checks.context import Context, Scope
from ael.language.checks.fates import Cause, Fate, Fates, constant_condition, used_outputs
from ael.templates import Reference, Template

__all__ = ["check_reach"]


def check_reach(context: Context, fates: Fates) -> None:
    """Conditions that decide nothing, steps that never run, joins, and reads of what may be skipped."""
    for scope in context.scopes:
        for step_flow in scope.flow.steps:
            _check_conditions(step_flow, scope, context)
            _check_join(step_flow, scope, context, fates)
        _check_dead(scope, context, fates)
    _check_reads(context, fates)
    _check_outputs(context, fates)


def _check_conditions(step_flow: StepFlow, scope: Scope, context: Context) -> None:
    name = scope.name(step_flow.step)
    for path in step_flow.templates:
        if path[-1] not in {"when", "until"} or path[0] not in {"when", "choose", "repeat"}:
            continue
        holds = constant_condition(step_flow, path)
        if holds is not None:
            answer = "always" if holds else "never"
            what = f"{_WHAT[path[0]]} of step {name!r}"
            problem = graph.ConditionConstant(what, answer, _CONSTANT_ADVICE[path[0], holds])
            context.report.add(problem, context.path(step_flow.step, *path))


_WHAT = {"when": "the `when`", "choose": "the `when` of a branch", "repeat": "the `until`"}
_CONSTANT_ADVICE = {
    ("when", True): "remove it: the step is always taken",
    ("when", False): "the step never runs; remove it, or ask for something that varies: `when: inputs.NAME`",
    ("choose", True): "no branch after it is ever taken",
    ("choose", False): "this branch is never taken",
    ("repeat", True): "there is one round, always; remove `repeat`",
    ("repeat", False): "after `max` rounds it fails with REPEAT_EXHAUSTED; without `until` there are exactly `max`",
}


def _check_join(step_flow: StepFlow, scope: Scope, context: Context, fates: Fates) -> None:
    step = step_flow.step
    if step.join is None or step.join.at_least is None:
        return
    numbers = {each: scope.flow.numbers[each] for each in step.depends_on if each in scope.flow.numbers}
    dead = tuple(each for each, number in numbers.items() if fates.of(scope.flow.steps[number]).dead is not None)
    fate = fates.of(step_flow)
    if fate.own and dead and constant_condition(step_flow, ("when",)) is not False:
        problem = graph.JoinUnreachable(scope.name(step), listing(tuple(map(repr, dead))), step.join.at_least)
        context.report.add(problem, context.path(step, "join"))
    elif len(set(step.depends_on)) == 1:
        context.report.add(graph.JoinOfOne(scope.name(step)), context.path(step, "join"))


def _check_dead(scope: Scope, context: Context, fates: Fates) -> None:
    """Each reason once, at the first step; a step whose own condition never holds was told already."""
    groups: dict[Cause, list[StepFlow]] = {}
    for step_flow in scope.flow.steps:
        fate = fates.of(step_flow)
        if fate.dead is not None and not fate.own:
            groups.setdefault(fate.dead, []).append(step_flow)
    for cause, group in groups.items():
        steps = _steps([scope.name(each.step) for each in group])
        context.report.add(graph.NeverRuns(steps, cause.reason, cause.advice), _place(group[0], context))


def _place(step_flow: StepFlow, context: Context) -> Path:
    at = context.path(step_flow.step, "depends_on")
    return at if at in context.definition.spans else context.path(step_flow.step, "id")


@attrs.frozen
class _Use:
    """A template of a step that uses an output."""

    step_flow: StepFlow
    path: Path
    template: Template
    reference: Reference


def _check_reads(context: Context, fates: Fates) -> None:
    """Steps that a skip takes along by what they use: each source once, at its first reader."""
    for scope in context.scopes:
        sources = fates.by_id(scope.flow)
        uses: dict[str, list[_Use]] = {}
        for step_flow in scope.flow.steps:
            if not _knows_of_skips(step_flow.step) and fates.of(step_flow).dead is None:
                for source, use in _uses(step_flow, sources, scope).items():
                    uses.setdefault(source, []).append(use)
        for source, found in uses.items():
            names = [scope.name(each.step_flow.step) for each in found]
            readers = f"{_steps(names)} {'is' if len(names) == 1 else 'are'}"
            problem = graph.ReadsSkippable(readers, sources[source].missing or source, f"steps.{source}.output")
            first = found[0]
            _report(problem, context.path(first.step_flow.step, *first.path), first.template, first.reference, context)


def _knows_of_skips(step: StepDefinition) -> bool:
    """Whether whoever wrote the step has thought of whether it is taken."""
    return step.when is not None or step.fallback is not MISSING


def _uses(step_flow: StepFlow, sources: Mapping[str, Fate], scope: Scope) -> dict[str, _Use]:
    """The steps of the same block with which a skip may begin and whose output is used, with the first use of each.

    Not those that ``depends_on`` names: there a skip is meant to travel.
    """
    uses: dict[str, _Use] = {}
    for path, template in step_flow.templates.items():
        if path[0] in {"params", "for_each"}:
            for used, reference in used_outputs(template):
                if (
                    used in sources
                    and used not in step_flow.step.depends_on
                    and _begins_a_skip(used, sources[used], scope)
                ):
                    uses.setdefault(used, _Use(step_flow, path, template, reference))
    return uses


def _begins_a_skip(step_id: str, fate: Fate, scope: Scope) -> bool:
    """Whether the step lacks its output because of itself, and not because of one before it."""
    name = scope.name(scope.flow.steps[scope.flow.numbers[step_id]].step)
    return fate.dead is None and fate.missing == name


def _check_outputs(context: Context, fates: Fates) -> None:
    """Each output once."""
    sources = fates.by_id(context.flow)
    names = {output.path: output.name for output in context.definition.outputs}
    told: set[str] = set()
    for path, template in context.flow.outputs.items():
        name = next((names[path[:length]] for length in range(len(path), 0, -1) if path[:length] in names), None)
        for used, reference in used_outputs(template):
            source = sources[used].missing if used in sources else None
            if name is not None and name not in told and source is not None:
                told.add(name)
                problem = graph.OutputMayBeMissing(name, source, f"steps.{used}.output")
                _report(problem, path, template, reference, context)


def _report(problem: Problem, path: Path, template: Template, reference: Reference, context: Context) -> None:
    """At what is read, where that can be told."""
    written = path[-1:] not in {("from",), ("from_path",)}
    place = context.placer(path, template.text) if written else None
    if place is None:
        context.report.add(problem, path)
    else:
        context.report.add_span(problem, place(reference.offset, reference.length))


def _steps(names: Iterable[str]) -> str:
    """``step 'a'``, ``steps 'a' and 'b'``."""
    quoted = tuple(map(repr, names))
    return f"step{'s' if len(quoted) > 1 else ''} {listing(quoted, most=4)}"
