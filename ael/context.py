"""What one execution knows while it runs: inputs, results so far, and where templates look."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterator, Mapping
from difflib import get_close_matches
from typing import Protocol

from ael.deadline import Deadlines
from ael.definition import WorkflowDefinition
from ael.errors import AELError
from ael.event_log import EventLog
from ael.plan import Plan, PlanStep
from ael.pools import Ticket
from ael.ports import Secrets
from ael.templates import StepView
from ael.templates.reading import step_data
from ael.types import JsonValue, StepResult, datetime_from_ns

__all__ = ["ExecutionContext", "StepHost", "call_roots", "view_of"]


def view_of(step: PlanStep, context: ExecutionContext, attempt: int) -> StepView:
    """The root ``step`` of templates."""
    return StepView(step.id, attempt, context.idempotency_key(step), context.joined_by(step))


class StepHost(Protocol):
    """What a running step may ask of whoever drives its scope."""

    def go_on_without(self, step: PlanStep, attempt: int, error: AELError, task: asyncio.Task[object]) -> None:
        """The attempt failed with ``error``, but its work, in ``task``, is deaf to its cancellation: go on without."""
        ...

    def is_stopping(self, step: PlanStep) -> bool:
        """Whether the step is to end, and no further attempt to be made."""
        ...

    def is_left_behind(self) -> bool:
        """Whether the current task was given up that way."""
        ...

    async def wait_without_slot(self, step: PlanStep, waiting: Awaitable[object]) -> None:
        """Await something, for a step, that takes no slot."""
        ...

    async def enter_pools(self, step: PlanStep) -> Ticket:
        """Wait, without a slot, until all pools that the step needs have room, and take it."""
        ...

    def leave_pools(self, ticket: Ticket) -> None:
        """Give it back."""
        ...


_NOTHING_JOINED: dict[int, tuple[str, ...]] = {}


class SecretsRoot:
    """The root ``secrets`` of templates: looks a secret up when it is read."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __getitem__(self, name: str) -> str:
        try:
            value = self._secrets.get(name)
        except Exception as error:
            raise KeyError(f"secret {name!r} cannot be read: {type(error).__name__}: {error}") from error
        if value is None:
            raise KeyError(f"secret {name!r} is not set: set the environment variable AEL_SECRET_{name}")
        return value


