"""A definition compiled: steps numbered, order as countdowns, params as closures, policies resolved.

A plan is made once per definition and shared by every execution; nothing in it changes. One plan stands
for one block: the top level is the only one so far, and composite bodies will hold plans of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from ael.dataflow import Flow, StepFlow, analyse
from ael.definition import MISSING, CodeBody, OutputDefinition, Path, StepDefinition, ToolBody, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.graph import Waits, dependents, edges, named_edges
from ael.templates import Data, StepView, Template
from ael.types import JsonValue, OnError, RetryConfig, TimeoutConfig
from ael.values import CONTAINERS, copy_value

__all__ = ["Build", "Plan", "PlanOutput", "PlanStep", "compile_plan"]

Build: TypeAlias = Callable[[Data, StepView | None], JsonValue]
"""Makes a value anew from what an execution knows; raises as :meth:`Template.render` does."""

Getter: TypeAlias = Callable[[Data], JsonValue]
"""A :data:`Build` that does not look at the attempt."""

_ONCE = RetryConfig(max_attempts=1)
_NO_TOOL = ToolBody("")


@attrs.frozen(eq=False)
class PlanStep:
    """One step, ready to run.

    Attributes:
        path: Its address in an execution; at the top level its id.
        tool, server, parse: Of a tool step; ``tool`` is ``None`` for a code step.
        code: Of a code step, else ``None``.
        code_place: Line and column of the file where the code begins; ``None`` where lines do not map.
        params: Makes the params of one attempt.
        needs_view: Whether the params read the root ``step``.
        code_reads: Numbers of the steps whose results a code step is given.
        when: The condition, or ``None``.
        fallback: Makes the fallback, or ``None`` where none was given.
        retry: The policy in force; one attempt without ``retry``.
        retry_own: Whether the step itself, not ``defaults``, asks for retries.
        gives_up: What happens when no attempt is left: fail or skip.
        attempt_timeout, total_timeout: Seconds or ``None``.
        skip_missing_tool: ``on_missing_tool: skip``.
    """

    number: int
    id: str
    path: str
    definition: StepDefinition
    tool: str | None
    server: str | None
    parse: str
    code: CodeBody | None
    code_place: tuple[int, int] | None
    params: Build
    needs_view: bool
    code_reads: tuple[int, ...]
    when: Template | None
    fallback: Build | None
    retry: RetryConfig
    retry_own: bool
    gives_up: OnError
    attempt_timeout: float | None
    total_timeout: float | None
    skip_missing_tool: bool

    @property
    def max_attempts(self) -> int:
        """How many attempts there may be."""
        return self.retry.max_attempts


@attrs.frozen(eq=False)
class PlanOutput:
    """One output, ready to be made."""

    definition: OutputDefinition
    build: Build

    @property
    def name(self) -> str:
        """The output's name."""
        return self.definition.name


@attrs.frozen(eq=False)
class Plan:
    """One block, ready to run.

    Attributes:
        numbers: Step id → number.
        waits: Per step, the numbers of those it waits for.
        dependents: The same edges turned round.
        skip_dependents: Per step, those that name it in ``depends_on``: along these a skip travels.
        countdown: Per step, for how many it waits; copied by every scope.
        roots: Steps that wait for nothing, in file order.
        timeouts: Whether any step has a total timeout.
        diagnostics: What was found while loading it; warnings and notes, never errors.
    """

    definition: WorkflowDefinition
    flow: Flow
    steps: tuple[PlanStep, ...]
    numbers: Mapping[str, int]
    waits: Waits
    dependents: Waits
    skip_dependents: Waits
    countdown: tuple[int, ...]
    roots: tuple[int, ...]
    outputs: tuple[PlanOutput, ...]
    timeouts: bool
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def id(self) -> str:
        """The workflow's id."""
        return self.definition.name


def compile_plan(definition: WorkflowDefinition, flow: Flow | None = None, *, sequential: bool | None = None) -> Plan:
    """Compile a definition that has no errors.

    Args:
        flow: What :func:`ael.dataflow.analyse` said of it, if it was asked before.
        sequential: Overrides the file's.
    """
    if sequential is not None and sequential != definition.sequential:
        definition = attrs.evolve(definition, sequential=sequential)
        flow = None if flow is None else attrs.evolve(flow, sequential=sequential)
    flow = analyse(definition) if flow is None else flow
    waits = edges(flow)
    steps = tuple(_compile_step(definition, flow, i) for i in range(len(flow.steps)))
    return Plan(
        definition=definition,
        flow=flow,
        steps=steps,
        numbers=flow.numbers,
        waits=waits,
        dependents=dependents(waits),
        skip_dependents=dependents(named_edges(flow)),
        countdown=tuple(len(before) for before in waits),
        roots=tuple(i for i, before in enumerate(waits) if not before),
        outputs=tuple(PlanOutput(output, _output(output, flow)) for output in definition.outputs),
        timeouts=any(step.total_timeout is not None for step in steps),
    )


