"""What each step reads: its templates and its code, parsed once, for the checks and for the plan.

A block's steps name their siblings and the steps of enclosing blocks; what a block reads from outside, the step
that owns it reads. Places of steps are (depth, index): depth 0 is the block itself, 1 the one around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from ael.code_references import CodeReads, code_references
from ael.definition import (
    MISSING,
    BlockBody,
    ChooseBody,
    CodeBody,
    ExitBody,
    Path,
    StepDefinition,
    ToolBody,
    Undo,
    WorkflowBody,
    WorkflowDefinition,
)
from ael.templates import Names, Template, TemplateKind, parse, parse_condition, parse_expression
from ael.types import JsonValue

__all__ = ["Flow", "StepFlow", "analyse", "is_composite", "walk_flows"]


@attrs.frozen
class StepFlow:
    """One step and what it reads.

    Attributes:
        templates: Path below the step (``("params", "url")``, ``("when",)``) → template; constants are left out.
        code: What a code step reads, else ``None``.
        reads: Ids of steps of the same block that it, or anything in it, reads; in the order of first use.
        blocks: Of a block its steps, of ``choose`` those of each branch.
        inner: What templates of its params, items and rounds may name; of a plain step what the block may.
        undo_code: What the code of its ``undo`` reads, else ``None``.
    """

    step: StepDefinition
    templates: Mapping[Path, Template]
    code: CodeReads | None
    reads: tuple[str, ...]
    inner: Names
    blocks: tuple[Flow, ...] = ()
    undo_code: CodeReads | None = None


@attrs.frozen
class Flow:
    """All steps of one block, and its outputs.

    Attributes:
        outputs: Path in the document (``("outputs", "digest")``) → template; constants are left out.
        names: What templates of this block may name.
        numbers: Step id → number; of a repeated id the first.
        sequential: Whether each step waits for the one before it.
        outer_reads: Ids that are read here and stand in enclosing blocks.
        reads_any_step: Whether something here may read any step.
        ending: Of a workflow, its ``finally`` steps.
    """

    steps: tuple[StepFlow, ...]
    outputs: Mapping[Path, Template]
    names: Names
    numbers: Mapping[str, int]
    sequential: bool = False
    outer_reads: tuple[str, ...] = ()
    reads_any_step: bool = False
    ending: Flow | None = None


def is_composite(step: StepDefinition) -> bool:
    """Whether running the step means running scopes of their own: a loop, a block, a branch, a workflow."""
    looped = step.for_each is not None or step.repeat is not None
    return looped or isinstance(step.body, BlockBody | ChooseBody | WorkflowBody)


def walk_flows(flow: Flow) -> Iterator[Flow]:
    """The flow and all in it, ``finally`` steps last."""
    yield flow
    for step in flow.steps:
        for block in step.blocks:
            yield from walk_flows(block)
    if flow.ending is not None:
        yield from walk_flows(flow.ending)


def analyse(definition: WorkflowDefinition) -> Flow:
    """Parse every template and code step of a definition. Problems stay in the templates; nothing is raised."""
    outside = Names(steps={}, inputs=frozenset(declared.name for declared in definition.inputs))
    sequential = definition.sequential
    flow = _block_flow(definition.steps, outside, sequential=sequential)
    outputs: dict[Path, Template] = {}
    for output in definition.outputs:
        outputs.update(_templates(output.value, output.path, flow.names))
    ending = None
    if definition.finally_steps:
        around = attrs.evolve(_below(flow.names), ended=True)
        ending = _block_flow(definition.finally_steps, around, sequential=sequential)
    return attrs.evolve(flow, outputs=outputs, ending=ending)


def _below(names: Names, *locals_: str) -> Names:
    """The same names one scope further in, and more locals."""
    steps = {step_id: (depth + 1, number) for step_id, (depth, number) in names.steps.items()}
    return attrs.evolve(names, steps=steps, locals=frozenset({*names.locals, *locals_}))


def _block_flow(
    steps: tuple[StepDefinition, ...],
    around: Names,
    *,
    sequential: bool,
    output: tuple[Path, JsonValue] = ((), MISSING),
) -> Flow:
    """One block; ``around`` is what may be named there without its own steps."""
    numbers: dict[str, int] = {}
    for number, step in enumerate(steps):
        numbers.setdefault(step.id, number)
    loops = {step.id for step in steps if step.for_each is not None}
    names = attrs.evolve(
        around,
        steps={**around.steps, **{step_id: (0, i) for step_id, i in numbers.items()}},
        loops=frozenset(loops.union(around.loops).difference(numbers.keys() - loops)),
    )
    readers = [_Reader(steps, number, names, sequential=sequential) for number in range(len(steps))]
    outputs = {} if output[1] is MISSING else dict(_templates(output[1], output[0], names))
    outer = dict.fromkeys(name for reader in readers for name in reader.reads if name not in numbers)
    outer |= {name: None for name in _step_names(outputs.values()) if name not in numbers}
    return Flow(
        tuple(reader.flow() for reader in readers),
        outputs,
        names,
        numbers,
        sequential,
        tuple(outer),
        any(reader.reads_any_step for reader in readers)
        or any(template.reads_any_step for template in outputs.values()),
    )


class _Reader:
    """Reads one step: parses what it holds, and gathers the ids it reads, the block's own and others."""

    def __init__(self, block: tuple[StepDefinition, ...], number: int, names: Names, *, sequential: bool) -> None:
        self._block = block
        self._number = number
        self._step = block[number]
        self._names = names
        self._sequential = sequential
        self._inner = self._inner_names()
        self._undo_code: CodeReads | None = None
        self._code: CodeReads | None = None
        self._templates: dict[Path, Template] = {}
        self._parse_step()
        self._parse_loops()
        self._parse_body()
        if self._step.undo is not None:
            self._parse_undo(self._step.undo)
        self._blocks = tuple(self._parse_blocks())
        self.reads_any_step = self._may_read_any()
        self.reads = self._all_reads()

    def flow(self) -> StepFlow:
        """What was found."""
        known = self._names.steps
        siblings = tuple(name for name in self.reads if known.get(name, (1, 0))[0] == 0)
        return StepFlow(self._step, self._templates, self._code, siblings, self._inner, self._blocks, self._undo_code)

    def _inner_names(self) -> Names:
        step = self._step
        if not is_composite(step):
            return self._names
        loops = (step.for_each and (step.for_each.name, "index")) or ()
        rounds = ("last",) if step.repeat is not None else ()
        return _below(self._names, *loops, *rounds)

    def _parse_step(self) -> None:
        step = self._step
        if step.when is not None:
            self._templates["when",] = parse_condition(step.when, self._names)
        if step.fallback is not MISSING:
            self._read(step.fallback, ("fallback",), self._names)
        for index, rule in enumerate(step.error_rules):
            if rule.fallback is not MISSING:
                self._read(rule.fallback, ("on_error", index, "fallback"), self._names)

    def _parse_loops(self) -> None:
        for_each, repeat = self._step.for_each, self._step.repeat
        if for_each is not None:
            if isinstance(for_each.items, str):
                self._templates[for_each.path] = parse_expression(for_each.items, self._names)
            else:
                self._read(for_each.items, for_each.path, self._names)
            if for_each.key is not None:
                self._read(for_each.key, ("for_each", "key"), self._inner)
        if repeat is not None and repeat.until is not None:
            self._templates["repeat", "until"] = parse_condition(repeat.until, self._inner)

    def _parse_body(self) -> None:
        match self._step.body:
            case ToolBody(params=params) | WorkflowBody(params=params):
                self._read(params, ("params",), self._inner)
            case CodeBody(code=code):
                self._code = code_references(code)
            case ExitBody(reason=reason, outputs=outputs):
                self._read(reason, ("exit", "reason"), self._names)
                if outputs is not MISSING:
                    self._read(outputs, ("exit", "outputs"), self._names)

    def _parse_undo(self, undo: Undo) -> None:
        names = _below(self._inner, "output")
        if isinstance(undo.body, ToolBody):
            self._read(undo.body.params, ("undo", "params"), names)
        else:
            self._undo_code = code_references(undo.body.code)

    def _parse_blocks(self) -> Iterator[Flow]:
        step = self._step
        if isinstance(step.body, BlockBody):
            output = ((*step.path, "output"), step.body.output)
            yield _block_flow(step.body.steps, self._inner, sequential=self._sequential, output=output)
        elif isinstance(step.body, ChooseBody):
            for index, branch in enumerate(step.body.branches):
                if branch.when is not None:
                    self._templates["choose", index, "when"] = parse_condition(branch.when, self._inner)
                output = ((*branch.path, "output"), branch.output)
                yield _block_flow(branch.steps, self._inner, sequential=self._sequential, output=output)

    def _read(self, value: JsonValue, path: Path, names: Names) -> None:
        self._templates.update(_templates(value, path, names))

    def _may_read_any(self) -> bool:
        codes = (self._code, self._undo_code)
        return (
            any(template.reads_any_step for template in self._templates.values())
            or any(code is not None and code.reads_any_step for code in codes)
            or any(block.reads_any_step for block in self._blocks)
        )

    def _all_reads(self) -> dict[str, None]:
        """Ids in the order of first use; a dict for its order."""
        reads = dict.fromkeys(_step_names(self._templates.values()))
        for code in (self._code, self._undo_code):
            reads |= dict.fromkeys(reference.name for reference in (code.steps if code is not None else ()))
        for block in self._blocks:
            reads |= dict.fromkeys(block.outer_reads)
        if self.reads_any_step:
            above = (other.id for other in self._block[: self._number])
            reads |= dict.fromkeys(self._step.depends_on or above)
        return {name: None for name in reads if name in self._names.steps}


def _templates(value: JsonValue, path: Path, names: Names) -> Iterator[tuple[Path, Template]]:
    """Every string at any depth that is not constant."""
    if isinstance(value, str):
        if "{" in value:
            template = parse(value, names)
            if template.kind is not TemplateKind.CONSTANT or template.problems:
                yield path, template
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _templates(item, (*path, key), names)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _templates(item, (*path, index), names)


def _step_names(templates: Iterable[Template]) -> Iterator[str]:
    for template in templates:
        for reference in template.references:
            if reference.root == "steps" and reference.name is not None:
                yield reference.name
