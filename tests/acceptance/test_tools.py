"""Tools in executions, wired as users wire them: threads, programs and sockets, cancelled, retried and too slow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import attrs
import pytest

import ael
from ael.clock import SystemClock
from ael.ports import ToolCall
from ael.tools.routing import RoutingInvoker
from ael.tools.shell import ShellProvider
from ael.types import JsonValue
from tests.unit.tools.loopback import Answer, Request, answer, serve

ROOT = Path(ael.__file__).parents[1]


def engine_of(text: str, *tools: object, **settings: JsonValue) -> ael.WorkflowEngine:
    """An engine with one workflow, ``w``, whose steps are ``text``."""
    definition = ael.parse_workflow("name: w\nsteps:\n" + text)
    return ael.create_engine(workflows=[definition], tools=tools, settings=ael.Settings(**settings))


async def run(text: str, *tools: object, **settings: JsonValue) -> ael.ExecutionResult:
    async with engine_of(text, *tools, **settings) as engine:
        return await engine.execute("w")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


# -- data ----------------------------------------------------------------------------------------


@attrs.define
class Order:
    item: str
    count: int = 1


async def test_steps_hand_on_data_that_no_tool_can_spoil() -> None:
    @ael.tool
    async def make() -> list[JsonValue]:
        return [{"item": "tea"}, {"item": "milk", "count": 2}]

    @ael.tool
    def spoil(orders: list[JsonValue]) -> int:
        orders[0]["item"] = "poison"
        orders.clear()
        return len(orders)

    @ael.tool
    def total(orders: list[Order]) -> list[Order]:
        return [Order(each.item, each.count * 2) for each in orders]

    result = await run(
        """
- {id: a, tool: make}
- {id: b, tool: spoil, params: {orders: "{{ steps.a.output }}"}}
- {id: c, tool: total, params: {orders: "{{ steps.a.output }}"}, depends_on: b}
""",
        make,
        spoil,
        total,
    )
    assert result.ok
    assert result["a"].output == [{"item": "tea"}, {"item": "milk", "count": 2}]
    assert result["b"].output == 0
    assert result["c"].output == [{"item": "tea", "count": 2}, {"item": "milk", "count": 4}]


async def test_params_that_do_not_fit_fail_the_step_before_the_call() -> None:
    called = []

    @ael.tool
    def buy(order: Order, how: str = "cheap") -> None:
        called.append(order)

    result = await run(
        """
- {id: a, tool: buy, params: {order: {item: "{{ '2' | fromjson }}", count: "{{ '[]' | fromjson }}"}}, retry: 3}
""",
        buy,
    )
    error = result["a"].error
    assert error is not None
    assert error.code == "PARAM_INVALID"
    assert sorted(each.partition(":")[0] for each in error.details["problems"]) == ["$.order.count", "$.order.item"]
    assert result["a"].attempt == 1
    assert not called


async def test_attempts_know_what_they_are_part_of() -> None:
    seen = []

    @ael.tool
    def flaky(ctx: ael.ToolContext, name: str) -> str:
        seen.append((ctx.path, ctx.attempt, ctx.idempotency_key, ctx.deadline is not None))
        ctx.log("trying", name=name)
        ctx.progress_nowait(ctx.attempt / 3)
        if ctx.attempt < 3:
            raise ael.ToolError("not yet", code="BUSY", retry_after=0)
        return ctx.path

    async with engine_of(
        '- {id: a, tool: flaky, params: {name: x}, retry: {max_attempts: 3, delay: 0, "on": [BUSY]}, timeout: 30}\n',
        flaky,
    ) as engine:
        execution = engine.start("w")
        events = [event async for event in execution.events()]
        result = await execution.result()
    assert result["a"].output == "a"
    key = f"{result.execution_id}:a"
    assert seen == [("a", attempt, key, True) for attempt in (1, 2, 3)]
    told = [(event.type, event.attempt) for event in events if event.type in ("tool_called", "tool_returned", "log")]
    assert told == [(kind, n) for n in (1, 2, 3) for kind in ("tool_called", "log", "log", "tool_returned")]


# -- synchronous tools, which cannot be stopped --------------------------------------------------


class PassCounter(asyncio.SelectorEventLoop):
    """Calls ``hook`` at the beginning of pass number ``at``."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0
        self.at = 0
        self.hook: Callable[[], None] = lambda: None

    def _run_once(self) -> None:
        self.passes += 1
        if self.passes == self.at:
            self.hook()
        super()._run_once()  # type: ignore[misc]


