"""The board and its two views, driven by events."""

from __future__ import annotations

import io
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael import events
from ael.events import ErrorView
from ael.observe.board import Board, StepRow, StepState
from ael.observe.live_view import Folded, LiveView, board_lines, fit_rows
from ael.observe.progress import PlainView
from ael.observe.words import clean_text, format_duration, one_line

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
BOOM = ErrorView("TOOL_FAILED", "boom", True)


class Stage:
    """Makes events with rising numbers at a time that the test sets."""

    def __init__(self) -> None:
        self.now = START
        self._seq = 0

    def at(self, seconds: float) -> Stage:
        self.now = START + timedelta(seconds=seconds)
        return self

    def time(self) -> datetime:
        return self.now

    def __call__(self, kind, path: str = "", attempt: int = 0, **fields):
        self._seq += 1
        return kind(seq=self._seq, ts=self.now, execution_id="e1", path=path, attempt=attempt, **fields)


def retried_run(stage: Stage) -> list[events.Event]:
    """`log` fails once and is retried, `status` is skipped, `digest` fails."""
    at = stage.at
    return [
        at(0)(events.ExecutionStarted, workflow_id="w", workflow_version="1", steps=3),
        at(0)(events.StepReady, "log"),
        at(0)(events.StepStarted, "log", 1, max_attempts=3),
        at(1)(events.StepAttemptFailed, "log", 1, error=BOOM, retry_at=START + timedelta(seconds=3)),
        at(1.5)(events.StepSkipped, "status", reason="condition"),
        at(3)(events.StepStarted, "log", 2, max_attempts=3),
        at(3.5)(events.LogEmitted, "log", 2, level="info", message="half way\x1b[2J\nthere"),
        at(4)(events.StepCompleted, "log", 2, duration_ms=4000.0),
        at(4)(events.StepReady, "digest"),
        at(4)(events.StepStarted, "digest", 1, max_attempts=1),
        at(5)(events.StepAttemptFailed, "digest", 1, error=BOOM),
        at(5)(events.StepFailed, "digest", 1, error=BOOM, duration_ms=1000.0),
        at(5)(events.ExecutionFinished, status="failed", error=BOOM, duration_ms=5000.0),
    ]


def board_after(count: int) -> tuple[Board, Stage]:
    stage = Stage()
    board = Board("w", ["log", "status", "digest"], {"digest": ["log", "status"]})
    for event in retried_run(stage)[:count]:
        board.apply(event)
        stage.now = event.ts
    return board, stage


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 ms"),
        (0, "0 ms"),
        (0.04, "40 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1m00s"),
        (185, "3m05s"),
        (7630, "2h07m"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("plain ünï ✓", "plain ünï ✓"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("a\x9b2Jb", "a2Jb"),
        ("a\x08\x7fb", "ab"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
    ],
)
def test_no_tool_moves_the_cursor(dirty, clean):
    assert clean_text(dirty) == clean


@given(st.text(alphabet=st.characters() | st.sampled_from("\x1b[]2J\x07\r\n\x9b")))
def test_one_line_is_one_line_of_printable_text(text):
    line = one_line(text)
    assert "\n" not in line
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line)


def test_board_follows_a_step_through_its_attempts():
    board, stage = board_after(4)
    row = board.rows["log"]
    assert (row.state, row.attempt, row.max_attempts) == (StepState.RETRYING, 1, 3)
    stage.at(1.5)
    assert row.detail(stage.now) == "attempt 1/3  next in 1.5 s  TOOL_FAILED: boom"
    board, stage = board_after(7)
    row = board.rows["log"]
    assert row.state is StepState.RUNNING
    assert row.detail(stage.now) == "attempt 2/3  half way there"
    assert row.elapsed_s(stage.now) == 3.5


def test_board_ends_as_the_execution_did():
    board, stage = board_after(99)
    assert {path: row.state.value for path, row in board.rows.items()} == {
        "log": "completed",
        "status": "skipped",
        "digest": "failed",
    }
    assert board.summary(stage.now) == "1 completed, 1 failed, 1 skipped, 5.0 s"
    assert board.summary(stage.at(500).now).endswith("5.0 s")
    assert board.rows["digest"].failures == [(1, BOOM)]


def test_pending_rows_say_for_what_they_wait():
    board = Board("w", "abcdef", {"f": "abcde"})
    stage = Stage()
    assert board.detail(board.rows["f"], stage.now) == "waits for a, b, c and 2 more"
    for path in "abcd":
        board.apply(stage(events.StepCompleted, path, 1))
    assert board.detail(board.rows["f"], stage.now) == "waits for e"
    board.apply(stage(events.StepReady, "f"))
    assert board.detail(board.rows["f"], stage.now) == ""


def test_board_takes_steps_nobody_announced():
    board = Board("w", ["a"])
    stage = Stage()
    board.apply(stage(events.StepStarted, "pages[2].fetch", 1))
    assert board.counts[StepState.RUNNING] == 1
    assert board.counts[StepState.PENDING] == 1


def test_progress_shows_as_percentage_and_late_logs_change_nothing():
    stage = Stage()
    board = Board("w", ["a"])
    board.apply(stage(events.StepStarted, "a", 1))
    board.apply(stage(events.LogEmitted, "a", 1, level="progress", message="rows", fields={"fraction": 0.25}))
    assert board.rows["a"].note == "25% rows"
    board.apply(stage(events.StepCompleted, "a", 1))
    board.apply(stage(events.LogEmitted, "a", 1, level="info", message="too late"))
    assert board.rows["a"].note == ""


