"""What a person watching an execution is told: a board fed by events.

Theory of operation
-------------------
The board has a row per step of the file, however often the step runs: ten thousand items of a loop are one row that
counts. A path in an event names one run of a step, ``pages[2].fetch``; without what stands in brackets,
``pages[].fetch``, it names the row. Of a row in a loop the state of every run is known, for the counts, and of the
first few runs everything, for those who want to see lines. An item is a run of its loop: ``pages[2]`` counts at the
row of ``pages``.

The board is synchronous and knows no terminal.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from ael import events
from ael.events import ErrorView, Event
from ael.observe.words import format_duration, one_line

__all__ = ["Board", "StepRow", "StepState", "Tally"]

RUNS_IN_DETAIL = 10
"""Runs of a step in a loop that are known in all detail; of the others only the state."""

_WAITS_SHOWN = 3
_ITEM = re.compile(r"\[.*?\](?=[.\[:]|$)", re.DOTALL)
_UNDO = ":undo"


class StepState(enum.StrEnum):
    """What a person distinguishes: a step's status, with ``ready`` and ``retrying`` told apart."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_active(self) -> bool:
        """Whether the step has begun and not ended."""
        return self in {StepState.RUNNING, StepState.RETRYING}

    @property
    def is_settled(self) -> bool:
        """Whether nothing more happens to the step."""
        return self in _SETTLED


_SETTLED = frozenset({StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED})


@attrs.define
class Tally:
    """How often a step ran, or a loop's items, and how that stands.

    Attributes:
        states: Path of a run → its state.
        total: How many there will be, where it is known.
        detailed: The first runs, each as a row of its own.
    """

    states: dict[str, StepState] = attrs.field(factory=dict)
    counts: Counter[StepState] = attrs.field(factory=Counter)
    total: int | None = None
    detailed: dict[str, StepRow] = attrs.field(factory=dict)

    def move(self, path: str, state: StepState) -> None:
        """A run is in this state now."""
        before = self.states.get(path)
        if before is not None:
            self.counts[before] -= 1
        self.states[path] = state
        self.counts[state] += 1

    def run(self, path: str) -> StepRow | None:
        """The row of one of the first runs; ``None`` for later ones."""
        row = self.detailed.get(path)
        if row is None and len(self.detailed) < RUNS_IN_DETAIL:
            row = self.detailed[path] = StepRow(path)
        return row

    @property
    def hidden(self) -> bool:
        """Whether there are runs of which only the state is known."""
        return len(self.states) > len(self.detailed)

    def state(self) -> StepState:
        """The state of all runs together: what is not over comes first, then what went wrong."""
        return next((state for state in _TALLY_ORDER if self.counts[state]), StepState.PENDING)

    def text(self) -> str:
        """``118 completed, 2 failed, 4 running of 10000``."""
        parts = [f"{self.counts[state]} {state}" for state in _TALLY_SHOWN if self.counts[state]]
        return f"{', '.join(parts) or 'none yet'}" + (f" of {self.total}" if self.total is not None else "")


_TALLY_ORDER = (
    StepState.RUNNING,
    StepState.RETRYING,
    StepState.READY,
    StepState.FAILED,
    StepState.CANCELLED,
    StepState.COMPLETED,
    StepState.SKIPPED,
)
_TALLY_SHOWN = (
    StepState.COMPLETED,
    StepState.FAILED,
    StepState.SKIPPED,
    StepState.CANCELLED,
    StepState.RUNNING,
    StepState.RETRYING,
)


@attrs.define
class StepRow:
    """One step as it stands.

    Attributes:
        path: Its path, with empty brackets for the loops around it: ``pages[].fetch``.
        depth: How many steps are around it.
        runs: Of a step in a loop: how its runs stand. ``state`` is then that of all together.
        items: Of a loop: how its items stand.
        note: The last line of its log, or why it ended as it did.
        failures: The failed attempts so far, each with its number.
        retry_at: When the next attempt begins; only while retrying.
    """

    path: str
    state: StepState = StepState.PENDING
    attempt: int = 0
    max_attempts: int = 1
    started: datetime | None = None
    ended: datetime | None = None
    retry_at: datetime | None = None
    note: str = ""
    failures: list[tuple[int, ErrorView]] = attrs.field(factory=list)
    depth: int = 0
    runs: Tally | None = None
    items: Tally | None = None

    @property
    def label(self) -> str:
        """Its id, further to the right the deeper it is."""
        return "  " * self.depth + self.path.rpartition(".")[2]

    def elapsed_s(self, now: datetime) -> float | None:
        """Seconds since it started, up to its end; ``None`` if it never started."""
        return None if self.started is None else ((self.ended or now) - self.started).total_seconds()

    def attempt_text(self) -> str:
        """``attempt 2/3`` where there may be more than one, else nothing."""
        return f"attempt {self.attempt}/{self.max_attempts}" if self.attempt and self.max_attempts > 1 else ""

    def count_text(self) -> str:
        """How the runs and the items stand; nothing for a step that runs once."""
        runs = self.runs if self.runs is not None and (len(self.runs.states) > 1 or self.items is None) else None
        return "  ".join(tally.text() for tally in (runs, self.items) if tally is not None)

    def detail(self, now: datetime) -> str:
        """Attempt, countdown, counts and note, as one line."""
        smooth = self.state is StepState.COMPLETED and self.attempt == 1
        parts = ["" if smooth else self.attempt_text()]
        if self.state is StepState.RETRYING and self.retry_at is not None:
            wait_s = (self.retry_at - now).total_seconds()
            parts.append(f"next in {format_duration(wait_s)}" if wait_s > 0 else "next is due")
        parts.extend((self.count_text(), self.note))
        return "  ".join(part for part in parts if part)


