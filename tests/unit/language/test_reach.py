"""What can never run, what skips take along, joins: each kind where it is, and near misses where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.dataflow import analyse
from ael.definition import CodeBody, ExitBody, Join, StepDefinition, ToolBody, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language import check_definition, parse
from ael.language.checks.context import Context
from ael.language.checks.fates import fates_of
from ael.types import OnError

HEAD = "name: w\ninputs: {go: boolean, list: {type: array, items: {type: string}}}\n"
A = "{id: a, tool: t, when: inputs.go}"
USE = 'params: {x: "{{ steps.a.output }}"}'
EXIT = "{id: stop, exit: completed}"
MAYBE = "{id: stop, exit: completed, when: inputs.go}"


def problems(steps: Sequence[str], tail: str = "") -> list[Diagnostic]:
    text = HEAD + "steps:\n" + "".join(f"  - {step}\n" for step in steps) + tail
    definition, found = parse(text)
    assert definition is not None
    assert [each for each in found if each.is_error] == []
    return check_definition(definition, analyse(definition))


def told(steps: Sequence[str], *codes: str, tail: str = "") -> list[str]:
    """The messages with these codes."""
    return [each.message for each in problems(steps, tail) if each.code in codes]


CONSTANTS = {
    "never": ("{id: a, tool: t, when: false}", "the `when` of step 'a' never holds"),
    "a word": ("{id: a, tool: t, when: 'off'}", "the `when` of step 'a' never holds"),
    "always": ("{id: a, tool: t, when: true}", "the `when` of step 'a' always holds"),
    "in braces": ("{id: a, tool: t, when: '{{ 1 > 2 }}'}", "the `when` of step 'a' never holds"),
    "text that is false": ("{id: a, tool: t, when: '{{ \"false\" }}'}", "the `when` of step 'a' never holds"),
    "until": (
        "{id: a, tool: t, repeat: {max: 2, until: 'no'}}",
        "the `until` of step 'a' never holds",
    ),
    "a branch": (
        "{id: a, choose: [{when: true, steps: [{id: b, tool: t}]}, {steps: [{id: c, tool: t}]}]}",
        "the `when` of a branch of step 'a' always holds",
    ),
    "inside a block": ("{id: a, steps: [{id: b, tool: t, when: false}]}", "the `when` of step 'a.b' never holds"),
}


@pytest.mark.parametrize(("step", "message"), CONSTANTS.values(), ids=CONSTANTS)
def test_conditions_that_decide_nothing(step: str, message: str) -> None:
    assert told([step], "AEL206") == [message]


VARYING = {
    "an input": "{id: a, tool: t, when: inputs.go}",
    "an input and a constant": "{id: a, tool: t, when: 'inputs.go and true'}",
    "chance": "{id: a, tool: t, when: '[0, 1] | random'}",
    "a round": "{id: a, tool: t, repeat: {max: 2, until: last.output}}",
    "no condition": "{id: a, tool: t, repeat: {max: 2}}",
    "params called when": "{id: a, tool: t, params: {when: 'false'}}",
}


@pytest.mark.parametrize("step", VARYING.values(), ids=VARYING)
def test_conditions_that_decide_something(step: str) -> None:
    assert problems([step]) == []


OFF = "{id: a, tool: t, when: false}"
DEAD = {
    "depends on it": (
        [OFF, "{id: b, tool: t, depends_on: a}"],
        ["step 'b' … `depends_on` names step 'a', which never runs"],
    ),
    "uses its output": (
        [OFF, f"{{id: b, tool: t, {USE}}}"],
        ["step 'b' … the output of step 'a' is used, which never runs"],
    ),
    "asks for its output": (
        [OFF, "{id: b, tool: t, when: steps.a.output}"],
        ["step 'b' … the output of step 'a' is used, which never runs"],
    ),
    "loops over its output": (
        [OFF, "{id: b, tool: t, for_each: steps.a.output}"],
        ["step 'b' … the output of step 'a' is used, which never runs"],
    ),
    "one after another": (
        [OFF, "{id: b, tool: t, depends_on: a}", "{id: c, tool: t, depends_on: b}"],
        [
            "step 'b' … `depends_on` names step 'a', which never runs",
            "step 'c' … `depends_on` names step 'b', which never runs",
        ],
    ),
    "several for one reason": (
        [OFF, "{id: b, tool: t, depends_on: a}", "{id: c, tool: t, depends_on: a}"],
        ["steps 'b' and 'c' … `depends_on` names step 'a', which never runs"],
    ),
    "behind an exit": (
        [EXIT, "{id: b, tool: t, depends_on: stop}"],
        ["step 'b' … step 'stop' has ended the workflow by then"],
    ),
    "reads an exit": (
        [EXIT, "{id: b, code: return steps.stop.status}"],
        ["step 'b' … step 'stop' has ended the workflow by then"],
    ),
    "behind what is behind an exit": (
        [EXIT, "{id: b, tool: t, depends_on: stop}", "{id: c, code: return steps.b.status}"],
        ["steps 'b' and 'c' … step 'stop' has ended the workflow by then"],
    ),
    "behind a block that ends it": (
        ["{id: q, steps: [{id: stop, exit: failed}]}", "{id: b, tool: t, depends_on: q}"],
        ["step 'b' … step 'q' has ended the workflow by then"],
    ),
    "behind branches that all end it": (
        [
            "{id: q, choose: [{when: inputs.go, steps: [{id: x, exit: failed}]}, {steps: [{id: y, exit: completed}]}]}",
            "{id: b, tool: t, depends_on: q}",
        ],
        ["step 'b' … step 'q' has ended the workflow by then"],
    ),
    "behind an exit that may be skipped": (
        [MAYBE, "{id: b, tool: t, depends_on: stop}"],
        ["step 'b' … `depends_on` names step 'stop', which ends the workflow or is itself skipped"],
    ),
    "inside a block": (
        [f"{{id: q, steps: [{OFF}, {{id: b, tool: t, depends_on: a}}]}}"],
        ["step 'q.b' … `depends_on` names step 'a', which never runs"],
    ),
    "from inside a block": (
        [OFF, f"{{id: q, steps: [{{id: b, tool: t, {USE}}}]}}"],
        ["step 'q.b' … the output of step 'a' is used, which never runs"],
    ),
}


@pytest.mark.parametrize(("steps", "messages"), DEAD.values(), ids=DEAD)
def test_steps_that_never_run(steps: list[str], messages: list[str]) -> None:
    assert [each.replace(" can never run:", " …") for each in told(steps, "AEL207")] == messages


ALIVE = {
    "after one that may run": [A, "{id: b, tool: t, depends_on: a}"],
    "with a default": [OFF, "{id: b, tool: t, params: {x: '{{ steps.a.output | default(1) }}'}}"],
    "with an alternative": [OFF, "{id: b, tool: t, params: {x: '{{ steps.a.output if steps.a.success else 1 }}'}}"],
    "with a test": [OFF, "{id: b, tool: t, params: {x: '{{ steps.a.output is defined }}'}}"],
    "asking for its status": [OFF, "{id: b, tool: t, when: steps.a.success}"],
    "settled": [OFF, "{id: b, tool: t, depends_on: a, join: settled}"],
    "any of several": [OFF, "{id: c, tool: t}", "{id: b, tool: t, depends_on: [a, c], join: any}"],
    "code": [OFF, "{id: b, code: return steps.a.output}"],
    "with a fallback there": [
        "{id: a, tool: t, when: false, fallback: 1}",
        "{id: b, tool: t, params: {x: '{{ steps.a.output }}'}}",
    ],
    "items of a loop": [OFF, "{id: b, tool: t, for_each: inputs.list, params: {x: '{{ steps.a.output }}'}}"],
    "going on where it did not end": [MAYBE, "{id: b, tool: t, depends_on: stop, join: settled}"],
    "beside an exit": [EXIT, "{id: b, tool: t}"],
    "after a block that may end it": [
        "{id: q, steps: [{id: stop, exit: failed, when: inputs.go}]}",
        "{id: b, tool: t, depends_on: q}",
    ],
    "after one branch that ends it": [
        "{id: q, choose: [{when: inputs.go, steps: [{id: x, exit: failed}]}, {steps: [{id: y, tool: t}]}]}",
        "{id: b, tool: t, depends_on: q}",
    ],
    "after a choice that may take none": [
        "{id: q, choose: [{when: inputs.go, steps: [{id: x, exit: failed}]}]}",
        "{id: b, code: return steps.q.status}",
    ],
    "after items that end it": [
        "{id: q, for_each: inputs.list, steps: [{id: stop, exit: failed}]}",
        "{id: b, tool: t, depends_on: q}",
    ],
    "after a block that may be skipped by an error": [
        "{id: q, on_error: skip, steps: [{id: x, tool: t}, {id: stop, exit: failed, depends_on: x}]}",
        "{id: b, tool: t, depends_on: q}",
    ],
}


@pytest.mark.parametrize("steps", ALIVE.values(), ids=ALIVE)
def test_steps_that_may_run(steps: list[str]) -> None:
    assert told(steps, "AEL207", "AEL214") == []


def test_file_order_ends_too() -> None:
    text = HEAD + f"sequential: true\nsteps:\n  - {EXIT}\n  - {{id: b, tool: t}}\n"
    definition, _ = parse(text)
    assert definition is not None
    (problem,) = check_definition(definition, analyse(definition))
    assert problem.message == "step 'b' can never run: step 'stop' has ended the workflow by then"


READS = {
    "params": [A, f"{{id: b, tool: t, {USE}}}"],
    "in text": [A, '{id: b, tool: t, params: {x: "so {{ steps.a.output.k }}"}}'],
    "a list to loop over": [A, "{id: b, tool: t, for_each: steps.a.output}"],
    "skipped by an error": ["{id: a, tool: t, on_error: skip}", f"{{id: b, tool: t, {USE}}}"],
    "skipped when exhausted": [
        "{id: a, tool: t, on_error: retry, retry: {on_exhausted: skip}}",
        f"{{id: b, tool: t, {USE}}}",
    ],
    "skipped by a rule": ["{id: a, tool: t, on_error: [{match: X, do: skip}]}", f"{{id: b, tool: t, {USE}}}"],
    "skipped by a rule in the end": [
        "{id: a, tool: t, on_error: [{do: retry, retry: {on_exhausted: skip}}]}",
        f"{{id: b, tool: t, {USE}}}",
    ],
    "skipped without its tool": ["{id: a, tool: t, on_missing_tool: skip}", f"{{id: b, tool: t, {USE}}}"],
    "without a branch for the rest": [
        "{id: a, choose: [{when: inputs.go, steps: [{id: x, tool: t}]}]}",
        f"{{id: b, tool: t, {USE}}}",
    ],
    "a join that may not be reached": [
        "{id: p, tool: t, when: inputs.go}",
        "{id: q, tool: t, on_error: skip}",
        "{id: a, tool: t, depends_on: [p, q], join: any}",
        f"{{id: b, tool: t, {USE}}}",
    ],
}


@pytest.mark.parametrize("steps", READS.values(), ids=READS)
def test_a_skip_that_takes_readers_along_is_noted_once(steps: list[str]) -> None:
    expected = ["steps 'b' and 'c' are skipped whenever step 'a' is"]
    twice = [*steps, f"{{id: c, tool: t, {USE}}}", "{id: d, tool: t, params: {x: '{{ steps.c.output }}'}}"]
    assert told(twice, "AEL208") == expected


GUARDED = {
    "a default": [A, "{id: b, tool: t, params: {x: '{{ steps.a.output | default(1) }}'}}"],
    "a short default": [A, "{id: b, tool: t, params: {x: '{{ steps.a.output | d(1) }}'}}"],
    "a condition": [A, f"{{id: b, tool: t, when: steps.a.success, {USE}}}"],
    "the same condition": [A, f"{{id: b, tool: t, when: inputs.go, {USE}}}"],
    "written order": [A, f"{{id: b, tool: t, depends_on: a, {USE}}}"],
    "a fallback of the reader": [A, f"{{id: b, tool: t, on_error: skip, fallback: 1, {USE}}}"],
    "a fallback of the source": ["{id: a, tool: t, when: inputs.go, fallback: 1}", f"{{id: b, tool: t, {USE}}}"],
    "rules with fallbacks": [
        "{id: a, tool: t, on_error: [{match: X, do: skip, fallback: 1}, {do: fail}]}",
        f"{{id: b, tool: t, {USE}}}",
    ],
    "rules that fail": [
        "{id: a, tool: t, on_error: [{do: fail}]}",
        f"{{id: b, tool: t, {USE}}}",
    ],
    "its status": [A, "{id: b, tool: t, params: {x: '{{ steps.a.status }}'}}"],
    "code": [A, "{id: b, code: return steps.a.output}"],
    "retries that fail in the end": ["{id: a, tool: t, on_error: retry}", f"{{id: b, tool: t, {USE}}}"],
    "a branch for the rest": [
        "{id: a, choose: [{when: inputs.go, steps: [{id: x, tool: t}]}, {steps: [{id: y, tool: t}]}]}",
        f"{{id: b, tool: t, {USE}}}",
    ],
    "a join that is reached": [
        "{id: p, tool: t, when: inputs.go}",
        "{id: q, tool: t}",
        "{id: a, tool: t, depends_on: [p, q], join: any}",
        f"{{id: b, tool: t, {USE}}}",
    ],
    "whatever became of it": [
        "{id: p, tool: t, when: inputs.go}",
        "{id: a, tool: t, depends_on: p, join: settled}",
        f"{{id: b, tool: t, {USE}}}",
    ],
}


@pytest.mark.parametrize("steps", GUARDED.values(), ids=GUARDED)
def test_reads_that_are_guarded_or_meant(steps: list[str]) -> None:
    assert problems(steps) == []


def test_the_end_may_read_what_is_not_there() -> None:
    tail = f"finally:\n  - {{id: tidy, tool: t, {USE}}}\n"
    assert problems([A], tail) == []


OUTPUTS = {
    "a step with a condition": ([A], "{{ steps.a.output }}", "a"),
    "below its output": ([A], "{{ steps.a.output.k }}", "a"),
    "in text": ([A], "so {{ steps.a.output }}", "a"),
    "through another": ([A, f"{{id: b, tool: t, {USE}}}"], "{{ steps.b.output }}", "a"),
    "by written order": ([A, "{id: b, tool: t, depends_on: a}"], "{{ steps.b.output }}", "a"),
    "of one that never runs": ([OFF], "{{ steps.a.output }}", "a"),
}


@pytest.mark.parametrize(("steps", "value", "source"), OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize("form", ["outputs: {o: '%s'}", "outputs: {o: {value: [1, '%s']}}", "output: '%s'"])
def test_outputs_that_may_be_missing(steps: list[str], value: str, source: str, form: str) -> None:
    name = "output" if form.startswith("output:") else "o"
    expected = [f"output {name!r} is null whenever step {source!r} is skipped"]
    assert told(steps, "AEL209", tail=form % value + "\n") == expected


def test_outputs_by_path_may_be_missing() -> None:
    (problem,) = problems([A], "outputs: {o: {from: steps.a.output.k}}\n")
    assert (problem.code, problem.column) == ("AEL209", 21)


SURE = {
    "a default": ([A], "{{ steps.a.output | default(none) }}"),
    "one or the other": ([A], "{{ steps.a.output or 1 }}"),
    "its status": ([A], "{{ steps.a.status }}"),
    "a fallback": (["{id: a, tool: t, when: inputs.go, fallback: 1}"], "{{ steps.a.output }}"),
    "a step that always runs": (["{id: a, tool: t, when: true}"], "{{ steps.a.output }}"),
    "code that reads it": ([A, "{id: b, code: return steps.a.output}"], "{{ steps.b.output }}"),
    "a step whose error is skipped does not skip in order": (
        ["{id: a, tool: t, on_error: skip}", "{id: b, tool: t, depends_on: a}"],
        "{{ steps.b.output }}",
    ),
}


@pytest.mark.parametrize(("steps", "value"), SURE.values(), ids=SURE)
def test_outputs_that_are_sure(steps: list[str], value: str) -> None:
    assert told(steps, "AEL209", tail=f"outputs: {{o: '{value}'}}\n") == []


JOINS = {
    "all are dead": (
        [OFF, "{id: b, tool: t, depends_on: a}", "{id: c, tool: t, depends_on: [a, b], join: any}"],
        ["AEL214"],
    ),
    "too few are alive": (
        [OFF, "{id: b, tool: t}", "{id: c, tool: t, depends_on: [a, b], join: {at_least: 2}}"],
        ["AEL214"],
    ),
    "the rest would be cancelled": (
        [
            OFF,
            "{id: b, tool: t, when: false}",
            "{id: c, tool: t, depends_on: [a, b], join: {at_least: 1, cancel_rest: true}}",
        ],
        ["AEL214"],
    ),
    "one": (["{id: b, tool: t}", "{id: c, tool: t, depends_on: b, join: any}"], ["AEL215"]),
    "one of two, alive": ([OFF, "{id: b, tool: t}", "{id: c, tool: t, depends_on: [a, b], join: any}"], []),
    "settled": (["{id: b, tool: t}", "{id: c, tool: t, depends_on: b, join: settled}"], []),
    "all": (["{id: b, tool: t}", "{id: c, tool: t, depends_on: b, join: all}"], []),
    "off itself": ([OFF, "{id: c, tool: t, when: false, depends_on: [a], join: any}"], ["AEL215"]),
}


@pytest.mark.parametrize(("steps", "expected"), JOINS.values(), ids=JOINS)
def test_joins(steps: list[str], expected: list[str]) -> None:
    assert [each.code for each in problems(steps) if each.code in {"AEL214", "AEL215"}] == expected


@st.composite
def some_steps(draw: st.DrawFn) -> tuple[StepDefinition, ...]:
    """Steps that wait for earlier ones, some without effect, some off, some ends."""
    steps: list[StepDefinition] = []
    for number in range(draw(st.integers(1, 6))):
        above = [step.id for step in steps]
        named = tuple(draw(st.lists(st.sampled_from(above), unique=True, max_size=2))) if above else ()
        read = draw(st.sampled_from([*above, None])) if above else None
        join = draw(st.sampled_from([None, None, Join(), Join(1)])) if named else None
        body = draw(st.sampled_from(["tool", "tool", "tool", "code", "exit"]))
        steps.append(
            StepDefinition(
                f"s{number}",
                {
                    "tool": ToolBody("t", {"x": f"{{{{ steps.{read}.output }}}}"} if read else {}),
                    "code": CodeBody(f"return steps.{read}.output" if read else "return 1"),
                    "exit": ExitBody(),
                }[body],
                depends_on=named,
                join=join,
                when=draw(st.sampled_from([None, None, None, "inputs.go", "false"])),
                on_error=draw(st.sampled_from([None, None, OnError.SKIP])) if body != "exit" else None,
            )
        )
    return tuple(steps)


def runs(steps: Sequence[StepDefinition]) -> Iterator[dict[str, str]]:
    """Every way a workflow may go, steps settling in file order: slow, and obvious."""
    yield from _continue(steps, 0, {})


def _continue(steps: Sequence[StepDefinition], number: int, so_far: dict[str, str]) -> Iterator[dict[str, str]]:
    if number == len(steps):
        yield so_far
        return
    step = steps[number]
    for outcome in _outcomes(step, so_far):
        if outcome == "ended":
            yield {**so_far, step.id: "completed"}
        else:
            yield from _continue(steps, number + 1, {**so_far, step.id: outcome})


def _outcomes(step: StepDefinition, so_far: dict[str, str]) -> list[str]:
    """``untaken``, ``failed`` (and skipped), ``completed``, or ``ended``."""
    used = [so_far[each] for each in so_far if isinstance(step.body, ToolBody) and each in str(step.body.params)]
    if _is_kept_out(step, so_far) or step.when == "false" or any(each != "completed" for each in used):
        return ["untaken"]
    taken = ["ended"] if isinstance(step.body, ExitBody) else ["completed"]
    failed = ["failed"] if step.on_error is OnError.SKIP else []
    return [*taken, *failed, *(["untaken"] if step.when else [])]


def _is_kept_out(step: StepDefinition, so_far: dict[str, str]) -> bool:
    """By what it names in ``depends_on``."""
    named = [so_far[each] for each in step.depends_on]
    if step.join is None:
        return "untaken" in named
    return step.join.at_least is not None and named.count("completed") < step.join.at_least


@given(some_steps())
def test_fates_hold_in_every_run(steps: tuple[StepDefinition, ...]) -> None:
    definition = WorkflowDefinition("w", steps)
    flow = analyse(definition)
    fates = fates_of(Context.of(definition, flow), None)
    ways = list(runs(steps))
    for step_flow in flow.steps:
        fate, name = fates.of(step_flow), step_flow.step.id
        outcomes = {way[name] for way in ways if name in way}
        if fate.dead is not None:
            assert outcomes <= {"untaken"}, "what is said to be dead never runs"
        elif fate.untaken is None:
            assert "untaken" not in outcomes, "what is said to be taken always is"
        if fate.completes and fate.dead is None:
            assert outcomes <= {"completed"}
        if fate.missing is None:
            assert outcomes <= {"completed"}, "what is said to have an output has one"
        if fate.ends:
            assert all(list(way)[-1] == name for way in ways if name in way)