def _compile_step(definition: WorkflowDefinition, flow: Flow, number: int) -> PlanStep:
    step_flow = flow.steps[number]
    step, templates = step_flow.step, step_flow.templates
    tool = step.body if isinstance(step.body, ToolBody) else _NO_TOOL
    retry, gives_up = _policy(definition, step)
    timeout = step.timeout or definition.defaults.timeout or TimeoutConfig()
    return PlanStep(
        number=number,
        id=step.id,
        path=step.id,
        definition=step,
        tool=tool.tool or None,
        server=tool.server,
        parse=tool.parse,
        code=step.body if isinstance(step.body, CodeBody) else None,
        code_place=_code_place(definition, step),
        params=_builder(tool.params, ("params",), templates),
        needs_view=_reads_root(step_flow, "step"),
        code_reads=_code_reads(step_flow, flow),
        when=templates.get(("when",)),
        fallback=None if step.fallback is MISSING else _builder(step.fallback, ("fallback",), templates),
        retry=retry,
        retry_own=step.retry is not None or step.on_error is OnError.RETRY,
        gives_up=gives_up,
        attempt_timeout=timeout.attempt,
        total_timeout=timeout.total,
        skip_missing_tool=step.on_missing_tool is OnError.SKIP,
    )


def _policy(definition: WorkflowDefinition, step: StepDefinition) -> tuple[RetryConfig, OnError]:
    """The retries in force, and what follows when they are used up (docs/language.md, section 5)."""
    on_error = step.on_error or definition.defaults.on_error or OnError.FAIL
    retry = step.retry or definition.defaults.retry
    if on_error is OnError.RETRY:
        retry = retry or RetryConfig()
        return retry, retry.on_exhausted
    return retry or _ONCE, on_error


def _reads_root(step_flow: StepFlow, root: str) -> bool:
    return any(reference.root == root for template in step_flow.templates.values() for reference in template.references)


def _code_reads(step_flow: StepFlow, flow: Flow) -> tuple[int, ...]:
    if step_flow.code is None:
        return ()
    names = set(step_flow.reads)
    return tuple(number for name, number in flow.numbers.items() if name in names)


def _code_place(definition: WorkflowDefinition, step: StepDefinition) -> tuple[int, int] | None:
    """Lines map in literal block scalars, which begin below their indicator, and in scalars of one line."""
    span = definition.spans.get((*step.path, "code"))
    if span is None or definition.source is None or not isinstance(step.body, CodeBody):
        return None
    place = span.value
    if span.style == "|":
        below = definition.source.line(place.line + 1)
        return place.line + 1, len(below) - len(below.lstrip(" ")) + 1
    if place.line != place.end_line:
        return None
    return place.line, place.column + (1 if span.style else 0)


def _output(output: OutputDefinition, flow: Flow) -> Build:
    return _builder(output.value, output.path, flow.outputs)


def _builder(value: JsonValue, path: Path, templates: Mapping[Path, Template]) -> Build:
    """A closure that makes ``value`` anew, with its templates rendered.

    Nothing it makes is shared with the definition or with results, at any depth.
    """
    get = _getter(value, path, templates)
    if get is not None:
        return _ignoring_step(get)
    if isinstance(value, str):
        return _owned(templates[path].render)
    if isinstance(value, Mapping):
        items = [(key, _builder(item, (*path, key), templates)) for key, item in value.items()]
        return lambda data, step: {key: build(data, step) for key, build in items}
    parts = [_builder(item, (*path, index), templates) for index, item in enumerate(value)]
    return lambda data, step: [build(data, step) for build in parts]


def _ignoring_step(get: Getter) -> Build:
    def build(data: Data, step: StepView | None, get: Getter = get) -> JsonValue:
        return get(data)

    return build


def _owned(render: Build) -> Build:
    return lambda data, step: copy_value(render(data, step))


def _getter(value: JsonValue, path: Path, templates: Mapping[Path, Template]) -> Getter | None:
    """The same where nothing but plain paths and constants is in it, which is the usual case and the fast one."""
    if isinstance(value, str) and path in templates:
        get = templates[path].getter
        return None if get is None else _owned_path(get)
    if isinstance(value, Mapping):
        got = {key: _getter(item, (*path, key), templates) for key, item in value.items()}
        plain = [(key, get) for key, get in got.items() if get is not None]
        return _mapping_getter(plain) if len(plain) == len(got) else None
    if isinstance(value, list | tuple):
        parts = [_getter(item, (*path, index), templates) for index, item in enumerate(value)]
        known = [get for get in parts if get is not None]
        return _list_getter(known) if len(known) == len(parts) else None
    return lambda data: value


def _owned_path(get: Getter) -> Getter:
    def own(data: Data, get: Getter = get) -> JsonValue:
        value = get(data)
        return copy_value(value) if type(value) in CONTAINERS else value

    return own


# Small mappings and lists are spelled out: a comprehension costs as much as three of their members. What the
# functions keep is in their defaults: two objects each for the garbage collector instead of five.


def _mapping_getter(items: Sequence[tuple[str, Getter]]) -> Getter:
    if len(items) == 1:
        [(only, get_only)] = items

        def one(data: Data, key: str = only, get: Getter = get_only) -> JsonValue:
            return {key: get(data)}

        return one

    def several(data: Data, items: Sequence[tuple[str, Getter]] = tuple(items)) -> JsonValue:
        return {key: get(data) for key, get in items}

    return several


def _list_getter(parts: Sequence[Getter]) -> Getter:
    if not parts:
        return lambda data: []
    if len(parts) == 1:

        def one(data: Data, get: Getter = parts[0]) -> JsonValue:
            return [get(data)]

        return one
    if len(parts) == 2:

        def two(data: Data, get_a: Getter = parts[0], get_b: Getter = parts[1]) -> JsonValue:
            return [get_a(data), get_b(data)]

        return two

    def several(data: Data, parts: Sequence[Getter] = tuple(parts)) -> JsonValue:
        return [get(data) for get in parts]

    return several
