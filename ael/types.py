"""The types that everybody shares: statuses, policies, and results.

Results keep instants as integer nanoseconds since the epoch and make datetimes when read: an
execution of ten thousand steps writes one object per step and converts nothing.
"""

from __future__ import annotations

import base64
import enum
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import attrs

from ael.errors import AELError

__all__ = [
    "AttemptResult",
    "Backoff",
    "ExecutionResult",
    "ExecutionStatus",
    "JsonValue",
    "OnError",
    "RetryConfig",
    "StepResult",
    "StepStatus",
    "TimeoutConfig",
    "datetime_from_ns",
]

JsonValue: TypeAlias = Any
"""JSON, plus datetime, date, Decimal and bytes. The only ``Any`` of the package."""


_from_timestamp = datetime.fromtimestamp
_FIRST_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def datetime_from_ns(nanoseconds: int) -> datetime:
    """The UTC-aware datetime of an instant in nanoseconds since the epoch, to the microsecond."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


class ExecutionStatus(enum.StrEnum):
    """Where an execution is. ``completed``, ``failed`` and ``cancelled`` are final."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WAITING = "waiting"


class StepStatus(enum.StrEnum):
    """Where a step is. ``completed``, ``failed``, ``skipped`` and ``cancelled`` are final."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    WAITING = "waiting"
    IN_DOUBT = "in_doubt"


class OnError(enum.StrEnum):
    """What a step's failure does: stop its scope, skip the step, or try again first."""

    FAIL = "fail"
    SKIP = "skip"
    RETRY = "retry"


