"""Every error ael raises or records, and the registry of what their codes mean.

The tree is split by what went wrong; the code says it precisely. ``AELError`` carries what a person
or an agent needs to react: code, category, whether trying again can help, details, a hint. An error with a
place in a workflow file has ``file``, ``line`` and ``column`` in ``details``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

if TYPE_CHECKING:
    from ael.diagnostics import Diagnostic

__all__ = [
    "REGISTRY",
    "AELError",
    "CodeError",
    "ConfigInvalidError",
    "ErrorCategory",
    "ErrorRegistry",
    "ErrorSpec",
    "InputInvalidError",
    "InternalError",
    "OutputInvalidError",
    "ParamInvalidError",
    "TemplateError",
    "TimeoutExceededError",
    "ToolError",
    "ToolLostError",
    "ToolTimeoutError",
    "ToolUnavailableError",
    "WorkflowInvalidError",
    "WorkflowNotFoundError",
]


class ErrorCategory(enum.StrEnum):
    """Where the fault lies."""

    WORKFLOW = "workflow"
    VALIDATION = "validation"
    EXECUTION = "execution"
    TOOL = "tool"
    CODE = "code"
    SYSTEM = "system"


@attrs.frozen
class ErrorSpec:
    """What a code means: its category, whether trying again can help, a general hint, and when it occurs."""

    code: str
    category: ErrorCategory
    retryable: bool
    hint: str | None = None
    meaning: str = ""


class ErrorRegistry:
    """Code → :class:`ErrorSpec`. Unknown codes, which tools may make up, count as retryable tool errors."""

    def __init__(self, specs: Sequence[ErrorSpec] = ()) -> None:
        self._specs = {spec.code: spec for spec in specs}

    def register(self, spec: ErrorSpec) -> None:
        """Add a code of your own.

        Raises:
            ValueError: The code is taken, with another meaning.
        """
        if self._specs.setdefault(spec.code, spec) != spec:
            raise ValueError(f"error code {spec.code!r} is registered already, as {self._specs[spec.code]}")

    def get(self, code: str) -> ErrorSpec:
        """What ``code`` means; a retryable tool error if nobody registered it."""
        return self._specs.get(code) or ErrorSpec(code, ErrorCategory.TOOL, retryable=True)

    def __contains__(self, code: object) -> bool:
        return code in self._specs

    def __iter__(self) -> Iterator[ErrorSpec]:
        return iter(self._specs.values())


_CATEGORY = ErrorCategory
REGISTRY = ErrorRegistry(
    [
        ErrorSpec(
            "WORKFLOW_NOT_FOUND",
            _CATEGORY.WORKFLOW,
            False,
            "list the folders and files given as workflows",
            "There is no workflow of that name.",
        ),
        ErrorSpec(
            "WORKFLOW_INVALID",
            _CATEGORY.VALIDATION,
            False,
            "run `ael check` on the file",
            "The definition has errors; the diagnostics say which, and where.",
        ),
        ErrorSpec(
            "CIRCULAR_DEPENDENCY",
            _CATEGORY.VALIDATION,
            False,
            "remove one of the dependencies on the path",
            "Steps wait for each other in a circle, and nothing else is wrong with the definition.",
        ),
        ErrorSpec(
            "INPUT_INVALID",
            _CATEGORY.VALIDATION,
            False,
            "compare the inputs with the workflow's `inputs`",
            "The inputs do not fit what the workflow declares.",
        ),
        ErrorSpec(
            "PARAM_INVALID",
            _CATEGORY.VALIDATION,
            False,
            "compare the params with the tool's input schema",
            "Rendered params do not fit the tool's input schema; the tool was not called.",
        ),
        ErrorSpec(
            "OUTPUT_INVALID",
            _CATEGORY.VALIDATION,
            False,
            "the step results are kept; see `outputs` in the file",
            "The template of an output failed, or its value does not fit its schema.",
        ),
        ErrorSpec(
            "TEMPLATE_ERROR",
            _CATEGORY.EXECUTION,
            False,
            "`| default(x)` covers a value that may be missing",
            "A template could not be rendered, most often because something it reads is not there.",
        ),
        ErrorSpec(
            "TOOL_UNAVAILABLE",
            _CATEGORY.TOOL,
            False,
            "`ael tools list` shows the tools there are",
            "No known source offers the tool, or its server cannot be reached.",
        ),
        ErrorSpec(
            "TOOL_FAILED",
            _CATEGORY.TOOL,
            True,
            None,
            "The tool raised an exception, or said itself that the call failed.",
        ),
        ErrorSpec(
            "TOOL_TIMEOUT",
            _CATEGORY.TOOL,
            True,
            "raise `timeout`, or retry if the tool is idempotent",
            "The tool took longer than the attempt's timeout: whether it took effect is unknown.",
        ),
        ErrorSpec(
            "TOOL_LOST",
            _CATEGORY.TOOL,
            True,
            "the call may have taken effect; retry if the tool is idempotent",
            "The connection broke during the call: whether it took effect is unknown.",
        ),
        ErrorSpec("CODE_SYNTAX", _CATEGORY.CODE, False, None, "The code of a step is no Python."),
        ErrorSpec(
            "CODE_UNSUPPORTED",
            _CATEGORY.CODE,
            False,
            "the executor runs a subset of Python; rewrite the step",
            "The code uses something of Python that its executor does not have.",
        ),
        ErrorSpec(
            "CODE_SECURITY",
            _CATEGORY.CODE,
            False,
            "code steps have no files, network or processes",
            "The code asks for something that code steps must not do.",
        ),
        ErrorSpec(
            "CODE_LIMIT",
            _CATEGORY.CODE,
            False,
            "do less in one step, or raise the engine's code limits",
            "The code used more memory, output or tool calls than a step may.",
        ),
        ErrorSpec(
            "CODE_RUNTIME",
            _CATEGORY.CODE,
            True,
            None,
            "The code raised an exception, or its result is no data; the place is a line of the file.",
        ),
        ErrorSpec(
            "CODE_TIMEOUT",
            _CATEGORY.CODE,
            True,
            "do less in one step, or raise its `timeout`",
            "The code computed for longer than it may, or took longer than the attempt's timeout.",
        ),
        ErrorSpec(
            "STEP_TIMEOUT",
            _CATEGORY.EXECUTION,
            False,
            "raise the step's `timeout`",
            "The time of the whole step is over, or an attempt of a block or loop took too long.",
        ),
        ErrorSpec(
            "ITEMS_FAILED",
            _CATEGORY.EXECUTION,
            False,
            "`for_each.tolerate` lets some fail; `steps.ID.items` tells which",
            "More items of a loop failed than `tolerate` allows.",
        ),
        ErrorSpec(
            "REPEAT_EXHAUSTED",
            _CATEGORY.EXECUTION,
            False,
            "raise `repeat.max`, or check what `until` asks",
            "The last round is over and `until` does not hold.",
        ),
        ErrorSpec(
            "DEPTH_EXCEEDED",
            _CATEGORY.EXECUTION,
            False,
            "workflows call each other at most 10 deep",
            "Workflows call each other too deep, or themselves without end.",
        ),
        ErrorSpec(
            "EXIT",
            _CATEGORY.EXECUTION,
            False,
            None,
            "An `exit` step with `status: failed` ended the workflow; the message is its `reason`.",
        ),
        ErrorSpec(
            "WORKFLOW_TIMEOUT",
            _CATEGORY.EXECUTION,
            False,
            "raise `timeout` of the workflow",
            "The time of the whole execution is over; finished steps are kept.",
        ),
        ErrorSpec("CANCELLED", _CATEGORY.EXECUTION, False, None, "Somebody cancelled the execution."),
        ErrorSpec(
            "CONFIG_INVALID",
            _CATEGORY.SYSTEM,
            False,
            "see README, section Configuration",
            "Settings, a configuration file or an execution's `config` are wrong.",
        ),
        ErrorSpec(
            "JOURNAL_FAILED",
            _CATEGORY.SYSTEM,
            False,
            "nothing that was not written is claimed",
            "The journal could not be written; the execution stopped there.",
        ),
        ErrorSpec("INTERNAL_ERROR", _CATEGORY.SYSTEM, False, "this is a bug in ael; please report it", "A bug in ael."),
    ]
)
"""The codes of ael itself."""


class AELError(Exception):
    """The root of all errors of ael.

    Args:
        message: One sentence: what is wrong, where, with the names involved.
        code: Defaults to the class's.
        retryable: Whether trying again can help; defaults to what the registry says of the code.
        category: Likewise.
        step_id: The step it happened in.
        details: Anything else worth knowing, JSON-ready: ``file``, ``line``, ``column``, ``problems``, …
        hint: What to do; defaults to the registry's general hint for the code.
        retry_after: Seconds to wait at least before trying again, as the failing side asked.
    """

    default_code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool | None = None,
        category: ErrorCategory | None = None,
        step_id: str | None = None,
        details: Mapping[str, Any] | None = None,
        hint: str | None = None,
        retry_after: float | timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        spec = REGISTRY.get(self.code)
        self.category = category or spec.category
        self.retryable = spec.retryable if retryable is None else retryable
        self.step_id = step_id
        self.details: dict[str, Any] = dict(details or {})
        self.hint = hint if hint is not None else spec.hint
        self.retry_after = retry_after.total_seconds() if isinstance(retry_after, timedelta) else retry_after

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}: {self.message})"

    def to_dict(self) -> dict[str, Any]:
        """The error as data; ``details`` as they are."""
        return {
            "code": self.code,
            "message": self.message,
            "category": self.category.value,
            "retryable": self.retryable,
            "step_id": self.step_id,
            "details": self.details,
            "hint": self.hint,
        }


class WorkflowNotFoundError(AELError):
    """There is no workflow of that name."""

    default_code = "WORKFLOW_NOT_FOUND"


class WorkflowInvalidError(AELError):
    """A definition has errors; ``diagnostics`` has all of them, and the warnings and notes."""

    default_code = "WORKFLOW_INVALID"

    def __init__(self, message: str, *, diagnostics: Sequence[Diagnostic] = (), code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.diagnostics = tuple(diagnostics)
        self.details["diagnostics"] = [str(diagnostic) for diagnostic in diagnostics]


class InputInvalidError(AELError):
    """The inputs do not fit what the workflow declares; ``details["problems"]`` lists them all."""

    default_code = "INPUT_INVALID"


class ParamInvalidError(AELError):
    """Rendered params do not fit the tool's input schema; ``details["problems"]`` lists them all."""

    default_code = "PARAM_INVALID"


