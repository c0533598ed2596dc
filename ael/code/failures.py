"""From what the sandbox raises to the errors of the language, with places in the workflow file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import attrs

from ael.code.program import Program
from ael.code.subset import missing_module
from ael.errors import CodeError
from ael.ports import CodeCall, CodeProblem
from ael.types import JsonValue

__all__ = ["Frame", "Limits", "Place", "Raised", "error_of_problem", "failure"]

_SHOWN_FRAMES = 12
_UNSUPPORTED = re.compile(r"The monty syntax parser does not yet support (.+)")


@attrs.frozen
class Frame:
    """One call on the way to an error; the line is of what was sent."""

    line: int
    column: int
    function: str | None


@attrs.frozen
class Raised:
    """What came out of the sandbox: the exception's type and text, and the frames, outermost first."""

    kind: str
    message: str
    frames: Sequence[Frame]


@attrs.frozen
class Limits:
    """What the sandbox was told to allow: seconds of computing, bytes of memory."""

    cpu_s: float
    memory: int

    @property
    def too_slow(self) -> str:
        """What is said when the time is over."""
        return f"the code computed for longer than the {self.cpu_s:g} s it may"


@attrs.frozen
class Place:
    """Where the code is in its file, and how many lines were sent before it."""

    call: CodeCall
    program: Program
    lines_before: int = 0

    def user_frames(self, frames: Sequence[Frame]) -> list[Frame]:
        """The frames in the user's own code, with its own lines and columns."""
        last = len(self.program.lines)
        own = [attrs.evolve(frame, line=frame.line - self.lines_before) for frame in frames]
        return [
            attrs.evolve(frame, column=self.program.column(frame.line, frame.column))
            for frame in own
            if 1 <= frame.line <= last
        ]

    def line(self, line: int) -> int:
        """The line in the file of a line of the code."""
        return line if self.call.first_line is None else self.call.first_line + line - 1

    def details(self, line: int | None, column: int | None) -> dict[str, JsonValue]:
        """``file``, ``line`` and ``column``, as far as known."""
        details: dict[str, JsonValue] = {}
        if self.call.file is not None:
            details["file"] = self.call.file
        if line is not None and column is not None:
            details["line"] = self.line(line)
            details["column"] = column + self.call.first_column - 1
        return details

    def traceback(self, frames: Sequence[Frame], last_line: str) -> str:
        """A traceback as Python writes it, of the user's frames; a long one is cut in the middle."""
        shown = [self._frame_text(frame) for frame in frames]
        if len(shown) > _SHOWN_FRAMES:
            half = _SHOWN_FRAMES // 2
            shown[half:-half] = [f"  … {len(shown) - 2 * half} more …"]
        return "\n".join(["Traceback (most recent call last):", *shown, last_line])

    def _frame_text(self, frame: Frame) -> str:
        file = self.call.file or "<code>"
        source = self.program.lines[frame.line - 1].strip()
        return f'  File "{file}", line {self.line(frame.line)}, in {frame.function or "<module>"}\n    {source}'


def error_of_problem(problem: CodeProblem, place: Place) -> CodeError:
    """The error of a step that would not run anyway."""
    details = place.details(problem.line, problem.column)
    message = f"{problem.message} (line {details['line']})"
    return CodeError(message, code=problem.code, details=details, hint=problem.hint)


def failure(raised: Raised, place: Place, limits: Limits) -> CodeError:
    """The error for an exception that left the code, or that the sandbox made of a limit."""
    frames = place.user_frames(raised.frames)
    name = re.sub(r"'__ael_View' object", "this object", raised.message)
    last = f"{raised.kind}: {name}" if name else raised.kind
    details = place.details(frames[-1].line, frames[-1].column) if frames else place.details(None, None)
    if frames:
        details["traceback"] = place.traceback(frames, last)
    for recognise in _SPECIAL:
        special = recognise(raised, limits)
        if special is not None:
            where = f" (line {details['line']})" if "line" in details else ""
            return CodeError(special.message + where, code=special.code, details=details, hint=special.hint)
    where = f" in line {details['line']}" if "line" in details else ""
    return CodeError(f"{raised.kind}{where}: {name}" if name else f"{raised.kind}{where}", details=details)


def _time_limit(raised: Raised, limits: Limits) -> CodeProblem | None:
    # The limit's own TimeoutError comes without frames; one that the code raises has some.
    if raised.kind == "TimeoutError" and not raised.frames and "time limit exceeded" in raised.message:
        return CodeProblem("CODE_TIMEOUT", limits.too_slow)
    return None


def _memory_limit(raised: Raised, limits: Limits) -> CodeProblem | None:
    if raised.kind == "MemoryError" and raised.message.startswith("memory limit exceeded"):
        return CodeProblem("CODE_LIMIT", f"the code needs more memory than the {limits.memory:,} bytes it may have")
    return None


def _calls_limit(raised: Raised, _: Limits) -> CodeProblem | None:
    if raised.kind == "RuntimeError" and re.fullmatch(r"suspension limit \d+ exceeded", raised.message):
        return CodeProblem("CODE_LIMIT", "the code calls log() or sleeps more often than it may")
    return None


def _syntax(raised: Raised, _: Limits) -> CodeProblem | None:
    compiling = bool(raised.frames) and raised.frames[-1].function is None
    if raised.kind == "SyntaxError" and compiling:
        return CodeProblem("CODE_SYNTAX", f"syntax error: {raised.message}")
    if raised.kind == "NotImplementedError" and compiling:
        found = _UNSUPPORTED.search(raised.message)
        what = found.group(1) if found else raised.message
        hint = "the safe executor runs a subset of Python; write it another way"
        return CodeProblem("CODE_UNSUPPORTED", f"the safe executor does not support {what}", hint=hint)
    return None


def _import(raised: Raised, _: Limits) -> CodeProblem | None:
    module = re.match(r"No module named '([^']+)'", raised.message)
    if raised.kind == "ModuleNotFoundError" and module:
        return missing_module(module.group(1))
    name = re.match(r"cannot import name '([^']+)' from '([^']+)'", raised.message)
    if raised.kind == "ImportError" and name:
        message = f"{name.group(2)}.{name.group(1)} does not exist in the safe executor"
        return CodeProblem("CODE_UNSUPPORTED", message, hint="write it another way")
    return None


def _sandbox_gap(raised: Raised, _: Limits) -> CodeProblem | None:
    if not raised.frames and raised.message.startswith("Internal error in monty: exceptions can only"):
        message = "the safe executor's exceptions take one text: something else is raised"
        return CodeProblem("CODE_UNSUPPORTED", message, hint="write `raise ValueError(str(x))`, or f-strings")
    return None


_SPECIAL: tuple[Callable[[Raised, Limits], CodeProblem | None], ...] = (
    _time_limit,
    _memory_limit,
    _calls_limit,
    _syntax,
    _import,
    _sandbox_gap,
)
