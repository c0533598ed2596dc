"""The live tree: a row per step, redrawn in place on a terminal through rich.

What is drawn is decided in pure functions over the board; rich only paints lines. There is no refresh
thread: whoever runs the loop calls ``tick``, so that the board is read and written on one thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TextIO, TypeAlias

import attrs
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ael.events import Event
from ael.observe.board import Board, StepRow, StepState
from ael.observe.words import format_duration

__all__ = ["Folded", "LiveView", "board_lines", "fit_rows"]

_LOOKS = {
    StepState.PENDING: ("·", ".", "dim"),
    StepState.READY: ("○", "o", ""),
    StepState.RUNNING: ("●", "*", "cyan"),
    StepState.RETRYING: ("↻", "~", "yellow"),
    StepState.COMPLETED: ("✓", "+", "green"),
    StepState.FAILED: ("✗", "x", "bold red"),
    StepState.SKIPPED: ("−", "-", "dim yellow"),
    StepState.CANCELLED: ("⊘", "/", "yellow"),
}
"""State → glyph, glyph where only ASCII can be written, style."""

_QUIET = (StepState.COMPLETED, StepState.SKIPPED, StepState.CANCELLED, StepState.READY, StepState.PENDING)
_DONE, _WAITING = "done", "waiting"
_FOLDS: tuple[Mapping[StepState, str], ...] = (
    {StepState.COMPLETED: StepState.COMPLETED},
    {state: state for state in StepState if state in _QUIET},
    {state: _DONE if state.is_settled else _WAITING for state in _QUIET},
    dict.fromkeys(_QUIET, _DONE),
)
"""Which neighbours share a line when rows are too many: those of one kind, by ever coarser kinds."""

_IMPORTANCE = (
    StepState.FAILED,
    StepState.RUNNING,
    StepState.RETRYING,
    StepState.CANCELLED,
    StepState.READY,
    StepState.PENDING,
    StepState.SKIPPED,
    StepState.COMPLETED,
)


@attrs.frozen
class Folded:
    """Several rows on one line."""

    counts: dict[StepState, int]

    @property
    def size(self) -> int:
        """How many rows it stands for."""
        return sum(self.counts.values())


Line: TypeAlias = StepRow | Folded


def fit_rows(rows: Sequence[StepRow], height: int) -> list[Line]:
    """The rows in their order, folded until they fit into ``height`` lines (at least 1); none is lost."""
    height = max(height, 1)
    if len(rows) <= height:
        return list(rows)
    for kinds in _FOLDS:
        lines = _fold_neighbours(rows, kinds)
        if len(lines) <= height:
            return lines
    return _most_important(rows, height)


def _fold_neighbours(rows: Sequence[StepRow], kinds: Mapping[StepState, str]) -> list[Line]:
    lines: list[Line] = []
    for kind, group in groupby(rows, key=lambda row: kinds.get(row.state)):
        run = list(group)
        foldable = kind is not None and len(run) > 1
        lines.extend([Folded(dict(Counter(row.state for row in run)))] if foldable else run)
    return lines


def _most_important(rows: Sequence[StepRow], height: int) -> list[Line]:
    ranked = sorted(range(len(rows)), key=lambda i: (_IMPORTANCE.index(rows[i].state), i))
    shown = set(ranked[: height - 1])
    rest = Counter(row.state for i, row in enumerate(rows) if i not in shown)
    return [*(rows[i] for i in sorted(shown)), Folded(dict(rest))]


def board_lines(board: Board, now: datetime, height: int, *, ascii_only: bool = False) -> list[Text]:
    """The whole picture in at most ``height`` lines (at least 3): a head, rows, and a foot until the end."""
    rows = list(board.shown())
    width = min(max((len(row.label) for row in rows), default=0), 40)
    head = Text.assemble((board.workflow, "bold"), ("  " + board.execution_id, "dim"))
    body = [_line_text(line, board, now, width, ascii_only) for line in fit_rows(rows, height - 2)]
    branch, last = ("|- ", "`- ") if ascii_only else ("├─ ", "└─ ")
    marks = [branch] * (len(body) - 1) + [last]
    tree = [Text.assemble((mark, "dim"), text) for mark, text in zip(marks, body, strict=False)]
    foot = [Text(board.summary(now), style="bold")] if board.ended is None else []
    return [head, *tree, *foot]


def _line_text(line: Line, board: Board, now: datetime, width: int, ascii_only: bool) -> Text:
    if isinstance(line, Folded):
        states = [state for state in StepState if line.counts.get(state)]
        words = ", ".join(f"{line.counts[state]} {state}" for state in states)
        return Text(f"{'...' if ascii_only else '…'} {words}", style="dim")
    glyph, plain_glyph, style = _LOOKS[line.state]
    elapsed = line.elapsed_s(now)
    return Text.assemble(
        (f"{plain_glyph if ascii_only else glyph} {line.state:<9}", style),
        f"  {line.label:<{width}}",
        f"  {'' if elapsed is None else format_duration(elapsed):>7}",
        (f"  {board.detail(line, now)}", "red" if line.state is StepState.FAILED else "dim"),
    )


class LiveView:
    """Draws a board on a terminal, in place.

    While it is open, what is printed to the console's stream appears above the rows.

    Args:
        now: The time, UTC.
        stream: The terminal, stderr.
        color: Whether to colour.
    """

    def __init__(self, board: Board, now: Callable[[], datetime], stream: TextIO, *, color: bool = True) -> None:
        self._board = board
        self._now = now
        self._ascii_only = not (stream.encoding or "").lower().startswith("utf")
        self._console = Console(file=stream, force_terminal=True, no_color=not color, highlight=False)
        self._live = Live(
            get_renderable=self._picture, console=self._console, auto_refresh=False, vertical_overflow="crop"
        )
        self._live.start()

    def _picture(self) -> Group:
        height = max(self._console.size.height - 1, 3)
        lines = board_lines(self._board, self._now(), height, ascii_only=self._ascii_only)
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines)

    def on_event(self, event: Event) -> None:
        """Take the event in; it is seen at the next tick."""
        self._board.apply(event)

    def tick(self) -> None:
        """Draw anew."""
        self._live.refresh()

    def close(self) -> None:
        """Draw the last picture and give the terminal back."""
        if self._live.is_started:
            self._live.refresh()
            self._live.stop()
