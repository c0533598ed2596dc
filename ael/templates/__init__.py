"""Templates: recognised at load as constant, plain path or expression; rendered natively, in a sandbox.

Constants and plain paths are told by a regular expression and never meet Jinja, which is imported with
the first real expression.
"""

from ael.templates.constants import constant_of
from ael.templates.inferring import infer
from ael.templates.lookups import Inferred, Roots
from ael.templates.model import (
    Data,
    Names,
    Reference,
    SkippedOutputError,
    StepView,
    Template,
    TemplateKind,
    TemplateProblem,
    is_true,
)
from ael.templates.parsing import parse, parse_condition, parse_expression

__all__ = [
    "Data",
    "Inferred",
    "Names",
    "Reference",
    "Roots",
    "SkippedOutputError",
    "StepView",
    "Template",
    "TemplateKind",
    "TemplateProblem",
    "constant_of",
    "infer",
    "is_true",
    "parse",
    "parse_condition",
    "parse_expression",
]
