"""``undo`` and ``finally``: what follows the steps of a workflow. docs/language.md, section 6."""

from __future__ import annotations

import pytest

from ael.events import StepCancelled
from ael.settings import Settings
from tests.composed import run

# -- undo ------------------------------------------------------------------------------------------

NOTE = "undo: {tool: record, params: {value: 'undo ID {{ output }}'}}"


def noting(step_id: str, rest: str = "", seconds: int = 0) -> str:
    """A step that sleeps, and whose undo notes its id."""
    undo = NOTE.replace("ID", step_id)
    return f"  - {{id: {step_id}, tool: sleep, params: {{seconds: {seconds}, value: {step_id}}}, {undo}{rest}}}\n"


UNDONE = {
    "dependents first": (
        noting("a") + noting("b", ", depends_on: a") + noting("c", ", depends_on: b"),
        "c, b, a",
        ["undo c c", "undo b b", "undo a a"],
    ),
    "later ones first": (noting("a", seconds=2) + noting("b", seconds=1), "a, b", ["undo a a", "undo b b"]),
    "what did not complete has nothing to undo": (
        noting("a") + noting("b", ", when: 'false'") + noting("c", seconds=99),
        "a",
        ["undo a a"],
    ),
    "every completed item": (
        """
  - id: a
    for_each: {in: [x, y], as: it}
    tool: sleep
    params: {seconds: 0, value: "{{ it }}"}
    undo: {tool: record, params: {value: "{{ it }} {{ index }} {{ output }}"}}
""",
        "a",
        ["y 1 y", "x 0 x"],
    ),
    "the completed items of a loop that failed": (
        """
  - id: a
    for_each: [0, 1]
    on_error: skip
    undo: {tool: record, params: {value: "undo {{ item }}"}}
    steps: [{id: in, when: item == 1, tool: fail, params: {after: 1}}, {id: ok, tool: echo}]
""",
        "a",
        ["undo 0"],
    ),
    "a block and what is in it": (
        "  - id: block\n    undo: {tool: record, params: {value: 'undo block {{ output }}'}}\n    steps:\n"
        + noting("in").replace("  - ", "      - "),
        "block",
        ["undo block in", "undo in in"],
    ),
    "what is in a block that failed": (
        "  - id: block\n    on_error: skip\n    undo: {tool: record, params: {value: never}}\n    steps:\n"
        + noting("in").replace("  - ", "      - ")
        + "      - {id: no, depends_on: in, tool: fail}\n",
        "block",
        ["undo in in"],
    ),
    "a workflow that was called": (
        "  - {id: a, workflow: c, undo: {tool: record, params: {value: 'undo {{ output }}'}}}\n",
        "a",
        ["undo {}"],
    ),
    "by code": (
        "  - {id: a, tool: echo, params: {value: 3}, undo: {tool: record, params: {value: '{{ output + 1 }}'}}}\n",
        "a",
        [4],
    ),
    "a step that was skipped by its policy": (noting("a", ", on_error: skip") + "", "a", ["undo a a"]),
}


@pytest.mark.parametrize("what", UNDONE)
def test_what_completed_is_undone_when_the_workflow_fails(what: str) -> None:
    steps, after, log = UNDONE[what]
    ran = run(
        f"on_failure: undo\nsteps:\n{steps}  - {{id: end, depends_on: [{after}], tool: fail}}\n",
        "name: c\nsteps: [{id: in, tool: echo}]",
    )
    assert (ran.log, ran.result.status, ran.result.warnings) == (log, "failed", ())


FATES = {
    "failed": ("{id: end, depends_on: a, tool: fail}", None, ["undo a a"]),
    "timed out": ("{id: end, tool: sleep, params: {seconds: 99}}", None, ["undo a a"]),
    "cancelled": ("{id: end, tool: sleep, params: {seconds: 99}}", 3, ["undo a a"]),
    "ended itself as failed": ("{id: end, depends_on: a, exit: {status: failed}}", None, ["undo a a"]),
    "ended itself as cancelled": ("{id: end, depends_on: a, exit: {status: cancelled}}", None, ["undo a a"]),
    "outputs that fail": ("{id: end, tool: echo, params: {value: 1}}", None, ["undo a a"]),
    "completed": ("{id: end, tool: echo, params: {value: {x: 1}}}", None, []),
    "ended itself": ("{id: end, depends_on: a, exit: {outputs: {}}}", None, []),
}


@pytest.mark.parametrize("fate", FATES)
def test_it_is_undone_unless_it_completed(fate: str) -> None:
    end, cancel_after, log = FATES[fate]
    ran = run(
        f"on_failure: undo\ntimeout: 5\nsteps:\n{noting('a', seconds=1)}  - {end}\n"
        "output: '{{ steps.end.output.x }}'",
        cancel_after=cancel_after,
    )
    assert ran.log == log
    assert (ran.result.status == "completed") == (not log)


