"""``ael graph``: the steps of a workflow and what each waits for, for people and for drawing programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ael.plan import Plan, PlanStep

__all__ = ["command", "render_dot", "render_mermaid", "render_text"]


@click.command("graph")
@click.argument("file", type=click.Path(exists=True))
@click.option("--format", "form", type=click.Choice(["text", "mermaid", "dot"]), default="text", show_default=True)
def command(file: str, form: str) -> None:
    """Show the steps of FILE and what each waits for: those it names, and those it reads."""
    from ael.cli.output import write_data
    from ael.loading import load_path, require

    write_data(_FORMATS[form](require(load_path(file), file)))


def render_text(plan: Plan) -> str:
    """One line per step in file order: id, what it does, what it waits for, under which condition."""
    definition = plan.definition
    head = f"{definition.name} {definition.version}"
    lines = [f"{head}: {' '.join(definition.description.split())}" if definition.description else head]
    if definition.inputs:
        lines.append(f"inputs: {', '.join(declared.name for declared in definition.inputs)}")
    lines.append("")
    lines.extend(_columns((step.id, _does(step), _circumstances(plan, step)) for step in plan.steps))
    if plan.outputs:
        lines.extend(["", f"outputs: {', '.join(output.name for output in plan.outputs)}"])
    return "\n".join(lines)


def _columns(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    table = list(rows)
    widths = [max((len(row[i]) for row in table), default=0) for i in range(2)]
    return [f"  {first:<{widths[0]}}  {second:<{widths[1]}}  {third}".rstrip() for first, second, third in table]


def _does(step: PlanStep) -> str:
    if step.tool is None:
        return "code"
    return step.tool if step.server is None else f"{step.server}.{step.tool}"


def _circumstances(plan: Plan, step: PlanStep) -> str:
    before = [plan.steps[number].id for number in plan.waits[step.number]]
    parts = [f"after {', '.join(before)}"] if before else []
    if step.definition.when is not None:
        parts.append(f"when {' '.join(step.definition.when.split())}")
    if step.max_attempts > 1:
        parts.append(f"up to {step.max_attempts} attempts")
    return "; ".join(parts)


def render_mermaid(plan: Plan) -> str:
    """A flowchart for Mermaid; steps with a condition are hexagons."""
    lines = ["flowchart TD"]
    for step in plan.steps:
        left, right = ("{{", "}}") if step.definition.when is not None else ("[", "]")
        lines.append(
            f'    s{step.number}{left}"{_mermaid_text(step.id)}<br/><i>{_mermaid_text(_does(step))}</i>"{right}'
        )
    lines.extend(f"    s{before} --> s{step.number}" for step in plan.steps for before in plan.waits[step.number])
    return "\n".join(lines)


def _mermaid_text(text: str) -> str:
    return text.translate({ord(char): f"#{ord(char)};" for char in '"#<>&;`\n'})


def render_dot(plan: Plan) -> str:
    """A digraph for Graphviz; steps with a condition have dashed borders."""
    lines = [f"digraph {_dot_text(plan.id)} {{", "    rankdir=TB;", "    node [shape=box];"]
    for step in plan.steps:
        style = ", style=dashed" if step.definition.when is not None else ""
        lines.append(f"    {_dot_text(step.id)} [label={_dot_text(step.id, _does(step))}{style}];")
    lines.extend(
        f"    {_dot_text(plan.steps[before].id)} -> {_dot_text(step.id)};"
        for step in plan.steps
        for before in plan.waits[step.number]
    )
    return "\n".join([*lines, "}"])


def _dot_text(*parts: str) -> str:
    escaped = (part.replace("\\", "\\\\").replace('"', '\\"') for part in parts)
    return '"' + "\\n".join(escaped) + '"'


_FORMATS: Mapping[str, Callable[[Plan], str]] = {"text": render_text, "mermaid": render_mermaid, "dot": render_dot}
