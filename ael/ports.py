"""What the engine needs from outside, as protocols, and the values that cross them.

Adapters implement these and nothing else; the engine knows no adapter. The rule for every awaitable
here: cancelling it returns promptly, with whatever was begun cleaned up, and raises ``CancelledError``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar

import attrs
import msgspec

from ael.events import Event
from ael.types import JsonValue, StepResult

PlanT_co = TypeVar("PlanT_co", covariant=True)

__all__ = [
    "CallSink",
    "Clock",
    "CodeCall",
    "CodeExecutor",
    "CodeProblem",
    "Ids",
    "Journal",
    "Observer",
    "Secrets",
    "StepRecord",
    "TimerHandle",
    "ToolCall",
    "ToolCatalog",
    "ToolInvoker",
    "ToolMiss",
    "ToolOutcome",
    "ToolSpec",
    "WorkflowRegistry",
]


class CallSink(Protocol):
    """Where a running call says what happens meanwhile. Safe to call from any thread."""

    def log(self, level: str, message: str, fields: Mapping[str, JsonValue]) -> None:
        """A line of the step's log; ``level`` is ``debug info warning error``."""
        ...

    def progress(self, fraction: float | None, message: str | None) -> None:
        """How far the call is, 0 to 1."""
        ...

    def tool_called(self, tool: str, server: str | None) -> None:
        """The call goes out."""
        ...

    def tool_returned(self, tool: str, server: str | None, ok: bool, duration_s: float) -> None:
        """The call is over."""
        ...


class ToolCall(msgspec.Struct, frozen=True):
    """One call of one attempt.

    Attributes:
        name: As the workflow says: ``server.tool``, or a bare name.
        params: Rendered for this call alone and shared with nothing: the invoker may keep and change it.
        idempotency_key: The same in every attempt of a step.
        deadline: When the attempt's timeout is over, on the clock's monotonic seconds, or ``None``.
            For information: the engine cancels the call itself.
        path: The step's path in the execution.
        attempt: From 1.
        server: The workflow's ``mcp``, when the name alone is ambiguous.
        parse: What to make of a text result: ``auto``, ``text``, ``json``.
        sink: Where to say what happens, or ``None`` when nobody listens.
    """

    name: str
    params: Mapping[str, JsonValue]
    idempotency_key: str = ""
    deadline: float | None = None
    path: str = ""
    attempt: int = 1
    server: str | None = None
    parse: str = "auto"
    sink: CallSink | None = None


class ToolOutcome(msgspec.Struct, frozen=True):
    """What a tool returned.

    Attributes:
        value: The step's output: JSON plus datetime, date, Decimal, bytes; already normalised, and the engine's own.
        content: The blocks of an MCP result as they came, if they are more than the value.
        meta: Anything the source says about the call.
    """

    value: JsonValue
    content: Sequence[JsonValue] | None = None
    meta: Mapping[str, JsonValue] | None = None


@attrs.frozen
class ToolSpec:
    """What is known of a tool without calling it. Annotations are ``None`` where the source says nothing.

    ``name`` is the tool's name at its source; ``server`` the MCP server that offers it, ``None`` for
    Python functions and built-in tools (whose names are whole: ``http.request``).
    """

    name: str
    description: str = ""
    input_schema: Mapping[str, JsonValue] = attrs.field(factory=lambda: {"type": "object"})
    output_schema: Mapping[str, JsonValue] | None = None
    read_only: bool | None = None
    idempotent: bool | None = None
    destructive: bool | None = None
    server: str | None = None

    @property
    def full_name(self) -> str:
        """``server.name``, or ``name`` where there is no server."""
        return self.name if self.server is None else f"{self.server}.{self.name}"

    @property
    def repeatable(self) -> bool:
        """Whether calling it twice does no more than calling it once; unknown counts as not."""
        return bool(self.read_only or self.idempotent)


@attrs.frozen
class ToolMiss:
    """Why a name is not a known tool.

    ``reason``: ``unknown`` (all lists are known, none has it), ``unlisted`` (a server that has not been
    asked may have it), ``ambiguous`` (``candidates`` are the full names), ``unknown_server`` (``candidates``
    are the servers there are), ``disabled`` (exists but is switched off; ``advice`` says how to switch it on).
    """

    reason: Literal["unknown", "unlisted", "ambiguous", "unknown_server", "disabled"]
    candidates: tuple[str, ...] = ()
    advice: str | None = None


class ToolCatalog(Protocol):
    """Which tools are known now, without starting anything."""

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        """The tool of that name, full or bare."""
        ...

    def specs(self) -> Iterable[ToolSpec]:
        """All known tools, in the order of their sources."""
        ...


class ToolInvoker(ToolCatalog, Protocol):
    """Calls tools."""

    def call(self, call: ToolCall) -> Coroutine[None, None, ToolOutcome]:
        """Call a tool and normalise its result.

        Raises:
            ToolUnavailableError: Nobody offers it, or its server cannot be reached.
            ParamInvalidError: The params do not fit its schema.
            ToolError: It failed; ``ToolLostError`` if the connection broke.
        """
        ...

    def repeatable(self, call: ToolCall) -> bool:
        """Whether making this call twice does no more than making it once; unknown counts as not."""
        ...

    async def wait_listed(self) -> None:
        """Start what must be started so that ``lookup`` knows every tool; servers that fail are left out."""
        ...

    async def aclose(self) -> None:
        """Stop servers and connections; idempotent."""
        ...


