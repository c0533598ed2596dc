"""What ``ael run`` does: engine, workflow, inputs, an execution watched to its end, and the last words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import attrs
import click

from ael.cli.interrupts import Interrupts
from ael.cli.output import (
    INTERRUPTED,
    animates,
    result_exit_code,
    say,
    uses_color,
    write_json,
)
from ael.cli.project import Project
from ael.cli.summary import report_result
from ael.cli.values import TypedReader
from ael.clock import SystemClock
from ael.errors import AELError
from ael.events import Event
from ael.language.reader import read_document, read_file
from ael.language.report import Report
from ael.observe.progress import Board, PlainView, ProgressView
from ael.plan import Plan
from ael.source import Source
from ael.types import ExecutionResult, ExecutionStatus, JsonValue, datetime_from_ns

if TYPE_CHECKING:
    from ael.engine import WorkflowEngine

__all__ = ["RunOptions", "run_workflow"]

_LIVE_TICK_S = 0.125
_PLAIN_TICK_S = 1.0


@attrs.frozen(kw_only=True)
class RunOptions:
    """What the command line said.

    Attributes:
        target: A file, or the name of a workflow in the configured folders.
        pairs: ``name=text`` of ``-i``; they win over ``inputs_file``.
        output: ``outputs`` (the workflow's), ``json`` (the whole result) or ``jsonl`` (events).
        quiet: No progress.
        timeout: Seconds of the whole execution.
    """

    target: str
    pairs: tuple[str, ...] = ()
    inputs_file: str | None = None
    output: str = "outputs"
    quiet: bool = False
    config: str | None = None
    mcp: str | None = None
    tools: tuple[str, ...] = ()
    max_parallel: int | None = None
    sequential: bool = False
    timeout: float | None = None

    def execution_config(self) -> dict[str, JsonValue]:
        """The third argument of ``execute``."""
        return {
            key: value
            for key, value in (
                ("max_parallel", self.max_parallel),
                ("timeout", self.timeout),
                ("sequential", self.sequential or None),
            )
            if value is not None
        }


def run_workflow(options: RunOptions) -> int:
    """Run a workflow from the command line; the exit code."""
    try:
        return asyncio.run(_run(options))
    except AELError as error:
        if options.output == "json":
            write_json(_refused(options.target, error).to_dict())
        raise


def _refused(target: str, error: AELError) -> ExecutionResult:
    """The result of an execution that never began, so that ``--json`` always has the same shape."""
    now_ns = SystemClock().time_ns()
    return ExecutionResult(
        execution_id="",
        workflow_id=target,
        workflow_version="",
        status=ExecutionStatus.FAILED,
        error=error,
        started_ns=now_ns,
        completed_ns=now_ns,
    )


async def _run(options: RunOptions) -> int:
    project = Project.open(config=options.config, mcp=options.mcp, tools=options.tools)
    task = asyncio.current_task()
    assert task is not None
    with Interrupts(task.cancel) as interrupts:
        try:
            async with project.engine() as engine:
                plan = find_plan(engine, options.target, project)
                inputs = read_inputs(plan, options)
                return await execute(engine, plan, inputs, options, interrupts)
        except asyncio.CancelledError:
            if not interrupts.count:
                raise
            return INTERRUPTED


def find_plan(engine: WorkflowEngine, target: str, project: Project) -> Plan:
    """The plan of a file, or of a workflow by name; warnings found while reading are said.

    Raises:
        click.UsageError: There is no such file, or it is a folder.
        AELError: The workflow is not there, or has errors.
    """
    path = Path(target)
    if path.is_dir() and target not in engine.registry.names():
        raise click.UsageError(f"{target!r} is a folder; name a workflow file in it")
    if path.exists() and not path.is_dir():
        return project.load(engine, target)
    if path.suffix in {".yaml", ".yml", ".json"} or os.sep in target:
        raise click.UsageError(f"there is no file {target!r}")
    return engine.registry.get(target)


def read_inputs(plan: Plan, options: RunOptions) -> dict[str, JsonValue]:
    """The inputs of ``--inputs`` and ``-i``, not yet checked.

    Raises:
        click.UsageError: Something cannot be read.
    """
    schemas = {declared.name: declared.schema for declared in plan.definition.inputs}
    given = {} if options.inputs_file is None else _inputs_file(options.inputs_file)
    return {**given, **TypedReader(schemas, sys.stdin.read).read(options.pairs)}


def _inputs_file(name: str) -> dict[str, JsonValue]:
    source = Source(sys.stdin.read(), "stdin") if name == "-" else read_file(name)
    if not isinstance(source, Source):
        raise click.UsageError(f"--inputs: {source.message}")
    report = Report()
    document = read_document(source.text, source.name, report)
    errors = [diagnostic for diagnostic in report.diagnostics if diagnostic.is_error]
    if errors or document is None:
        raise click.UsageError(f"--inputs: {errors[0] if errors else f'{name!r} is empty'}")
    if not isinstance(document.value, dict):
        raise click.UsageError(f"--inputs: {name!r} must hold a mapping of inputs")
    return document.value


async def execute(
    engine: WorkflowEngine,
    plan: Plan,
    inputs: Mapping[str, JsonValue],
    options: RunOptions,
    interrupts: Interrupts,
) -> int:
    """Execute, show what happens meanwhile, say how it ended; the exit code."""
    data = sys.stdout
    ids = [step.id for step in plan.steps]
    waits = {ids[number]: [ids[before] for before in plan.edges[number]] for number in range(len(ids))}
    board = Board(plan.id, ids, waits)
    sinks: list[Callable[[Event], None]] = []
    if options.output == "jsonl":
        sinks.append(lambda event: write_json(event.to_dict(), compact=True, stream=data))
    with contextlib.redirect_stdout(sys.stderr):  # what tools print is for people
        async with _shown(board, options) as view:
            sinks.append(view.on_event)
            execution = engine.start(plan.id, inputs, options.execution_config())
            interrupts.cancel = execution.cancel
            async for event in execution.events():
                for sink in sinks:
                    sink(event)
            result = await execution.result()
    _conclude(result, plan, board, options)
    return INTERRUPTED if interrupts.count and not result.ok else result_exit_code(result)


def _conclude(result: ExecutionResult, plan: Plan, board: Board, options: RunOptions) -> None:
    report_result(result, plan.definition, board, outputs=options.output == "outputs")
    if options.output == "json":
        write_json(result.to_dict())


@contextlib.asynccontextmanager
async def _shown(board: Board, options: RunOptions) -> AsyncIterator[ProgressView]:
    """A view of the board that is told when time passes, and closed at the end."""
    view, tick_s = _make_view(board, options)
    ticker = asyncio.create_task(_tick(view, tick_s))
    try:
        yield view
    finally:
        ticker.cancel()
        view.close()


async def _tick(view: ProgressView, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        view.tick()


def _make_view(board: Board, options: RunOptions) -> tuple[ProgressView, float]:
    """Live on a terminal that shows nothing else meanwhile, lines elsewhere."""
    stream: TextIO = sys.stderr
    shared = options.output == "jsonl" and sys.__stdout__ is not None and sys.__stdout__.isatty()
    if options.quiet:
        return PlainView(board, _drop, _now), _PLAIN_TICK_S
    if animates(stream, os.environ) and not shared:
        from ael.observe.live_view import LiveView

        return LiveView(board, _now, stream, color=uses_color(stream)), _LIVE_TICK_S
    return PlainView(board, say, _now), _PLAIN_TICK_S


def _drop(line: str) -> None:
    """Nobody wants to read it."""


def _now() -> datetime:
    return datetime_from_ns(SystemClock().time_ns())
