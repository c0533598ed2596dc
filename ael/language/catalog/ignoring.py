"""198 and 199: comments that hide problems, ``# ael: ignore[CODE]``."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = ["ErrorNotIgnored", "IgnoreUnused"]


class IgnoreUnused(Problem, frozen=True):
    """A comment ``# ael: ignore[CODE]`` that hides nothing is left over, or stands at another line than was meant.

    It hides warnings and notes whose place is on its own line; where it stands alone on a line, on the next.
    """

    code = "AEL198"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "this comment hides nothing: {reason}"
    advice = "{what_to_do}"
    reason: str
    nearest: str | None = None
    what_to_do: str = "remove the comment"


class ErrorNotIgnored(Problem, frozen=True):
    """``# ael: ignore[CODE]`` hides warnings and notes. With an error in it a workflow cannot run, hidden or not."""

    code = "AEL199"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "{ignored} is an error here, which no comment hides"
    advice = "correct what it says, and remove the comment"
    ignored: str
