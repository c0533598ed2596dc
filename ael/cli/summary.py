"""The last words about an execution: its outputs, why it failed and where, and one line that counts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from ael.cli.output import report_error, say, uses_color, write_json
from ael.definition import WorkflowDefinition
from ael.diagnostics import Diagnostic, Severity
from ael.errors import AELError
from ael.events import ErrorView
from ael.language import render_text
from ael.observe.progress import Board, clean_text, format_duration, one_line
from ael.types import ExecutionResult, StepResult

__all__ = ["error_diagnostic", "report_result", "summary_line"]

_ATTEMPTS_SHOWN = 5


def report_result(result: ExecutionResult, definition: WorkflowDefinition, board: Board, *, outputs: bool) -> None:
    """Say all this on stderr; with ``outputs`` write those of a completed execution to stdout."""
    for warning in result.warnings:
        say(f"warning: {one_line(warning)}")
    if result.error is not None:
        _report_failure(_masked(result.error, result), definition, board)
    say(summary_line(result))
    if result.ok and outputs:
        write_json(result.to_dict()["outputs"])


def _masked(error: AELError, result: ExecutionResult) -> AELError:
    """The error as it may be shown: without the values of secrets."""
    if result.mask is None:
        return error
    shown = AELError(
        result.mask(error.message),
        code=error.code,
        category=error.category,
        step_id=error.step_id,
        details=result.mask(error.details),
    )
    shown.hint = result.mask(error.hint)
    return shown


def _report_failure(error: AELError, definition: WorkflowDefinition, board: Board) -> None:
    diagnostic = error_diagnostic(error, definition)
    if diagnostic is None:
        report_error(error)
    else:
        say(_without_count(render_text([diagnostic], color=uses_color(sys.stderr))))
    row = board.rows.get(error.step_id or "")
    if row is not None:
        for line in _attempt_lines(row.failures, row.max_attempts):
            say(line)


def _without_count(frames: str) -> str:
    """The frame alone: that there is one of it needs no saying."""
    return frames.rstrip("\n").rpartition("\n\n")[0] or frames.rstrip("\n")


def error_diagnostic(error: AELError, definition: WorkflowDefinition) -> Diagnostic | None:
    """The error at its place in the file: its own, else its step's; ``None`` where there is no file."""
    source = definition.source
    place = _place(error, definition)
    if source is None or place is None:
        return None
    line, column, end_column = place
    who = "" if error.step_id is None else f"step {error.step_id!r}: "
    message = clean_text(error.message)
    return Diagnostic(
        code=error.code,
        severity=Severity.ERROR,
        message=message if error.step_id and repr(error.step_id) in message else who + message,
        hint=error.hint,
        file=source.name,
        line=line,
        column=column,
        end_line=line,
        end_column=end_column,
        source_line=source.line(line),
    )


def _place(error: AELError, definition: WorkflowDefinition) -> tuple[int, int, int] | None:
    source = definition.source
    line, column = error.details.get("line"), error.details.get("column")
    if source is not None and isinstance(line, int) and error.details.get("file") in {None, source.name}:
        text = source.line(line)
        start = column if isinstance(column, int) else len(text) - len(text.lstrip()) + 1
        return line, start, max(start + 1, len(text.rstrip()) + 1)
    steps = [step for step in definition.steps if step.id == error.step_id]
    node = definition.spans.get((*steps[0].path, "id")) if steps else None
    if node is None:
        return None
    return node.value.line, node.value.column, max(node.value.end_column, node.value.column + 1)


def _attempt_lines(failures: Sequence[tuple[int, ErrorView]], most: int) -> list[str]:
    """What the attempts said, where there was more than one; equal ones in a row share a line."""
    if len(failures) < 2:
        return []
    lines: list[str] = []
    for text, group in groupby(failures, key=lambda failure: f"{failure[1].code}: {one_line(failure[1].message)}"):
        numbers = [attempt for attempt, _ in group]
        which = f"attempt {numbers[0]}" if len(numbers) == 1 else f"attempts {numbers[0]} to {numbers[-1]}"
        lines.append(f"  {which} of {most}: {text}")
    if len(lines) > _ATTEMPTS_SHOWN:
        lines[1 : 1 - _ATTEMPTS_SHOWN] = [f"  … {len(lines) - _ATTEMPTS_SHOWN} lines more"]
    return lines


def summary_line(result: ExecutionResult) -> str:
    """``repo-digest completed in 1.2 s: 2 completed, 1 skipped``."""
    counts = Counter(step.status.value for step in result.step_results)
    steps = ", ".join(f"{count} {status}" for status, count in counts.items())
    head = f"{result.workflow_id} {result.status.value} in {format_duration(result.duration_ms / 1000)}"
    retried = sum(_retries(step) for step in result.step_results)
    tail = f", {retried} {'retry' if retried == 1 else 'retries'}" if retried else ""
    return f"{head}: {steps}{tail}" if steps else head


def _retries(step: StepResult) -> int:
    return max(step.attempt - 1, 0)
