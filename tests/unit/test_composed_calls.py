"""``workflow``, ``exit``, ``undo`` and ``finally``: where a workflow begins and ends inside another."""

from __future__ import annotations

from tests.composed import run

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