def test_without_on_failure_nothing_is_undone() -> None:
    assert run(f"steps:\n{noting('a')}  - {{id: end, depends_on: a, tool: fail}}\n").log == []


def test_a_failing_undo_is_tried_again_by_its_own_retry_and_is_then_a_warning() -> None:
    ran = run(f"""
on_failure: undo
defaults: {{retry: 5}}
steps:
{noting("a")}
  - {{id: b, depends_on: a, tool: echo, undo: {{tool: fail, params: {{code: STUCK}},
     retry: {{max_attempts: 3, delay: 1s, backoff: fixed, jitter: none}}}}}}
  - {{id: end, depends_on: b, tool: fail, retry: 1}}
""")
    assert ran.calls("fail").count("b:undo") == 3
    assert ran.result.warnings == ("undo of step 'b' failed: STUCK: as told",)
    assert (ran.log, ran.seconds, ran.result.error and ran.result.error.code) == (["undo a a"], 2, "BOOM")


def test_an_undo_has_its_own_timeout_and_all_together_have_one() -> None:
    """Of three that take a minute, the first has its own bound; the second is cut off, and the third never begins."""
    ran = run(
        """
on_failure: undo
steps:
  - {id: a, tool: echo, undo: {tool: record, params: {value: a}}}
  - {id: b, depends_on: a, tool: echo, undo: {tool: sleep, params: {seconds: 60, name: b}}}
  - {id: c, depends_on: b, tool: echo, undo: {tool: sleep, params: {seconds: 60, name: c}, timeout: 2}}
  - {id: end, depends_on: c, tool: fail}
""",
        settings=Settings(undo_timeout=10),
    )
    assert (ran.log, ran.seconds) == (["cancelled c", "cancelled b"], 10)
    assert [text.partition(":")[0] for text in ran.result.warnings] == [
        "undo of step 'c' failed",
        "undo took longer than 10 s; not undone",
        "undo of step 'b' failed",
    ]


IN_FLIGHT = {
    "it may end first, and is then undone": (2, ["undo a a"], "completed", 2),
    "but not for longer than the grace": (99, [], "cancelled cancelled", 6),
}


@pytest.mark.parametrize("how", IN_FLIGHT)
def test_a_step_with_undo_in_flight_when_all_is_cancelled(how: str) -> None:
    seconds, log, expected, end = IN_FLIGHT[how]
    ran = run(
        f"on_failure: undo\nsteps:\n{noting('a', seconds=seconds)}", cancel_after=1, settings=Settings(undo_grace=5)
    )
    assert (ran.log, ran.all("a"), ran.seconds) == (log, {"a": expected}, end)
    assert ran.told(StepCancelled) == ([] if log else ["a"])


def test_a_wait_between_two_attempts_is_no_call_in_flight() -> None:
    ran = run(
        "steps: [{id: a, tool: fail, retry: {max_attempts: 3, delay: 20s}, undo: {tool: echo}}]\non_failure: undo",
        cancel_after=1,
    )
    assert (ran.all("a"), ran.seconds) == ({"a": "cancelled cancelled"}, 1)


def test_an_attempt_that_was_let_go_on_is_the_last() -> None:
    ran = run(
        "steps: [{id: a, tool: fail, params: {after: 2}, retry: 3, undo: {tool: echo}}]\non_failure: undo",
        cancel_after=1,
    )
    assert (ran.all("a"), ran.seconds, len(ran.calls("fail"))) == ({"a": "cancelled cancelled"}, 2, 1)


def test_steps_of_a_called_workflow_are_undone_by_that() -> None:
    ran = run(
        f"on_failure: undo\nsteps:\n{noting('a')}  - {{id: call, depends_on: a, workflow: c}}\n",
        f"name: c\non_failure: undo\nsteps:\n{noting('in')}  - {{id: no, depends_on: in, tool: fail}}\n",
    )
    assert ran.log == ["undo in in", "undo a a"]


# -- finally ---------------------------------------------------------------------------------------

TELL = "{id: tell, tool: record, params: {value: '{{ workflow.status }} {{ workflow.error.code | default(0) }}'}}"
STATUSES = {
    "completed": ("{id: a, tool: echo}", None, "completed 0"),
    "failed": ("{id: a, tool: fail}", None, "failed BOOM"),
    "failed outputs": ("{id: a, tool: echo, params: {value: 1}}", None, "failed OUTPUT_INVALID"),
    "timed out": ("{id: a, tool: sleep, params: {seconds: 99}}", None, "failed WORKFLOW_TIMEOUT"),
    "cancelled": ("{id: a, tool: sleep, params: {seconds: 99}}", 1, "cancelled 0"),
    "ended itself": ("{id: a, exit: {status: failed}}", None, "failed EXIT"),
}


