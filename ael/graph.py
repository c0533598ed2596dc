"""The order of steps as a graph over their numbers: who waits for whom, and whether that goes round in circles.

Pure functions over tuples; ``waits[i]`` are the steps that step ``i`` waits for, ascending, without repeats.
"""

from __future__ import annotations

from typing import TypeAlias

from ael.dataflow import Flow

__all__ = ["Waits", "dependents", "edges", "find_cycle", "named_edges", "settling_order"]

Waits: TypeAlias = tuple[tuple[int, ...], ...]


def edges(flow: Flow) -> Waits:
    """Per step, what it waits for: ``depends_on``, what it reads, and with ``sequential`` the one before.

    Unknown ids are left out: they are reported elsewhere. A step that names itself waits for itself,
    which :func:`find_cycle` finds.
    """
    numbers = flow.numbers
    waits = []
    for i, step_flow in enumerate(flow.steps):
        names = (*step_flow.step.depends_on, *step_flow.reads)
        before = {numbers[name] for name in names if name in numbers}
        if flow.sequential and i > 0:
            before.add(i - 1)
        waits.append(tuple(sorted(before)))
    return tuple(waits)


def named_edges(flow: Flow) -> Waits:
    """Per step, only what it names in ``depends_on``: along these a skip travels."""
    numbers = flow.numbers
    return tuple(
        tuple(sorted({numbers[name] for name in step_flow.step.depends_on if name in numbers}))
        for step_flow in flow.steps
    )


def dependents(waits: Waits) -> Waits:
    """The edges turned round: per step, who waits for it, ascending."""
    turned: list[list[int]] = [[] for _ in waits]
    for i, before in enumerate(waits):
        for j in before:
            turned[j].append(i)
    return tuple(map(tuple, turned))


def settling_order(waits: Waits) -> tuple[int, ...]:
    """The steps in an order in which each comes after all it waits for; those in or behind a cycle are left out."""
    left = [len(before) for before in waits]
    after = dependents(waits)
    free = [i for i, count in enumerate(left) if not count]
    for i in free:  # grows while it is walked
        for k in after[i]:
            left[k] -= 1
            if not left[k]:
                free.append(k)
    return tuple(free)


def find_cycle(waits: Waits) -> tuple[int, ...] | None:
    """One cycle as a path whose last member is its first, or ``None``.

    The path runs in the direction of waiting: each member waits for the next. Among several the one
    through the lowest-numbered step is given, so that messages are stable.
    """
    stuck = set(range(len(waits))).difference(settling_order(waits))
    return _walk_cycle(waits, stuck) if stuck else None


def _walk_cycle(waits: Waits, stuck: set[int]) -> tuple[int, ...]:
    """Every stuck step waits for another stuck one: following them must come round."""
    path: list[int] = []
    seen: dict[int, int] = {}
    at = min(stuck)
    while at not in seen:
        seen[at] = len(path)
        path.append(at)
        at = min(j for j in waits[at] if j in stuck)
    cycle = path[seen[at] :]
    turn = cycle.index(min(cycle))
    cycle = cycle[turn:] + cycle[:turn]
    return (*cycle, cycle[0])
