"""Composite steps where it is narrow: deep, stopped while they begin, stopped twice, and watched by who stops them."""

from __future__ import annotations

import asyncio

import pytest

from ael import parse_workflow
from ael.events import Event, StepAttemptFailed, StepSkipped, StepStarted
from ael.execution import Execution
from ael.testing import FakeTools, make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue
from tests.build import sleep
from tests.composed import described, run

DEEP = 10


def _nested(leaf: str, depth: int = DEEP) -> str:
    for level in range(depth):
        leaf = f"{{id: b{level}, steps: [{leaf}]}}"
    return leaf


@pytest.mark.parametrize("leaf", ["{id: x, tool: fail}", "{id: x, tool: echo}"], ids=["fails", "completes"])
@pytest.mark.parametrize("cancel_after", [None, 0.5], ids=["let be", "cancelled"])
def test_ten_workflows_of_ten_blocks_each_end_on_any_stack(leaf: str, cancel_after: float | None) -> None:
    slow = "{id: s, tool: sleep, params: {seconds: 1}}, "
    texts = [
        f"name: {'w' if level == 0 else f'w{level}'}\nsteps: [{_nested(f'{{id: call, workflow: w{level + 1}}}')}]"
        for level in range(9)
    ]
    texts.append(f"name: w9\nsteps: [{_nested(slow.rstrip(', ') + ', ' + leaf)}]")
    first, *called = texts
    ran = run(first.removeprefix("name: w\n"), *called, cancel_after=cancel_after)
    expected = "failed" if "fail" in leaf else "completed" if cancel_after is None else "cancelled"
    assert ran.result.status == expected


def test_a_step_with_undo_that_has_not_begun_is_not_begun_after_its_scope_has_stopped() -> None:
    ran = run("""
on_failure: undo
steps:
  - {id: f, tool: fail}
  - {id: s, tool: sleep, params: {seconds: 5}, undo: {tool: record, params: {value: undone}}}
  - {id: l, for_each: "[1, 2]", tool: sleep, params: {seconds: 5}, undo: {tool: record, params: {value: undone}}}
""")
    begun = [path for path in ran.told(StepStarted) if path in {"s", "l[0]", "l[1]"}]
    assert set(ran.calls("sleep")) == set(begun)
    for path in {"s"} - set(begun):
        assert described(ran.result[path]) == "skipped stopped: f"


def test_a_deadline_of_an_attempt_that_was_left_behind_leaves_the_next_one_alone() -> None:
    first = True

    async def deaf_once(call: JsonValue) -> str:
        nonlocal first
        if first:
            first = False
            for _ in range(100):
                try:
                    await sleep(1)
                except asyncio.CancelledError:
                    continue
        for _ in range(8):
            await sleep(0.5)
            call.sink.progress(None, None)
        return "second"

    async def main() -> ExecutionResult:
        text = (
            "name: w\nsteps:\n  - {id: a, tool: t, timeout: {attempt: 5, idle: 1}, retry: {max_attempts: 3, delay: 1}}"
        )
        return await make_engine(parse_workflow(text), tools=FakeTools({"t": deaf_once})).execute("w")

    result = run_virtual(main())
    assert (result["a"].output, result["a"].attempt) == ("second", 2)
    assert len(result.warnings) == 1


COUNTS = {
    "a loop": "{id: x, for_each: '[1]', timeout: {total: 2}, tool: stubborn}",
    "rounds": "{id: x, repeat: {max: 1}, timeout: {total: 2}, tool: stubborn}",
    "a block": "{id: x, timeout: 2s, steps: [{id: in, tool: stubborn}]}",
}


@pytest.mark.parametrize("what", COUNTS)
def test_what_completes_although_it_is_stopped_counts(what: str) -> None:
    async def stubborn(params: JsonValue) -> str:
        try:
            await sleep(9)
        except asyncio.CancelledError:
            return "had it anyway"
        return "slept"

    async def main() -> ExecutionResult:
        definition = parse_workflow(f"name: w\nsteps: [{COUNTS[what]}]")
        return await make_engine(definition, tools={"stubborn": stubborn}).execute("w")

    result = run_virtual(main())
    assert described(result["x"]) == "completed"


def test_what_a_called_workflow_completed_is_undone_with_its_caller() -> None:
    ran = run(
        """
on_failure: undo
steps:
  - {id: call, workflow: b}
  - {id: fails, depends_on: call, tool: fail}
""",
        "name: b\nsteps: [{id: pay, tool: echo, undo: {tool: record, params: {value: unpaid}}}]",
    )
    assert ran.log == ["unpaid"]
    assert ran.calls("record") == ["call.pay:undo"]


def test_attempts_of_a_round_are_never_more_than_there_may_be() -> None:
    ran = run("""
steps:
  - {id: x, repeat: {max: 1}, retry: {max_attempts: 2, delay: 0}, on_error: skip, tool: fail}
""")
    assert (ran.result["x"].attempt, ran.result["x"].max_attempts) == (2, 2)


class Canceller:
    """Cancels the execution when it is told of an event of a kind."""

    def __init__(self, kind: type[Event]) -> None:
        self.kind = kind
        self.execution: Execution | None = None

    def on_event(self, event: Event) -> None:
        """Cancel."""
        if isinstance(event, self.kind) and self.execution is not None:
            self.execution.cancel()


@pytest.mark.parametrize("kind", [StepStarted, StepAttemptFailed, StepSkipped], ids=lambda kind: kind.__name__)
def test_an_observer_may_cancel_while_it_is_told(kind: type[Event]) -> None:
    async def main() -> ExecutionResult:
        def fail(params: JsonValue) -> None:
            raise ValueError("no")

        text = """
name: w
steps:
  - id: block
    retry: {max_attempts: 3, delay: 1}
    steps:
      - {id: a, when: "inputs.no", tool: fail}
      - {id: b, depends_on: a, tool: fail}
      - {id: c, tool: fail}
  - {id: loop, for_each: "[1, 2]", steps: [{id: in, tool: fail}], on_error: skip}
inputs: {no: {type: boolean, default: false}}
"""
        canceller = Canceller(kind)
        engine = make_engine(parse_workflow(text), tools={"fail": fail}, observers=[canceller])
        canceller.execution = engine.start("w")
        return await canceller.execution.result()

    result = run_virtual(main())
    assert result.status == "cancelled"
    assert [step.step_id for step in result] == ["block", "loop"]
