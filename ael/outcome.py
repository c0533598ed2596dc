"""How a step ends: every final :class:`StepResult` that is not plain success is made here.

docs/language.md, section 5: what a failure does, what a skip carries, where an error's place is.
"""

from __future__ import annotations

import attrs

from ael.context import ExecutionContext, view_of
from ael.definition import CodeBody, Path
from ael.errors import AELError, InternalError
from ael.plan import PlanStep
from ael.templates import SkippedOutputError
from ael.types import JsonValue, OnError, StepResult, StepStatus

__all__ = ["cancelled", "failed", "internal_failure", "skipped", "travels", "unwritten"]


def travels(result: StepResult) -> bool:
    """Whether a skip goes on to those that name the step in ``depends_on``: rule 1, not rule 4."""
    reason = result.skip_reason
    return result.status is StepStatus.SKIPPED and reason is not None and reason.startswith(("condition", "dependency"))


def failed(
    step: PlanStep,
    context: ExecutionContext,
    error: AELError,
    *,
    now_ns: int,
    attempt: int = 0,
    started_ns: int = 0,
) -> StepResult:
    """No attempt is left: the step fails, or is skipped if that is what its plan says of errors."""
    locate(step, context, error)
    if _may_skip(step, error):
        missing = _is_missing(step, error)
        reason = "missing_tool" if missing else f"error: {error.code}"
        if missing:
            attempt = started_ns = 0  # nothing was there to attempt
        return skipped(step, context, reason, now_ns=now_ns, error=error, attempt=attempt, started_ns=started_ns)
    return _failure(step, error, now_ns=now_ns, attempt=attempt, started_ns=started_ns)


def _failure(step: PlanStep, error: AELError, *, now_ns: int, attempt: int = 0, started_ns: int = 0) -> StepResult:
    return StepResult(
        step.id, StepStatus.FAILED, None, error, None, attempt, step.max_attempts, started_ns, now_ns, usable=False
    )


def _may_skip(step: PlanStep, error: AELError) -> bool:
    if step.gives_up is OnError.SKIP:
        return True
    return _is_missing(step, error)


def _is_missing(step: PlanStep, error: AELError) -> bool:
    """A name that no source offers; not one that several do, nor a server that is down."""
    return (
        step.skip_missing_tool
        and error.code == "TOOL_UNAVAILABLE"
        and not error.retryable
        and error.details.get("reason") != "ambiguous"
    )


def skipped(
    step: PlanStep,
    context: ExecutionContext,
    reason: str,
    *,
    now_ns: int,
    error: AELError | None = None,
    attempt: int = 0,
    started_ns: int = 0,
) -> StepResult:
    """The step is skipped, with its fallback as output if it has one.

    A fallback that cannot be rendered is the step's failure; one that uses the output of a skipped
    step counts as none.
    """
    output: JsonValue = None
    usable = step.fallback is not None and not reason.startswith(("stopped", "cancelled"))
    if usable and step.fallback is not None:
        try:
            output = step.fallback(context, view_of(step, context, attempt))
        except SkippedOutputError:
            usable = False
        except AELError as problem:
            locate(step, context, problem)
            return _failure(step, problem, now_ns=now_ns, attempt=attempt, started_ns=started_ns)
    return StepResult(
        step.id,
        StepStatus.SKIPPED,
        output,
        error,
        reason,
        attempt,
        step.max_attempts,
        started_ns,
        now_ns,
        usable=usable,
    )


def cancelled(step: PlanStep, reason: str, *, now_ns: int, attempt: int = 0, started_ns: int = 0) -> StepResult:
    """The step was running and was stopped."""
    return StepResult(
        step.id, StepStatus.CANCELLED, None, None, reason, attempt, step.max_attempts, started_ns, now_ns, usable=False
    )


def internal_failure(step: PlanStep, error: BaseException, *, now_ns: int) -> StepResult:
    """Something broke that must not: the step fails whatever its error policy says."""
    problem = InternalError(f"step {step.path!r} broke the engine: {type(error).__name__}: {error}", step_id=step.path)
    problem.__cause__ = error
    return _failure(step, problem, now_ns=now_ns)


def unwritten(step: PlanStep, result: StepResult, error: Exception) -> StepResult:
    """The journal could not take the result: the step counts as failed, whatever it was, and claims nothing."""
    problem = AELError(
        f"the journal could not be written: {type(error).__name__}: {error}", code="JOURNAL_FAILED", step_id=step.path
    )
    problem.__cause__ = error
    return attrs.evolve(result, status=StepStatus.FAILED, output=None, error=problem, skip_reason=None, usable=False)


def locate(step: PlanStep, context: ExecutionContext, error: AELError) -> None:
    """Add the step's id and its place in the file to an error that does not have them, and mask secrets in it."""
    context.mask_error(error)
    if error.step_id is None:
        error.step_id = step.path
    definition = context.plan.definition
    if definition.source is None or "line" in error.details:
        return
    span = definition.locate((*step.definition.path, *_field(step, context, error)))
    if span is not None:
        place = span.key if span.key is not None and error.code != "TEMPLATE_ERROR" else span.value
        error.details.update(file=definition.source.name, line=place.line, column=place.column)


def _field(step: PlanStep, context: ExecutionContext, error: AELError) -> Path:
    """The part of the step that an error is about: the template that failed, else its body."""
    expression = error.details.get("template") or error.details.get("expression")
    if error.code == "TEMPLATE_ERROR" and isinstance(expression, str):
        for path, template in context.plan.flow.steps[step.number].templates.items():
            if expression in template.text:
                return path
    return ("code",) if isinstance(step.definition.body, CodeBody) else ("tool",)
