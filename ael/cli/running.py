"""What ``ael run`` does: engine, workflow, inputs, an execution watched to its end, and the last words."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from ael.cli.interrupts import Interrupts
from ael.cli.output import INTERRUPTED, write_json
from ael.cli.project import Project
from ael.cli.values import read_inputs
from ael.cli.watching import Shown, execute
from ael.clock import SystemClock
from ael.errors import AELError
from ael.plan import Plan
from ael.types import ExecutionResult, ExecutionStatus, JsonValue

if TYPE_CHECKING:
    from ael.engine import WorkflowEngine

__all__ = ["RunOptions", "run_workflow"]


@attrs.frozen(kw_only=True)
class RunOptions:
    """What the command line said.

    Attributes:
        target: A file, or the name of a workflow in the configured folders.
        pairs: ``name=text`` of ``-i``; they win over ``inputs_file``.
        shown: What goes to stdout, and whether progress is shown.
        timeout: Seconds of the whole execution.
    """

    target: str
    pairs: tuple[str, ...] = ()
    inputs_file: str | None = None
    shown: Shown = attrs.field(factory=Shown)
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
        if options.shown.data == "json":
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
            if not options.shown.quiet:
                project.say_notes()
            async with project.engine() as engine:
                plan = find_plan(engine, options.target, project)
                project.say_warnings(plan)
                schemas = {declared.name: declared.schema for declared in plan.definition.inputs}
                inputs = read_inputs(schemas, options.pairs, options.inputs_file)
                return await execute(
                    engine,
                    plan,
                    inputs,
                    interrupts,
                    config=options.execution_config(),
                    shown=options.shown,
                )
        except asyncio.CancelledError:
            if not interrupts.count:
                raise
            return INTERRUPTED


def find_plan(engine: WorkflowEngine, target: str, project: Project) -> Plan:
    """The plan of a file, or of a workflow by name.

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