class Backoff(enum.StrEnum):
    """How the wait grows: d, d·m, d·m² | d, 2d, 3d | d, d, d."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    FIXED = "fixed"


@attrs.frozen
class RetryConfig:
    """When a failed attempt is followed by another.

    Attributes:
        max_attempts: All attempts, the first included; at least 1.
        backoff: How the wait grows from attempt to attempt.
        delay: Seconds before the second attempt; at least 0.
        multiplier: Growth of an exponential wait.
        max_delay: Seconds no wait exceeds, before jitter is added.
        jitter: ``"none"``; ``"full"``: anything from 0 to the wait; a fraction: up to so much more.
        on: Codes that are retried; empty: all that are retryable.
        except_: Codes that are not.
        on_exhausted: What ``on_error: retry`` does when no attempt is left.
    """

    max_attempts: int = 3
    backoff: Backoff = Backoff.EXPONENTIAL
    delay: float = 1.0
    multiplier: float = 2.0
    max_delay: float = 60.0
    jitter: float | Literal["none", "full"] = 0.1
    on: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()
    on_exhausted: OnError = OnError.FAIL


@attrs.frozen
class TimeoutConfig:
    """Seconds, or ``None`` for no bound.

    Attributes:
        attempt: Of one attempt, from the start of the call.
        total: Of the whole step, from the moment it is ready, waits included.
        idle: Of an attempt without progress: reset whenever the tool reports some.
    """

    attempt: float | None = None
    total: float | None = None
    idle: float | None = None


@attrs.frozen
class AttemptResult:
    """One attempt that failed: which, why, and when it ended (nanoseconds since the epoch)."""

    number: int
    error: AELError
    completed_ns: int

    @property
    def completed_at(self) -> datetime:
        """When it ended, UTC."""
        return datetime_from_ns(self.completed_ns)

    def to_dict(self) -> dict[str, JsonValue]:
        """JSON-ready. Secrets are *not* masked here."""
        return {
            "number": self.number,
            "error": _json_ready(self.error.to_dict()),
            "completed_at": _json_ready(self.completed_at),
        }


@attrs.define
class StepResult:
    """What became of one step, or of one item of a loop.

    Attributes:
        step_id: The id in the file.
        status: One of the final statuses once the execution has ended.
        output: The value; of a skipped step its ``fallback``, else ``None``.
        error: Why it failed, also when ``on_error: skip`` then skipped it.
        skip_reason: Starts with ``condition``, ``dependency: ID``, ``error: CODE``,
            ``missing_tool``, ``stopped: ID`` or ``cancelled``.
        attempt: The last attempt that was begun; 0 if the step never started.
        max_attempts: How many there could have been.
        started_ns, completed_ns: Nanoseconds since the epoch; 0 for never.
        usable: Whether ``output`` may be read by other steps: false for a step that was skipped
            or cancelled without ``fallback``.
        attempts: The attempts that failed, in order, also when a later one completed.
        steps: Of a block, a branch or a workflow: its steps, in file order; of its last attempt and round.
        items: Of a ``for_each``, one result per item that was begun, in order; ``None`` for other steps.
        key: Of an item: its key, if the loop has one.
    """

    step_id: str
    status: StepStatus
    output: JsonValue = None
    error: AELError | None = None
    skip_reason: str | None = None
    attempt: int = 0
    max_attempts: int = 1
    started_ns: int = 0
    completed_ns: int = 0
    usable: bool = True
    attempts: tuple[AttemptResult, ...] = ()
    steps: Sequence[StepResult] = ()
    items: Sequence[StepResult] | None = None
    key: str | None = None

    @property
    def success(self) -> bool:
        """Whether the step completed."""
        return self.status is StepStatus.COMPLETED

    @property
    def started_at(self) -> datetime | None:
        """When the step started, UTC; ``None`` if it never did."""
        return _from_timestamp(self.started_ns / 1e9, UTC) if self.started_ns else None

    @property
    def completed_at(self) -> datetime | None:
        """When the step reached its final status, UTC; ``None`` if it has not."""
        return _from_timestamp(self.completed_ns / 1e9, UTC) if self.completed_ns else None

    @property
    def duration_ms(self) -> float:
        """Milliseconds from start to end, waits between attempts included; 0 if never started."""
        return (self.completed_ns - self.started_ns) / 1e6 if self.started_ns else 0.0

    def to_dict(self) -> dict[str, JsonValue]:
        """JSON-ready; datetimes as ISO text, bytes as base64. Secrets are *not* masked here.

        ``key``, ``steps`` and ``items`` are there for items, blocks and loops.
        """
        plain = {
            "step_id": self.step_id,
            "status": self.status.value,
            "started_at": _json_ready(self.started_at),
            "completed_at": _json_ready(self.completed_at),
            "duration_ms": self.duration_ms,
            "output": _json_ready(self.output),
            "error": None if self.error is None else _json_ready(self.error.to_dict()),
            "skip_reason": self.skip_reason,
            "attempt": self.attempt,
            "max_attempts": self.max_attempts,
            "attempts": [attempt.to_dict() for attempt in self.attempts],
        }
        if self.key is not None:
            plain["key"] = self.key
        if self.steps:
            plain["steps"] = [step.to_dict() for step in self.steps]
        if self.items is not None:
            plain["items"] = [item.to_dict() for item in self.items]
        return plain

    def find(self, path: str) -> StepResult | None:
        """What lies below: ``[2]`` or ``[KEY]`` an item, ``.ID`` an inner step, and so on; ``None``: nothing."""
        if not path:
            return self
        for below, rest in self._below(path):
            found = below.find(rest)
            if found is not None:
                return found
        return None

    def _below(self, path: str) -> Iterator[tuple[StepResult, str]]:
        """What a path may begin with, and what is left of it then."""
        for index, item in enumerate(self.items or ()):
            name = f"[{index if item.key is None else item.key}]"
            if path.startswith(name):
                yield item, path[len(name) :]
        for step in self.steps:
            name = f".{step.step_id}"
            if path.startswith(name):
                yield step, path[len(name) :]


@attrs.define
class ExecutionResult:
    """What became of one execution.

    Attributes:
        step_results: Every top-level and ``finally`` step, in file order; ``result["id"]`` finds one, and
            ``result["pages[2].fetch"]`` those inside.
        outputs: Output name → value; empty unless the execution completed.
        error: Why it failed, or ``None``.
        warnings: Sentences about what was not quite right, in order of appearance.
        mask: Applied by ``to_dict``: it hides the values of secrets.
    """

    execution_id: str
    workflow_id: str
    workflow_version: str
    status: ExecutionStatus
    inputs: Mapping[str, JsonValue] = attrs.field(factory=dict)
    outputs: dict[str, JsonValue] = attrs.field(factory=dict)
    step_results: Sequence[StepResult] = ()
    started_ns: int = 0
    completed_ns: int = 0
    error: AELError | None = None
    warnings: tuple[str, ...] = ()
    mask: Callable[[JsonValue], JsonValue] | None = attrs.field(default=None, repr=False, eq=False)
    _by_id: dict[str, StepResult] | None = attrs.field(default=None, init=False, repr=False, eq=False)

    @property
    def started_at(self) -> datetime:
        """When the execution started, UTC."""
        return datetime_from_ns(self.started_ns)

    @property
    def completed_at(self) -> datetime:
        """When the execution ended, UTC."""
        return datetime_from_ns(self.completed_ns)

    @property
    def duration_ms(self) -> float:
        """Milliseconds from start to end."""
        return (self.completed_ns - self.started_ns) / 1e6

    @property
    def ok(self) -> bool:
        """Whether the execution completed."""
        return self.status is ExecutionStatus.COMPLETED

    def raise_for_status(self) -> ExecutionResult:
        """Return the result itself if it completed.

        Raises:
            AELError: The execution's error if it failed; code ``CANCELLED`` if it was cancelled.
        """
        if self.ok:
            return self
        if self.error is not None:
            raise self.error
        raise AELError(f"execution {self.execution_id} of {self.workflow_id!r} is {self.status}", code="CANCELLED")

    def __getitem__(self, step_id: str) -> StepResult:
        if self._by_id is None:
            self._by_id = {result.step_id: result for result in self.step_results}
        found = self._by_id.get(step_id) or self._find(step_id)
        if found is not None:
            return found
        known = ", ".join(result.step_id for result in self.step_results) or "none"
        raise KeyError(f"no step {step_id!r} in this result; its steps are: {known}")

    def _find(self, path: str) -> StepResult | None:
        match = _FIRST_ID.match(path)
        owner = None if match is None or self._by_id is None else self._by_id.get(match[0])
        return None if owner is None else owner.find(path[len(owner.step_id) :])

    def __iter__(self) -> Iterator[StepResult]:
        return iter(self.step_results)

    def to_dict(self) -> dict[str, JsonValue]:
        """JSON-ready, with the values of secrets masked."""
        plain = {
            "execution_id": self.execution_id,
            "workflow_id": self.workflow_id,
            "workflow_version": self.workflow_version,
            "status": self.status.value,
            "inputs": _json_ready(dict(self.inputs)),
            "outputs": _json_ready(self.outputs),
            "step_results": [result.to_dict() for result in self.step_results],
            "started_at": _json_ready(self.started_at),
            "completed_at": _json_ready(self.completed_at),
            "duration_ms": self.duration_ms,
            "error": None if self.error is None else _json_ready(self.error.to_dict()),
            "warnings": list(self.warnings),
        }
        masked: dict[str, JsonValue] = plain if self.mask is None else self.mask(plain)
        return masked


def _json_ready(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return {str(key): _json_ready(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_json_ready(item) for item in value]
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case float() if not math.isfinite(value):
            return str(value)
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)  # in the details of an error, which a tool may fill with anything