class Board:
    """All rows of one execution, and how many steps at the top are in which state.

    Args:
        step_ids: The steps known beforehand; others get a row when something happens to them.
        waits: Step id → the steps it waits for, where known.

    Attributes:
        rows: Path of the row → row, in the order in which they were first heard of; :meth:`shown` has the file's.
    """

    def __init__(
        self, workflow: str, step_ids: Iterable[str] = (), waits: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.workflow = workflow
        self._waits = waits or {}
        self.rows = {step_id: StepRow(step_id) for step_id in step_ids}
        self._below: dict[str, list[StepRow]] = {}
        self._undone: dict[str, Tally] = {}
        self.execution_id = ""
        self.started: datetime | None = None
        self.ended: datetime | None = None

    @property
    def counts(self) -> Counter[StepState]:
        """State → how many steps at the top are in it."""
        return Counter(row.state for row in self.rows.values() if not row.depth)

    def apply(self, event: Event) -> StepRow | None:
        """Take an event in.

        Returns:
            What it changed: a step's row, or that of one of its first runs. Of a later run the row of its step, whose
            path is then not the event's. ``None`` for an event about no step.
        """
        self.execution_id = event.execution_id
        self.started = self.started or event.ts
        if isinstance(event, events.ExecutionFinished):
            self.ended = event.ts
        path = event.path
        if not path:
            return None
        if path.endswith(_UNDO):
            return self._undoing(event)
        row, tally = self._place(path)
        self._wake(path, event.ts)
        if isinstance(event, events.StepStarted) and event.items is not None:
            self._add_items(row, event.items)
        if tally is not None:
            return _count(row, tally, event)
        _change(row, event)
        return row

    def _place(self, path: str) -> tuple[StepRow, Tally | None]:
        """The row of a path, and where the run that the path names is counted."""
        if path.endswith("]"):
            row = self._row(_pattern(_around(path)))
            row.items = row.items or Tally()
            return row, row.items
        row = self._row(_pattern(path))
        return row, row.runs

    def _row(self, pattern: str) -> StepRow:
        row = self.rows.get(pattern)
        if row is None:
            around = _around(pattern)
            outer = self._row(around.removesuffix("[]")) if around else None
            depth = 0 if outer is None else outer.depth + 1
            row = StepRow(pattern, depth=depth, runs=Tally() if "[]" in pattern else None)
            self.rows[pattern] = row
            if outer is not None:
                self._below.setdefault(outer.path, []).append(row)
        return row

    def _add_items(self, row: StepRow, items: int) -> None:
        row.items = row.items or Tally()
        row.items.total = (row.items.total or 0) + items

    def _wake(self, path: str, now: datetime) -> None:
        """Something happens in what is around: it has begun, though no event says so."""
        around = _around(path)
        if not around:
            return
        row, tally = self._place(around)
        state = row.state if tally is None else tally.states.get(around, StepState.PENDING)
        if state not in {StepState.PENDING, StepState.READY}:
            return
        row.started = row.started or now
        if tally is None:
            row.state = StepState.RUNNING
        else:
            tally.move(around, StepState.RUNNING)
            first = tally.run(around)
            if first is not None:
                first.state, first.started = StepState.RUNNING, now
            _sum_up(row, now)
        self._wake(around, now)

    def _undoing(self, event: Event) -> StepRow:
        """Taking a step back has no row of its own: it happens to steps that are over."""
        pattern = _pattern(event.path)
        run = self._undone.setdefault(pattern, Tally()).run(event.path) or StepRow(pattern)
        _change(run, event)
        owner, _ = self._place(event.path.removesuffix(_UNDO))
        owner.note = f"undo: {run.note}" if run.note else "undone"
        return run

    def shown(self) -> Iterator[StepRow]:
        """The rows, each before those of the steps in it."""
        stack = [row for row in self.rows.values() if not row.depth][::-1]
        while stack:
            row = stack.pop()
            yield row
            stack.extend(reversed(self._below.get(row.path, ())))

    def elapsed_s(self, now: datetime) -> float:
        """Seconds since the execution started."""
        return 0.0 if self.started is None else ((self.ended or now) - self.started).total_seconds()

    def detail(self, row: StepRow, now: datetime) -> str:
        """What there is to say of a row beside its state; of a pending one, for what it waits."""
        if row.state is not StepState.PENDING:
            return row.detail(now)
        open_ones = [path for path in self._waits.get(row.path, ()) if not self._row(path).state.is_settled]
        more = f" and {len(open_ones) - _WAITS_SHOWN} more" if len(open_ones) > _WAITS_SHOWN else ""
        return f"waits for {', '.join(open_ones[:_WAITS_SHOWN])}{more}" if open_ones else ""

    def active(self) -> list[StepRow]:
        """The rows that have begun and not ended: of a loop its own, of a block those in it."""
        return [row for row in self._leaves(row for row in self.rows.values() if not row.depth) if row.state.is_active]

    def _leaves(self, rows: Iterable[StepRow]) -> Iterator[StepRow]:
        for row in rows:
            inner = [below for below in self._below.get(row.path, ()) if below.state.is_active]
            if inner and row.items is None:
                yield from self._leaves(inner)
            else:
                yield row

    def summary(self, now: datetime) -> str:
        """``3 completed, 1 running, 2 pending, 4.2 s``."""
        counts = self.counts
        parts = [f"{counts[state]} {state}" for state in _SUMMARY_ORDER if counts[state]]
        return ", ".join([*parts, format_duration(self.elapsed_s(now))])


def _pattern(path: str) -> str:
    """The path of the row that a run belongs to."""
    return _ITEM.sub("[]", path) if "[" in path else path


def _around(path: str) -> str:
    """The path of what a path is in: of an item its loop, of a step its block or item; empty at the top."""
    if not path.endswith("]"):
        return path.rpartition(".")[0]
    *_, last = _ITEM.finditer(path)
    return path[: last.start()]


def _count(row: StepRow, tally: Tally, event: Event) -> StepRow:
    """Take in an event about one run of a step, or about one item of a loop."""
    first = tally.run(event.path)
    if first is None:
        before = tally.states.get(event.path, StepState.PENDING)
        one = StepRow(event.path, before)
    else:
        one = first
    _change(one, event)
    tally.move(event.path, one.state)
    if one.note and one.state in {StepState.FAILED, StepState.RETRYING}:
        row.note = one.note
    _sum_up(row, event.ts)
    return row if first is None else first


def _sum_up(row: StepRow, now: datetime) -> None:
    """The state of a row in a loop follows from its runs."""
    if row.runs is not None:
        row.started = row.started or now
        row.state = row.runs.state()
        row.ended = now if row.state.is_settled else None


def _change(row: StepRow, event: Event) -> None:
    change = _CHANGES.get(type(event))
    if change is not None:
        change(row, event)


_SUMMARY_ORDER = (
    StepState.COMPLETED,
    StepState.RUNNING,
    StepState.RETRYING,
    StepState.FAILED,
    StepState.SKIPPED,
    StepState.CANCELLED,
    StepState.READY,
    StepState.PENDING,
)


def _ready(row: StepRow, event: events.StepReady) -> None:
    row.state = StepState.READY


def _started(row: StepRow, event: events.StepStarted) -> None:
    row.state = StepState.RUNNING
    row.attempt = event.attempt
    row.max_attempts = event.max_attempts
    row.started = row.started or event.ts
    row.retry_at = None


def _attempt_failed(row: StepRow, event: events.StepAttemptFailed) -> None:
    row.failures.append((event.attempt, event.error))
    row.note = _error_text(event.error)
    if event.retry_at is not None:
        row.state = StepState.RETRYING
        row.retry_at = event.retry_at


def _completed(row: StepRow, event: events.StepCompleted) -> None:
    row.state = StepState.COMPLETED
    row.ended = event.ts
    row.note = ""


def _failed(row: StepRow, event: events.StepFailed) -> None:
    row.state = StepState.FAILED
    row.ended = event.ts
    row.note = _error_text(event.error)


def _skipped(row: StepRow, event: events.StepSkipped) -> None:
    row.state = StepState.SKIPPED
    row.ended = event.ts
    row.note = one_line(event.reason) if event.error is None else f"after {_error_text(event.error)}"


def _cancelled(row: StepRow, event: events.StepCancelled) -> None:
    row.state = StepState.CANCELLED
    row.ended = event.ts
    row.note = one_line(event.reason or "")


def _logged(row: StepRow, event: events.LogEmitted) -> None:
    if row.state.is_settled:
        return
    row.note = one_line(event.message)
    fraction = event.fields.get("fraction") if event.level == "progress" else None
    if isinstance(fraction, int | float):
        row.note = f"{fraction:.0%} {row.note}".rstrip()


_CHANGES: Mapping[type, Callable[..., None]] = {
    events.StepReady: _ready,
    events.StepStarted: _started,
    events.StepAttemptFailed: _attempt_failed,
    events.StepCompleted: _completed,
    events.StepFailed: _failed,
    events.StepSkipped: _skipped,
    events.StepCancelled: _cancelled,
    events.LogEmitted: _logged,
}


def _error_text(error: ErrorView) -> str:
    return f"{error.code}: {one_line(error.message)}"
