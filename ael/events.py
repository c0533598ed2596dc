"""What happened in an execution, as small frozen values: one schema for ``events()``, ``--jsonl`` and logs.

``seq`` counts from 1 in each execution without a gap. An event is a masked view made for people and
programs outside: outputs and params are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, TypeAlias

import msgspec

from ael.types import JsonValue

__all__ = [
    "ErrorView",
    "Event",
    "ExecutionFinished",
    "ExecutionStarted",
    "LogEmitted",
    "StepAttemptFailed",
    "StepCancelled",
    "StepCompleted",
    "StepFailed",
    "StepReady",
    "StepSkipped",
    "StepStarted",
    "ToolCalled",
    "ToolReturned",
]


class ErrorView(msgspec.Struct, frozen=True):
    """What an event says of an error."""

    code: str
    message: str
    retryable: bool = False


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """The fields every event has; ``path`` is ``""`` for the execution itself, ``attempt`` 0 without one."""

    type: ClassVar[str]
    seq: int
    ts: datetime
    execution_id: str
    path: str = ""
    attempt: int = 0

    def to_dict(self) -> dict[str, JsonValue]:
        """JSON-ready: ``type seq ts execution_id path attempt`` first, then the event's own fields."""
        plain: dict[str, JsonValue] = {"type": self.type}
        for name in self.__struct_fields__:
            plain[name] = _plain(getattr(self, name))
        return plain


class ExecutionStarted(_Event, frozen=True, kw_only=True):
    """The inputs are valid and the first steps are about to start."""

    type = "execution_started"
    workflow_id: str
    workflow_version: str
    steps: int
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)


class StepReady(_Event, frozen=True, kw_only=True):
    """All that the step waits for has settled."""

    type = "step_ready"


class StepStarted(_Event, frozen=True, kw_only=True):
    """An attempt begins; ``max_attempts`` is how many there may be. Of a loop, ``items`` is how many it has."""

    type = "step_started"
    max_attempts: int = 1
    items: int | None = None


class StepAttemptFailed(_Event, frozen=True, kw_only=True):
    """An attempt failed; ``retry_at`` says when the next begins, ``None`` that there is none."""

    type = "step_attempt_failed"
    error: ErrorView
    retry_at: datetime | None = None


class StepCompleted(_Event, frozen=True, kw_only=True):
    """The step has its output."""

    type = "step_completed"
    duration_ms: float = 0.0


class StepFailed(_Event, frozen=True, kw_only=True):
    """The step failed, and with it the scope it is in."""

    type = "step_failed"
    error: ErrorView
    duration_ms: float = 0.0


class StepSkipped(_Event, frozen=True, kw_only=True):
    """The step does not run, or its failure was skipped; ``error`` is set for the latter."""

    type = "step_skipped"
    reason: str
    error: ErrorView | None = None


class StepCancelled(_Event, frozen=True, kw_only=True):
    """The step was running and was stopped."""

    type = "step_cancelled"
    reason: str | None = None


class ToolCalled(_Event, frozen=True, kw_only=True):
    """A tool is being called; ``server`` is ``None`` for Python functions and built-in tools."""

    type = "tool_called"
    tool: str
    server: str | None = None


class ToolReturned(_Event, frozen=True, kw_only=True):
    """The call is over, ``ok`` or not."""

    type = "tool_returned"
    tool: str
    server: str | None = None
    ok: bool = True
    duration_ms: float = 0.0


class LogEmitted(_Event, frozen=True, kw_only=True):
    """A tool or a code step said something; ``level`` is ``debug info warning error`` or ``progress``."""

    type = "log"
    level: str
    message: str
    fields: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)


class ExecutionFinished(_Event, frozen=True, kw_only=True):
    """The last event of an execution."""

    type = "execution_finished"
    status: str
    error: ErrorView | None = None
    duration_ms: float = 0.0


Event: TypeAlias = (
    ExecutionStarted
    | StepReady
    | StepStarted
    | StepAttemptFailed
    | StepCompleted
    | StepFailed
    | StepSkipped
    | StepCancelled
    | ToolCalled
    | ToolReturned
    | LogEmitted
    | ExecutionFinished
)


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, ErrorView):
        return msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value
