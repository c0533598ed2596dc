"""Stops from odd sides: from inside a step, from an observer, by the program's end, against deaf tools."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ael.engine import WorkflowEngine
from ael.errors import ToolError, ToolUnavailableError
from ael.events import Event, StepStarted
from ael.execution import Execution
from ael.ports import ToolCall
from ael.settings import Settings
from ael.testing import FakeTools, make_engine, run_virtual
from ael.types import ExecutionResult, ExecutionStatus, JsonValue, OnError, RetryConfig, TimeoutConfig
from tests.build import sleep, step, workflow

RETRY = RetryConfig(max_attempts=5, delay=1, jitter="none")


def statuses(result: ExecutionResult) -> dict[str, str]:
    return {each.step_id: str(each.status) for each in result}


async def _sleep(params: JsonValue) -> None:
    await sleep(params["s"])


def _echo(params: JsonValue) -> JsonValue:
    return params


class Deaf:
    """Never listens to a cancellation, until it is told to give in."""

    def __init__(self) -> None:
        self.calls = 0
        self.give_in = asyncio.Event()

    async def __call__(self, params: JsonValue) -> None:
        self.calls += 1
        while not self.give_in.is_set():
            try:
                await self.give_in.wait()
            except asyncio.CancelledError:
                continue


@pytest.mark.parametrize("stopped_by", ["cancel", "total timeout", "failure"])
def test_a_deaf_tool_that_ran_out_of_time_is_not_called_again_once_its_step_is_stopped(stopped_by: str) -> None:
    async def fail_late(params: JsonValue) -> None:
        await sleep(8)
        raise ToolError("no", code="MINE")

    async def main() -> tuple[ExecutionResult, int, float]:
        deaf = Deaf()
        timeout = TimeoutConfig(attempt=5, total=8 if stopped_by == "total timeout" else None)
        steps = [step("a", "deaf", retry=RETRY, timeout=timeout)]
        if stopped_by == "failure":
            steps.append(step("b", "fail"))
        engine = make_engine(workflow(*steps), tools={"deaf": deaf, "fail": fail_late})
        execution = engine.start("w")
        if stopped_by == "cancel":
            await sleep(8)
            execution.cancel()
        result = await execution.result()
        ended = asyncio.get_running_loop().time()
        deaf.give_in.set()
        await sleep(1)
        return result, deaf.calls, ended

    result, calls, ended = run_virtual(main())
    assert calls == 1
    assert ended == pytest.approx(18)
    expected = {"cancel": None, "total timeout": "STEP_TIMEOUT", "failure": "MINE"}[stopped_by]
    assert (result.error.code if result.error else None) == expected
    assert statuses(result)["a"] == ("failed" if stopped_by == "total timeout" else "cancelled")


class Stopper:
    """Stops an execution from inside, in the way it is told, the first time a step runs or is told of."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.engine: WorkflowEngine | None = None
        self.execution: Execution | None = None

    def on_event(self, event: Event) -> None:
        if self.way == "observer" and isinstance(event, StepStarted) and self.execution is not None:
            self.execution.cancel()

    async def tool(self, params: JsonValue) -> None:
        assert self.engine is not None
        assert self.execution is not None
        if self.way == "tool":
            self.execution.cancel()
        elif self.way == "close":
            await self.engine.aclose()
        await sleep(1000)


@pytest.mark.parametrize("way", ["observer", "tool", "close"])
def test_a_step_can_stop_its_own_execution_in_its_first_lines(way: str) -> None:
    async def main() -> tuple[ExecutionResult, float]:
        stopper = Stopper(way)
        definition = workflow(step("first", "sleep", {"s": 1}), step("a", "stop", after="first"), step("b", after="a"))
        tools = FakeTools({"sleep": _sleep, "stop": stopper.tool, "ok": _echo})
        stopper.engine = make_engine(definition, tools=tools, observers=[stopper])
        execution = stopper.engine.start("w")
        await sleep(0.5)
        stopper.execution = execution
        result = await execution.result()
        return result, asyncio.get_running_loop().time()

    result, ended = run_virtual(main())
    assert result.status is ExecutionStatus.CANCELLED
    assert statuses(result) == {"first": "completed", "a": "cancelled", "b": "skipped"}
    assert ended == pytest.approx(1)


