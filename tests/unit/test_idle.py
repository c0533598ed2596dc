"""``timeout.idle``: an attempt may go on for as long as its tool reports progress often enough."""

from __future__ import annotations

import pytest

from ael import parse_workflow
from ael.events import Event, LogEmitted, ToolCalled, ToolReturned
from ael.ports import ToolCall
from ael.testing import FakeTools, make_engine, run_virtual
from ael.types import ExecutionResult
from tests.build import sleep

STEP = "name: w\nsteps: [{id: s, tool: work, timeout: {idle: 2s}}]"
WORK = {
    "silent from the start": ([9], "failed"),
    "busy": ([1, 1, 1, 1], "completed"),
    "busy, and then silent": ([1, 1, 9], "failed"),
}


def run(pauses: list[float], *, listening: bool) -> tuple[ExecutionResult, list[Event]]:
    """A tool that reports after every pause, and logs in the middle of each, which is no progress."""

    async def work(call: ToolCall) -> None:
        for pause in pauses:
            await sleep(pause / 2)
            if call.sink is not None:
                call.sink.log("info", "still here", {"pause": pause})
                call.sink.tool_called("inner", "server")
                call.sink.tool_returned("inner", "server", ok=True, duration_s=0.5)
            await sleep(pause / 2)
            if call.sink is not None:
                call.sink.progress(None, "a piece")

    async def main() -> tuple[ExecutionResult, list[Event]]:
        engine = make_engine(parse_workflow(STEP), tools=FakeTools({"work": work}))
        if not listening:
            return await engine.execute("w"), []
        execution = engine.start("w")
        events = [event async for event in execution.events()]
        return await execution.result(), events

    return run_virtual(main())


@pytest.mark.parametrize("listening", [True, False], ids=["with events", "without"])
@pytest.mark.parametrize("what", WORK)
def test_only_progress_resets_it(what: str, *, listening: bool) -> None:
    pauses, status = WORK[what]
    result, _ = run(pauses, listening=listening)
    assert result["s"].status == status
    if status == "failed":
        assert result["s"].error is not None
        assert (result["s"].error.code, result["s"].error.hint) == ("TOOL_TIMEOUT", "raise `timeout.idle`")
        assert result["s"].duration_ms == (sum(pauses[:-1]) + 2) * 1000


def test_what_a_tool_says_is_passed_on() -> None:
    _, events = run([1, 1], listening=True)
    said = [event.level for event in events if isinstance(event, LogEmitted)]
    assert said == ["info", "progress"] * 2
    assert sum(isinstance(event, ToolCalled) for event in events) == 2
    assert [event.duration_ms for event in events if isinstance(event, ToolReturned)] == [500, 500]
