"""Pools in running workflows: shared, fair, entered by tools and by blocks. docs/language.md, sections 1 and 5."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ael import parse_workflow
from ael.definition import PoolDefinition
from ael.settings import Settings
from ael.testing import make_engine, run_virtual
from ael.types import ExecutionResult
from tests.composed import run
from tests.conformance.tools import Script

ONE = "limits: {one: {concurrency: 1}}"
BODIES = {
    "steps": "\n".join(
        f"  - {{id: s{i}, limits: one, tool: sleep, params: {{seconds: 1}}}}" for i in range(4)
    ),
    "items": "  - {id: s, for_each: [0, 1, 2, 3], limits: one, tool: sleep, params: {seconds: 1}}",
    "blocks": "  - {id: s, for_each: [0, 1, 2, 3], limits: one, steps: [{id: in, tool: sleep, params: {seconds: 1}}]}",
    "workflows": "  - {id: s, for_each: [0, 1, 2, 3], limits: one, workflow: sleeps}",
}  # fmt: skip
SLEEPS = "name: sleeps\nsteps: [{id: in, tool: sleep, params: {seconds: 1}}]"


def run_together(
    texts: Sequence[str], starts: Sequence[str], *, settings: Settings | None = None
) -> tuple[list[ExecutionResult], list[str]]:
    """Start executions one after the other; gives their results, and whose each call was, in order."""
    script = Script()

    async def main() -> list[ExecutionResult]:
        async with make_engine(*map(parse_workflow, texts), tools=script.tools, settings=settings) as engine:
            executions = [engine.start(name) for name in starts]
            return [await execution.result() for execution in executions]

    results = run_virtual(main())
    owners = {result.execution_id: chr(ord("a") + number) for number, result in enumerate(results)}
    return results, [owners[seen.idempotency_key.partition(":")[0]] for seen in script.tools.calls]


def seconds_of(results: Sequence[ExecutionResult]) -> list[float]:
    return [round(result.duration_ms / 1000, 3) for result in results]


@pytest.mark.parametrize("kind", BODIES)
def test_in_a_pool_of_one_the_starts_of_two_executions_alternate(kind: str) -> None:
    results, order = run_together([f"name: w\n{ONE}\nsteps:\n{BODIES[kind]}", SLEEPS], ["w", "w"])
    assert "".join(order) == "abababab"
    assert seconds_of(results) == [7, 8]


def test_pools_of_one_name_are_one_pool_for_all_workflows() -> None:
    other = f"name: v\n{ONE}\nsteps:\n{BODIES['items']}"
    results, order = run_together([f"name: w\n{ONE}\nsteps:\n{BODIES['steps']}", other], ["w", "v", "w"])
    assert "".join(order) == "abc" * 4
    assert seconds_of(results) == [10, 11, 12]


def test_a_called_workflow_shares_the_pool_and_is_its_callers_owner() -> None:
    ran = run(
        f"{ONE}\nsteps:\n  - {{id: a, workflow: c}}\n"
        "  - {id: b, limits: one, tool: inside, params: {name: x, seconds: 1}}",
        f"name: c\n{ONE}\nsteps: [{{id: in, limits: one, tool: inside, params: {{name: x, seconds: 1}}}}]",
    )
    assert (ran.seconds, ran.result["b"].output, ran.result["a.in"].output) == (2, 1, 1)


SETTLED = {
    "a stricter setting": (PoolDefinition("one", concurrency=1), 4),
    "a looser setting": (PoolDefinition("one", concurrency=4), 1),
    "none": (None, 2),
}


@pytest.mark.parametrize("what", SETTLED)
def test_settings_win_over_files(what: str) -> None:
    pool, seconds = SETTLED[what]
    limits = {} if pool is None else {"one": pool}
    text = f"name: w\nlimits: {{one: {{concurrency: 2}}}}\nsteps:\n{BODIES['items']}"
    results, _ = run_together([text], ["w"], settings=Settings(limits=limits))
    assert (seconds_of(results), results[0].warnings) == ([seconds], ())


def test_files_that_differ_warn_and_the_stricter_bound_counts() -> None:
    texts = [f"name: w{size}\nlimits: {{one: {{concurrency: {size}}}}}\nsteps:\n{BODIES['items']}" for size in (4, 2)]
    results, _ = run_together(texts, ["w4", "w2"])
    assert results[0].warnings == ()
    assert "pool 'one' of workflow 'w2' differs" in results[1].warnings[0]
    assert seconds_of(results)[1] >= 3


KINDS = {
    "a tool": "tool: fail, params: {after: 1}",
    "an item": "for_each: [1], tool: fail, params: {after: 1}",
    "a block": "steps: [{id: in, tool: fail, params: {after: 1}}]",
    "an item's block": "for_each: [1], steps: [{id: in, tool: fail, params: {after: 1}}]",
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_attempt_holds_the_pool_and_a_wait_between_attempts_does_not(kind: str) -> None:
    """Two attempts of a second with five between them; the other step has the pool meanwhile."""
    ran = run(f"""
{ONE}
steps:
  - {{id: s, limits: one, retry: {{max_attempts: 2, delay: 5s, jitter: none}}, on_error: skip, {KINDS[kind]}}}
  - {{id: first, tool: sleep, params: {{seconds: 0.5}}}}
  - {{id: other, depends_on: first, limits: one, tool: sleep, params: {{seconds: 4}}}}
