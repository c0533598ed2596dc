"""Tools that are plain functions, and an engine around them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping

import attrs
import msgspec

from ael.compiler import compile_plan
from ael.definition import WorkflowDefinition
from ael.engine import WorkflowEngine
from ael.errors import ToolUnavailableError, WorkflowNotFoundError
from ael.plan import Plan
from ael.ports import Clock, CodeExecutor, Journal, Observer, Secrets, ToolCall, ToolMiss, ToolOutcome, ToolSpec
from ael.settings import Settings
from ael.testing.virtual_time import VirtualClock
from ael.types import JsonValue
from ael.values import copy_value, normalise

__all__ = ["FakeTools", "PlanRegistry", "Seen", "make_engine"]


@attrs.frozen
class Seen:
    """One call that a fake tool has seen."""

    name: str
    params: Mapping[str, JsonValue]
    path: str
    attempt: int
    idempotency_key: str


class FakeTools:
    """Implements :class:`ael.ports.ToolInvoker` over functions of the params, synchronous or async.

    Args:
        specs: What is known of tools beyond their names.
        tools: Name → function; what it returns is the step's output, what it raises the failure.

    Attributes:
        calls: Every call, in order of arrival.
        closed: Whether ``aclose`` was called.
    """

    def __init__(
        self, tools: Mapping[str, Callable[..., JsonValue]] | None = None, /, *, specs: Iterable[ToolSpec] = ()
    ) -> None:
        self._tools = dict(tools or {})
        self._specs = {name: ToolSpec(name) for name in self._tools} | {spec.full_name: spec for spec in specs}
        self.calls: list[Seen] = []
        self.closed = False

    async def call(self, call: ToolCall) -> ToolOutcome:
        """Call the function with the params, or with the whole call if it has a parameter ``call``."""
        function = self._tools.get(call.name)
        if function is None:
            raise ToolUnavailableError(f"there is no tool {call.name!r}")
        self.calls.append(Seen(call.name, call.params, call.path, call.attempt, call.idempotency_key))
        # As Python tools have it: what a function does to its params reaches nobody else.
        call = msgspec.structs.replace(call, params=copy_value(dict(call.params)))
        value = function(call) if "call" in inspect.signature(function).parameters else function(call.params)
        if inspect.isawaitable(value):
            value = await value
        return ToolOutcome(normalise(value))

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        """The tool of that name."""
        full = name if server is None else f"{server}.{name}"
        return self._specs.get(full) or ToolMiss("unknown", tuple(self._specs))

    def specs(self) -> Iterable[ToolSpec]:
        """All tools."""
        return self._specs.values()

    def repeatable(self, call: ToolCall) -> bool:
        """By the tool's annotations."""
        spec = self._specs.get(call.name)
        return spec is not None and spec.repeatable

    async def wait_listed(self) -> None:
        """Nothing to wait for."""

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True


class PlanRegistry:
    """Implements :class:`ael.ports.WorkflowRegistry` over definitions, compiled without checks."""

    def __init__(self, definitions: Iterable[WorkflowDefinition]) -> None:
        self._plans = {definition.name: compile_plan(definition) for definition in definitions}

    def get(self, workflow_id: str) -> Plan:
        """The plan of that name."""
        try:
            return self._plans[workflow_id]
        except KeyError:
            raise WorkflowNotFoundError(f"there is no workflow {workflow_id!r}") from None

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._plans))


def make_engine(
    *definitions: WorkflowDefinition,
    tools: FakeTools | Mapping[str, Callable[..., JsonValue]],
    clock: Clock | None = None,
    executors: Iterable[CodeExecutor] = (),
    settings: Settings | None = None,
    secrets: Secrets | None = None,
    journal: Journal | None = None,
    observers: Iterable[Observer] = (),
) -> WorkflowEngine:
    """An engine on the running loop's time with these workflows and tools, and nothing else."""
    invoker = tools if isinstance(tools, FakeTools) else FakeTools(tools)
    return WorkflowEngine(
        PlanRegistry(definitions),
        invoker,
        clock=clock or VirtualClock(),
        executors=executors,
        settings=settings,
        secrets=secrets,
        journal=journal,
        observers=tuple(observers),
    )
