"""Executes a workflow before somebody's eyes: progress while it runs, the last words, the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import attrs

from ael.cli.interrupts import Interrupts
from ael.cli.output import INTERRUPTED, animates, result_exit_code, say, uses_color, write_json
from ael.cli.summary import report_result
from ael.clock import SystemClock
from ael.events import Event
from ael.observe.board import Board
from ael.observe.progress import PlainView, ProgressView
from ael.plan import Plan
from ael.ports import Clock
from ael.types import JsonValue, datetime_from_ns

if TYPE_CHECKING:
    from ael.engine import WorkflowEngine
    from ael.execution import Execution

__all__ = ["Shown", "execute"]

_CLOCK = SystemClock()
_LIVE_TICK_S = 0.125
_PLAIN_TICK_S = 1.0


@attrs.frozen(kw_only=True)
class Shown:
    """What is shown of an execution.

    Attributes:
        data: What goes to stdout: the workflow's ``outputs``, the whole result as ``json``, or events as ``jsonl``.
        quiet: No progress on stderr.
    """

    data: Literal["outputs", "json", "jsonl"] = "outputs"
    quiet: bool = False


async def execute(
    engine: WorkflowEngine,
    plan: Plan,
    inputs: Mapping[str, JsonValue],
    interrupts: Interrupts,
    *,
    config: Mapping[str, JsonValue] | None = None,
    shown: Shown,
    clock: Clock = _CLOCK,
) -> int:
    """Execute, show what happens meanwhile, say how it ended; the exit code."""
    data = sys.stdout
    ids = [step.id for step in plan.steps]
    waits = {ids[number]: [ids[before] for before in plan.waits[number]] for number in range(len(ids))}
    board = Board(plan.id, ids, waits)
    sinks: list[Callable[[Event], None]] = []
    if shown.data == "jsonl":
        sinks.append(lambda event: write_json(event.to_dict(), compact=True, stream=data))
    with contextlib.redirect_stdout(sys.stderr):  # what tools print is for people
        async with _watched(board, shown, clock) as view:
            sinks.append(view.on_event)
            execution = engine.start(plan.id, inputs, config)
            interrupts.cancel = execution.cancel
            relay = asyncio.create_task(_relay(execution, sinks))
            try:
                result = await execution.result()  # ends whatever happens; the events might not, if we have a bug
                await relay
            finally:
                relay.cancel()
    report_result(result, plan.definition, outputs=shown.data == "outputs")
    if shown.data == "json":
        write_json(result.to_dict())
    return INTERRUPTED if interrupts.count and not result.ok else result_exit_code(result)


async def _relay(execution: Execution, sinks: Sequence[Callable[[Event], None]]) -> None:
    async for event in execution.events():
        for sink in sinks:
            sink(event)


@contextlib.asynccontextmanager
async def _watched(board: Board, shown: Shown, clock: Clock) -> AsyncIterator[ProgressView]:
    """A view of the board that is told when time passes, and closed at the end."""
    view, tick_s = _make_view(board, shown, lambda: datetime_from_ns(clock.time_ns()))
    ticker = asyncio.create_task(_tick(view, tick_s, clock))
    try:
        yield view
    finally:
        ticker.cancel()
        view.close()


async def _tick(view: ProgressView, every_s: float, clock: Clock) -> None:
    while True:
        await clock.sleep(every_s)
        view.tick()


def _make_view(board: Board, shown: Shown, now: Callable[[], datetime]) -> tuple[ProgressView, float]:
    """Live on a terminal that shows nothing else meanwhile, lines elsewhere."""
    stream = sys.stderr
    shared = shown.data == "jsonl" and sys.__stdout__ is not None and sys.__stdout__.isatty()
    if shown.quiet:
        return PlainView(board, _drop, now), _PLAIN_TICK_S
    if animates(stream, os.environ) and not shared:
        from ael.observe.live_view import LiveView

        return LiveView(board, now, stream, color=uses_color(stream)), _LIVE_TICK_S
    return PlainView(board, say, now), _PLAIN_TICK_S


def _drop(line: str) -> None:
    """Nobody wants to read it."""
