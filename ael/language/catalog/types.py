"""4xx: values that do not fit: params and their tools, outputs and their schemas, what templates do with data."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem
from ael.language.catalog.templates import TemplateProblemKind

__all__ = [
    "FilterType",
    "JsonInText",
    "KeyMissing",
    "KeylessValue",
    "NoList",
    "NullInText",
    "OperatorTypes",
    "OutputMisfits",
    "ParamMisfits",
    "ParamMissing",
    "ParamType",
    "ParamUnknown",
    "ParamValue",
]


class ParamMissing(Problem, frozen=True):
    """A tool or workflow cannot be called without it: each call would fail with ``PARAM_INVALID``."""

    code = "AEL401"
    wording = "step {step!r} gives no `{name}`, which {owner} needs"
    advice = "{what_to_do}"
    step: str
    owner: str
    name: str
    what_to_do: str


class ParamUnknown(Problem, frozen=True):
    """A tool or workflow takes certain params and no others."""

    code = "AEL402"
    wording = "step {step!r} gives `{name}`, which {owner} does not take"
    advice = "it takes {known}"
    step: str
    owner: str
    name: str
    nearest: str | None
    known: str


class ParamType(Problem, frozen=True):
    """No value that the param can have here is of the type that is wanted.

    Types are known of inputs by their declarations, of tools by their schemas, of code by what it returns; of
    everything else nothing is claimed. A whole template keeps the type of its value; text around it makes it text.
    """

    code = "AEL403"
    wording = "`{name}` of {owner} must be {expected}, and {found}"
    advice = "{what_to_do}"
    name: str
    owner: str
    expected: str
    found: str
    what_to_do: str


class ParamValue(Problem, frozen=True):
    """The value is of the right type, and not one of those that are allowed."""

    code = "AEL404"
    wording = "`{name}` of {owner} must be {expected}, and is {found}"
    name: str
    owner: str
    expected: str
    found: str
    nearest: str | None


class ParamMisfits(Problem, frozen=True):
    """The params do not fit the schema, as the validator that is asked before each call finds already."""

    code = "AEL405"
    wording = "`{name}` of {owner} does not fit: {reason}"
    name: str
    owner: str
    reason: str


class OutputMisfits(Problem, frozen=True):
    """No value that the output can have fits its ``schema``: the execution would end with ``OUTPUT_INVALID``."""

    code = "AEL406"
    wording = "output {name!r} does not fit its schema: {reason}"
    name: str
    reason: str


class KeyMissing(TemplateProblemKind, frozen=True):
    """The object has certain keys and no others: an input by its declaration, an output by its schema or its code.

    ``| default(x)`` says that a key may be missing.
    """

    code = "AEL411"


class KeylessValue(TemplateProblemKind, frozen=True):
    """Only objects have keys, and only lists and text have positions."""

    code = "AEL412"


class OperatorTypes(TemplateProblemKind, frozen=True):
    """The operator fails with all values that can stand on its sides."""

    code = "AEL413"


class FilterType(TemplateProblemKind, frozen=True):
    """The filter fails with all values that it can be given here."""

    code = "AEL414"


class NoList(TemplateProblemKind, frozen=True):
    """``for_each`` goes through a list and nothing else."""

    code = "AEL415"
    advice = "give a list"


class JsonInText(TemplateProblemKind, frozen=True):
    """A list or an object amid text is written as JSON. ``| json`` says that this is meant."""

    code = "AEL416"
    severity: ClassVar[Severity] = Severity.WARNING
    advice = "write `| json` if JSON is meant; else name a key, or `| join(', ')` a list"

    def hint(self) -> str | None:
        """The same in every case: what would be put in is no name."""
        return self.advice


class NullInText(TemplateProblemKind, frozen=True):
    """Null amid text is written as nothing."""

    code = "AEL417"
    severity: ClassVar[Severity] = Severity.WARNING
    advice = "remove it, or write what is meant: `| default('none')`"
