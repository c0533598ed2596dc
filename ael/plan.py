"""A definition compiled: steps numbered, order as countdowns, params as closures, policies resolved.

A plan is made once per definition and shared by every execution; nothing in it changes. One plan stands
for one block: the top level, the body of a block, a branch, the ``finally`` steps. A loop around a tool or code is
a block of that one step, so that every composite step is made of the same things: plans, and scopes that run them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from ael.builders import Build
from ael.dataflow import Flow
from ael.definition import CodeBody, OutputDefinition, PoolDefinition, StepDefinition, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.errors import AELError
from ael.graph import Waits
from ael.templates import Data, StepView, Template
from ael.types import JsonValue, OnError, RetryConfig

__all__ = [
    "Plan",
    "PlanBody",
    "PlanBranch",
    "PlanCall",
    "PlanExit",
    "PlanForEach",
    "PlanJoin",
    "PlanOutput",
    "PlanRepeat",
    "PlanRule",
    "PlanStep",
    "Policy",
]


@attrs.frozen(eq=False)
class Policy:
    """What follows from one failure: how it is retried, and what happens when no attempt is left."""

    retry: RetryConfig
    gives_up: OnError
    fallback: Build | None


@attrs.frozen(eq=False)
class PlanRule:
    """One rule of an ``on_error`` list: the codes it is for (empty: all), and what follows."""

    match: frozenset[str]
    policy: Policy


@attrs.frozen(eq=False)
class PlanJoin:
    """When a step with ``join`` may start.

    Attributes:
        named: The numbers of ``depends_on``.
        at_least: How many of them must have completed; ``None``: all must have settled.
        cancel_rest: Whether the others are cancelled then.
    """

    named: frozenset[int]
    at_least: int | None
    cancel_rest: bool


@attrs.frozen(eq=False)
class PlanForEach:
    """A loop over a list, ready to run; see :class:`ael.definition.ForEach`."""

    items: Build
    name: str
    key: Build | None
    max_parallel: int | None
    tolerate: int | float

    def tolerated(self, items: int) -> int:
        """How many of so many items may fail; a share is rounded down."""
        if isinstance(self.tolerate, float):
            return int(self.tolerate * items + 1e-9)
        return self.tolerate


@attrs.frozen(eq=False)
class PlanRepeat:
    """Rounds, ready to run; see :class:`ael.definition.Repeat`."""

    max: int
    until: Template | None
    every: float
    collect: bool


@attrs.frozen(eq=False)
class PlanBranch:
    """A block as the body of a step, or one branch of ``choose``; ``when`` is ``None`` where it always holds."""

    plan: Plan
    when: Template | None = None
    output: Build | None = None


@attrs.frozen(eq=False)
class PlanCall:
    """Another workflow as the body of a step, or ``SELF``."""

    workflow: str
    params: Build


PlanBody: TypeAlias = tuple[PlanBranch, ...] | PlanCall
"""What one attempt of a composite step runs: the first branch that holds, or another workflow."""


@attrs.frozen(eq=False)
class PlanExit:
    """An ``exit``, ready to run."""

    status: str
    reason: Build
    outputs: Build | None


def _no_params(data: Data, step: StepView | None) -> JsonValue:
    return {}


def _is_in_task(step: PlanStep) -> bool:
    return step.body is None and step.exit is None


def _plain_body(step: PlanStep) -> Plan | None:
    if not isinstance(step.body, tuple) or step.retries_body or step.repeat is not None:
        return None
    return step.body[0].plan


@attrs.frozen(eq=False)
class PlanStep:
    """One step, ready to run.

    Attributes:
        suffix: Its path in an execution is its scope's prefix and this: the id at the top level, ``.ID`` in a
            block, nothing for the body of a loop.
        tool, server, parse: Of a tool step; ``tool`` is ``None`` for others.
        code: Of a code step, else ``None``.
        code_place: Line and column of the file where the code begins; ``None`` where lines do not map.
        code_key: Where tool or code stand below the step: ``()``, or ``("undo",)``.
        params: Makes the params of one attempt.
        needs_view: Whether a template reads the root ``step``.
        code_reads: Of the steps whose results a code step is given: id, (depth, number), and whether it is a loop.
        when: The condition, or ``None``.
        policy: What follows from a failure that no rule names.
        rules: The rules of an ``on_error`` list.
        retry_own: Whether the step itself, not ``defaults``, asks for retries.
        attempt_timeout, total_timeout, idle_timeout: Seconds or ``None``.
        skip_missing_tool: ``on_missing_tool: skip``.
        limits: Names of the pools that an attempt needs.
        body, for_each, repeat: Of a composite step, which is made of scopes of their own. A tool or code in a loop
            is such a body too; its retries are its own.
        retries_body: Whether the attempts of a composite step are its own: not those of a tool or code in a loop.
        exit: Of an ``exit``.
        undo: The plan of its ``undo``, or ``None``.
        in_task: Whether a task of its own runs it: a tool or code, and no loop.
        plain_body: Of a loop over a tool or code without rounds: the plan of that alone.
    """

    number: int
    id: str
    suffix: str
    definition: StepDefinition
    policy: Policy
    tool: str | None = None
    server: str | None = None
    parse: str = "auto"
    code: CodeBody | None = None
    code_place: tuple[int, int] | None = None
    code_key: tuple[str, ...] = ()
    params: Build = _no_params
    needs_view: bool = False
    code_reads: tuple[tuple[str, tuple[int, int], bool], ...] = ()
    when: Template | None = None
    rules: tuple[PlanRule, ...] = ()
    retry_own: bool = False
    attempt_timeout: float | None = None
    total_timeout: float | None = None
    idle_timeout: float | None = None
    skip_missing_tool: bool = False
    limits: tuple[str, ...] = ()
    body: PlanBody | None = None
    for_each: PlanForEach | None = None
    repeat: PlanRepeat | None = None
    retries_body: bool = False
    exit: PlanExit | None = None
    undo: Plan | None = None
    max_attempts: int = 1
    in_task: bool = attrs.field(init=False, default=attrs.Factory(_is_in_task, takes_self=True))
    plain_body: Plan | None = attrs.field(init=False, default=attrs.Factory(_plain_body, takes_self=True))

    def policy_for(self, error: AELError) -> Policy:
        """What follows from a failure: the first rule that names its code, or what holds for all."""
        for rule in self.rules:
            if not rule.match or error.code in rule.match:
                return rule.policy
        return self.policy


@attrs.frozen(eq=False)
class PlanOutput:
    """One output, ready to be made."""

    definition: OutputDefinition
    build: Build

    @property
    def name(self) -> str:
        """The output's name."""
        return self.definition.name


