"""Blocks, branches, loops, rounds, joins, rules, pools, undo and ``finally``: from a document to a definition."""

from __future__ import annotations

import pytest

from ael.dataflow import analyse
from ael.definition import (
    MISSING,
    BlockBody,
    Branch,
    ChooseBody,
    CodeBody,
    ErrorRule,
    ExitBody,
    ForEach,
    Join,
    PoolDefinition,
    Repeat,
    StepDefinition,
    ToolBody,
    Undo,
    WorkflowBody,
    WorkflowDefinition,
    walk_steps,
)
from ael.language import check_definition, parse
from ael.types import Backoff, JsonValue, OnError, RetryConfig, TimeoutConfig


def definition_of(text: str, *, notes: tuple[str, ...] = ()) -> WorkflowDefinition:
    """The definition of a text without errors, and with exactly these notes."""
    definition, found = parse(text)
    assert [(problem.code, problem.message) for problem in found if problem.is_error] == []
    assert tuple(problem.code for problem in found) == notes
    assert definition is not None
    return definition


def step_of(text: str, *, head: str = "") -> StepDefinition:
    """The last step of a workflow, given as the keys after its id; steps ``x``, ``y`` and ``z`` stand before it."""
    others = "{id: x, tool: t}, {id: y, tool: t}, {id: z, tool: t}"
    return definition_of(f"name: w\n{head}\nsteps: [{others}, {{id: a, {text}}}]").steps[-1]


BODIES = {
    "steps: [{id: b, tool: t}]": BlockBody((StepDefinition("b", ToolBody("t"), path=("steps", 3, "steps", 0)),)),
    "steps: [{id: b, tool: t}], output: {n: 1}": BlockBody(
        (StepDefinition("b", ToolBody("t"), path=("steps", 3, "steps", 0)),), {"n": 1}
    ),
    "workflow: other": WorkflowBody("other"),
    "workflow: self, params: {n: 1}": WorkflowBody("self", {"n": 1}),
    "exit: completed": ExitBody(),
    "exit: failed": ExitBody("failed"),
    "exit: ": ExitBody(),
    "exit: {}": ExitBody(),
    'exit: {status: cancelled, reason: "{{ execution_id }}"}': ExitBody("cancelled", "{{ execution_id }}"),
    "exit: {outputs: {n: [1]}}": ExitBody(outputs={"n": [1]}),
}


@pytest.mark.parametrize(("written", "body"), BODIES.items(), ids=BODIES)
def test_bodies(written: str, body: JsonValue) -> None:
    assert step_of(written).body == body


def test_branches() -> None:
    step = step_of(
        'choose: [{when: inputs.n, steps: [{id: b, tool: t}], output: "{{ steps.b.output }}"},'
        " {when: true, steps: [{id: b, code: return 1}]}, {steps: [{id: b, exit: failed}]}]",
        head="inputs: {n: integer}",
    )
    at = ("steps", 3, "choose")
    assert step.body == ChooseBody(
        (
            Branch(
                (StepDefinition("b", ToolBody("t"), path=(*at, 0, "steps", 0)),),
                "inputs.n",
                "{{ steps.b.output }}",
                (*at, 0),
            ),
            Branch((StepDefinition("b", CodeBody("return 1"), path=(*at, 1, "steps", 0)),), "true", MISSING, (*at, 1)),
            Branch((StepDefinition("b", ExitBody("failed"), path=(*at, 2, "steps", 0)),), None, MISSING, (*at, 2)),
        )
    )


LOOPS = {
    '"{{ inputs.l }}"': ForEach("{{ inputs.l }}"),
    "inputs.l": ForEach("inputs.l"),
    '[1, "{{ inputs.l }}", {a: b}]': ForEach([1, "{{ inputs.l }}", {"a": "b"}]),
    "[]": ForEach([]),
    "{in: inputs.l}": ForEach("inputs.l", path=("for_each", "in")),
    '{in: [1], as: page, key: "{{ page }}", max_parallel: 2, tolerate: 3}': ForEach(
        [1], "page", "{{ page }}", 2, 3, ("for_each", "in")
    ),
    "{in: [1], as: _x9, tolerate: 20%}": ForEach([1], "_x9", tolerate=0.2, path=("for_each", "in")),
    "{in: [1], tolerate: 100 %}": ForEach([1], tolerate=1.0, path=("for_each", "in")),
    "{in: [1], tolerate: 12.5%}": ForEach([1], tolerate=0.125, path=("for_each", "in")),
    "{in: [1], tolerate: 0, as: item}": ForEach([1], tolerate=0, path=("for_each", "in")),
}


