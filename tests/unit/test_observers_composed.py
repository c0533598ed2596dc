"""Observers that stop the execution in the middle of what the engine does: at every event of composite steps."""

from __future__ import annotations

import asyncio

import pytest

from ael import parse_workflow
from ael.events import Event
from ael.execution import Execution
from ael.testing import make_engine
from ael.types import ExecutionResult
from tests.unit.test_cancellation import CountingLoop, _tools
from tests.unit.test_cancellation_composed import CALLED, SCENARIOS, _check


class Canceller:
    """Cancels at the event with that number."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.execution: Execution | None = None

    def on_event(self, event: Event) -> None:
        if event.seq >= self.at and self.execution is not None:
            self.execution.cancel()


async def _run(scenario: str, at: int) -> tuple[ExecutionResult, int]:
    """The result, and how many events there were."""
    canceller = Canceller(at)
    definitions = [parse_workflow(f"name: w\n{SCENARIOS[scenario]}"), parse_workflow(CALLED)]
    engine = make_engine(*definitions, tools=_tools(), observers=[canceller])
    canceller.execution = engine.start("w")
    events = [event async for event in canceller.execution.events()]
    result = await canceller.execution.result()
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, CountingLoop)
    assert asyncio.all_tasks() == {asyncio.current_task()}, f"event {at}: a task is left"
    assert loop.live_timers() == 0, f"event {at}: a timer is left"
    return result, len(events)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_stopped_by_an_observer_at_any_event_all_of_it_ends(scenario: str) -> None:
    at, count = 2, 3
    while at <= count:
        with asyncio.Runner(loop_factory=CountingLoop) as runner:
            result, count = runner.run(_run(scenario, at))
        _check(result, at)
        at += 1
