"""Templates that are more than paths: parsed, checked and compiled by Jinja at load, run in the sandbox."""

from __future__ import annotations

import functools
import re

import attrs
from jinja2.environment import Template as CompiledTemplate
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from ael.errors import AELError
from ael.templates.analysis import Analysis
from ael.templates.limits import begin_rendering
from ael.templates.missing import SecretsView, StepsView
from ael.templates.model import (
    Data,
    Names,
    Reference,
    Render,
    SkippedOutputError,
    StepView,
    TemplateProblem,
)
from ael.templates.reading import template_error, to_data
from ael.templates.references import reference_of
from ael.templates.rewriting import keep_value, prepare
from ael.templates.sandbox import FUNCTIONS, SandboxEnvironment
from ael.templates.tokens import TokenError, Tokens, tokenise
from ael.templates.wording import syntax_problem
from ael.types import JsonValue

__all__ = ["Expressions", "read_expressions", "the_environment"]

# Where one whole expression leaves its value; such a template assigns nothing itself.
_RESULT = "ael_result"
the_environment = functools.cache(SandboxEnvironment)
"""One for all templates."""


@attrs.frozen
class Expressions:
    """What was found in a text; ``render`` is ``None`` where there are problems.

    ``whole``: the text is exactly one ``{{ expression }}``.
    """

    render: Render | None = None
    references: tuple[Reference, ...] = ()
    problems: tuple[TemplateProblem, ...] = ()
    whole: bool = False


def read_expressions(text: str, names: Names) -> Expressions:
    """Read any template text, and compile it if nothing is wrong."""
    environment = the_environment()
    try:
        tokens = tokenise(text, names, environment)
    except TokenError as error:
        return Expressions(problems=(syntax_problem(text, error.message, error.offset, error.offset + 1),))
    try:
        return _read(text, names, tokens)
    except TemplateSyntaxError as error:
        start = error.lineno - 1
        message = error.message or "it cannot be read"
        problem = syntax_problem(text, message, start, tokens.ends.get(start, start + 1))
    # Python's own compiler gives up on deep nesting in one of these ways.
    except (RecursionError, SyntaxError, MemoryError, OverflowError):
        problem = TemplateProblem("too_large", "this template is nested too deeply", None, 0, len(text))
    return Expressions(problems=(problem,))


def _read(text: str, names: Names, tokens: Tokens) -> Expressions:
    environment = the_environment()
    parser = Parser(environment, "")
    parser.stream = TokenStream(iter(tokens.tokens), None, None)
    tree = parser.parse()
    if tokens.whole:
        keep_value(tree, _RESULT)
    analysis = Analysis(tree, tokens, names, environment)
    prepare(tree, environment, rounds="last" in names.locals and "last" not in analysis.assigned)
    references = tuple(map(reference_of, sorted(analysis.chains, key=lambda chain: chain.start)))
    problems = tuple(sorted(analysis.problems, key=lambda problem: problem.offset))
    render = None if problems else _renderer(text, names, environment.from_string(tree), tokens.whole)
    return Expressions(render, references, problems, tokens.whole)


def _renderer(text: str, names: Names, compiled: CompiledTemplate, whole: bool) -> Render:
    def render(data: Data, step: StepView | None) -> JsonValue:
        context = compiled.new_context(_variables(data, step, names), shared=True)
        begin_rendering()
        try:
            chunks = list(compiled.root_render_func(context))
            return to_data(context.vars[_RESULT]) if whole else "".join(chunks)
        except (AELError, SkippedOutputError):
            raise
        # Whatever an expression does wrong, in whichever filter, is the template's failure.
        except Exception as error:
            raise template_error(text, _sentence(error)) from error

    return render


def _variables(data: Data, step: StepView | None, names: Names) -> dict[str, JsonValue]:
    variables: dict[str, JsonValue] = {**FUNCTIONS, **data.roots}
    variables["inputs"] = data.inputs
    variables["steps"] = StepsView(data, names)
    if "secrets" in variables:
        variables["secrets"] = SecretsView(variables["secrets"])
    if step is not None:
        variables["step"] = {
            "id": step.id,
            "attempt": step.attempt,
            "idempotency_key": step.idempotency_key,
            "joined": list(step.joined),
        }
    return variables


_PYTHON_TYPE = re.compile(r"'(NoneType|str|int|float|bool|dict|list|tuple|range|StepFields|StepsView)'( object)?")
_JSON_TYPES = {
    "NoneType": "null",
    "str": "text",
    "bool": "a boolean",
    "int": "a number",
    "float": "a number",
    "list": "a list",
    "tuple": "a list",
    "range": "a list",
}


def _sentence(error: Exception) -> str:
    """What went wrong, with JSON's names of types for Python's."""
    if isinstance(error, RecursionError):
        return "it calls itself too deeply, or its data is nested too deeply"
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    said = str(error) or type(error).__name__
    return _PYTHON_TYPE.sub(lambda match: _JSON_TYPES.get(match[1], "an object"), said)
