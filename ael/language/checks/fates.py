"""What is known of each step before anything runs: whether it can run, may be skipped, may be without output.

LANGUAGE 5 says how skips travel: along ``depends_on`` when a step was not taken, and with data when the output of a
skipped step without ``fallback`` is really used. What is said here is certain: a step is *dead* only if no execution
can start it, and a template counts as using an output only where nothing in it could guard the read. So a condition,
a ``default`` or a test anywhere in a template clears it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from ael.dataflow import Flow, StepFlow
from ael.definition import (
    MISSING,
    ChooseBody,
    CodeBody,
    Defaults,
    ErrorRule,
    ExitBody,
    Join,
    Path,
    StepDefinition,
    ToolBody,
)
from ael.language.checks.context import Context, Scope
from ael.ports import ToolCatalog, ToolSpec
from ael.templates import Reference, Template, TemplateKind, constant_of, is_true
from ael.types import OnError

__all__ = ["Cause", "Fate", "Fates", "constant_condition", "fates_of", "may_skip_errors", "used_outputs"]

_GUARD = re.compile(r"\b(?:default|d|is|if|and|or)\b|\|\s*(?:select|reject|map)\b")
"""Words that may keep a read from being a use, wherever they stand."""


@attrs.frozen
class Cause:
    """Why a step can never run, and what to do about it."""

    reason: str
    advice: str


@attrs.frozen
class Fate:
    """One step's.

    Attributes:
        untaken: The step with which a skip may begin that makes this one *not taken*, itself included; or ``None``.
        missing: The step with which a skip may begin that leaves this one without output; or ``None``.
        completes: Whether nothing but a failure of its scope keeps it from completing.
        dead: Why it can never run, or ``None``.
        own: Whether it is dead of itself: its condition never holds, or its ``join`` is never reached.
        stopped: Whether it is dead because the workflow has ended by then: whoever waits for it is so too.
        ends: Whether the workflow has ended once it has settled.
    """

    untaken: str | None = None
    missing: str | None = None
    completes: bool = True
    dead: Cause | None = None
    own: bool = False
    stopped: bool = False
    ends: bool = False


_UNKNOWN = Fate()
_NEVER_HOLDS = Cause("its `when` never holds", "remove it")
_NEVER_REACHED = Cause("its `join` is never reached", "name other steps in `depends_on`")


def _stop(name: str) -> Cause:
    return Cause(f"step {name!r} has ended the workflow by then", "remove the step, or give the `exit` a condition")


def _dependency(reason: str) -> Cause:
    return Cause(reason, "remove the dependency or the step; with `join: settled` it runs whatever became of the other")


def _use(used: str) -> Cause:
    return Cause(f"the output of step {used!r} is used, which never runs", "remove the step, or write `| default(...)`")


class Fates:
    """Of all steps of a definition. Of steps in or behind a cycle, and inside dead ones, nothing is known."""

    def __init__(self) -> None:
        self._fates: dict[int, Fate] = {}

    def of(self, step_flow: StepFlow) -> Fate:
        """The fate of a step."""
        return self._fates.get(id(step_flow), _UNKNOWN)

    def set(self, step_flow: StepFlow, fate: Fate) -> None:
        """Settle a step's."""
        self._fates[id(step_flow)] = fate

    def by_id(self, flow: Flow) -> dict[str, Fate]:
        """Of the steps of one block."""
        return {step_id: self.of(flow.steps[number]) for step_id, number in flow.numbers.items()}


def fates_of(context: Context, catalog: ToolCatalog | None) -> Fates:
    """Follow the steps of every block in the order in which they settle."""
    reckoning = _Reckoning(context, catalog)
    reckoning.block(context.flow, {})
    if context.flow.ending is not None:
        # Here all others have settled, and what they lack is what these steps are for.
        reckoning.block(context.flow.ending, {})
    return reckoning.fates


def constant_condition(step_flow: StepFlow, path: Path) -> bool | None:
    """Whether a condition holds, if it always does or never; ``None`` if that depends, or there is none."""
    template = step_flow.templates.get(path)
    value = MISSING if template is None else constant_of(template)
    return None if value is MISSING else is_true(value)


def used_outputs(template: Template) -> Iterator[tuple[str, Reference]]:
    """The steps whose output is really used whenever the template is rendered, by id, and where it is read."""
    if template.kind is TemplateKind.EXPRESSION and _GUARD.search(template.text):
        return
    for reference in template.references:
        if reference.root == "steps" and reference.name is not None and reference.path[:1] == ("output",):
            yield reference.name, reference


def may_skip_errors(step: StepDefinition, defaults: Defaults, *, without_fallback: bool = False) -> bool:
    """Whether a failure of the step may leave it skipped; ``without_fallback``: of a rule of its own, that is."""
    if step.error_rules:
        return any(
            _rule_skips(rule) and not (without_fallback and rule.fallback is not MISSING) for rule in step.error_rules
        )
    plain = isinstance(step.body, ToolBody | CodeBody)
    on_error = step.on_error or (defaults.on_error if plain else None)
    if on_error is not OnError.RETRY:
        return on_error is OnError.SKIP
    retry = step.retry or (defaults.retry if plain else None)
    return retry is not None and retry.on_exhausted is OnError.SKIP


def _rule_skips(rule: ErrorRule) -> bool:
    if rule.do is OnError.RETRY:
        return rule.retry is not None and rule.retry.on_exhausted is OnError.SKIP
    return rule.do is OnError.SKIP


