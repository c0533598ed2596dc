"""From a code step and what its execution knows to the call of an executor."""

from __future__ import annotations

from ael.context import ExecutionContext, result_view
from ael.event_log import StepSink
from ael.plan import PlanStep
from ael.ports import CodeCall
from ael.types import JsonValue

__all__ = ["code_call"]


def code_call(step: PlanStep, context: ExecutionContext, attempt: int) -> CodeCall:
    """One attempt of a code step. It sees the steps it reads; an output that may not be used is ``None``."""
    assert step.code is not None
    definition = context.plan.definition
    workflow: dict[str, JsonValue] = context.roots["workflow"]
    events = context.events
    return CodeCall(
        code=step.code.code,
        inputs=context.inputs,
        steps={context.plan.steps[k].id: result_view(context.results[k]) for k in step.code_reads},
        config=context.config,
        workflow=workflow,
        execution_id=context.execution_id,
        path=step.path,
        attempt=attempt,
        timeout=step.attempt_timeout,
        file=None if definition.source is None else definition.source.name,
        first_line=None if step.code_place is None else step.code_place[0],
        first_column=1 if step.code_place is None else step.code_place[1],
        sink=None if events is None else StepSink(events, step.path, attempt),
    )
