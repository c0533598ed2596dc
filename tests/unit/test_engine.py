"""What the engine promises of a whole execution, in virtual time."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Sequence

import pytest

from ael.definition import OutputDefinition
from ael.errors import ToolError, WorkflowNotFoundError
from ael.events import Event, StepStarted
from ael.ports import StepRecord, ToolCall
from ael.settings import Settings
from ael.testing import FakeTools, VirtualClock, make_engine, run_virtual
from ael.types import ExecutionResult, ExecutionStatus, JsonValue, OnError, RetryConfig, StepStatus, TimeoutConfig
from tests.build import sleep, step, workflow


async def _sleep(params: JsonValue) -> JsonValue:
    await sleep(params["s"])
    return params["s"]


def _raise(error: BaseException) -> JsonValue:
    raise error


def _echo(params: JsonValue) -> JsonValue:
    return params


TOOLS = {"ok": _echo, "sleep": _sleep, "bad": lambda params: _raise(ToolError("no", code="MINE"))}


def run(*steps: JsonValue, tools: JsonValue = None, config: JsonValue = None, **fields: JsonValue) -> ExecutionResult:
    """Run a workflow of these steps in virtual time."""

    async def main() -> ExecutionResult:
        return await make_engine(workflow(*steps, **fields), tools=TOOLS | (tools or {})).execute("w", None, config)

    return run_virtual(main())


def statuses(result: ExecutionResult) -> dict[str, str]:
    return {each.step_id: str(each.status) for each in result}


def reasons(result: ExecutionResult) -> dict[str, str | None]:
    return {each.step_id: each.skip_reason for each in result}


# -- order ---------------------------------------------------------------------------------------


def test_no_barrier_holds_a_branch() -> None:
    result = run(
        step("A", "sleep", {"s": 0.4}),
        step("A2", "sleep", {"s": 0.1}, after="A"),
        step("B", "sleep", {"s": 0.1}),
        step("B2", "sleep", {"s": 0.4}, after="B"),
        step("join", "ok", after="A2 B2"),
    )
    assert result.duration_ms == pytest.approx(500)
    assert result["A"].started_at == result["B"].started_at
    assert result["B2"].started_at == result["B"].completed_at


def test_a_step_waits_for_what_it_reads_without_saying_so() -> None:
    result = run(step("b", "ok", {"x": "{{ steps.a.output }}"}), step("a", "sleep", {"s": 2}))
    assert result["b"].output == {"x": 2}
    assert result["b"].started_at == result["a"].completed_at


def test_sequential_runs_in_file_order_and_skips_nobody() -> None:
    steps = (step("a", "sleep", {"s": 1}), step("b", "ok", when="false"), step("c", "sleep", {"s": 1}))
    result = run(*steps, config={"sequential": True})
    assert statuses(result) == {"a": "completed", "b": "skipped", "c": "completed"}
    assert result.duration_ms == pytest.approx(2000)
    assert run(*steps).duration_ms == pytest.approx(1000)


def test_max_parallel_bounds_attempts_and_backoff_takes_no_slot() -> None:
    running, most = 0, 0

    async def counted(call: ToolCall) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await sleep(1)
        running -= 1
        if call.attempt == 1:
            raise ToolError("again")

    retry = RetryConfig(max_attempts=2, delay=10, jitter="none")
    result = run(*(step(f"s{i}", "counted", retry=retry) for i in range(6)), tools={"counted": counted}, max_parallel=3)
    assert result.ok
    assert most == 3
    # two rounds of 1 s, the first attempts done at 1 s and 2 s; the second attempts begin 10 s later
    assert result.duration_ms == pytest.approx(13_000)


def test_ten_thousand_steps_deep_needs_no_stack() -> None:
    steps = [step("s0")] + [step(f"s{i}", after=f"s{i - 1}") for i in range(1, 10_000)]
    assert run(*steps).ok
    steps[0] = step("s0", when="false")
    assert set(statuses(run(*steps)).values()) == {"skipped"}


# -- failures --------------------------------------------------------------------------------------


def test_a_failure_cancels_what_runs_and_skips_what_has_not_started() -> None:
    async def late_failure(params: JsonValue) -> None:
        await sleep(1)
        raise ToolError("no", code="MINE")

    result = run(
        step("done"),
        step("a", "late", after="done"),
        step("b", "sleep", {"s": 9}),
        step("c", after="b"),
        tools={"late": late_failure},
    )
    assert result.status is ExecutionStatus.FAILED
    assert result.error is result["a"].error
    assert result.error is not None
    assert (result.error.code, result.error.step_id) == ("MINE", "a")
    assert statuses(result) == {"done": "completed", "a": "failed", "b": "cancelled", "c": "skipped"}
    assert reasons(result) == {"done": None, "a": None, "b": "stopped: a", "c": "stopped: a"}
    assert result.duration_ms == pytest.approx(1000)
    assert result.outputs == {}


def test_skip_keeps_the_error_and_gives_the_fallback() -> None:
    result = run(
        step("a", "bad", on_error=OnError.SKIP, fallback={"v": 1}),
        step("b", "ok", {"x": "{{ steps.a.output.v }}"}, after="a"),
        step("c", "bad", on_error=OnError.SKIP),
        step("d", "ok", {"x": "{{ steps.c.output }}"}),
        step("e", "ok", after="c"),
        step("f", "ok", {"x": "{{ steps.d.output.x }}"}),
    )
    assert result.ok
    assert statuses(result) == {
        "a": "skipped", "b": "completed", "c": "skipped", "d": "skipped", "e": "completed", "f": "skipped",
    }  # fmt: skip
    assert result["b"].output == {"x": 1}
    assert reasons(result)["a"] == "error: MINE"
    assert reasons(result)["d"] == "dependency: c"
    assert reasons(result)["f"] == "dependency: c", "the reason names the step where it began"
    assert (result["d"].attempt, result["d"].started_at) == (0, None)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (asyncio.CancelledError("mine"), "CancelledError"),
        (SystemExit(3), "SystemExit"),
        (GeneratorExit(), "GeneratorExit"),
        (ValueError("boom"), "ValueError: boom"),
    ],
    ids=["cancelled by nobody", "system exit", "generator exit", "value error"],
)
def test_whatever_a_tool_raises_is_its_failure(error: BaseException, text: str) -> None:
    result = run(step("a", "odd"), tools={"odd": lambda params: _raise(error)})
    assert result.error is not None
    assert result.error.code == "TOOL_FAILED"
    assert text in result.error.message
    assert result.error.__cause__ is error


def test_retry_waits_and_keeps_the_idempotency_key() -> None:
    tools = FakeTools({"flaky": lambda call: call.attempt if call.attempt == 3 else _raise(ToolError("again"))})

    async def main() -> ExecutionResult:
        retry = RetryConfig(max_attempts=4, delay=2, jitter="none")
        return await make_engine(workflow(step("a", "flaky", retry=retry)), tools=tools).execute("w")

    result = run_virtual(main())
    assert (result["a"].output, result["a"].attempt, result["a"].max_attempts) == (3, 3, 4)
    assert result["a"].duration_ms == pytest.approx(2000 + 4000)
    assert len({seen.idempotency_key for seen in tools.calls}) == 1


def test_retry_after_wins_over_a_shorter_delay() -> None:
    def busy(call: ToolCall) -> None:
        if call.attempt == 1:
            raise ToolError("busy", retry_after=30)

    result = run(step("a", "busy", retry=RetryConfig(delay=1, jitter="none")), tools={"busy": busy})
    assert result.duration_ms == pytest.approx(30_000)


# -- time limits -------------------------------------------------------------------------------------


def test_an_attempt_timeout_can_be_retried_and_a_total_timeout_is_final() -> None:
    retry = RetryConfig(max_attempts=5, delay=1, jitter="none")
    result = run(
        step("a", "sleep", {"s": 9}, timeout=TimeoutConfig(attempt=2), retry=retry, on_error=OnError.SKIP),
        step("b", "sleep", {"s": 9}, timeout=TimeoutConfig(attempt=2, total=4), retry=retry, on_error=OnError.SKIP),
    )
    assert result["a"].error is not None
    assert result["a"].error.code == "TOOL_TIMEOUT"
    assert result["a"].attempt == 5
    assert result["a"].duration_ms == pytest.approx(5 * 2000 + 1000 + 2000 + 4000 + 8000)
    assert result["b"].error is not None
    assert result["b"].error.code == "STEP_TIMEOUT"
    assert result["b"].attempt == 2
    assert result["b"].duration_ms == pytest.approx(4000)


def test_a_total_timeout_counts_the_wait_for_a_slot() -> None:
    result = run(
        step("a", "sleep", {"s": 9}),
        step("b", "ok", timeout=TimeoutConfig(total=3), on_error=OnError.SKIP, fallback="late"),
        max_parallel=1,
    )
    assert statuses(result) == {"a": "completed", "b": "skipped"}
    assert (result["b"].output, result["b"].attempt, result["b"].started_at) == ("late", 0, None)


def test_a_workflow_timeout_keeps_every_finished_step() -> None:
    result = run(step("a"), step("b", "sleep", {"s": 9}, after="a"), step("c", after="b"), timeout=2)
    assert result.error is not None
    assert result.error.code == "WORKFLOW_TIMEOUT"
    assert statuses(result) == {"a": "completed", "b": "cancelled", "c": "skipped"}


class Deaf:
    """A tool that ignores its cancellation until it is told to give in."""

    def __init__(self) -> None:
        self.give_in = asyncio.Event()
        self.calls = 0

    async def __call__(self, params: JsonValue) -> str:
        self.calls += 1
        while not self.give_in.is_set():
            try:
                await self.give_in.wait()
            except asyncio.CancelledError:
                continue
        return "too late"


def test_a_deaf_tool_is_left_behind_and_its_late_value_dropped() -> None:
    async def main() -> tuple[ExecutionResult, int]:
        deaf = Deaf()
        retry = RetryConfig(max_attempts=2, delay=1, jitter="none")
        definition = workflow(
            step("a", "deaf", timeout=TimeoutConfig(attempt=2), retry=retry, on_error=OnError.SKIP),
            step("b", after="a"),
        )
        engine = make_engine(definition, tools={"deaf": deaf, "ok": _echo}, settings=Settings(cancel_grace=5))
        result = await engine.execute("w")
        deaf.give_in.set()
        await sleep(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result, deaf.calls

    result, calls = run_virtual(main())
    assert calls == 2
    assert statuses(result) == {"a": "skipped", "b": "completed"}
    assert result["a"].error is not None
    assert result["a"].error.code == "TOOL_TIMEOUT"
    assert result.duration_ms == pytest.approx(2 * (2000 + 5000) + 1000)
    assert len(result.warnings) == 2
    assert "ignored its cancellation" in result.warnings[0]


def test_a_value_given_in_answer_to_a_cancellation_counts() -> None:
    async def hurries(params: JsonValue) -> str:
        try:
            await sleep(9)
        except asyncio.CancelledError:
            return "just in time"
        return "slow"

    result = run(step("a", "hurries", timeout=TimeoutConfig(attempt=1)), tools={"hurries": hurries})
    assert result["a"].output == "just in time"
    assert result.ok


# -- around the steps ---------------------------------------------------------------------------------


def test_bad_inputs_and_bad_config_are_results_and_an_unknown_workflow_is_raised() -> None:
    async def main() -> None:
        engine = make_engine(workflow(step("a")), tools=TOOLS)
        bad_inputs = await engine.execute("w", {"nobody": 1})
        bad_config = await engine.execute("w", None, {"timeot": 1})
        for result, code in ((bad_inputs, "INPUT_INVALID"), (bad_config, "CONFIG_INVALID")):
            assert result.status is ExecutionStatus.FAILED
            assert result.error is not None
            assert result.error.code == code
        with pytest.raises(WorkflowNotFoundError):
            await engine.execute("nowhere")

    run_virtual(main())


def test_outputs_are_copies_and_a_skipped_one_is_null_with_a_warning() -> None:
    outputs = (OutputDefinition("a", "{{ steps.a.output }}", path=("outputs", "a")),
               OutputDefinition("b", "{{ steps.b.output }}", path=("outputs", "b")))  # fmt: skip
    result = run(step("a", "ok", {"list": [1]}), step("b", when="false"), outputs=outputs)
    assert result.outputs == {"a": {"list": [1]}, "b": None}
    assert "step 'b' was skipped" in result.warnings[0]
    result.outputs["a"]["list"].append(2)
    assert result["a"].output == {"list": [1]}


class RecordingJournal:
    """Notes the order of what it is asked, and what had started by then."""

    def __init__(self, *, batched: bool) -> None:
        self.batched = batched
        self.log: list[str] = []

    def append(self, records: Sequence[StepRecord]) -> None:
        self.log.append("append " + " ".join(record.path for record in records))

    def commit(self) -> None:
        self.log.append("commit")


@pytest.mark.parametrize("batched", [True, False])
def test_nothing_follows_from_a_result_before_its_commit(batched: bool) -> None:
    journal = RecordingJournal(batched=batched)

    def noted(call: ToolCall) -> None:
        journal.log.append(f"start {call.path}")

    async def main() -> ExecutionResult:
        definition = workflow(step("a", "noted"), step("b", "noted"), step("c", "noted", after="a b"))
        return await make_engine(definition, tools={"noted": noted}, journal=journal).execute("w")

    assert run_virtual(main()).ok
    if batched:
        assert journal.log == ["start a", "start b", "append a b", "commit", "start c", "append c", "commit"]
    else:
        assert journal.log[-3:] == ["start c", "append c", "commit"]
        assert journal.log.index("start c") > max(journal.log.index("append a"), journal.log.index("append b"))
        assert journal.log.count("commit") == 3


def test_events_come_while_things_happen() -> None:
    async def main() -> list[str]:
        hold = asyncio.Event()

        async def held(params: JsonValue) -> None:
            await hold.wait()

        engine = make_engine(workflow(step("a", "held")), tools={"held": held})
        execution = engine.start("w")
        seen: list[Event] = []
        async for event in execution.events():
            seen.append(event)
            if isinstance(event, StepStarted):
                assert execution.status is ExecutionStatus.RUNNING
                hold.set()
        late = [event async for event in execution.events()]
        assert late == seen
        assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
        return [event.type for event in seen]

    assert run_virtual(main()) == [
        "execution_started",
        "step_ready",
        "step_started",
        "step_completed",
        "execution_finished",
    ]


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


def test_no_context_variable_leaks_from_step_to_step() -> None:
    def leaky(params: JsonValue) -> str:
        before = VARIABLE.get()
        VARIABLE.set("leaked")
        return before

    result = run(*(step(f"s{i}", "leaky", after=f"s{i - 1}" if i else "") for i in range(5)), tools={"leaky": leaky})
    assert {each.output for each in result} == {"unset"}


def test_concurrent_executions_mix_nothing() -> None:
    async def main() -> None:
        async def slow_echo(call: ToolCall) -> JsonValue:
            await sleep(1)
            assert call.idempotency_key.startswith(call.params["me"]["id"])
            return call.params

        definition = workflow(
            step("a", "echo", {"me": {"id": "{{ execution_id }}", "n": "{{ config.n }}"}}),
            step("b", "echo", {"me": "{{ steps.a.output.me }}"}),
        )
        engine = make_engine(definition, tools={"echo": slow_echo})
        executions = [engine.start("w", None, {"vars": {"n": n}}) for n in range(50)]
        for n, execution in enumerate(executions):
            result = await execution.result()
            assert result["b"].output == {"me": {"id": execution.execution_id, "n": n}}
            events = [event async for event in execution.events()]
            assert {event.execution_id for event in events} == {execution.execution_id}
        await engine.aclose()

    run_virtual(main())


class TickingClock(VirtualClock):
    """Moves only when it is pushed."""

    def __init__(self) -> None:
        self.now_ns = 0

    def monotonic(self) -> float:
        return self.now_ns / 1e9

    def monotonic_ns(self) -> int:
        return self.now_ns


def test_steps_that_never_suspend_let_the_loop_breathe() -> None:
    """In passes of the loop, not in time: a turn is five milliseconds, and each of these steps takes one."""
    clock = TickingClock()
    bursts = [0]

    def busy(params: JsonValue) -> None:
        clock.now_ns += 1_000_000
        bursts[-1] += 1

    async def others() -> None:
        while True:
            bursts.append(0)
            await asyncio.sleep(0)

    async def main() -> None:
        watch = asyncio.ensure_future(others())
        engine = make_engine(workflow(*(step(f"s{i}", "busy") for i in range(300))), tools={"busy": busy}, clock=clock)
        assert (await engine.execute("w")).ok
        watch.cancel()

    run_virtual(main())
    assert max(bursts) <= 6, "five of a millisecond each, and the one that finds the turn over"
    assert sum(bursts) == 300


def test_threads_may_use_the_context_while_it_changes() -> None:
    async def main() -> None:
        engine = make_engine(workflow(*(step(f"s{i}") for i in range(200))), tools=TOOLS)
        execution = engine.start("w")
        context = execution._launch.context
        assert context is not None
        stop = threading.Event()
        seen: list[BaseException] = []

        def read() -> None:
            try:
                while not stop.is_set():
                    assert all(view["status"] == "completed" for view in context.steps.values())
                    context.get_step_output("s7")
            except BaseException as error:  # handed to the test
                seen.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        result = await execution.result()
        stop.set()
        thread.join()
        assert seen == []
        assert result.ok
        with pytest.raises(KeyError, match="did you mean 's19'"):
            context.get_step_output("s19x")

    run_virtual(main())


def test_a_closed_engine_refuses_and_closes_its_parts() -> None:
    async def main() -> None:
        tools = FakeTools(TOOLS)
        engine = make_engine(workflow(step("a", "sleep", {"s": 99})), tools=tools)
        execution = engine.start("w")
        async with engine:
            await sleep(1)
        assert execution.status is ExecutionStatus.CANCELLED
        assert tools.closed
        with pytest.raises(RuntimeError, match="closed"):
            await engine.execute("w")
        await engine.aclose()

    run_virtual(main())


def test_a_missing_tool_can_be_skipped() -> None:
    result = run(
        step("a", "nobody", on_missing_tool=OnError.SKIP, fallback=0),
        step("b", "ok", after="a"),
        step("c", "nobody", retry=RetryConfig(max_attempts=5, on=("TOOL_UNAVAILABLE",)), on_error=OnError.SKIP),
    )
    assert statuses(result) == {"a": "skipped", "b": "completed", "c": "skipped"}
    assert reasons(result)["a"] == "missing_tool"
    assert result["c"].attempt == 1, "an unknown tool is never retried"


def test_the_step_statuses_of_a_finished_execution_are_final() -> None:
    result = run(step("a", "bad", on_error=OnError.SKIP), step("b", "sleep", {"s": 1}))
    assert {each.status for each in result} == {StepStatus.SKIPPED, StepStatus.COMPLETED}
    assert result.to_dict()["step_results"][0]["error"]["code"] == "MINE"


@pytest.mark.parametrize("batched", [True, False])
def test_a_journal_that_fails_stops_the_execution_and_nothing_is_claimed(batched: bool) -> None:
    class BrokenJournal(RecordingJournal):
        def commit(self) -> None:
            raise OSError("no space left on device")

    async def main() -> tuple[ExecutionResult, list[str]]:
        definition = workflow(step("c", "sleep", {"s": 9}), step("a"), step("b", after="a"))
        engine = make_engine(definition, tools=TOOLS, journal=BrokenJournal(batched=batched))
        execution = engine.start("w")
        told = [event.type async for event in execution.events()]
        return await execution.result(), told

    result, told = run_virtual(main())
    assert result.error is not None
    assert result.error.code == "JOURNAL_FAILED"
    assert statuses(result) == {"c": "failed", "a": "failed", "b": "skipped"}
    assert told[-1] == "execution_finished"


def test_a_bug_of_ours_is_a_failed_result_and_ends_the_events() -> None:
    class BrokenSecrets:
        def get(self, name: str) -> str | None:
            raise RuntimeError("out of order")

        def names(self) -> list[str]:
            return []

        def mask(self, value: JsonValue) -> JsonValue:
            return value

    async def main() -> tuple[ExecutionResult, list[str]]:
        outputs = (OutputDefinition("x", "{{ secrets.X }}", path=("outputs", "x")),)
        engine = make_engine(workflow(step("a"), outputs=outputs), tools=TOOLS, secrets=BrokenSecrets())
        execution = engine.start("w")
        told = [event.type async for event in execution.events()]
        return await execution.result(), told

    result, told = run_virtual(main())
    assert result.status is ExecutionStatus.FAILED
    assert told[-1] == "execution_finished"