class OutputInvalidError(AELError):
    """An output's template failed, or its value does not fit its schema."""

    default_code = "OUTPUT_INVALID"


class TemplateError(AELError):
    """A template could not be rendered; ``details["expression"]`` names it."""

    default_code = "TEMPLATE_ERROR"


class ToolError(AELError):
    """For tools to raise: the call failed, in a way they can name.

    Args:
        message: What went wrong, for people.
        code: ``TOOL_FAILED``, or a code of your own, which ``retry.on`` and handlers can name.
        retryable: Whether trying again can help.
        retry_after: Seconds to wait at least before that.
        details: JSON-ready.
    """

    default_code = "TOOL_FAILED"


class ToolUnavailableError(AELError):
    """No known source offers the tool, or its server cannot be reached (then ``retryable``)."""

    default_code = "TOOL_UNAVAILABLE"


class ToolLostError(ToolError):
    """The connection broke during the call: whether it took effect is unknown."""

    default_code = "TOOL_LOST"


class ToolTimeoutError(ToolError):
    """The tool took longer than the attempt's timeout: whether it took effect is unknown."""

    default_code = "TOOL_TIMEOUT"


class CodeError(AELError):
    """A code step failed; ``details`` has ``line`` and ``column`` in the workflow file where known."""

    default_code = "CODE_RUNTIME"


class TimeoutExceededError(AELError):
    """A step's total timeout, or the workflow's, is over."""

    default_code = "STEP_TIMEOUT"


class ConfigInvalidError(AELError):
    """Settings, a configuration file or an execution's ``config`` are wrong."""

    default_code = "CONFIG_INVALID"


class InternalError(AELError):
    """A bug in ael."""

    default_code = "INTERNAL_ERROR"
