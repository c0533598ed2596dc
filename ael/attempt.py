"""One attempt of one step: the call, its time limit, and what its failure is called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from itertools import islice

import msgspec

from ael.code_calls import code_call
from ael.context import ExecutionContext, view_of
from ael.deadline import Deadline, Deadlines
from ael.errors import AELError, CodeError, InternalError, ToolError, ToolTimeoutError
from ael.event_log import StepSink
from ael.events import StepStarted
from ael.idle import IdleDeadline, Pulse
from ael.plan import PlanStep
from ael.ports import Clock, CodeExecutor, ToolCall, ToolInvoker, ToolOutcome
from ael.retry import UNKNOWN_OUTCOME
from ael.settings import Settings
from ael.templates import SkippedOutputError
from ael.types import JsonValue

__all__ = ["Attempts", "as_failure", "pass_on_cancellation"]


_LONGEST_SHOWN = 200
_MOST_SHOWN = 20
_PLACE = frozenset({"file", "line", "column", "params"})


class Attempts:
    """Makes attempts, with the tools and executors of one engine."""

    def __init__(
        self, invoker: ToolInvoker, executors: Mapping[str, CodeExecutor], clock: Clock, settings: Settings
    ) -> None:
        self._invoker = invoker
        self._executors = executors
        self._clock = clock
        self._default_timeout = settings.default_timeout
        self._grace = settings.cancel_grace

    def begin(self, step: PlanStep, context: ExecutionContext, attempt: int) -> Awaitable[ToolOutcome]:
        """Render the params of an attempt and give what is to be awaited: the call, within its timeout.

        Raises:
            TemplateError, SkippedOutputError: While the params are rendered.
        """
        seconds = step.attempt_timeout
        work: Awaitable[ToolOutcome]
        if step.tool is None:
            work = self._run_code(step, context, attempt)
        else:
            if seconds is None:
                seconds = self._default_timeout
            due = None if seconds is None else self._clock.monotonic() + seconds
            call = self._tool_call(step, context, attempt, due)
            idle = step.idle_timeout
            work = self._invoker.call(call) if idle is None else self._alive(idle, call, step, context)
        if context.events is not None:
            context.events.emit(StepStarted, context.path(step), attempt, max_attempts=step.max_attempts)
        return work if seconds is None else self._within(seconds, work, step, context)

    async def _alive(self, seconds: float, call: ToolCall, step: PlanStep, context: ExecutionContext) -> ToolOutcome:
        """Call a tool that must report progress at least every so many seconds."""
        pulse = Pulse(self._clock, call.sink)
        call = msgspec.structs.replace(call, sink=pulse)

        def late() -> AELError:
            return ToolTimeoutError(
                f"tool {step.tool!r} reported no progress for {seconds:g} s", hint="raise `timeout.idle`"
            )

        deadline = IdleDeadline(
            self._clock,
            self._grace,
            seconds,
            pulse,
            lambda task: _go_on_without(step, context, call.attempt, late(), task),
        )
        return await _until(deadline, self._invoker.call(call), late)

    def _tool_call(self, step: PlanStep, context: ExecutionContext, attempt: int, due: float | None) -> ToolCall:
        path = context.prefix + step.suffix
        events = context.events
        return ToolCall(
            step.tool or "",
            step.params(context, view_of(step, context, attempt) if step.needs_view else None),
            f"{context.execution_id}:{path}{context.rounds}",
            due,
            path,
            attempt,
            step.server,
            step.parse,
            None if events is None else StepSink(events, path, attempt),
        )

    async def _run_code(self, step: PlanStep, context: ExecutionContext, attempt: int) -> ToolOutcome:
        assert step.code is not None
        executor = self._executors.get(step.code.executor)
        if executor is None:
            raise CodeError(
                f"step {context.path(step)!r} asks for executor {step.code.executor!r}, and this engine has "
                f"{', '.join(self._executors) or 'none'}",
                code="CODE_UNSUPPORTED",
                hint="pip install 'ael[code]'",
            )
        return ToolOutcome(await executor.run(code_call(step, context, attempt)))

    def _within(
        self, seconds: float, work: Awaitable[ToolOutcome], step: PlanStep, context: ExecutionContext
    ) -> Awaitable[ToolOutcome]:
        if context.deadlines is None:
            context.deadlines = Deadlines(self._clock, self._grace)
        attempt = context.attempts[step.number]
        late = partial(_timeout_error, step, context, seconds)
        deadline = context.deadlines.open(seconds, lambda task: _go_on_without(step, context, attempt, late(), task))
        return _until(deadline, work, late)

    def show_params(self, step: PlanStep, context: ExecutionContext, attempt: int, error: AELError) -> None:
        """Put the params of a failed call into its error, masked, long ones cut."""
        if step.tool is None or error.code == "TEMPLATE_ERROR" or "params" in error.details:
            return
        try:
            params = self._tool_call(step, context, attempt, None).params
        except (AELError, SkippedOutputError):
            return  # they cannot be made again
        if params:
            error.details["params"] = _cut(context.masked(dict(params)))

    def may_repeat(self, step: PlanStep, context: ExecutionContext, attempt: int, error: AELError) -> bool:
        """After an attempt of unknown outcome: does the tool bear it, or did the step itself ask for it?"""
        if error.code not in UNKNOWN_OUTCOME or step.retry_own or step.tool is None:
            return True
        try:
            return self._invoker.repeatable(self._tool_call(step, context, attempt, None))
        except (AELError, SkippedOutputError):
            return False  # its params cannot be made again


def _cut(value: JsonValue, depth: int = 4) -> JsonValue:
    """A value for people to look at: long texts and lists are cut, what lies deeper left out."""
    match value:
        case str() if len(value) > _LONGEST_SHOWN:
            return f"{value[:_LONGEST_SHOWN]}… ({len(value):,} characters)"
        case dict() | list() if depth == 0:
            return "…"
        case dict():
            shown = {key: _cut(item, depth - 1) for key, item in islice(value.items(), _MOST_SHOWN)}
            return shown if len(value) <= _MOST_SHOWN else {**shown, "…": f"{len(value):,} keys"}
        case list():
            items = [_cut(item, depth - 1) for item in value[:_MOST_SHOWN]]
            return items if len(value) <= _MOST_SHOWN else [*items, f"… ({len(value):,} items)"]
    return value


def as_failure(step: PlanStep, error: BaseException) -> AELError:
    """What an attempt raised, as an error of ours; raises again what is not the tool's to raise."""
    if isinstance(error, AELError):
        return error if error.step_id is None else _anew(error)
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt) is not None:
        raise KeyboardInterrupt from error
    if isinstance(error, asyncio.CancelledError):
        pass_on_cancellation()
    what = f"tool {step.tool!r}" if step.tool is not None else "code"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    failure = ToolError(f"{what} failed: {text}") if step.tool is not None else InternalError(f"{what} failed: {text}")
    failure.__cause__ = error
    return failure


