"""An item of ``for_each`` against a step of a flat fan-out: ``python -m benchmarks.for_each [--gate]``.

Both call a tool that does nothing, once for each of so many numbers, in one execution without a bound on what runs
side by side; params are one path template. Memory is the most that Python held at once while an execution ran, its
result included, beyond what was there before.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Sequence

import ael
from ael.definition import BlockBody, Body, ForEach, InputDefinition, StepDefinition, ToolBody, WorkflowDefinition
from benchmarks.baselines import work
from benchmarks.measure import Candidate, interleave, ratio
from benchmarks.overhead import Row, per_step, table

ITEMS = 10_000
BODY_LIMIT, BLOCK_LIMIT, LINEAR_LIMIT = 1.5, 3.0, 1.25
ROOT = InputDefinition("numbers", {"type": "array"})


def flat(items: int) -> WorkflowDefinition:
    """As many steps as there are numbers, none of which waits for another."""
    steps = (
        StepDefinition(f"s{index}", ToolBody("work", {"values": [f"{{{{ inputs.numbers[{index}] }}}}"]}))
        for index in range(items)
    )
    return WorkflowDefinition("flat", tuple(steps), inputs=(ROOT,))


def loop(name: str, body: Body) -> WorkflowDefinition:
    """One step, once for each number."""
    step = StepDefinition("each", body, for_each=ForEach("{{ inputs.numbers }}"))
    return WorkflowDefinition(name, (step,), inputs=(ROOT,))


CALL = ToolBody("work", {"values": ["{{ item }}"]})
LOOPS = {
    "body": loop("body", CALL),
    "block": loop("block", BlockBody((StepDefinition("inner", CALL),))),
}


def ours(engine: ael.WorkflowEngine, name: str, items: int) -> Candidate:
    numbers = list(range(items))

    async def once() -> None:
        result = await engine.execute(name, {"numbers": numbers})
        read(result, items)

    return once


def read(result: ael.ExecutionResult, items: int) -> None:
    """Look at every number's result; they must be right, and in order."""
    result.raise_for_status()
    steps = result.step_results
    if result.workflow_id == "flat":
        found = [step.output for step in steps]
    else:
        [each] = steps
        assert each.items is not None
        assert all(item.status is ael.StepStatus.COMPLETED for item in each.items)
        found = each.output
    assert [item["x"] for item in found] == list(range(1, items + 1))


async def measure_cost(items: int, rounds: int) -> list[Row]:
    """CPU for each item, by that for each step."""
    async with ael.create_engine(workflows=[flat(items), *LOOPS.values()], tools=[work]) as engine:
        taken = await interleave({name: ours(engine, name, items) for name in ("flat", *LOOPS)}, rounds)
    step = per_step(taken["flat"].cpu_s, items)

    def row(what: str, name: str, limit: float) -> Row:
        return Row(what, per_step(taken[name].cpu_s, items), step, ratio(taken[name].cpu, taken["flat"].cpu), limit)

    return [
        row(f"for_each over {items:,} items, an item", "body", BODY_LIMIT),
        row("each item a block of one step", "block", BLOCK_LIMIT),
    ]


async def measure_memory(items: int) -> list[Row]:
    """Bytes for each item, of many items and of a tenth of them: they must not grow with the number."""
    few = max(10, items // 10)
    rows = []
    for name, definition in LOOPS.items():
        many, fewer = await peak(definition, items) / items, await peak(definition, few) / few
        shown = f"{many / 1024:.2f} KiB", f"at {few:,}: {fewer / 1024:.2f} KiB"
        rows.append(Row(f"most memory for each of {items:,}; {name}", *shown, many / fewer, LINEAR_LIMIT))
    return rows


async def peak(definition: WorkflowDefinition, items: int) -> int:
    """The most bytes that one execution takes at once, of a workflow that ran before."""
    async with ael.create_engine(workflows=[definition], tools=[work]) as engine:
        run = ours(engine, definition.name, items)
        await run()
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await run()
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()


async def measure(items: int, rounds: int) -> list[Row]:
    return [*await measure_cost(items, rounds), *await measure_memory(items)]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.for_each", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default 7)")
    parser.add_argument("--items", type=int, default=ITEMS, help=f"how many items (default {ITEMS})")
    parser.add_argument("--gate", action="store_true", help="end with 1 when a figure is over its limit")
    arguments = parser.parse_args(words)
    rows = asyncio.run(measure(arguments.items, arguments.rounds))
    python = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {python}, median of {arguments.rounds} rounds, CPU of the whole process.\n")
    print(table(rows, "a step of the fan-out"))
    return 1 if arguments.gate and not all(row.ok for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
