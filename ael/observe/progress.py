"""What a person watching an execution is told: a board fed by events, and the plain lines made from it.

The board is synchronous and knows no terminal; :mod:`ael.observe.live_view` draws it where lines can be
redrawn, :class:`PlainView` writes a line per change everywhere else. Every text that came from a tool or
a server goes through :func:`clean_text`: nothing they say may move the cursor.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from ael import events
from ael.events import ErrorView, Event

__all__ = [
    "Board",
    "PlainView",
    "ProgressView",
    "StepRow",
    "StepState",
    "clean_text",
    "format_duration",
    "one_line",
]

HEARTBEAT_S = 30.0
_WAITS_SHOWN = 3

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean_text(text: str) -> str:
    """Text without escape sequences, control characters and changes of direction; line breaks stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def one_line(text: str) -> str:
    """Clean text on one line, white space run together."""
    return " ".join(clean_text(text.replace("\r", "\n")).split())


def format_duration(seconds: float) -> str:
    """Seconds as people read them: ``40 ms``, ``1.2 s``, ``3m05s``, ``2h07m``; negative ones are 0."""
    seconds = max(seconds, 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


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
class StepRow:
    """One step as it stands.

    Attributes:
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

    def elapsed_s(self, now: datetime) -> float | None:
        """Seconds since it started, up to its end; ``None`` if it never started."""
        return None if self.started is None else ((self.ended or now) - self.started).total_seconds()

    def attempt_text(self) -> str:
        """``attempt 2/3`` where there may be more than one, else nothing."""
        return f"attempt {self.attempt}/{self.max_attempts}" if self.attempt and self.max_attempts > 1 else ""

    def detail(self, now: datetime) -> str:
        """Attempt, countdown and note, as one line."""
        smooth = self.state is StepState.COMPLETED and self.attempt == 1
        parts = ["" if smooth else self.attempt_text()]
        if self.state is StepState.RETRYING and self.retry_at is not None:
            wait_s = (self.retry_at - now).total_seconds()
            parts.append(f"next in {format_duration(wait_s)}" if wait_s > 0 else "next is due")
        parts.append(self.note)
        return "  ".join(part for part in parts if part)


class Board:
    """All rows of one execution, in file order, and how many are in which state.

    Args:
        step_ids: The steps known beforehand; others get a row when something happens to them.
        waits: Step id → the steps it waits for, where known.
    """

    def __init__(
        self, workflow: str, step_ids: Iterable[str] = (), waits: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.workflow = workflow
        self._waits = waits or {}
        self.rows = {step_id: StepRow(step_id) for step_id in step_ids}
        self.counts: Counter[StepState] = Counter({StepState.PENDING: len(self.rows)})
        self.execution_id = ""
        self.started: datetime | None = None
        self.ended: datetime | None = None

    def apply(self, event: Event) -> StepRow | None:
        """Take an event in; the row it changed, if it is about a step."""
        self.execution_id = event.execution_id
        self.started = self.started or event.ts
        if isinstance(event, events.ExecutionFinished):
            self.ended = event.ts
        if not event.path:
            return None
        row = self._row(event.path)
        before = row.state
        change = _CHANGES.get(type(event))
        if change is not None:
            change(row, event)
        if row.state is not before:
            self.counts[before] -= 1
            self.counts[row.state] += 1
        return row

    def _row(self, path: str) -> StepRow:
        row = self.rows.get(path)
        if row is None:
            row = self.rows[path] = StepRow(path)
            self.counts[row.state] += 1
        return row

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
        """The rows that have begun and not ended."""
        return [row for row in self.rows.values() if row.state.is_active]

    def summary(self, now: datetime) -> str:
        """``3 completed, 1 running, 2 pending, 4.2 s``."""
        parts = [f"{self.counts[state]} {state}" for state in _SUMMARY_ORDER if self.counts[state]]
        return ", ".join([*parts, format_duration(self.elapsed_s(now))])


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


class ProgressView(Protocol):
    """Shows a board to somebody. An :class:`ael.ports.Observer` that is also told when time passes."""

    def on_event(self, event: Event) -> None:
        """Something happened."""
        ...

    def tick(self) -> None:
        """Some time has passed, a fraction of a second."""
        ...

    def close(self) -> None:
        """The execution is over: show how it ended, and leave the terminal as it was; idempotent."""
        ...


class PlainView:
    """One line per change, and every 30 seconds one that says what is still running.

    The end of the execution has no line: whoever shows the result says it.

    Args:
        write: Takes a line without its break.
        now: The time, UTC.
    """

    def __init__(self, board: Board, write: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self._board = board
        self._write = write
        self._now = now
        self._beats = 0

    def on_event(self, event: Event) -> None:
        """Take the event in and write its line, if it has one."""
        row = self._board.apply(event)
        text = _LINES.get(type(event), _no_line)(event, row)
        if text:
            who = one_line(event.path) or self._board.workflow
            self._line(event.ts, f"{who}: {text}")

    def tick(self) -> None:
        """Write the heartbeat when its time has come."""
        now = self._now()
        beats = int(self._board.elapsed_s(now) // HEARTBEAT_S)
        if beats > self._beats and self._board.ended is None:
            self._line(now, self._heartbeat(now))
        self._beats = beats

    def close(self) -> None:
        """Nothing is left to do: the last line has been written."""

    def _line(self, when: datetime, text: str) -> None:
        self._write(f"[{format_duration(self._board.elapsed_s(when)):>7}] {text}")

    def _heartbeat(self, now: datetime) -> str:
        active = self._board.active()
        names = [_active_text(row, now) for row in active[:5]]
        if len(active) > len(names):
            names.append(f"{len(active) - len(names)} more")
        return f"{self._board.workflow}: still at work on {', '.join(names) or 'no step'} ({self._board.summary(now)})"


def _active_text(row: StepRow, now: datetime) -> str:
    elapsed = format_duration(row.elapsed_s(now) or 0.0)
    return f"{row.path} ({', '.join(part for part in (row.attempt_text(), elapsed) if part)})"


def _no_line(event: Event, row: StepRow | None) -> str:
    return ""


def _execution_started_line(event: events.ExecutionStarted, row: None) -> str:
    return f"started, {event.steps} {'step' if event.steps == 1 else 'steps'}, execution {event.execution_id}"


def _started_line(event: events.StepStarted, row: StepRow) -> str:
    return "started" if event.attempt <= 1 else f"{row.attempt_text()} started"


def _attempt_failed_line(event: events.StepAttemptFailed, row: StepRow) -> str:
    if event.retry_at is None:
        return ""  # the step's own end follows and says it
    wait = format_duration((event.retry_at - event.ts).total_seconds())
    return f"attempt {event.attempt}/{row.max_attempts} failed with {row.note}; next in {wait}"


def _log_line(event: events.LogEmitted, row: StepRow | None) -> str:
    if event.level in {"progress", "debug"}:
        return ""
    mark = "" if event.level == "info" else f"{event.level}: "
    return f"| {mark}{one_line(event.message)}"


_LINES: Mapping[type, Callable[..., str]] = {
    events.ExecutionStarted: _execution_started_line,
    events.StepStarted: _started_line,
    events.StepAttemptFailed: _attempt_failed_line,
    events.StepCompleted: lambda event, row: f"completed after {format_duration(event.duration_ms / 1000)}",
    events.StepFailed: lambda event, row: f"failed with {row.note}",
    events.StepSkipped: lambda event, row: f"skipped ({row.note})",
    events.StepCancelled: lambda event, row: f"cancelled ({row.note})" if row.note else "cancelled",
    events.LogEmitted: _log_line,
}
