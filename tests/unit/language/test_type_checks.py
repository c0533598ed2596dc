"""Values against schemas, and data in templates, over whole workflows: what is found, where, and what would fit."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest

import ael
from ael.dataflow import analyse
from ael.definition import (
    BlockBody,
    CodeBody,
    InputDefinition,
    OutputDefinition,
    StepDefinition,
    ToolBody,
    WorkflowDefinition,
)
from ael.diagnostics import Diagnostic
from ael.language import check_definition, parse
from ael.ports import ToolMiss, ToolSpec
from ael.source import Source
from ael.types import JsonValue

ROW = {"type": "object", "properties": {"sha": {"type": "string"}}, "required": ["sha"], "additionalProperties": False}
LOG = ToolSpec(
    "log",
    server="git",
    input_schema={
        "type": "object",
        "properties": {
            "repo": {"type": "string"},
            "count": {"type": "integer", "minimum": 1},
            "ratio": {"type": "number", "exclusiveMaximum": 1},
            "all": {"type": "boolean"},
            "format": {"enum": ["short", "full", 1]},
            "paths": {"type": "array", "items": {"$ref": "#/$defs/Path"}, "maxItems": 2},
            "since": {"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]},
            "where": {"anyOf": [{"$ref": "#/$defs/Name"}, {"type": "array", "items": {"$ref": "#/$defs/Name"}}]},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
        },
        "additionalProperties": False,
        "$defs": {
            "Path": {"allOf": [{"type": "string"}, {"pattern": "^/"}]},
            "Name": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        },
    },
    output_schema={
        "type": "object",
        "properties": {"rows": {"type": "array", "items": ROW}, "total": {"type": "integer"}},
        "required": ["rows", "total"],
        "additionalProperties": False,
    },
)
NAMES = ToolSpec(
    "names",
    server="git",
    output_schema={"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]},
)
MAYBE = ToolSpec("maybe", server="git", output_schema={"properties": {"result": {"type": "string"}}})
PLAIN = ToolSpec("plain", output_schema={"type": "object", "properties": {"result": {"type": "string"}}})
TOOLS = {tool.full_name: tool for tool in (LOG, NAMES, MAYBE, PLAIN, ToolSpec("echo"))}
HEAD = """\
name: demo
inputs:
  t: string
  n: integer
  maybe: {type: string, required: false}
  nothing: {type: integer, default: null}
  given: {type: integer, default: 3}
  any: {}
  rows: {type: array, items: {type: object, properties: {id: {type: integer}}, additionalProperties: false}}
  map: {type: object, additionalProperties: {type: integer}}
