"""Interleaved timing: in each round every candidate runs once, in an order that rotates.

The machine may be busy with other things, so the clock is the CPU time of the whole process, all its
threads included, and a ratio is made of two figures of the same round.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Candidate: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Samples:
    """Seconds of each round."""

    cpu: Sequence[float]
    wall: Sequence[float]

    @property
    def cpu_s(self) -> float:
        return statistics.median(self.cpu)

    @property
    def wall_s(self) -> float:
        return statistics.median(self.wall)


def ratio(figures: Sequence[float], base: Sequence[float]) -> float:
    """The median over the rounds of what one cost by what the other did in the same round."""
    return statistics.median(ours / theirs for ours, theirs in zip(figures, base, strict=True))


async def interleave(candidates: Mapping[str, Candidate], rounds: int) -> dict[str, Samples]:
    """Run all candidates ``rounds`` times, after one round that does not count."""
    names = list(candidates)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            await candidates[name]()
            figures = time.process_time() - cpu, time.perf_counter() - wall
            if number:
                taken[name].append(figures)
    return {name: Samples(*zip(*figures, strict=True)) for name, figures in taken.items()}
