"""How a step ends: every final :class:`StepResult` that is not plain success is made here.

docs/language.md, section 5: what a failure does, what a skip carries, where an error's place is.
"""

from __future__ import annotations

import attrs

from ael.context import ExecutionContext, view_of
from ael.definition import BlockBody, ChooseBody, CodeBody, ExitBody, Path, ToolBody, WorkflowBody
from ael.errors import AELError, InternalError
from ael.plan import PlanStep
from ael.templates import SkippedOutputError, is_true
from ael.types import JsonValue, OnError, StepResult, StepStatus

__all__ = [
    "absorbed",
    "as_error",
    "bug",
    "cancelled",
    "failed",
    "holds",
    "internal_failure",
    "is_missing",
    "skipped",
    "skipped_by",
    "travels",
    "unwritten",
]


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
    missing = is_missing(step, error)
    if missing or step.policy_for(error).gives_up is OnError.SKIP:
        reason = "missing_tool" if missing else f"error: {error.code}"
        if missing:
            attempt = started_ns = 0  # nothing was there to attempt
        return skipped(step, context, reason, now_ns=now_ns, error=error, attempt=attempt, started_ns=started_ns)
    return _failure(step, error, now_ns=now_ns, attempt=attempt, started_ns=started_ns)


def skipped_by(
    step: PlanStep,
    context: ExecutionContext,
    skip: SkippedOutputError,
    *,
    now_ns: int,
    attempt: int = 0,
    started_ns: int = 0,
) -> StepResult:
    """The step uses the output of a skipped one: it is skipped too, after ``attempt`` attempts."""
    started_ns = started_ns if attempt else 0  # whose params cannot be made has not started
    reason = f"dependency: {_origin(context, skip.step_id)}"
    return skipped(step, context, reason, now_ns=now_ns, attempt=attempt, started_ns=started_ns)


def _origin(context: ExecutionContext, step_id: str) -> str:
    """The step where a chain of skips began."""
    prefix = "dependency: "
    scope: ExecutionContext | None = context
    while scope is not None:
        number = scope.plan.numbers.get(step_id)
        if number is None:
            scope = scope.up
            continue
        result = scope.results[number]
        if result is None or result.skip_reason is None or not result.skip_reason.startswith(prefix):
            break
        step_id = result.skip_reason.removeprefix(prefix)
    return step_id


def holds(step: PlanStep, context: ExecutionContext) -> bool:
    """Whether the step's condition is true; a step without one is taken.

    Raises:
        AELError, SkippedOutputError: It cannot be asked.
    """
    if step.when is None:
        return True
    return is_true(step.when.render(context, view_of(step, context, 1) if step.needs_view else None))


def bug(context: ExecutionContext, error: Exception) -> InternalError:
    """What broke must not, as an error; secrets are masked."""
    problem = InternalError(f"the engine broke: {type(error).__name__}: {error}")
    context.mask_error(problem)
    problem.__cause__ = error
    return problem


def as_error(context: ExecutionContext, error: Exception) -> AELError:
    """An error of ours as it is; anything else as the bug that it is."""
    return error if isinstance(error, AELError) else bug(context, error)


def absorbed(step: PlanStep, context: ExecutionContext, result: StepResult, *, now_ns: int) -> StepResult:
    """A failure that a join does without: the step counts as skipped, as by ``on_error: skip``."""
    assert result.error is not None
    skip = skipped(
        step,
        context,
        f"error: {result.error.code}",
        now_ns=now_ns,
        error=result.error,
        attempt=result.attempt,
        started_ns=result.started_ns,
    )
    return attrs.evolve(skip, attempts=result.attempts, steps=result.steps, items=result.items)


def _failure(step: PlanStep, error: AELError, *, now_ns: int, attempt: int = 0, started_ns: int = 0) -> StepResult:
    return StepResult(
        step.id, StepStatus.FAILED, None, error, None, attempt, step.max_attempts, started_ns, now_ns, usable=False
    )


def is_missing(step: PlanStep, error: AELError | None) -> bool:
    """Whether ``on_missing_tool`` skips it: no source offers the name; not that several do, or that one is down."""
    return (
        step.skip_missing_tool
        and error is not None
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
    fallback = step.policy.fallback if error is None else step.policy_for(error).fallback
    usable = fallback is not None and not reason.startswith(("stopped", "cancelled"))
    if usable and fallback is not None:
        try:
            output = fallback(context, view_of(step, context, attempt))
        except SkippedOutputError:
            usable = False
        except Exception as broken:  # noqa: BLE001 - also a bug of ours, which must leave nobody waiting
            problem = as_error(context, broken)
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


def internal_failure(step: PlanStep, path: str, error: BaseException, *, now_ns: int) -> StepResult:
    """Something broke that must not: the step fails whatever its error policy says."""
    problem = InternalError(f"step {path!r} broke the engine: {type(error).__name__}: {error}", step_id=path)
    problem.__cause__ = error
    return _failure(step, problem, now_ns=now_ns)


def unwritten(path: str, result: StepResult, error: Exception) -> StepResult:
    """The journal could not take the result: the step counts as failed, whatever it was, and claims nothing."""
    problem = AELError(
        f"the journal could not be written: {type(error).__name__}: {error}", code="JOURNAL_FAILED", step_id=path
    )
    problem.__cause__ = error
    return attrs.evolve(result, status=StepStatus.FAILED, output=None, error=problem, skip_reason=None, usable=False)


def locate(step: PlanStep, context: ExecutionContext, error: AELError) -> None:
    """Add the step's id and its place in the file to an error that does not have them, and mask secrets in it."""
    context.mask_error(error)
    if error.step_id is None:
        error.step_id = context.path(step)
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
    if error.code in _FIELDS:
        return _FIELDS[error.code]
    definition = step.definition
    body = definition.undo.body if step.code_key and definition.undo is not None else definition.body
    return (*step.code_key, _BODY_KEYS[type(body)])


_FIELDS: dict[str, Path] = {"ITEMS_FAILED": ("for_each",), "REPEAT_EXHAUSTED": ("repeat",)}
_BODY_KEYS: dict[type, str] = {
    ToolBody: "tool",
    CodeBody: "code",
    BlockBody: "steps",
    ChooseBody: "choose",
    WorkflowBody: "workflow",
    ExitBody: "exit",
}