steps:
"""


class Catalog:
    """The tools above; of others nothing is known."""

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        full = name if server is None else f"{server}.{name}"
        return TOOLS.get(full, ToolMiss("unlisted"))

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(TOOLS.values())


def found_in(definition: WorkflowDefinition | None) -> list[Diagnostic]:
    assert definition is not None
    found = check_definition(definition, analyse(definition), catalog=Catalog())
    return [problem for problem in found if problem.code.startswith("AEL4")]


def check(steps: str) -> list[tuple[str, str]]:
    """Code and place of each problem of types; nothing else may be wrong with the file."""
    text = HEAD + steps
    definition, broken = parse(text)
    assert [problem for problem in broken if problem.severity == "error"] == []
    return [(problem.code, marked(text, problem)) for problem in found_in(definition)]


def marked(text: str, problem: Diagnostic) -> str:
    source = Source(text)
    assert problem.line is not None
    assert problem.column is not None
    assert problem.end_line is not None
    assert problem.end_column is not None
    return text[source.offset(problem.line, problem.column) : source.offset(problem.end_line, problem.end_column)]


def log(params: str) -> str:
    return f"  - id: log\n    tool: git.log\n    params: {params}\n"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("{repo: a, count: 3, ratio: 0.5, all: true, format: full, paths: [/a], since: null}", []),
        ("{count: 3.0, ratio: 0, format: 1, since: today, pair: [a, 1, null], labels: {a: b}, free: {x1: 1}}", []),
        ('{repo: "{{ inputs.t }}", count: "{{ inputs.n }}", ratio: "{{ inputs.n }}", all: "{{ inputs.n > 1 }}"}', []),
        ('{repo: "{{ inputs.any }}", count: "{{ inputs.any.b }}", paths: "{{ inputs.any }}"}', []),
        ('{repo: "{{ inputs.maybe }}", since: "{{ inputs.maybe }}", count: "{{ inputs.nothing }}"}', []),
        ('{count: "{{ inputs.n / 2 }}", format: "{{ inputs.t }}", paths: ["{{ inputs.t }}"]}', []),
        ('{where: {name: a}, pair: "{{ inputs.rows }}", labels: {a: "{{ inputs.t }}"}}', []),
        ("{where: [{name: a}]}", []),
        ("{repo: 1}", [("AEL403", "1")]),
        ("{repo: null}", [("AEL404", "null")]),
        ("{repo: [a]}", [("AEL403", "[a]")]),
        ("{repo: {a: 1}}", [("AEL403", "{a: 1}")]),
        ("{count: '3'}", [("AEL403", "'3'")]),
        ("{count: 0}", [("AEL404", "0")]),
        ("{ratio: 1}", [("AEL404", "1")]),
        ("{all: yes}", [("AEL403", "yes")]),
        ("{format: brief}", [("AEL404", "brief")]),
        ("{format: 2}", [("AEL404", "2")]),
        ("{format: true}", [("AEL403", "true")]),
        ("{paths: [a, /b]}", [("AEL404", "a")]),
        ("{paths: [1]}", [("AEL403", "1")]),
        ("{paths: [/a, /b, /c]}", [("AEL404", "[/a, /b, /c]")]),
        ("{pair: [1, a]}", [("AEL403", "1"), ("AEL403", "a")]),
        ("{labels: {a: 1}}", [("AEL403", "1")]),
        ("{free: {y: 1}}", [("AEL405", "{y: 1}")]),
        ("{free: {x: a}}", [("AEL405", "a")]),
        ("{since: 5}", [("AEL403", "5")]),
        ("{since: x}", [("AEL405", "x")]),
        ("{where: {nam: a}}", [("AEL401", "where")]),
        ("{where: [{name: 1}]}", [("AEL403", "1")]),
        ("{where: 3}", [("AEL403", "3")]),
        ("{rope: a}", [("AEL402", "rope")]),
        ('{count: "{{ inputs.t }}"}', [("AEL403", '"{{ inputs.t }}"')]),
        ('{count: "{{ inputs.n }} "}', []),
        ('{count: "{{ inputs.n }}."}', [("AEL403", '"{{ inputs.n }}."')]),
        ('{count: "{{ inputs.maybe }}"}', [("AEL403", '"{{ inputs.maybe }}"')]),
        ('{count: "{{ 0.5 }}"}', [("AEL403", '"{{ 0.5 }}"')]),
        ('{paths: ["{{ inputs.given }}"]}', [("AEL403", '"{{ inputs.given }}"')]),
        ('{labels: {a: "{{ inputs.rows }}"}}', [("AEL403", '"{{ inputs.rows }}"')]),
        ('{where: {name: "{{ inputs.n }}"}}', [("AEL403", '"{{ inputs.n }}"')]),
        ('{where: "{{ {} }}"}', [("AEL403", '"{{ {} }}"')]),
        ('{repo: "{{ inputs.rows[0].idd }}"}', [("AEL411", "idd")]),
    ],
)
def test_params(params: str, expected: list[tuple[str, str]]) -> None:
    assert check(log(params)) == expected


@pytest.mark.parametrize(
    ("params", "fixed"),
    [
        ("{count: '3'}", "{count: 3}"),
        ("{repo: 3}", '{repo: "3"}'),
        ("{all: 'true'}", "{all: true}"),
        ("{formt: full}", "{format: full}"),
        ("{format: shrt}", "{format: short}"),
        ("{paths: /a}", "{paths: [/a]}"),
        ('{count: "{{ inputs.t }}"}', '{count: "{{ inputs.t | int }}"}'),
        ('{ratio: "{{ inputs.t }}"}', '{ratio: "{{ inputs.t | float }}"}'),
        ('{repo: "{{ inputs.n }}"}', '{repo: "{{ inputs.n | string }}"}'),
        ('{repo: "{{ inputs.rows }}"}', '{repo: "{{ inputs.rows | json }}"}'),
        ('{paths: "{{ inputs.map }}"}', '{paths: "{{ inputs.map | values }}"}'),
        ('{paths: "{{ inputs.t }}"}', '{paths: ["{{ inputs.t }}"]}'),
        ('{repo: "{{ inputs.rows[0].ids }}"}', '{repo: "{{ inputs.rows[0].id }}"}'),
        ("{count: ten}", None),
        ("{count: [3]}", None),
        ("{repo: null}", None),
    ],
)
def test_fixes(params: str, fixed: str | None) -> None:
    text = HEAD + log(params)
    definition, _ = parse(text)
    (problem,) = found_in(definition)
    if fixed is None:
        assert problem.fix is None
        return
    assert problem.fix is not None
    assert not problem.fix.safe
    (edit,) = problem.fix.edits
    source = Source(text)
    start, end = source.offset(edit.line, edit.column), source.offset(edit.end_line, edit.end_column)
    assert text[:start] + edit.text + text[end:] == HEAD + log(fixed)


STEPS = """\
  - {id: log, tool: git.log}
  - {id: names, tool: git.names}
  - {id: maybe, tool: git.maybe}
  - {id: plain, tool: plain}
  - {id: unknown, tool: some.where}
  - {id: code, code: 'return {"k": 1, "list": [{"a": 1}]}'}
  - {id: fallback, code: 'return {"k": 1}', on_error: skip, fallback: {k: "{{ inputs.t }}", other: 1}}
  - {id: rules, code: 'return 1', on_error: [{match: [X], do: skip, fallback: {a: 1}}, {do: fail}]}
  - {id: loop, for_each: steps.log.output.rows, tool: git.names}
  - {id: tolerant, for_each: {in: inputs.rows, as: row, tolerate: 1}, code: 'return {"k": 1}'}
  - {id: rounds, repeat: {max: 2}, code: 'return {"k": 1}'}
  - {id: collected, repeat: {max: 2, collect: true}, code: 'return {"k": 1}'}
  - {id: both, for_each: inputs.rows, repeat: {max: 2, collect: true}, code: 'return {"k": 1}'}
  - id: block
    steps:
      - {id: inner, code: 'return {"k": 1}'}
  - id: output
    steps:
      - {id: inner, code: 'return {"k": 1}'}
    output: {a: "{{ steps.inner.output.k }}", b: ["{{ inputs.t }}"]}
  - id: chosen
    choose:
      - {when: inputs.n, steps: [{id: inner, code: 'return {"k": 1}'}]}
      - {steps: [{id: inner, code: 'return {"m": 1}'}]}
  - {id: called, workflow: other}
