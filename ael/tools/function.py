"""Python functions as tools: ``@tool``, :class:`ToolContext`, and the provider that calls them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, TypeVar, overload

import attrs

from ael.errors import AELError, ConfigInvalidError, ToolError
from ael.ports import CallSink, ToolCall, ToolMiss, ToolOutcome, ToolSource, ToolSpec
from ael.schema_check import SchemaError, Validator, validator_for
from ael.settings import Settings
from ael.tools.schemas import params_invalid
from ael.tools.signatures import Signature, read_signature
from ael.tools.threads import DaemonThreads
from ael.types import JsonValue
from ael.values import NotDataError, normalise

__all__ = ["FunctionProvider", "Tool", "ToolContext", "tool", "tools_from"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "__ael_tool__"


class ToolContext:
    """What a tool may ask and tell about the call it serves. A parameter of this type is filled in by the engine.

    Usable from synchronous tools too, in their thread.

    Attributes:
        path: The step's path in the execution.
        attempt: From 1.
        idempotency_key: The same in every attempt of the step: send it along where a service takes one.
        deadline: When the attempt is over, on ``time.monotonic()``'s seconds, or ``None``.
    """

    __slots__ = ("_sink", "attempt", "deadline", "idempotency_key", "path")

    def __init__(self, call: ToolCall) -> None:
        self.path = call.path
        self.attempt = call.attempt
        self.idempotency_key = call.idempotency_key
        self.deadline = call.deadline
        self._sink: CallSink | None = call.sink

    def __repr__(self) -> str:
        return f"<ToolContext of {self.path!r}, attempt {self.attempt}>"

    def log(self, message: str, *, level: str = "info", **fields: JsonValue) -> None:
        """Say something: it becomes an event of the step. ``level`` is ``debug info warning error``."""
        if self._sink is not None:
            self._sink.log(level, str(message), fields)

    async def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Say how far the call is, 0 to 1. Lets others run once, so that it can be heard."""
        self.progress_nowait(fraction, message)
        await asyncio.sleep(0)

    def progress_nowait(self, fraction: float | None = None, message: str | None = None) -> None:
        """The same from a synchronous tool."""
        if self._sink is not None:
            self._sink.progress(fraction, message)


@attrs.frozen(eq=False)
class Tool:
    """A Python function as a tool.

    Attributes:
        spec: Name, description, schemas, annotations.
        function: What is called, with keyword arguments.
        signature: How params become arguments.
    """

    spec: ToolSpec
    function: Callable[..., Any]
    signature: Signature

    @property
    def name(self) -> str:
        """What workflows call it."""
        return self.spec.name

    @classmethod
    def from_function(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        read_only: bool | None = None,
        idempotent: bool | None = None,
        destructive: bool | None = None,
    ) -> Tool:
        """Make a tool of a function: schemas from its type hints, texts from its docstring.

        Args:
            name: Defaults to the function's.
            description: Defaults to the docstring's text.
            read_only: Whether it changes nothing.
            idempotent: Whether calling it twice does no more than calling it once.
            destructive: Whether it may destroy something.

        Raises:
            ConfigInvalidError: The function cannot be a tool.
        """
        chosen = name or _name_of(function)
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise ConfigInvalidError(f"function {chosen!r} cannot be a tool: it is a generator; return a list")
        signature = read_signature(function, chosen, ToolContext)
        spec = ToolSpec(
            name=chosen,
            description=description or signature.description,
            input_schema=signature.input_schema,
            output_schema=signature.output_schema,
            read_only=read_only,
            idempotent=idempotent,
            destructive=destructive,
        )
        return cls(spec, function, signature)


def _name_of(function: Callable[..., Any]) -> str:
    if isinstance(function, partial):
        return _name_of(function.func)
    return getattr(function, "__name__", type(function).__name__)


@overload
def tool(function: _Function, /) -> _Function: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    idempotent: bool | None = None,
    destructive: bool | None = None,
) -> Callable[[_Function], _Function]: ...


