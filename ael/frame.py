"""One scope being driven: how the tasks of its steps are started, and how they are stopped."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Protocol, TypeAlias

import attrs

from ael import outcome
from ael.context import ExecutionContext
from ael.errors import AELError
from ael.gates import Gates
from ael.plan import Plan, PlanStep
from ael.pools import Ticket
from ael.ports import Clock, TimerHandle
from ael.scheduler import Scope
from ael.slots import Slots
from ael.types import AttemptResult, JsonValue, StepResult

__all__ = ["Child", "Failure", "Finish", "Frame", "Host", "Run", "Spawner", "Stops"]


@attrs.frozen
class Failure:
    """A failed attempt from which a step goes on: its number, its error, when the step's first attempt began.

    ``ended_ns`` is when it failed; ``before`` are the attempts that failed before it.
    """

    attempt: int
    error: AELError
    started_ns: int
    ended_ns: int
    before: tuple[AttemptResult, ...] = ()

    def all(self) -> tuple[AttemptResult, ...]:
        """Every attempt that failed so far, this one last."""
        return (*self.before, AttemptResult(self.attempt, self.error, self.ended_ns))


class Child(Protocol):
    """What a composite step is to its frame while it runs."""

    def stop(self, reason: str) -> None:
        """End what runs in it, and then the step, as :meth:`Stops.result` says. Idempotent; returns at once."""
        ...


class Run(Protocol):
    """What a frame knows of the run of the workflow that it is part of."""

    plan: Plan
    undoing: bool

    def completed(self, frame: Frame, number: int, result: StepResult) -> None:
        """A step has completed, which may have to be undone."""
        ...

    def remember(self, undo: Plan, context: ExecutionContext, prefix: str, output: JsonValue) -> None:
        """Something has completed that has an ``undo``."""
        ...

    def leave(self, step: PlanStep, context: ExecutionContext) -> str | None:
        """An ``exit`` was reached: the workflow ends when what runs has, the ``exit`` itself last; gives its reason."""
        ...


class Frame:
    """A scope, its data, and the tasks and timers of its steps. Implements :class:`ael.context.StepHost`.

    Attributes:
        tasks: Step number → its task; of every running step that counts.
        children: Step number → what it is made of; of every composite step that runs.
        timers: Step number → the timer of its total timeout.
        reasons: Step number → why it is being stopped: a skip reason, or an error that takes its course.
        error: Why the scope failed, or ``None``.
        waiting: Running steps between two attempts, or before a pool: no call of theirs is in flight.
        run: The run of the workflow that it is part of.

    Args:
        on_done: Called once, when every step has settled.
    """

    __slots__ = (
        "_host",
        "_on_done",
        "children",
        "context",
        "error",
        "reasons",
        "run",
        "scope",
        "tasks",
        "timers",
        "waiting",
    )

    def __init__(self, host: Host, context: ExecutionContext, run: Run, on_done: Callable[[], None]) -> None:
        self._host = host
        self._on_done: Callable[[], None] | None = on_done
        self.run = run
        self.scope = Scope(context.plan)
        self.context = context
        self.error: AELError | None = None
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.children: dict[int, Child] = {}
        self.timers: dict[int, TimerHandle] = {}
        self.reasons: dict[int, str | AELError] = {}
        self.waiting: set[int] = set()
        context.host = self

    def step(self, number: int) -> PlanStep:
        """The step with that number."""
        return self.scope.plan.steps[number]

    def path(self, number: int) -> str:
        """Its address in the execution."""
        return self.context.path(self.scope.plan.steps[number])

    def broken(self, number: int, error: Exception, *, now_ns: int) -> StepResult:
        """The result of a step whose run broke the engine."""
        return outcome.internal_failure(self.step(number), self.path(number), error, now_ns=now_ns)

    def forget(self, number: int) -> None:
        """The step has settled: call off its timer."""
        timer = self.timers.pop(number, None)
        if timer is not None:
            timer.cancel()
        self.reasons.pop(number, None)

    def end(self) -> None:
        """Every step has settled: tell whoever opened the frame, once."""
        on_done, self._on_done = self._on_done, None
        if on_done is None:
            return
        if not self._host.stops.left_behind:
            self.context.host = None  # a circle for the garbage collector, of every item; nobody asks any more
        on_done()

    async def wait_without_slot(self, step: PlanStep, waiting: Awaitable[object]) -> None:
        """Await something that takes no slot of ``max_parallel``."""
        self.waiting.add(step.number)
        try:
            await self._host.slots.wait_without(waiting)
        finally:
            self.waiting.discard(step.number)

    def go_on_without(self, step: PlanStep, attempt: int, error: AELError, task: asyncio.Task[object]) -> None:
        """The attempt is over, but its tool is deaf: leave its task behind and go on in a new one."""
        number = step.number
        if self.tasks.get(number) is task and number not in self.reasons:
            started_ns = self.context.begun_ns[number]
            failure = Failure(attempt, error, started_ns, self.context.epoch_ns + self._host.now_ns())
            self._host.stops.abandon(self, number)
            self._host.restart(self, number, failure)

    def is_stopping(self, step: PlanStep) -> bool:
        """Whether the step is to end, and no further attempt to be made."""
        return step.number in self.reasons

    def is_left_behind(self) -> bool:
        """Whether the current task was given up."""
        return self._host.stops.is_left_behind()

    async def enter_pools(self, step: PlanStep) -> Ticket:
        """Wait, without a slot, until all pools that the step needs have room, and take it.

        A cancellation gives it back.
        """
        gates = self._host.gates
        ticket, turn = gates.enter(self._host.owner, step.limits)
        if turn is not None:
            try:
                await self.wait_without_slot(step, turn)
            except BaseException:
                gates.withdraw(ticket)
                raise
        return ticket

    def leave_pools(self, ticket: Ticket) -> None:
        """Give it back."""
        self._host.gates.release(ticket)


@attrs.define(eq=False)
class Host:
    """What all frames of one execution share.

    Attributes:
        owner: In whose name pools are entered: the execution's id.
        now_ns: The clock's monotonic nanoseconds.
        restart: Starts a step again, after an attempt that failed.
    """

    owner: str
    now_ns: Callable[[], int]
    slots: Slots
    gates: Gates
    stops: Stops
    restart: Callable[[Frame, int, Failure], None]


class Spawner:
    """Starts the task of a step: each in a context of its own, begun at once where the running Python can.

    No context variable reaches a step from another. An application's task factory is respected; it then
    decides when the task begins.
    """

    __slots__ = ("_base", "_factory", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._factory = self._loop.get_task_factory()
        self._base = contextvars.copy_context()

    def __call__(self, frame: Frame, number: int, work: Coroutine[None, None, None]) -> None:
        """Start ``work`` as the task of a step; one that has ended already by then is not kept."""
        context = self._base.copy()
        if self._factory is not None:
            task = self._loop.create_task(work, context=context)
        else:
            name = frame.context.prefix + frame.scope.plan.steps[number].suffix
            if sys.version_info >= (3, 12):
                task = asyncio.Task(work, loop=self._loop, name=name, context=context, eager_start=True)
            else:
                task = asyncio.Task(work, loop=self._loop, name=name, context=context)
        if not task.done():
            frame.tasks[number] = task


Finish: TypeAlias = Callable[[Frame, int, StepResult], None]


def _skip_reason(reason: str | AELError) -> str:
    return reason if isinstance(reason, str) else "cancelled"


class Stops:
    """Stops running steps: cancels them, accounts for them, and leaves behind those that are deaf.

    Args:
        grace: Seconds that a cancelled step has for its cleanup.
        undo_grace: Seconds that a step with an ``undo`` may go on before it is cancelled: an effect that is known
            to have happened can be taken back.
        finish: Takes the result of a step whose task cannot give it.
        warn: Told, in a sentence, of tools that were left behind.
        defer: Calls back when the stack allows: composite steps may be nested deeply.

    Attributes:
        left_behind: Tasks that were given up and still run.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        grace: float,
        undo_grace: float,
        finish: Finish,
        warn: Callable[[str], None],
        defer: Callable[[Callable[[], None]], None],
    ) -> None:
        self._clock = clock
        self._grace = grace
        self._undo_grace = undo_grace
        self._finish = finish
        self._warn = warn
        self.left_behind: set[asyncio.Task[None]] = set()
        self._defer = defer
        self._timers: set[TimerHandle] = set()
        self._cancelled: set[asyncio.Task[None]] = set()

    def is_left_behind(self) -> bool:
        """Whether the current task was given up: whatever it still does counts for nothing."""
        return asyncio.current_task() in self.left_behind

    def cancel(self, frame: Frame, reasons: Mapping[int, str | AELError]) -> None:
        """Cancel running steps; whoever has not ended after the grace period is left behind.

        The first reason to stop a step is the one that counts.
        """
        now: dict[int, asyncio.Task[None]] = {}
        later: dict[int, asyncio.Task[None]] = {}
        for number, reason in reasons.items():
            if number in frame.reasons:
                continue
            frame.reasons[number] = reason
            if number in frame.children:
                self._defer(partial(frame.children[number].stop, _skip_reason(reason)))
            elif number in frame.tasks:
                may_end = isinstance(reason, str) and self._may_end_first(frame, number)
                (later if may_end else now)[number] = frame.tasks[number]
        self.cancel_tasks(frame, now)
        if later:
            self._call_later(self._undo_grace, later.values(), lambda: self.cancel_tasks(frame, later))

    def _may_end_first(self, frame: Frame, number: int) -> bool:
        """Whether a call is in flight that could be taken back if it were known to have succeeded."""
        in_flight = number not in frame.waiting and frame.context.attempts[number] > 0
        return in_flight and self._undo_grace > 0 and frame.step(number).undo is not None

    def cancel_tasks(self, frame: Frame, tasks: Mapping[int, asyncio.Task[None]]) -> None:
        """Cancel the tasks of steps, by number, that are still theirs, and account for them."""
        tasks = {
            number: task
            for number, task in tasks.items()
            if frame.tasks.get(number) is task and task not in self._cancelled  # twice would interrupt its cleanup
        }
        for number, task in tasks.items():
            self._cancelled.add(task)
            task.cancel()
            task.add_done_callback(self._cancelled.discard)
            task.add_done_callback(self._accountant(frame, number))
        if tasks:
            self._call_later(self._grace, tasks.values(), lambda: self._leave_behind(frame, tasks))

    def _call_later(self, seconds: float, tasks: Iterable[asyncio.Task[None]], callback: Callable[[], None]) -> None:
        """A timer that is called off when all the tasks have ended."""
        waited = set(tasks)
        timer: TimerHandle

        def ring() -> None:
            self._timers.discard(timer)
            callback()

        def end(task: asyncio.Task[None]) -> None:
            waited.discard(task)
            if not waited:
                timer.cancel()
                self._timers.discard(timer)

        timer = self._clock.call_later(seconds, ring)
        self._timers.add(timer)
        for task in list(waited):
            task.add_done_callback(end)

    def result(self, frame: Frame, number: int) -> StepResult:
        """What becomes of a step that was stopped: cancelled, or what its error policy makes of the reason."""
        context, step = frame.context, frame.step(number)
        reason = frame.reasons.get(number, "cancelled")
        attempt = context.attempts[number]
        started_ns = context.begun_ns[number] if attempt else 0
        now_ns = context.epoch_ns + self._clock.monotonic_ns()
        if attempt == 0 and isinstance(reason, str):
            return outcome.skipped(step, context, reason, now_ns=now_ns)  # it had not started yet
        if isinstance(reason, AELError):
            return outcome.failed(step, context, reason, now_ns=now_ns, attempt=attempt, started_ns=started_ns)
        return outcome.cancelled(step, reason, now_ns=now_ns, attempt=attempt, started_ns=started_ns)

    def abandon(self, frame: Frame, number: int) -> None:
        """From now on the step's task counts for nothing; it ends when its tool lets it."""
        task = frame.tasks.pop(number)
        self.left_behind.add(task)
        task.add_done_callback(self.left_behind.discard)
        step = frame.step(number)
        what = f"tool {step.tool!r}" if step.tool else "its code"
        self._warn(
            f"step {frame.path(number)!r}: {what} ignored its cancellation for {self._grace:g} s and was left behind"
        )

    def close(self) -> None:
        """Call off the grace periods: everything has ended."""
        for timer in self._timers:
            timer.cancel()

    def _accountant(self, frame: Frame, number: int) -> Callable[[asyncio.Task[None]], None]:
        """A task that is cancelled before its first line never runs: nobody else would settle its step."""

        def account(task: asyncio.Task[None]) -> None:
            if frame.tasks.get(number) is task:
                self._finish(frame, number, self.result(frame, number))

        return account

    def _leave_behind(self, frame: Frame, tasks: Mapping[int, asyncio.Task[None]]) -> None:
        for number, task in tasks.items():
            if frame.tasks.get(number) is task:
                self.abandon(frame, number)
                self._finish(frame, number, self.result(frame, number))
