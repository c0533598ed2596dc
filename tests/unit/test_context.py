"""What one execution knows while it runs."""

from __future__ import annotations

import pytest

from ael.compiler import compile_plan
from ael.context import ExecutionContext, SecretsRoot
from ael.errors import ToolError
from ael.templates.reading import step_data
from ael.types import JsonValue, StepResult, StepStatus
from tests.build import step, workflow


def make_context(**fields: JsonValue) -> ExecutionContext:
    plan = compile_plan(workflow(step("fetch"), step("parse"), step("get-user"), version="2.1"))
    return ExecutionContext(plan, {"n": 1}, execution_id="id", **fields)


def completed(step_id: str, output: JsonValue) -> StepResult:
    return StepResult(step_id, StepStatus.COMPLETED, output, attempt=1)


def test_it_begins_with_nothing_settled() -> None:
    context = make_context(config={"k": "v"}, started_ns=1_800_000_000 * 10**9)
    assert (context.outputs, context.steps) == ({}, {})
    assert context.get_step_output("fetch") is None
    assert (context.inputs, context.config, context.execution_id) == ({"n": 1}, {"k": "v"}, "id")
    assert (context.workflow.name, context.workflow_version) == ("w", "2.1")
    assert context.roots["workflow"] == {"name": "w", "version": "2.1", "start_time": "2027-01-15T08:00:00+00:00"}
    assert context.roots["config"] == {"k": "v"}
    assert context.roots["execution_id"] == "id"
    assert context.roots["secrets"] is None
    assert repr(context) == "<ExecutionContext id of 'w'>"


def test_results_are_found_by_step() -> None:
    context = make_context()
    context.set_step_result("parse", completed("parse", [1]))
    context.set_step_result("get-user", StepResult("get-user", StepStatus.SKIPPED, None, usable=False))
    assert context.get_step_output("parse") == [1]
    assert context.outputs == {"parse": [1], "get-user": None}
    assert list(context.steps) == ["parse", "get-user"]
    assert context.steps["parse"]["output"] == [1]
    assert context.results[0] is None
    assert context.results[1] is not None


def test_what_it_shows_is_a_snapshot() -> None:
    context = make_context()
    before = context.outputs, context.steps
    context.set_step_result("fetch", completed("fetch", 1))
    assert before == ({}, {})


@pytest.mark.parametrize(
    ("asked", "words"),
    [("fetsh", "workflow 'w' has no step 'fetsh'; did you mean 'fetch'?"), ("zzz", "workflow 'w' has no step 'zzz'"),
     ("get_user", "did you mean 'get-user'?")],
)  # fmt: skip
def test_an_unknown_step_gets_the_nearest(asked: str, words: str) -> None:
    context = make_context()
    for ask in (lambda: context.get_step_output(asked), lambda: context.set_step_result(asked, completed(asked, 1))):
        with pytest.raises(KeyError) as caught:
            ask()
        assert words in caught.value.args[0]
        assert ("did you mean" in caught.value.args[0]) == ("did you mean" in words)


@pytest.mark.parametrize(
    ("result", "view"),
    [
        (None, {"output": None, "status": "pending", "success": False, "error": None, "duration_ms": 0.0,
                "attempt": 0}),
        (
            StepResult("a", StepStatus.COMPLETED, {"k": 1}, attempt=2, started_ns=10**9, completed_ns=3 * 10**9),
            {"output": {"k": 1}, "status": "completed", "success": True, "error": None, "duration_ms": 2000.0,
             "attempt": 2},
        ),
        (
            StepResult("a", StepStatus.SKIPPED, "fallback", error=ToolError("no", code="MINE"), attempt=1),
            {"output": "fallback", "status": "skipped", "success": False, "error": {"code": "MINE", "message": "no"},
             "duration_ms": 0.0, "attempt": 1},
        ),
    ],
    ids=["not settled", "completed", "skipped after an error"],
)  # fmt: skip
def test_the_view_of_a_step(result: StepResult | None, view: JsonValue) -> None:
    assert step_data(result) == view


class Secrets:
    def get(self, name: str) -> str | None:
        return {"TOKEN": "t", "EMPTY": ""}.get(name)

    def names(self) -> tuple[str, ...]:
        return ("TOKEN",)

    def mask(self, value: JsonValue) -> JsonValue:
        return value


def test_a_secret_is_looked_up_when_it_is_read() -> None:
    root = make_context(secrets=Secrets()).roots["secrets"]
    assert isinstance(root, SecretsRoot)
    assert (root["TOKEN"], root["EMPTY"]) == ("t", "")
    with pytest.raises(KeyError, match="set the environment variable AEL_SECRET_OTHER"):
        root["OTHER"]
