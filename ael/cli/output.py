"""Where a command's words go: data to stdout, words for people to stderr, and a number to the shell."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from datetime import date
from typing import TextIO

from ael.errors import AELError, InternalError, WorkflowInvalidError
from ael.observe.words import clean_text
from ael.types import ExecutionResult, ExecutionStatus, JsonValue

__all__ = [
    "COMPLETED",
    "FAILED",
    "INTERNAL",
    "INTERRUPTED",
    "INVALID",
    "USAGE",
    "animates",
    "exit_code",
    "report_error",
    "result_exit_code",
    "say",
    "uses_color",
    "write_data",
    "write_json",
]

COMPLETED = 0
FAILED = 1
USAGE = 2
INVALID = 3
INTERNAL = 5
INTERRUPTED = 130

_BEFORE_THE_FIRST_STEP = {
    "INPUT_INVALID": USAGE,
    "CONFIG_INVALID": USAGE,
    "WORKFLOW_NOT_FOUND": USAGE,
    "WORKFLOW_INVALID": INVALID,
    "CIRCULAR_DEPENDENCY": INVALID,
    "INTERNAL_ERROR": INTERNAL,
}
"""Code of an error that no step is to blame for → exit code; all others are :data:`FAILED`."""


def exit_code(error: AELError) -> int:
    """The exit code an error asks for. What a step says counts as failed, whatever code its tool made up."""
    if isinstance(error, InternalError):
        return INTERNAL
    return FAILED if error.step_id is not None else _BEFORE_THE_FIRST_STEP.get(error.code, FAILED)


def result_exit_code(result: ExecutionResult) -> int:
    """The exit code of a finished execution that nobody interrupted."""
    if result.status is ExecutionStatus.COMPLETED:
        return COMPLETED
    return FAILED if result.error is None else exit_code(result.error)


def write_data(text: str, stream: TextIO | None = None) -> None:
    """Write text and a line break to stdout. A reader that went away is no error: what we do still counts."""
    chosen = stream or sys.stdout
    try:
        chosen.write(text if text.endswith("\n") else text + "\n")
        chosen.flush()
    except BrokenPipeError:
        _discard(chosen)


def _discard(stream: TextIO) -> None:
    """Point a stream at nothing, so that what its buffer still holds can be flushed at the end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def write_json(value: JsonValue, *, compact: bool = False, stream: TextIO | None = None) -> None:
    """Write one JSON document to stdout; compact ones fill one line."""
    write_data(json.dumps(value, ensure_ascii=False, indent=None if compact else 2, default=_json_text), stream)


def _json_text(value: object) -> str:
    """What :meth:`ael.ExecutionResult.to_dict` makes of data that JSON has no form for."""
    if isinstance(value, date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def say(text: str = "") -> None:
    """Write a line for people to stderr; one that cannot be written is dropped."""
    try:
        print(text, file=sys.stderr, flush=True)  # click.echo writes past the live view's redirection
    except BrokenPipeError:
        _discard(sys.stderr)


def report_error(error: AELError) -> None:
    """Say an error in a sentence and its hint; a broken definition's diagnostics as frames."""
    if isinstance(error, WorkflowInvalidError) and error.diagnostics:
        from ael.language import render_text

        say(render_text(error.diagnostics, color=uses_color(sys.stderr)).rstrip("\n"))
        return
    message, problems = _split(error)
    say(f"error[{error.code}]: {message}")
    for problem in problems:
        say(f"  - {problem}")
    if error.hint:
        say(f"  help: {error.hint}")


def _split(error: AELError) -> tuple[str, list[str]]:
    """The message and the single problems below it; several that end the message are taken out of it."""
    message = clean_text(error.message)
    problems = [clean_text(str(problem)) for problem in error.details.get("problems") or ()]
    listed = "; ".join(problems)
    if len(problems) > 1 and message.endswith(listed):
        return message.removesuffix(listed).rstrip(" :"), problems
    return message, [problem for problem in problems if problem not in message]


def animates(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether lines may be redrawn: on a terminal that can, outside CI.

    rich's own answer cannot be used: ``FORCE_COLOR`` makes it true even for a pipe.
    """
    return stream.isatty() and environ.get("TERM") != "dumb" and not environ.get("CI")


def uses_color(stream: TextIO) -> bool:
    """Whether to colour what goes to ``stream``: ``NO_COLOR``, ``FORCE_COLOR``, then whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"
