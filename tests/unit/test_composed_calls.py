"""``workflow``, ``exit``, ``undo`` and ``finally``: where a workflow begins and ends inside another."""

from __future__ import annotations

import pytest

from ael import parse_workflow
from ael.compiler import compile_plan
from ael.definition import WorkflowDefinition
from ael.engine import WorkflowEngine
from ael.plan import Plan
from ael.testing import VirtualClock, run_virtual
from ael.testing.fakes import PlanRegistry
from ael.types import JsonValue
from tests.composed import run
from tests.conformance.tools import Script

ECHO = "name: echoing\ninputs: {value: {}}\nsteps: [{id: in, tool: echo, params: {value: '{{ inputs.value }}'}}]\n"


def test_steps_of_a_called_workflow_have_the_path_of_the_step_that_calls_it() -> None:
    ran = run(
        """
steps:
  - {id: call, for_each: [1], workflow: echoing, params: {value: 1}}
""",
        ECHO,
    )
    assert ran.calls("echo") == ran.keys("echo") == ["call[0].in"]
    assert ran.result["call[0].in"].output == 1


def test_what_a_missing_workflow_says_names_each_step_that_calls_it() -> None:
    ran = run("""
steps:
  - {id: first, workflow: nobody, on_error: skip}
  - {id: second, depends_on: first, workflow: nobody, on_error: skip}
""")
    errors = [step.error for step in ran.result if step.error is not None]
    assert [(error.code, error.step_id, error.details["line"]) for error in errors] == [
        ("WORKFLOW_NOT_FOUND", "first", 4),
        ("WORKFLOW_NOT_FOUND", "second", 5),
    ]


def test_an_exit_counts_also_as_the_last_step() -> None:
    ran = run("""
steps:
  - {id: first, tool: echo}
  - {id: out, depends_on: first, exit: {status: failed, reason: enough}}
""")
    assert ran.result.error is not None
    assert (ran.result.status, ran.result.error.code, ran.result.error.message) == ("failed", "EXIT", "enough")


# -- called workflows ------------------------------------------------------------------------------

OUTPUTS = {
    "one value": ("output: '{{ steps.in.output }}'", {"who": "Ada"}),
    "by name": ("outputs: {a: '{{ steps.in.output.who }}', b: 2}", {"a": "Ada", "b": 2}),
    "none": ("", {}),
}


@pytest.mark.parametrize("form", OUTPUTS)
def test_what_a_called_workflow_puts_out_is_the_steps_output(form: str) -> None:
    outputs, expected = OUTPUTS[form]
    called = "name: c\ninputs: {who: string}\nsteps: [{id: in, tool: echo, params: {value: {who: '{{ inputs.who }}'}}}]"
    ran = run("steps: [{id: call, workflow: c, params: {who: Ada}}]", f"{called}\n{outputs}")
    assert ran.result["call"].output == expected


BAD_PARAMS = {"missing": "{}", "unknown": "{who: Ada, whom: Bob}", "wrong type": "{who: 1}"}


@pytest.mark.parametrize("what", BAD_PARAMS)
def test_inputs_of_a_called_workflow_are_checked_before_its_first_step(what: str) -> None:
    ran = run(
        f"steps:\n  - {{id: call, retry: 3, workflow: c, params: {BAD_PARAMS[what]}}}",
        "name: c\ninputs: {who: string}\nsteps: [{id: in, tool: echo}]",
    )
    error = ran.result["call"].error
    assert error is not None
    assert (error.code, error.step_id, error.details["line"]) == ("INPUT_INVALID", "call", 3)
    assert error.message.startswith("step 'call' calls workflow 'c': ")
    assert (ran.result["call"].attempt, ran.script.tools.calls) == (1, [])


def test_a_called_workflow_sees_the_config_and_nothing_else_of_its_caller() -> None:
    ran = run(
        """
inputs: {x: {default: 1}}
steps:
  - {id: call, for_each: [7], workflow: c}
output: "{{ steps.call.output[0] }}"
""",
        """
name: c
steps: [{id: in, tool: echo, params: {value: "{{ config.city }} {{ workflow.name }} {{ workflow.version }}"}}]
output: "{{ steps.in.output }}"
""",
        config={"vars": {"city": "Ulm"}},
    )
    assert ran.result.outputs == {"output": "Ulm c 1.0.0"}


def test_what_is_called_is_what_there_was_when_the_execution_started() -> None:
    def version(value: int) -> WorkflowDefinition:
        return parse_workflow(f"name: c\nsteps: [{{id: in, tool: echo}}]\noutput: {value}")

    class Changing(PlanRegistry):
        asked = 0

        def get(self, workflow_id: str) -> Plan:
            self.asked += workflow_id == "c"
            return compile_plan(version(self.asked)) if workflow_id == "c" else super().get(workflow_id)

    async def main() -> list[JsonValue]:
        text = "name: w\nsteps: [{id: a, workflow: c}, {id: b, workflow: c, depends_on: a}]"
        engine = WorkflowEngine(Changing([parse_workflow(text)]), Script().tools, clock=VirtualClock())
        return [[step.output for step in await engine.execute("w")] for _ in range(2)]

    assert run_virtual(main()) == [[1, 1], [2, 2]]