@pytest.mark.parametrize("fate", STATUSES)
def test_finally_knows_how_the_workflow_ended(fate: str) -> None:
    step, cancel_after, line = STATUSES[fate]
    output = "output: '{{ steps.a.output.x }}'" if fate == "failed outputs" else ""
    ran = run(f"timeout: 5\nsteps: [{step}]\nfinally: [{TELL}]\n{output}", cancel_after=cancel_after)
    assert ran.log == [line]
    assert ran.result["tell"].status == "completed"


def test_finally_reads_unfinished_steps_as_skipped() -> None:
    ran = run("""
steps:
  - {id: done, tool: echo, params: {value: 1}}
  - {id: never, depends_on: fails, tool: echo}
  - {id: fails, depends_on: done, tool: fail}
  - {id: long, tool: sleep, params: {seconds: 9}}
finally:
  - {id: uses, tool: echo, params: {value: "{{ steps.never.output }}"}}
  - {id: asks, tool: echo, params: {value: "{{ steps.never.output | default('none') }} {{ steps.done.output }}"}}
  - {id: tells, tool: echo, params: {value: "{{ steps.never.status }} {{ steps.long.status }}"}}
""")
    assert ran.all("uses", "asks", "tells") == {
        "uses": "skipped dependency: never",
        "asks": "completed",
        "tells": "completed",
    }
    assert (ran.result["asks"].output, ran.result["tells"].output) == ("none 1", "skipped cancelled")


SHIELDED = {
    "from cancellation": (None, 1, "cancelled"),
    "from the timeout of the workflow": ("timeout: 1", None, "failed"),
}


@pytest.mark.parametrize("what", SHIELDED)
def test_finally_is_shielded(what: str) -> None:
    line, cancel_after, status = SHIELDED[what]
    ran = run(
        f"{line or ''}\nsteps: [{{id: a, tool: sleep, params: {{seconds: 99}}}}]\n"
        "finally: [{id: last, tool: record, params: {value: done, after: 50}}]",
        cancel_after=cancel_after,
    )
    assert (ran.result.status, ran.log, ran.seconds) == (status, ["done"], 51)


@pytest.mark.parametrize(("settings", "seconds"), [(None, 60), (Settings(finally_timeout=5), 5)])
def test_finally_steps_have_a_minute_together(settings: Settings | None, seconds: int) -> None:
    ran = run(
        """
steps: [{id: a, tool: echo}]
finally:
  - {id: one, tool: sleep, params: {seconds: 3}}
  - {id: two, depends_on: one, tool: sleep, params: {seconds: 99}}
  - {id: three, depends_on: two, tool: echo}
output: 1
""",
        settings=settings,
    )
    assert ran.result.error is not None
    assert (ran.result.status, ran.result.error.code, ran.result.outputs) == (
        "failed",
        "WORKFLOW_TIMEOUT",
        {"output": 1},
    )
    assert ran.seconds == seconds
    assert ran.all("one", "two", "three") == {
        "one": "completed",
        "two": "cancelled cancelled: finally timeout",
        "three": "skipped cancelled: finally timeout",
    }


FAILING = {
    "it fails what had completed, and keeps the outputs": ("{id: a, tool: echo}", ("failed", "LATE", {"output": 1}, 0)),
    "it is a warning for what had failed": ("{id: a, tool: fail}", ("failed", "BOOM", {}, 1)),
}


@pytest.mark.parametrize("what", FAILING)
def test_a_failure_in_finally(what: str) -> None:
    step, expected = FAILING[what]
    ran = run(f"steps: [{step}]\nfinally: [{{id: late, tool: fail, params: {{code: LATE}}}}]\noutput: 1")
    assert ran.result.error is not None
    found = (str(ran.result.status), ran.result.error.code, ran.result.outputs, len(ran.result.warnings))
    assert found == expected


def test_the_order_is_steps_outputs_undo_finally() -> None:
    ran = run("""
on_failure: undo
steps:
  - {id: a, tool: record, params: {value: step}, undo: {tool: record, params: {value: undo}}}
outputs: {x: "{{ steps.a.output.nothing }}"}
finally:
  - {id: last, tool: record, params: {value: "finally {{ workflow.error.code }}"}}
""")
    assert ran.log == ["step", "undo", "finally OUTPUT_INVALID"]


def test_a_called_workflow_has_its_own_finally_also_when_it_is_stopped() -> None:
    ran = run(
        "steps: [{id: call, workflow: c}, {id: no, tool: fail, params: {after: 1}}]",
        "name: c\nsteps: [{id: in, tool: sleep, params: {seconds: 9}}]\n"
        "finally: [{id: last, tool: record, params: {value: '{{ workflow.name }} {{ workflow.status }}', after: 2}}]",
    )
    assert (ran.log, ran.seconds, ran.calls("record")) == (["c cancelled"], 3, ["call.last"])
    assert ran.all("call", "call.in", "call.last") == {
        "call": "cancelled stopped: no",
        "call.in": "cancelled stopped: no",
        "call.last": "completed",
    }