"""


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("log.output.rows[0].sha", None),
        ("log.output.rows[0].sah", "sah"),
        ("log.output.sum", "sum"),
        ("names.output.x", "x"),
        ("names.output", None),
        ("maybe.output.x", None),
        ("plain.output.result", None),
        ("plain.output.result.x", "x"),
        ("unknown.output.x.y", None),
        ("code.output.k", None),
        ("code.output.k.x", "x"),
        ("code.output.list[0].b", "b"),
        ("fallback.output.k", None),
        ("fallback.output.other", None),
        ("fallback.output.none", "none"),
        ("rules.output.a", None),
        ("rules.output.b", "b"),
        ("loop.output[0].x", "x"),
        ("loop.output.x", "x"),
        ("loop.items[0].status", None),
        ("loop.items[0].output.x", "x"),
        ("tolerant.output[0].k", None),
        ("tolerant.output[0].m", "m"),
        ("rounds.output.k", None),
        ("rounds.output[0]", "0"),
        ("collected.output[0].k", None),
        ("collected.output.k", "k"),
        ("both.output[0][1].k", None),
        ("both.output[0].k", "k"),
        ("block.output.k", None),
        ("block.output.m", "m"),
        ("output.output.b[0]", None),
        ("output.output.a.x", "x"),
        ("chosen.output.k", None),
        ("chosen.output.m", None),
        ("chosen.output.x", "x"),
        ("called.output.x.y", None),
        ("log.status.x", "x"),
        ("log.error.code", None),
        ("log.error.type", "type"),
        ("log.duration_ms.x", "x"),
    ],
)
def test_outputs_of_steps(path: str, word: str | None) -> None:
    step = f"  - {{id: echo, tool: echo, params: {{value: '{{{{ steps.{path} }}}}'}}}}\n"
    assert [place for _, place in check(STEPS + step)] == ([] if word is None else [word])


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("{for_each: inputs.rows, tool: echo, params: {v: '{{ item.idd }}'}}", ["idd"]),
        ("{for_each: inputs.rows, tool: echo, params: {v: '{{ item.id }} {{ index.x }}'}}", ["x"]),
        ("{for_each: inputs.any, tool: echo, params: {v: '{{ item.id.x }}'}}", []),
        ("{for_each: [1, '{{ inputs.n }}'], tool: echo, params: {v: '{{ item.x }}'}}", ["x"]),
        ("{for_each: {in: inputs.rows, as: row, key: '{{ row.idd }}'}, tool: echo}", ["idd"]),
        ("{for_each: inputs.map, tool: echo}", ["inputs.map"]),
        ("{for_each: '{{ inputs.maybe }}', tool: echo}", ["inputs.maybe"]),
        ("{for_each: inputs.n + 1, tool: echo}", ["inputs.n + 1"]),
        ("{for_each: inputs.map | values, tool: echo, params: {v: '{{ item.x }}'}}", ["x"]),
        ("{when: inputs.t.x, tool: echo}", ["x"]),
        ("{tool: echo, on_error: skip, fallback: '{{ inputs.t.x }}'}", ["x"]),
        ("{tool: echo, on_error: [{do: skip, fallback: '{{ inputs.t.x }}'}]}", ["x"]),
        ("{repeat: {max: 2, until: last.output.m}, code: 'return {\"k\": 1}'}", ["m"]),
        ("{repeat: {max: 2, until: last.round > 1 and last.status == 'x'}, code: 'return 1'}", []),
        ("{repeat: {max: 2}, tool: echo, params: {v: '{{ last.output.m }}'}}", []),
        ("{choose: [{when: inputs.t.x, steps: [{id: a, tool: echo}]}]}", ["x"]),
        ("{choose: [{steps: [{id: a, tool: echo}], output: '{{ inputs.t.x }}'}]}", ["x"]),
        ("{steps: [{id: a, tool: git.log, params: {count: '{{ inputs.t }}'}}]}", ["'{{ inputs.t }}'"]),
        ("{steps: [{id: a, tool: echo}], output: '{{ inputs.t.x }}'}", ["x"]),
        ("{tool: git.names, undo: {tool: git.log, params: {count: '{{ output }}'}}}", ["'{{ output }}'"]),
        ("{for_each: inputs.rows, tool: git.names, undo: {tool: git.log, params: {count: '{{ output }}'}}}", []),
        (
            "{tool: echo, params: {v: '{{ workflow.name.x }} {{ execution_id.y }} {{ step.joined.z }}'}}",
            ["x", "y", "z"],
        ),
        ("{tool: echo, params: {v: '{{ secrets.KEY.x }} {{ config.a.b.c }}'}}", ["x"]),
        ("{exit: {status: failed, reason: '{{ inputs.t.x }}', outputs: {a: '{{ inputs.n.y }}'}}}", ["x", "y"]),
        ("{workflow: self, when: inputs.n > 1, params: {t: a, n: x, maybe: null, rows: [], map: {}, any: 1}}", ["x"]),
        ("{workflow: self, when: inputs.n > 1, params: {t: a, n: 1, rows: [{idd: 1}], map: {}, any: 1}}", ["idd"]),
        (
            "{workflow: demo, when: inputs.n > 1, params: {t: '{{ inputs.n }}', n: 1, rows: []}}",
            ["params", "params", "'{{ inputs.n }}'"],
        ),
    ],
)
def test_every_place(steps: str, expected: list[str]) -> None:
    assert [place for _, place in check(f"  - {{id: one, {steps[1:]}\n")] == expected


def test_finally_steps_read_the_workflow_and_every_step() -> None:
    steps = "  - {id: log, tool: git.log}\n"
    ending = "finally:\n  - {id: end, tool: echo, params: {v: '{{ workflow.status }} {{ steps.log.output.sum }}'}}\n"
    assert check(steps + ending) == [("AEL411", "sum")]


def test_outputs_that_are_paths_have_their_places() -> None:
    steps = (
        "  - {id: log, tool: git.log}\noutputs:\n  a: {from: steps.log.output.sum}\n  b: '{{ steps.log.output.x }}'\n"
    )
    assert check(steps) == [("AEL411", "sum"), ("AEL411", "x")]


LONG = "x" * 90


@pytest.mark.parametrize(
    ("value", "schema", "said"),
    [
        ("{a: 1}", "{type: object, required: [b]}", "it has no 'b'"),
        ("{a: {}}", "{properties: {a: {required: [b]}}}", "`a` has no 'b'"),
        ("{a: 1}", "{properties: {b: {}}, additionalProperties: false}", "`a` is not among b"),
        ("'{{ inputs.t }}'", "{type: integer}", "it must be an integer, and `inputs.t` is text"),
        ("[{a: b}]", "{items: {properties: {a: {enum: [c]}}}}", '`[0].a` must be "c", and is "b"'),
        ("[1]", "{not: {type: array}}", '{"type":"array"} is not allowed for [1]'),
        ("{a: [1]}", "{properties: {a: {not: {type: array}}}}", '`a`: {"type":"array"} is not allowed for [1]'),
        ("{a: 1}", "{properties: {a: false}}", "`a`: no value is allowed here"),
        (LONG, f"{{enum: [{LONG}y, b]}}", f'it must be one of "{LONG[:59]}… and "b", and is "{LONG[:59]}…'),
    ],
)
def test_outputs_with_a_schema(value: str, schema: str, said: str) -> None:
    text = HEAD + f"  - {{id: a, tool: echo}}\noutputs:\n  o: {{value: {value}, schema: {schema}}}\n"
    definition, broken = parse(text)
    assert broken == []
    (problem,) = found_in(definition)
    assert problem.code == "AEL406"
    assert problem.message == f"output 'o' does not fit its schema: {said}"


def test_without_a_catalog_nothing_is_known_of_tools() -> None:
    definition, _ = parse(HEAD + log("{count: x}") + "  - {id: b, tool: echo, params: {v: '{{ inputs.t.x }}'}}\n")
    assert definition is not None
    found = check_definition(definition, analyse(definition))
    assert [problem.code for problem in found if problem.code.startswith("AEL4")] == ["AEL412"]


def test_definitions_made_in_python_are_checked_without_places() -> None:
    steps = (
        StepDefinition("a", ToolBody("git.log", {"count": "x", "rope": 1})),
        StepDefinition("b", BlockBody((StepDefinition("c", CodeBody("return 1")),), "{{ steps.c.output.x }}")),
        StepDefinition("d", ToolBody("git.log", {"since": b"x", "repo": ("a",)})),
    )
    outputs = (OutputDefinition("o", "{{ inputs.i }}", schema={"type": "string"}),)
    inputs = (InputDefinition("i", {"type": "integer"}),)
    found = found_in(WorkflowDefinition("demo", steps, inputs=inputs, outputs=outputs))
    assert sorted(problem.code for problem in found) == ["AEL402", "AEL403", "AEL403", "AEL406", "AEL412"]
    assert {(problem.line, problem.fix) for problem in found} == {(None, None)}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"p": {"$ref": "other.json"}}},
        {"type": "object", "properties": {"p": {"type": "strnig"}}},
        {"type": "object", "properties": {"p": {"pattern": "("}}},
        {"type": "object", "properties": []},
        {"$ref": "#"},
    ],
    ids=str,
)
def test_a_schema_that_is_none_is_no_reason(schema: Mapping[str, JsonValue]) -> None:
    @attrs.frozen
    class Odd(Catalog):
        def lookup(self, name: str, server: str | None = None) -> ToolSpec:
            return ToolSpec(name, input_schema=schema)

    definition = WorkflowDefinition("demo", (StepDefinition("a", ToolBody("odd", {"p": "x"})),))
    assert check_definition(definition, analyse(definition), catalog=Odd()) == []


def test_a_long_chain_and_a_circle_of_outputs_end() -> None:
    steps = [
        StepDefinition("s0", CodeBody("return 1")),
        *(
            StepDefinition(f"s{n}", ToolBody("echo"), fallback=f"{{{{ steps.s{n - 1}.output.x }}}}")
            for n in range(1, 400)
        ),
        StepDefinition("a", ToolBody("echo"), fallback="{{ steps.b.output.x }}"),
        StepDefinition("b", ToolBody("echo"), fallback="{{ steps.a.output.x }}"),
    ]
    found = found_in(WorkflowDefinition("demo", tuple(reversed(steps))))
    assert [problem.code for problem in found] == ["AEL412"]


def test_alternatives_without_end_end() -> None:
    """Three choices at each of thirty levels: neither the checks nor the validator go through them all."""
    definitions: dict[str, JsonValue] = {"a0": {"type": "null"}}
    value: JsonValue = "x"
    for level in range(1, 31):
        choice = {"type": "array", "items": {"$ref": f"#/$defs/a{level - 1}"}}
        definitions[f"a{level}"] = {"anyOf": [choice, {**choice, "maxItems": 9}, {**choice, "minItems": 0}]}
        value = [value]
    schema = {"type": "object", "properties": {"p": {"$ref": "#/$defs/a30"}}, "$defs": definitions}

    class Odd(Catalog):
        def lookup(self, name: str, server: str | None = None) -> ToolSpec:
            return ToolSpec(name, input_schema=schema)

    definition = WorkflowDefinition("demo", (StepDefinition("a", ToolBody("odd", {"p": value})),))
    assert check_definition(definition, analyse(definition), catalog=Odd()) == []


GUARDED = {
    "by the step's condition": """
  - {id: y, when: "'url' in steps.w.output", tool: llm, params: {prompt: "{{ steps.w.output.url }}"}}
""",
    "by the block's": """
  - {id: y, when: steps.w.output.found, steps: [{id: z, tool: llm, params: {prompt: "{{ steps.w.output.url }}"}}]}
""",
    "by the branch's": """
  - id: y
    for_each: [{kind: url, url: x}, {kind: text, text: y}]
    choose: [{when: item.kind == 'file', steps: [{id: z, tool: llm, params: {prompt: "{{ item.path }}"}}]}]
""",
}


@pytest.mark.parametrize("how", GUARDED)
def test_a_condition_around_may_rule_out_what_looks_wrong(how: str) -> None:
    text = f"name: m\nsteps:\n  - {{id: w, code: \"return {{'found': False}}\"}}{GUARDED[how]}"
    assert [each.code for each in ael.check(text) if each.code.startswith("AEL4")] == []
