"""From text to template: constants and plain paths here, everything else by Jinja, imported when first needed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

import attrs

from ael.templates.model import Data, Names, Reference, StepView, Template, TemplateKind, TemplateProblem
from ael.templates.paths import path_getter, split_paths, text_renderer
from ael.templates.reading import template_error
from ael.templates.references import Chain, problems_of, reference_of
from ael.types import JsonValue

if TYPE_CHECKING:
    from ael.templates.expressions import Expressions
    from ael.templates.model import Getter

__all__ = ["CLOSE", "MAX_TEMPLATE", "OPEN", "has_marks", "parse", "parse_condition", "parse_expression"]

MAX_TEMPLATE = 1_000_000
_MARKS = ("{{", "{%", "{#")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off"})
OPEN, CLOSE = "{{ ", " }}"


class _Parsed(NamedTuple):
    """A template, and whether its text is exactly one ``{{ expression }}``."""

    template: Template
    whole: bool


def parse(text: str, names: Names) -> Template:
    """The template that a string in a workflow is. Whatever is wrong with it is in its ``problems``."""
    return _parse(text, names).template


def parse_condition(text: str, names: Names) -> Template:
    """The template of ``when`` and ``until``: an expression without braces, or one ``{{ }}`` over the whole."""
    word = text.strip().lower()
    if not word:
        return _broken(text, TemplateProblem("syntax", "the condition is empty", None, 0, len(text)))
    if word in _WORDS:
        return _constant(text)
    return _whole_expression(text, names, "a condition")


def parse_expression(text: str, names: Names) -> Template:
    """The template of ``for_each``: an expression without braces, or one ``{{ }}`` over the whole."""
    if not text.strip():
        return _broken(text, TemplateProblem("syntax", "the expression is empty", None, 0, len(text)))
    return _whole_expression(text, names, "the list of `for_each`")


def _whole_expression(text: str, names: Names, what: str) -> Template:
    if not has_marks(text):
        return _bare_condition(text, names)
    template, whole = _parse(text, names)
    if template.problems or whole:
        return template
    message = f"{what} is an expression without braces, or one {{{{ }}}} over the whole"
    problem = TemplateProblem("mixed_condition", message, None, 0, len(text))
    return _broken(text, problem, references=template.references)


def _bare_condition(text: str, names: Names) -> Template:
    template, whole = _parse(OPEN + text + CLOSE, names)
    problems = [_moved(each, text) for each in template.problems]
    references = tuple(attrs.evolve(each, offset=each.offset - len(OPEN)) for each in template.references)
    if not whole and not problems:
        message = "`}}` closes nothing"
        problems = [TemplateProblem("syntax", message, None, max(text.find("}}"), 0), 2, advice="remove it")]
    if problems:
        return _broken(text, *problems, references=references)
    return Template(text, template.kind, template.render, references=references, getter=template.getter)


def _moved(problem: TemplateProblem, text: str) -> TemplateProblem:
    """A problem of the condition in braces, as one of the condition without."""
    offset = max(problem.offset - len(OPEN), 0)
    if offset < len(text):
        return attrs.evolve(problem, offset=offset, length=min(problem.length, len(text) - offset))
    return attrs.evolve(problem, offset=len(text) - 1, length=1)


def _parse(text: str, names: Names) -> _Parsed:
    if not has_marks(text):
        return _Parsed(_constant(text), False)
    if len(text) > MAX_TEMPLATE:
        message = f"this template has {len(text):,} characters; at most {MAX_TEMPLATE:,} are allowed"
        return _Parsed(_broken(text, TemplateProblem("too_large", message, None, 0, len(text))), False)
    parts = split_paths(text, names)
    return (None if parts is None else _of_paths(text, parts, names)) or _of_expressions(text, names)


def has_marks(text: str) -> bool:
    """Whether a text has braces that begin a template."""
    return any(mark in text for mark in _MARKS)


def _of_paths(text: str, parts: list[str | Chain], names: Names) -> _Parsed | None:
    """The template of plain chains; ``None`` if one of them is more than a lookup."""
    chains = [part for part in parts if isinstance(part, Chain)]
    references = tuple(map(reference_of, chains))
    whole = len(chains) == 1 and not "".join(part for part in parts if isinstance(part, str)).strip()
    problems = [problem for chain in chains for problem in problems_of(chain, names)]
    if problems:
        return _Parsed(_broken(text, *problems, references=references), whole)
    getters = [path_getter(chain, names) for chain in chains]
    known = [getter for getter in getters if getter is not None]
    if len(known) < len(getters):
        return None
    if whole:
        getter = known[0]
        return _Parsed(Template(text, TemplateKind.PATH, _read_path, references=references, getter=getter), whole)
    render = text_renderer(text, _pieces(parts, known))
    made = Template(text, TemplateKind.EXPRESSION, render, references=references, is_text_of_paths=True)
    return _Parsed(made, whole)


def _pieces(parts: list[str | Chain], getters: list[Getter]) -> list[str | Getter]:
    rest = iter(getters)
    return [part if isinstance(part, str) else next(rest) for part in parts]


def _read_path(data: Data, step: StepView | None) -> JsonValue:
    raise AssertionError("a plain path is read by its getter")


def _of_expressions(text: str, names: Names) -> _Parsed:
    # Jinja takes 50 ms to import, and many workflows never need it.
    found: Expressions = importlib.import_module("ael.templates.expressions").read_expressions(text, names)
    if found.problems:
        return _Parsed(_broken(text, *found.problems, references=found.references), found.whole)
    assert found.render is not None
    return _Parsed(Template(text, TemplateKind.EXPRESSION, found.render, references=found.references), found.whole)


def _constant(text: str) -> Template:
    return Template(text, TemplateKind.CONSTANT, lambda data, step: text)


def _broken(text: str, *problems: TemplateProblem, references: tuple[Reference, ...] = ()) -> Template:
    """A template with problems; rendering it all the same says the first."""

    def refuse(data: Data, step: StepView | None) -> JsonValue:
        raise template_error(text, problems[0].message)

    return Template(text, TemplateKind.EXPRESSION, refuse, references=references, problems=problems)
