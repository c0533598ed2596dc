"""From a workflow's name, inputs and config to an execution that is about to run, or was refused."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Protocol

from ael.compiler import compile_plan
from ael.context import ExecutionContext
from ael.dataflow import walk_flows
from ael.deadline import Deadlines
from ael.definition import SELF
from ael.driver import Driver, Limits, StepRunner
from ael.errors import AELError, WorkflowInvalidError
from ael.event_log import EventLog
from ael.events import LogEmitted
from ael.execution import Execution, Launch
from ael.execution_config import ExecutionConfig, parse_execution_config
from ael.gates import Gates
from ael.graph import edges, find_cycle
from ael.inputs import complete_inputs
from ael.plan import Plan
from ael.ports import Clock, Ids, Journal, Observer, Secrets, WorkflowRegistry
from ael.settings import Settings
from ael.types import JsonValue

__all__ = ["Launcher", "LogFactory", "NoSecrets"]


class LogFactory(Protocol):
    """Gives the observer that logs one execution, or ``None`` when nothing would be logged."""

    def __call__(self, execution_id: str, workflow_id: str) -> Observer | None:
        """Asked once per execution."""
        ...


class NoSecrets:
    """Implements :class:`ael.ports.Secrets`: knows none and masks nothing."""

    def get(self, name: str) -> str | None:
        """There is none."""
        return None

    def names(self) -> Sequence[str]:
        """None."""
        return ()

    def mask(self, value: JsonValue) -> JsonValue:
        """The value as it is."""
        return value


class Launcher:
    """Makes executions, with the parts of one engine."""

    def __init__(
        self,
        registry: WorkflowRegistry[Plan],
        execute_step: StepRunner,
        *,
        settings: Settings,
        clock: Clock,
        ids: Ids,
        secrets: Secrets,
        journal: Journal | None,
        observers: Sequence[Observer],
        logs: LogFactory | None,
        gates: Gates,
    ) -> None:
        self._gates = gates
        self._registry = registry
        self._execute_step = execute_step
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._journal = journal
        self._observers = tuple(observers)
        self._logs = logs
        self._reordered: weakref.WeakKeyDictionary[Plan, Plan] = weakref.WeakKeyDictionary()

    def launch(
        self,
        workflow_id: str,
        inputs: Mapping[str, JsonValue] | None,
        config: Mapping[str, JsonValue] | None,
        *,
        keep_events: bool,
    ) -> Execution:
        """An execution with everything checked. What is wrong with it becomes its result.

        Raises:
            WorkflowNotFoundError: There is nothing to run.
        """
        execution_id = self._ids.execution_id()
        version = ""
        try:
            plan = self._registry.get(workflow_id)
            version = plan.definition.version
            chosen = parse_execution_config(config)
            plan = self._ordered(plan, chosen.sequential)
            own_inputs = complete_inputs(plan.definition, inputs)
        except AELError as error:
            if error.code == "WORKFLOW_NOT_FOUND":
                raise
            events = self._events(execution_id, workflow_id, keep_events=keep_events)
            return Execution(
                Launch(execution_id, workflow_id, version, self._clock, self._secrets, events, error=error)
            )
        events = self._events(execution_id, workflow_id, keep_events=keep_events)
        return Execution(self._prepare(execution_id, plan, own_inputs, chosen, events))

    def _prepare(
        self,
        execution_id: str,
        plan: Plan,
        inputs: dict[str, JsonValue],
        config: ExecutionConfig,
        events: EventLog | None,
    ) -> Launch:
        definition, settings = plan.definition, self._settings
        now_ns = self._clock.time_ns()
        context = ExecutionContext(
            plan,
            inputs,
            execution_id=execution_id,
            config=config.vars,
            secrets=self._secrets,
            epoch_ns=now_ns - self._clock.monotonic_ns(),
            started_ns=now_ns,
            events=events,
        )
        context.deadlines = Deadlines(self._clock, settings.cancel_grace)
        calls = self._pin(plan)
        for called in (plan, *(each for each in calls.values() if isinstance(each, Plan))):
            self._declare_pools(called, context)
        driver = Driver(
            context,
            self._execute_step,
            clock=self._clock,
            limits=self._limits(plan, config),
            gates=self._gates,
            calls=calls,
            journal=self._journal,
            warn=lambda text: _warn(context, text),
        )
        return Launch(
            execution_id=execution_id,
            workflow_id=definition.name,
            workflow_version=definition.version,
            clock=self._clock,
            secrets=self._secrets,
            events=events,
            inputs=inputs,
            labels=config.labels,
            context=context,
            driver=driver,
        )

    def _limits(self, plan: Plan, config: ExecutionConfig) -> Limits:
        """What the caller says wins over the file, and the file over the settings."""
        definition, settings = plan.definition, self._settings
        return Limits(
            max_parallel=config.max_parallel or definition.max_parallel or settings.max_parallel,
            timeout=config.timeout or definition.timeout,
            cancel_grace=settings.cancel_grace,
            undo_grace=settings.undo_grace,
            undo_timeout=settings.undo_timeout,
            finally_timeout=settings.finally_timeout,
        )

    def _pin(self, plan: Plan) -> dict[str, Plan | AELError]:
        """Every workflow that this one calls, directly or not, as it is now; ``self`` is each one's own matter."""
        pinned: dict[str, Plan | AELError] = {}
        unseen = [plan]
        while unseen:
            for name in unseen.pop().calls:
                if name not in pinned and name != SELF:
                    pinned[name] = found = self._called(name)
                    if isinstance(found, Plan):
                        unseen.append(found)
        return pinned

    def _called(self, name: str) -> Plan | AELError:
        try:
            return self._registry.get(name)
        except AELError as error:
            return error  # the failure of whichever step calls it

    def _declare_pools(self, plan: Plan, context: ExecutionContext) -> None:
        for pool in plan.pools:
            if self._gates.declare(pool):
                _warn(
                    context,
                    f"pool {pool.name!r} of workflow {plan.id!r} differs from what another workflow says of it; "
                    "the stricter of each bound counts",
                )

    def _events(self, execution_id: str, workflow_id: str, *, keep_events: bool) -> EventLog | None:
        """A place for events if anybody will ever read them."""
        observers = self._observers
        log = None if self._logs is None else self._logs(execution_id, workflow_id)
        if log is not None:
            observers = (*observers, log)
        if not (observers or keep_events):
            return None
        keep = self._settings.events_kept if keep_events else 0
        return EventLog(execution_id, self._clock, observers=observers, secrets=self._secrets, keep=keep)

    def _ordered(self, plan: Plan, sequential: bool | None) -> Plan:
        """The plan, or the same workflow with ``sequential`` turned over, which is compiled once.

        Raises:
            WorkflowInvalidError: File order and the other dependencies contradict each other.
        """
        if sequential is None or sequential == plan.definition.sequential:
            return plan
        other = self._reordered.get(plan)
        if other is None:
            other = compile_plan(plan.definition, plan.flow, sequential=sequential)
            _refuse_cycle(other)
            self._reordered[plan] = other
        return other


def _refuse_cycle(plan: Plan) -> None:
    for flow in walk_flows(plan.flow):
        cycle = find_cycle(edges(flow))
        if cycle is not None:
            path = " -> ".join(flow.steps[number].step.id for number in cycle)
            raise WorkflowInvalidError(
                f"workflow {plan.id!r} cannot run sequentially: file order and dependencies form a circle, {path}",
                code="CIRCULAR_DEPENDENCY",
            )


def _warn(context: ExecutionContext, text: str) -> None:
    context.warnings.append(text)
    if context.events is not None:
        context.events.emit(LogEmitted, level="warning", message=text)
