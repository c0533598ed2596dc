"""One attempt of a composite step: a scope of its block, or the run of another workflow.

Each says once how it ended, as an :class:`Ending`; stopping it makes that end come soon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs

from ael import outcome
from ael.context import ExecutionContext
from ael.errors import AELError, InputInvalidError
from ael.frame import Frame, Run
from ael.inputs import complete_inputs
from ael.plan import Plan, PlanBranch
from ael.run import WorkflowRun
from ael.stage import Stage
from ael.templates import SkippedOutputError, StepView
from ael.types import ExecutionStatus, JsonValue, StepResult, StepStatus
from ael.values import copy_value

__all__ = ["MAX_DEPTH", "Block", "Body", "Call", "Ending"]

MAX_DEPTH = 10
"""Most workflows that may run within each other, the top level counted."""


@attrs.frozen(eq=False)
class Ending:
    """How an attempt ended.

    Attributes:
        status: ``completed``, ``failed`` or ``cancelled``; of a tool or code in a loop also ``skipped``.
        result: Of a tool or code in a loop: its own.
        steps: The results of the steps in it.
    """

    status: StepStatus
    output: JsonValue = None
    error: AELError | None = None
    result: StepResult | None = None
    steps: Sequence[StepResult] = ()


class Block:
    """The steps of a block, of a branch, or the tool or code of a loop."""

    __slots__ = ("_branch", "_context", "_frame", "_on_end", "_stage", "_view")

    def __init__(
        self,
        stage: Stage,
        run: Run,
        context: ExecutionContext,
        branch: PlanBranch,
        view: StepView | None,
        on_end: Callable[[Ending], None],
    ) -> None:
        self._stage = stage
        self._context = context
        self._branch = branch
        self._view = view
        self._on_end = on_end
        self._frame = Frame(stage.host, context, run, self._close)

    def open(self) -> None:
        """Begin the scope."""
        self._stage.open(self._frame)

    def stop(self, reason: str) -> None:
        """Stop the scope. Idempotent; returns at once, and it may have ended then."""
        self._stage.stop(self._frame, reason)

    def _close(self) -> None:
        frame, results = self._frame, self._context.results
        if not frame.scope.plan.own_steps:
            result = results[0]
            assert result is not None, "it has settled"
            self._on_end(Ending(result.status, result.output, result.error, result))
            return
        steps = [result for result in results if result is not None]
        if frame.error is not None:
            self._on_end(Ending(StepStatus.FAILED, error=frame.error, steps=steps))
        elif frame.scope.stopped is not None and not self._counts(steps):
            self._on_end(Ending(StepStatus.CANCELLED, steps=steps))
        else:
            self._on_end(self._completed(steps))

    def _counts(self, steps: Sequence[StepResult]) -> bool:
        """Whether all completed although they were stopped; what an ``exit`` in it ended has not."""
        exits = any(step.exit is not None for step in self._context.plan.steps)
        return not exits and all(result.success for result in steps)

    def _completed(self, steps: Sequence[StepResult]) -> Ending:
        """With what ``output`` says, else the last step's output. What was skipped has none: null, and a warning."""
        if self._branch.output is None:
            return Ending(StepStatus.COMPLETED, copy_value(steps[-1].output), steps=steps)
        try:
            return Ending(StepStatus.COMPLETED, self._branch.output(self._context, self._view), steps=steps)
        except SkippedOutputError as skip:
            self._stage.warn(
                f"the output of step {self._context.prefix!r} is null: step {skip.step_id!r} in it was skipped and has "
                "no output; `| default(…)` would say what to use instead"
            )
            return Ending(StepStatus.COMPLETED, steps=steps)
        except Exception as error:  # noqa: BLE001 - also a bug of ours, which must leave nobody waiting
            return Ending(StepStatus.FAILED, error=outcome.as_error(self._context, error), steps=steps)


class Call:
    """Another workflow, under this step's path.

    Raises:
        AELError: ``DEPTH_EXCEEDED``, or ``INPUT_INVALID``.
    """

    __slots__ = ("_on_end", "_run")

    def __init__(
        self,
        stage: Stage,
        context: ExecutionContext,
        plan: Plan,
        params: dict[str, JsonValue],
        caller: Run,
        on_end: Callable[[Ending], None],
    ) -> None:
        if context.depth >= MAX_DEPTH:
            raise AELError(
                f"workflow {plan.id!r} would be number {context.depth + 1} of workflows that run within each other; "
                f"at most {MAX_DEPTH} may",
                code="DEPTH_EXCEEDED",
            )
        try:
            inputs = complete_inputs(plan.definition, params)
        except InputInvalidError as error:
            error.message = f"step {context.prefix!r} calls workflow {plan.id!r}: {error.message}"
            raise
        called = context.called(plan, inputs, stage.clock.time_ns())
        self._on_end = on_end
        self._run = WorkflowRun(stage, called, self._close, timeout=plan.definition.timeout, caller=caller)

    def open(self) -> None:
        """Begin the workflow."""
        self._run.begin()

    def stop(self, reason: str) -> None:
        """Stop its steps; its ``undo`` and ``finally`` still run."""
        self._run.stop(reason)

    def _close(self) -> None:
        run, steps, plan = self._run, self._run.results, self._run.plan
        if run.status is ExecutionStatus.COMPLETED:
            output = run.outputs.get("output") if plan.definition.single_output else run.outputs
            self._on_end(Ending(StepStatus.COMPLETED, copy_value(output), steps=steps))
        elif run.error is not None:
            self._on_end(Ending(StepStatus.FAILED, error=run.error, steps=steps))
        elif run.left:
            reason = f": {run.reason}" if run.reason else ""
            error = AELError(f"workflow {plan.id!r} ended itself as cancelled{reason}", code="EXIT")
            self._on_end(Ending(StepStatus.FAILED, error=error, steps=steps))
        else:
            self._on_end(Ending(StepStatus.CANCELLED, steps=steps))


Body: TypeAlias = Block | Call
