"""A Python function ready to be called as a tool: validator compiled, kind known, way to its arguments chosen."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from ael.errors import ConfigInvalidError
from ael.ports import ToolCall, ToolOutcome, ToolSpec
from ael.schema_check import SchemaError, validator_for
from ael.tools.context import ToolContext
from ael.tools.failures import tool_failure
from ael.tools.schemas import params_invalid
from ael.tools.signatures import Signature
from ael.tools.threads import DaemonThreads
from ael.types import JsonValue
from ael.values import normalise

__all__ = ["BoundFunction"]


class BoundFunction:
    """Calls one function; nothing about it is looked up or decided again per call.

    Raises:
        ConfigInvalidError: Its input schema is not valid.
    """

    __slots__ = ("_accepts_json", "_direct", "_function", "_invoke", "_name", "_signature", "_threads", "_validator")

    def __init__(
        self, spec: ToolSpec, function: Callable[..., JsonValue], signature: Signature, threads: DaemonThreads
    ) -> None:
        self._name = spec.name
        self._function = function
        self._signature = signature
        self._threads = threads
        self._invoke = function if is_async(function) else self._call_in_thread
        self._direct = signature.plain and signature.context is None
        try:
            self._validator = validator_for(spec.input_schema)
        except SchemaError as error:
            raise ConfigInvalidError(f"the input schema of tool {spec.name!r} is not valid: {error}") from error
        self._accepts_json = self._validator.accepts_json

    async def call(self, call: ToolCall) -> ToolOutcome:
        """Validate, call with the params, which are the call's own, normalise.

        Raises:
            ParamInvalidError: The params do not fit.
            ToolError: The function failed, or returned no data.
        """
        params = call.params
        try:
            fits = self._accepts_json(params)
        except ValueError:  # a date, say
            fits = self._validator.accepts(params)
        if not fits:
            raise params_invalid(self._validator, params, self._name)
        arguments: Mapping[str, JsonValue] = params if self._direct else self._arguments(call)
        try:
            return ToolOutcome(normalise(await self._invoke(**arguments)))
        except BaseException as error:  # a tool may raise anything; what must pass is raised again
            failure = tool_failure(error, self._name)
            if failure is error:
                raise
            raise failure from error

    def _arguments(self, call: ToolCall) -> dict[str, JsonValue]:
        arguments = self._signature.arguments(call.params, self._name)
        if self._signature.context is not None:
            arguments[self._signature.context] = ToolContext(call)
        return arguments

    async def _call_in_thread(self, **arguments: JsonValue) -> JsonValue:
        """A function that returns an awaitable has it awaited here, on the loop."""
        value = await self._threads.run(partial(self._function, **arguments))
        return await value if isinstance(value, Awaitable) else value


def is_async(function: Callable[..., JsonValue]) -> bool:
    """Whether calling it makes a coroutine: partial objects and objects with an async ``__call__`` included."""
    while isinstance(function, partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isroutine(function) and inspect.iscoroutinefunction(type(function).__call__)
