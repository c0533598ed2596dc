"""5xx: what can run, and is unwise."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = ["RetryDestructive", "SecretLiteral", "TimeoutsContradict", "UnboundedCalls", "WorstCaseTooLong"]


class RetryDestructive(Problem, frozen=True):
    """The tool says that it may destroy something, and does not say that calling it twice does no more than once.

    A failed attempt may have taken effect all the same; a retry then does it again.
    """

    code = "AEL501"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "step {step!r} retries {tool!r}, which is destructive and not idempotent"
    advice = "{what_to_do}"
    step: str
    tool: str
    what_to_do: str


class WorstCaseTooLong(Problem, frozen=True):
    """If every attempt takes as long as it may and every retry is needed, the workflow's ``timeout`` ends it first.

    Counted are attempts with their timeouts, and the waits between them, along the steps that wait for each other; a
    step without a timeout is not counted, nor what waits for one.
    """

    code = "AEL502"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "in the worst case {path} {verb} {worst}, longer than the workflow's `timeout` of {timeout}"
    advice = "give the workflow more time, or the steps less or fewer attempts"
    path: str
    verb: str
    worst: str
    timeout: str


class TimeoutsContradict(Problem, frozen=True):
    """A longer time is allowed inside a shorter one, so that the longer one never counts.

    ``timeout.total`` is of the whole step, all attempts and waits included; ``timeout.attempt`` of one attempt;
    ``timeout.idle`` of its time without progress.
    """

    code = "AEL503"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "{what}: `{longer}` ({long}) never counts, since `{shorter}` is {short}"
    advice = "make `{longer}` the shorter one, or remove it"
    what: str
    longer: str
    long: str
    shorter: str
    short: str


class SecretLiteral(Problem, frozen=True):
    """What looks like a secret stands in the file, where everybody sees it who sees the file.

    Secrets come from the environment: ``{{ secrets.NAME }}`` reads ``AEL_SECRET_NAME``, and is masked in everything
    that is shown of an execution.
    """

    code = "AEL504"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "{what} stands in the file"
    advice = "{what_to_do}"
    what: str
    what_to_do: str


class UnboundedCalls(Problem, frozen=True):
    """All items of a ``for_each`` run side by side. Over a list of unknown length that can be any number of requests
    at once.
    """

    code = "AEL505"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "`for_each` of step {step!r} calls {tool!r} for all items at once, however many there are"
    advice = "bound it: `for_each: {{in: ..., max_parallel: 10}}`, or name a pool in `limits`"
    step: str
    tool: str