""")
    assert ran.seconds == 7
    assert (ran.result["other"].completed_ns - ran.result.started_ns) / 1e9 == 5


def test_who_waits_for_a_pool_takes_no_slot_and_its_timeout_has_not_begun() -> None:
    ran = run("""
max_parallel: 2
limits: {one: {concurrency: 1}}
steps:
  - {id: a, limits: one, tool: sleep, params: {seconds: 3}, timeout: 4}
  - {id: b, limits: one, tool: sleep, params: {seconds: 3}, timeout: 4}
  - {id: c, tool: sleep, params: {seconds: 1}}
  - {id: d, limits: one, tool: sleep, params: {seconds: 9}, timeout: {total: 5}, on_error: skip}
""")
    assert ran.result.status == "completed"
    assert ran.all("b", "d") == {"b": "completed", "d": "skipped error: STEP_TIMEOUT"}
    assert (ran.result["c"].completed_ns - ran.result.started_ns) / 1e9 == 1


def test_a_block_of_a_pool_that_is_stopped_while_it_waits_leaves_nothing_behind() -> None:
    ran = run(f"""
{ONE}
steps:
  - {{id: holds, limits: one, steps: [{{id: in, tool: sleep, params: {{seconds: 5}}}}]}}
  - {{id: waits, limits: one, timeout: {{total: 2}}, on_error: skip, steps: [{{id: in, tool: echo}}]}}
  - {{id: next, depends_on: waits, limits: one, steps: [{{id: in, tool: echo}}]}}
""")
    assert ran.all("holds", "waits", "next") == {
        "holds": "completed",
        "waits": "skipped error: STEP_TIMEOUT",
        "next": "completed",
    }
    assert (ran.calls("echo"), ran.seconds) == (["next.in"], 5)


def test_a_rate_bounds_starts_in_any_window() -> None:
    starts: list[float] = []

    async def main() -> None:
        text = (
            "name: w\nlimits: {slow: {rate: 2/s}}\nsteps: [{id: s, for_each: [1, 2, 3, 4, 5], limits: slow, tool: t}]"
        )
        tools = {"t": lambda params: starts.append(asyncio.get_running_loop().time())}
        await make_engine(parse_workflow(text), tools=tools).execute("w")

    run_virtual(main())
    assert [round(start, 3) for start in starts] == [0, 0, 1, 1, 2]
