"""Python functions as tools: ``@tool``, :class:`Tool`, and the provider that calls them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, TypeVar, overload

import attrs

from ael.errors import ConfigInvalidError, ToolUnavailableError
from ael.mcp_server import RESERVED
from ael.ports import ToolCall, ToolMiss, ToolOutcome, ToolSource, ToolSpec
from ael.settings import Settings
from ael.tools.bound import BoundFunction
from ael.tools.context import ToolContext
from ael.tools.signatures import Signature, read_signature
from ael.tools.threads import DaemonThreads
from ael.types import JsonValue

__all__ = ["FunctionProvider", "Tool", "ToolContext", "tool", "tools_from"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "__ael_tool__"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@attrs.frozen(eq=False)
class Tool:
    """A Python function as a tool. Calling the object calls the function.

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

    @property
    def description(self) -> str:
        """What it does, for people and for agents."""
        return self.spec.description

    @property
    def input_schema(self) -> Mapping[str, JsonValue]:
        """What params must fit."""
        return self.spec.input_schema

    @property
    def output_schema(self) -> Mapping[str, JsonValue] | None:
        """What results look like, where the function says so."""
        return self.spec.output_schema

    @property
    def annotations(self) -> dict[str, bool]:
        """``read_only idempotent destructive``, as far as they were said."""
        said = {name: getattr(self.spec, name) for name in ("read_only", "idempotent", "destructive")}
        return {name: value for name, value in said.items() if value is not None}

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """The function's own result, nothing validated or copied."""
        return self.function(*arguments, **keywords)

    async def call(self, params: Mapping[str, JsonValue]) -> JsonValue:
        """Call it as an engine does: params validated, a synchronous function in a thread, the result as data.

        Raises:
            ParamInvalidError: The params do not fit.
            ToolError: It failed.
        """
        threads = DaemonThreads(1)
        try:
            bound = BoundFunction(self.spec, self.function, self.signature, threads)
            return (await bound.call(ToolCall(self.name, dict(params)))).value
        finally:
            threads.close()

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
        _check_name(chosen)
        _check_kind(function, chosen)
        signature = read_signature(function, chosen)
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


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigInvalidError(
            f"{name!r} is no name for a tool: letters, digits, '_', '-' and '.' can be used",
            hint="name it with @ael.tool(name=…)",
        )
    if name.partition(".")[0] in RESERVED:
        raise ConfigInvalidError(f"no tool may be called {name!r}: {name.partition('.')[0]!r} is reserved")


def _check_kind(function: Callable[..., Any], name: str) -> None:
    called = function
    while isinstance(called, partial):
        called = called.func
    if isinstance(called, type):
        raise ConfigInvalidError(f"class {name!r} cannot be a tool: give a function or an object that can be called")
    if not inspect.isroutine(called):
        called = type(called).__call__
    if inspect.isasyncgenfunction(called) or inspect.isgeneratorfunction(called):
        raise ConfigInvalidError(f"function {name!r} cannot be a tool: it is a generator; return a list")


@attrs.frozen
class _Mark:
    """What ``@tool`` said. The rest is read late, when everything that type hints may name exists."""

    said: Mapping[str, JsonValue]


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


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    idempotent: bool | None = None,
    destructive: bool | None = None,
) -> Any:
    """Mark a function, synchronous or async, as a tool. The function itself stays as it is.

    Bare, or with ``name description read_only idempotent destructive``; see :meth:`Tool.from_function`, which
    is asked when an engine is made. A parameter annotated with :class:`ToolContext` is filled in by the engine.

    Raises:
        ConfigInvalidError: It is not a function, or not one that can be marked.
    """
    mark = _Mark(
        {
            "name": name,
            "description": description,
            "read_only": read_only,
            "idempotent": idempotent,
            "destructive": destructive,
        }
    )

    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(function):
            raise ConfigInvalidError(f"@tool stands before a function, not before {function!r}")
        try:
            setattr(function, _MARK, mark)
        except AttributeError as error:
            raise ConfigInvalidError(
                f"{function!r} cannot be marked as a tool", hint="wrap it in a function of yours"
            ) from error
        return function

    return apply if function is None else apply(function)


def tools_from(source: ToolSource) -> list[Tool]:
    """The tools of a source: a :class:`Tool`, a function, a module with ``@tool`` functions, or several of these.

    Raises:
        ConfigInvalidError: It is none of these, or a function cannot be a tool.
    """
    if isinstance(source, Tool):
        return [source]
    if isinstance(source, ModuleType):
        return _tools_in(source)
    if callable(source):
        mark = getattr(source, _MARK, None)
        return [Tool.from_function(source, **(mark.said if isinstance(mark, _Mark) else {}))]
    if isinstance(source, Iterable) and not isinstance(source, str | bytes | Mapping):
        return [each for part in source for each in tools_from(part)]
    raise ConfigInvalidError(f"{source!r} is no tool: give functions, ael.Tool objects or modules")


def _tools_in(module: ModuleType) -> list[Tool]:
    """What a module marks, in its order; two names of one function are one tool."""
    found = {
        id(value): value
        for value in vars(module).values()
        if isinstance(value, Tool) or isinstance(getattr(value, _MARK, None), _Mark)
    }
    if not found:
        raise ConfigInvalidError(f"module {module.__name__!r} has no tools", hint="mark its functions with @ael.tool")
    return [each for value in found.values() for each in tools_from(value)]


class FunctionProvider:
    """Implements :class:`ael.tools.provider.ToolProvider` over Python functions.

    Async functions are awaited, others run in threads of which there are at most ``settings.threads``.

    Raises:
        ConfigInvalidError: Two functions have the same name.
    """

    name = None
    listed = True

    def __init__(self, tools: Iterable[Tool], settings: Settings) -> None:
        self._threads = DaemonThreads(settings.threads)
        self._tools: dict[str, Tool] = {}
        self._bound: dict[str, BoundFunction] = {}
        for each in tools:
            first = self._tools.setdefault(each.name, each)
            if first.function != each.function:
                raise ConfigInvalidError(
                    f"two Python tools are called {each.name!r}, {_place(first)} and {_place(each)}",
                    hint="give one another name with @ael.tool(name=…)",
                )

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
        """Call the function with copies of the params; see :class:`ael.tools.bound.BoundFunction`."""
        return await self.bind(tool).call(call)

    def bind(self, tool: str) -> BoundFunction:
        """The tool, ready to be called; the same object every time.

        Raises:
            ToolUnavailableError: There is none of that name.
        """
        bound = self._bound.get(tool)
        if bound is None:
            chosen = self._tools.get(tool)
            if chosen is None:
                raise ToolUnavailableError(f"there is no Python tool {tool!r}")
            bound = BoundFunction(chosen.spec, chosen.function, chosen.signature, self._threads)
            self._bound[tool] = bound
        return bound

    async def aclose(self) -> None:
        """End idle threads; one whose call was left behind ends when that returns, or with the interpreter."""
        self._threads.close()


def _place(tool: Tool) -> str:
    module = getattr(tool.function, "__module__", None) or type(tool.function).__module__
    return f"{module}.{getattr(tool.function, '__qualname__', type(tool.function).__qualname__)}"
