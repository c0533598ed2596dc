"""The driver of one execution: tasks, timers, slots. It carries out what the scheduler decides.

Theory of operation
-------------------
Steps that are ready go through one queue; settling a step only ever appends to it, and :meth:`Driver._pump`
is the only place that starts a step, so the stack never grows with the length of a chain. A step is one
task with a context of its own. It ends in a result and never raises into its surroundings; results are
recorded (journal, commit) before the scheduler hears of them.

The tasks form a nursery of our own rather than an ``asyncio.TaskGroup``: a tool that is deaf to its
cancellation must be left behind after a grace period, and a task group waits for its children for ever.
What the group would guarantee holds here too: :meth:`Driver.run` returns, or raises its caller's
cancellation, only when no step's task is left but those it has warned about.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Protocol

import attrs

from ael import outcome
from ael.context import ExecutionContext
from ael.errors import AELError, TimeoutExceededError, ToolError
from ael.event_log import tell
from ael.events import StepReady
from ael.frame import Failure, Frame, Spawner, Stops
from ael.plan import PlanStep
from ael.ports import Clock, Journal
from ael.recorder import Recorder
from ael.scheduler import Next, Scope
from ael.slots import Slots
from ael.turns import Turns
from ael.types import StepResult, StepStatus

__all__ = ["Driver", "Limits", "StepRunner"]

_COMPLETED = StepStatus.COMPLETED
_BATCH = 128
"""Most tasks created in one pass of the loop: they all run in the next, before anybody can say stop."""


@attrs.frozen
class Limits:
    """Bounds of one execution: attempts at once, seconds of the whole, seconds for deaf tools."""

    max_parallel: int | None
    timeout: float | None
    cancel_grace: float


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
        warn: Told, in a sentence, of what was not quite right; goes to the result and the log.

    Attributes:
        error: Why the execution failed, or ``None``.
        cancelled: Whether it was cancelled.
    """

    def __init__(
        self,
        context: ExecutionContext,
        execute_step: StepRunner,
        *,
        clock: Clock,
        limits: Limits,
        journal: Journal | None = None,
        warn: Callable[[str], None],
    ) -> None:
        self.context = context
        self.error: AELError | None = None
        self.cancelled = False
        self._execute_step = execute_step
        self._clock = clock
        self._now_ns = clock.monotonic_ns
        self._limits = limits
        self._recorder = Recorder(journal, context.execution_id, self._settle, self._pump)
        self._loop = asyncio.get_running_loop()
        self._spawn = Spawner()
        self._frame = Frame(Scope(context.plan), context)
        self._ready: deque[tuple[Frame, int]] = deque()
        self._pumping = False
        self._waiter: asyncio.Future[None] | None = None
        self._runner: asyncio.Task[object] | None = None
        self._slots = Slots(limits.max_parallel, self._pump)
        self._turns = Turns(clock.monotonic_ns, self._pump)
        self._stops = Stops(clock, limits.cancel_grace, self._finish, warn)
        context.host = Host(self._slots, self._stops, self._go_on_without)

    # -- the whole ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run all steps; returns when the last has settled. What became of them is in the context.

        Cancelling it cancels the steps, waits for their cleanup (bounded), and lets the cancellation through.
        """
        seconds = self._limits.timeout
        timer = None if seconds is None else self._clock.call_later(seconds, self._time_out)
        self._runner = asyncio.current_task()
        try:
            self._carry_out(self._frame, self._frame.scope.begin())
            self._pump()
            if self._settled:
                await asyncio.sleep(0)  # one execution after another must not starve the loop
            await self._wait_settled()
        finally:
            if timer is not None:
                timer.cancel()
            self._stops.close()
            if self.context.deadlines is not None:
                self.context.deadlines.stop()

    async def _wait_settled(self) -> None:
        """Wait for the last step, whatever happens; a cancellation stops the steps first and then goes through."""
        interrupted: asyncio.CancelledError | None = None
        while not self._settled:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            except asyncio.CancelledError as cancellation:
                interrupted = cancellation
                self.cancel()
        if interrupted is not None:
            raise interrupted

    @property
    def _settled(self) -> bool:
        return self._frame.scope.done and not self._frame.tasks and not self._recorder.pending

    def cancel(self) -> None:
        """Stop the execution: nothing starts any more, what runs is cancelled. Idempotent, returns at once."""
        if self._frame.scope.stopped is None and not self._frame.scope.done:
            self.cancelled = True
            self._stop("cancelled")

    def _time_out(self) -> None:
        if self._frame.scope.stopped is None and not self._frame.scope.done:
            self.error = TimeoutExceededError(
                f"workflow {self.context.plan.id!r} took longer than its timeout of {self._limits.timeout:g} s",
                code="WORKFLOW_TIMEOUT",
            )
            self._stop("cancelled: workflow timeout")

    def _stop(self, reason: str) -> None:
        self._carry_out(self._frame, self._frame.scope.stop(reason))

    # -- starting steps ----------------------------------------------------------------------------

    def _pump(self) -> None:
        """Start what is ready, as far as slots and this turn go. Never re-entered."""
        if self._pumping or not self._ready or self._slots.free <= 0:
            return
        self._pumping = True
        try:
            self._start_ready()
        finally:
            self._pumping = False

    def _start_ready(self) -> None:
        ready, slots, turns = self._ready, self._slots, self._turns
        turns.share(len(ready) + len(self._frame.tasks))
        room = _BATCH
        while ready and slots.free > 0:
            if room == 0 or self._now_ns() >= turns.ends:
                turns.ask()
                break
            frame, number = ready.popleft()
            if frame.scope.run(number):
                slots.free -= 1
                room -= 1
                self._start(frame, number)

    def _start(self, frame: Frame, number: int, resume: Failure | None = None) -> None:
        """Begin a step's task. One that is begun at once may be stopped before anybody knows its task."""
        work = self._run_step(frame, number, resume)
        try:
            self._spawn(frame, number, work)
        except Exception as error:  # noqa: BLE001 - an application's task factory may raise anything
            work.close()
            self._finish(
                frame,
                number,
                outcome.internal_failure(frame.step(number), error, now_ns=self.context.epoch_ns + self._now_ns()),
            )
        if frame.reasons and number in frame.reasons:
            self._stops.cancel(frame, {number: frame.reasons[number]})

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
            result = outcome.internal_failure(step, error, now_ns=self.context.epoch_ns + self._now_ns())
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
        self._recorder.take_in(frame, number, result)

    def _settle(self, frame: Frame, number: int, result: StepResult) -> None:
        frame.context.record(number, result)
        if frame.context.events is not None:
            tell(frame.context.events, frame.step(number).path, result)
        if frame.timers or frame.reasons:
            frame.forget(number)
        scope, status = frame.scope, result.status
        ready = scope.complete(number) if status is _COMPLETED else None
        if ready is not None:
            if ready:
                self._line_up(frame, ready)
            elif scope.done:
                self._wake()
            return
        if status is StepStatus.FAILED and frame.scope.stopped is None:
            self.error = result.error
        self._carry_out(frame, frame.scope.settle(number, status, taken=not outcome.travels(result)))

    def _carry_out(self, frame: Frame, following: Next) -> None:
        if following.start:
            self._line_up(frame, following.start)
        if following.skipped:
            self._skip(frame, following.skipped)
        if following.cancel:
            reason = frame.scope.stopped or "cancelled"
            self._stops.cancel(frame, dict.fromkeys(following.cancel, reason))
        if following.done:
            self._wake()

    def _wake(self) -> None:
        """Let ``run`` look whether everything has settled."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _line_up(self, frame: Frame, numbers: Sequence[int]) -> None:
        """Steps have become ready: they start when there is room; their total timeouts begin now."""
        for number in numbers:
            self._ready.append((frame, number))
        if frame.context.events is None and not frame.scope.plan.timeouts:
            return
        for number in numbers:
            step = frame.step(number)
            if frame.context.events is not None:
                frame.context.events.emit(StepReady, step.path)
            if frame.scope.stopped is not None:
                return  # an observer has stopped it
            if step.total_timeout is not None:
                expire = partial(self._step_time_out, frame, number)
                frame.timers[number] = self._clock.call_later(step.total_timeout, expire)

    def _skip(self, frame: Frame, skips: Sequence[tuple[int, str]]) -> None:
        """Record skips that the scheduler decided. A fallback that cannot be rendered fails the execution."""
        now_ns = self.context.epoch_ns + self._now_ns()
        for number, reason in skips:
            result = outcome.skipped(frame.step(number), frame.context, reason, now_ns=now_ns)
            frame.context.record(number, result)
            if frame.context.events is not None:
                tell(frame.context.events, frame.step(number).path, result)
            frame.forget(number)
            if result.status is StepStatus.FAILED and self.error is None:
                self.error = result.error
                self._stop(f"stopped: {result.step_id}")

    def _step_time_out(self, frame: Frame, number: int) -> None:
        """The step's total timeout is over, whether it runs, waits for its next attempt, or for a slot."""
        step = frame.step(number)
        error = TimeoutExceededError(
            f"step {step.path!r} took longer than its total timeout of {step.total_timeout:g} s, waits included",
            retryable=False,
        )
        if number in frame.tasks and frame.scope.stopped is None:
            self._stops.cancel(frame, {number: error})
        elif frame.scope.run(number):
            frame.reasons[number] = error
            self._recorder.take_in(frame, number, self._stops.result(frame, number))

    def _go_on_without(self, step: PlanStep, attempt: int, error: AELError) -> None:
        frame = self._frame
        if step.number in frame.tasks and step.number not in frame.reasons:
            failure = Failure(attempt, error, frame.context.begun_ns[step.number])
            self._stops.abandon(frame, step.number)
            self._start(frame, step.number, failure)


class Host:
    """Implements :class:`ael.context.StepHost`: what a running step may ask of its driver."""

    __slots__ = ("_go_on", "_slots", "_stops")

    def __init__(self, slots: Slots, stops: Stops, go_on: Callable[[PlanStep, int, AELError], None]) -> None:
        self._slots = slots
        self._stops = stops
        self._go_on = go_on

    async def wait_without_slot(self, waiting: Awaitable[object]) -> None:
        """Await something that takes no slot of ``max_parallel``."""
        await self._slots.wait_without(waiting)

    def go_on_without(self, step: PlanStep, attempt: int, error: AELError) -> None:
        """The attempt is over, but its tool is deaf: leave the task behind and go on in a new one."""
        self._go_on(step, attempt, error)

    def is_left_behind(self) -> bool:
        """Whether the current task was given up."""
        return self._stops.is_left_behind()
