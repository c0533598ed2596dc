"""3xx: what is wrong inside templates, at its exact place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ael.definition import Path
from ael.language.catalog import templates
from ael.language.checks.context import Context
from ael.language.checks.in_template import report_in_template
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
    for problem in problems:
        kind = _KINDS.get(problem.kind, templates.TemplateSyntax)
        value = kind(problem.message, problem.suggestion, problem.advice)
        report_in_template(value, problem, template, path, context)