@attrs.frozen(eq=False)
class Plan:
    """One block, ready to run.

    Attributes:
        numbers: Step id → number.
        waits: Per step, the numbers of those it waits for.
        dependents: The same edges turned round.
        skip_dependents: Per step, those that name it in ``depends_on``: along these a skip travels.
        countdown: Per step, for how many it waits; copied by every scope. A ``join`` counts as one.
        joins: Step number → its ``join``, where it is not ``all``.
        contests: Step number → the numbers of the joins of ``any`` or ``at_least`` that name it.
        kept: Steps whose results are read when the block has ended.
        roots: Steps that wait for nothing, in file order.
        outputs: Of a workflow.
        timeouts: Whether any step has a total timeout.
        plain: Whether every step is a task, and none has a join or a total timeout.
        own_steps: Whether its steps are steps of the file, and not the body of a loop or an ``undo``.
        undoing: Whether what completed is undone if the workflow fails.
        ending: The ``finally`` steps of a workflow.
        pools: What the workflow declares.
        calls: Names of the workflows that it, or anything in it, calls.
        diagnostics: What was found while loading it; warnings and notes, never errors.
    """

    definition: WorkflowDefinition
    flow: Flow
    steps: tuple[PlanStep, ...]
    numbers: Mapping[str, int]
    waits: Waits
    dependents: Waits
    skip_dependents: Waits
    countdown: tuple[int, ...]
    joins: Mapping[int, PlanJoin]
    contests: Mapping[int, tuple[int, ...]]
    kept: frozenset[int]
    roots: tuple[int, ...]
    timeouts: bool
    plain: bool
    outputs: tuple[PlanOutput, ...] = ()
    own_steps: bool = True
    undoing: bool = False
    ending: Plan | None = None
    pools: tuple[PoolDefinition, ...] = ()
    calls: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def id(self) -> str:
        """The workflow's id."""
        return self.definition.name
