"""From a definition and what its steps read to the plan of every block in it."""

from __future__ import annotations

import attrs

from ael.builders import Build, builder
from ael.dataflow import Flow, analyse, is_composite
from ael.definition import (
    MISSING,
    BlockBody,
    ChooseBody,
    CodeBody,
    Defaults,
    ErrorRule,
    ExitBody,
    Path,
    ToolBody,
    Undo,
    WorkflowBody,
    WorkflowDefinition,
    walk_steps,
)
from ael.graph import edges
from ael.ordering import order_steps
from ael.plan import (
    Plan,
    PlanBody,
    PlanBranch,
    PlanCall,
    PlanExit,
    PlanForEach,
    PlanOutput,
    PlanRepeat,
    PlanRule,
    PlanStep,
    Policy,
)
from ael.types import JsonValue, OnError, RetryConfig, TimeoutConfig

__all__ = ["compile_plan"]

_ONCE = RetryConfig(max_attempts=1)
_NO_TOOL = ToolBody("")
_NO_DEFAULTS = Defaults()
_NO_TIMEOUT = TimeoutConfig()


def compile_plan(definition: WorkflowDefinition, flow: Flow | None = None, *, sequential: bool | None = None) -> Plan:
    """Compile a definition that has no errors.

    Args:
        flow: What :func:`ael.dataflow.analyse` said of it, if it was asked before.
        sequential: Overrides the file's.
    """
    if sequential is not None and sequential != definition.sequential:
        definition = attrs.evolve(definition, sequential=sequential)
        flow = None
    flow = analyse(definition) if flow is None else flow
    plan = _compile_block(definition, flow, separator="", readable=frozenset())
    every = (*definition.steps, *definition.finally_steps)
    calls = (step.body.workflow for step in walk_steps(every) if isinstance(step.body, WorkflowBody))
    ending = None
    if flow.ending is not None:
        ending = _compile_block(definition, flow.ending, separator="", readable=frozenset(flow.numbers))
    return attrs.evolve(
        plan,
        outputs=tuple(PlanOutput(each, builder(each.value, each.path, flow.outputs)) for each in definition.outputs),
        undoing=definition.undo_on_failure,
        ending=ending,
        pools=definition.limits,
        calls=tuple(dict.fromkeys(calls)),
    )


def _compile_block(definition: WorkflowDefinition, flow: Flow, *, separator: str, readable: frozenset[str]) -> Plan:
    """One block; ``readable`` are the ids outside that its code may read although it names none of them."""
    compilers = (_StepCompiler(definition, flow, number, readable) for number in range(len(flow.steps)))
    return order_steps(definition, flow, tuple(each.step(separator) for each in compilers), edges(flow))


