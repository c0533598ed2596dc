"""The driver of one execution: tasks, timers, slots. It carries out what the scheduler decides.

Theory of operation
-------------------
Steps that are ready go through one queue; settling a step only ever appends to it, and :class:`ael.pump.Pump`
is the only place that starts a step, so the stack never grows with the length of a chain. A tool or code step is one
task with a context of its own; a composite step holds no task: it opens scopes, and their end is its own
(:mod:`ael.composition`). A loop with more to open stands in the queue like a step, and gets one item a turn.
A step ends in a result and never raises into its surroundings; results are recorded (journal, commit) before the
scheduler hears of them.

The tasks form a nursery of our own rather than an ``asyncio.TaskGroup``: a tool that is deaf to its
cancellation must be left behind after a grace period, and a task group waits for its children for ever.
What the group would guarantee holds here too: :meth:`Driver.run` returns, or raises its caller's
cancellation, only when no step's task is left but those it has warned about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Protocol

import attrs

from ael import outcome
from ael.composition import Composed
from ael.context import ExecutionContext
from ael.deferral import Deferral
from ael.errors import AELError, TimeoutExceededError, ToolError
from ael.event_log import tell
from ael.events import StepReady
from ael.frame import Failure, Frame, Host, Spawner, Stops
from ael.gates import Gates
from ael.plan import Plan, PlanStep
from ael.ports import Clock, Journal
from ael.pump import Pump
from ael.recorder import Recorder
from ael.run import WorkflowRun
from ael.scheduler import Next
from ael.stage import Stage
from ael.types import StepResult, StepStatus

__all__ = ["Driver", "Limits", "StepRunner"]

_COMPLETED = StepStatus.COMPLETED
_FAILED = StepStatus.FAILED


@attrs.frozen
class Limits:
    """Bounds of one execution: attempts at once, and seconds."""

    max_parallel: int | None
    timeout: float | None
    cancel_grace: float
    undo_grace: float = 30.0
    undo_timeout: float = 300.0
    finally_timeout: float = 60.0


def _raise(error: BaseException) -> None:
    raise error


class StepRunner(Protocol):
    """What the engine hands to the driver: runs one step to its final result."""

    def __call__(
        self, step: PlanStep, context: ExecutionContext, resume: Failure | None = None
    ) -> Coroutine[None, None, StepResult]:
        """See :meth:`ael.engine.WorkflowEngine._execute_step`."""
        ...


class Driver:
    """Runs one execution. All methods are called on the loop's thread.

    Args:
        calls: The workflows that steps call, by name, pinned; an error for one that is not to be had.
        warn: Told, in a sentence, of what was not quite right; goes to the result and the log.

    Attributes:
        root: The run of the workflow: how it ended, once :meth:`run` has returned.
    """

    def __init__(
        self,
        context: ExecutionContext,
        execute_step: StepRunner,
        *,
        clock: Clock,
        limits: Limits,
        gates: Gates,
        calls: Mapping[str, Plan | AELError],
        journal: Journal | None = None,
        warn: Callable[[str], None],
    ) -> None:
        self.context = context
        self._execute_step = execute_step
        self._clock = clock
        self._now_ns = clock.monotonic_ns
        self._pump = Pump(
            limits.max_parallel,
            clock.monotonic_ns,
            start=self._start,
            begin=lambda frame, number: Composed(self._stage, frame, number).begin(),
        )
        self._recorder = Recorder(journal, context.execution_id, self._settle, self._pump.run)
        self._loop = asyncio.get_running_loop()
        self._spawn = Spawner()
        self._defer = Deferral()
        self._broken: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._runner: asyncio.Task[object] | None = None
        self._make_ready_plain = self._pump.ready.extend
        self._slots = self._pump.slots
        self._turns = self._pump.turns
        self._stops = Stops(
            clock,
            grace=limits.cancel_grace,
            undo_grace=limits.undo_grace,
            finish=self._finish,
            warn=warn,
            defer=self._defer,
        )
        host = Host(context.execution_id, clock.monotonic_ns, self._slots, gates, self._stops, self._start)
        self._stage = self._make_stage(host, calls, limits, warn)
        self.root = WorkflowRun(self._stage, context, self._wake, timeout=limits.timeout)

    def _make_stage(
        self, host: Host, calls: Mapping[str, Plan | AELError], limits: Limits, warn: Callable[[str], None]
    ) -> Stage:
        return Stage(
            clock=self._clock,
            host=host,
            calls=calls,
            undo_timeout=limits.undo_timeout,
            finally_timeout=limits.finally_timeout,
            warn=warn,
            open=self._open,
            stop=lambda frame, reason: self._carry_out(frame, frame.scope.stop(reason)),
            line_up=self._pump.line_up,
            settle=self._recorder.take_in,
            enqueue=self._pump.enqueue,
        )

    # -- the whole ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run all steps; returns when the last has settled. What became of them is in the context.

        Cancelling it cancels the steps, waits for their cleanup (bounded), and lets the cancellation through.
        """
        self._runner = asyncio.current_task()
        try:
            self.root.begin()
            self._pump.run()
            if self.root.ended:
                await asyncio.sleep(0)  # one execution after another must not starve the loop
            await self._wait_settled()
        finally:
            self._stops.close()
            if self.context.deadlines is not None:
                self.context.deadlines.stop()

    async def _wait_settled(self) -> None:
        """Wait for the last step, whatever happens; a cancellation stops the steps first and then goes through."""
        interrupted: asyncio.CancelledError | None = None
        while not self.root.ended or self._recorder.pending:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            except asyncio.CancelledError as cancellation:
                interrupted = cancellation
                self.cancel()
            if self._broken is not None:
                raise self._broken
        if interrupted is not None:
            raise interrupted

    def cancel(self) -> None:
        """Stop the execution: nothing starts any more, what runs is cancelled. Idempotent, returns at once.

        An observer that asks for it while it is told of an event gets it in the next pass of the loop: whatever the
        event is about must be seen through first.
        """
        events = self.context.events
        if events is not None and events.is_telling:
            self._loop.call_soon(self.root.stop, "cancelled")
        else:
            self.root.stop("cancelled")

    def _wake(self) -> None:
        """Let ``run`` look whether everything has settled."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- starting steps ----------------------------------------------------------------------------

    def _open(self, frame: Frame) -> None:
        """Begin a scope."""
        self._carry_out(frame, frame.scope.begin())
        self._pump.run()

    def _start(self, frame: Frame, number: int, resume: Failure | None = None) -> None:
        """Begin a step's task. One that is begun at once may be stopped before anybody knows its task."""
        work = self._run_step(frame, number, resume)
        try:
            self._spawn(frame, number, work)
        except KeyboardInterrupt as interrupt:
            # Begun at once, the step has raised it here: it is for the loop, not for whoever happened to start it.
            self._loop.call_soon(_raise, interrupt)
        except Exception as error:  # noqa: BLE001 - an application's task factory may raise anything
            work.close()
            self._finish(frame, number, frame.broken(number, error, now_ns=self.context.epoch_ns + self._now_ns()))
        if frame.reasons and number in frame.reasons and number in frame.tasks:
            self._stops.cancel_tasks(frame, {number: frame.tasks[number]})

    async def _run_step(self, frame: Frame, number: int, resume: Failure | None = None) -> None:
        step = frame.scope.plan.steps[number]
        try:
            if self._now_ns() >= self._turns.ends:
                await self._turns.wait()
            result = await self._execute_step(step, frame.context, resume)
        except (asyncio.CancelledError, KeyboardInterrupt) as stop:
            if number not in frame.reasons and not self._stops.is_left_behind():
                self._explain(frame, number, stop)
            self._finish(frame, number, self._stops.result(frame, number))
            raise
        except Exception as error:  # noqa: BLE001 - the step boundary: a bug of ours must not end the execution
            result = frame.broken(number, error, now_ns=self.context.epoch_ns + self._now_ns())
        self._finish(frame, number, result)

    def _explain(self, frame: Frame, number: int, stop: BaseException) -> None:
        """A step was stopped, and not by us: the program ends, or a tool has cancelled the task it runs in."""
        ending = isinstance(stop, KeyboardInterrupt) or self._runner is None or self._runner.cancelling()
        if ending:
            self.cancel()
        else:
            frame.reasons[number] = ToolError(f"tool {frame.step(number).tool!r} cancelled the task it runs in")

    # -- ending steps ------------------------------------------------------------------------------

    def _finish(self, frame: Frame, number: int, result: StepResult) -> None:
        """A step's task is about to end, or was given up: free its slot, and let its result take its course."""
        if self._stops.left_behind and self._stops.is_left_behind():
            return
        frame.tasks.pop(number, None)
        if self._slots.queue:
            self._slots.release()
        else:
            self._slots.free += 1
        try:
            self._recorder.take_in(frame, number, result)
        except Exception as error:  # noqa: BLE001 - a bug of ours: it would be lost with the task, and all would wait
            self._broken = error
            self._wake()

    def _settle(self, frame: Frame, number: int, result: StepResult) -> None:
        scope, context, status = frame.scope, frame.context, result.status
        if status is not _COMPLETED:
            self._settle_otherwise(frame, number, result)
            return
        context.record(number, result)
        if context.events is not None and scope.plan.own_steps:
            tell(context.events, frame.path(number), result)
        if frame.timers or frame.reasons:
            frame.forget(number)
        if frame.run.undoing:
            frame.run.completed(frame, number, result)
        ready = scope.complete(number)
        if ready and context.events is None and scope.plan.plain:
            self._make_ready_plain(zip(repeat(frame), ready, strict=False))
        else:
            self._follow(frame, number, ready)

    def _follow(self, frame: Frame, number: int, ready: Sequence[int] | None) -> None:
        """What follows from a completed step where it is not the usual."""
        if ready is None:
            self._carry_out(frame, frame.scope.settle(number, _COMPLETED))
        elif ready:
            self._line_up(frame, ready)
        elif frame.scope.done:
            self._defer(frame.end)

    def _settle_otherwise(self, frame: Frame, number: int, result: StepResult) -> None:
        """Settle a step that has not completed."""
        scope, context = frame.scope, frame.context
        if result.status is _FAILED and scope.absorbs(number):
            now_ns = context.epoch_ns + self._now_ns()
            result = outcome.absorbed(frame.step(number), context, result, now_ns=now_ns)
        self._record(frame, number, result)
        if result.status is _FAILED and scope.stopped is None:
            frame.error = result.error
        self._carry_out(frame, scope.settle(number, result.status, taken=not outcome.travels(result)))

    def _record(self, frame: Frame, number: int, result: StepResult) -> None:
        context = frame.context
        context.record(number, result)
        if context.events is not None and frame.scope.plan.own_steps:
            tell(context.events, frame.path(number), result)
        frame.forget(number)

    def _carry_out(self, frame: Frame, following: Next) -> None:
        if following.start:
            self._line_up(frame, following.start)
        if following.skipped:
            self._skip(frame, following.skipped)
        if following.cancel:
            reason = frame.scope.stopped or "cancelled"
            self._stops.cancel(frame, dict.fromkeys(following.cancel, reason))
        if following.done:
            self._defer(frame.end)

    def _line_up(self, frame: Frame, numbers: Sequence[int]) -> None:
        """Steps have become ready: they start when there is room."""
        self._pump.line_up(frame, numbers)
        if frame.context.events is None and frame.scope.plan.plain:
            return
        for number in numbers:
            if frame.scope.stopped is not None:
                return  # an observer has stopped it
            self._make_ready(frame, number)

    def _make_ready(self, frame: Frame, number: int) -> None:
        """Keep what its join has counted, tell of it, and begin its total timeout."""
        plan, context = frame.scope.plan, frame.context
        if number in plan.joins:
            context.joined = {**context.joined, number: frame.scope.joined(number)}
        total = plan.steps[number].total_timeout
        if total is not None:
            frame.timers[number] = self._clock.call_later(total, partial(self._step_time_out, frame, number))
        if context.events is not None and plan.own_steps:
            context.events.emit(StepReady, frame.path(number))

    def _skip(self, frame: Frame, skips: Sequence[tuple[int, str]]) -> None:
        """Record skips that the scheduler decided. A fallback that cannot be rendered fails the scope."""
        now_ns = self.context.epoch_ns + self._now_ns()
        broken: StepResult | None = None
        for number, reason in skips:
            result = outcome.skipped(frame.step(number), frame.context, reason, now_ns=now_ns)
            self._record(frame, number, result)
            broken = broken or (result if result.status is _FAILED else None)
        if broken is not None and frame.error is None:
            frame.error = broken.error
            self._stage.stop(frame, f"stopped: {broken.step_id}")

    def _step_time_out(self, frame: Frame, number: int) -> None:
        """The step's total timeout is over, whether it runs, waits for its next attempt, or for a slot."""
        path, seconds = frame.path(number), frame.step(number).total_timeout
        error = TimeoutExceededError(
            f"step {path!r} took longer than its total timeout of {seconds:g} s, waits included",
            retryable=False,
        )
        if (number in frame.tasks or number in frame.children) and frame.scope.stopped is None:
            self._stops.cancel(frame, {number: error})
        elif frame.scope.run(number):
            frame.reasons[number] = error
            self._recorder.take_in(frame, number, self._stops.result(frame, number))
