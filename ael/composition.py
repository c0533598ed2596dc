"""Composite steps: loops, rounds, blocks, branches and called workflows, made of scopes.

Theory of operation
-------------------
A composite step that has become ready is a :class:`Composed`. It has one :class:`Item` per item of its list, or a
single one without ``for_each``. An item goes through rounds, a round through attempts, and an attempt is one scope:
of the block's plan, of the branch that holds, of the plan of a tool or code alone (whose retries are its own), or
the run of another workflow. No task waits anywhere: the end of a scope calls the item, which goes on or ends; the
last item ends the step. So items run side by side with no barrier inside, and ten thousand of them cost ten
thousand scopes and no more.

Stopping goes the same way down: every scope is stopped, and when the last has ended, the step has.
"""

from __future__ import annotations

from ael import outcome
from ael.context import view_of
from ael.errors import AELError
from ael.event_log import tell
from ael.events import StepStarted
from ael.frame import Frame
from ael.item import Item
from ael.stage import Stage
from ael.templates import SkippedOutputError, StepView
from ael.templates.reading import template_error, to_text, type_word
from ael.types import JsonValue, StepResult, StepStatus

__all__ = ["Composed"]

_COMPLETED = StepStatus.COMPLETED
_FAILED = StepStatus.FAILED
_SKIPPED = StepStatus.SKIPPED
_SHOWN = 20
_KEYS_AT_ONCE = 100


