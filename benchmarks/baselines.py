"""The hand-written opponent: the same graphs in bare asyncio, with no feature of an engine at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from benchmarks.workloads import Predecessors

Number: TypeAlias = dict[str, int]
Tool: TypeAlias = Callable[[list[int]], Awaitable[Number]]


async def work(values: list[int]) -> Number:
    """Never suspends."""
    return {"x": 1 + max(values, default=0)}


async def work_yielding(values: list[int]) -> Number:
    """Suspends once, for nothing."""
    await asyncio.sleep(0)
    return {"x": 1 + max(values, default=0)}


async def work_sleeping(values: list[int]) -> Number:
    """Takes 10 ms of nothing, unless it joins others."""
    if not values:
        await asyncio.sleep(0.010)
    return {"x": 1 + max(values, default=0)}


async def bare(graph: Predecessors, tool: Tool) -> int:
    """One task for each step, which awaits the tasks of the steps before it, and then the tool."""
    tasks: list[asyncio.Task[Number]] = []

    async def step(before: tuple[int, ...]) -> Number:
        return await tool([(await tasks[index])["x"] for index in before])

    for before in graph:
        tasks.append(asyncio.create_task(step(before)))
    await asyncio.gather(*tasks)
    return tasks[-1].result()["x"]
