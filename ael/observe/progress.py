"""The plain lines made from a board: one per change, where lines cannot be redrawn.

:mod:`ael.observe.live_view` draws the board where they can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from ael import events
from ael.events import Event
from ael.observe.board import Board, StepRow
from ael.observe.words import format_duration, one_line

__all__ = ["PlainView", "ProgressView"]

HEARTBEAT_S = 30.0
COUNT_S = 5.0
"""Seconds between two lines that count the runs of one loop."""
_FAILURES_SHOWN = 10


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

    Of a step in a loop the first runs have lines; of the others the first failures have, and of the loop there is
    a line every five seconds that counts them.

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
        self._counted: dict[str, tuple[datetime, str]] = {}
        self._failures: Counter[str] = Counter()

    def on_event(self, event: Event) -> None:
        """Take the event in and write its line, if it has one."""
        row = self._board.apply(event)
        if row is not None and row.path != event.path and not self._is_worth_a_line(row, event):
            return
        text = _LINES.get(type(event), _no_line)(event, row)
        if text:
            who = one_line(event.path) or self._board.workflow
            self._line(event.ts, f"{who}: {text}")

    def _is_worth_a_line(self, row: StepRow, event: Event) -> bool:
        """Whether a run that is not among the first ones has a line all the same."""
        if not isinstance(event, events.StepFailed):
            return False
        self._failures[row.path] += 1
        return self._failures[row.path] <= _FAILURES_SHOWN

    def tick(self) -> None:
        """Write the heartbeat and the counts of loops when their time has come."""
        now = self._now()
        for row in self._board.rows.values():
            if row.items is not None and row.items.hidden and row.state.is_active:
                self._count(row, row.items.text(), now)
        beats = int(self._board.elapsed_s(now) // HEARTBEAT_S)
        if beats > self._beats and self._board.ended is None:
            self._line(now, self._heartbeat(now))
        self._beats = beats

    def _count(self, row: StepRow, text: str, now: datetime) -> None:
        when, said = self._counted.get(row.path, (row.started or now, ""))
        if text != said and (now - when).total_seconds() >= COUNT_S:
            self._counted[row.path] = (now, text)
            self._line(now, f"{row.path}: {text}")

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
    tally = row.items or row.runs
    parts = (row.attempt_text(), "" if tally is None else tally.text(), elapsed)
    return f"{row.path} ({', '.join(part for part in parts if part)})"


def _no_line(event: Event, row: StepRow | None) -> str:
    return ""


def _execution_started_line(event: events.ExecutionStarted, row: None) -> str:
    return f"started, {event.steps} {'step' if event.steps == 1 else 'steps'}, execution {event.execution_id}"


def _started_line(event: events.StepStarted, row: StepRow) -> str:
    if event.items is not None:
        return f"started, {event.items} {'item' if event.items == 1 else 'items'}"
    return "started" if event.attempt <= 1 else f"{row.attempt_text()} started"


def _attempt_failed_line(event: events.StepAttemptFailed, row: StepRow) -> str:
    if event.retry_at is None:
        return ""  # the step's own end follows and says it
    wait = format_duration((event.retry_at - event.ts).total_seconds())
    return f"attempt {event.attempt}/{row.max_attempts} failed with {row.note}; next in {wait}"


def _completed_line(event: events.StepCompleted, row: StepRow) -> str:
    items = "" if row.items is None else f" ({row.items.text()})"
    return f"completed after {format_duration(event.duration_ms / 1000)}{items}"


def _log_line(event: events.LogEmitted, row: StepRow | None) -> str:
    if event.level in {"progress", "debug"}:
        return ""
    mark = "" if event.level == "info" else f"{event.level}: "
    return f"| {mark}{one_line(event.message)}"


_LINES: Mapping[type, Callable[..., str]] = {
    events.ExecutionStarted: _execution_started_line,
    events.StepStarted: _started_line,
    events.StepAttemptFailed: _attempt_failed_line,
    events.StepCompleted: _completed_line,
    events.StepFailed: lambda event, row: f"failed with {row.note}",
    events.StepSkipped: lambda event, row: f"skipped ({row.note})",
    events.StepCancelled: lambda event, row: f"cancelled ({row.note})" if row.note else "cancelled",
    events.LogEmitted: _log_line,
}
