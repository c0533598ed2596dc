"""2xx: steps that nothing orders, of which one may write.

Old files ran in file order, so there any such pair is worth a warning. Elsewhere side by side is what was asked for,
and only a pair that plainly touches the same thing is worth a note.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from ael.definition import StepDefinition, ToolBody, WorkflowBody, walk_steps
from ael.language.catalog import graph, old
from ael.language.checks.context import Context, Scope
from ael.ports import ToolCatalog, ToolSpec
from ael.types import JsonValue

__all__ = ["check_order"]

_ORIGIN = frozenset(
    kind.code for kind in (old.OldKey, old.OldValue, old.ListForm, old.PackagesIgnored, old.PythonExec, old.OldCode)
)
"""Notes that tell an old file. ``mcp`` beside ``tool`` and the variable ``result`` are not among them: new files
have them too."""
_MOST_PAIRS = 2_000
"""That share a parameter; beyond, nothing more is compared, so that huge blocks stay cheap."""


def check_order(context: Context, catalog: ToolCatalog | None) -> None:
    """Warn of the first such pair in each block of an old file, note those of one target elsewhere.

    A file that says ``sequential`` anywhere, or an old one that says ``depends_on``, has thought of order.
    """
    definition = context.definition
    if definition.sequential:
        return
    relied_on_order = any(note.code in _ORIGIN for note in definition.notes)
    if relied_on_order and not any(step.depends_on for step in walk_steps(definition.steps)):
        for scope in context.scopes:
            _check_old(scope, context, catalog)
    elif catalog is not None:
        for scope in context.scopes:
            _check_targets(scope, context, catalog)


class _Order:
    """Which steps of a block wait for which, directly or not, as bit masks. A cycle orders all that is in it."""

    def __init__(self, scope: Scope) -> None:
        everything = (1 << len(scope.waits)) - 1
        self._after = [everything] * len(scope.waits)
        for number in scope.order:
            mask = 0
            for other in scope.waits[number]:
                mask |= self._after[other] | 1 << other
            self._after[number] = mask

    def unordered(self, number: int, among: int) -> Iterator[int]:
        """The steps before it in the file, of those ``among``, that neither wait for it nor it for them."""
        left = ((1 << number) - 1) & among & ~self._after[number]
        while left:
            lowest = left & -left
            left ^= lowest
            other = lowest.bit_length() - 1
            if not self._after[other] >> number & 1:
                yield other


def _check_old(scope: Scope, context: Context, catalog: ToolCatalog | None) -> None:
    steps = [each.step for each in scope.flow.steps]
    writers = sum(1 << number for number, step in enumerate(steps) if not _only_reads(step, catalog))
    order = _Order(scope)
    for number, step in enumerate(steps):
        among = -1 if writers >> number & 1 else writers
        first = next(order.unordered(number, among), None)
        if first is not None:
            problem = graph.StepsUnordered(scope.name(steps[first]), scope.name(step), steps[first].id)
            context.report.add(problem, context.path(step, "id"))
            return


def _only_reads(step: StepDefinition, catalog: ToolCatalog | None) -> bool:
    """Code has no effects; a tool only if it says so; a workflow may do anything."""
    for each in walk_steps((step,)):
        if isinstance(each.body, ToolBody):
            found = None if catalog is None else catalog.lookup(each.body.tool, each.body.server)
            if not (isinstance(found, ToolSpec) and found.read_only is True):
                return False
        elif isinstance(each.body, WorkflowBody):
            return False
    return True


def _check_targets(scope: Scope, context: Context, catalog: ToolCatalog) -> None:
    calls = _calls_by_owner(scope, catalog)
    if not calls:
        return
    order = _Order(scope)
    steps = [each.step for each in scope.flow.steps]
    for group in calls.values():
        pairs = _colliding(group, steps, order)
        if not pairs:
            continue
        first, second = pairs[0]
        writer = next(group[each] for each in (second, first) if _writes(group[each]))
        more = len(pairs) - 1
        others = f"; so with {more} more pair{'s' if more > 1 else ''}" if more else ""
        names = scope.name(steps[first]), scope.name(steps[second])
        problem = graph.StepsMayCollide(*names, writer.full_name, others, steps[first].id)
        context.report.add(problem, context.path(steps[second], "id"))


def _calls_by_owner(scope: Scope, catalog: ToolCatalog) -> dict[str, dict[int, ToolSpec]]:
    """Server, or tool without one → number of step → tool: of those with two calls or more, of which one writes."""
    calls: dict[str, dict[int, ToolSpec]] = {}
    for number, step_flow in enumerate(scope.flow.steps):
        body = step_flow.step.body
        found = catalog.lookup(body.tool, body.server) if isinstance(body, ToolBody) and body.params else None
        if isinstance(found, ToolSpec):
            calls.setdefault(found.server or found.full_name, {})[number] = found
    return {
        owner: group
        for owner, group in calls.items()
        if len(group) > 1 and any(_writes(spec) for spec in group.values())
    }


def _writes(spec: ToolSpec) -> bool:
    """Whether the tool says so; one that says nothing is not known to write."""
    return spec.read_only is False or (spec.destructive is True and not spec.read_only)


def _colliding(group: Mapping[int, ToolSpec], steps: list[StepDefinition], order: _Order) -> list[tuple[int, int]]:
    """Pairs without order and of one target, one of which writes; in the order of the second."""
    writers = sum(1 << number for number, spec in group.items() if _writes(spec))
    pairs: set[tuple[int, int]] = set()
    for sharing in _sharing({number: _params(steps[number]) for number in group}):
        everyone = sum(1 << number for number in sharing)
        candidates = (
            (number, other)
            for number in sharing
            for other in order.unordered(number, everyone if writers >> number & 1 else everyone & writers)
        )
        pairs.update(itertools.islice(candidates, _MOST_PAIRS))
    return [(other, number) for number, other in sorted(pairs) if _collide(steps[other], steps[number])]


def _sharing(params: Mapping[int, Mapping[str, JsonValue]]) -> Iterator[list[int]]:
    """The numbers of calls that have a parameter in common, with the same value; alone nobody collides."""
    calls: dict[tuple[str, str], list[int]] = {}
    for number, given in params.items():
        for name, value in given.items():
            calls.setdefault((name, repr(value)), []).append(number)
    return (numbers for numbers in calls.values() if len(numbers) > 1)


def _collide(first: StepDefinition, second: StepDefinition) -> bool:
    """Whether all parameters that both calls have are equal, and not both have conditions."""
    if first.when and second.when:
        return False
    ours, others = _params(first), _params(second)
    return all(ours[name] == others[name] for name in ours.keys() & others.keys())


def _params(step: StepDefinition) -> Mapping[str, JsonValue]:
    assert isinstance(step.body, ToolBody)
    return step.body.params
