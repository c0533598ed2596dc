"""2xx: what a step must not find around it: itself without end, or a pool that is held there."""

from __future__ import annotations

from collections.abc import Collection

from ael.dataflow import StepFlow, walk_flows
from ael.definition import SELF, ChooseBody, ExitBody, StepDefinition, WorkflowBody
from ael.language.catalog import graph, listing
from ael.language.checks.context import Context, Scope
from ael.language.checks.fates import Fates, may_skip_errors
from ael.language.suggest import nearest

__all__ = ["check_nesting"]


def check_nesting(context: Context, fates: Fates, workflows: Collection[str] | None) -> None:
    """Every step that runs a workflow, and every step in a block that holds a pool."""
    ends = any(isinstance(each.step.body, ExitBody) for flow in walk_flows(context.flow) for each in flow.steps)
    around: dict[int, StepFlow] = {id(each.step): each for _, each in context.steps}
    for scope, step_flow in context.steps:
        step = step_flow.step
        if isinstance(step.body, WorkflowBody):
            name = step.body.workflow
            if name in {SELF, context.definition.name}:
                guards = (*(around[id(owner)] for owner in scope.owners), step_flow)
                if not ends and not any(_is_guarded(each, context, fates) for each in guards):
                    context.report.add(graph.EndlessRecursion(scope.name(step)), context.path(step, "workflow"))
            elif workflows is not None and name not in workflows:
                _report_unknown(step, name, workflows, scope, context)
        _check_pools(step, scope, context)


def _is_guarded(step_flow: StepFlow, context: Context, fates: Fates) -> bool:
    """Whether something may keep the step from running, or from failing where it is run too deep."""
    step = step_flow.step
    if step.for_each is not None or isinstance(step.body, ChooseBody):
        return True
    fate = fates.of(step_flow)
    return fate.untaken is not None or fate.dead is not None or may_skip_errors(step, context.definition.defaults)


def _report_unknown(
    step: StepDefinition, name: str, workflows: Collection[str], scope: Scope, context: Context
) -> None:
    known = tuple(workflows)
    near = nearest(name, known)
    problem = graph.WorkflowUnknown(scope.name(step), name, near, listing((*known, SELF)))
    context.report.add(problem, context.path(step, "workflow"))


def _check_pools(step: StepDefinition, scope: Scope, context: Context) -> None:
    """A pool that only has a rate is not held."""
    if not step.limits or not scope.owners:
        return
    held = {pool.name for pool in context.definition.limits if pool.concurrency is not None}
    for owner in scope.owners:
        for pool in step.limits:
            if pool in held and pool in owner.limits:
                context.report.add(graph.PoolHeld(scope.name(step), pool, owner.id), context.path(step, "limits"))
                return
