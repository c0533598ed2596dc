"""Composite steps: loops, rounds, blocks, branches and called workflows, made of scopes.

Theory of operation
-------------------
A composite step that has become ready is a :class:`Composed`. It has one :class:`ael.item.Item` per item of its
list, or a single one without ``for_each``. An item goes through rounds, a round through attempts, and an attempt is
one scope: of the block's plan, of the branch that holds, of the plan of a tool or code alone (whose retries are its
own), or the run of another workflow. No task waits anywhere: the end of a scope calls the item, which goes on or
ends; the last item ends the step. So items run side by side with no barrier inside, and ten thousand of them cost
ten thousand scopes and no more.

Stopping goes the same way down: every scope is stopped, and when the last has ended, the step has.
"""

from __future__ import annotations

import sys

from ael import outcome
from ael.context import view_of
from ael.errors import AELError
from ael.event_log import tell
from ael.events import StepStarted
from ael.frame import Frame
from ael.item import Item
from ael.looping import Listing
from ael.plain_item import PlainItem
from ael.stage import Stage
from ael.templates import SkippedOutputError, StepView
from ael.types import JsonValue, StepResult, StepStatus

__all__ = ["Composed"]

_COMPLETED = StepStatus.COMPLETED
_FAILED = StepStatus.FAILED
_SKIPPED = StepStatus.SKIPPED