def test_a_called_workflow_has_its_own_timeout() -> None:
    ran = run(
        "steps: [{id: call, on_error: skip, retry: 3, workflow: c}]",
        "name: c\ntimeout: 2\nsteps: [{id: in, tool: sleep, params: {seconds: 9}}]",
    )
    assert ran.all("call", "call.in") == {
        "call": "skipped error: WORKFLOW_TIMEOUT",
        "call.in": "cancelled cancelled: workflow timeout",
    }
    assert ran.seconds == 2


DEPTH = """
inputs: {n: {type: integer, default: 1}}
steps:
  - {id: note, tool: record, params: {value: "{{ inputs.n }}"}}
  - {id: call, depends_on: note, when: inputs.n < LAST, workflow: self, params: {n: "{{ inputs.n + 1 }}"}}
"""


@pytest.mark.parametrize(("last", "error"), [(10, None), (11, "DEPTH_EXCEEDED")])
def test_ten_workflows_may_run_within_each_other_and_no_more(last: int, error: str | None) -> None:
    ran = run(DEPTH.replace("LAST", str(last)))
    assert ran.log == list(range(1, 11))
    assert (ran.result.error.code if ran.result.error else None) == error
    tenth = ran.result[".".join(["call"] * 9)]
    assert tenth.status == ("failed" if error else "completed")


def test_self_in_a_called_workflow_is_that_workflow() -> None:
    ran = run(
        "steps: [{id: call, workflow: c, params: {n: 2}}]",
        """
name: c
inputs: {n: integer}
steps:
  - {id: note, tool: record, params: {value: "{{ workflow.name }} {{ inputs.n }}"}}
  - {id: again, when: inputs.n > 0, workflow: self, params: {n: "{{ inputs.n - 1 }}"}}
""",
    )
    assert ran.log == ["c 2", "c 1", "c 0"]
    assert ran.calls("record")[-1] == "call.again.again.note"


# -- exit ------------------------------------------------------------------------------------------

EXITS = {
    "at the top": "EXIT",
    "in a block": "steps: [{id: out, EXIT}]",
    "in a block of a block": "steps: [{id: in, steps: [{id: out, EXIT}]}]",
    "in a branch": "choose: [{steps: [{id: out, EXIT}]}]",
    "in an item": "for_each: [1, 2], steps: [{id: out, EXIT}]",
    "in a round": "repeat: {max: 3}, steps: [{id: out, EXIT}]",
    "in a block that is retried": "retry: 3, steps: [{id: out, EXIT}]",
}
ENDS = {
    "completed": ("exit: {reason: why}", ("completed", None, {"made": "here"})),
    "with outputs": ("exit: {outputs: {own: 1}}", ("completed", None, {"own": 1})),
    "failed": ("exit: {status: failed, reason: why, outputs: {own: 1}}", ("failed", "EXIT", {})),
    "cancelled": ("exit: {status: cancelled}", ("cancelled", None, {})),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("where", EXITS)
def test_an_exit_ends_the_workflow_from_however_deep(where: str, end: str) -> None:
    step_id, expected = ("out", "completed") if where == "at the top" else ("around", "cancelled stopped: out")
    exit_body, (status, code, outputs) = ENDS[end]
    ran = run(f"""
steps:
  - {{id: long, tool: sleep, params: {{seconds: 9, name: long}}}}
  - {{id: first, tool: sleep, params: {{seconds: 1}}}}
  - {{id: {step_id}, depends_on: first, {EXITS[where].replace("EXIT", exit_body)}}}
  - {{id: behind, depends_on: long, tool: echo}}
outputs: {{made: here}}
""")
    error = ran.result.error
    assert (str(ran.result.status), error.code if error else None, ran.result.outputs) == (status, code, outputs)
    assert ran.all("long", "behind", step_id) == {
        "long": "cancelled stopped: out",
        "behind": "skipped stopped: out",
        step_id: expected,
    }
    assert (ran.log, ran.seconds) == (["cancelled long"], 1)


CALLED_EXITS = {
    "completed": ("exit: {outputs: {own: 1}}", "completed", {"own": 1}),
    "failed": ("exit: {status: failed, reason: why}", "failed EXIT", None),
    "cancelled": ("exit: {status: cancelled, reason: why}", "failed EXIT", None),
}


@pytest.mark.parametrize("end", CALLED_EXITS)
def test_an_exit_in_a_called_workflow_ends_that_alone(end: str) -> None:
    exit_body, status, output = CALLED_EXITS[end]
    ran = run(
        "steps: [{id: call, workflow: c}, {id: beside, tool: sleep, params: {seconds: 1}}]",
        f"name: c\nsteps:\n  - {{id: first, tool: sleep, params: {{seconds: 1}}}}\n"
        f"  - {{id: out, depends_on: first, {exit_body}}}\n"
        "  - {id: long, tool: sleep, params: {seconds: 9}}",
    )
    assert ran.all("call", "call.long") == {"call": status, "call.long": "cancelled stopped: out"}
    assert ran.result["call"].output == output
    if output is None:
        assert "why" in str(ran.result["call"].error)


def test_an_exit_whose_condition_is_false_is_not_taken() -> None:
    ran = run("steps: [{id: out, when: 'false', exit: {status: failed}}, {id: behind, depends_on: out, tool: echo}]")
    assert ran.result.status == "completed"
    assert ran.all("out", "behind") == {"out": "skipped condition", "behind": "skipped dependency: out"}


def test_an_exit_that_cannot_be_made_is_a_failure_of_its_step() -> None:
    ran = run("steps: [{id: out, exit: {reason: '{{ [1].foo.bar }}'}}]")
    assert ran.all("out") == {"out": "failed TEMPLATE_ERROR"}
