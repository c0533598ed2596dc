"""How every check reports what it finds inside a template: at its place in the file, with a fix where that is exact."""

from __future__ import annotations

from ael.definition import Path
from ael.diagnostics import Fix
from ael.language.catalog import Problem
from ael.language.checks.context import Context
from ael.language.outputs import FROM_PREFIX
from ael.language.report import replacement
from ael.source import Span
from ael.templates import Template, TemplateProblem

__all__ = ["report_in_template"]


def report_in_template(problem: Problem, at: TemplateProblem, template: Template, path: Path, context: Context) -> None:
    """Report ``problem`` where ``at`` is, in the template that stands at ``path``; of ``from`` without its braces."""
    written, shift = template.text, 0
    if path and path[-1] in {"from", "from_path"} and written.startswith(FROM_PREFIX):
        written, shift = written[len(FROM_PREFIX) : -len(" }}")], len(FROM_PREFIX)
    place = context.placer(path, written)
    if place is None:
        context.report.add(problem, path)
        return
    span = place(at.offset - shift, at.length)
    context.report.add_span(problem, span, _fix(at, span))


def _fix(at: TemplateProblem, span: Span) -> Fix | None:
    """The suggestion in place of what is underlined, where that is all in one line."""
    exact = span.line == span.end_line and span.end_column - span.column == at.length
    if at.suggestion is None or not exact:
        return None
    return replacement(span, at.suggestion, f"write `{at.suggestion}`", safe=False)
