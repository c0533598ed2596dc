"""The engine: takes a workflow and inputs, and sees every step through to a result.

Contract
--------
* ``execute`` returns a result for whatever goes wrong in a workflow; it raises only when there is nothing to
  run, and lets cancellation through. ``start`` is the same in the background, with events.
* A step: condition, params, attempts with waits between them, result (docs/language.md, section 5). Attempts are
  bounded by their timeout; the engine cancels the call and does not rely on tools to keep time.
* An engine belongs to one event loop at a time; any number of tasks may use it at once, and any number of
  engines may live in one process. Nothing here is global.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from ael import outcome as endings
from ael.attempt import Attempts, as_failure, pass_on_cancellation
from ael.clock import SystemClock, TimeOrderedIds
from ael.context import ExecutionContext
from ael.errors import AELError
from ael.event_log import tell_failed
from ael.execution import Execution
from ael.frame import Failure
from ael.gates import Gates
from ael.inputs import input_schema
from ael.launch import Launcher, LogFactory, NoSecrets
from ael.outputs import output_schema
from ael.plan import Plan, PlanStep
from ael.ports import (
    Clock,
    CodeExecutor,
    Ids,
    Journal,
    Observer,
    Secrets,
    ToolInvoker,
    ToolOutcome,
    ToolSpec,
    WorkflowRegistry,
)
from ael.retry import next_delay
from ael.settings import Settings
from ael.templates import SkippedOutputError
from ael.types import AttemptResult, ExecutionResult, JsonValue, StepResult, StepStatus

__all__ = ["WorkflowEngine"]

_COMPLETED = StepStatus.COMPLETED


class WorkflowEngine:
    """Executes workflows. Use :func:`ael.create_engine` unless you bring your own parts.

    Args:
        registry: Finds workflows.
        invoker: Calls tools.
        executors: Run code steps, one per kind.
        settings: Defaults to ``Settings()``.
        clock, ids: Defaults are the system's.
        secrets: What ``secrets.NAME`` reads, and what is masked; defaults to none.
        journal: Records results before anything follows from them; defaults to memory alone.
        observers: Told of every event of every execution.
        logs: Gives the observer that logs an execution.
    """

    def __init__(
        self,
        registry: WorkflowRegistry[Plan],
        invoker: ToolInvoker,
        *,
        executors: Iterable[CodeExecutor] = (),
        settings: Settings | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        secrets: Secrets | None = None,
        journal: Journal | None = None,
        observers: Sequence[Observer] = (),
        logs: LogFactory | None = None,
    ) -> None:
        self.registry = registry
        self.invoker = invoker
        self.executors = {executor.name: executor for executor in executors}
        self.settings = settings or Settings()
        self._clock = clock or SystemClock()
        self._now_ns = self._clock.monotonic_ns
        self._attempts = Attempts(invoker, self.executors, self._clock, self.settings)
        self._gates = Gates(self._clock, self.settings.limits)
        self._launcher = Launcher(
            registry,
            self._execute_step,
            settings=self.settings,
            clock=self._clock,
            ids=ids or TimeOrderedIds(),
            secrets=secrets or NoSecrets(),
            journal=journal,
            observers=observers,
            logs=logs,
            gates=self._gates,
        )
        self._live: set[Execution] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- executions --------------------------------------------------------------------------------

    async def execute(
        self,
        workflow_id: str,
        inputs: Mapping[str, JsonValue] | None = None,
        config: Mapping[str, JsonValue] | None = None,
    ) -> ExecutionResult:
        """Run a workflow to its end.

        Args:
            workflow_id: The workflow's name.
            inputs: Checked against what it declares; nothing is coerced; copied.
            config: ``max_parallel``, ``timeout`` (seconds), ``labels``, ``sequential`` win over the file;
                ``vars`` is what templates read as ``config.<name>``.

        Returns:
            The result, whatever went wrong: see ``status`` and ``error``, or call ``raise_for_status()``.

        Raises:
            WorkflowNotFoundError: There is nothing to run.
            asyncio.CancelledError: The awaiting task was cancelled; the steps have ended.
        """
        execution = self._launch(workflow_id, inputs, config, keep_events=False)
        self._live.add(execution)
        try:
            return await execution.run()
        finally:
            self._live.discard(execution)

    def start(
        self,
        workflow_id: str,
        inputs: Mapping[str, JsonValue] | None = None,
        config: Mapping[str, JsonValue] | None = None,
    ) -> Execution:
        """Run a workflow in the background; see :meth:`execute`. Must be called on the running loop.

        Raises:
            WorkflowNotFoundError: There is nothing to run.
        """
        execution = self._launch(workflow_id, inputs, config, keep_events=True)
        execution.start()
        self._live.add(execution)
        assert execution.task is not None
        execution.task.add_done_callback(lambda task: self._live.discard(execution))
        return execution

    def tool_spec(self, name: str) -> ToolSpec:
        """A workflow as a tool: name, description, input and output schema.

        Raises:
            WorkflowNotFoundError, WorkflowInvalidError: As the registry does.
        """
        definition = self.registry.get(name).definition
        return ToolSpec(
            name=definition.name,
            description=definition.description or "",
            input_schema=input_schema(definition),
            output_schema=output_schema(definition),
        )

    async def aclose(self) -> None:
        """Cancel all executions, wait for their end, stop tool servers and code workers. Idempotent."""
        self._closed = True
        live = list(self._live)
        for execution in live:
            execution.cancel()
        for execution in live:
            await execution.wait_closed()
        self._gates.close()
        closings = [*(executor.aclose() for executor in self.executors.values()), self.invoker.aclose()]
        for failure in await asyncio.gather(*closings, return_exceptions=True):
            if failure is not None:
                raise failure

    def _launch(
        self,
        workflow_id: str,
        inputs: Mapping[str, JsonValue] | None,
        config: Mapping[str, JsonValue] | None,
        *,
        keep_events: bool,
    ) -> Execution:
        if self._closed:
            raise RuntimeError("the engine is closed")
        return self._launcher.launch(workflow_id, inputs, config, keep_events=keep_events)

    # -- one step ----------------------------------------------------------------------------------

    def _execute_step(
        self, step: PlanStep, context: ExecutionContext, resume: Failure | None = None
    ) -> Coroutine[None, None, StepResult]:
        """Run one step to its final result, when awaited: condition, then attempts.

        Args:
            resume: A failed attempt to go on from, instead of from the beginning.

        Raises:
            asyncio.CancelledError: The step's task was cancelled; everything else becomes a result.
        """
        if step.when is None or resume is not None:
            return self._execute_with_retry(step, context, resume)
        return self._execute_if(step, context)

    async def _execute_if(self, step: PlanStep, context: ExecutionContext) -> StepResult:
        """Ask the condition, once; whatever goes wrong in it is the step's failure."""
        try:
            taken = endings.holds(step, context)
        except SkippedOutputError as skip:
            return endings.skipped_by(step, context, skip, now_ns=self._epoch_now(context))
        except AELError as error:
            return endings.failed(step, context, error, now_ns=self._epoch_now(context))
        if not taken:
            return endings.skipped(step, context, "condition", now_ns=self._epoch_now(context))
        return await self._execute_with_retry(step, context)

    async def _execute_with_retry(
        self, step: PlanStep, context: ExecutionContext, resume: Failure | None = None
    ) -> StepResult:
        """Attempt after attempt, until one completes or the policy gives up.

        Raises:
            asyncio.CancelledError: The step's task was cancelled; everything else becomes a result.
        """
        failures: tuple[AttemptResult, ...] = ()
        if resume is None:
            attempt, started_ns = 1, context.epoch_ns + self._now_ns()
            context.begun_ns[step.number] = started_ns
        else:
            result = await self._after_failure(step, context, resume)
            if result is not None:
                return result
            failures = resume.all()
            attempt, started_ns = resume.attempt + 1, resume.started_ns
        while True:
            try:
                if step.limits:
                    outcome = await self._within_limits(step, context, attempt)
                else:
                    context.attempts[step.number] = attempt
                    outcome = await self._attempts.begin(step, context, attempt)
            except SkippedOutputError as skip:
                now_ns = self._epoch_now(context)
                return endings.skipped_by(
                    step, context, skip, now_ns=now_ns, attempt=attempt - 1, started_ns=started_ns
                )
            except BaseException as error:  # noqa: BLE001 - the step boundary; what must pass is raised again in there
                failure = Failure(attempt, as_failure(step, error), started_ns, self._epoch_now(context), failures)
            else:
                return StepResult(
                    step.id,
                    _COMPLETED,
                    outcome.value,
                    None,
                    None,
                    attempt,
                    step.max_attempts,
                    started_ns,
                    context.epoch_ns + self._now_ns(),
                    True,
                    failures,
                )
            result = await self._after_failure(step, context, failure)
            if result is not None:
                return result
            failures = failure.all()
            attempt += 1

    async def _within_limits(self, step: PlanStep, context: ExecutionContext, attempt: int) -> ToolOutcome:
        """An attempt that needs room in pools: waits for it, without a slot, and gives it back whatever happens."""
        host = context.host
        if host is None:
            context.attempts[step.number] = attempt
            return await self._attempts.begin(step, context, attempt)
        ticket = await host.enter_pools(step)
        context.attempts[step.number] = attempt  # what waits for room has not begun
        try:
            return await self._attempts.begin(step, context, attempt)
        finally:
            host.leave_pools(ticket)

    async def _after_failure(self, step: PlanStep, context: ExecutionContext, failure: Failure) -> StepResult | None:
        """Wait for the next attempt and return ``None``, or give up and return the step's result."""
        host = context.host
        if host is not None and host.is_left_behind():
            return endings.cancelled(step, "cancelled", now_ns=self._epoch_now(context))
        pass_on_cancellation()
        if host is not None and host.is_stopping(step):
            raise asyncio.CancelledError  # it was let go on only for the sake of this attempt
        error = failure.error
        path = context.path(step)
        rng = random.Random(f"{context.execution_id}/{path}{context.rounds}/{failure.attempt}")  # noqa: S311 - jitter, repeatable
        delay = next_delay(
            step.policy_for(error).retry,
            failure.attempt,
            error,
            rng,
            may_repeat=self._attempts.may_repeat(step, context, failure.attempt, error),
        )
        if context.events is not None:
            now_ns = self._epoch_now(context)
            tell_failed(context.events, path, failure.attempt, error, now_ns=now_ns, delay=delay)
        if delay is None:
            self._attempts.show_params(step, context, failure.attempt, error)
            result = endings.failed(
                step,
                context,
                error,
                now_ns=self._epoch_now(context),
                attempt=failure.attempt,
                started_ns=failure.started_ns,
            )
            result.attempts = failure.all()
            return result
        pause = self._clock.sleep(delay)
        await (pause if host is None else host.wait_without_slot(step, pause))
        return None

    def _epoch_now(self, context: ExecutionContext) -> int:
        return context.epoch_ns + self._now_ns()
