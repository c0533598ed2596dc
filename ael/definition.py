"""A workflow as written: frozen values, every field with its place.

Nothing is compiled here. ``path`` tuples address nodes of the document, ``("steps", 0, "params", "url")``;
``WorkflowDefinition.spans`` has their places. A definition made in Python has no source and no spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import attrs

from ael.diagnostics import Diagnostic
from ael.source import Source, Span
from ael.types import JsonValue, OnError, RetryConfig, TimeoutConfig

__all__ = [
    "MISSING",
    "SELF",
    "BlockBody",
    "Body",
    "Branch",
    "ChooseBody",
    "CodeBody",
    "Defaults",
    "ErrorRule",
    "ExitBody",
    "ForEach",
    "InputDefinition",
    "Join",
    "NodeSpan",
    "OutputDefinition",
    "Path",
    "PoolDefinition",
    "Repeat",
    "StepDefinition",
    "ToolBody",
    "Undo",
    "WorkflowBody",
    "WorkflowDefinition",
    "blocks_of",
    "walk_steps",
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


@attrs.frozen
class BlockBody:
    """Steps that make one step. ``output`` is a template; without one the last step's output is the block's."""

    steps: tuple[StepDefinition, ...]
    output: JsonValue = MISSING


@attrs.frozen
class Branch:
    """One branch of ``choose``; without ``when`` it always holds. ``output`` is as a block's."""

    steps: tuple[StepDefinition, ...]
    when: str | None = None
    output: JsonValue = MISSING
    path: Path = ()


@attrs.frozen
class ChooseBody:
    """The first branch that holds is taken."""

    branches: tuple[Branch, ...]


SELF = "self"
"""The name by which a workflow calls itself."""


@attrs.frozen
class WorkflowBody:
    """Run another workflow by its name; ``SELF`` is this one. ``params`` are its inputs."""

    workflow: str
    params: Mapping[str, JsonValue] = attrs.field(factory=dict)


@attrs.frozen
class ExitBody:
    """End the workflow: ``completed``, ``failed`` or ``cancelled``.

    ``reason`` is a template; ``outputs``, a mapping with templates, stands in for the file's outputs.
    """

    status: str = "completed"
    reason: str | None = None
    outputs: JsonValue = MISSING


Body: TypeAlias = ToolBody | CodeBody | BlockBody | ChooseBody | WorkflowBody | ExitBody


@attrs.frozen
class ForEach:
    """Once per item of a list, side by side.

    Attributes:
        items: The list: one template as text (braces may be left out), or a list of JSON values with templates.
        name: What an item is called in templates and code.
        key: A template that gives each item its key, or ``None``: items are addressed by number.
        max_parallel: Most items at once, or ``None`` for no bound.
        tolerate: How many items may fail; a ``float`` is a share of all, 0 to 1.
        path: ``("for_each",)`` below the step in short form, ``("for_each", "in")`` in long form: where ``items`` is.
    """

    items: JsonValue
    name: str = "item"
    key: str | None = None
    max_parallel: int | None = None
    tolerate: int | float = 0
    path: Path = ("for_each",)


@attrs.frozen
class Repeat:
    """Round after round.

    Attributes:
        max: Most rounds; exactly so many without ``until``.
        until: A condition asked after each round, or ``None``.
        every: Seconds between rounds.
        collect: Whether the output is the list of all rounds' outputs.
    """

    max: int
    until: str | None = None
    every: float = 0.0
    collect: bool = False


@attrs.frozen
class Join:
    """When a step may start that names others in ``depends_on``.

    Attributes:
        at_least: How many of them must have completed; ``None``: all must have settled, however (``settled``).
        cancel_rest: Whether the others are cancelled then.
    """

    at_least: int | None = None
    cancel_rest: bool = False


@attrs.frozen
class ErrorRule:
    """One rule of an ``on_error`` list. ``match`` are error codes; empty matches all."""

    do: OnError
    match: tuple[str, ...] = ()
    retry: RetryConfig | None = None
    fallback: JsonValue = MISSING
    path: Path = ()


@attrs.frozen
class Undo:
    """How to take a completed step back: a tool or code. Its templates see ``output``."""

    body: ToolBody | CodeBody
    retry: RetryConfig | None = None
    timeout: TimeoutConfig | None = None


@attrs.frozen
class PoolDefinition:
    """A named limit that the executions of an engine share.

    Attributes:
        concurrency: Most holders at once, or ``None``.
        rate: (n, seconds): at most ``n`` starts in any window of so many seconds; or ``None``.
    """

    name: str
    concurrency: int | None = None
    rate: tuple[int, float] | None = None
    path: Path = ()


@attrs.frozen
class StepDefinition:
    """One step as written; defaults are *not* merged in, so that ``None`` says "not given".

    ``on_error`` is ``None`` where ``error_rules`` are given. ``path`` is where the step stands in the document.
    """

    id: str
    body: Body
    depends_on: tuple[str, ...] = ()
    when: str | None = None
    on_error: OnError | None = None
    retry: RetryConfig | None = None
    timeout: TimeoutConfig | None = None
    fallback: JsonValue = MISSING
    on_missing_tool: OnError = OnError.FAIL
    error_rules: tuple[ErrorRule, ...] = ()
    join: Join | None = None
    for_each: ForEach | None = None
    repeat: Repeat | None = None
    undo: Undo | None = None
    limits: tuple[str, ...] = ()
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
        limits: Pools that its steps may name.
        undo_on_failure: ``on_failure: undo``.
        finally_steps: Run at the end, whatever happened.
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
    limits: tuple[PoolDefinition, ...] = ()
    undo_on_failure: bool = False
    finally_steps: tuple[StepDefinition, ...] = ()
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


def blocks_of(step: StepDefinition) -> tuple[tuple[StepDefinition, ...], ...]:
    """The blocks that a step's body is made of: one for ``steps``, one per branch of ``choose``, else none."""
    match step.body:
        case BlockBody():
            return (step.body.steps,)
        case ChooseBody():
            return tuple(branch.steps for branch in step.body.branches)
        case _:
            return ()


def walk_steps(steps: Iterable[StepDefinition]) -> Iterator[StepDefinition]:
    """Steps at every depth, in the order of the file: each before those in it."""
    for step in steps:
        yield step
        for block in blocks_of(step):
            yield from walk_steps(block)
