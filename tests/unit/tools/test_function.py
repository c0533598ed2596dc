"""What happens when a Python function is called as a tool."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from types import ModuleType

import attrs
import pytest

import ael
from ael.errors import AELError, ConfigInvalidError, ParamInvalidError, ToolError, ToolUnavailableError
from ael.ports import ToolCall
from ael.tools.function import FunctionProvider, Tool, ToolContext, tool, tools_from
from ael.types import JsonValue
from tests.unit.tools.calls import SETTINGS, Sink, call, functions


async def echo(value: JsonValue) -> JsonValue:
    return value


def sync_echo(value: JsonValue) -> JsonValue:
    return value


# -- what is a tool ------------------------------------------------------------------------------


class Greeter:
    """Greets."""

    greeting = "hello"

    async def __call__(self, name: str) -> str:
        """Greet somebody."""
        return f"{self.greeting} {name}"

    def method(self, name: str) -> str:
        return f"{self.greeting} {name}"


async def greet(greeting: str, name: str) -> str:
    return f"{greeting} {name}"


def later(name: str) -> Awaitable[str]:
    """Synchronous, and returns an awaitable."""
    return greet("hello", name)


@functools.wraps(greet)
def wrapped(*args: str, **kwargs: str) -> Awaitable[str]:
    return greet(*args, **kwargs | {"greeting": "hello"})


@pytest.mark.parametrize(
    ("source", "params"),
    [
        pytest.param(Greeter(), {"name": "Ada"}, id="object with async call"),
        pytest.param(Greeter().method, {"name": "Ada"}, id="bound method"),
        pytest.param(functools.partial(greet, greeting="hello"), {"name": "Ada"}, id="partial of a coroutine function"),
        pytest.param(
            functools.partial(functools.partial(greet, greeting="x"), greeting="hello"),
            {"name": "Ada"},
            id="partial twice",
        ),
        pytest.param(functools.partial(Greeter(), "Ada"), {}, id="partial of an object"),
        pytest.param(later, {"name": "Ada"}, id="sync that returns an awaitable"),
        pytest.param(wrapped, {"greeting": "x", "name": "Ada"}, id="wrapped with other arguments"),
        pytest.param(
            Tool.from_function(lambda name: f"hello {name}", name="f"), {"name": "Ada"}, id="Tool of a lambda"
        ),
    ],
)
async def test_whatever_can_be_called_can_be_a_tool(source: object, params: dict[str, JsonValue]) -> None:
    assert await call(source, params) == "hello Ada"


def positional(name: str, /) -> None: ...


def variadic(*names: str) -> None: ...


async def stream() -> AsyncIterator[int]:
    yield 1


def generate() -> Iterator[int]:
    yield 1


def unknown_type(x: Undefined) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def no_schema(x: complex) -> None: ...


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(positional, ("positional", "name"), id="positional-only"),
        pytest.param(variadic, ("variadic", "*names"), id="star args"),
        pytest.param(stream, ("stream", "generator", "list"), id="async generator"),
        pytest.param(generate, ("generate", "generator"), id="generator"),
        pytest.param(functools.partial(stream), ("stream", "generator"), id="partial of a generator"),
        pytest.param(unknown_type, ("unknown_type", "'x'", "Undefined"), id="type that does not exist"),
        pytest.param(no_schema, ("no_schema", "'x'", "complex"), id="type without schema"),
        pytest.param(lambda: None, ("<lambda>", "name"), id="lambda"),
        pytest.param(Greeter, ("class", "Greeter"), id="class"),
        pytest.param("module.name", ("module.name", "functions"), id="text"),
        pytest.param(7, ("7", "functions"), id="number"),
        pytest.param({"a": echo}, ("functions",), id="mapping"),
        pytest.param(ModuleType("empty"), ("empty", "no tools"), id="module without tools"),
        pytest.param(tool(name="http.get")(functools.partial(sync_echo)), ("http.get", "reserved"), id="reserved name"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_in_one_sentence(source: object, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigInvalidError) as caught:
        tools_from(source)
    assert all(word in caught.value.message for word in words), caught.value.message
    assert "\n" not in caught.value.message


def test_a_marked_function_stays_itself() -> None:
    @ael.tool
    def double(x: int) -> int:
        return 2 * x

    assert double(4) == 8
    assert tools_from(double)[0](4) == 8


def test_what_the_decorator_says_wins() -> None:
    @ael.tool(name="twice", description="Doubles.", read_only=True, destructive=False)
    def double(x: int) -> int:
        """Something else."""
        return 2 * x

    (made,) = tools_from(double)
    assert (made.name, made.description) == ("twice", "Doubles.")
    assert made.annotations == {"read_only": True, "destructive": False}
    assert made.spec.repeatable


def test_what_cannot_be_marked_is_refused() -> None:
    with pytest.raises(ConfigInvalidError, match="cannot be marked"):
        tool(len)
    with pytest.raises(ConfigInvalidError, match="before a function"):
        tool("name")  # type: ignore[type-var]


def test_types_may_be_defined_after_the_function() -> None:
    module = ModuleType("late")
    exec(  # a module whose function names a class below it
        "from __future__ import annotations\nimport ael, attrs\n"
        "@ael.tool\ndef price(item: Item) -> str:\n    return item.name\n"
        "@attrs.define\nclass Item:\n    name: str\n",
        vars(module),
    )
    (made,) = tools_from(module)
    assert made.input_schema["properties"]["item"] == {"$ref": "#/$defs/Item"}


def test_a_module_gives_each_marked_function_once() -> None:
    module = ModuleType("several")
    marked = tool(Greeter().__call__.__func__)
    vars(module).update(first=marked, again=marked, second=tools_from(echo)[0], other=sync_echo, number=7)
    assert [each.function for each in tools_from(module)] == [marked, echo]


def test_two_functions_of_one_name_are_refused_and_one_given_twice_is_one() -> None:
    FunctionProvider(tools_from([echo, echo]), SETTINGS)
    with pytest.raises(ConfigInvalidError) as caught:
        FunctionProvider(tools_from([echo, tool(name="echo")(lambda value: value)]), SETTINGS)
    assert "test_function.echo" in caught.value.message
    assert "<lambda>" in caught.value.message


async def test_a_tool_can_be_called_without_an_engine() -> None:
    assert await tools_from(sync_echo)[0].call({"value": (1, 2)}) == [1, 2]
    with pytest.raises(ParamInvalidError):
        await tools_from(sync_echo)[0].call({})


async def test_a_name_nobody_has() -> None:
    with pytest.raises(ToolUnavailableError, match="nothing"):
        await FunctionProvider([], SETTINGS).call("nothing", ToolCall("nothing", {}))


# -- params and results --------------------------------------------------------------------------


@attrs.define
class Point:
    x: int
    y: int = 0


@attrs.define
class Even:
    n: int = attrs.field()

    @n.validator
    def _check(self, _: object, value: int) -> None:
        if value % 2:
            raise ValueError(f"{value} is odd")


async def shift(point: Point, by: int = 1) -> Point:
    return Point(point.x + by, point.y + by)


async def half(number: Even) -> float:
    return number.n / 2


async def day_after(day: date, *, moment: datetime | None = None) -> list[JsonValue]:
    return [type(day).__name__, type(moment).__name__]


async def collect(first: int, **rest: int) -> JsonValue:
    return {"first": first} | rest


async def points(**rest: Point) -> JsonValue:
    return sorted(rest.items())


MOMENT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("function", "params", "expected"),
    [
        pytest.param(shift, {"point": {"x": 1}}, {"x": 2, "y": 1}, id="attrs class in and out"),
        pytest.param(half, {"number": {"n": 8}}, 4.0, id="attrs validator holds"),
        pytest.param(day_after, {"day": "2026-01-02"}, ["date", "NoneType"], id="date as text"),
        pytest.param(day_after, {"day": date(2026, 1, 2), "moment": MOMENT}, ["date", "datetime"], id="dates as such"),
        pytest.param(echo, {"value": {"at": MOMENT, "raw": b"x"}}, {"at": MOMENT, "raw": b"x"}, id="data beyond JSON"),
        pytest.param(collect, {"first": 1, "b": 2}, {"first": 1, "b": 2}, id="keywords"),
        pytest.param(points, {"a": {"x": 1}}, [["a", {"x": 1, "y": 0}]], id="keywords converted"),
        pytest.param(echo, {"value": 2**70}, 2**70, id="large integer"),
        pytest.param(sync_echo, {"value": None}, None, id="null"),
    ],
)
async def test_params_arrive_as_the_types_say(
    function: object, params: dict[str, JsonValue], expected: JsonValue
) -> None:
    assert await call(function, params) == expected


@pytest.mark.parametrize(
    ("function", "params", "problems"),
    [
        pytest.param(shift, {}, ['"point" is a required property'], id="missing"),
        pytest.param(shift, {"point": {"x": "1"}, "by": 1.5}, ["$.by: 1.5", '$.point.x: "1"'], id="all wrong types"),
        pytest.param(shift, {"point": {"x": True}}, ["$.point.x: true"], id="a boolean is no integer"),
        pytest.param(shift, {"point": {"x": 1}, "bye": 1}, ["'bye' was unexpected"], id="unknown"),
        pytest.param(half, {"number": {"n": 3}}, ["$.number: 3 is odd"], id="refused by the type"),
        pytest.param(day_after, {"day": "monday"}, ["$.day: "], id="no date"),
        pytest.param(collect, {"first": 1, "b": "x"}, ["$.b: "], id="keyword of a wrong type"),
        pytest.param(shift, {"point": b"x"}, ["$.point: "], id="bytes for an object"),
    ],
)
async def test_params_that_do_not_fit_are_told_all_at_once(
    function: object, params: dict[str, JsonValue], problems: list[str]
) -> None:
    with pytest.raises(ParamInvalidError) as caught:
        await call(function, params)
    found = sorted(caught.value.details["problems"])
    assert len(found) == len(problems)
    assert all(part in one for part, one in zip(sorted(problems), found, strict=True)), found
    assert caught.value.code == "PARAM_INVALID"
    assert not caught.value.retryable


async def test_a_result_is_the_engines_own() -> None:
    kept: list[JsonValue] = [1]

    async def give() -> list[JsonValue]:
        return kept

    returned = await call(give)
    kept.append(2)
    assert returned == [1]


# -- failures ------------------------------------------------------------------------------------


class Custom(BaseException):
    pass


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def nested() -> ExceptionGroup[Exception]:
    return ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("deep")])])


RAISED = [
    pytest.param(ValueError("no"), "TOOL_FAILED", "ValueError: no", True, id="exception"),
    pytest.param(KeyError(), "TOOL_FAILED", "KeyError", True, id="without text"),
    pytest.param(Unprintable(), "TOOL_FAILED", "Unprintable: (its text raises RuntimeError)", True, id="without str"),
    pytest.param(SystemExit(3), "TOOL_FAILED", "SystemExit: 3", True, id="SystemExit"),
    pytest.param(GeneratorExit(), "TOOL_FAILED", "GeneratorExit", True, id="GeneratorExit"),
    pytest.param(StopIteration(), "TOOL_FAILED", "StopIteration", True, id="StopIteration"),
    pytest.param(asyncio.CancelledError(), "TOOL_FAILED", "CancelledError", True, id="stray CancelledError"),
    pytest.param(Custom("x"), "TOOL_FAILED", "Custom: x", True, id="BaseException"),
    pytest.param(nested(), "TOOL_FAILED", "ValueError: deep", True, id="group of one"),
    pytest.param(ExceptionGroup("two", [ValueError(), KeyError()]), "TOOL_FAILED", "two", True, id="group of two"),
    pytest.param(ToolError("full", code="QUOTA", retryable=False), "QUOTA", "full", False, id="ToolError"),
    pytest.param(
        ExceptionGroup("g", [ToolError("full", code="QUOTA")]), "QUOTA", "full", True, id="ToolError in a group"
    ),
    pytest.param(AELError("inner", code="WORKFLOW_INVALID"), "TOOL_FAILED", "AELError: inner", False, id="AELError"),
]


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize(("error", "code", "words", "retryable"), RAISED)
async def test_what_a_tool_raises(
    error: BaseException, code: str, words: str, retryable: bool, asynchronous: bool
) -> None:
    def fail() -> None:
        raise error

    async def fail_async() -> None:
        raise error

    with pytest.raises(ToolError) as caught:
        await call(fail_async if asynchronous else fail)
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.retryable is retryable
    chain = [caught.value, caught.value.__cause__, getattr(caught.value.__cause__, "__cause__", None)]
    assert error in chain or error.__class__.__name__ == "ExceptionGroup"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        pytest.param(object(), "$", id="object"),
        pytest.param({"items": [1, {"price": float("nan")}]}, "$.items[1].price", id="NaN"),
        pytest.param([echo], "$[0]", id="function"),
    ],
)
async def test_a_result_that_is_no_data_fails_with_its_path(value: object, path: str) -> None:
    async def give() -> object:
        return value

    with pytest.raises(ToolError) as caught:
        await call(give)
    assert caught.value.details["path"] == path
    assert f"{path} is" in caught.value.message
    assert not caught.value.retryable


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
def test_an_interrupt_passes(asynchronous: bool) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    async def interrupt_async() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(call(interrupt_async if asynchronous else interrupt))


async def _cancelled(function: Callable[..., object], began: asyncio.Event) -> asyncio.Task[JsonValue]:
    task = asyncio.create_task(call(function))
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    return task


async def test_a_cancellation_that_somebody_asked_for_passes() -> None:
    began = asyncio.Event()

    async def hang() -> None:
        began.set()
        await asyncio.Event().wait()

    assert (await _cancelled(hang, began)).cancelled()


async def test_a_tool_that_returns_when_cancelled_has_its_value() -> None:
    began = asyncio.Event()

    async def stubborn() -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done anyway"
        return "never"

    assert (await _cancelled(stubborn, began)).result() == "done anyway"


async def test_closing_a_call_is_no_failure_of_the_tool() -> None:
    async def hang() -> None:
        await asyncio.get_running_loop().create_future()

    running = functions(hang).call(ToolCall("hang", {}))
    running.send(None)
    await asyncio.to_thread(running.close)  # where no task runs, as when the interpreter ends


# -- the context ---------------------------------------------------------------------------------


async def talk(ctx: ToolContext, name: str) -> str:
    ctx.log("hello", name=name, odd=object)
    ctx.log("careful", "warning")
    await ctx.progress(0.5, "half")
    return f"{ctx.path} {ctx.attempt} {ctx.idempotency_key} {ctx.deadline}"


def talk_sync(name: str, ctx: ToolContext | None = None) -> str:
    assert ctx is not None
    ctx.log("hello", name=name, odd=object)
    ctx.log("careful", level="warning")
    ctx.progress_nowait(0.5, "half")
    return f"{ctx.path} {ctx.attempt} {ctx.idempotency_key} {ctx.deadline}"


@pytest.mark.parametrize("function", [talk, talk_sync], ids=["async", "sync"])
async def test_a_tool_talks_through_its_context(function: object) -> None:
    sink = Sink()
    fields = {"path": "a.b", "attempt": 2, "idempotency_key": "key", "deadline": 9.0, "sink": sink}
    assert await call(function, {"name": "Ada"}, **fields) == "a.b 2 key 9.0"
    name = function.__name__  # type: ignore[attr-defined]
    assert sink.heard == [
        ("called", name, None),
        ("log", "info", "hello", {"name": "Ada", "odd": repr(object)}),
        ("log", "warning", "careful", {}),
        ("progress", 0.5, "half"),
        ("returned", name, None, True),
    ]
    assert await call(function, {"name": "Ada"}) == " 1  None", "without anybody who listens"


def test_the_context_is_not_in_the_schema() -> None:
    for function in (talk, talk_sync):
        assert set(tools_from(function)[0].input_schema["properties"]) == {"name"}


async def test_a_level_that_does_not_exist() -> None:
    async def shout(ctx: ToolContext) -> None:
        ctx.log("hey", "loud")

    with pytest.raises(ToolError, match="'loud' is none of debug, info, warning, error"):
        await call(shout)


# -- threads -------------------------------------------------------------------------------------

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


async def test_a_synchronous_tool_runs_in_a_daemon_thread_with_the_callers_context() -> None:
    def where() -> list[JsonValue]:
        seen = VARIABLE.get()
        VARIABLE.set("changed")
        return [threading.current_thread().daemon, threading.current_thread() is threading.main_thread(), seen]

    VARIABLE.set("mine")
    assert await call(where) == [True, False, "mine"]
    assert VARIABLE.get() == "mine"


def test_a_schema_that_is_none_is_refused_when_the_tool_is_first_called() -> None:
    (made,) = tools_from(echo)
    broken = attrs.evolve(made, spec=attrs.evolve(made.spec, input_schema={"type": "nonsense"}))
    with pytest.raises(ConfigInvalidError, match="'echo' is not valid"):
        FunctionProvider([broken], SETTINGS).bind("echo")