class Composed:
    """One composite step while it runs. Implements :class:`ael.frame.Child` and :class:`ael.stage.Source`."""

    def __init__(self, stage: Stage, frame: Frame, number: int) -> None:
        self._stage = stage
        self._frame = frame
        self._number = number
        self._step = frame.step(number)
        self._loop = self._step.for_each
        self._values: list[JsonValue] = [None]  # one thing to do, if there is no list
        self._keys: list[str] = []
        self._known: set[str] = set()
        self._running: dict[int, Item] = {}
        self._results: list[StepResult | None] = [None]
        self._opened = 0
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
            if step.exit is not None:
                self._exit()
                return
            if self._loop is not None:
                self._read_list()
        except SkippedOutputError as skip:
            self._settle(outcome.skipped_by(step, context, skip, now_ns=self._now()))
            return
        except AELError as error:
            self._settle(self._failure(error))
            return
        except Exception as error:  # noqa: BLE001 - the step boundary: a bug of ours must not end the execution
            self._settle(self._failure(outcome.bug(context, error)))
            return
        frame.children[self._number] = self
        if context.events is not None and self._loop is not None:
            context.events.emit(StepStarted, frame.path(self._number), 1, items=len(self._values))
        if frame.scope.stopped is not None:
            return  # an observer has stopped it, and this with it
        self._queue() if self._values else self._end()

    def _exit(self) -> None:
        """End the workflow, when this step has settled."""
        run = self._frame.run
        leave = run.leave(self._step, self._frame.context)
        self._settle(self._success(None))
        leave()

    def _read_list(self) -> None:
        assert self._loop is not None
        context = self._frame.context
        values = self._loop.items(context, self._view())
        if not isinstance(values, list):
            what = "an object; `| values` lists what is in it" if isinstance(values, dict) else type_word(values)
            raise template_error(self._list_text(), f"`for_each` needs a list, and this is {what}")
        self._values = values
        self._results = [None] * len(values)

    def _list_text(self) -> str:
        loop = self._step.definition.for_each
        assert loop is not None
        return loop.items if isinstance(loop.items, str) else "for_each"

    def _queue(self) -> None:
        if not self._queued:
            self._queued = True
            self._stage.enqueue(self)

    def open_next(self) -> bool:
        """Open the next item; whether another may be opened now."""
        if self._ended or self._stopping is not None:
            return False
        if self._loop is not None and self._loop.key is not None and len(self._keys) < len(self._values):
            return self._read_keys()
        self._queued = False
        if self._opened == len(self._values) or not self._has_room():
            return False
        index = self._opened
        self._opened += 1
        place = (self._frame, self._number)
        item = Item(self, self._stage, place, index, path=self._path(index), roots=self._locals(index))
        self._running[index] = item
        self._queued = True  # what the item does at once must not enqueue this again
        item.begin()
        self._queued = not self._ended and self._opened < len(self._values) and self._has_room()
        return self._queued

    def _has_room(self) -> bool:
        most = None if self._loop is None else self._loop.max_parallel
        return most is None or len(self._running) < most

    def _read_keys(self) -> bool:
        """Give some more items their keys; all have them before the first is opened."""
        assert self._loop is not None, "only loops have keys"
        assert self._loop.key is not None, "and only some of them"
        context = self._frame.context
        shell = context.inner(context.plan, "")
        try:
            for index in range(len(self._keys), min(len(self._keys) + _KEYS_AT_ONCE, len(self._values))):
                shell.roots = {**context.roots, **self._locals(index)}
                self._add_key(self._loop.key(shell, self._view()), index)
        except SkippedOutputError as skip:
            self._conclude_with(outcome.skipped_by(self._step, context, skip, now_ns=self._now()))
            return False
        except AELError as error:
            self._conclude_with(self._failure(error))
            return False
        return True

    def _add_key(self, value: JsonValue, index: int) -> None:
        key = to_text(value)
        text = self._step.definition.for_each
        shown = (text.key if text is not None else None) or "key"
        if not key or isinstance(value, dict | list):
            raise template_error(shown, f"the key of item {index} must be a text or a number, not {type_word(value)}")
        if key in self._known:
            raise template_error(shown, f"items {self._keys.index(key)} and {index} have the same key, {key!r}")
        self._known.add(key)
        self._keys.append(key)

    def _locals(self, index: int) -> dict[str, JsonValue]:
        return {} if self._loop is None else {self._loop.name: self._values[index], "index": index}

    def _path(self, index: int) -> str:
        path = self._frame.path(self._number)
        if self._loop is None:
            return path
        return f"{path}[{self._keys[index] if self._keys else index}]"

    # -- ending ------------------------------------------------------------------------------------

    def item_ended(self, index: int, result: StepResult) -> None:
        """An item has its result: open another, or end the step."""
        del self._running[index]
        self._results[index] = result
        if self._loop is not None:
            result.key = self._keys[index] if self._keys else None
            events = self._frame.context.events
            if events is not None:
                tell(events, self._path(index), result)
        if self._stopping is None and not result.success:
            self._judge(result)
        if not self._running and (self._stopping is not None or self._opened == len(self._values)):
            self._end()
        elif self._stopping is None and self._opened < len(self._values) and self._has_room():
            self._queue()

    def _judge(self, result: StepResult) -> None:
        """What an item that has not completed means for the others."""
        if result.status is _SKIPPED:
            if result.skip_reason != "condition":  # it used what was skipped outside, and so do all
                self._stop_items(f"stopped: {self._step.id}", result)
        elif self._loop is None:
            self._stop_items(f"stopped: {self._step.id}", result)
        elif result.status is _FAILED:
            self._failed += 1
            if self._failed > self._loop.tolerated(len(self._values)) or self._lacks_its_tool(result):
                self._stop_items(f"stopped: {self._step.id}", result)

    def _lacks_its_tool(self, result: StepResult) -> bool:
        error = result.error
        return self._step.skip_missing_tool and error is not None and outcome.is_missing(self._step, error)

    def _stop_items(self, reason: str, culprit: StepResult) -> None:
        """An item has decided the step: the others end first."""
        self._culprit = culprit
        self._halt(reason)

    def _halt(self, reason: str) -> None:
        self._stopping = reason
        for item in list(self._running.values()):
            item.stop(reason)

    def stop(self, reason: str) -> None:
        """End what runs in it, and then the step. Idempotent; returns at once, and it may have ended then."""
        if self._stopping is None and not self._ended:
            self._halt(reason)
            if not self._running:
                self._end()

    def _end(self) -> None:
        """The last item has ended: the step's result."""
        if not self._ended:
            self._conclude_with(self._final())

    def _final(self) -> StepResult:
        if self._culprit is not None:
            return self._decided_by(self._culprit)
        if self._stopping is not None:
            return self._stage.host.stops.result(self._frame, self._number)
        if self._loop is not None:
            outputs = [result.output for result in self._results if result is not None]
            return self._success(outputs)
        only = self._results[0]
        assert only is not None, "it has ended"
        if only.status is _SKIPPED:
            return outcome.skipped(self._step, self._frame.context, "condition", now_ns=self._now())
        return only

    def _decided_by(self, result: StepResult) -> StepResult:
        """The step's result where one item has decided it."""
        context, now_ns = self._frame.context, self._now()
        if result.status is _SKIPPED:
            reason = result.skip_reason or "condition"
            return outcome.skipped(self._step, context, reason, now_ns=now_ns)
        if result.error is None:
            return self._stage.host.stops.result(self._frame, self._number)
        if self._loop is None or self._lacks_its_tool(result):
            return self._failure(result.error, attempt=result.attempt)
        return self._failure(self._items_failed(result.error))

    def _items_failed(self, first: AELError) -> AELError:
        loop = self._loop
        assert loop is not None, "only loops have items"
        size, may = len(self._values), loop.tolerated(len(self._values))
        failed = [
            {"index": index, "key": result.key, "code": result.error.code, "message": result.error.message}
            for index, result in enumerate(self._results)
            if result is not None and result.status is _FAILED and result.error is not None
        ]
        allowed = f"{may} may" if may else "none may"
        error = AELError(
            f"{len(failed)} of {size} items failed, and {allowed}: {first.code}: {first.message}",
            code="ITEMS_FAILED",
            details={"items": failed[:_SHOWN], "failed": len(failed), "size": size},
        )
        error.__cause__ = first
        return error

    def _success(self, output: JsonValue) -> StepResult:
        step, context = self._step, self._frame.context
        return StepResult(
            step.id,
            _COMPLETED,
            output,
            None,
            None,
            1,
            step.max_attempts,
            context.begun_ns[self._number],
            self._now(),
        )

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

    def _conclude_with(self, result: StepResult) -> None:
        """Settle the step, with what is known of its insides."""
        if self._loop is not None:
            result.items = [item for item in self._results if item is not None]
        elif (only := self._results[0]) is not None and result is not only:
            result.attempts, result.steps = only.attempts, only.steps
        self._settle(result)

    def _settle(self, result: StepResult) -> None:
        self._ended = True
        self._frame.children.pop(self._number, None)
        self._stage.settle(self._frame, self._number, result)

    def _view(self) -> StepView | None:
        return view_of(self._step, self._frame.context, 1) if self._step.needs_view else None

    def _now(self) -> int:
        return self._frame.context.epoch_ns + self._stage.clock.monotonic_ns()
