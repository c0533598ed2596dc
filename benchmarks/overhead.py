"""Cost per step against bare asyncio: ``python -m benchmarks.overhead [--gate]``.

In memory, with a tool that does nothing, one path template for every edge, and every result read
afterwards. The opponent is in :mod:`benchmarks.baselines`, the method in :mod:`benchmarks.measure`.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import ael
from benchmarks.baselines import Tool, bare, work, work_sleeping, work_yielding
from benchmarks.measure import Candidate, Samples, interleave, ratio
from benchmarks.workloads import Predecessors, Workload, definition, scattered, workloads, yaml_text

TIMEOUT_S = 30.0
PLAIN_LIMIT, TIMEOUT_LIMIT, SUSPEND_LIMIT, MAKESPAN_LIMIT = 3.0, 3.6, 2.0, 1.25
SCALING_LIMIT = 1.25
LOAD_LIMIT_US = 300.0


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, what it is made of, and what it may be."""

    what: str
    ours: str
    theirs: str
    figure: float
    limit: float
    unit: str = "×"

    @property
    def ok(self) -> bool:
        return self.figure <= self.limit

    def cells(self) -> list[str]:
        figure, limit = (f"{value:.2f}" if self.unit == "×" else f"{value:.0f}" for value in (self.figure, self.limit))
        space = "" if self.unit == "×" else " "
        verdict = "pass" if self.ok else "**FAIL**"
        return [self.what, self.ours, self.theirs, f"{figure}{space}{self.unit}", f"{limit}{space}{self.unit}", verdict]


