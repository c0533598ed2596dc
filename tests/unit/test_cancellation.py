"""Cancellation at every await: nothing is swallowed, nothing leaks, every step has a final status.

A loop of our own counts its passes and cancels at the k-th, for k = 1, 2, … until the execution ends by
itself: every await of the engine is hit in every scenario.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import attrs
import pytest

from ael.definition import WorkflowDefinition
from ael.engine import WorkflowEngine
from ael.errors import ToolError
from ael.execution import Execution
from ael.testing import FakeTools, VirtualLoop, make_engine
from ael.types import ExecutionResult, ExecutionStatus, JsonValue, OnError, RetryConfig, StepStatus, TimeoutConfig
from tests.build import sleep, step, workflow

FINAL = {StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED}
POLICY = RetryConfig(max_attempts=3, delay=5, jitter="none")


class CountingLoop(VirtualLoop):
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
        super()._run_once()

    def live_timers(self) -> int:
        return sum(not timer.cancelled() for timer in self._scheduled)


async def _sleep(params: JsonValue) -> JsonValue:
    await sleep(params["s"])
    return params["s"]


async def _tidy(params: JsonValue) -> JsonValue:
    """Needs a second for its cleanup."""
    try:
        await sleep(params["s"])
    finally:
        await sleep(1)
    return "tidied"


async def _stubborn(params: JsonValue) -> JsonValue:
    """Answers its cancellation with a value."""
    try:
        await sleep(params["s"])
    except asyncio.CancelledError:
        return "had it anyway"
    return "slept"


async def _turns_into_error(params: JsonValue) -> JsonValue:
    try:
        await sleep(params["s"])
    except asyncio.CancelledError:
        raise ValueError("interrupted") from None
    return None


def _flaky() -> Callable[[JsonValue], Awaitable[JsonValue]]:
    async def flaky(params: JsonValue) -> JsonValue:
        await asyncio.sleep(0)
        raise ToolError("not yet")

    return flaky


def _tools() -> FakeTools:
    return FakeTools(
        {
            "ok": lambda params: params,
            "sleep": _sleep,
            "tidy": _tidy,
            "stubborn": _stubborn,
            "turns": _turns_into_error,
            "flaky": _flaky(),
        }
    )


SCENARIOS: dict[str, WorkflowDefinition] = {
    "running": workflow(step("a", "sleep", {"s": 1}), step("b", "ok", after="a"), step("c", "sleep", {"s": 2})),
    "waiting for a retry": workflow(step("a", "flaky", retry=POLICY), step("b", "sleep", {"s": 3})),
    "cascading skips": workflow(
        step("a", "flaky", on_error=OnError.SKIP),
        step("b", "ok", when="false"),
        *(step(f"c{i}", "ok", after=f"c{i - 1}" if i else "b") for i in range(20)),
        step("d", "sleep", {"s": 1}, after="c19 a"),
    ),
    "failing fast": workflow(
        step("a", "flaky"), step("b", "tidy", {"s": 3}), step("c", "sleep", {"s": 3}), step("d", "ok", after="b c")
    ),
    "cleanup": workflow(step("a", "tidy", {"s": 2}), step("b", "ok", after="a")),
    "stubborn": workflow(step("a", "stubborn", {"s": 2}), step("b", "ok", after="a")),
    "turned into an error": workflow(step("a", "turns", {"s": 2}, retry=POLICY), step("b", "ok", after="a")),
    "timeouts": workflow(
        step("a", "sleep", {"s": 9}, timeout=TimeoutConfig(attempt=1), retry=POLICY, on_error=OnError.SKIP),
        step("b", "tidy", {"s": 9}, timeout=TimeoutConfig(total=2), on_error=OnError.SKIP),
        step("c", "ok", after="a b"),
        timeout=100,
    ),
    "workflow timeout": workflow(step("a", "tidy", {"s": 9}), step("b", "ok", after="a"), timeout=3),
    "few slots": workflow(
        *(step(f"s{i}", "flaky", retry=POLICY, on_error=OnError.SKIP) for i in range(4)),
        *(step(f"t{i}", "sleep", {"s": 1}) for i in range(4)),
        max_parallel=2,
    ),
}


@attrs.define
class Sweep:
    """One run with a cancellation at one pass."""

    result: ExecutionResult | None
    raised: bool
    cancelled: bool
    tasks_left: int
    timers_left: int


async def _through_execute(engine: WorkflowEngine, loop: CountingLoop) -> tuple[ExecutionResult | None, bool]:
    running = asyncio.ensure_future(engine.execute("w"))
    loop.hook = running.cancel
    try:
        return await running, False
    except asyncio.CancelledError:
        return None, True


async def _through_start(engine: WorkflowEngine, loop: CountingLoop) -> tuple[ExecutionResult | None, bool]:
    execution: Execution = engine.start("w")
    loop.hook = execution.cancel
    return await execution.result(), False


async def _through_close(engine: WorkflowEngine, loop: CountingLoop) -> tuple[ExecutionResult | None, bool]:
    execution = engine.start("w")
    closing: list[asyncio.Future[None]] = []
    loop.hook = lambda: closing.append(asyncio.ensure_future(engine.aclose()))
    result = await execution.result()
    for each in closing:
        await each
    return result, False


WAYS = {"execute": _through_execute, "start": _through_start, "aclose": _through_close}


def _run(definition: WorkflowDefinition, way: str, at: int) -> Sweep:
    async def main() -> Sweep:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        engine = make_engine(definition, tools=_tools())
        loop.at = loop.passes + at
        result, raised = await WAYS[way](engine, loop)
        happened = loop.passes >= loop.at
        loop.at = 0
        await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        return Sweep(result, raised, happened, len(others), loop.live_timers())

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        return runner.run(main())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cancelled_at_every_pass_nothing_is_left(scenario: str, way: str) -> None:
    definition = SCENARIOS[scenario]
    for at in range(1, 1000):
        seen = _run(definition, way, at)
        assert seen.tasks_left == 0, f"pass {at}: a task is left"
        assert seen.timers_left == 0, f"pass {at}: a timer is left"
        if seen.result is not None:
            _check(seen.result, definition, at)
        else:
            assert seen.raised
            assert seen.cancelled
        if not seen.cancelled:
            return
    pytest.fail("the execution never ended by itself")


def _check(result: ExecutionResult, definition: WorkflowDefinition, at: int) -> None:
    assert [each.step_id for each in result] == [each.id for each in definition], f"pass {at}: a step has no result"
    assert all(each.status in FINAL for each in result), f"pass {at}: {[str(each.status) for each in result]}"
    for each in result:
        assert (each.attempt == 0) == (each.started_at is None), f"pass {at}: {each}"
        assert each.completed_at is not None
    if result.status is ExecutionStatus.CANCELLED:
        assert result.error is None
        for each in result:
            if each.status is StepStatus.CANCELLED:
                assert each.skip_reason == "cancelled"
    if result.status is ExecutionStatus.FAILED:
        assert result.error is not None


def test_cancelling_the_wait_for_a_result_leaves_the_execution_alone() -> None:
    async def main() -> ExecutionResult:
        engine = make_engine(workflow(step("a", "sleep", {"s": 5})), tools=_tools())
        execution = engine.start("w")
        wait = asyncio.ensure_future(execution.result())
        await sleep(1)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        return await execution.result()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()).ok


def test_a_second_cancellation_during_cleanup_does_not_cut_it_short() -> None:
    async def main() -> tuple[float, bool]:
        engine = make_engine(workflow(step("a", "tidy", {"s": 5})), tools=_tools())
        running = asyncio.ensure_future(engine.execute("w"))
        await sleep(1)
        running.cancel()
        await sleep(0.5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return asyncio.get_running_loop().time(), running.cancelled()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == (2.0, True)


def test_a_timeout_around_execute_is_a_timeout() -> None:
    async def main() -> None:
        engine = make_engine(workflow(step("a", "tidy", {"s": 5})), tools=_tools())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await engine.execute("w")
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def test_shutting_the_loop_down_over_our_head_ends_the_execution_as_cancelled() -> None:
    seen: list[ExecutionResult] = []

    async def main() -> None:
        engine = make_engine(workflow(step("a", "sleep", {"s": 5}), step("b", "ok", after="a")), tools=_tools())
        execution = engine.start("w")
        await sleep(1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        seen.append(await execution.result())

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    assert seen[0].status is ExecutionStatus.CANCELLED
    assert [str(each.status) for each in seen[0]] == ["cancelled", "skipped"]
