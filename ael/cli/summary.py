"""The last words about an execution: its outputs, why it failed and where, and one line that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ael.cli.failures import report_failure
from ael.cli.output import say, write_json
from ael.definition import WorkflowDefinition
from ael.observe.words import format_duration, one_line
from ael.types import ExecutionResult, StepResult, StepStatus

__all__ = ["report_result", "summary_line"]


def report_result(result: ExecutionResult, definition: WorkflowDefinition, *, outputs: bool) -> None:
    """Say all this on stderr; with ``outputs`` write those of a completed execution to stdout."""
    for warning in result.warnings:
        say(f"warning: {one_line(warning)}")
    if result.error is not None:
        report_failure(result.error, result, definition)
    say(summary_line(result))
    if result.ok and outputs:
        write_json(result.to_dict()["outputs"])


def summary_line(result: ExecutionResult) -> str:
    """``repo-digest completed in 1.2 s: 2 completed, 1 skipped``, and what needed more than one attempt."""
    counts = Counter(step.status.value for step in result.step_results)
    steps = ", ".join(f"{count} {status}" for status, count in counts.items())
    head = f"{result.workflow_id} {result.status.value} in {format_duration(result.duration_ms / 1000)}"
    retried = sum(max(step.attempt - 1, 0) for step in _all(result.step_results))
    lost = sum(item.status is StepStatus.FAILED for step in _all(result.step_results) for item in step.items or ())
    tails = [f", {count} {word if count == 1 else words}" for count, word, words in _tails(lost, retried) if count]
    return f"{head}: {steps}{''.join(tails)}" if steps else head


def _tails(lost: int, retried: int) -> Iterator[tuple[int, str, str]]:
    yield lost, "failed item", "failed items"
    yield retried, "retry", "retries"


def _all(steps: Iterable[StepResult]) -> Iterator[StepResult]:
    """Steps and items at every depth. An item that is itself the run of a tool counts its attempts."""
    stack = list(steps)
    while stack:
        step = stack.pop()
        yield step
        stack.extend(step.items or ())
        stack.extend(step.steps)
