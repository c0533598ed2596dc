"""From a name to a tool: who is asked, in which order, and what is said when nobody has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from ael.clock import SystemClock
from ael.errors import ConfigInvalidError, ToolError, ToolUnavailableError
from ael.ports import ToolCall, ToolMiss, ToolOutcome, ToolSpec
from ael.settings import Settings
from ael.tools.function import FunctionProvider, tool, tools_from
from ael.tools.http import HttpProvider
from ael.tools.provider import ToolProvider
from ael.tools.routing import RoutingInvoker
from ael.tools.shell import ShellProvider
from tests.unit.tools.calls import Sink


class Server:
    """A source like an MCP server: its tools are known once it was asked.

    Args:
        listed: Whether it was.
        down: What asking it raises.
    """

    def __init__(self, name: str, *tools: str, listed: bool = True, down: Exception | None = None) -> None:
        self.name = name
        self.listed = listed
        self.down = down
        self.advice: str | None = None
        self.asked = 0
        self.closed = 0
        self.close_failure: Exception | None = None
        self.barrier: asyncio.Barrier | None = None
        self._tools = tools

    def specs(self) -> Sequence[ToolSpec]:
        if not self.listed:
            return []
        return [ToolSpec(each, server=self.name, read_only=each.startswith("get") or None) for each in self._tools]

    def miss(self, tool: str) -> ToolMiss | None:
        return None if self.advice is None else ToolMiss("disabled", advice=self.advice)

    def repeatable(self, tool: str, call: ToolCall) -> bool:
        return any(spec.repeatable for spec in self.specs() if spec.name == tool)

    async def wait_listed(self) -> None:
        self.asked += 1
        if self.barrier is not None:
            await self.barrier.wait()
        if self.down is not None:
            raise self.down
        self.listed = True

    async def call(self, tool: str, call: ToolCall) -> ToolOutcome:
        if tool == "fail":
            raise ToolError("it failed")
        return ToolOutcome(f"{self.name}/{tool}")

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1
        if self.close_failure is not None:
            raise self.close_failure


async def greet() -> str:
    return "python/greet"


async def search() -> str:
    return "python/search"


def invoker(*servers: Server, functions: Iterable[object] = (greet, search), shell: bool = False) -> RoutingInvoker:
    settings = Settings(allow_shell=shell)
    clock = SystemClock()
    plain: list[ToolProvider] = [FunctionProvider(tools_from(list(functions)), settings), HttpProvider(settings, clock)]
    return RoutingInvoker([*plain, ShellProvider(settings, clock), *servers], clock)


async def value(router: RoutingInvoker, name: str, server: str | None = None) -> object:
    return (await router.call(ToolCall(name, {}, server=server))).value


def servers() -> list[Server]:
    return [
        Server("git", "log", "search", "greet", "get_status", "git.odd"),
        Server("web", "search", "fetch", "git.only_here"),
        Server("late", "get_up", "search", listed=False),
        Server("git.deep", "log"),
    ]


# -- order of lookup -----------------------------------------------------------------------------

FOUND = [
    pytest.param("git.log", None, "git/log", id="full name"),
    pytest.param("log", "git", "git/log", id="bare name with mcp"),
    pytest.param("git.log", "git", "git/log", id="full name with mcp"),
    pytest.param("fetch", None, "web/fetch", id="bare name that one server has"),
    pytest.param("greet", None, "python/greet", id="bare name: Python first"),
    pytest.param("greet", "git", "git/greet", id="mcp wins over Python"),
    pytest.param("git.greet", None, "git/greet", id="full name wins over Python"),
    pytest.param("git.deep.log", None, "git.deep/log", id="longest server name"),
    pytest.param("git.only_here", None, "web/git.only_here", id="bare name that looks like a full one"),
    pytest.param("git.odd", "git", "git/git.odd", id="a server's name in its own tool's name"),
    pytest.param("late.get_up", None, "late/get_up", id="full name of a server not asked yet"),
    pytest.param("get_up", "late", "late/get_up", id="mcp that was not asked yet"),
    pytest.param("get_up", None, "late/get_up", id="bare name that only a server not asked yet has"),
]


@pytest.mark.parametrize(("name", "server", "expected"), FOUND)
async def test_a_name_leads_to_one_tool_however_often(name: str, server: str | None, expected: str) -> None:
    each = servers()
    router = invoker(*each)
    for _ in range(3):
        assert await value(router, name, server) == expected
    assert [one.asked for one in each] == [0, 0, int(expected.startswith("late")), 0], "asked only when needed, once"
    spec = router.lookup(name, server)
    assert isinstance(spec, ToolSpec)
    assert f"{spec.server or 'python'}/{spec.name}" == expected


NOT_FOUND = [
    pytest.param("log", None, "ambiguous", ["git.log", "git.deep.log"], id="two servers"),
    pytest.param("log", "svn", "unknown_server", ["svn", "git, web, late"], id="server that does not exist"),
    pytest.param("git.lgo", None, "unknown", ["'git.lgo'", "'git.log'"], id="typing error in a full name"),
    pytest.param("ftech", None, "unlisted", ["'ftech'", "'web.fetch'"], id="typing error in a bare name"),
    pytest.param("lgo", "git", "unknown", ["'git.lgo'", "'git.log'"], id="typing error with mcp"),
    pytest.param("gret", None, "unlisted", ["'gret'", "'greet'"], id="typing error in a function's name"),
    pytest.param("http.reqest", None, "unlisted", ["'http.request'"], id="typing error in a built-in tool's name"),
    pytest.param("late.nothing", None, "unlisted", ["'late.nothing'"], id="not there after asking"),
    pytest.param("shell.run", None, "disabled", ["shell.run", "allow_shell"], id="shell switched off"),
    pytest.param("shell.ran", None, "unlisted", ["shell.ran"], id="no tool of the shell"),
    pytest.param("", None, "unlisted", ["''"], id="empty name"),
]


@pytest.mark.parametrize(("name", "server", "reason", "words"), NOT_FOUND)
async def test_a_name_nobody_has_is_refused_with_advice(
    name: str, server: str | None, reason: str, words: list[str]
) -> None:
    each = servers()
    router = invoker(*each)
    missed = router.lookup(name, server)
    assert isinstance(missed, ToolMiss)
    assert missed.reason == reason
    assert not any(one.asked for one in each), "a lookup starts nothing"

    with pytest.raises(ToolUnavailableError) as caught:
        await value(router, name, server)
    said = f"{caught.value.message}: {caught.value.hint}"
    assert all(word in said for word in words), said
    assert "\n" not in said
    assert not caught.value.retryable


async def test_a_name_that_was_unknown_can_come_to_be_known() -> None:
    late = Server("late", listed=False)
    router = invoker(late)
    with pytest.raises(ToolUnavailableError):
        await value(router, "new")
    late._tools = ("new",)
    assert await value(router, "new") == "late/new"


# -- asking servers ------------------------------------------------------------------------------


async def test_all_servers_that_could_have_it_are_asked_side_by_side() -> None:
    known = Server("known", "log")
    unknown = [Server("a", listed=False), Server("b", "get", listed=False), Server("c", listed=False)]
    barrier = asyncio.Barrier(len(unknown))
    for each in unknown:
        each.barrier = barrier  # nobody answers before all are asked
    assert await value(invoker(known, *unknown), "get") == "b/get"
    assert [each.asked for each in (known, *unknown)] == [0, 1, 1, 1]


async def test_a_known_tool_starts_nobody() -> None:
    late = Server("late", "log", listed=False)
    router = invoker(Server("git", "log"), late)
    assert await value(router, "log") == "git/log"
    assert late.asked == 0


async def test_two_servers_asked_that_both_have_it() -> None:
    router = invoker(
        Server("a", "log", listed=False),
        Server("b", "log", listed=False),
        Server("c", listed=False, down=ToolUnavailableError("c is down", retryable=True)),
    )
    with pytest.raises(ToolUnavailableError, match=r"several sources: a\.log, b\.log") as caught:
        await value(router, "log")
    assert not caught.value.retryable, "another attempt finds both again"


DOWN = ToolUnavailableError("MCP server 'down' does not start: no such file", retryable=True, hint="install it")


async def test_a_server_that_is_down_hides_no_other() -> None:
    router = invoker(Server("down", "get", listed=False, down=DOWN), Server("up", "get", listed=False))
    assert await value(router, "get") == "up/get"


async def test_a_server_that_is_down_may_have_had_it() -> None:
    gone = ToolUnavailableError("MCP server 'gone' is misconfigured", retryable=False)
    router = invoker(Server("gone", listed=False, down=gone), Server("down", listed=False, down=DOWN))
    with pytest.raises(ToolUnavailableError) as caught:
        await value(router, "get")
    assert caught.value.message == (
        "tool 'get' is not available: MCP server 'gone' is misconfigured; "
        "MCP server 'down' does not start: no such file"
    )
    assert caught.value.retryable
    assert caught.value.__cause__ is gone


async def test_only_the_named_server_is_asked() -> None:
    down = Server("down", listed=False, down=DOWN)
    other = Server("other", listed=False)
    with pytest.raises(ToolUnavailableError, match="does not start") as caught:
        await value(invoker(down, other), "down.get")
    assert caught.value.hint == "install it"
    assert (down.asked, other.asked) == (1, 0)


async def test_listing_all_leaves_out_what_fails() -> None:
    down, late, known = Server("down", listed=False, down=DOWN), Server("late", "get", listed=False), Server("known")
    router = invoker(down, late, known)
    assert [spec.full_name for spec in router.specs()] == ["greet", "search", "http.request"]
    await router.wait_listed()
    assert [spec.full_name for spec in router.specs()] == ["greet", "search", "http.request", "late.get"]
    assert (down.asked, late.asked, known.asked) == (1, 1, 0)


async def test_a_server_that_is_never_started_says_why() -> None:
    blocked = Server("blocked")
    blocked.advice = "name it with `--mcp`"
    router = invoker(blocked)
    for name, server in (("blocked.get", None), ("get", "blocked")):
        assert router.lookup(name, server) == ToolMiss("disabled", advice=blocked.advice)
        with pytest.raises(ToolUnavailableError, match=r"'blocked\.get' is switched off") as caught:
            await value(router, name, server)
        assert caught.value.hint == blocked.advice


async def test_cancelling_a_call_that_waits_for_a_server() -> None:
    late = Server("late", "get", listed=False)
    late.barrier = asyncio.Barrier(2)
    router = invoker(late)
    waiting = asyncio.create_task(value(router, "get"))
    while not late.asked:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    late.barrier = None
    assert await value(router, "get") == "late/get"


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["http", "shell"])
def test_names_of_built_in_tools_are_reserved(name: str) -> None:
    with pytest.raises(ConfigInvalidError, match=f"{name!r}.*reserved"):
        invoker(Server(name))
    for taken in (name, f"{name}.post"):
        with pytest.raises(ConfigInvalidError, match="reserved"):
            invoker(functions=[tool(name=taken)(lambda: None)])


def test_two_servers_of_one_name() -> None:
    with pytest.raises(ConfigInvalidError, match="two MCP servers are called 'git'"):
        invoker(Server("git"), Server("git"))


# -- calls ---------------------------------------------------------------------------------------


async def test_whoever_listens_hears_of_each_call() -> None:
    router = invoker(Server("git", "log", "fail"))
    sink = Sink()
    await router.call(ToolCall("git.log", {}, sink=sink))
    with pytest.raises(ToolError):
        await router.call(ToolCall("fail", {}, server="git", sink=sink))
    await router.call(ToolCall("greet", {}, sink=sink))
    assert sink.heard == [
        ("called", "log", "git"),
        ("returned", "log", "git", True),
        ("called", "fail", "git"),
        ("returned", "fail", "git", False),
        ("called", "greet", None),
        ("returned", "greet", None, True),
    ]


async def test_nobody_hears_of_a_call_that_never_was() -> None:
    sink = Sink()
    with pytest.raises(ToolUnavailableError):
        await invoker().call(ToolCall("nothing", {}, sink=sink))
    assert sink.heard == []


async def test_a_cancelled_call_has_returned() -> None:
    began = asyncio.Event()

    async def hang() -> None:
        began.set()
        await asyncio.Event().wait()

    sink = Sink()
    running = asyncio.ensure_future(invoker(functions=[hang]).call(ToolCall("hang", {}, sink=sink)))
    await began.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert sink.heard == [("called", "hang", None), ("returned", "hang", None, False)]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(ToolCall("git.get_status", {}), True, id="read-only"),
        pytest.param(ToolCall("get_status", {}, server="git"), True, id="read-only, with mcp"),
        pytest.param(ToolCall("git.log", {}), False, id="nothing said"),
        pytest.param(ToolCall("nothing", {}), False, id="unknown"),
        pytest.param(ToolCall("late.get_up", {}), False, id="not asked yet"),
        pytest.param(ToolCall("http.request", {"url": "x"}), True, id="http: GET by default"),
        pytest.param(ToolCall("http.request", {"url": "x", "method": "put"}), True, id="http: put"),
        pytest.param(ToolCall("http.request", {"url": "x", "method": "DELETE"}), True, id="http: DELETE"),
        pytest.param(ToolCall("http.request", {"url": "x", "method": "POST"}), False, id="http: POST"),
        pytest.param(ToolCall("http.request", {"url": "x", "method": "PATCH"}), False, id="http: PATCH"),
        pytest.param(ToolCall("shell.run", {"argv": ["ls"]}), False, id="shell"),
    ],
)
def test_what_may_be_called_again(call: ToolCall, expected: bool) -> None:
    assert invoker(*servers(), shell=True).repeatable(call) is expected


# -- the end -------------------------------------------------------------------------------------


async def test_closing_closes_every_source_though_one_fails() -> None:
    each = servers()
    each[0].close_failure = OSError("broken")
    each[1].close_failure = ToolError("also broken")
    router = invoker(*each)
    with pytest.raises(OSError, match="broken"):
        await router.aclose()
    assert [one.closed for one in each] == [1, 1, 1, 1]


async def test_closing_twice_is_closing_once() -> None:
    router = invoker(*servers())
    await asyncio.gather(router.aclose(), router.aclose())
    await router.aclose()


async def test_a_close_that_was_cancelled_can_be_made_up_for() -> None:
    each = servers()
    router = invoker(*each)
    closing = asyncio.create_task(router.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await router.aclose()
    assert all(one.closed for one in each)
