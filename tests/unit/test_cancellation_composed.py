"""Cancellation at every await of composite steps: every scope ends, every pool has its room back, nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ael import parse_workflow
from ael.definition import WorkflowDefinition
from ael.testing import make_engine
from ael.types import ExecutionResult, ExecutionStatus, StepResult, StepStatus
from tests.unit.test_cancellation import FINAL, WAYS, CountingLoop, _tools

POOL = """
limits: {one: {concurrency: 1}, slow: {rate: 2/s}}
steps:
  - {id: a, limits: [one, slow], for_each: "[1, 2, 3]", tool: sleep, params: {s: 1}}
  - {id: b, limits: one, steps: [{id: in, tool: sleep, params: {s: 1}}]}
"""
SCENARIOS = {
    "a loop over a block": """
steps:
  - id: pages
    for_each: {in: "[1, 2, 3]", as: page, key: "k{{ page }}", max_parallel: 2}
    steps:
      - {id: fetch, tool: sleep, params: {s: "{{ page }}"}}
      - {id: sum, tool: ok, params: {of: "{{ steps.fetch.output }}"}}
  - {id: after, tool: ok, depends_on: pages}
""",
    "loops in loops": """
steps:
  - id: outer
    for_each: {in: "[1, 2]", as: x}
    steps:
      - {id: inner, for_each: {in: "[1, 2]", as: y, tolerate: 1}, tool: sleep, params: {s: "{{ x * y }}"}}
      - {id: last, tool: ok, params: {of: "{{ steps.inner.output }}"}}
""",
    "rounds": """
steps:
  - {id: poll, repeat: {until: last.round == 3, max: 5, every: 1s, collect: true}, tool: sleep, params: {s: 1}}
""",
    "a block that is tried again": """
steps:
  - id: block
    retry: {max_attempts: 3, delay: 2s, jitter: none}
    timeout: 4s
    on_error: skip
    steps:
      - {id: slow, tool: sleep, params: {s: 3}}
      - {id: flaky, tool: flaky, depends_on: slow}
""",
    "a branch": """
steps:
  - id: route
    choose:
      - {when: "false", steps: [{id: no, tool: ok}]}
      - steps: [{id: yes, tool: tidy, params: {s: 2}}]
""",
    "a race": """
steps:
  - {id: fast, tool: sleep, params: {s: 1}}
  - {id: slow, tool: tidy, params: {s: 3}}
  - {id: block, steps: [{id: in, tool: sleep, params: {s: 9}}]}
  - {id: judge, depends_on: [fast, slow, block], join: {at_least: 1, cancel_rest: true}, tool: sleep, params: {s: 1}}
""",
    "pools": POOL,
    "too many items fail": """
steps:
  - id: pages
    on_error: skip
    for_each: {in: "[3, 1, 2]", as: s}
    steps: [{id: in, tool: sleep, params: {s: "{{ s }}"}}, {id: no, tool: flaky, depends_on: in}]
""",
    "totals and stubborn tools": """
steps:
  - {id: loop, on_error: skip, timeout: {total: 2s}, for_each: "[1, 2]", tool: stubborn, params: {s: 5}}
  - {id: rest, depends_on: loop, steps: [{id: in, tool: turns, params: {s: 1}}]}
""",
    "an exit": """
steps:
  - {id: long, for_each: "[1, 2]", tool: tidy, params: {s: 9}}
  - {id: short, tool: sleep, params: {s: 1}}
  - {id: out, depends_on: short, exit: {status: failed, reason: enough}}
""",
    "undo and finally": """
on_failure: undo
steps:
  - {id: pay, tool: sleep, params: {s: 1}, undo: {tool: sleep, params: {s: 1}}}
  - {id: book, for_each: "[1, 2]", tool: sleep, params: {s: 1}, undo: {tool: tidy, params: {s: "{{ item }}"}}}
  - {id: fails, depends_on: [pay, book], tool: flaky}
finally:
  - {id: tell, tool: sleep, params: {s: 1}}
  - {id: count, for_each: "[1]", tool: ok, params: {why: "{{ workflow.status }}"}}
""",
    "a workflow in a workflow": """
steps:
  - {id: call, when: "config.depth is not defined", workflow: called, retry: {max_attempts: 2, delay: 1s}}
""",
}
CALLED = """
name: called
on_failure: undo
timeout: 9s
steps:
  - {id: pay, tool: sleep, params: {s: 1}, undo: {tool: sleep, params: {s: 1}}}
  - {id: fails, depends_on: pay, tool: flaky}
finally: [{id: tell, tool: sleep, params: {s: 1}}]
"""


def _all_results(results: list[StepResult]) -> Iterator[StepResult]:
    for result in results:
        yield result
        yield from _all_results([*result.steps, *(result.items or ())])


async def _once(loop: CountingLoop, definition: WorkflowDefinition, way: str, at: int) -> bool:
    """Run, cancelled at a pass; whether it came to that."""
    engine = make_engine(definition, parse_workflow(CALLED), tools=_tools())
    loop.at = loop.passes + at
    result, raised = await WAYS[way](engine, loop)
    cancelled = loop.passes >= loop.at
    loop.at = 0
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, f"pass {at}: a task is left"
    if result is None:
        assert raised
        assert cancelled
    else:
        _check(result, at)
    if way != "aclose":
        again = await engine.execute("w")
        assert again.status is not ExecutionStatus.CANCELLED, f"pass {at}: its pools are still taken"
    assert loop.live_timers() == 0, f"pass {at}: a timer is left"
    return cancelled


def _check(result: ExecutionResult, at: int) -> None:
    everything = list(_all_results(list(result)))
    assert all(each.status in FINAL for each in everything), f"pass {at}: {everything}"
    for each in everything:
        assert (each.attempt == 0) == (each.started_at is None), f"pass {at}: {each}"
        assert each.completed_at is not None
        assert (each.status is StepStatus.FAILED) <= (each.error is not None)
    assert (result.status is ExecutionStatus.FAILED) == (result.error is not None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cancelled_at_every_pass_nothing_is_left(scenario: str, way: str) -> None:
    definition = parse_workflow(f"name: w\n{SCENARIOS[scenario]}")
    for at in range(1, 1000):

        async def main(at: int = at) -> bool:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, CountingLoop)
            return await _once(loop, definition, way, at)

        with asyncio.Runner(loop_factory=CountingLoop) as runner:
            if not runner.run(main()):
                return
    pytest.fail("the execution never ended by itself")