@given(st.lists(st.integers(0, 12), max_size=20))
def test_counts_are_those_of_the_rows(picks):
    stage = Stage()
    board = Board("w", ["log", "status", "digest"])
    script = retried_run(stage)
    for pick in picks:
        board.apply(script[pick])
    counted = Counter(row.state for row in board.rows.values())
    assert +board.counts == +counted


def test_plain_lines_tell_every_change_once():
    stage = Stage()
    lines: list[str] = []
    view = PlainView(Board("w", ["log", "status", "digest"]), lines.append, stage.time)
    for event in retried_run(stage):
        view.on_event(event)
    view.close()
    assert lines == [
        "[   0 ms] w: started, 3 steps, execution e1",
        "[   0 ms] log: started",
        "[  1.0 s] log: attempt 1/3 failed with TOOL_FAILED: boom; next in 2.0 s",
        "[  1.5 s] status: skipped (condition)",
        "[  3.0 s] log: attempt 2/3 started",
        "[  3.5 s] log: | half way there",
        "[  4.0 s] log: completed after 4.0 s",
        "[  4.0 s] digest: started",
        "[  5.0 s] digest: failed with TOOL_FAILED: boom",
    ]


def test_heartbeat_comes_every_thirty_seconds_and_names_what_runs():
    stage = Stage()
    lines: list[str] = []
    view = PlainView(Board("w", [f"s{i}" for i in range(9)]), lines.append, stage.time)
    view.on_event(stage(events.ExecutionStarted, workflow_id="w", workflow_version="1", steps=9))
    for i in range(7):
        view.on_event(stage(events.StepStarted, f"s{i}", 1, max_attempts=2 if i == 0 else 1))
    lines.clear()
    for seconds in (1, 29.9, 30.1, 31, 59, 75):
        stage.at(seconds)
        view.tick()
    assert lines == [
        f"[{at:>7}] w: still at work on s0 (attempt 1/2, {at}), s1 ({at}), s2 ({at}), s3 ({at}), s4 ({at}), 2 more"
        f" (7 running, 2 pending, {at})"
        for at in ("30.1 s", "1m15s")
    ]


def test_no_heartbeat_after_the_end():
    stage = Stage()
    lines: list[str] = []
    view = PlainView(Board("w", ["log"]), lines.append, stage.time)
    for event in retried_run(stage):
        view.on_event(event)
    lines.clear()
    stage.at(90)
    view.tick()
    assert lines == []


rows_strategy = st.lists(st.sampled_from(list(StepState)), max_size=60).map(
    lambda states: [StepRow(f"s{i}", state) for i, state in enumerate(states)]
)


@given(rows_strategy, st.integers(1, 30))
def test_folding_fits_and_loses_nobody(rows, height):
    lines = fit_rows(rows, height)
    assert len(lines) <= height
    shown = [line for line in lines if isinstance(line, StepRow)]
    total = Counter(row.state for row in shown)
    for line in lines:
        if isinstance(line, Folded):
            total.update(line.counts)
    assert total == Counter(row.state for row in rows)
    assert [row.path for row in shown] == sorted((row.path for row in shown), key=lambda path: int(path[1:]))


@given(rows_strategy, st.integers(2, 30))
def test_folding_never_hides_work_behind_what_is_done(rows, height):
    lines = fit_rows(rows, height)
    important = {StepState.FAILED, StepState.RUNNING, StepState.RETRYING}
    hidden = any(isinstance(line, Folded) and important & set(line.counts) for line in lines)
    quiet_shown = any(isinstance(line, StepRow) and line.state not in important for line in lines)
    assert not (hidden and quiet_shown)


def test_picture_of_a_run():
    board, stage = board_after(5)
    stage.at(2)
    assert [line.plain.rstrip() for line in board_lines(board, stage.now, 20)] == [
        "w  e1",
        "├─ ↻ retrying   log       2.0 s  attempt 1/3  next in 1.0 s  TOOL_FAILED: boom",
        "├─ − skipped    status           condition",
        "└─ · pending    digest           waits for log",
        "1 retrying, 1 skipped, 1 pending, 2.0 s",
    ]


def test_big_workflows_fit_the_terminal():
    board = Board("w", [f"s{i}" for i in range(1000)])
    stage = Stage()
    for i in range(400):
        board.apply(stage(events.StepStarted, f"s{i}", 1))
        if i != 200:
            board.apply(stage(events.StepCompleted, f"s{i}", 1))
    texts = [line.plain for line in board_lines(board, stage.now, 24, ascii_only=True)]
    assert len(texts) == 6
    assert texts[1] == "|- ... 200 completed"
    assert texts[2].startswith("|- * running    s200")
    assert texts[3] == "|- ... 199 completed"
    assert texts[4] == "`- ... 600 pending"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_live_view_draws_in_place_and_ends_with_a_line_break():
    stage = Stage()
    terminal = Terminal()
    view = LiveView(Board("w", ["log", "status", "digest"]), stage.time, terminal, color=False)
    script = retried_run(stage)
    for event in script:
        stage.now = event.ts
        view.on_event(event)
        view.tick()
    view.close()
    view.close()
    text = terminal.getvalue()
    assert text.count("\x1b[2K") > 10
    assert "✗ failed     digest" in clean_text(text)
    assert text.endswith("\n\x1b[?25h")
    assert "\x1b[2J" not in text
