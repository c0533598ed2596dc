"""Why an execution failed, as a frame at the line of the file, with what the step was given and what it tried."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import attrs

from ael.cli.output import report_error, say, uses_color
from ael.definition import StepDefinition, WorkflowDefinition, blocks_of
from ael.diagnostics import Diagnostic, Severity
from ael.errors import AELError
from ael.language import read_file, render_text
from ael.observe.words import clean_text, format_duration, one_line
from ael.source import Source
from ael.types import AttemptResult, ExecutionResult, JsonValue, StepResult, StepStatus

__all__ = ["error_diagnostic", "report_failure"]

_ATTEMPTS_SHOWN = 5
_ITEMS_SHOWN = 5
_PARAMS_SHOWN = 20
_WIDEST = 120


def report_failure(error: AELError, result: ExecutionResult, definition: WorkflowDefinition) -> None:
    """Say on stderr what went wrong, where, with which params, in which attempts; of a loop, in which items."""
    _report_one(error, result, definition)
    step = _step_result(error, result)
    items = _failed_items(step)
    for line in _item_lines(items, result):
        say(line)
    first = items[0].error if items else None
    if first is not None:
        say()
        _report_one(first, result, definition)


def _report_one(error: AELError, result: ExecutionResult, definition: WorkflowDefinition) -> None:
    shown = _masked(error, result)
    diagnostic = error_diagnostic(shown, definition)
    if diagnostic is None:
        report_error(shown)
    else:
        say(_without_count(render_text([diagnostic], color=uses_color(sys.stderr))))
    step = _step_result(error, result)
    attempts = () if step is None else step.attempts
    most = 1 if step is None else step.max_attempts
    for line in (*_param_lines(shown.details.get("params")), *_attempt_lines(attempts, most, result)):
        say(line)


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


def _step_result(error: AELError, result: ExecutionResult) -> StepResult | None:
    if error.step_id is None:
        return None
    try:
        return result[error.step_id]
    except KeyError:
        return None


# -- the frame -------------------------------------------------------------------------------------


def _without_count(frames: str) -> str:
    """The frame alone: that there is one of it needs no saying."""
    return frames.rstrip("\n").rpartition("\n\n")[0] or frames.rstrip("\n")


@attrs.frozen
class _Place:
    """Where a frame points to; ``text`` is the line, if it is at hand."""

    file: str
    line: int
    column: int
    end_column: int
    text: str | None


def error_diagnostic(error: AELError, definition: WorkflowDefinition) -> Diagnostic | None:
    """The error at its place in the file: its own, else its step's; ``None`` where there is no file."""
    place = _own_place(error, definition) or _place_of_step(error, definition)
    if place is None:
        return None
    who = "" if error.step_id is None else f"step {error.step_id!r}: "
    message = clean_text(error.message)
    return Diagnostic(
        code=error.code,
        severity=Severity.ERROR,
        message=message if error.step_id and repr(error.step_id) in message else who + message,
        hint=error.hint,
        file=place.file,
        line=place.line,
        column=place.column,
        end_line=place.line,
        end_column=place.end_column,
        source_line=place.text,
    )


def _own_place(error: AELError, definition: WorkflowDefinition) -> _Place | None:
    """The place that the error names: in this file, or in that of a workflow it calls."""
    line, column, file = (error.details.get(key) for key in ("line", "column", "file"))
    source = definition.source
    if not isinstance(line, int) or (source is None and not isinstance(file, str)):
        return None
    if isinstance(file, str) and (source is None or file != source.name):
        read = read_file(file)
        source = read if isinstance(read, Source) else Source("", file)
    assert source is not None, "one of the two is there"
    text = source.line(line)
    start = column if isinstance(column, int) else len(text) - len(text.lstrip()) + 1
    return _Place(source.name, line, start, max(start + 1, len(text.rstrip()) + 1), text or None)


def _place_of_step(error: AELError, definition: WorkflowDefinition) -> _Place | None:
    source = definition.source
    step = _definition_of(error.step_id or "", definition)
    node = None if step is None else definition.spans.get((*step.path, "id"))
    if source is None or node is None:
        return None
    line, column, _, end_column = node.value
    return _Place(source.name, line, column, max(end_column, column + 1), source.line(line))


_ITEM = re.compile(r"\[.*?\](?=[.\[:]|$)", re.DOTALL)


def _definition_of(path: str, definition: WorkflowDefinition) -> StepDefinition | None:
    """The step that a path names; of one in another workflow, the step that calls it."""
    found: StepDefinition | None = None
    steps: Sequence[StepDefinition] = (*definition.steps, *definition.finally_steps)
    for step_id in _ITEM.sub("", path).partition(":")[0].split("."):
        inner = next((step for step in steps if step.id == step_id), None)
        if inner is None:
            break
        found = inner
        steps = [step for block in blocks_of(inner) for step in block]
    return found


# -- params, attempts, items -----------------------------------------------------------------------


def _param_lines(params: JsonValue) -> Iterator[str]:
    if not isinstance(params, Mapping) or not params:
        return
    yield "  params:"
    for name in list(params)[:_PARAMS_SHOWN]:
        yield _cut(f"    {one_line(str(name))}: {_shown(params[name])}")
    if len(params) > _PARAMS_SHOWN:
        yield f"    … {len(params) - _PARAMS_SHOWN} more"


def _shown(value: JsonValue) -> str:
    return one_line(json.dumps(value, ensure_ascii=False, default=str))


def _cut(line: str) -> str:
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"


def _attempt_lines(attempts: Sequence[AttemptResult], most: int, result: ExecutionResult) -> list[str]:
    """What the attempts said and when, where there was more than one; equal ones in a row share a line."""
    if len(attempts) < 2:
        return []
    lines: list[str] = []
    for text, group in groupby(attempts, key=lambda attempt: _error_text(attempt.error, result)):
        members = list(group)
        first, last = members[0], members[-1]
        which = f"attempt {first.number}" if first is last else f"attempts {first.number} to {last.number}"
        when = " to ".join(dict.fromkeys((_when(first, result), _when(last, result))))
        lines.append(f"  {which} of {most} (at {when}): {text}")
    if len(lines) > _ATTEMPTS_SHOWN:
        lines[1 : 1 - _ATTEMPTS_SHOWN] = [f"  … {len(lines) - _ATTEMPTS_SHOWN} lines more"]
    return lines


def _when(attempt: AttemptResult, result: ExecutionResult) -> str:
    """When an attempt ended, since the execution began."""
    return format_duration((attempt.completed_ns - result.started_ns) / 1e9)


def _error_text(error: AELError, result: ExecutionResult) -> str:
    message = error.message if result.mask is None else str(result.mask(error.message))
    return f"{error.code}: {one_line(message)}"


def _failed_items(step: StepResult | None) -> list[StepResult]:
    """The items that failed, of a step that is a loop."""
    items = [] if step is None or step.items is None else step.items
    return [item for item in items if item.status is StepStatus.FAILED and item.error is not None]


def _item_lines(items: Sequence[StepResult], result: ExecutionResult) -> Iterator[str]:
    for item in items[:_ITEMS_SHOWN]:
        assert item.error is not None, "it has failed"
        yield _cut(f"  {item.error.step_id or item.step_id}: {_error_text(item.error, result)}")
    if len(items) > _ITEMS_SHOWN:
        yield f"  … {len(items) - _ITEMS_SHOWN} more"