def _anew(error: AELError) -> AELError:
    """The same error for another step: one object, raised by several, must not carry the first one's place."""
    kind = type(error)
    copy = kind.__new__(kind, *error.args)
    copy.__dict__.update(error.__dict__)
    copy.step_id = None
    copy.details = {key: value for key, value in error.details.items() if key not in _PLACE}
    copy.__cause__ = error
    return copy


def pass_on_cancellation() -> None:
    """Raise ``CancelledError`` if the current task is being cancelled, whatever its work made of that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _timeout_error(step: PlanStep, context: ExecutionContext, seconds: float) -> AELError:
    if step.tool is None:
        return CodeError(f"the code of step {context.path(step)!r} took longer than {seconds:g} s", code="CODE_TIMEOUT")
    return ToolTimeoutError(f"tool {step.tool!r} took longer than {seconds:g} s")


def _go_on_without(
    step: PlanStep, context: ExecutionContext, attempt: int, error: AELError, task: asyncio.Task[object]
) -> None:
    """The attempt's work is deaf: the step goes on as after any timeout, in a new task.

    This may come late, when another attempt is under way in another task, and then does nothing.
    """
    if context.host is not None:
        context.host.go_on_without(step, attempt, error, task)


async def _until(
    deadline: Deadline | IdleDeadline, work: Awaitable[ToolOutcome], late: Callable[[], AELError]
) -> ToolOutcome:
    """Await ``work`` until the deadline; a value counts also if it comes while the work is being cancelled."""
    try:
        outcome = await work
    except BaseException as error:  # only looked at: raised again, or replaced by the timeout that caused it
        cancelled_besides = deadline.close()
        if deadline.expired and not cancelled_besides and not isinstance(error, KeyboardInterrupt):
            raise late() from error
        raise
    deadline.close()
    return outcome
