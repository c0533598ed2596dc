"""The graphs that are measured, and how they become workflows.

Every step takes the numbers of the steps before it and returns one more than their largest, so that
the last step's number is the length of the longest path: a run that skips or reorders work is noticed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TypeAlias

from ael.definition import StepDefinition, ToolBody, WorkflowDefinition
from ael.types import TimeoutConfig

Predecessors: TypeAlias = tuple[tuple[int, ...], ...]
"""For each step the steps it reads; all of them come before it."""


@dataclass(frozen=True)
class Workload:
    """A graph, how many of it run at once, and whether its tools sleep."""

    name: str
    graph: Predecessors
    copies: int = 1
    sleeps: bool = False

    @property
    def steps(self) -> int:
        return len(self.graph) * self.copies

    @property
    def answer(self) -> int:
        return longest_path(self.graph)


def chain(length: int) -> Predecessors:
    return ((), *((index - 1,) for index in range(1, length)))


def fan(width: int) -> Predecessors:
    """``width`` steps without predecessors, and one that reads them all."""
    return (*((),) * width, tuple(range(width)))


def grid(width: int, height: int, reads: int = 3) -> Predecessors:
    """Layers in which every step reads ``reads`` neighbours of the layer before."""
    rows: list[tuple[int, ...]] = [()] * width
    for row in range(1, height):
        above = (row - 1) * width
        rows.extend(tuple(sorted(above + (column + k) % width for k in range(reads))) for column in range(width))
    return tuple(rows)


def scattered(size: int, most: int = 4, reach: int = 200, seed: int = 7) -> Predecessors:
    """Every step reads 0 to ``most`` of the ``reach`` steps before it, two on average."""
    chance = random.Random(seed)
    graph: list[tuple[int, ...]] = []
    for index in range(size):
        near = range(max(0, index - reach), index)
        graph.append(tuple(sorted(chance.sample(near, min(chance.randint(0, most), len(near))))))
    return tuple(graph)


def diamond(width: int = 8) -> Predecessors:
    return ((), *((0,),) * width, tuple(range(1, width + 1)))


def longest_path(graph: Predecessors) -> int:
    """How many steps the longest path to the last step has."""
    depths: list[int] = []
    for before in graph:
        depths.append(1 + max((depths[index] for index in before), default=0))
    return depths[-1]


def workloads(scale: float = 1.0) -> list[Workload]:
    """W1 to W6; ``scale`` multiplies the number of steps."""

    def scaled(count: int) -> int:
        return max(2, round(count * scale))

    side = max(3, round(50 * scale**0.5))
    return [
        Workload(f"W1 chain of {scaled(1000):,}", chain(scaled(1000))),
        Workload(f"W2 fan of {scaled(1000):,}, and a join", fan(scaled(1000))),
        Workload(f"W3 grid of {side} × {side}", grid(side, side)),
        Workload(f"W4 random, {scaled(10_000):,} steps", scattered(scaled(10_000))),
        Workload(f"W5 {scaled(500):,} diamonds at once", diamond(), copies=scaled(500)),
        Workload(f"W6 {scaled(1000):,} × 10 ms at once", fan(scaled(1000)), sleeps=True),
    ]


def step_id(index: int) -> str:
    return f"s{index}"


def template(index: int) -> str:
    return f"{{{{ steps.{step_id(index)}.output.x }}}}"


def definition(name: str, graph: Predecessors, tool: str, timeout_s: float | None = None) -> WorkflowDefinition:
    """The graph as a workflow: one path template for every edge."""
    timeout = None if timeout_s is None else TimeoutConfig(attempt=timeout_s)
    steps = tuple(
        StepDefinition(step_id(index), ToolBody(tool, {"values": [template(edge) for edge in before]}), timeout=timeout)
        for index, before in enumerate(graph)
    )
    return WorkflowDefinition(name, steps)


def yaml_text(name: str, graph: Predecessors, tool: str) -> str:
    """The same workflow as a file, as people write it."""
    lines = [f"name: {name}", "steps:"]
    for index, before in enumerate(graph):
        values = ", ".join(f'"{template(edge)}"' for edge in before)
        lines += [f"  - id: {step_id(index)}", f"    tool: {tool}", f"    params: {{values: [{values}]}}"]
    return "\n".join(lines) + "\n"
