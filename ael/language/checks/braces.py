"""3xx: text that was meant to be a template, as far as what is declared tells: ``${inputs.url}``, ``{ steps.a }}``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ael.definition import (
    BlockBody,
    ChooseBody,
    CodeBody,
    ExitBody,
    Path,
    StepDefinition,
    ToolBody,
    WorkflowBody,
)
from ael.language.catalog import Problem, code, templates
from ael.language.checks.context import Context, bodies_of
from ael.language.report import replacement
from ael.templates import Names
from ael.types import JsonValue

__all__ = ["check_braces"]

_PATH = r"(?P<root>inputs|steps)\.(?P<name>[A-Za-z_][\w-]*)"
_REST = r"(?:\.[\w-]+|\[[\w'\"-]+\])*"
_FOREIGN = (
    re.compile(rf"(?<!\{{)\$?\{{(?!\{{)\s*(?P<path>{_PATH}{_REST})\s*\}}{{1,2}}"),
    re.compile(rf"(?<![\w$])\$(?P<path>{_PATH}{_REST})"),
)
"""Braces, or a dollar, or both, around a path."""
_DOLLAR = re.compile(rf"\s*(?P<dollar>\$)\{{\{{\s*{_PATH}[^{{}}]*\}}\}}\s*")
"""A dollar before what is one whole template otherwise; amid text it may be a price."""
_IN_CODE = re.compile(rf"\{{\{{\s*(?P<path>{_PATH}{_REST})\s*\}}\}}")


def check_braces(context: Context) -> None:
    """Every text in which templates are read, and code, in which none is."""
    for scope in context.scopes:
        names = scope.flow.names
        for step in (each.step for each in scope.flow.steps):
            for path, text in _texts_of(step):
                _check_text(context, names, context.path(step, *path), text)
            for body, below in bodies_of(step):
                if isinstance(body, CodeBody) and "{{" in body.code:
                    _check_code(context, names, scope.name(step), context.path(step, *below, "code"), body.code)
    for output in context.definition.outputs:
        for path, text in _texts(output.value, output.path):
            _check_text(context, context.flow.names, path, text)


def _texts_of(step: StepDefinition) -> Iterator[tuple[Path, str]]:
    match step.body:
        case ToolBody(params=params) | WorkflowBody(params=params):
            yield from _texts(params, ("params",))
        case BlockBody(output=output):
            yield from _texts(output, ("output",))
        case ChooseBody(branches=branches):
            for index, branch in enumerate(branches):
                yield from _texts(branch.output, ("choose", index, "output"))
        case ExitBody(reason=reason, outputs=outputs):
            yield from _texts(reason, ("exit", "reason"))
            yield from _texts(outputs, ("exit", "outputs"))
    yield from _texts(step.fallback, ("fallback",))
    for index, rule in enumerate(step.error_rules):
        yield from _texts(rule.fallback, ("on_error", index, "fallback"))
    if step.undo is not None and isinstance(step.undo.body, ToolBody):
        yield from _texts(step.undo.body.params, ("undo", "params"))


def _texts(value: JsonValue, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text at any depth that has to be looked at."""
    if isinstance(value, str):
        if "inputs." in value or "steps." in value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _check_text(context: Context, names: Names, path: Path, text: str) -> None:
    if "{% raw" in text or "{%- raw" in text:
        return  # what stands there is meant as it is
    whole = _DOLLAR.fullmatch(text)
    if whole is not None and _is_declared(names, whole):
        _report(context, templates.DollarBeforeTemplate(), path, text, whole.span("dollar"), "")
    for pattern in _FOREIGN:
        for found in pattern.finditer(text):
            if _is_declared(names, found):
                written = f"{{{{ {found['path']} }}}}"
                _report(context, templates.NoTemplate(found[0], written), path, text, found.span(), written)


def _check_code(context: Context, names: Names, step: str, path: Path, text: str) -> None:
    found = next((each for each in _IN_CODE.finditer(text) if _is_declared(names, each)), None)
    if found is not None:
        problem = code.TemplateInCode(step, found[0], found["path"])
        _report(context, problem, path, text, found.span())


def _is_declared(names: Names, found: re.Match[str]) -> bool:
    """Whether there is such an input or step; what only looks like one is left alone."""
    return found["name"] in (names.inputs if found["root"] == "inputs" else names.steps)


def _report(
    context: Context, problem: Problem, path: Path, text: str, at: tuple[int, int], instead: str | None = None
) -> None:
    place = context.placer(path, text)
    if place is None:
        context.report.add(problem, path)
        return
    span = place(at[0], at[1] - at[0])
    exact = span.line == span.end_line and span.end_column - span.column == at[1] - at[0]
    fix = None
    if instead is not None and exact:
        fix = replacement(span, instead, f"write `{instead}`" if instead else "remove it", safe=False)
    context.report.add_span(problem, span, fix)
