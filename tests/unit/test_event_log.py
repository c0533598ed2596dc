"""The events of one execution: their order, who reads them, how many are kept, what is hidden."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping

import pytest

from ael.errors import ToolError
from ael.event_log import EventLog, StepSink, tell
from ael.events import Event, ExecutionFinished, ExecutionStarted, LogEmitted, StepReady, StepStarted
from ael.ports import ToolCall
from ael.settings import Settings
from ael.testing import VirtualClock, make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue, StepResult, StepStatus
from tests.build import sleep, step, workflow


class OneSecret:
    """Hides the word ``hush``."""

    def get(self, name: str) -> str | None:
        return "hush"

    def names(self) -> tuple[str, ...]:
        return ("S",)

    def mask(self, value: JsonValue) -> JsonValue:
        return json.loads(json.dumps(value).replace("hush", "***"))


class Seeing:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def make_log(*observers: Seeing, keep: int = 1000) -> EventLog:
    return EventLog("id", VirtualClock(), observers=observers, secrets=OneSecret(), keep=keep)


async def read(log: EventLog) -> list[int]:
    return [event.seq async for event in log.read()]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_every_reader_gets_everything_whenever_it_comes() -> None:
    log = make_log()
    early = [asyncio.ensure_future(read(log)) for _ in range(3)]
    await settle()
    log.emit(ExecutionStarted, workflow_id="w", workflow_version="1", steps=1)
    await settle()
    middle = asyncio.ensure_future(read(log))
    log.emit(StepReady, "a")
    log.emit(StepStarted, "a", 1)
    await settle()
    assert not any(reader.done() for reader in (*early, middle))
    log.emit(ExecutionFinished, status="completed")
    late = asyncio.ensure_future(read(log))
    for reader in (*early, middle, late):
        assert await reader == [1, 2, 3, 4]


async def test_a_slow_reader_misses_nothing_that_is_kept() -> None:
    log = make_log()
    seen = []
    log.emit(StepReady, "a")
    async for event in log.read():
        seen.append(event.seq)
        if event.seq < 50:
            log.emit(StepReady, "a")
            log.emit(StepReady, "b")
        elif not log.closed:
            log.emit(ExecutionFinished, status="completed")
    assert seen == list(range(1, log._last + 1))
    assert len(seen) > 90


@pytest.mark.parametrize("keep", [0, 1, 2, 7, 10, 25])
async def test_no_more_than_asked_are_kept_and_the_oldest_go_first(keep: int) -> None:
    log = make_log(keep=keep)
    for emitted in range(1, 101):
        log.emit(StepReady, "a")
        assert len(log._kept) <= keep
        if emitted > keep:
            assert len(log._kept) >= keep - keep // 10
    log.emit(ExecutionFinished, status="completed")
    kept = await read(log)
    assert kept == list(range(101 - len(kept) + 1, 102))


async def test_a_reader_of_a_log_that_keeps_nothing_ends_with_it() -> None:
    log = make_log(keep=0)
    log.emit(StepReady, "a")
    reader = asyncio.ensure_future(read(log))
    await settle()
    assert not reader.done()
    log.emit(ExecutionFinished, status="completed")
    assert await reader == []


def test_an_engine_that_keeps_no_events_lets_them_be_asked_for() -> None:
    async def main() -> ExecutionResult:
        engine = make_engine(workflow(step("a")), tools={"ok": lambda params: 1}, settings=Settings(events_kept=0))
        execution = engine.start("w")
        assert [event async for event in execution.events()] == []
        return await execution.result()

    assert run_virtual(main()).ok


async def test_a_reader_that_fell_behind_goes_on_with_what_is_kept() -> None:
    log = make_log(keep=5)
    seen = []
    log.emit(StepReady, "a")
    async for event in log.read():
        seen.append(event.seq)
        if event.seq == 1:
            for _ in range(20):
                log.emit(StepReady, "a")
            log.emit(ExecutionFinished, status="completed")
    assert seen == [1, 18, 19, 20, 21, 22]


async def test_a_cancelled_reader_is_forgotten_and_disturbs_nobody() -> None:
    log = make_log()
    gone, stays = (asyncio.ensure_future(read(log)) for _ in range(2))
    await settle()
    gone.cancel()
    await settle()
    assert gone.cancelled()
    assert len(log._readers) == 1
    log.emit(StepReady, "a")
    log.emit(ExecutionFinished, status="completed")
    assert await stays == [1, 2]
    assert not log._readers


async def test_a_reader_that_stops_early_can_be_closed() -> None:
    log = make_log()
    log.emit(StepReady, "a")
    reader = log.read()
    assert (await anext(reader)).seq == 1
    await reader.aclose()  # type: ignore[attr-defined]
    assert not log._readers


async def test_nothing_comes_after_the_last_event() -> None:
    seeing = Seeing()
    log = make_log(seeing)
    log.emit(ExecutionFinished, status="completed")
    log.emit(StepReady, "a")
    StepSink(log, "a", 1).log("info", "too late", {})
    assert [event.type for event in seeing.events] == ["execution_finished"]
    assert await read(log) == [1]


async def test_events_say_when_and_where() -> None:
    seeing = Seeing()
    log = make_log(seeing)
    log.emit(StepStarted, "a", 2, max_attempts=3)
    (event,) = seeing.events
    assert (event.seq, event.execution_id, event.path, event.attempt) == (1, "id", "a", 2)
    assert event.ts.utcoffset() is not None
    plain = event.to_dict()
    assert list(plain)[:6] == ["type", "seq", "ts", "execution_id", "path", "attempt"]
    assert (plain["type"], plain["max_attempts"]) == ("step_started", 3)
    json.dumps(plain)


class Broken:
    """An observer that raises, once or always."""

    def __init__(self) -> None:
        self.told = 0

    def on_event(self, event: Event) -> None:
        self.told += 1
        raise RuntimeError("observer broke")


def test_a_broken_observer_stops_neither_the_execution_nor_the_others() -> None:
    async def main() -> tuple[ExecutionResult, list[JsonValue], Seeing, Broken]:
        reported: list[JsonValue] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        broken, seeing = Broken(), Seeing()
        engine = make_engine(
            workflow(step("a"), step("b", after="a")), tools={"ok": lambda params: 1}, observers=[broken, seeing]
        )
        return await engine.execute("w"), reported, seeing, broken

    result, reported, seeing, broken = run_virtual(main())
    assert result.ok
    assert [event.seq for event in seeing.events] == list(range(1, 9))
    assert broken.told == len(seeing.events) == len(reported)
    assert "observer" in reported[0]["message"]
    assert str(reported[0]["exception"]) == "observer broke"


# -- steps and their sinks -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (StepStatus.COMPLETED, {}, ("step_completed", None, None)),
        (StepStatus.FAILED, {"error": ToolError("say hush")}, ("step_failed", None, "say ***")),
        (StepStatus.SKIPPED, {"skip_reason": "condition"}, ("step_skipped", "condition", None)),
        (
            StepStatus.SKIPPED,
            {"skip_reason": "error: TOOL_FAILED", "error": ToolError("hush")},
            ("step_skipped", "error: TOOL_FAILED", "***"),
        ),
        (StepStatus.CANCELLED, {"skip_reason": "stopped: b"}, ("step_cancelled", "stopped: b", None)),
    ],
    ids=["completed", "failed", "skipped", "skipped after an error", "cancelled"],
)
async def test_what_became_of_a_step(
    status: StepStatus, fields: Mapping[str, JsonValue], expected: tuple[str, str | None, str | None]
) -> None:
    seeing = Seeing()
    tell(make_log(seeing), "a", StepResult("a", status, attempt=2, **fields))
    (event,) = seeing.events
    plain = event.to_dict()
    error = plain.get("error")
    assert (plain["type"], plain.get("reason"), error and error["message"]) == expected
    assert (plain["path"], plain["attempt"]) == ("a", 2)


SAYS: dict[str, tuple[Callable[[StepSink], None], dict[str, JsonValue]]] = {
    "log": (
        lambda sink: sink.log("info", "hush now", {"hush": ["hush"], "n": 1}),
        {"type": "log", "level": "info", "message": "*** now", "fields": {"***": ["***"], "n": 1}},
    ),
    "progress": (
        lambda sink: sink.progress(0.5, "half of hush"),
        {"type": "log", "level": "progress", "message": "half of ***", "fields": {"fraction": 0.5}},
    ),
    "progress without words": (
        lambda sink: sink.progress(None, None),
        {"type": "log", "level": "progress", "message": "", "fields": {"fraction": None}},
    ),
    "called": (lambda sink: sink.tool_called("t", "s"), {"type": "tool_called", "tool": "t", "server": "s"}),
    "returned": (
        lambda sink: sink.tool_returned("t", None, False, 1.5),
        {"type": "tool_returned", "tool": "t", "server": None, "ok": False, "duration_ms": 1500.0},
    ),
}


@pytest.mark.parametrize(("say", "expected"), SAYS.values(), ids=SAYS)
async def test_what_a_call_says_is_masked(say: Callable[[StepSink], None], expected: Mapping[str, JsonValue]) -> None:
    seeing = Seeing()
    say(StepSink(make_log(seeing), "a", 3))
    (event,) = seeing.events
    plain = event.to_dict()
    assert plain | expected == plain
    assert (plain["path"], plain["attempt"]) == ("a", 3)


async def test_threads_may_say_things_and_the_numbers_have_no_gap() -> None:
    seeing = Seeing()
    log = make_log(seeing)
    on_thread: list[int] = []

    def work(number: int) -> None:
        sink = StepSink(log, f"s{number}", 1)
        for line in range(200):
            sink.log("info", str(line), {})

    def on_event(event: Event) -> None:
        on_thread.append(threading.get_ident())
        seeing.events.append(event)

    seeing.on_event = on_event  # type: ignore[method-assign]
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        await asyncio.sleep(0)
    for thread in threads:
        thread.join()
    await settle()
    assert [event.seq for event in seeing.events] == list(range(1, 1601))
    assert set(on_thread) == {threading.get_ident()}, "observers are told on the loop's thread"
    for number in range(8):
        lines = [e.message for e in seeing.events if isinstance(e, LogEmitted) and e.path == f"s{number}"]
        assert lines == [str(line) for line in range(200)], "in the order in which they were said"


def test_a_thread_that_speaks_after_the_loop_is_gone_is_not_heard() -> None:
    seeing = Seeing()

    async def main() -> EventLog:
        return make_log(seeing)

    log = asyncio.run(main())
    thread = threading.Thread(target=lambda: StepSink(log, "a", 1).log("info", "late", {}))
    thread.start()
    thread.join()
    assert seeing.events == []


def test_an_execution_tells_all_of_it_in_order_and_masks_errors() -> None:
    def flaky(call: ToolCall) -> str:
        assert call.sink is not None
        call.sink.log("info", "the word is hush", {})
        raise ToolError("hush is wrong")

    async def main() -> list[dict[str, JsonValue]]:
        engine = make_engine(workflow(step("a", "flaky")), tools={"flaky": flaky}, secrets=OneSecret())
        execution = engine.start("w", None, {"labels": {"who": "me"}})
        await sleep(1)
        return [event.to_dict() async for event in execution.events()]

    events = run_virtual(main())
    assert [event["type"] for event in events] == [
        "execution_started", "step_ready", "step_started", "log", "step_attempt_failed", "step_failed",
        "execution_finished",
    ]  # fmt: skip
    assert "hush" not in json.dumps(events)
    assert events[0]["labels"] == {"who": "me"}
    assert events[-1]["error"]["message"] == "*** is wrong"
