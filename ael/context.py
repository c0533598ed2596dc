"""What one execution knows while it runs: inputs, results so far, and where templates look."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Iterator, Mapping
from difflib import get_close_matches
from typing import Protocol

from ael.deadline import Deadlines
from ael.definition import WorkflowDefinition
from ael.errors import AELError
from ael.event_log import EventLog
from ael.plan import Plan, PlanStep
from ael.ports import Secrets
from ael.templates import StepView
from ael.types import JsonValue, StepResult, StepStatus, datetime_from_ns

__all__ = ["ExecutionContext", "StepHost", "result_view", "view_of"]


def view_of(step: PlanStep, context: ExecutionContext, attempt: int) -> StepView:
    """The root ``step`` of templates."""
    return StepView(step.id, attempt, f"{context.execution_id}:{step.path}")


class StepHost(Protocol):
    """What a running step may ask of whoever drives the execution."""

    def go_on_without(self, step: PlanStep, attempt: int, error: AELError) -> None:
        """The attempt failed with ``error``, but its work is deaf to its cancellation: go on without it."""
        ...

    def is_left_behind(self) -> bool:
        """Whether the current task was given up that way."""
        ...

    async def wait_without_slot(self, waiting: Awaitable[object]) -> None:
        """Await something that takes no slot."""
        ...


class SecretsRoot:
    """The root ``secrets`` of templates: looks a secret up when it is read."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __getitem__(self, name: str) -> str:
        value = self._secrets.get(name)
        if value is None:
            raise KeyError(f"secret {name!r} is not set: set the environment variable AEL_SECRET_{name}")
        return value


def result_view(result: StepResult | None) -> dict[str, JsonValue]:
    """What ``steps.<id>`` shows of a step: docs/language.md, section 3."""
    if result is None:
        return {"output": None, "status": "pending", "success": False, "error": None, "duration_ms": 0.0, "attempt": 0}
    error = result.error
    return {
        "output": result.output,
        "status": result.status.value,
        "success": result.status is StepStatus.COMPLETED,
        "error": None if error is None else {"code": error.code, "message": error.message},
        "duration_ms": result.duration_ms,
        "attempt": result.attempt,
    }


class ExecutionContext:
    """The state of one execution, shared by its steps.

    State is guarded by a lock that is held only for the synchronous lines of one read or write, never
    across an await: threads of synchronous tools may use the context, and no cancellation can tear it.

    Attributes:
        plan: What runs.
        inputs: Checked and completed; the execution's own copy.
        config: The caller's ``vars``.
        execution_id: Unique.
        results: By step number; ``None`` for a step that has not settled.
        attempts: By step number, the latest attempt that was begun; 0 for none.
        begun_ns: By step number, when its first attempt began; nanoseconds since the epoch.
        deadlines: Time limits of attempts; ``None`` until the first.
        secrets: Where secrets are read, and masked in what leaves; ``None`` for none.
        roots: What templates see beside ``inputs`` and ``steps``.
        events: Where to tell what happens; ``None`` while nobody listens.
        host: The driver; ``None`` when a step is run on its own.
        epoch_ns: Add the clock's monotonic nanoseconds to have nanoseconds since the epoch.
        warnings: Sentences for the result.
    """

    __slots__ = (
        "_lock",
        "attempts",
        "begun_ns",
        "config",
        "deadlines",
        "epoch_ns",
        "events",
        "execution_id",
        "host",
        "inputs",
        "plan",
        "results",
        "roots",
        "secrets",
        "up",
        "warnings",
    )

    def __init__(
        self,
        plan: Plan,
        inputs: Mapping[str, JsonValue],
        *,
        execution_id: str,
        config: Mapping[str, JsonValue] | None = None,
        secrets: Secrets | None = None,
        epoch_ns: int = 0,
        started_ns: int = 0,
        events: EventLog | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self.plan = plan
        self.inputs = inputs
        self.config: Mapping[str, JsonValue] = config or {}
        self.execution_id = execution_id
        self.results: list[StepResult | None] = [None] * len(plan.steps)
        self.attempts = [0] * len(plan.steps)
        self.begun_ns = [0] * len(plan.steps)
        self.deadlines: Deadlines | None = None
        self.up: ExecutionContext | None = None
        self.events = events
        self.host: StepHost | None = None
        self.epoch_ns = epoch_ns
        self.secrets = secrets
        self.warnings: list[str] = []
        self.roots: dict[str, JsonValue] = {
            "config": self.config,
            "workflow": {
                "name": plan.definition.name,
                "version": plan.definition.version,
                "start_time": datetime_from_ns(started_ns).isoformat(),
            },
            "execution_id": execution_id,
            "secrets": None if secrets is None else SecretsRoot(secrets),
        }

    def __repr__(self) -> str:
        return f"<ExecutionContext {self.execution_id} of {self.plan.id!r}>"

    @property
    def workflow(self) -> WorkflowDefinition:
        """The definition that runs."""
        return self.plan.definition

    @property
    def workflow_version(self) -> str:
        """Its version."""
        return self.plan.definition.version

    def set_step_result(self, step_id: str, result: StepResult) -> None:
        """Record what became of a step.

        Raises:
            KeyError: The workflow has no such step.
        """
        self.record(self._number(step_id), result)

    def record(self, number: int, result: StepResult) -> None:
        """The same by step number."""
        with self._lock:
            self.results[number] = result

    def get_step_output(self, step_id: str) -> JsonValue:
        """The output of a step; ``None`` while it has not finished.

        Raises:
            KeyError: The workflow has no such step; the message names the nearest.
        """
        number = self._number(step_id)
        with self._lock:
            result = self.results[number]
        return None if result is None else result.output

    @property
    def outputs(self) -> Mapping[str, JsonValue]:
        """Step id → output, of the steps that have settled: a snapshot."""
        return {result.step_id: result.output for result in self._settled()}

    @property
    def steps(self) -> Mapping[str, Mapping[str, JsonValue]]:
        """Step id → what ``steps.<id>`` shows in templates, of the steps that have settled: a snapshot."""
        return {result.step_id: result_view(result) for result in self._settled()}

    def mask_error(self, error: AELError) -> None:
        """Hide secrets in what an error says: it is about to leave the engine."""
        if self.secrets is not None:
            error.message = self.secrets.mask(error.message)
            error.args = (error.message,)
            error.details = self.secrets.mask(error.details)

    def _settled(self) -> Iterator[StepResult]:
        with self._lock:
            results = list(self.results)
        return (result for result in results if result is not None)

    def _number(self, step_id: str) -> int:
        number = self.plan.numbers.get(step_id)
        if number is None:
            near = get_close_matches(step_id, self.plan.numbers, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"workflow {self.plan.id!r} has no step {step_id!r}{hint}")
        return number