def table(rows: Sequence[Row], opponent: str = "bare asyncio") -> str:
    head = ["what", "ael", opponent, "figure", "limit", ""]
    lines = [head, ["---", "--:", "--:", "--:", "--:", "---"], *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def read(result: ael.ExecutionResult, answer: int) -> None:
    """Look at everything a caller would; the answer must be right."""
    result.raise_for_status()
    for step in result.step_results:
        assert step.status is ael.StepStatus.COMPLETED
        assert step.started_at is not None
        assert step.completed_at is not None
        assert step.duration_ms >= 0
        assert step.output is not None
    assert result.step_results[-1].output["x"] == answer


def ours(engine: ael.WorkflowEngine, name: str, answer: int, copies: int = 1) -> Candidate:
    async def once() -> None:
        read(await engine.execute(name), answer)

    async def at_once() -> None:
        await asyncio.gather(*(once() for _ in range(copies)))

    return once if copies == 1 else at_once


def theirs(graph: Predecessors, tool: Tool, answer: int, copies: int = 1) -> Candidate:
    async def once() -> None:
        assert await bare(graph, tool) == answer

    async def at_once() -> None:
        await asyncio.gather(*(once() for _ in range(copies)))

    return once if copies == 1 else at_once


def per_step(seconds: float, steps: int) -> str:
    return f"{seconds / steps * 1e6:.1f} µs"


async def measure_cost(load: Workload, rounds: int) -> list[Row]:
    """The three variants of one workload, against bare asyncio without and with a suspending tool."""
    variants = [
        definition("plain", load.graph, "work"),
        definition("timeout", load.graph, "work", TIMEOUT_S),
        definition("suspend", load.graph, "work_yielding"),
    ]
    async with ael.create_engine(workflows=variants, tools=[work, work_yielding]) as engine:
        candidates = {one.name: ours(engine, one.name, load.answer, load.copies) for one in variants}
        candidates["bare"] = theirs(load.graph, work, load.answer, load.copies)
        candidates["bare suspend"] = theirs(load.graph, work_yielding, load.answer, load.copies)
        taken = await interleave(candidates, rounds)

    def row(what: str, variant: str, base: str, limit: float) -> Row:
        mine, other = taken[variant], taken[base]
        figures = per_step(mine.cpu_s, load.steps), per_step(other.cpu_s, load.steps)
        return Row(what, *figures, ratio(mine.cpu, other.cpu), limit)

    return [
        row(load.name, "plain", "bare", PLAIN_LIMIT),
        row(f"{load.name}; a timeout on every step", "timeout", "bare", TIMEOUT_LIMIT),
        row(f"{load.name}; the tool suspends", "suspend", "bare suspend", SUSPEND_LIMIT),
    ]


async def measure_makespan(load: Workload, rounds: int) -> list[Row]:
    """How long the whole takes, when the tools only wait."""
    async with ael.create_engine(
        workflows=[definition("sleep", load.graph, "work_sleeping")], tools=[work_sleeping]
    ) as engine:
        candidates = {
            "ael": ours(engine, "sleep", load.answer),
            "bare": theirs(load.graph, work_sleeping, load.answer),
        }
        taken = await interleave(candidates, rounds)
    figures = (f"{taken[name].wall_s * 1e3:.1f} ms" for name in ("ael", "bare"))
    return [Row(f"{load.name}; wall", *figures, ratio(taken["ael"].wall, taken["bare"].wall), MAKESPAN_LIMIT)]


async def measure_scaling(scale: float, rounds: int) -> list[Row]:
    """What a step costs in a graph of 10,000, by what it costs in one of 100."""
    large = max(1000, round(10_000 * scale))
    graphs = {"small": scattered(100), "large": scattered(large)}
    flows = [definition(name, graph, "work") for name, graph in graphs.items()]
    async with ael.create_engine(workflows=flows, tools=[work]) as engine:
        runs = {flow.name: ours(engine, flow.name, Workload("", graphs[flow.name]).answer) for flow in flows}

        async def many_small() -> None:
            for _ in range(large // 100):
                await runs["small"]()

        taken = await interleave({"small": many_small, "large": runs["large"]}, rounds)
    figures = per_step(taken["large"].cpu_s, large), f"ael at 100: {per_step(taken['small'].cpu_s, large)}"
    return [Row(f"cost per step at {large:,} by that at 100", *figures, *_scaling(taken))]


def _scaling(taken: dict[str, Samples]) -> tuple[float, float]:
    return ratio(taken["large"].cpu, taken["small"].cpu), SCALING_LIMIT


async def measure_loading(scale: float, rounds: int) -> list[Row]:
    """Reading a file and checking all of it."""
    size = max(100, round(1000 * scale))
    text = yaml_text("loading", scattered(size), "work")

    async def load() -> None:
        assert len(ael.parse_workflow(text).steps) == size

    taken = await interleave({"load": load}, rounds)
    cost = taken["load"].cpu_s / size * 1e6
    return [Row(f"load and check a file of {size:,} steps, per step", f"{cost:.0f} µs", "", cost, LOAD_LIMIT_US, "µs")]


async def measure(what: str, scale: float, rounds: int) -> list[Row]:
    """The rows of one workload, by its short name."""
    if what == "scaling":
        return await measure_scaling(scale, rounds)
    if what == "load":
        return await measure_loading(scale, rounds)
    [load] = [load for load in workloads(scale) if short_name(load) == what]
    return await (measure_makespan if load.sleeps else measure_cost)(load, rounds)


def short_name(load: Workload) -> str:
    return load.name.split()[0]


def measure_alone(what: str, scale: float, rounds: int) -> list[Row]:
    return asyncio.run(measure(what, scale, rounds))


def measure_all(names: Sequence[str], scale: float, rounds: int) -> list[Row]:
    """Each workload in a process of its own, both sides in it: none works on the heap that another left behind."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh, max_tasks_per_child=1) as processes:
        tables = processes.map(measure_alone, names, repeat(scale), repeat(rounds))
        return [row for rows in tables for row in rows]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default 7)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of steps (default 1)")
    parser.add_argument("--only", action="append", default=[], help="W1 … W6, scaling, load; may be given again")
    parser.add_argument("--gate", action="store_true", help="end with 1 when a figure is over its limit")
    arguments = parser.parse_args(words)
    known = [*map(short_name, workloads(arguments.scale)), "scaling", "load"]
    names = [name for name in known if not arguments.only or name in arguments.only]
    rows = measure_all(names, arguments.scale, arguments.rounds)
    python = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {python}, median of {arguments.rounds} rounds, CPU of the whole process.\n")
    print(table(rows))
    return 1 if arguments.gate and not all(row.ok for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
