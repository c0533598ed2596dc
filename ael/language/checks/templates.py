"""3xx: what is wrong inside templates, at its exact place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ael.definition import Path
from ael.diagnostics import Fix
from ael.language.catalog import templates
from ael.language.checks.context import Context
from ael.language.outputs import FROM_PREFIX
from ael.language.report import replacement
from ael.source import Span
from ael.templates import Template, TemplateProblem

__all__ = ["check_templates"]

_KINDS: dict[str, type[templates.TemplateProblemKind]] = {
    "syntax": templates.TemplateSyntax,
    "unknown_root": templates.RootUnknown,
    "unknown_step": templates.StepUnknown,
    "unknown_input": templates.InputUnknown,
    "unknown_field": templates.FieldUnknown,
    "unknown_filter": templates.FilterUnknown,
    "unknown_test": templates.TestUnknown,
    "unknown_function": templates.FunctionUnknown,
    "filter_arguments": templates.FilterArguments,
    "too_large": templates.TemplateTooLarge,
    "mixed_condition": templates.MixedCondition,
}


def check_templates(context: Context) -> None:
    """Every problem of every template of every step and output, at every depth."""
    for scope in context.scopes:
        for flow in scope.flow.steps:
            for path, template in flow.templates.items():
                if template.problems:
                    _report(template, template.problems, context.path(flow.step, *path), context)
        for path, template in scope.flow.outputs.items():
            # A block's output belongs to the step that is the block.
            problems = template.problems if scope.owners else (*template.problems, *_steps_of_nobody(template))
            if problems:
                _report(template, problems, path, context)


def _steps_of_nobody(template: Template) -> Iterator[TemplateProblem]:
    """Where an output reads the root ``step``, which only templates of steps have."""
    for reference in template.references:
        if reference.root == "step":
            message = "`step` means nothing here: an output belongs to no step"
            yield TemplateProblem("unknown_root", message, "step", reference.offset, len("step"))


def _report(template: Template, problems: Iterable[TemplateProblem], path: Path, context: Context) -> None:
    written, shift = template.text, 0
    if path and path[-1] in {"from", "from_path"} and written.startswith(FROM_PREFIX):
        written, shift = written[len(FROM_PREFIX) : -len(" }}")], len(FROM_PREFIX)
    place = context.placer(path, written)
    for problem in problems:
        kind = _KINDS.get(problem.kind, templates.TemplateSyntax)
        value = kind(problem.message, problem.suggestion, problem.advice)
        if place is None:
            context.report.add(value, path)
        else:
            span = place(problem.offset - shift, problem.length)
            context.report.add_span(value, span, _fix(problem, span))


def _fix(problem: TemplateProblem, span: Span) -> Fix | None:
    """The suggestion in place of the name, where the place is the name and nothing else."""
    exact = span.line == span.end_line and span.end_column - span.column == problem.length
    if problem.suggestion is None or not exact:
        return None
    return replacement(span, problem.suggestion, f"write `{problem.suggestion}`", safe=False)
