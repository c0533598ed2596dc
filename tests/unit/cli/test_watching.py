"""An execution on the command line, in virtual time."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from ael.cli.failures import error_diagnostic
from ael.cli.interrupts import Interrupts
from ael.cli.watching import Shown, execute
from ael.errors import CodeError, ToolError
from ael.loading import load_source
from ael.plan import Plan
from ael.source import Source
from ael.testing import FakeTools, VirtualClock, make_engine, run_virtual

TEXT = """
name: w
inputs:
  n: {type: integer}
  who: {type: string, default: you}
steps:
  - id: a
    tool: make
    params: {n: "{{ inputs.n }}"}
    retry: {max_attempts: 3, delay: 20, jitter: none}
  - id: b
    tool: show
    params: {x: "{{ steps.a.output }}"}
outputs:
  b: "{{ steps.b.output }}"
"""


OUTPUTS = Shown()


def plan_of(text: str = TEXT) -> Plan:
    plan = load_source(Source(text, "w.yaml")).plan
    assert plan is not None
    return plan


def run(tools, inputs, shown: Shown = OUTPUTS, *, meanwhile=None) -> int:
    async def main() -> int:
        plan = plan_of()
        async with make_engine(plan.definition, tools=tools) as engine:
            interrupts = Interrupts(lambda: None)
            if meanwhile is not None:
                asyncio.get_running_loop().call_later(30, meanwhile, interrupts)
            return await execute(engine, plan, inputs, interrupts, shown=shown, clock=VirtualClock())

    return run_virtual(main())


def failing(times: int, error=None):
    calls: list[int] = []

    def tool(params):
        calls.append(1)
        if len(calls) <= times:
            raise error or ToolError("no\x1b[2J luck", code="BAD_LUCK")
        return {"n": params["n"], "at": len(calls)}

    return tool


def test_outputs_go_to_stdout_and_everything_else_to_stderr(capsys):
    def show(params):
        print("a tool prints")
        return params["x"]

    code = run(FakeTools({"make": failing(1), "show": show}), {"n": 1})
    captured = capsys.readouterr()
    assert code == 0
    assert json.loads(captured.out) == {"b": {"n": 1, "at": 2}}
    assert "a tool prints" in captured.err
    assert captured.err.splitlines()[-1] == "w completed in 20.0 s: 2 completed, 1 retry"
    assert "a: attempt 1/3 failed with BAD_LUCK: no luck; next in 20.0 s" in captured.err


def test_failure_names_place_and_attempts(capsys):
    tools = FakeTools({"make": failing(9), "show": lambda params: None})
    assert run(tools, {"n": 1}, Shown(quiet=True)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0] == "error[BAD_LUCK]: step 'a': no luck"
    assert lines[1].startswith(" --> w.yaml:")
    assert "\x1b" not in captured.err
    (attempts,) = (line for line in lines if line.startswith("  attempt"))
    assert re.fullmatch(r"  attempts 1 to 3 of 3 \(at .+ to 1m00s\): BAD_LUCK: no luck", attempts)
    assert lines[lines.index("  params:") + 1] == "    n: 1"
    assert lines[-1] == "w failed in 1m00s: 1 failed, 1 skipped, 2 retries"


@pytest.mark.parametrize(
    ("inputs", "says"),
    [({}, "input 'n' is required"), ({"n": "x"}, "'n'"), ({"n": 1, "m": 1}, "input 'm' is not declared")],
)
def test_bad_inputs_are_exit_2(inputs, says, capsys):
    tools = FakeTools({"make": failing(0), "show": lambda params: None})
    assert run(tools, inputs) == 2
    captured = capsys.readouterr()
    assert "INPUT_INVALID" in captured.err
    assert captured.err.count(says) == 1
    assert tools.calls == []


def test_json_and_jsonl_alone_fill_stdout(capsys):
    for output in ("json", "jsonl"):
        tools = FakeTools({"make": failing(1), "show": lambda params: None})
        assert run(tools, {"n": 1}, Shown(data=output)) == 0
        documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if output == "jsonl"] or None
        if documents:
            assert documents[-1]["type"] == "execution_finished"


def test_a_heartbeat_says_what_is_retrying(capsys):
    tools = FakeTools({"make": failing(2), "show": lambda params: None})
    run(tools, {"n": 1})
    line = "[ 30.0 s] w: still at work on a (attempt 2/3, 30.0 s) (1 retrying, 1 pending, 30.0 s)"
    assert line in capsys.readouterr().err.splitlines()


def test_interrupted_is_130_and_completed_all_the_same_is_0(capsys):
    def interrupt(interrupts):
        interrupts.count += 1
        interrupts.cancel()

    tools = FakeTools({"make": failing(9), "show": lambda params: None})
    assert run(tools, {"n": 1}, meanwhile=interrupt) == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("w cancelled in 30.0 s: 1 cancelled")


@pytest.mark.parametrize(
    ("error", "place", "message"),
    [
        (CodeError("x", step_id="a", details={"line": 9, "column": 7}), (9, 7), "step 'a': x"),
        (CodeError("x", step_id="a", details={"line": 9}), (9, 5), "step 'a': x"),
        (CodeError("step 'a' is x", step_id="a", details={"line": 9, "file": "other.yaml"}), (9, 1), "step 'a' is x"),
        (ToolError("x", step_id="b"), (11, 9), "step 'b': x"),
    ],
)
def test_errors_have_the_nearest_place(error, place, message):
    diagnostic = error_diagnostic(error, plan_of().definition)
    assert diagnostic is not None
    assert ((diagnostic.line, diagnostic.column), diagnostic.message) == (place, message)


def test_errors_of_no_step_have_no_place():
    assert error_diagnostic(ToolError("x"), plan_of().definition) is None
