"""One item of a composite step: round after round, attempt after attempt, until it has a result."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Protocol

from ael import outcome
from ael.attempt import as_failure
from ael.body import Block, Body, Call, Ending
from ael.context import ExecutionContext
from ael.definition import SELF
from ael.errors import AELError, TimeoutExceededError
from ael.event_log import tell_failed
from ael.events import StepStarted
from ael.frame import Frame
from ael.plan import Plan, PlanCall, PlanRepeat
from ael.pools import Ticket
from ael.ports import TimerHandle
from ael.retry import next_delay
from ael.stage import Stage
from ael.templates import SkippedOutputError, StepView, is_true
from ael.types import AttemptResult, JsonValue, StepResult, StepStatus

__all__ = ["Item", "Owner"]

_COMPLETED = StepStatus.COMPLETED
_FAILED = StepStatus.FAILED


class Owner(Protocol):
    """Whose item it is."""

    def item_ended(self, index: int, result: StepResult) -> None:
        """The item has its result."""
        ...


class Item:
    """One item of a loop; or the one thing that a composite step without ``for_each`` is.

    Args:
        owner: Told when it has ended.
        place: The composite step: its frame and number.
        index: Its place in the list.
        path: Its path in the execution.
        roots: ``item`` and ``index``.
    """

    __slots__ = (
        "_attempt",
        "_begun",
        "_body",
        "_context",
        "_ended",
        "_failures",
        "_frame",
        "_index",
        "_last",
        "_outputs",
        "_owner",
        "_path",
        "_roots",
        "_round",
        "_stage",
        "_started_ns",
        "_step",
        "_stopping",
        "_ticket",
        "_timed_out",
        "_timer",
    )

    def __init__(
        self,
        owner: Owner,
        stage: Stage,
        place: tuple[Frame, int],
        index: int,
        *,
        path: str,
        roots: Mapping[str, JsonValue],
    ) -> None:
        self._frame, number = place
        self._owner = owner
        self._stage = stage
        self._step = self._frame.step(number)
        self._index = index
        self._path = path
        self._roots = roots
        self._attempt = 1
        self._begun = 0
        self._round = 1
        self._failures: tuple[AttemptResult, ...] = ()
        self._outputs: list[JsonValue] = []
        self._last: JsonValue = None
        self._started_ns = self._now()
        self._stopping: str | None = None
        self._ticket: Ticket | None = None
        self._timer: TimerHandle | None = None
        self._timed_out = False
        self._body: Body | None = None
        self._context: ExecutionContext | None = None
        self._ended: Ending | None = None

    def begin(self) -> None:
        """Begin an attempt, when the pools it needs have room."""
        step = self._step
        self._timer = None
        if step.retries_body and step.limits:
            host = self._stage.host
            self._ticket = host.gates.ask(host.owner, step.limits, self._open)
        else:
            self._open()

    def stop(self, reason: str) -> None:
        """End what runs in it. Idempotent; it may have ended when this returns."""
        if self._stopping is not None:
            return
        self._stopping = reason
        if self._body is not None:
            self._body.stop(reason)
        else:
            self._end(self._result(StepStatus.CANCELLED, ending=self._ended, reason=reason))

    # -- one attempt -------------------------------------------------------------------------------

    def _open(self) -> None:
        """Open the scope of an attempt."""
        if self._stopping is not None:
            return  # it was stopped while the pools made room
        try:
            body = self._make_body()
        except SkippedOutputError as skip:
            self._skip(skip)
        except Exception as error:  # noqa: BLE001 - the step boundary: a bug of ours must not end the execution
            self._fail(Ending(_FAILED, error=outcome.as_error(self._frame.context, error)))
        else:
            self._begin_body(body)

    def _skip(self, skip: SkippedOutputError) -> None:
        """It uses what was skipped outside: so does the step, whose fallback that is, and not the item's."""
        result = outcome.skipped_by(self._step, self._frame.context, skip, now_ns=self._now())
        result.output, result.usable = None, False
        self._end(result)

    def _begin_body(self, body: Body | None) -> None:
        if body is None:
            self._end(self._result(StepStatus.SKIPPED, reason="condition"))
            return
        self._body = body
        self._begun = self._attempt
        events, step = self._frame.context.events, self._step
        if events is not None and step.retries_body:
            events.emit(StepStarted, self._path, self._attempt, max_attempts=step.max_attempts)
        if self._body is None:
            return  # an observer has stopped it
        seconds = step.attempt_timeout
        if seconds is not None:
            self._timer = self._stage.clock.call_later(seconds, self._time_out)
        body.open()

    def _make_body(self) -> Body | None:
        """What this attempt runs: the first branch that holds, or ``None``; or another workflow."""
        body = self._step.body
        if isinstance(body, PlanCall):
            context = self._inner(self._frame.context.plan)
            plan = self._frame.run.plan if body.workflow == SELF else self._stage.calls[body.workflow]
            if isinstance(plan, AELError):
                raise as_failure(self._step, plan)
            return Call(
                self._stage, context, plan, body.params(context, self._view(context)), self._frame.run, self._close
            )
        for branch in body or ():
            context = self._inner(branch.plan)
            if branch.when is None or is_true(branch.when.render(context, self._view(context))):
                view = self._view(context) if branch.output is not None else None
                return Block(self._stage, self._frame.run, context, branch, view, self._close)
        return None

    def _inner(self, plan: Plan) -> ExecutionContext:
        """The context of an attempt, with the names of its loops."""
        roots, rounds = self._roots, ""
        if self._step.repeat is not None:
            roots = {**roots, "last": self._last}
            rounds = f"#{self._round}"
        self._context = self._frame.context.inner(plan, self._path, roots, rounds)
        return self._context

    def _view(self, context: ExecutionContext) -> StepView | None:
        """The root ``step`` in the body: its path is the item's, and its join that of the step."""
        step = self._step
        if not step.needs_view:
            return None
        key = f"{context.execution_id}:{self._path}{context.rounds}"
        return StepView(step.id, self._attempt, key, self._frame.context.joined_by(step))

    def _time_out(self) -> None:
        self._timed_out = True
        if self._body is not None:
            self._body.stop("cancelled")

    def _close(self, ending: Ending) -> None:
        """The attempt has ended."""
        self._release()
        self._ended = ending
        if self._timed_out and ending.status is not _COMPLETED:
            error = TimeoutExceededError(
                f"an attempt of step {self._path!r} took longer than {self._step.attempt_timeout:g} s", retryable=True
            )
            ending = Ending(_FAILED, error=error, steps=ending.steps)
        if ending.status is _FAILED:
            self._fail(ending)
        elif ending.status is not _COMPLETED:
            reason = None if ending.result is None else ending.result.skip_reason
            self._end(self._result(ending.status, ending=ending, reason=reason or self._stopping))
        elif self._step.repeat is None:
            self._end(self._result(_COMPLETED, ending=ending, output=ending.output))
        else:
            self._next_round(self._step.repeat, ending)

    def _release(self) -> None:
        """The attempt's timer and pools, and what it ran."""
        self._body = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            self._stage.host.gates.release(ticket)

    # -- what follows an attempt -------------------------------------------------------------------

    def _fail(self, ending: Ending) -> None:
        """An attempt has failed: the next, or the item's failure."""
        self._release()
        step, context, error = self._step, self._frame.context, ending.error
        assert error is not None, "a failure has an error"
        self._begun = self._attempt
        outcome.locate(step, context, error)
        delay = None
        if step.retries_body:
            self._failures = (*self._failures, AttemptResult(self._attempt, error, self._now()))
            seed = f"{context.execution_id}/{self._path}{context.rounds}/{self._round}/{self._attempt}"
            if self._stopping is None:
                retry = step.policy_for(error).retry
                delay = next_delay(retry, self._attempt, error, random.Random(seed))  # noqa: S311 - jitter, repeatable
            if context.events is not None:
                tell_failed(context.events, self._path, self._attempt, error, now_ns=self._now(), delay=delay)
        if delay is None or self._stopping is not None:
            self._end(self._result(_FAILED, ending=ending, error=error))
            return
        self._timed_out = False
        self._attempt += 1
        self._timer = self._stage.clock.call_later(delay, self.begin)

    def _next_round(self, repeat: PlanRepeat, ending: Ending) -> None:
        """A round has completed: the next, or the item is done."""
        self._outputs.append(ending.output)
        self._last = {"output": ending.output, "status": "completed", "round": self._round}
        try:
            enough = repeat.until is not None and self._asks_to_stop(repeat)
        except SkippedOutputError as skip:
            self._skip(skip)
            return
        except Exception as error:  # noqa: BLE001 - also a bug of ours, which must leave nobody waiting
            failure = outcome.as_error(self._frame.context, error)
            outcome.locate(self._step, self._frame.context, failure)
            self._end(self._result(_FAILED, ending=ending, error=failure))
            return
        if enough or (repeat.until is None and self._round == repeat.max):
            output = self._outputs if repeat.collect else ending.output
            self._end(self._result(_COMPLETED, ending=ending, output=output))
        elif self._round == repeat.max:
            exhausted = AELError(
                f"step {self._path!r}: `until` did not hold after {repeat.max} rounds", code="REPEAT_EXHAUSTED"
            )
            outcome.locate(self._step, self._frame.context, exhausted)
            self._end(self._result(_FAILED, ending=ending, error=exhausted))
        elif self._stopping is not None:
            self._end(self._result(StepStatus.CANCELLED, ending=ending, reason=self._stopping))
        else:
            self._round += 1
            self._attempt = 1
            self._timer = self._stage.clock.call_later(repeat.every, self.begin)

    def _asks_to_stop(self, repeat: PlanRepeat) -> bool:
        context = self._context
        assert context is not None, "asked after a round"
        assert repeat.until is not None, "and asked only where there is something to ask"
        context.roots = {**context.roots, "last": self._last}
        return is_true(repeat.until.render(context, self._view(context)))

    # -- the end -----------------------------------------------------------------------------------

    def _result(
        self,
        status: StepStatus,
        *,
        ending: Ending | None = None,
        output: JsonValue = None,
        error: AELError | None = None,
        reason: str | None = None,
    ) -> StepResult:
        result = None if ending is None else ending.result
        if result is None:
            result = StepResult(self._step.id, status, max_attempts=self._step.max_attempts, attempt=self._begun)
            result.attempts = self._failures
            result.steps = () if ending is None else ending.steps
        if status is StepStatus.CANCELLED and not result.attempt:
            status = StepStatus.SKIPPED  # it had not started yet
        result.status, result.output, result.error, result.skip_reason = status, output, error, reason
        result.started_ns = self._started_ns if result.attempt else 0
        result.completed_ns = self._now()
        result.usable = status is _COMPLETED
        return result

    def _end(self, result: StepResult) -> None:
        self._release()
        step, run = self._step, self._frame.run
        if step.undo is not None and run.undoing and result.status is _COMPLETED and self._context is not None:
            run.remember(step.undo, self._context, self._path, result.output)
        self._owner.item_ended(self._index, result)

    def _now(self) -> int:
        return self._frame.context.epoch_ns + self._stage.clock.monotonic_ns()
