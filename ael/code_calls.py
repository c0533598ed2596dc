"""From a code step and what its execution knows to the call of an executor."""

from __future__ import annotations

from ael.context import ExecutionContext
from ael.event_log import StepSink
from ael.plan import PlanStep
from ael.ports import CodeCall
from ael.templates.reading import result_of, step_data

__all__ = ["code_call"]

_EVERYWHERE = frozenset({"config", "workflow", "execution_id", "secrets"})
"""Roots that are no loop's: code gets these otherwise, or not at all."""


def code_call(step: PlanStep, context: ExecutionContext, attempt: int) -> CodeCall:
    """One attempt of a code step. It sees the steps it reads; an output that may not be used is ``None``."""
    assert step.code is not None
    definition = context.plan.definition
    roots = context.roots
    events = context.events
    path = context.path(step)
    return CodeCall(
        code=step.code.code,
        inputs=context.inputs,
        steps={name: step_data(result_of(context, place), loop=loop) for name, place, loop in step.code_reads},
        config=context.config,
        workflow=roots["workflow"],
        execution_id=context.execution_id,
        names={name: value for name, value in roots.items() if name not in _EVERYWHERE},
        path=path,
        attempt=attempt,
        timeout=step.attempt_timeout,
        file=None if definition.source is None else definition.source.name,
        first_line=None if step.code_place is None else step.code_place[0],
        first_column=1 if step.code_place is None else step.code_place[1],
        sink=None if events is None else StepSink(events, path, attempt),
    )
