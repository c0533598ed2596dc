"""One execution as its owner sees it: status, events, cancellation, result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import attrs

from ael.context import ExecutionContext
from ael.driver import Driver
from ael.errors import AELError
from ael.event_log import EventLog
from ael.events import Event, ExecutionFinished, ExecutionStarted
from ael.outcome import bug
from ael.ports import Clock, Secrets
from ael.types import ExecutionResult, ExecutionStatus, JsonValue, StepResult

__all__ = ["Execution", "Launch"]


@attrs.frozen
class Launch:
    """All that an execution starts from.

    ``context`` and ``driver`` are ``None`` when it was refused, ``error`` then says why.
    """

    execution_id: str
    workflow_id: str
    workflow_version: str
    clock: Clock
    secrets: Secrets
    events: EventLog | None
    inputs: Mapping[str, JsonValue] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    context: ExecutionContext | None = None
    driver: Driver | None = None
    error: AELError | None = None


class Execution:
    """A running execution; :meth:`ael.WorkflowEngine.start` gives it away, ``execute`` runs it to its end.

    Belongs to the loop it was started on; all methods are to be called there.
    """

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self.task: asyncio.Task[ExecutionResult] | None = None
        self._result: ExecutionResult | None = None
        self._ended: asyncio.Future[None] | None = None
        self._announced = False
        self._status = ExecutionStatus.PENDING
        self._started_ns = launch.clock.time_ns()

    def __repr__(self) -> str:
        return f"<Execution {self.execution_id} of {self._launch.workflow_id!r}, {self.status}>"

    @property
    def execution_id(self) -> str:
        """Unique; the same as in events, logs and the result."""
        return self._launch.execution_id

    @property
    def workflow_id(self) -> str:
        """What runs."""
        return self._launch.workflow_id

    @property
    def status(self) -> ExecutionStatus:
        """Where it is now."""
        return self._status

    async def result(self) -> ExecutionResult:
        """Wait for the end. Cancelling this wait leaves the execution alone."""
        if self._result is None:
            if self.task is None:
                raise RuntimeError("only an execution made by start() can be waited for")
            await asyncio.wait([self.task])
        assert self._result is not None
        return self._result

    def cancel(self) -> None:
        """Cancel the steps that run and start no more. Returns at once; idempotent; see ``result()``."""
        if self._launch.driver is not None:
            self._launch.driver.cancel()

    def events(self) -> AsyncIterator[Event]:
        """Everything that happens, from the first event that is kept to the last, as it happens.

        May be called several times; each reader gets all events.
        """
        if self._launch.events is None:
            raise RuntimeError("only an execution made by start() keeps events")
        return self._launch.events.read()

    # -- for the engine ------------------------------------------------------------------------------

    def start(self) -> None:
        """Run in a task of its own."""
        self._announce()
        self.task = asyncio.get_running_loop().create_task(self.run(), name=f"ael {self.execution_id}")
        self.task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[ExecutionResult]) -> None:
        """Its result tells how it ended: asyncio need not. A task cancelled before its first line has none yet."""
        if not task.cancelled():
            task.exception()
        if self._result is None:
            self.cancel()
            self._conclude(ExecutionStatus.CANCELLED, None, {})

    async def run(self) -> ExecutionResult:
        """Run to the end in the current task; its cancellation cancels the execution and goes through."""
        launch = self._launch
        self._status = ExecutionStatus.RUNNING
        if launch.driver is None or launch.context is None:
            return self._conclude(ExecutionStatus.FAILED, launch.error, {})
        self._announce()
        try:
            await launch.driver.run()
        except Exception as error:  # noqa: BLE001 - a bug of ours ends this execution, and nobody who waits for it
            return self._conclude(ExecutionStatus.FAILED, bug(launch.context, error), {})
        finally:
            if self._result is None:
                run = launch.driver.root
                self._conclude(run.status, run.error, run.outputs)
        assert self._result is not None
        return self._result

    def _announce(self) -> None:
        """The first event, once; a refused execution has none."""
        launch = self._launch
        if launch.events is None or launch.context is None or self._announced:
            return
        self._announced = True
        launch.events.emit(
            ExecutionStarted,
            workflow_id=launch.workflow_id,
            workflow_version=launch.workflow_version,
            steps=len(launch.context.results),
            labels=launch.labels,
        )

    async def wait_closed(self) -> None:
        """Wait until nothing of it runs any more, however it is driven."""
        while self._result is None:
            if self._ended is None:
                self._ended = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._ended])

    def _conclude(
        self, status: ExecutionStatus, error: AELError | None, outputs: dict[str, JsonValue]
    ) -> ExecutionResult:
        launch = self._launch
        context = launch.context
        steps: list[StepResult] = [] if launch.driver is None else launch.driver.root.results
        self._status = status
        self._result = ExecutionResult(
            execution_id=launch.execution_id,
            workflow_id=launch.workflow_id,
            workflow_version=launch.workflow_version,
            status=status,
            inputs=launch.inputs,
            outputs=outputs,
            step_results=steps,
            started_ns=self._started_ns,
            completed_ns=self._completed_ns(),
            error=error,
            warnings=() if context is None else tuple(context.warnings),
            mask=launch.secrets.mask,
        )
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if launch.events is not None:
            launch.events.emit(
                ExecutionFinished,
                status=status.value,
                error=None if error is None else launch.events.view(error),
                duration_ms=self._result.duration_ms,
            )
        return self._result

    def _completed_ns(self) -> int:
        """By the monotonic clock, so that a wall clock set back gives no negative durations."""
        context = self._launch.context
        if context is None:
            return self._started_ns
        return context.epoch_ns + self._launch.clock.monotonic_ns()
