"""One scope being driven: how the tasks of its steps are started, and how they are stopped."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import TypeAlias

import attrs

from ael import outcome
from ael.context import ExecutionContext
from ael.errors import AELError
from ael.plan import PlanStep
from ael.ports import Clock, TimerHandle
from ael.scheduler import Scope
from ael.types import StepResult

__all__ = ["Failure", "Finish", "Frame", "Spawner", "Stops"]


@attrs.frozen
class Failure:
    """A failed attempt from which a step goes on: its number, its error, when the step's first attempt began."""

    attempt: int
    error: AELError
    started_ns: int


class Frame:
    """A scope, its data, and the tasks and timers of its steps.

    Attributes:
        tasks: Step number → its task; of every running step that counts.
        timers: Step number → the timer of its total timeout.
        reasons: Step number → why it is being stopped: a skip reason, or an error that takes its course.
    """

    __slots__ = ("context", "reasons", "scope", "tasks", "timers")

    def __init__(self, scope: Scope, context: ExecutionContext) -> None:
        self.scope = scope
        self.context = context
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.timers: dict[int, TimerHandle] = {}
        self.reasons: dict[int, str | AELError] = {}

    def step(self, number: int) -> PlanStep:
        """The step with that number."""
        return self.scope.plan.steps[number]

    def forget(self, number: int) -> None:
        """The step has settled: call off its timer."""
        timer = self.timers.pop(number, None)
        if timer is not None:
            timer.cancel()
        self.reasons.pop(number, None)


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
        elif sys.version_info >= (3, 12):
            task = asyncio.Task(
                work, loop=self._loop, name=frame.scope.plan.steps[number].path, context=context, eager_start=True
            )
        else:
            task = asyncio.Task(work, loop=self._loop, name=frame.scope.plan.steps[number].path, context=context)
        if not task.done():
            frame.tasks[number] = task


Finish: TypeAlias = Callable[[Frame, int, StepResult], None]


class Stops:
    """Stops running steps: cancels them, accounts for them, and leaves behind those that are deaf.

    Args:
        grace: Seconds that a cancelled step has for its cleanup.
        finish: Takes the result of a step whose task cannot give it.
        warn: Told, in a sentence, of tools that were left behind.

    Attributes:
        left_behind: Tasks that were given up and still run.
    """

    def __init__(self, clock: Clock, grace: float, finish: Finish, warn: Callable[[str], None]) -> None:
        self._clock = clock
        self._grace = grace
        self._finish = finish
        self._warn = warn
        self.left_behind: set[asyncio.Task[None]] = set()
        self._timers: list[TimerHandle] = []

    def is_left_behind(self) -> bool:
        """Whether the current task was given up: whatever it still does counts for nothing."""
        return asyncio.current_task() in self.left_behind

    def cancel(self, frame: Frame, reasons: Mapping[int, str | AELError]) -> None:
        """Cancel running steps; whoever has not ended after the grace period is left behind."""
        frame.reasons.update(reasons)
        tasks = {number: frame.tasks[number] for number in reasons if number in frame.tasks}
        for number, task in tasks.items():
            task.cancel()
            task.add_done_callback(self._accountant(frame, number))
        if tasks:
            self._timers.append(self._clock.call_later(self._grace, lambda: self._leave_behind(frame, tasks)))

    def result(self, frame: Frame, number: int) -> StepResult:
        """What becomes of a step that was stopped: cancelled, or what its error policy makes of the reason."""
        context, step = frame.context, frame.step(number)
        reason = frame.reasons.get(number, "cancelled")
        attempt, started_ns = context.attempts[number], context.begun_ns[number]
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
        self._warn(f"step {step.path!r}: {what} ignored its cancellation for {self._grace:g} s and was left behind")

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