class _StepCompiler:
    """Compiles one step: itself, its body, its ``undo``."""

    def __init__(self, definition: WorkflowDefinition, flow: Flow, number: int, readable: frozenset[str]) -> None:
        step_flow = flow.steps[number]
        self._definition = definition
        self._flow = flow
        self._step_flow = step_flow
        self._step = step_flow.step
        self._number = number
        self._templates = step_flow.templates
        self._readable = readable | frozenset(step_flow.reads)
        leaf = isinstance(self._step.body, ToolBody | CodeBody)
        defaults = definition.defaults if leaf else _NO_DEFAULTS
        self._timeout = self._step.timeout or defaults.timeout or _NO_TIMEOUT
        self._leaf = leaf
        self._retry = self._step.retry or defaults.retry
        self._on_error = OnError.FAIL if self._step.error_rules else self._step.on_error or defaults.on_error

    def step(self, separator: str) -> PlanStep:
        """The step as its block sees it."""
        step = self._step
        suffix = separator + step.id
        if isinstance(step.body, ExitBody):
            return attrs.evolve(self._bare(suffix), exit=self._exit(step.body))
        if not is_composite(step):
            return self._leaf_step(suffix)
        composite = self._bare(suffix)
        retries_body = not self._leaf
        return attrs.evolve(
            composite,
            body=self._body(),
            for_each=self._for_each(),
            repeat=self._repeat(),
            retries_body=retries_body,
            attempt_timeout=self._timeout.attempt if retries_body else None,
            limits=step.limits if retries_body else (),
            max_attempts=1 if self._leaf and step.for_each is not None else composite.max_attempts,
        )

    def _leaf_step(self, suffix: str) -> PlanStep:
        """A tool or code that runs as its block says, without a loop."""
        return self._with_body(
            attrs.evolve(self._bare(suffix), limits=self._step.limits), self._step.body, ("params",), ()
        )

    def _bare(self, suffix: str) -> PlanStep:
        """The step without its body."""
        step = self._step
        policy = self._policy()
        rules = tuple(self._rule(rule, index) for index, rule in enumerate(step.error_rules))
        attempts = [policy.retry.max_attempts, *(rule.policy.retry.max_attempts for rule in rules)]
        return PlanStep(
            number=self._number,
            id=step.id,
            suffix=suffix,
            definition=step,
            needs_view=self._reads_step(),
            when=self._templates.get(("when",)),
            policy=policy,
            rules=rules,
            retry_own=step.retry is not None or step.on_error is OnError.RETRY or bool(step.error_rules),
            attempt_timeout=self._timeout.attempt,
            total_timeout=self._timeout.total,
            idle_timeout=self._timeout.idle,
            skip_missing_tool=step.on_missing_tool is OnError.SKIP,
            undo=None if step.undo is None else self._undo(step.undo),
            max_attempts=max(attempts),
        )

    def _with_body(self, step: PlanStep, body: object, params: Path, key: tuple[str, ...]) -> PlanStep:
        """The step with a tool or code as its body, found at ``key`` below it."""
        tool = body if isinstance(body, ToolBody) else _NO_TOOL
        code = body if isinstance(body, CodeBody) else None
        return attrs.evolve(
            step,
            tool=tool.tool or None,
            server=tool.server,
            parse=tool.parse,
            code=code,
            code_place=None if code is None else _code_place(self._definition, (*self._step.path, *key, "code")),
            code_key=key,
            params=builder(tool.params, params, self._templates),
            code_reads=() if code is None else self._code_reads(undo=bool(key)),
        )

    # -- policies ----------------------------------------------------------------------------------

    def _policy(self) -> Policy:
        """The retries in force, and what follows when they are used up (docs/language.md, section 5)."""
        fallback = self._build(self._step.fallback, ("fallback",))
        if self._on_error is OnError.RETRY:
            retry = self._retry or RetryConfig()
            return Policy(retry, retry.on_exhausted, fallback)
        return Policy(self._retry or _ONCE, self._on_error or OnError.FAIL, fallback)

    def _rule(self, rule: ErrorRule, index: int) -> PlanRule:
        """``do: skip`` and ``do: fail`` count when the step's own ``retry`` is used up, as for a plain ``on_error``."""
        fallback = rule.fallback if rule.fallback is not MISSING else self._step.fallback
        path: Path = ("fallback",) if rule.fallback is MISSING else ("on_error", index, "fallback")
        build = self._build(fallback, path)
        if rule.do is OnError.RETRY:
            retry = rule.retry or self._retry or RetryConfig()
            return PlanRule(frozenset(rule.match), Policy(retry, retry.on_exhausted, build))
        return PlanRule(frozenset(rule.match), Policy(self._retry or _ONCE, rule.do, build))

    def _build(self, value: JsonValue, path: Path) -> Build | None:
        return None if value is MISSING else builder(value, path, self._templates)

    # -- bodies ------------------------------------------------------------------------------------

    def _body(self) -> PlanBody:
        match self._step.body:
            case BlockBody(output=output):
                return (self._branch(0, output, (*self._step.path, "output")),)
            case ChooseBody(branches=branches):
                return tuple(
                    attrs.evolve(
                        self._branch(index, branch.output, (*branch.path, "output")),
                        when=self._templates.get(("choose", index, "when")),
                    )
                    for index, branch in enumerate(branches)
                )
            case WorkflowBody(workflow=name, params=params):
                return PlanCall(name, builder(params, ("params",), self._templates))
        return (PlanBranch(self._loop_body()),)

    def _branch(self, index: int, output: JsonValue, path: Path) -> PlanBranch:
        flow = self._step_flow.blocks[index]
        plan = _compile_block(self._definition, flow, separator=".", readable=self._readable)
        return PlanBranch(plan, output=None if output is MISSING else builder(output, path, flow.outputs))

    def _loop_body(self) -> Plan:
        """The tool or code of a loop: one step without a name of its own, which retries itself and else fails."""
        rules = self._bare("").rules
        failing = tuple(PlanRule(rule.match, _only_retries(rule.policy)) for rule in rules)
        leaf = attrs.evolve(
            self._leaf_step(""),
            number=0,
            when=None,
            policy=_only_retries(self._policy()),
            rules=failing,
            total_timeout=None,
            skip_missing_tool=False,
        )
        return self._plan_of_one(leaf)

    def _plan_of_one(self, step: PlanStep) -> Plan:
        flow = attrs.evolve(self._flow, steps=(self._step_flow,), numbers={}, outputs={})
        return order_steps(self._definition, flow, (step,), ((),), own_steps=False)

    def _for_each(self) -> PlanForEach | None:
        loop = self._step.for_each
        if loop is None:
            return None
        key = None if loop.key is None else builder(loop.key, ("for_each", "key"), self._templates)
        template = self._templates.get(loop.path) if isinstance(loop.items, str) else None
        items = template.render if template is not None else builder(loop.items, loop.path, self._templates)
        return PlanForEach(items, loop.name, key, loop.max_parallel, loop.tolerate)

    def _repeat(self) -> PlanRepeat | None:
        repeat = self._step.repeat
        if repeat is None:
            return None
        return PlanRepeat(repeat.max, self._templates.get(("repeat", "until")), repeat.every, repeat.collect)

    def _exit(self, body: ExitBody) -> PlanExit:
        outputs = None if body.outputs is MISSING else builder(body.outputs, ("exit", "outputs"), self._templates)
        return PlanExit(body.status, builder(body.reason, ("exit", "reason"), self._templates), outputs)

    def _undo(self, undo: Undo) -> Plan:
        """The ``undo`` as a block of one step, whose path is that of the step and ``:undo``."""
        retry = undo.retry or _ONCE
        timeout = undo.timeout or _NO_TIMEOUT
        step = self._step
        bare = PlanStep(
            number=0,
            id=step.id,
            suffix=":undo",
            definition=step,
            code_key=("undo",),
            needs_view=self._reads_step(),
            policy=Policy(retry, OnError.FAIL, None),
            retry_own=undo.retry is not None,
            attempt_timeout=timeout.attempt,
            total_timeout=timeout.total,
            idle_timeout=timeout.idle,
            max_attempts=retry.max_attempts,
        )
        return self._plan_of_one(self._with_body(bare, undo.body, ("undo", "params"), ("undo",)))

    # -- reading -----------------------------------------------------------------------------------

    def _reads_step(self) -> bool:
        """Whether a template of the step, or the output of a block that it is made of, reads the root ``step``."""
        outputs = (template for block in self._step_flow.blocks for template in block.outputs.values())
        templates = (*self._templates.values(), *outputs)
        return any(reference.root == "step" for template in templates for reference in template.references)

    def _code_reads(self, *, undo: bool) -> tuple[tuple[str, tuple[int, int], bool], ...]:
        """The steps that code is given: those it names; those it may read, if it reads by a computed name."""
        code = self._step_flow.undo_code if undo else self._step_flow.code
        if code is None:
            return ()
        names = {reference.name for reference in code.steps}
        if code.reads_any_step:
            names |= self._readable
        further = 1 if undo else 0
        inner = self._step_flow.inner
        return tuple(
            (name, (depth + further, number), name in inner.loops)
            for name, (depth, number) in inner.steps.items()
            if name in names
        )


def _only_retries(policy: Policy) -> Policy:
    return Policy(policy.retry, OnError.FAIL, None)


def _code_place(definition: WorkflowDefinition, path: Path) -> tuple[int, int] | None:
    """Lines map in literal block scalars, which begin below their indicator, and in scalars of one line."""
    span = definition.spans.get(path)
    if span is None or definition.source is None:
        return None
    place = span.value
    if span.style == "|":
        below = definition.source.line(place.line + 1)
        return place.line + 1, len(below) - len(below.lstrip(" ")) + 1
    if place.line != place.end_line:
        return None
    return place.line, place.column + (1 if span.style else 0)