@attrs.frozen(kw_only=True)
class CodeCall:
    """One attempt of a code step.

    Attributes:
        steps: Step id → ``{output, status, success, error, duration_ms, attempt}``, plain data, and ``items`` of
            a loop; the output of a skipped step without fallback is ``None``.
        names: Further names the code sees: ``item`` or what the loop calls it, ``index``, ``last`` (``None`` before
            the first round), ``output`` in ``undo``.
        file, first_line: Where the code's first line is in the workflow file; ``None`` for a definition
            made in Python.
        first_column: In which column of the file the code's lines begin; a block scalar is indented.
        timeout: Seconds of wall clock, or ``None``. The engine cancels the call itself; executors may use it
            to stop early.
    """

    code: str
    inputs: Mapping[str, JsonValue]
    steps: Mapping[str, Mapping[str, JsonValue]]
    config: Mapping[str, JsonValue] = attrs.field(factory=dict)
    workflow: Mapping[str, JsonValue] = attrs.field(factory=dict)
    execution_id: str = ""
    names: Mapping[str, JsonValue] = attrs.field(factory=dict)
    path: str = ""
    attempt: int = 1
    timeout: float | None = None
    file: str | None = None
    first_line: int | None = None
    first_column: int = 1
    sink: CallSink | None = None


@attrs.frozen
class CodeProblem:
    """Something an executor will refuse, or that cannot run right, found without running.

    Attributes:
        line, column: In the code, from 1.
        length: How many characters are wrong; 0: up to the end of the line.
    """

    code: str
    message: str
    line: int = 1
    column: int = 1
    hint: str | None = None
    length: int = 0


class CodeExecutor(Protocol):
    """Runs code steps of one kind."""

    name: str

    def check(self, code: str, names: Collection[str] = ()) -> Sequence[CodeProblem]:
        """What is wrong with the code, without running it; ``names`` are those that ``CodeCall.names`` will have."""
        ...

    async def run(self, call: CodeCall) -> JsonValue:
        """Run one attempt and return its normalised result.

        Raises:
            CodeError: With one of the ``CODE_*`` codes, ``details`` telling ``line`` and ``column`` of the file.
        """
        ...

    async def aclose(self) -> None:
        """Stop workers; idempotent."""
        ...


class StepRecord(msgspec.Struct, frozen=True):
    """What the journal keeps of a step that reached a final status."""

    execution_id: str
    path: str
    attempt: int
    result: StepResult


class Journal(Protocol):
    """Where results are kept. Nothing follows from a result before its ``commit`` has returned.

    ``batched``: whether the results of one pass of the loop should come together, for one commit.
    """

    batched: bool

    def append(self, records: Sequence[StepRecord]) -> None:
        """Add records, in order."""
        ...

    def commit(self) -> None:
        """Make everything appended so far permanent."""
        ...


class TimerHandle(Protocol):
    """A timer that can be called off."""

    def cancel(self) -> None:
        """Call it off; harmless when it has fired."""
        ...


class Clock(Protocol):
    """Time. Everything that reads or waits for time goes through here."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def monotonic_ns(self) -> int:
        """The same in whole nanoseconds."""
        ...

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, as the wall clock has it."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait; 0 lets others run once."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], object]) -> TimerHandle:
        """Call back on the running loop."""
        ...


class Ids(Protocol):
    """Where execution ids come from."""

    def execution_id(self) -> str:
        """A new id, unique and sortable by time."""
        ...


class Secrets(Protocol):
    """Values that must not leave the engine."""

    def get(self, name: str) -> str | None:
        """The value, or ``None`` if there is none of that name. From then on ``mask`` hides it."""
        ...

    def names(self) -> Collection[str]:
        """The names that are configured; others may still exist in the environment."""
        ...

    def mask(self, value: JsonValue) -> JsonValue:
        """A copy of ``value`` with every secret read so far replaced, at any depth, in keys too."""
        ...


class Observer(Protocol):
    """Is told what happens, on the loop's thread; must return quickly and not raise."""

    def on_event(self, event: Event) -> None:
        """Something happened; the event is masked."""
        ...


class WorkflowRegistry(Protocol[PlanT_co]):
    """Knows workflows, compiled to plans (:class:`ael.plan.Plan`)."""

    def get(self, workflow_id: str) -> PlanT_co:
        """The plan of a workflow.

        Raises:
            WorkflowNotFoundError: With the nearest name.
            WorkflowInvalidError: With all diagnostics.
        """
        ...

    def names(self) -> Sequence[str]:
        """All workflow ids, sorted, broken ones included."""
        ...


ToolSource: TypeAlias = object
"""What ``create_engine(tools=)`` takes: functions, ``Tool`` objects, modules."""
