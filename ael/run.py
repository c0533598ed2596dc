"""One run of a workflow, the execution's own or one that a step calls: steps, outputs, undo, ``finally``.

The phases follow each other as scopes end; nothing here waits in a task. What comes after the steps is shielded:
stopping the run stops the steps, and then it is undone and ended as the file says, within limits of time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ael import outcome
from ael.context import ExecutionContext, view_of
from ael.errors import AELError, TimeoutExceededError
from ael.event_log import tell
from ael.frame import Frame, Run
from ael.outputs import make_outputs
from ael.plan import Plan, PlanStep
from ael.ports import TimerHandle
from ael.stage import Stage
from ael.templates.reading import to_text
from ael.types import ExecutionStatus, JsonValue, StepResult

__all__ = ["WorkflowRun"]

_COMPLETED = ExecutionStatus.COMPLETED
_FAILED = ExecutionStatus.FAILED
_CANCELLED = ExecutionStatus.CANCELLED


class _Done(NamedTuple):
    """Something that can be undone: a completed step or item, and the context its body ran in."""

    undo: Plan
    context: ExecutionContext
    prefix: str
    output: JsonValue


class WorkflowRun:
    """Runs one workflow.

    Args:
        context: Its own, with the plan to run.
        on_end: Called once, when all is over.
        timeout: Seconds for its steps, or ``None``.
        caller: The run whose step calls it, or ``None``.

    Attributes:
        plan: What it runs.
        frame: The scope of its steps.
        undoing: Whether what completes may have to be undone.
        reason: What an ``exit`` said.
        ended: Whether all is over; then ``status``, ``error`` and ``outputs`` are final.
    """

    def __init__(
        self,
        stage: Stage,
        context: ExecutionContext,
        on_end: Callable[[], None],
        *,
        timeout: float | None = None,
        caller: Run | None = None,
    ) -> None:
        self._stage = stage
        self._context = context
        self.plan = context.plan
        self._on_end = on_end
        self._timeout = timeout
        self.frame = Frame(stage.host, context, self, self._conclude_steps)
        self.undoing = context.plan.undoing or (caller is not None and caller.undoing)
        self._caller = caller
        self.ended = False
        self.status = ExecutionStatus.RUNNING
        self.error: AELError | None = None
        self.outputs: dict[str, JsonValue] = {}
        self.reason: str | None = None
        self._begun = False
        self._exit: tuple[str, JsonValue] | None = None
        self._done: list[_Done] = []
        self._ending: Frame | None = None
        self._undo: Frame | None = None
        self._timer: TimerHandle | None = None

    def begin(self) -> None:
        """Start the first steps; nothing if it was stopped before."""
        if self.ended:
            return
        self._begun = True
        if self._timeout is not None:
            self._timer = self._stage.clock.call_later(self._timeout, self._time_out)
        self._stage.open(self.frame)

    def stop(self, reason: str) -> None:
        """Stop the steps; what follows them is not stopped. Idempotent, returns at once."""
        if self.frame.scope.stopped is None and not self.frame.scope.done:
            self._stage.stop(self.frame, reason)

    def leave(self, step: PlanStep, context: ExecutionContext) -> str | None:
        """An ``exit`` was reached. To be called before it settles: it may be the last step, which ends the run.

        Returns:
            Its reason, which is the step's output.

        Raises:
            AELError, SkippedOutputError: Its reason or outputs cannot be made.
        """
        assert step.exit is not None
        view = view_of(step, context, 1) if step.needs_view else None
        reason = step.exit.reason(context, view)
        outputs = None if step.exit.outputs is None else step.exit.outputs(context, view)
        if self.frame.scope.stopped is None:
            self._exit = (step.exit.status, outputs)
            self.reason = None if reason is None else to_text(reason)
            self.stop(f"stopped: {step.id}")
        return self.reason

    def completed(self, frame: Frame, number: int, result: StepResult) -> None:
        """A tool or code step has completed; remember it if it can be undone."""
        step = frame.step(number)
        if step.undo is not None and step.in_task and frame.scope.plan.own_steps:
            self.remember(step.undo, frame.context, frame.path(number), result.output)

    def remember(self, undo: Plan, context: ExecutionContext, prefix: str, output: JsonValue) -> None:
        """Something has completed that has an ``undo``."""
        self._done.append(_Done(undo, context, prefix, output))

    @property
    def results(self) -> list[StepResult]:
        """Of every step that has settled, ``finally`` steps last."""
        frames = [self.frame] if self._ending is None else [self.frame, self._ending]
        return [result for frame in frames for result in frame.context.results if result is not None]

    @property
    def left(self) -> bool:
        """Whether an ``exit`` has ended it."""
        return self._exit is not None

    # -- the phases --------------------------------------------------------------------------------

    def _time_out(self) -> None:
        if self.frame.scope.stopped is None and not self.frame.scope.done:
            self.frame.error = TimeoutExceededError(
                f"workflow {self.plan.id!r} took longer than its timeout of {self._timeout:g} s",
                code="WORKFLOW_TIMEOUT",
            )
            self.stop("cancelled: workflow timeout")

    def _conclude_steps(self) -> None:
        """The steps have settled: the outputs, then ``undo``, then ``finally``."""
        self._stop_timer()
        frame = self.frame
        if frame.error is not None:
            self.status, self.error = _FAILED, frame.error
        elif self._exit is not None:
            self._conclude_exit(*self._exit)
        elif frame.scope.stopped is not None:
            self.status = _CANCELLED
        else:
            self._make_outputs()
        if not self._begun:
            self._end()  # there is nothing to undo, and nothing to end
        elif self.plan.undoing and self._done and self.status is not _COMPLETED:
            self._timer = self._stage.clock.call_later(self._stage.undo_timeout, self._undo_time_out)
            self._undo_next()
        else:
            self._finally()

    def _conclude_exit(self, status: str, outputs: JsonValue) -> None:
        self.status = ExecutionStatus(status)
        if self.status is _FAILED:
            self.error = AELError(self.reason or f"workflow {self.plan.id!r} ended itself as failed", code="EXIT")
            self._context.mask_error(self.error)
            return
        if self.status is _COMPLETED and outputs is None:
            self._make_outputs()
        elif outputs is not None:
            self.outputs = outputs

    def _make_outputs(self) -> None:
        self.status = _COMPLETED
        try:
            self.outputs = make_outputs(self._context)
        except Exception as error:  # noqa: BLE001 - also a bug of ours, which must leave nobody waiting
            self.status, self.error = _FAILED, outcome.as_error(self._context, error)

    def _undo_next(self) -> None:
        """Take back what completed last; one after the other, so that a dependent goes before what it used."""
        if not self._done:
            self._stop_timer()
            self._finally()
            return
        done = self._done.pop()
        context = done.context.inner(done.undo, done.prefix, {"output": done.output})
        undo = Frame(self._stage.host, context, self, lambda: self._undone(undo))
        self._undo = undo
        self._stage.open(undo)

    def _undone(self, undo: Frame) -> None:
        result, events = undo.context.results[0], undo.context.events
        if events is not None and result is not None:
            tell(events, undo.path(0), result)
        if undo.error is not None:
            path = undo.context.prefix
            self._stage.warn(f"undo of step {path!r} failed: {undo.error.code}: {undo.error.message}")
        self._undo_next()

    def _undo_time_out(self) -> None:
        undo = self._undo
        assert undo is not None, "its timer was set when the first began"
        left = [done.prefix for done in reversed(self._done)]
        self._done.clear()
        seconds = f"{self._stage.undo_timeout:g} s"
        undo.error = TimeoutExceededError(f"all undo together took longer than {seconds}")
        if left:
            self._stage.warn(f"undo took longer than {seconds}; not undone: {', '.join(left)}")
        self._stage.stop(undo, "cancelled")

    def _finally(self) -> None:
        plan = self.plan.ending
        if plan is None:
            self._end()
            return
        error = None if self.error is None else {"code": self.error.code, "message": self.error.message}
        workflow = {**self._context.roots["workflow"], "status": self.status.value, "error": error}
        context = self._context.inner(plan, self._context.prefix, {"workflow": workflow})
        self._ending = Frame(self._stage.host, context, self, self._conclude_finally)
        self.undoing = False
        self._timer = self._stage.clock.call_later(self._stage.finally_timeout, self._finally_time_out)
        self._stage.open(self._ending)

    def _finally_time_out(self) -> None:
        ending = self._ending
        assert ending is not None, "its timer was set when it began"
        if ending.scope.stopped is None and not ending.scope.done:
            seconds = self._stage.finally_timeout
            ending.error = TimeoutExceededError(
                f"the `finally` steps of workflow {self.plan.id!r} took longer than {seconds:g} s together",
                code="WORKFLOW_TIMEOUT",
            )
            self._stage.stop(ending, "cancelled: finally timeout")

    def _conclude_finally(self) -> None:
        """A failure fails what had completed, and keeps the outputs; else it is a warning."""
        self._stop_timer()
        assert self._ending is not None, "it has just ended"
        error = self._ending.error
        if error is not None and self.status is _COMPLETED:
            self.status, self.error = _FAILED, error
        elif error is not None:
            self._stage.warn(f"a `finally` step failed: {error.code}: {error.message}")
        self._end()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        """What it has done and not undone, its caller may have to undo."""
        self.ended = True
        if self._caller is not None and self._caller.undoing:
            for done in self._done:
                self._caller.remember(*done)
        self._on_end()