def call_roots(
    definition: WorkflowDefinition, started_ns: int, shared: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """What templates of one run of a workflow see beside ``inputs`` and ``steps``; ``shared`` is the execution's."""
    workflow = {
        "name": definition.name,
        "version": definition.version,
        "start_time": datetime_from_ns(started_ns).isoformat(),
    }
    return {**shared, "workflow": workflow}


class ExecutionContext:
    """The state of one execution, shared by its steps; and of every scope in it, each with the steps of its block.

    State is guarded by a lock that is held only for the synchronous lines of one read or write, never
    across an await: threads of synchronous tools may use the context, and no cancellation can tear it.

    Attributes:
        plan: What runs.
        up: The context of the scope around this one; ``None`` for that of a workflow.
        prefix: What paths in the scope begin with, ``""`` at the top: ``pages[2]``, and ``call.`` in a workflow
            that is called.
        rounds: The rounds in which the scope is, a number each; part of idempotency keys.
        depth: How many workflows this one is called through.
        inputs: Checked and completed; the execution's own copy.
        config: The caller's ``vars``.
        execution_id: Unique.
        results: By step number; ``None`` for a step that has not settled.
        attempts: By step number, the latest attempt that was begun; 0 for none.
        begun_ns: By step number, when its first attempt began; nanoseconds since the epoch.
        joined: By step number, what the ``join`` of a step has counted when it started.
        deadlines: Time limits of attempts; ``None`` when a step is run on its own, until the first.
        secrets: Where secrets are read, and masked in what leaves; ``None`` for none.
        roots: What templates see beside ``inputs`` and ``steps``.
        events: Where to tell what happens; ``None`` while nobody listens.
        host: Who drives the scope; ``None`` when a step is run on its own.
        epoch_ns: Add the clock's monotonic nanoseconds to have nanoseconds since the epoch.
        warnings: Sentences for the result.
    """

    __slots__ = (
        "_lock",
        "attempts",
        "begun_ns",
        "config",
        "deadlines",
        "depth",
        "epoch_ns",
        "events",
        "execution_id",
        "host",
        "inputs",
        "joined",
        "plan",
        "prefix",
        "results",
        "roots",
        "rounds",
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
        self._begin(plan)
        self.inputs = inputs
        self.config: Mapping[str, JsonValue] = config or {}
        self.execution_id = execution_id
        self.deadlines: Deadlines | None = None
        self.up: ExecutionContext | None = None
        self.prefix = self.rounds = ""
        self.depth = 1
        self.events = events
        self.host: StepHost | None = None
        self.epoch_ns = epoch_ns
        self.secrets = secrets
        self.warnings: list[str] = []
        shared = {
            "config": self.config,
            "execution_id": execution_id,
            "secrets": None if secrets is None else SecretsRoot(secrets),
        }
        self.roots: dict[str, JsonValue] = call_roots(plan.definition, started_ns, shared)

    def _begin(self, plan: Plan) -> None:
        size = len(plan.steps)
        self.plan = plan
        self.results: list[StepResult | None] = [None] * size
        self.attempts = [0] * size
        self.begun_ns = [0] * size
        self.joined: dict[int, tuple[str, ...]] = _NOTHING_JOINED

    def inner(
        self, plan: Plan, prefix: str, roots: Mapping[str, JsonValue] | None = None, rounds: str = ""
    ) -> ExecutionContext:
        """The context of a scope inside this one.

        Args:
            prefix: The scope's path.
            roots: Further names for templates and code: ``item``, ``index``, ``last``.
            rounds: The number of its round, or nothing.
        """
        inner = ExecutionContext.__new__(ExecutionContext)
        inner._begin_inside(self, plan)  # noqa: SLF001 - its own kind, which it makes without its constructor
        inner.prefix = prefix
        inner.rounds = self.rounds + rounds
        if roots:
            inner.roots = {**self.roots, **roots}
        return inner

    def _begin_inside(self, outer: ExecutionContext, plan: Plan) -> None:
        self._begin(plan)
        self._lock = outer._lock
        self.inputs = outer.inputs
        self.config = outer.config
        self.execution_id = outer.execution_id
        self.deadlines = outer.deadlines
        self.up = outer
        self.depth = outer.depth
        self.events = outer.events
        self.host = outer.host
        self.epoch_ns = outer.epoch_ns
        self.secrets = outer.secrets
        self.warnings = outer.warnings
        self.roots = outer.roots

    def called(self, plan: Plan, inputs: Mapping[str, JsonValue], started_ns: int) -> ExecutionContext:
        """The context of another workflow that is called here: it sees nothing of this one but what is shared."""
        context = self.inner(plan, f"{self.prefix}.")
        context.up = None
        context.depth = self.depth + 1
        context.inputs = inputs
        shared = {name: self.roots[name] for name in ("config", "execution_id", "secrets")}
        context.roots = call_roots(plan.definition, started_ns, shared)
        return context

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

    def path(self, step: PlanStep) -> str:
        """A step's address in the execution: ``pages[2].fetch``."""
        return self.prefix + step.suffix

    def idempotency_key(self, step: PlanStep) -> str:
        """Execution, path, item and round: the same in every attempt."""
        return f"{self.execution_id}:{self.prefix}{step.suffix}{self.rounds}"

    def joined_by(self, step: PlanStep) -> tuple[str, ...]:
        """The ids in its ``depends_on`` that had completed when the step started, in order of completion."""
        home = self
        while step.id not in home.plan.numbers and home.up is not None:
            home = home.up
        number = home.plan.numbers.get(step.id)
        counted = None if number is None else home.joined.get(number)
        if counted is not None:
            return counted
        done = [home.results[home.plan.numbers[name]] for name in step.definition.depends_on if number is not None]
        completed = sorted((r for r in done if r is not None and r.success), key=lambda result: result.completed_ns)
        return tuple(result.step_id for result in completed)

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
        loops = {step.id for step in self.plan.steps if step.for_each is not None}
        return {result.step_id: step_data(result, loop=result.step_id in loops) for result in self._settled()}

    def masked(self, value: JsonValue) -> JsonValue:
        """The value with secrets hidden."""
        return value if self.secrets is None else self.secrets.mask(value)

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