@pytest.mark.parametrize(("written", "expected"), LOOPS.items(), ids=LOOPS)
def test_for_each(written: str, expected: ForEach) -> None:
    loop = step_of(f"tool: t, for_each: {written}", head="inputs: {l: array}").for_each
    assert loop == expected
    assert isinstance(expected.tolerate, float) == isinstance(loop and loop.tolerate, float)


ROUNDS = {
    "{max: 3}": Repeat(3),
    "{max: 3, until: last.output.done}": Repeat(3, "last.output.done"),
    "{max: 10, until: true, every: 1m30s, collect: true}": Repeat(10, "true", 90.0, True),
}


@pytest.mark.parametrize(("written", "expected"), ROUNDS.items(), ids=ROUNDS)
def test_repeat(written: str, expected: Repeat) -> None:
    assert step_of(f"tool: t, repeat: {written}").repeat == expected


JOINS = {
    "depends_on: [x, y], join: all": None,
    "join: all": None,
    "depends_on: x, join: any": Join(1),
    "depends_on: [x, y], join: settled": Join(),
    "depends_on: [x, y, z], join: {at_least: 2}": Join(2),
    "depends_on: [x, y], join: {at_least: 2, cancel_rest: true}": Join(2, True),
}


@pytest.mark.parametrize(("written", "expected"), JOINS.items(), ids=JOINS)
def test_join(written: str, expected: Join | None) -> None:
    assert step_of(f"tool: t, {written}").join == expected


RULES: dict[str, tuple[ErrorRule, ...]] = {
    "[{do: fail}]": (ErrorRule(OnError.FAIL),),
    "[{match: A, do: skip, fallback: null}, {do: fail}]": (
        ErrorRule(OnError.SKIP, ("A",), fallback=None),
        ErrorRule(OnError.FAIL),
    ),
    "[{match: [A, B], do: retry, retry: 5}]": (ErrorRule(OnError.RETRY, ("A", "B"), RetryConfig(5)),),
    "[{match: A, do: retry, retry: {backoff: fixed, on_exhausted: skip}, fallback: {a: 1}}]": (
        ErrorRule(
            OnError.RETRY, ("A",), RetryConfig(backoff=Backoff.FIXED, on_exhausted=OnError.SKIP), fallback={"a": 1}
        ),
    ),
    "[{match: A, do: fail}, {match: [A, B], do: skip}]": (
        ErrorRule(OnError.FAIL, ("A",)),
        ErrorRule(OnError.SKIP, ("A", "B")),
    ),
}


@pytest.mark.parametrize(("written", "expected"), RULES.items(), ids=RULES)
def test_rules_of_errors(written: str, expected: tuple[ErrorRule, ...]) -> None:
    step = step_of(f"tool: t, on_error: {written}")
    assert step.on_error is None
    assert [rule.path for rule in step.error_rules] == [("steps", 3, "on_error", n) for n in range(len(expected))]
    plain = [(rule.do, rule.match, rule.retry, rule.fallback) for rule in step.error_rules]
    assert plain == [(rule.do, rule.match, rule.retry, rule.fallback) for rule in expected]


UNDOS = {
    "{tool: u}": Undo(ToolBody("u")),
    '{tool: s.u, params: {id: "{{ output.id }}"}, parse: json, retry: 3, timeout: {idle: 5}}': Undo(
        ToolBody("s.u", {"id": "{{ output.id }}"}, None, "json"), RetryConfig(3), TimeoutConfig(idle=5.0)
    ),
    '{code: "return output", executor: safe}': Undo(CodeBody("return output")),
}


@pytest.mark.parametrize(("written", "expected"), UNDOS.items(), ids=UNDOS)
def test_undo(written: str, expected: Undo) -> None:
    assert step_of(f"tool: t, undo: {written}", head="on_failure: undo").undo == expected


