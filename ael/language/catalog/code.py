"""7xx: code steps."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = [
    "CodeInputUnknown",
    "CodeNameUnknown",
    "CodeRefused",
    "CodeStepUnknown",
    "CodeSyntax",
    "ExecutorUnavailable",
    "ExecutorUnknown",
    "TemplateInCode",
]


class CodeSyntax(Problem, frozen=True):
    """The code is no Python. ``return`` and ``await`` are allowed at its top level."""

    code = "AEL701"
    wording = "the code of step {step!r} is not valid Python: {reason}"
    step: str
    reason: str


class CodeRefused(Problem, frozen=True):
    """The executor will not run this code: it uses something that is forbidden, or that the executor lacks."""

    code = "AEL702"
    wording = "the code of step {step!r} will not run ({kind}): {reason}"
    advice = "{what_to_do}"
    step: str
    kind: str
    reason: str
    what_to_do: str


class ExecutorUnknown(Problem, frozen=True):
    """The step names an executor that does not exist."""

    code = "AEL703"
    wording = "step {step!r} wants the executor {executor!r}, which does not exist"
    advice = "the executors are {known}"
    step: str
    executor: str
    nearest: str | None
    known: str


class ExecutorUnavailable(Problem, frozen=True):
    """The executor exists but cannot be used here: it is not installed, or the engine does not allow it."""

    code = "AEL704"
    wording = "step {step!r} wants the executor {executor!r}, which is not available"
    advice = "{what_to_do}"
    step: str
    executor: str
    what_to_do: str


class CodeStepUnknown(Problem, frozen=True):
    """The code reads a step that does not exist."""

    code = "AEL705"
    wording = "the code of step {step!r} reads step {name!r}, which does not exist"
    advice = "the steps are {known}"
    step: str
    name: str
    nearest: str | None
    known: str


class CodeInputUnknown(Problem, frozen=True):
    """The code reads an input that is not declared."""

    code = "AEL706"
    wording = "the code of step {step!r} reads input {name!r}, which is not declared"
    advice = "the inputs are {known}"
    step: str
    name: str
    nearest: str | None
    known: str


class TemplateInCode(Problem, frozen=True):
    """No template is rendered in code; it reads ``inputs`` and ``steps`` as Python does."""

    code = "AEL707"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "`{written}` in the code of step {step!r} is not rendered"
    advice = "write `{path}`, without braces and quotes"
    step: str
    written: str
    path: str


class CodeNameUnknown(Problem, frozen=True):
    """The code uses a name that nothing gives a value: neither the code itself, nor Python, nor ael.

    Given are ``inputs``, ``steps``, ``config``, ``workflow``, ``context``, ``log``, and in loops ``item``, ``index``
    and ``last``.
    """

    code = "AEL708"
    wording = "in the code of step {step!r}, {reason}"
    advice = "{what_to_do}"
    step: str
    reason: str
    what_to_do: str
