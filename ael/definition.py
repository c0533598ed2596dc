"""A workflow as written: frozen values, every field with its place.

Nothing is compiled here. ``path`` tuples address nodes of the document, ``("steps", 0, "params", "url")``;
``WorkflowDefinition.spans`` has their places. A definition made in Python has no source and no spans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

import attrs

from ael.diagnostics import Diagnostic
from ael.source import Source, Span
from ael.types import JsonValue, OnError, RetryConfig, TimeoutConfig

__all__ = [
    "MISSING",
    "Body",
    "CodeBody",
    "Defaults",
    "InputDefinition",
    "NodeSpan",
    "OutputDefinition",
    "Path",
    "StepDefinition",
    "ToolBody",
    "WorkflowDefinition",
]

Path: TypeAlias = tuple[str | int, ...]
"""Address of a node in the document: keys and list positions from the root."""


class _Missing:
    """Not given, where ``None`` is a value."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


class NodeSpan(NamedTuple):
    """Where a node is: its value, its key if it has one, and how a scalar is written.

    ``style`` is ``""`` (plain), ``"'"``, ``'"'``, ``"|"`` or ``">"`` for a scalar, ``None`` for others.
    For block scalars the value's span begins at the indicator; the text begins on the next line.
    """

    value: Span
    key: Span | None = None
    style: str | None = None


@attrs.frozen
class InputDefinition:
    """One declared input. ``schema`` is JSON Schema without ``required`` and ``default``."""

    name: str
    schema: Mapping[str, JsonValue] = attrs.field(factory=dict)
    required: bool = True
    default: JsonValue = MISSING
    path: Path = ()

    @property
    def description(self) -> str | None:
        """For people and agents."""
        description: str | None = self.schema.get("description")
        return description


@attrs.frozen
class ToolBody:
    """Call a tool. ``params`` may hold templates at any depth; ``server`` is the file's ``mcp``."""

    tool: str
    params: Mapping[str, JsonValue] = attrs.field(factory=dict)
    server: str | None = None
    parse: str = "auto"


@attrs.frozen
class CodeBody:
    """Run Python text in an executor."""

    code: str
    executor: str = "safe"


Body: TypeAlias = ToolBody | CodeBody


@attrs.frozen
class StepDefinition:
    """One step as written; defaults are *not* merged in, so that ``None`` says "not given"."""

    id: str
    body: Body
    depends_on: tuple[str, ...] = ()
    when: str | None = None
    on_error: OnError | None = None
    retry: RetryConfig | None = None
    timeout: TimeoutConfig | None = None
    fallback: JsonValue = MISSING
    on_missing_tool: OnError = OnError.FAIL
    path: Path = ()


@attrs.frozen
class Defaults:
    """Taken by every tool and code step that does not say otherwise."""

    on_error: OnError | None = None
    retry: RetryConfig | None = None
    timeout: TimeoutConfig | None = None


@attrs.frozen
class OutputDefinition:
    """One output: a template, or any JSON value with templates in it."""

    name: str
    value: JsonValue
    description: str | None = None
    schema: Mapping[str, JsonValue] | None = None
    # Outputs are told apart by it, also without a file.
    path: Path = attrs.Factory(lambda self: ("outputs", self.name), takes_self=True)


@attrs.frozen
class WorkflowDefinition:
    """One workflow as written.

    Attributes:
        single_output: Whether the file has the form ``output: …``, one output named ``output``.
        notes: Warnings and notes found while reading; never errors.
        source, spans: The text and the places of its nodes, ``None`` and empty for one made in Python.
    """

    name: str
    steps: tuple[StepDefinition, ...]
    version: str = "1.0.0"
    description: str | None = None
    tags: tuple[str, ...] = ()
    inputs: tuple[InputDefinition, ...] = ()
    defaults: Defaults = Defaults()
    timeout: float | None = None
    max_parallel: int | None = None
    sequential: bool = False
    outputs: tuple[OutputDefinition, ...] = ()
    single_output: bool = False
    notes: tuple[Diagnostic, ...] = attrs.field(default=(), eq=False, repr=False)
    source: Source | None = attrs.field(default=None, eq=False, repr=False)
    spans: Mapping[Path, NodeSpan] = attrs.field(factory=dict, eq=False, repr=False)

    def step(self, step_id: str) -> StepDefinition:
        """The top-level step with this id.

        Raises:
            KeyError: There is none.
        """
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def __iter__(self) -> Iterator[StepDefinition]:
        return iter(self.steps)

    def locate(self, path: Path) -> NodeSpan | None:
        """The place of a node, or of the nearest enclosing one that has a place."""
        for length in range(len(path), -1, -1):
            span = self.spans.get(path[:length])
            if span is not None:
                return span
        return None