POOLS = {
    "": (),
    "{}": (),
    "{p: 4}": (PoolDefinition("p", 4, path=("limits", "p")),),
    "{p: {concurrency: 1, rate: 10/s}, q-1: {rate: 60 / m}}": (
        PoolDefinition("p", 1, (10, 1.0), ("limits", "p")),
        PoolDefinition("q-1", None, (60, 60.0), ("limits", "q-1")),
    ),
    "{p: , q: {}}": (PoolDefinition("p", path=("limits", "p")), PoolDefinition("q", path=("limits", "q"))),
}


@pytest.mark.parametrize(("written", "expected"), POOLS.items(), ids=POOLS)
def test_pools(written: str, expected: tuple[PoolDefinition, ...]) -> None:
    assert definition_of(f"name: w\nlimits: {written}\nsteps: [{{id: a, tool: t}}]").limits == expected


@pytest.mark.parametrize(("written", "names"), [("p", ("p",)), ("[p, q]", ("p", "q")), ("", ())])
def test_a_step_names_pools(written: str, names: tuple[str, ...]) -> None:
    assert step_of(f"tool: t, limits: {written}", head="limits: {p: 1, q: 2}").limits == names


def test_finally_and_on_failure() -> None:
    definition = definition_of("name: w\non_failure: undo\nsteps: [{id: a, tool: t}]\nfinally: [{id: b, tool: t}]")
    assert definition.undo_on_failure
    assert definition.finally_steps == (StepDefinition("b", ToolBody("t"), path=("finally", 0)),)
    plain = definition_of("name: w\nsteps: [{id: a, tool: t}]")
    assert (plain.undo_on_failure, plain.finally_steps) == (False, ())


def test_idle_timeouts() -> None:
    assert step_of("tool: t, timeout: {idle: 10s}").timeout == TimeoutConfig(idle=10.0)
    definition = definition_of("name: w\ndefaults: {timeout: {idle: 3}}\nsteps: [{id: a, code: return 1}]")
    assert definition.defaults.timeout == TimeoutConfig(idle=3.0)


NESTED = """
name: nested
inputs: {l: array}
limits: {p: 1}
on_failure: undo
steps:
  - id: pages
    for_each: {in: inputs.l, as: page}
    steps:
      - id: links
        for_each: "{{ page.links }}"
        steps:
          - {id: get, tool: t, params: {url: "{{ page.base }}{{ item }}"}, undo: {tool: u}, limits: p}
          - id: pick
            choose:
              - when: steps.get.success
                steps: [{id: a, code: return steps.get.output}]
              - steps: [{id: a, workflow: self, params: {l: []}, when: steps.get.error}]
      - {id: count, code: return len(steps.links.output)}
  - {id: links, tool: t, depends_on: pages}
finally:
  - {id: tidy, steps: [{id: get, tool: t}, {id: log, tool: t, depends_on: get}]}
"""


def test_everything_nests() -> None:
    definition = definition_of(NESTED)
    every = [step.id for step in walk_steps((*definition.steps, *definition.finally_steps))]
    assert every == ["pages", "links", "get", "pick", "a", "a", "count", "links", "tidy", "get", "log"]
    assert [str(p) for p in check_definition(definition, analyse(definition)) if p.is_error] == []


def test_every_step_at_every_depth_has_its_place() -> None:
    definition = definition_of(NESTED)
    for step in walk_steps((*definition.steps, *definition.finally_steps)):
        place = definition.spans[(*step.path, "id")].value
        line = NESTED.splitlines()[place.line - 1]
        assert line[place.column - 1 : place.end_column - 1] == step.id


def nested_blocks(depth: int) -> str:
    """A step in so many blocks, in flow style: every level is a list and a mapping more."""
    inner = "{id: s, tool: t}"
    for level in range(depth):
        inner = f"{{id: b{level}, steps: [{inner}]}}"
    return f"name: w\nsteps: [{inner}]"


def test_blocks_can_be_as_deep_as_documents() -> None:
    definition = definition_of(nested_blocks(48))
    assert check_definition(definition, analyse(definition)) == []
    assert len(list(walk_steps(definition.steps))) == 49


@pytest.mark.parametrize("depth", [50, 500, 20_000])
def test_deeper_blocks_are_a_problem_and_no_crash(depth: int) -> None:
    definition, found = parse(nested_blocks(depth))
    assert definition is None
    assert [problem.code for problem in found] == ["AEL015"]