class Raising:
    """An observer that breaks at every event."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_event(self, event: Event) -> None:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("boom"), asyncio.CancelledError()], ids=["value error", "cancelled"])
def test_an_observer_that_breaks_is_reported_and_stops_nothing(error: BaseException) -> None:
    async def main() -> tuple[ExecutionResult, int]:
        reports: list[JsonValue] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context))
        engine = make_engine(workflow(step("a")), tools={"ok": _echo}, observers=[Raising(error)])
        return await engine.execute("w"), len(reports)

    result, reports = run_virtual(main())
    assert result.ok
    assert reports > 0


@pytest.mark.parametrize("seconds", [0, 1], ids=["before its first line", "in the middle"])
def test_cancelling_every_task_of_the_program_ends_an_execution_as_cancelled(seconds: float) -> None:
    async def main() -> tuple[ExecutionResult, list[str]]:
        engine = make_engine(workflow(step("a", "sleep", {"s": 9}), step("b", after="a")), tools={"sleep": _sleep})
        async with engine:
            execution = engine.start("w")
            if seconds:
                await sleep(seconds)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            result = await execution.result()
            return result, [event.type async for event in execution.events()]

    result, told = run_virtual(main())
    assert result.status is ExecutionStatus.CANCELLED
    assert (told[0], told[-1]) == ("execution_started", "execution_finished")
    assert [each.step_id for each in result] == ["a", "b"]


def test_a_tool_that_cancels_the_task_it_runs_in_has_failed() -> None:
    async def suicidal(params: JsonValue) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await sleep(1)

    async def main() -> ExecutionResult:
        definition = workflow(step("a", "suicidal", on_error=OnError.SKIP), step("b", after="a"))
        return await make_engine(definition, tools={"suicidal": suicidal, "ok": _echo}).execute("w")

    result = run_virtual(main())
    assert statuses(result) == {"a": "skipped", "b": "completed"}
    assert result["a"].skip_reason == "error: TOOL_FAILED"


def test_one_error_raised_by_two_steps_has_the_place_of_each() -> None:
    shared = ToolError("out of order", details={"mine": 1})

    def fail(params: JsonValue) -> None:
        raise shared

    async def main() -> ExecutionResult:
        steps = (step("a", "fail", on_error=OnError.SKIP), step("b", "fail", on_error=OnError.SKIP))
        return await make_engine(workflow(*steps), tools={"fail": fail}).execute("w")

    result = run_virtual(main())
    for each in result:
        assert each.error is not None
        assert (each.error.step_id, each.error.details, each.error.message) == (
            each.step_id,
            {"mine": 1},
            "out of order",
        )


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), BaseExceptionGroup("several", [KeyboardInterrupt()])],
    ids=["alone", "in a group"],
)
@pytest.mark.parametrize("after", ["", "b"], ids=["first step", "later step"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_keyboard_interrupt_passes_and_the_execution_has_ended(error: BaseException, after: str) -> None:
    seen: list[Event] = []

    class Watcher:
        def on_event(self, event: Event) -> None:
            seen.append(event)

    def interrupt(params: JsonValue) -> None:
        raise error

    async def main() -> None:
        definition = workflow(step("b"), step("a", "interrupt", after=after), step("c", "sleep", {"s": 9}))
        tools = {"interrupt": interrupt, "ok": _echo, "sleep": _sleep}
        await make_engine(definition, tools=tools, observers=[Watcher()]).execute("w")

    with pytest.raises(KeyboardInterrupt):
        run_virtual(main())
    assert seen[-1].to_dict()["status"] == "cancelled"


def test_sequential_order_that_contradicts_the_file_is_a_circle_and_no_hang() -> None:
    async def main() -> ExecutionResult:
        engine = make_engine(workflow(step("a", after="b"), step("b")), tools={"ok": _echo})
        assert (await engine.execute("w")).ok
        return await engine.execute("w", None, {"sequential": True})

    result = run_virtual(main())
    assert result.error is not None
    assert result.error.code == "CIRCULAR_DEPENDENCY"
    assert "a -> b -> a" in result.error.message


def test_events_of_an_execution_cancelled_at_once_begin_with_its_start() -> None:
    async def main() -> list[str]:
        engine = make_engine(workflow(step("a"), step("b", after="a")), tools={"ok": _echo})
        execution = engine.start("w")
        execution.cancel()
        return [event.type async for event in execution.events()]

    assert run_virtual(main()) == ["execution_started", "step_skipped", "step_skipped", "execution_finished"]


def test_every_observer_sees_the_same_order_also_when_one_of_them_acts() -> None:
    class Noting:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def on_event(self, event: Event) -> None:
            self.seen.append(event.seq)

    async def main() -> tuple[list[int], list[int]]:
        stopper, before, behind = Stopper("observer"), Noting(), Noting()
        engine = make_engine(
            workflow(step("a"), step("b", after="a")), tools={"ok": _echo}, observers=[before, stopper, behind]
        )
        stopper.execution = engine.start("w")
        await stopper.execution.result()
        return before.seen, behind.seen

    before, behind = run_virtual(main())
    assert before == behind == sorted(before)


def test_a_task_factory_that_fails_is_a_failed_step_and_no_leak() -> None:
    async def main() -> ExecutionResult:
        loop = asyncio.get_running_loop()
        made = 0

        def factory(loop: asyncio.AbstractEventLoop, work: JsonValue, **more: JsonValue) -> asyncio.Task[JsonValue]:
            nonlocal made
            made += 1
            if made == 2:
                raise MemoryError
            return asyncio.Task(work, loop=loop, **more)

        engine = make_engine(workflow(step("a", "sleep", {"s": 9}), step("b")), tools={"sleep": _sleep, "ok": _echo})
        loop.set_task_factory(factory)
        try:
            return await engine.execute("w")
        finally:
            loop.set_task_factory(None)

    result = run_virtual(main())
    assert result.error is not None
    assert result.error.code == "INTERNAL_ERROR"
    assert statuses(result)["b"] == "failed"


def test_closing_closes_every_part_whatever_one_of_them_raises() -> None:
    class Broken:
        name = "safe"

        def check(self, code: str, names: JsonValue = ()) -> list[JsonValue]:
            return []

        async def run(self, call: JsonValue) -> None:
            return None

        async def aclose(self) -> None:
            raise OSError("worker")

    async def main() -> bool:
        tools = FakeTools({"ok": _echo})
        engine = make_engine(workflow(step("a")), tools=tools, executors=[Broken()])
        with pytest.raises(OSError, match="worker"):
            await engine.aclose()
        return tools.closed

    assert run_virtual(main())


def test_one_execution_after_another_lets_the_loop_come_round() -> None:
    async def main() -> int:
        engine = make_engine(workflow(step("a")), tools={"ok": _echo})
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        other = asyncio.ensure_future(tick())
        for _ in range(20):
            await engine.execute("w")
        other.cancel()
        return ticks

    assert run_virtual(main()) >= 15, "about once for each"


def test_a_fallback_may_read_its_step_and_a_deadlock_in_virtual_time_is_told() -> None:
    def fail(params: JsonValue) -> None:
        raise ToolError("no")

    async def main() -> ExecutionResult:
        definition = workflow(step("a", "fail", on_error=OnError.SKIP, fallback="{{ step.id }} {{ step.attempt }}"))
        return await make_engine(definition, tools={"fail": fail}).execute("w")

    assert run_virtual(main())["a"].output == "a 1"

    async def deadlock() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="deadlock"):
        run_virtual(deadlock())


def test_settings_bound_how_long_a_deaf_tool_is_awaited() -> None:
    async def main() -> float:
        deaf = Deaf()
        engine = make_engine(workflow(step("a", "deaf")), tools={"deaf": deaf}, settings=Settings(cancel_grace=3))
        execution = engine.start("w")
        await sleep(1)
        execution.cancel()
        await execution.result()
        ended = asyncio.get_running_loop().time()
        deaf.give_in.set()
        await sleep(1)
        return ended

    assert run_virtual(main()) == pytest.approx(4)


def test_a_name_that_several_sources_offer_is_not_a_missing_tool() -> None:
    def ambiguous(params: JsonValue) -> None:
        raise ToolUnavailableError("'x' is offered by a and b", details={"reason": "ambiguous"})

    async def main() -> ExecutionResult:
        definition = workflow(step("a", "x", on_missing_tool=OnError.SKIP))
        return await make_engine(definition, tools={"x": ambiguous}).execute("w")

    assert statuses(run_virtual(main())) == {"a": "failed"}


def test_a_tool_may_say_how_long_to_wait_as_a_timedelta() -> None:
    def busy(call: ToolCall) -> int:
        if call.attempt == 1:
            raise ToolError("later", retry_after=timedelta(minutes=2))
        return call.attempt

    async def main() -> ExecutionResult:
        return await make_engine(workflow(step("a", "busy", retry=RETRY)), tools={"busy": busy}).execute("w")

    result = run_virtual(main())
    assert result["a"].output == 2
    assert result.duration_ms == pytest.approx(120_000)