class Composed:
    """One composite step while it runs. Implements :class:`ael.frame.Child` and :class:`ael.stage.Source`."""

    def __init__(self, stage: Stage, frame: Frame, number: int) -> None:
        self._stage = stage
        self._frame = frame
        self._number = number
        self._step = frame.step(number)
        self._listing = Listing(self._step, frame.path(number))
        self._results: list[StepResult | None] = []
        self._running: dict[int, Item | PlainItem] = {}
        self._size = 0
        self._most = sys.maxsize
        self._failed = 0
        self._ended = False
        self._queued = False
        self._stopping: str | None = None
        self._culprit: StepResult | None = None

    # -- beginning ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """Ask the condition, and start; or settle at once."""
        frame, step, context = self._frame, self._step, self._frame.context
        try:
            if not outcome.holds(step, context):
                self._settle(outcome.skipped(step, context, "condition", now_ns=self._now()))
                return
            context.attempts[self._number] = 1
            context.begun_ns[self._number] = self._now()
            reason = None if step.exit is None else frame.run.leave(step, context)
            self._listing.read(context, self._view())
        except SkippedOutputError as skip:
            self._settle(outcome.skipped_by(step, context, skip, now_ns=self._now()))
        except Exception as error:  # noqa: BLE001 - the step boundary: a bug of ours must not end the execution
            self._settle(self._failure(outcome.as_error(context, error)))
        else:
            if step.exit is None:
                self._start()
            else:
                self._settle(self._success(reason))

    def _start(self) -> None:
        self._frame.children[self._number] = self
        events, size, loop = self._frame.context.events, len(self._listing.values), self._listing.loop
        self._size = size
        if loop is not None and loop.max_parallel is not None:
            self._most = loop.max_parallel
        if events is not None and loop is not None:
            events.emit(StepStarted, self._frame.path(self._number), 1, items=size)
        if self._ended or self._stopping is not None:
            return  # an observer has stopped it
        if size:
            self._queue()
        else:
            self._end()

    def _queue(self) -> None:
        if not self._queued:
            self._queued = True
            self._stage.enqueue(self)

    def open_next(self) -> bool:
        """Open the next item; whether another may be opened now."""
        if self._ended or self._stopping is not None:
            return False
        if self._listing.lacks_keys:
            return self._read_keys()
        if not self._may_open():
            self._queued = False
            return False
        index = len(self._results)
        self._results.append(None)
        item = self._running[index] = self._item(index)
        item.begin()
        self._queued = not self._ended and self._stopping is None and self._may_open()
        return self._queued

    def _item(self, index: int) -> Item | PlainItem:
        path, names, frame = self._listing.path(index), self._listing.names(index), self._frame
        plan = self._step.plain_body
        if plan is not None:
            return PlainItem(self, self._stage, frame, plan, index, path=path, roots=names)
        return Item(self, self._stage, (frame, self._number), index, path=path, roots=names)

    def _may_open(self) -> bool:
        """Whether there is another item, and room for it."""
        return len(self._results) < self._size and len(self._running) < self._most

    def _read_keys(self) -> bool:
        context = self._frame.context
        try:
            self._listing.read_keys(context, self._view())
        except SkippedOutputError as skip:
            self._end(outcome.skipped_by(self._step, context, skip, now_ns=self._now()))
        except Exception as error:  # noqa: BLE001 - also a bug of ours, which must leave nobody waiting
            self._end(self._failure(outcome.as_error(context, error)))
        else:
            return True
        return False

    # -- ending ------------------------------------------------------------------------------------

    def item_ended(self, index: int, result: StepResult) -> None:
        """An item has its result: open another, or end the step."""
        del self._running[index]
        self._results[index] = result
        if self._listing.loop is not None:
            result.key = self._listing.key(index)
            if self._frame.context.events is not None:
                tell(self._frame.context.events, self._listing.path(index), result)
        if self._stopping is None and result.status is not _COMPLETED:
            self._judge(result)
        if self._stopping is None and self._may_open():
            self._queue()
        elif not self._running and (self._stopping is not None or len(self._results) == self._size):
            self._end()

    def _judge(self, result: StepResult) -> None:
        """What an item that has not completed means for the others: if it decides the step, they end first."""
        if result.status is _SKIPPED:
            decides = result.skip_reason != "condition"  # it used what was skipped outside, and so do all
        elif self._listing.loop is None:
            decides = True
        else:
            self._failed += result.status is _FAILED
            decides = self._failed > self._listing.tolerated or outcome.is_missing(self._step, result.error)
        if decides:
            self._culprit = result
            self._halt(f"stopped: {self._step.id}")

    def stop(self, reason: str) -> None:
        """End what runs in it, and then the step. Idempotent; returns at once, and it may have ended then."""
        if self._stopping is None and not self._ended:
            self._halt(reason)
            if not self._running:
                self._end()

    def _halt(self, reason: str) -> None:
        self._stopping = reason
        for item in list(self._running.values()):
            item.stop(reason)

    def _end(self, result: StepResult | None = None) -> None:
        """Settle the step, when the last item has ended, with what is known of its insides."""
        if self._ended:
            return
        result = result or self._verdict()
        if self._listing.loop is not None:
            result.items = [item for item in self._results if item is not None]
        elif self._results and (only := self._results[0]) is not None and result is not only:
            result.attempts, result.steps = only.attempts, only.steps
        self._settle(result)

    def _verdict(self) -> StepResult:
        """The step's result. What completed although it was stopped counts."""
        results = [each for each in self._results if each is not None]
        if self._culprit is not None:
            return self._decided_by(self._culprit)
        if self._stopping is not None and not (len(results) == self._size and all(each.success for each in results)):
            if self._listing.loop is None and results:
                self._frame.context.attempts[self._number] = max(1, results[0].attempt)
            return self._stage.host.stops.result(self._frame, self._number)
        if self._listing.loop is not None:
            return self._success([each.output for each in results])
        if results[0].status is _SKIPPED:
            return outcome.skipped(self._step, self._frame.context, "condition", now_ns=self._now())
        return results[0]

    def _decided_by(self, result: StepResult) -> StepResult:
        if result.status is _SKIPPED:
            reason = result.skip_reason or "condition"
            return outcome.skipped(self._step, self._frame.context, reason, now_ns=self._now())
        if result.error is None:
            return self._stage.host.stops.result(self._frame, self._number)
        if self._listing.loop is None or outcome.is_missing(self._step, result.error):
            return self._failure(result.error, attempt=result.attempt)
        return self._failure(self._listing.failure(self._results, result.error))

    def _success(self, output: JsonValue) -> StepResult:
        started_ns = self._frame.context.begun_ns[self._number]
        step, now_ns = self._step, self._now()
        return StepResult(step.id, _COMPLETED, output, None, None, 1, step.max_attempts, started_ns, now_ns)

    def _failure(self, error: AELError, *, attempt: int | None = None) -> StepResult:
        context, number = self._frame.context, self._number
        return outcome.failed(
            self._step,
            context,
            error,
            now_ns=self._now(),
            attempt=context.attempts[number] if attempt is None else attempt,
            started_ns=context.begun_ns[number],
        )

    def _settle(self, result: StepResult) -> None:
        self._ended = True
        self._frame.children.pop(self._number, None)
        self._stage.settle(self._frame, self._number, result)

    def _view(self) -> StepView | None:
        return view_of(self._step, self._frame.context, 1) if self._step.needs_view else None

    def _now(self) -> int:
        return self._frame.context.epoch_ns + self._stage.clock.monotonic_ns()
