"""The order of a block, made ready for counting down: who waits for how many, and what a join counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ael.dataflow import Flow
from ael.definition import WorkflowDefinition
from ael.graph import dependents, named_edges
from ael.plan import Plan, PlanJoin, PlanStep

__all__ = ["order_steps"]


def order_steps(
    definition: WorkflowDefinition,
    flow: Flow,
    steps: tuple[PlanStep, ...],
    waits: tuple[tuple[int, ...], ...],
    *,
    own_steps: bool = True,
) -> Plan:
    """The plan of compiled steps: countdowns, joins, and along which edges a skip travels.

    Args:
        waits: Per step, the numbers of those it waits for.
        own_steps: Whether they are steps of the file; else there is one, which waits for nothing.
    """
    joins = dict(_joins(flow)) if own_steps else {}
    timeouts = any(step.total_timeout is not None for step in steps)
    skips = dependents(named_edges(flow)) if own_steps else ((),)
    return Plan(
        definition=definition,
        flow=flow,
        steps=steps,
        numbers=flow.numbers,
        waits=waits,
        dependents=dependents(waits),
        skip_dependents=tuple(tuple(k for k in after if k not in joins) for after in skips) if joins else skips,
        countdown=tuple(_countdown(before, joins.get(number)) for number, before in enumerate(waits)),
        joins=joins,
        contests=_contests(joins),
        kept=_kept(flow) if joins else frozenset(),
        roots=tuple(number for number, before in enumerate(waits) if not before),
        timeouts=timeouts,
        plain=not (joins or timeouts) and all(step.in_task for step in steps),
        own_steps=own_steps,
    )


def _contests(joins: Mapping[int, PlanJoin]) -> dict[int, tuple[int, ...]]:
    contests: dict[int, tuple[int, ...]] = {}
    for number, join in joins.items():
        for named in join.named if join.at_least is not None else ():
            contests[named] = (*contests.get(named, ()), number)
    return contests


def _kept(flow: Flow) -> frozenset[int]:
    """The steps that outputs read, those of ``finally`` steps included; of a block without ``output`` its last."""
    readers = list(flow.outputs.values())
    names = {each.name for template in readers for each in template.references if each.root == "steps"}
    if flow.ending is not None:
        names |= set(flow.ending.outer_reads)
    if not readers:
        names.add(flow.steps[-1].step.id)
    return frozenset(number for name, number in flow.numbers.items() if name in names)


def _joins(flow: Flow) -> Iterator[tuple[int, PlanJoin]]:
    for number, step_flow in enumerate(flow.steps):
        join = step_flow.step.join
        if join is not None and step_flow.step.depends_on:
            named = frozenset(flow.numbers[name] for name in step_flow.step.depends_on if name in flow.numbers)
            yield number, PlanJoin(named, join.at_least, join.cancel_rest)


def _countdown(before: tuple[int, ...], join: PlanJoin | None) -> int:
    return len(before) if join is None else len(set(before) - join.named) + 1
