"""Templates that are more than paths: parsed, checked and compiled by Jinja at load, run in the sandbox."""

from __future__ import annotations

import functools

import attrs
from jinja2 import nodes
from jinja2.environment import Template as CompiledTemplate
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from ael.errors import AELError
from ael.templates.analysis import Analysis
from ael.templates.limits import rendering
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
from ael.templates.sandbox import FUNCTIONS, SandboxEnvironment
from ael.templates.tokens import TokenError, tokenise
from ael.types import JsonValue

__all__ = ["Expressions", "read_expressions"]

# Where one whole expression leaves its value; such a template assigns nothing itself.
_RESULT = "ael_result"
_environment = functools.cache(SandboxEnvironment)


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
    """Read any template text, compile it if nothing is wrong."""
    try:
        return _read(text, names)
    except TokenError as error:
        problem = _syntax(text, error.message, error.offset)
    except TemplateSyntaxError as error:
        problem = _syntax(text, error.message or "it cannot be read", error.lineno - 1)
    # Python's own compiler gives up on deep nesting in one of these ways.
    except (RecursionError, SyntaxError, MemoryError, OverflowError):
        problem = TemplateProblem("too_large", "this template is nested too deeply", None, 0, len(text))
    return Expressions(problems=(problem,))


def _read(text: str, names: Names) -> Expressions:
    environment = _environment()
    tokens = tokenise(text, names, environment)
    parser = Parser(environment, "")
    parser.stream = TokenStream(iter(tokens.tokens), None, None)
    tree = parser.parse()
    if tokens.whole:
        _keep_value(tree)
    analysis = Analysis(tree, tokens, names, environment)
    references = tuple(map(reference_of, sorted(analysis.chains, key=lambda chain: chain.start)))
    problems = tuple(sorted(analysis.problems, key=lambda problem: problem.offset))
    render = None if problems else _renderer(text, names, environment.from_string(tree), tokens.whole)
    return Expressions(render, references, problems, tokens.whole)


def _syntax(text: str, message: str, offset: int) -> TemplateProblem:
    offset = min(max(offset, 0), max(len(text) - 1, 0))
    return TemplateProblem("syntax", message.rstrip("."), None, offset, 1)


def _keep_value(tree: nodes.Template) -> None:
    """Make the tree of one ``{{ expression }}`` store its value instead of writing it."""
    outputs = [child for output in tree.find_all(nodes.Output) for child in output.nodes]
    expression = next(child for child in outputs if not isinstance(child, nodes.TemplateData))
    tree.body = [nodes.Assign(nodes.Name(_RESULT, "store", lineno=1), expression, lineno=1)]
    assert tree.environment is not None
    tree.set_environment(tree.environment)


def _renderer(text: str, names: Names, compiled: CompiledTemplate, whole: bool) -> Render:
    def render(data: Data, step: StepView | None) -> JsonValue:
        context = compiled.new_context(_variables(data, step, names), shared=True)
        with rendering():
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
    variables["steps"] = StepsView(data, names.steps)
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


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it calls itself too deeply, or its data is nested too deeply"
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    return str(error) or type(error).__name__
