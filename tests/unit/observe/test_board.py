"""The board of executions with blocks and loops: a row per step, however often it runs."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael import events
from ael.events import ErrorView, Event
from ael.observe.board import RUNS_IN_DETAIL, Board, StepState
from ael.observe.live_view import board_lines
from ael.observe.progress import PlainView

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
BOOM = ErrorView("TOOL_FAILED", "boom", True)


def event(kind, path: str = "", seconds: float = 0, **fields) -> Event:
    when = START + timedelta(seconds=seconds)
    return kind(seq=1, ts=when, execution_id="e1", path=path, attempt=1 if path else 0, **fields)


def started(path: str, seconds: float = 0, **fields) -> Event:
    return event(events.StepStarted, path, seconds, **fields)


def completed(path: str, seconds: float = 0) -> Event:
    return event(events.StepCompleted, path, seconds, duration_ms=1000.0)


def failed(path: str, seconds: float = 0) -> Event:
    return event(events.StepFailed, path, seconds, error=BOOM, duration_ms=1000.0)


def board_of(*happened: Event, steps=("a", "pages", "z")) -> Board:
    board = Board("w", steps)
    for each in happened:
        board.apply(each)
    return board


def picture(board: Board, seconds: float = 5) -> list[str]:
    now = START + timedelta(seconds=seconds)
    return [line.plain.rstrip() for line in board_lines(board, now, 30, ascii_only=True)]


LOOP = [
    event(events.ExecutionStarted, workflow_id="w", workflow_version="1", steps=3),
    started("pages", items=4),
    started("pages[0].fetch"),
    started("pages[1].fetch"),
    completed("pages[0].fetch", 1),
    started("pages[0].store", 1),
    failed("pages[1].fetch", 2),
    failed("pages[1]", 2),
    started("pages[2].fetch", 2),
]


def test_a_loop_is_a_row_that_counts_its_items():
    assert picture(board_of(*LOOP)) == [
        "w  e1",
        "|- . pending    a",
        "|- * running    pages      5.0 s  1 failed, 2 running of 4  TOOL_FAILED: boom",
        "|- * running      fetch    5.0 s  1 completed, 1 failed, 1 running  TOOL_FAILED: boom",
        "|- * running      store    4.0 s  1 running",
        "`- . pending    z",
        "1 running, 2 pending, 5.0 s",
    ]


def test_a_loop_over_a_tool_has_no_rows_but_its_own():
    board = board_of(started("pages", items=2), started("pages[0]"), started("pages[k.v]"), completed("pages[0]"))
    assert [row.path for row in board.shown()] == ["a", "pages", "z"]
    assert board.rows["pages"].items is not None
    assert board.rows["pages"].items.text() == "1 completed, 1 running of 2"


def test_a_block_has_its_steps_below_it_and_begins_with_the_first():
    board = board_of(event(events.StepReady, "pages"), event(events.StepReady, "pages.x", 1), started("pages.x", 1))
    assert [(row.label, row.state.value) for row in board.shown()] == [
        ("a", "pending"),
        ("pages", "running"),
        ("  x", "running"),
        ("z", "pending"),
    ]
    assert board.rows["pages"].started == START + timedelta(seconds=1)
    assert [row.path for row in board.active()] == ["pages.x"]


def test_loops_in_loops_count_together():
    board = board_of(
        started("pages", items=2),
        started("pages[0].links", items=3),
        started("pages[1].links", items=5),
        started("pages[0].links[a]"),
        started("pages[0].links[b].get"),
        completed("pages[0].links[a]"),
        completed("pages[0].links"),
    )
    links = board.rows["pages[].links"]
    assert links.items is not None
    assert links.runs is not None
    assert (links.items.text(), links.runs.text()) == ("1 completed, 1 running of 8", "1 completed, 1 running")
    assert [row.label for row in board.shown()] == ["a", "pages", "  links", "    get", "z"]


@pytest.mark.parametrize(
    "path", ["pages[x.y].fetch", "pages[x]y].fetch", "pages[a[0]].fetch", "pages[line\nbreak].fetch", "pages[].fetch"]
)
def test_keys_may_be_any_text(path):
    board = board_of(started("pages", items=1), started(path))
    assert [row.path for row in board.shown()] == ["a", "pages", "pages[].fetch", "z"]


def test_a_run_that_begins_again_is_counted_once():
    board = board_of(started("p[0].x"), completed("p[0].x"), event(events.StepReady, "p[0].x"), steps=("p",))
    tally = board.rows["p[].x"].runs
    assert tally is not None
    assert +tally.counts == Counter({StepState.READY: 1})
    board.apply(started("p[0].x"))
    board.apply(completed("p[0].x", 3))
    assert +tally.counts == Counter({StepState.COMPLETED: 1})
    assert board.rows["p[].x"].ended == START + timedelta(seconds=3)


def test_undoing_leaves_the_step_as_it_ended():
    board = board_of(started("a"), completed("a"), started("a:undo"), started("p[1].x:undo"))
    assert board.rows["a"].state is StepState.COMPLETED
    assert board.rows["a"].note == "undone"
    retry = START + timedelta(seconds=9)
    board.apply(event(events.StepAttemptFailed, "a:undo", error=BOOM, retry_at=retry))
    assert board.rows["a"].note == "undo: TOOL_FAILED: boom"


kinds = st.sampled_from([started, completed, failed])
paths = st.builds(lambda item, inner: f"p[{item}]{inner}", st.integers(0, 30), st.sampled_from(["", ".x", ".y"]))


@given(st.lists(st.tuples(kinds, paths), max_size=60))
def test_counts_are_those_of_the_states_of_all_runs(happened):
    board = board_of(*(make(path) for make, path in happened), steps=("p",))
    for row in board.rows.values():
        for tally in (row.items, row.runs):
            if tally is not None:
                assert +tally.counts == Counter(tally.states.values())
                assert len(tally.detailed) <= RUNS_IN_DETAIL
                assert all(tally.states[path] is run.state for path, run in tally.detailed.items())
    assert len(board.rows) <= 3
    last = {path: make for make, path in happened if path.endswith("]")}
    items = board.rows["p"].items
    ended = {path for path, make in last.items() if make is not started}
    assert items is None or ended <= {path for path, state in items.states.items() if state.is_settled}


def lines_of(*happened: Event, ticks: tuple[float, ...] = ()) -> list[str]:
    """The plain lines; the clock stands at the last event, then at each tick."""
    now = [START]
    lines: list[str] = []
    view = PlainView(Board("w", ["pages"]), lines.append, lambda: now[0])
    for each in happened:
        now[0] = each.ts
        view.on_event(each)
    for seconds in ticks:
        now[0] = START + timedelta(seconds=seconds)
        view.tick()
    return lines


def test_the_first_runs_have_lines_and_the_others_are_counted():
    runs = [each for i in range(1000) for each in (started(f"pages[{i}]", 1), completed(f"pages[{i}]", 2))]
    head = event(events.ExecutionStarted, workflow_id="w", workflow_version="1", steps=1)
    lines = lines_of(head, started("pages", items=1200), *runs, ticks=(3, 5, 6, 7, 30))
    assert lines[1] == "[   0 ms] pages: started, 1200 items"
    assert len([line for line in lines if "pages[" in line]) == 2 * RUNS_IN_DETAIL
    assert lines[-2:] == [
        "[  5.0 s] pages: 1000 completed of 1200",
        "[ 30.0 s] w: still at work on pages (1000 completed of 1200, 30.0 s) (1 running, 30.0 s)",
    ]


def test_of_many_failures_the_first_have_lines():
    runs = [
        each for i in range(500) for each in (started(f"pages[{i}].x"), failed(f"pages[{i}].x"), failed(f"pages[{i}]"))
    ]
    lines = lines_of(started("pages", items=500), *runs, failed("pages"))
    assert len(lines) < 80
    assert "[   0 ms] pages[].x: failed with TOOL_FAILED: boom" not in lines
    assert "[   0 ms] pages[19].x: failed with TOOL_FAILED: boom" in lines
    assert not any("pages[20]" in line for line in lines)
    assert lines[-1] == "[   0 ms] pages: failed with TOOL_FAILED: boom"


def test_a_loop_says_at_its_end_how_its_items_ended():
    happened = [started("pages", items=3), completed("pages[0]"), failed("pages[1]"), completed("pages[2]")]
    assert lines_of(*happened, completed("pages", 1))[-1] == (
        "[  1.0 s] pages: completed after 1.0 s (2 completed, 1 failed of 3)"
    )


def test_many_items_cost_little_time_and_few_rows():
    began = time.process_time()
    board = board_of(started("pages", items=5_000), steps=("pages",))
    for i in range(5_000):
        board.apply(started(f"pages[{i}].fetch"))
        board.apply(completed(f"pages[{i}].fetch"))
        board.apply(completed(f"pages[{i}]"))
    assert len(board.rows) == 2
    assert len(picture(board)) == 4
    assert time.process_time() - began < 5
