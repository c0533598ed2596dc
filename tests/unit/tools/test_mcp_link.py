"""The life of a connection, in virtual time and without a server: one start, generations, pauses, ends."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ael.errors import AELError, ToolLostError, ToolUnavailableError
from ael.mcp_server import McpServer
from ael.ports import ToolCall, ToolMiss, ToolSpec
from ael.settings import Settings
from ael.testing.virtual_time import VirtualClock, run_virtual
from ael.tools.mcp import McpProvider
from ael.tools.mcp.lines import Tail
from ael.tools.mcp.session import CallResult, Connect, Progress, SessionGoneError

SERVER = McpServer(name="srv", command="x")
CLOCK = VirtualClock()
SETTINGS = Settings(connect_timeout=5.0, server_concurrency=2)
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


class Wire:
    """Stands for ``ael.tools.mcp.wire``: what its sessions do is said by the test."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.failures: list[Exception] = []
        self.answers: list[CallResult | Exception | Callable[[], Any]] = []
        self.open = 0
        self.calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.lost: Callable[[], object] = lambda: None
        self.hang = False
        self.seen_variable: str | None = None
        self.title = ("wire", "1.0")
        self.tools: Mapping[str, ToolSpec] = {"echo": ToolSpec("echo", server="srv", idempotent=True)}

    async def imported(self) -> Connect:
        return self.connect

    @contextlib.asynccontextmanager
    async def connect(
        self, server: McpServer, settings: Settings, tail: Tail, on_lost: Callable[[], object]
    ) -> AsyncIterator[Wire]:
        self.starts.append(asyncio.get_running_loop().time())
        self.seen_variable = VARIABLE.get()
        await asyncio.sleep(0)
        if self.hang:
            await asyncio.Event().wait()
        if self.failures:
            tail.add(b"last words")
            raise self.failures.pop(0)
        self.lost = on_lost
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def call(
        self, tool: str, arguments: dict[str, Any], meta: dict[str, Any], progress: Progress | None
    ) -> CallResult:
        self.calls.append((tool, arguments, meta))
        answer = self.answers.pop(0) if self.answers else CallResult(content=[{"type": "text", "text": "ok"}])
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        return answer


def provider(wire: Wire, server: McpServer = SERVER) -> McpProvider:
    return McpProvider(server, SETTINGS, VirtualClock(), imported=wire.imported)


def call(**params: Any) -> ToolCall:
    return ToolCall("srv.echo", params, idempotency_key="key")


def virtual(test: Callable[[Wire, McpProvider], Any]) -> None:
    async def main() -> None:
        wire = Wire()
        made = provider(wire)
        try:
            await test(wire, made)
        finally:
            await made.aclose()
        assert wire.open == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


def test_starts_with_the_first_call_once_for_all() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        await CLOCK.sleep(1)
        assert wire.starts == []
        VARIABLE.set("a step's")
        await asyncio.gather(*(made.call("echo", call()) for _ in range(5)))
        assert wire.starts == [1.0]
        assert wire.seen_variable == "unset"
        assert wire.calls[0] == ("echo", {}, {"ael/idempotency_key": "key"})

    virtual(body)


def test_the_list_is_known_after_the_start() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        assert (made.listed, list(made.specs()), made.miss("echo")) == (False, [], None)
        assert not made.repeatable("echo", call())
        await made.wait_listed()
        assert (made.listed, [spec.name for spec in made.specs()]) == (True, ["echo"])
        assert made.repeatable("echo", call())

    virtual(body)


def test_what_fails_to_start_is_told_to_everybody_and_tried_again_when_asked() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        wire.failures = [ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("the leaf")])])]
        both = await asyncio.gather(made.call("echo", call()), made.call("echo", call()), return_exceptions=True)
        first, second = both
        assert isinstance(first, ToolUnavailableError)
        assert isinstance(second, ToolUnavailableError)
        assert first is not second
        assert first.message == "MCP server 'srv' does not start: the leaf; it said: last words"
        assert (first.retryable, first.details["stderr"]) == (True, ["last words"])
        assert isinstance(first.__cause__, ValueError)
        assert (await made.call("echo", call())).value == "ok"
        assert len(wire.starts) == 2

    virtual(body)


def test_why_there_is_no_list_is_known_until_there_is_one() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        wire.failures = [ValueError("no")]
        with pytest.raises(ToolUnavailableError):
            await made.wait_listed()
        why = "MCP server 'srv' does not start: no; it said: last words"
        assert made.miss("echo") == ToolMiss("unlisted", ("srv.echo",), why)
        await made.wait_listed()
        assert made.miss("echo") is None
        wire.lost()
        wire.failures = [ValueError("no")]
        with pytest.raises(ToolUnavailableError):
            await made.wait_listed()
        assert made.listed
        assert made.miss("nothing") is None

    virtual(body)


def test_failed_starts_are_spaced() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        wire.failures = [ValueError("no")] * 9
        for _ in range(9):
            with pytest.raises(ToolUnavailableError):
                await made.wait_listed()
        await made.wait_listed()
        pauses = [round(later - earlier, 3) for earlier, later in zip(wire.starts, wire.starts[1:], strict=False)]
        assert pauses == [0, 0.5, 1, 2, 4, 8, 10, 10, 10]

    virtual(body)


def test_a_start_that_hangs_ends_at_the_timeout() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        wire.hang = True
        with pytest.raises(ToolUnavailableError, match="said no hello within 5 s"):
            await made.wait_listed()
        assert asyncio.get_running_loop().time() == 5.0

    virtual(body)