def tool(function: Callable[..., Any] | None = None, /, **said: JsonValue) -> Any:
    """Mark a function, synchronous or async, as a tool. The function itself stays as it is.

    Bare, or with ``name description read_only idempotent destructive``; see :meth:`Tool.from_function`.
    A parameter annotated with :class:`ToolContext` is filled in by the engine.

    Raises:
        ConfigInvalidError: The function cannot be a tool.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(function, _MARK, Tool.from_function(function, **said))
        return function

    return mark if function is None else mark(function)


def tools_from(source: ToolSource) -> list[Tool]:
    """The tools of a source: a :class:`Tool`, a function, a module with ``@tool`` functions, or several of these.

    Raises:
        ConfigInvalidError: It is none of these, or a function cannot be a tool.
    """
    if isinstance(source, Tool):
        return [source]
    if isinstance(source, ModuleType):
        marked = (getattr(value, _MARK, None) for value in vars(source).values())
        return list(dict.fromkeys(each for each in marked if isinstance(each, Tool)))
    if callable(source):
        marked_tool = getattr(source, _MARK, None)
        return [marked_tool if isinstance(marked_tool, Tool) else Tool.from_function(source)]
    if isinstance(source, Iterable) and not isinstance(source, str | bytes):
        return [each for part in source for each in tools_from(part)]
    raise ConfigInvalidError(f"{source!r} is no tool: give functions, ael.Tool objects or modules")


class _Bound:
    """A tool ready to be called: its validator compiled, its kind known."""

    __slots__ = ("accepts", "is_async", "tool", "validator")

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        try:
            self.validator: Validator = validator_for(tool.spec.input_schema)
        except SchemaError as error:
            raise ConfigInvalidError(f"the input schema of tool {tool.name!r} is not valid: {error}") from error
        self.accepts = self.validator.accepts
        called = tool.function.func if isinstance(tool.function, partial) else tool.function
        self.is_async = inspect.iscoroutinefunction(called) or inspect.iscoroutinefunction(
            getattr(called, "__call__", None)  # noqa: B004 - the method of a callable object
        )


class FunctionProvider:
    """Implements :class:`ael.tools.provider.ToolProvider` over Python functions.

    Async functions are awaited, others run in threads of which there are at most ``settings.threads``.

    Raises:
        ConfigInvalidError: Two tools have the same name.
    """

    name: str | None = None
    listed = True

    def __init__(self, tools: Iterable[Tool], settings: Settings) -> None:
        self._threads = DaemonThreads(settings.threads)
        self._tools: dict[str, Tool] = {}
        self._bound: dict[str, _Bound] = {}
        for each in tools:
            if self._tools.setdefault(each.name, each) is not each:
                raise ConfigInvalidError(f"two Python tools are called {each.name!r}: give one another name")

    def specs(self) -> Sequence[ToolSpec]:
        """All tools, in the order in which they were given."""
        return [each.spec for each in self._tools.values()]

    def miss(self, tool: str) -> ToolMiss | None:
        """Nothing is held back."""
        return None

    def repeatable(self, tool: str, call: ToolCall) -> bool:
        """By the annotations."""
        return self._tools[tool].spec.repeatable

    async def wait_listed(self) -> None:
        """Nothing to wait for."""

    async def call(self, tool: str, call: ToolCall) -> ToolOutcome:
        """Call the function with copies of the params."""
        bound = self._bound.get(tool)
        if bound is None:
            bound = self._bound[tool] = _Bound(self._tools[tool])
        params = call.params
        if not bound.accepts(params):
            raise params_invalid(bound.validator, params, tool)
        signature = bound.tool.signature
        arguments = signature.arguments(params, tool)
        if signature.context is not None:
            arguments[signature.context] = ToolContext(call)
        try:
            if bound.is_async:
                value = await bound.tool.function(**arguments)
            else:
                value = await self._call_sync(bound.tool.function, arguments)
        except BaseException as error:  # noqa: BLE001 - a tool may raise anything; what must pass is raised again
            raise _failure(tool, error) from error.__cause__ if isinstance(error, AELError) else error
        try:
            return ToolOutcome(normalise(value))
        except NotDataError as error:
            raise ToolError(f"tool {tool!r} returned what is no data: {error}", retryable=False) from error

    async def _call_sync(self, function: Callable[..., Any], arguments: Mapping[str, JsonValue]) -> JsonValue:
        """In a thread; a function that returns an awaitable has it awaited here."""
        value = await self._threads.run(partial(function, **arguments))
        if isinstance(value, Awaitable):
            return await value
        return value

    async def aclose(self) -> None:
        """End idle threads; one whose call was left behind ends with the interpreter."""
        self._threads.close()


def _failure(tool: str, error: BaseException) -> BaseException:
    """What a tool raised, as its failure; what is not the tool's to raise, as it is."""
    if isinstance(error, AELError | KeyboardInterrupt):
        return error
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return error
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ToolError(f"tool {tool!r} failed: {text}")