class _Reckoning:
    """Follows the steps; ``around`` are the fates of the steps of enclosing blocks by id."""

    def __init__(self, context: Context, catalog: ToolCatalog | None) -> None:
        self.fates = Fates()
        self._defaults = context.definition.defaults
        self._catalog = catalog
        self._scopes = {id(scope.flow): scope for scope in context.scopes}

    def block(self, flow: Flow, around: Mapping[str, Fate]) -> None:
        """Settle the steps of one block and of those in it."""
        scope = self._scopes[id(flow)]
        known = {step_id: fate for step_id, fate in around.items() if step_id not in flow.numbers}
        for number in scope.order:
            step_flow = flow.steps[number]
            fate = self._fate(scope, number, known)
            if fate.dead is None:
                for block in step_flow.blocks:
                    self.block(block, known)
                fate = attrs.evolve(fate, ends=self._ends(step_flow, fate))
            elif step_flow.step.fallback is MISSING:
                fate = attrs.evolve(fate, missing=scope.name(step_flow.step))
            self.fates.set(step_flow, fate)
            known[step_flow.step.id] = fate

    def _fate(self, scope: Scope, number: int, known: Mapping[str, Fate]) -> Fate:
        step_flow = scope.flow.steps[number]
        dead = self._by_order(scope, number)
        if dead is not None:
            return dead
        if constant_condition(step_flow, ("when",)) is False:
            return Fate(dead=_NEVER_HOLDS, own=True)
        named, used = _by_named(scope, step_flow.step, known), _by_used(step_flow, known)
        if named.dead is not None or used.dead is not None:
            return named if named.dead is not None else used
        name = scope.name(step_flow.step)
        untaken = named.untaken or used.untaken or (name if _may_decline(step_flow) else None)
        return self._skips(step_flow.step, name, untaken)

    def _by_order(self, scope: Scope, number: int) -> Fate | None:
        """What follows from the end of the workflow, for whoever waits for it in any way."""
        for other in scope.waits[number]:
            before = self.fates.of(scope.flow.steps[other])
            if before.ends or before.stopped:
                return Fate(dead=before.dead or _stop(scope.name(scope.flow.steps[other].step)), stopped=True)
        return None

    def _skips(self, step: StepDefinition, name: str, untaken: str | None) -> Fate:
        """The fate of a step that is taken unless ``untaken`` says otherwise: what skips may come of itself."""
        skips = may_skip_errors(step, self._defaults) or self._may_lack_tool(step)
        lacks = self._may_lack_tool(step) or may_skip_errors(step, self._defaults, without_fallback=True)
        missing = untaken or (name if lacks else None)
        completes = untaken is None and not skips
        return Fate(untaken, missing if step.fallback is MISSING else None, completes)

    def _may_lack_tool(self, step: StepDefinition) -> bool:
        if step.on_missing_tool is not OnError.SKIP or not isinstance(step.body, ToolBody):
            return False
        return self._catalog is None or not isinstance(self._catalog.lookup(step.body.tool, step.body.server), ToolSpec)

    def _ends(self, step_flow: StepFlow, fate: Fate) -> bool:
        """Whether the workflow has ended for certain once this step has settled."""
        step = step_flow.step
        if fate.untaken is not None or step.for_each is not None:
            return False
        if isinstance(step.body, ExitBody):
            return True
        ends = [any(self.fates.of(inner).ends for inner in block.steps) for block in step_flow.blocks]
        return bool(ends) and all(ends) and not may_skip_errors(step, self._defaults)


def _by_named(scope: Scope, step: StepDefinition, known: Mapping[str, Fate]) -> Fate:
    """What follows from ``depends_on``: rule 1 of skips, or ``join``."""
    named = {each: known.get(each, _UNKNOWN) for each in step.depends_on if each in scope.flow.numbers}
    if step.join is not None:
        return _by_join(step.join, list(named.values()), scope.name(step))
    for each, fate in named.items():
        if fate.dead is not None:
            return Fate(dead=_dependency(f"`depends_on` names step {each!r}, which never runs"))
        if isinstance(scope.flow.steps[scope.flow.numbers[each]].step.body, ExitBody):
            return Fate(
                dead=_dependency(f"`depends_on` names step {each!r}, which ends the workflow or is itself skipped")
            )
    return Fate(next((fate.untaken for fate in named.values() if fate.untaken), None))


def _by_join(join: Join, named: list[Fate], name: str) -> Fate:
    """What follows from counting those that complete."""
    if join.at_least is None:
        return _UNKNOWN
    if sum(fate.dead is None for fate in named) < min(join.at_least, len(named)):
        return Fate(dead=_NEVER_REACHED, own=True)
    certain = sum(fate.completes and fate.dead is None for fate in named)
    return Fate(name if certain < join.at_least else None)


def _by_used(step_flow: StepFlow, known: Mapping[str, Fate]) -> Fate:
    """What follows from the outputs that its templates use: rule 2 of skips."""
    untaken = None
    for path, template in step_flow.templates.items():
        if _is_rendered_once(path, step_flow.step):
            for used, _ in used_outputs(template):
                fate = known.get(used, _UNKNOWN)
                if fate.dead is not None and fate.missing is not None:
                    return Fate(dead=_use(used))
                untaken = untaken or fate.missing
    return Fate(untaken)


def _is_rendered_once(path: Path, step: StepDefinition) -> bool:
    """Whether the whole step is skipped when a template uses what is missing; in a loop, params are each item's."""
    if step.for_each is not None:
        return path in {("when",), step.for_each.path}
    return path[0] in {"when", "params"}


def _may_decline(step_flow: StepFlow) -> bool:
    """Whether the step itself may find that it is not taken: by ``when``, or by no branch that holds."""
    step = step_flow.step
    if step.when is not None and constant_condition(step_flow, ("when",)) is None:
        return True
    if not isinstance(step.body, ChooseBody) or step.for_each is not None:
        return False
    return not any(
        branch.when is None or constant_condition(step_flow, ("choose", index, "when"))
        for index, branch in enumerate(step.body.branches)
    )