SYNC = """
- {id: before, tool: quick}
- {id: work, tool: slow, depends_on: before}
- {id: after, tool: quick, depends_on: work}
"""


def quick() -> str:
    return ""


class Blocking:
    """A tool that blocks its thread until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.returned = threading.Event()

    def __call__(self) -> str:
        self.entered.set()
        self.release.wait()
        self.returned.set()
        return "late"


async def _cancelled_at(at: int, way: str, moment: str) -> ael.ExecutionResult:
    """One run, cancelled so many passes after a moment."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PassCounter)
    slow = Blocking()
    engine = engine_of(SYNC, ael.Tool.from_function(slow, name="slow"), ael.Tool.from_function(quick))
    execution = engine.start("w")
    closing: list[asyncio.Future[None]] = []
    if moment != "start":
        await until(slow.entered.is_set)
    if moment == "released":
        slow.release.set()
    ways = {"cancel": execution.cancel, "close": lambda: closing.append(asyncio.ensure_future(engine.aclose()))}
    loop.hook, loop.at = ways[way], loop.passes + at
    while loop.passes < loop.at:
        await asyncio.sleep(0)
    result = await execution.result()
    await asyncio.gather(*closing)
    await engine.aclose()
    slow.release.set()
    if slow.entered.is_set():
        await until(slow.returned.is_set)
    left = {task for task in asyncio.all_tasks() - {asyncio.current_task()} if not task.done()}
    assert not left, f"pass {at}: {left}"
    return result


@pytest.mark.parametrize("way", ["cancel", "close"])
@pytest.mark.parametrize("moment", ["start", "inside", "released"])
def test_cancelled_at_every_pass_around_a_synchronous_tool(moment: str, way: str) -> None:
    with asyncio.Runner(loop_factory=PassCounter) as runner:
        results = [runner.run(_cancelled_at(at, way, moment)) for at in range(1, 30)]
    for result in results:
        if moment == "released":  # who is first is open; nothing between the two is possible
            assert result["work"].output in (None, "late")
            assert result.ok or result.status is ael.ExecutionStatus.CANCELLED
        else:
            assert result.status is ael.ExecutionStatus.CANCELLED
            assert result["work"].output is None
            assert result["after"].attempt == 0
    assert any(result.status is ael.ExecutionStatus.CANCELLED for result in results)


async def test_a_step_goes_on_without_a_synchronous_tool_that_is_too_slow() -> None:
    release = threading.Event()
    threads: list[threading.Thread] = []

    def stuck() -> str:
        threads.append(threading.current_thread())
        release.wait()
        return "late"

    async def other() -> str:
        return "not held up"

    async with engine_of(
        """
- {id: a, tool: stuck, timeout: 50ms, retry: {max_attempts: 2, delay: 0}, on_error: skip, fallback: gave up}
- {id: b, tool: other, depends_on: a}
- {id: c, tool: stuck, depends_on: b, timeout: 50ms}
- {id: d, tool: other, depends_on: c}
""",
        stuck,
        other,
        threads=3,
    ) as engine:
        result = await engine.execute("w")
        assert (result["a"].output, result["a"].attempt) == ("gave up", 2)
        assert result["a"].error is not None
        assert result["a"].error.code == "TOOL_TIMEOUT"
        assert result["b"].output == "not held up"
        assert result["c"].status is ael.StepStatus.FAILED
        assert len(set(threads)) == 3
        assert all(thread.daemon for thread in threads)

        full = await engine.execute("w")  # no place is left: waiting for one counts as the attempt's time
        assert [full[each].status for each in "abcd"] == [result[each].status for each in "abcd"]
        assert len(threads) == 3
        release.set()
        assert (await engine.execute("w"))["a"].output == "late", "places come back when the calls return"