@pytest.mark.parametrize(
    "error", [ToolLostError("gone"), ToolUnavailableError("unreached", retryable=True)], ids=["lost", "unreached"]
)
def test_a_call_that_is_lost_is_not_sent_again_and_the_next_starts_anew(error: AELError) -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        wire.answers = [error]
        with pytest.raises(type(error)):
            await made.call("echo", call())
        assert len(wire.calls) == 1
        await made.call("echo", call())
        assert len(wire.starts) == 2

    virtual(body)


def test_a_call_refused_with_its_session_is_sent_once_more() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        wire.answers = [SessionGoneError("who are you?")]
        assert (await made.call("echo", call())).value == "ok"
        assert (len(wire.starts), len(wire.calls)) == (2, 2)
        wire.answers = [SessionGoneError("who are you?"), SessionGoneError("still")]
        with pytest.raises(ToolUnavailableError, match="still"):
            await made.call("echo", call())

    virtual(body)


def test_a_retired_generation_lives_until_its_last_call_has_left() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        release = asyncio.Event()

        async def slowly() -> CallResult:
            await release.wait()
            return CallResult(content=[{"type": "text", "text": "slow"}])

        wire.answers = [slowly, ToolLostError("gone")]
        slow = asyncio.create_task(made.call("echo", call()))
        await CLOCK.sleep(0.1)
        with pytest.raises(ToolLostError):
            await made.call("echo", call())
        await made.call("echo", call())
        assert wire.open == 2
        release.set()
        assert (await slow).value == "slow"
        await CLOCK.sleep(0.1)
        assert wire.open == 1

    virtual(body)


def test_a_server_that_goes_by_itself_is_started_for_the_next_call() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        await made.wait_listed()
        await CLOCK.sleep(60)
        wire.lost()
        await CLOCK.sleep(0.1)
        assert wire.open == 0
        await made.call("echo", call())
        assert len(wire.starts) == 2

    virtual(body)


def test_the_list_follows_the_connection() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        await made.wait_listed()
        assert made.title == ("wire", "1.0")
        wire.tools = {"other": ToolSpec("other", server="srv")}
        wire.lost()
        await made.wait_listed()
        assert [spec.name for spec in made.specs()] == ["other"]
        with pytest.raises(ToolUnavailableError, match="offers no tool 'echo'"):
            await made.call("echo", call())

    virtual(body)


def test_calls_beyond_the_bound_wait_their_turn_and_can_be_cancelled() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        async def forever() -> CallResult:
            await asyncio.Event().wait()
            raise AssertionError

        wire.answers = [forever, forever, forever]
        running = [asyncio.create_task(made.call("echo", call())) for _ in range(4)]
        await CLOCK.sleep(1)
        assert len(wire.calls) == 2
        running[2].cancel()
        await asyncio.wait([running[2]])
        running[0].cancel()
        await CLOCK.sleep(1)
        assert len(wire.calls) == 3
        for task in running:
            task.cancel()
        await asyncio.wait(running)

    virtual(body)


def test_cancelling_who_waits_for_the_start_leaves_it_alone() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        waiting = asyncio.create_task(made.wait_listed())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await made.wait_listed()
        assert len(wire.starts) == 1

    virtual(body)


@pytest.mark.parametrize("passes", range(6))
def test_closing_at_any_moment_of_the_start(passes: int) -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        wire.hang = passes % 2 == 1
        waiting = asyncio.create_task(made.call("echo", call()))
        for _ in range(passes):
            await asyncio.sleep(0)
        await made.aclose()
        await made.aclose()
        await asyncio.wait([waiting], timeout=1)
        assert waiting.done()
        assert waiting.exception() is None or isinstance(waiting.exception(), ToolUnavailableError)
        with pytest.raises(ToolUnavailableError, match="was stopped"):
            await made.call("echo", call())

    virtual(body)


def test_params_go_out_as_json() -> None:
    async def body(wire: Wire, made: McpProvider) -> None:
        given = {"when": datetime(2026, 1, 2, tzinfo=UTC), "raw": b"\x00\xff", "deep": [{"price": Decimal("1.10")}]}
        await made.call("echo", call(**given))
        assert wire.calls[0][1] == {"when": "2026-01-02T00:00:00Z", "raw": "AP8=", "deep": [{"price": "1.10"}]}

    virtual(body)


@pytest.mark.parametrize(
    ("server", "advice"),
    [
        (McpServer(name="srv", command="x", disabled=True, source="m.json"), "m.json says `disabled` for this server"),
        (
            McpServer(name="srv", command="x", consented=False, source=".mcp.json"),
            ".mcp.json was found, not named: name it with `--mcp`, or in ael.toml",
        ),
    ],
    ids=["disabled", "not-consented"],
)
def test_a_server_that_must_not_start_does_not(server: McpServer, advice: str) -> None:
    async def main() -> None:
        wire = Wire()
        made = provider(wire, server)
        await made.wait_listed()
        assert made.listed
        assert made.miss("echo") == ToolMiss("disabled", ("srv.echo",), advice)
        with pytest.raises(ToolUnavailableError) as caught:
            await made.call("echo", call())
        assert (caught.value.hint, caught.value.retryable) == (advice, False)
        assert wire.starts == []
        await made.aclose()

    run_virtual(main())


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    async def main() -> None:
        async def imported() -> Connect:
            raise ModuleNotFoundError("No module named 'mcp'", name="mcp")

        made = McpProvider(SERVER, SETTINGS, VirtualClock(), imported=imported)
        with pytest.raises(ToolUnavailableError) as caught:
            await made.wait_listed()
        assert caught.value.hint == "run `pip install 'ael[mcp]'`"
        assert not caught.value.retryable
        await made.aclose()

    run_virtual(main())
