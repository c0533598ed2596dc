"""3xx: templates, and names read in code."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = [
    "DollarBeforeTemplate",
    "FieldUnknown",
    "FilterArguments",
    "FilterUnknown",
    "FunctionUnknown",
    "InputUnknown",
    "MixedCondition",
    "NoTemplate",
    "RootUnknown",
    "StepUnknown",
    "TemplateProblemKind",
    "TemplateSyntax",
    "TemplateTooLarge",
    "TestUnknown",
]


class TemplateProblemKind(Problem, frozen=True):
    """What all problems inside a template have: the sentence of the template parser, and the nearest known name."""

    wording = "{sentence}"
    sentence: str
    nearest: str | None
    what_to_do: str | None = None

    def hint(self) -> str | None:
        """What the template parser advises, else the kind."""
        return self.what_to_do if self.what_to_do and not self.nearest else super().hint()


class TemplateSyntax(TemplateProblemKind, frozen=True):
    """The text between the braces is no Jinja expression, or the braces do not match."""

    code = "AEL301"
    advice = "check quotes, brackets and braces; `{{% raw %}}` keeps braces as text"


class RootUnknown(TemplateProblemKind, frozen=True):
    """A template begins with one of the known names: ``inputs steps config secrets workflow execution_id step``.

    ``item`` (or what ``as`` says) and ``index`` are known inside ``for_each``, ``last`` inside ``repeat``, and
    ``output`` in ``undo``. Text inside an expression is quoted: ``{{ inputs.x | default("none") }}``.
    """

    code = "AEL302"
    advice = "names are `inputs`, `steps`, `config`, `secrets`, `workflow`, `execution_id` and `step`"


class StepUnknown(TemplateProblemKind, frozen=True):
    """A template or code reads a step that does not exist. ``default`` does not cover that: it is no matter of data."""

    code = "AEL303"
    advice = "declare a step with this id"


class InputUnknown(TemplateProblemKind, frozen=True):
    """A template or code reads an undeclared input. ``default`` does not cover that: it is no matter of data."""

    code = "AEL304"
    advice = "declare it under `inputs`"


class FieldUnknown(TemplateProblemKind, frozen=True):
    """``steps.<id>``, ``workflow``, ``step`` and ``last`` have fixed fields; a step's data is below ``output``.

    Only steps with ``for_each`` have ``items``; only those of ``finally`` know ``workflow.status`` and ``error``.
    """

    code = "AEL305"


class FilterUnknown(TemplateProblemKind, frozen=True):
    """There is no filter of this name. Filters are Jinja's, and ``json``, ``fromjson``, ``keys`` and ``values``."""

    code = "AEL306"


class TestUnknown(TemplateProblemKind, frozen=True):
    """There is no test of this name (``is ...``). Tests are Jinja's."""

    __test__ = False  # pytest: this is no test class
    code = "AEL307"


class FunctionUnknown(TemplateProblemKind, frozen=True):
    """Templates can call ``range``, ``dict`` and ``namespace``, and nothing else. Work belongs into tools and code."""

    code = "AEL308"
    advice = "the functions are `range`, `dict` and `namespace`; use a filter or a code step"


class FilterArguments(TemplateProblemKind, frozen=True):
    """A filter is given more or fewer arguments than it takes."""

    code = "AEL309"


class TemplateTooLarge(TemplateProblemKind, frozen=True):
    """A template is too long, too deeply nested, or builds too much from constants alone."""

    code = "AEL310"
    advice = "move the work into a code step"


class MixedCondition(TemplateProblemKind, frozen=True):
    """A condition is an expression without braces, or one ``{{ ... }}`` over the whole; not text around braces.

    ``when: "{{ inputs.n }} > 3"`` would be the text ``5 > 3``, which is always true.
    """

    code = "AEL311"
    advice = "write the whole condition without braces"


class NoTemplate(Problem, frozen=True):
    """The text looks like a template of another language; here it stays as it is.

    Templates have two braces on either side, ``{{ inputs.url }}``, and no ``$``.
    """

    code = "AEL313"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "`{written}` is no template: it stays as it is written"
    advice = "write `{meant}`"
    written: str
    meant: str


class DollarBeforeTemplate(Problem, frozen=True):
    """``${{ ... }}`` is how GitHub Actions writes it; here the ``$`` becomes part of the value, which is then text."""

    code = "AEL314"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "the `$` before this template becomes part of the text"
    advice = "remove the `$`"
