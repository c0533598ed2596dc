"""The driver of one execution: tasks, timers, slots. It carries out what the scheduler decides.

Theory of operation
-------------------
Steps that are ready go through one queue; settling a step only ever appends to it, and :meth:`Driver._pump`
is the only place that starts a task, so the stack never grows with the length of a chain. A step is one
task with a context of its own. It ends in a result and never raises into its surroundings; results are
recorded (journal, commit) before the scheduler hears of them.

The tasks form a nursery of our own rather than an ``asyncio.TaskGroup``: a tool that is deaf to its
cancellation must be left behind after a grace period, and a task group waits for its children for ever.
What the group would guarantee holds here too: :meth:`Driver.run` returns, or raises its caller's
cancellation, only when no step's task is left but those it has warned about.

Steps that never suspend would starve the loop. All of an execution's steps together get turns of five
milliseconds; when a turn is over, the rest waits for the loop to come round.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Protocol, TypeAlias

import attrs

from ael import outcome
from ael.context import ExecutionContext
from ael.errors import AELError, TimeoutExceededError
from ael.events import StepCancelled, StepCompleted, StepFailed, StepReady, StepSkipped
from ael.plan import PlanStep
from ael.ports import Clock, Journal, StepRecord, TimerHandle
from ael.scheduler import Next, Scope
from ael.slots import Slots
from ael.types import StepResult, StepStatus

__all__ = ["Driver", "Failure", "Limits", "StepRunner"]

_COMPLETED = StepStatus.COMPLETED
_TURN_NS = 5_000_000
_BATCH = 128
_EAGER = sys.version_info >= (3, 12)


@attrs.frozen
class Failure:
    """A failed attempt from which a step goes on: its number and its error."""

    attempt: int
    error: AELError
    started_ns: int


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


class _Frame:
    """One scope being driven: its data, the tasks and timers of its steps, and why some are being stopped."""

    __slots__ = ("context", "reasons", "scope", "tasks", "timers")

    def __init__(self, scope: Scope, context: ExecutionContext) -> None:
        self.scope = scope
        self.context = context
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.timers: dict[int, TimerHandle] = {}
        self.reasons: dict[int, str | AELError] = {}

    def step(self, number: int) -> PlanStep:
        return self.scope.plan.steps[number]


_Batch: TypeAlias = "list[tuple[_Frame, int, StepResult]]"


class Driver:
    """Runs one execution. All methods are called on the loop's thread.

    Args:
        warn: Told, in a sentence, of what was not quite right; goes to the result and the log.
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
        self._journal = journal
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._base = contextvars.copy_context()
        self._frame = _Frame(Scope(context.plan), context)
        self._ready: deque[tuple[_Frame, int]] = deque()
        self.slots = Slots(limits.max_parallel, self._pump)
        self._batch: _Batch = []
        self._left_behind: set[asyncio.Task[None]] = set()
        self._pumping = False
        self._turn_ends = self._now_ns() + _TURN_NS
        self._turn_asked = False
        self._waiter: asyncio.Future[None] | None = None
        self._timers: list[TimerHandle] = []
        self._factory = self._loop.get_task_factory()

    # -- the whole ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run all steps; returns when the last has settled. What became of them is in the context.

        Cancelling it cancels the steps, waits for their cleanup (bounded), and lets the cancellation through.
        """
        if self._limits.timeout is not None:
            self._timers.append(self._clock.call_later(self._limits.timeout, self._time_out))
        interrupted: asyncio.CancelledError | None = None
        self._carry_out(self._frame, self._frame.scope.begin())
        self._pump()
        while not self._settled:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            except asyncio.CancelledError as cancellation:
                interrupted = cancellation
                self.cancel()
        self._waiter = None
        for timer in (*self._timers, *self._frame.timers.values()):
            timer.cancel()
        if self.context.deadlines is not None:
            self.context.deadlines.stop()
        if interrupted is not None:
            raise interrupted

    @property
    def _settled(self) -> bool:
        return self._frame.scope.done and not self._frame.tasks and not self._batch

    def cancel(self) -> None:
        """Stop the execution: nothing starts any more, what runs is cancelled. Idempotent, returns at once."""
        if self._frame.scope.stopped is None and not self._frame.scope.done:
            self.cancelled = True
            self._stop("cancelled")

    def _time_out(self) -> None:
        if self._frame.scope.stopped is None and not self._frame.scope.done:
            seconds = self._limits.timeout
            self.error = TimeoutExceededError(
                f"workflow {self.context.plan.id!r} took longer than its timeout of {seconds:g} s",
                code="WORKFLOW_TIMEOUT",
            )
            self._stop("cancelled: workflow timeout")

    def _stop(self, reason: str) -> None:
        self._carry_out(self._frame, self._frame.scope.stop(reason))
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and self._settled and not self._waiter.done():
            self._waiter.set_result(None)

    # -- starting steps ----------------------------------------------------------------------------

    def _pump(self) -> None:
        """Start what is ready, as far as slots and this turn go. Never re-entered."""
        if self._pumping:
            return
        self._pumping = True
        ready, slots = self._ready, self.slots
        room = _BATCH
        while ready and slots.free > 0:
            if room == 0 or self._now_ns() >= self._turn_ends:
                self._ask_turn()
                break
            frame, number = ready.popleft()
            if frame.scope.run(number):
                slots.free -= 1
                room -= 1
                self._spawn(frame, number, self._run_step(frame, number))
        self._pumping = False

    def _ask_turn(self) -> None:
        if not self._turn_asked:
            self._turn_asked = True
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn_asked = False
        self._turn_ends = self._now_ns() + _TURN_NS
        self._pump()

    def _spawn(self, frame: _Frame, number: int, work: Coroutine[None, None, None]) -> None:
        context = self._base.copy()
        if self._factory is not None:
            task = self._loop.create_task(work, context=context)
        elif _EAGER:
            name = frame.scope.plan.steps[number].path
            task = asyncio.Task(work, loop=self._loop, name=name, context=context, eager_start=True)
            if task.done():
                return
        else:
            name = frame.scope.plan.steps[number].path
            task = asyncio.Task(work, loop=self._loop, name=name, context=context)
        frame.tasks[number] = task

    async def _wait_turn(self) -> None:
        """Let the loop come round until there is a turn with time left; the first to return opens it."""
        while self._now_ns() >= (seen := self._turn_ends):
            await asyncio.sleep(0)
            if self._turn_ends == seen:
                self._turn_ends = self._now_ns() + _TURN_NS
                return

    async def _run_step(self, frame: _Frame, number: int, resume: Failure | None = None) -> None:
        step = frame.scope.plan.steps[number]
        try:
            if self._now_ns() >= self._turn_ends:
                await self._wait_turn()
            result = await self._execute_step(step, frame.context, resume)
        except asyncio.CancelledError:
            if number not in frame.reasons and not self.is_left_behind():
                self.cancel()  # somebody cancels our tasks over our head: asyncio.run is shutting down
            self._finish(frame, number, self._stopped_result(frame, number))
            raise
        except Exception as error:  # the step boundary: a bug of ours must not take the execution with it
            result = outcome.internal_failure(step, error, now_ns=self._epoch_now(frame))
        self._finish(frame, number, result)

    # -- ending steps ------------------------------------------------------------------------------

    def _finish(self, frame: _Frame, number: int, result: StepResult) -> None:
        """A step's task is about to end: record its result, then let what follows from it follow."""
        if self._left_behind and self.is_left_behind():
            return
        frame.tasks.pop(number, None)
        if self.slots.queue:
            self.slots.release()
        else:
            self.slots.free += 1
        self._record(frame, number, result)

    def _record(self, frame: _Frame, number: int, result: StepResult) -> None:
        if self._journal is None:
            self._settle(frame, number, result)
            if self._ready and not self._pumping:
                self._pump()
            return
        self._batch.append((frame, number, result))
        if len(self._batch) == 1:
            if self._journal.batched:
                self._loop.call_soon(self._flush)
            else:
                self._flush()

    def _flush(self) -> None:
        """One commit for all results of a pass of the loop; nothing follows from them before it returned."""
        assert self._journal is not None
        batch, self._batch = self._batch, []
        execution_id = self.context.execution_id
        self._journal.append(
            [StepRecord(execution_id, frame.step(n).path, result.attempt, result) for frame, n, result in batch]
        )
        self._journal.commit()
        for frame, number, result in batch:
            self._settle(frame, number, result)
        self._pump()

    def _settle(self, frame: _Frame, number: int, result: StepResult) -> None:
        frame.context.record(number, result)
        status = result.status
        if frame.context.events is not None:
            self._tell(frame, number, result)
        if frame.timers or frame.reasons:
            self._forget(frame, number)
        if status is _COMPLETED:
            self._carry_out(frame, frame.scope.settle(number, status))
            return
        if status is StepStatus.FAILED and frame.scope.stopped is None:
            self.error = result.error
        self._carry_out(frame, frame.scope.settle(number, status, taken=not outcome.travels(result)))

    def _forget(self, frame: _Frame, number: int) -> None:
        timer = frame.timers.pop(number, None)
        if timer is not None:
            timer.cancel()
        frame.reasons.pop(number, None)

    def _carry_out(self, frame: _Frame, following: Next) -> None:
        if following.start:
            self._ready.extend([(frame, number) for number in following.start])
            if frame.context.events is not None or frame.scope.plan.timeouts:
                self._announce(frame, following.start)
        if following.skipped:
            self._skip(frame, following.skipped)
        if following.cancel:
            reason = frame.scope.stopped or "cancelled"
            self._cancel(frame, dict.fromkeys(following.cancel, reason))
        if following.done:
            self._wake()

    def _announce(self, frame: _Frame, numbers: Sequence[int]) -> None:
        for number in numbers:
            step = frame.step(number)
            if frame.context.events is not None:
                frame.context.events.emit(StepReady, step.path)
            if step.total_timeout is not None:
                frame.timers[number] = self._clock.call_later(
                    step.total_timeout, lambda number=number: self._step_time_out(frame, number)
                )

    def _skip(self, frame: _Frame, skips: Sequence[tuple[int, str]]) -> None:
        """Record skips that the scheduler decided. A fallback that cannot be rendered fails the execution."""
        for number, reason in skips:
            result = outcome.skipped(frame.step(number), frame.context, reason, now_ns=self._epoch_now(frame))
            frame.context.record(number, result)
            if frame.context.events is not None:
                self._tell(frame, number, result)
            if frame.timers:
                self._forget(frame, number)
            if result.status is StepStatus.FAILED and self.error is None:
                self.error = result.error
                self._stop(f"stopped: {result.step_id}")

    # -- stopping steps ----------------------------------------------------------------------------

    def _cancel(self, frame: _Frame, reasons: dict[int, str | AELError]) -> None:
        """Cancel running steps; whoever has not ended after the grace period is left behind."""
        tasks = {}
        for number, reason in reasons.items():
            task = frame.tasks.get(number)
            frame.reasons[number] = reason
            if task is not None:
                tasks[number] = task
                task.cancel()
                task.add_done_callback(lambda task, number=number: self._account(frame, number, task))
        if tasks:
            self._timers.append(
                self._clock.call_later(self._limits.cancel_grace, lambda: self._leave_behind(frame, tasks))
            )

    def _account(self, frame: _Frame, number: int, task: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first line never runs: nobody else would settle its step."""
        if frame.tasks.get(number) is task:
            self._finish(frame, number, self._stopped_result(frame, number))

    def _stopped_result(self, frame: _Frame, number: int) -> StepResult:
        reason = frame.reasons.get(number, "cancelled")
        step = frame.step(number)
        attempt, started_ns = frame.context.attempts[number], frame.context.begun_ns[number]
        now_ns = self._epoch_now(frame)
        if isinstance(reason, AELError):
            return outcome.failed(
                step, frame.context, reason, now_ns=now_ns, attempt=attempt, started_ns=started_ns
            )
        return outcome.cancelled(step, reason, now_ns=now_ns, attempt=attempt, started_ns=started_ns)

    def _leave_behind(self, frame: _Frame, tasks: dict[int, asyncio.Task[None]]) -> None:
        for number, task in tasks.items():
            if frame.tasks.get(number) is task:
                self._abandon(frame, number)
                self._finish(frame, number, self._stopped_result(frame, number))

    def _abandon(self, frame: _Frame, number: int) -> None:
        """From now on the task counts for nothing; it ends when its tool lets it."""
        task = frame.tasks.pop(number)
        self._left_behind.add(task)
        task.add_done_callback(self._left_behind.discard)
        step = frame.step(number)
        what = f"tool {step.tool!r}" if step.tool else "code"
        self._warn(
            f"step {step.path!r}: {what} ignored its cancellation for {self._limits.cancel_grace:g} s and was left behind"
        )

    def _step_time_out(self, frame: _Frame, number: int) -> None:
        step = frame.step(number)
        error = TimeoutExceededError(
            f"step {step.path!r} took longer than its total timeout of {step.total_timeout:g} s, waits included",
            retryable=False,
        )
        if frame.scope.stopped is not None:
            return
        if number in frame.tasks:
            self._cancel(frame, {number: error})
        elif frame.scope.run(number):
            frame.reasons[number] = error
            self._record(frame, number, self._stopped_result(frame, number))

    # -- what the engine asks of the driver while a step runs ----------------------------------------

    async def wait_without_slot(self, waiting: Awaitable[object]) -> None:
        """Await something that takes no slot of ``max_parallel``."""
        await self.slots.wait_without(waiting)

    def go_on_without(self, step: PlanStep, attempt: int, error: AELError) -> None:
        """The attempt is over, but its tool is deaf: leave the task behind and go on in a new one."""
        frame = self._frame
        if step.number in frame.tasks:
            failure = Failure(attempt, error, frame.context.begun_ns[step.number])
            self._abandon(frame, step.number)
            self._spawn(frame, step.number, self._run_step(frame, step.number, failure))

    def is_left_behind(self) -> bool:
        """Whether the current task was given up: whatever it still does counts for nothing."""
        return asyncio.current_task() in self._left_behind

    def _epoch_now(self, frame: _Frame) -> int:
        return frame.context.epoch_ns + self._now_ns()

    def _tell(self, frame: _Frame, number: int, result: StepResult) -> None:
        events = frame.context.events
        assert events is not None
        path = frame.step(number).path
        error = None if result.error is None else events.view(result.error)
        match result.status:
            case StepStatus.COMPLETED:
                events.emit(StepCompleted, path, result.attempt, duration_ms=result.duration_ms)
            case StepStatus.FAILED:
                events.emit(StepFailed, path, result.attempt, error=error, duration_ms=result.duration_ms)
            case StepStatus.SKIPPED:
                events.emit(StepSkipped, path, result.attempt, reason=result.skip_reason, error=error)
            case _:
                events.emit(StepCancelled, path, result.attempt, reason=result.skip_reason)