STUCK = """
import asyncio, sys, threading
import ael

began = threading.Event()

@ael.tool
def stuck() -> None:
    began.set()
    threading.Event().wait()

async def main() -> None:
    definition = ael.parse_workflow("name: w\\nsteps: [{{id: a, tool: stuck}}]")
    engine = ael.create_engine(workflows=[definition], tools=[stuck])
    execution = engine.start("w")
    while not began.is_set():
        await asyncio.sleep(0.001)
    {ending}
    print((await execution.result()).status)

asyncio.run(main())
"""


@pytest.mark.parametrize("ending", ["execution.cancel()", "await engine.aclose()"], ids=["cancel", "close"])
def test_a_stuck_synchronous_tool_does_not_keep_the_interpreter(ending: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", STUCK.format(ending=ending)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "cancelled\n", "")


# -- http ----------------------------------------------------------------------------------------


def breaking(request: Request, writer: asyncio.StreamWriter) -> Awaitable[None]:
    """Take the request, and break the connection."""
    writer.close()
    return writer.wait_closed()


def in_turn(*answers: Answer) -> Answer:
    """Each answer once; the last one for ever."""
    left = list(answers)

    async def respond(request: Request, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, writer)

    return respond


RETRIED = "retry: {max_attempts: 3, delay: 0}"


@pytest.mark.parametrize(
    ("method", "own", "defaults", "answers", "code", "asked"),
    [
        pytest.param("GET", RETRIED, "", [answer("503 Busy", b"", "Retry-After: 0"), answer()], None, 2, id="busy"),
        pytest.param("GET", RETRIED, "", [answer("404 Not Found")], "TOOL_FAILED", 1, id="not there"),
        pytest.param("GET", "", "", [answer("503 Busy")], "TOOL_FAILED", 1, id="busy, and no retry"),
        pytest.param("GET", "", RETRIED, [breaking, answer()], None, 2, id="GET broken, retry by default"),
        pytest.param("POST", "", RETRIED, [breaking, answer()], "TOOL_LOST", 1, id="POST broken, retry by default"),
        pytest.param("PUT", "", RETRIED, [breaking, answer()], None, 2, id="PUT broken, retry by default"),
        pytest.param("POST", RETRIED, "", [breaking, answer()], None, 2, id="POST broken, own retry"),
    ],
)  # fmt: skip
async def test_what_a_failed_request_leads_to(
    method: str, own: str, defaults: str, answers: list[Answer], code: str | None, asked: int
) -> None:
    async with serve(api=in_turn(*answers)) as server:
        params = {"url": f"{server.url}/api", "method": method}
        definition = ael.parse_workflow(
            f"name: w\ndefaults: {{{defaults}}}\nsteps:\n"
            f"- {{id: a, tool: http.request, params: {json.dumps(params)}, {own}}}\n"
        )
        async with ael.create_engine(workflows=[definition]) as engine:
            result = await engine.execute("w")
    assert (None if result["a"].error is None else result["a"].error.code) == code
    assert len(server.requests) == asked
    assert result["a"].attempt == asked


async def test_cancelling_an_execution_closes_its_connection() -> None:
    gone = asyncio.Event()
    asked = asyncio.Event()

    async def trickle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            asked.set()
            await asyncio.sleep(0.001)
        gone.set()

    async with serve(api=trickle) as server:
        text = f"- {{id: a, tool: http.request, params: {{url: {server.url}/api}}}}\n"
        async with engine_of(text) as engine:
            execution = engine.start("w")
            await asked.wait()
            execution.cancel()
            assert (await execution.result()).status is ael.ExecutionStatus.CANCELLED
            await gone.wait()


# -- shell ---------------------------------------------------------------------------------------


def is_gone(pid: int) -> bool:
    """Ended; an orphan may still be waiting for its new parent to notice."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")
@pytest.mark.parametrize("how", ["timeout", "cancel", "close"])
async def test_a_program_and_its_children_end_with_their_step(how: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 1000 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait"
    timeout = "timeout: 300ms" if how == "timeout" else ""
    text = f"- {{id: a, tool: shell.run, params: {{argv: [sh, -c, {json.dumps(script)}]}}, {timeout}}}\n"
    async with engine_of(text, allow_shell=True) as engine:
        execution = engine.start("w")
        await until(pids.exists)
        child = int(pids.read_text().split()[0])
        await until(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n")
        if how == "cancel":
            execution.cancel()
        if how == "close":
            await engine.aclose()
        result = await execution.result()
        for pid in pids.read_text().split():
            await until(partial(is_gone, int(pid)))
    error = result["a"].error
    assert (error.code if error else str(result.status)) == ("TOOL_TIMEOUT" if how == "timeout" else "cancelled")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def _block_until(condition: Callable[[], bool]) -> None:
    """Hold up the loop, as a busy one does, for as long as it takes, or a tenth of a second."""
    end = time.monotonic() + 0.1
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)


async def _cancelled_while_starting(at: int, folder: Path) -> list[int]:
    """Cancel so many passes after the call began; by then the program, if there is one, has children."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PassCounter)
    pids = folder / f"pids{at}"
    script = f"sleep 1000 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait"
    tools = RoutingInvoker([ShellProvider(ael.Settings(allow_shell=True), SystemClock())], SystemClock())
    running = asyncio.ensure_future(tools.call(ToolCall("shell.run", {"argv": ["sh", "-c", script]})))

    def cancel() -> None:
        _block_until(pids.exists)
        running.cancel()

    loop.hook, loop.at = cancel, loop.passes + at
    await asyncio.wait([running])
    assert running.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")
def test_a_program_cancelled_while_it_starts_leaves_no_child(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=PassCounter) as runner:
        pids = [runner.run(_cancelled_while_starting(at, tmp_path)) for at in range(1, 12)]
    assert any(pids)
    for pid in (pid for each in pids for pid in each):
        _block_until(partial(is_gone, pid))
        assert is_gone(pid)


async def test_a_program_feeds_the_next_step() -> None:
    result = await run(
        """
- {id: list, tool: shell.run, params: {argv: [printf, '{"n": %d}', 7]}}
- {id: count, tool: shell.run, params: {argv: [wc, -c], stdin: "{{ steps.list.output.stdout }}"}}
- {id: fails, tool: shell.run, params: {argv: ["false"]}, on_error: skip, fallback: {exit_code: -1}}
""",
        allow_shell=True,
    )
    assert result.ok
    assert result["count"].output["stdout"].strip() == "8"
    assert result["fails"].output == {"exit_code": -1}


# -- the command line ----------------------------------------------------------------------------

PROJECT = {
    "ael.toml": 'tools = ["house"]\n[settings]\nallow_shell = true\n',
    "house.py": "import ael\n\n@ael.tool(read_only=True)\ndef add(a: int, b: int = 1) -> int:\n"
    '    """Add two numbers."""\n    return a + b\n',
    "w.yaml": """
name: w
steps:
  - {id: add, tool: add, params: {a: 1}}
  - {id: echo, tool: shell.run, params: {argv: [echo, "{{ steps.add.output }}"]}}
  - {id: odd, tool: ad, on_missing_tool: skip}
output: "{{ steps.echo.output.stdout | trim }}"
""",
}


def ael_at(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "ael", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_tools_of_a_project(tmp_path: Path) -> None:
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text)
    done = ael_at(tmp_path, "run", "w.yaml", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["outputs"] == {"output": "2"}
    assert [step["status"] for step in result["step_results"]] == ["completed", "completed", "skipped"]
    listed = ael_at(tmp_path, "tools", "list")
    assert listed.returncode == 0, listed.stderr
    assert all(name in listed.stdout for name in ("add", "http.request", "shell.run"))

    (tmp_path / "ael.toml").write_text('tools = ["house"]\n')
    done = ael_at(tmp_path, "check", "w.yaml")
    assert done.returncode == 3
    assert "allow_shell" in done.stderr + done.stdout
