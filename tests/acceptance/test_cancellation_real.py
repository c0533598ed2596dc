"""Executions cancelled in the middle of real work: calls of a real MCP server, and its sudden death."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

import ael
from ael.types import ExecutionStatus, JsonValue, StepStatus

pytest.importorskip("mcp")

SERVER = str(Path(__file__).parent.parent / "servers" / "answering.py")
SERVERS = {"mcpServers": {"srv": {"command": sys.executable, "args": [SERVER]}}}
WORK = """\
name: work
steps:
- {id: pid, tool: srv.pid}
- {id: slow, tool: srv.wait, params: {seconds: 0.05}, depends_on: pid}
- {id: sum, tool: srv.add, params: {a: 1, b: 2}, depends_on: pid}
- {id: after, tool: srv.echo, params: {text: "{{ steps.sum.output }} {{ steps.slow.output }}"}}
"""
FIFTY = "name: fifty\nsteps:\n" + "".join(
    f"- {{id: s{i}, tool: srv.wait, params: {{seconds: 600}}, on_error: skip}}\n" for i in range(50)
)


class PassCounter(asyncio.SelectorEventLoop):
    """Cancels a task at the beginning of pass number ``at``."""

    passes = 0
    at = 0
    target: asyncio.Task[JsonValue] | None = None

    def _run_once(self) -> None:
        self.passes += 1
        if self.passes == self.at and self.target is not None:
            self.target.cancel()
        super()._run_once()


async def _sweep() -> int:
    """Cancel at the k-th pass, k growing, on one engine and one server; returns how often that hit."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PassCounter)
    hits = 0
    async with ael.create_engine(workflows=[ael.parse_workflow(WORK)], mcp_servers=SERVERS) as engine:
        assert (await engine.execute("work")).ok
        idle = asyncio.all_tasks()
        for k in range(1, 400):
            task = asyncio.ensure_future(engine.execute("work"))
            loop.target, loop.at = task, loop.passes + k
            try:
                result = await task
            except asyncio.CancelledError:
                hits += 1
            else:
                assert result.ok
                if loop.passes < loop.at:
                    break
            loop.at = 0
            await asyncio.sleep(0)
            left = {each for each in asyncio.all_tasks() - idle if not each.done()}
            assert not left, f"pass {k}: {left}"
        result = await engine.execute("work")
        assert result["after"].output == "3 waited"
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return hits


def test_cancelled_at_every_pass_of_a_real_call() -> None:
    with asyncio.Runner(loop_factory=PassCounter) as runner:
        assert runner.run(_sweep()) >= 10


async def test_a_server_killed_in_the_middle_of_fifty_calls_loses_no_finished_step() -> None:
    definitions = [ael.parse_workflow(WORK), ael.parse_workflow(FIFTY)]
    async with ael.create_engine(workflows=definitions, mcp_servers=SERVERS) as engine:
        first = await engine.execute("work")
        execution = engine.start("fifty", None, {"max_parallel": 32})
        called = 0
        async for event in execution.events():
            called += event.type == "tool_called"
            if called == 32:
                os.kill(int(first["pid"].output), signal.SIGKILL)
                break
        await asyncio.sleep(0.5)
        execution.cancel()
        result = await execution.result()
        lost = [each for each in result if each.error is not None and each.error.code == "TOOL_LOST"]
        assert len(lost) == 32
        assert all(each.status is StepStatus.SKIPPED for each in lost)
        assert result.status is ExecutionStatus.CANCELLED
        again = await engine.execute("work")
        assert again.ok, "the next call starts the server anew"
        assert again["pid"].output != first["pid"].output
