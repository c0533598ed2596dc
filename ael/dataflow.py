"""What each step reads: its templates and its code, parsed once, for the checks and for the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ael.code_references import CodeReads, code_references
from ael.definition import MISSING, CodeBody, Path, StepDefinition, ToolBody, WorkflowDefinition
from ael.templates import Names, Template, TemplateKind, parse, parse_condition
from ael.types import JsonValue

__all__ = ["Flow", "StepFlow", "analyse"]


@attrs.frozen
class StepFlow:
    """One step and what it reads.

    Attributes:
        templates: Path below the step (``("params", "url")``, ``("when",)``) → template; constants are left out.
        code: What a code step reads, else ``None``.
        reads: Ids of steps that it reads, in the order of first use; unknown ids are left out.
    """

    step: StepDefinition
    templates: Mapping[Path, Template]
    code: CodeReads | None
    reads: tuple[str, ...]


@attrs.frozen
class Flow:
    """All steps of one block, and the outputs.

    Attributes:
        outputs: Path in the document (``("outputs", "digest")``) → template; constants are left out.
        names: What templates of this block may name.
        numbers: Step id → number; of a repeated id the first.
        sequential: Whether each step waits for the one before it.
    """

    steps: tuple[StepFlow, ...]
    outputs: Mapping[Path, Template]
    names: Names
    numbers: Mapping[str, int]
    sequential: bool = False


def analyse(definition: WorkflowDefinition) -> Flow:
    """Parse every template and code step of a definition. Problems stay in the templates; nothing is raised."""
    numbers: dict[str, int] = {}
    for i, step in enumerate(definition.steps):
        numbers.setdefault(step.id, i)
    names = Names(
        steps={step_id: (0, i) for step_id, i in numbers.items()},
        inputs=frozenset(declared.name for declared in definition.inputs),
    )
    steps = tuple(_step_flow(definition, i, names) for i in range(len(definition.steps)))
    outputs: dict[Path, Template] = {}
    for output in definition.outputs:
        outputs.update(_templates(output.value, output.path, names))
    return Flow(steps, outputs, names, numbers, definition.sequential)


def _step_flow(definition: WorkflowDefinition, number: int, names: Names) -> StepFlow:
    step = definition.steps[number]
    templates: dict[Path, Template] = {}
    if step.when is not None:
        templates["when",] = parse_condition(step.when, names)
    if isinstance(step.body, ToolBody):
        templates.update(_templates(step.body.params, ("params",), names))
    if step.fallback is not MISSING:
        templates.update(_templates(step.fallback, ("fallback",), names))
    code = code_references(step.body.code) if isinstance(step.body, CodeBody) else None
    reads = _reads(templates, code)
    if any(template.reads_any_step for template in templates.values()) or (code is not None and code.reads_any_step):
        above = (other.id for other in definition.steps[:number])
        reads |= dict.fromkeys(step.depends_on or above)
    return StepFlow(step, templates, code, tuple(name for name in reads if name in names.steps))


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


def _reads(templates: Mapping[Path, Template], code: CodeReads | None) -> dict[str, None]:
    """Step ids in the order of first use; a dict for its order."""
    reads: dict[str, None] = {}
    for template in templates.values():
        for reference in template.references:
            if reference.root == "steps" and reference.name is not None:
                reads.setdefault(reference.name)
    for code_reference in code.steps if code is not None else ():
        reads.setdefault(code_reference.name)
    return reads
