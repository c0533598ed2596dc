"""The JSON Schema for editors says what reading does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ael.diagnostics import Diagnostic
from ael.language import parse
from ael.language.reader import read_document, read_file
from ael.language.records import STAGE
from ael.language.report import Report
from ael.language.schema import json_schema
from ael.language.tables import TABLES
from ael.types import JsonValue

VALIDATOR = jsonschema_rs.Draft202012Validator(json_schema())


def test_it_is_a_schema() -> None:
    jsonschema_rs.meta.validate(json_schema())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_every_key_has_a_description_and_only_those_of_now_are_in_it(table: JsonValue) -> None:
    schema = table.schema()
    now = {key.name for key in table.keys if key.stage <= STAGE}
    assert now <= set(schema["properties"])
    assert {key.name for key in table.keys if key.stage > STAGE}.isdisjoint(schema["properties"])
    assert all(len(schema["properties"][name]["description"]) > 5 for name in now)


GOOD = """
name: w
version: 1.0
tags: [a]
inputs: {n: integer, m: {type: string, default: x}, o: }
defaults: {timeout: none, on_error: continue, retry: 3}
timeout: 1m30s
limits: {p: 1, q: {concurrency: 2, rate: 60 / m}, r: }
on_failure: undo
steps:
  - {id: a, tool: t, params: {x: [1]}, retry: {delay: 500ms, jitter: full, on: X}, timeout: {attempt: 3}, limits: p}
  - {id: b, code: return 1, executor: safe, depends_on: [a], when: true}
  - {id: c, tool: t, mcp: s, parse: json, on_error: skip, fallback: {}, depends_on: a, undo: {code: return 1}}
  - id: d
    for_each: {in: "{{ [1] }}", as: x, key: "{{ x }}", max_parallel: 2, tolerate: 20%}
    steps:
      - {id: e, workflow: self, params: {n: 1}, repeat: {max: 3, until: true, every: 3, collect: false}}
      - {id: f, choose: [{when: true, steps: [{id: g, exit: failed}], output: 1}, {steps: [{id: h, exit: {}}]}]}
    output: "{{ steps.e.output }}"
    on_error: [{match: A, do: retry, retry: 3}, {match: [B, C], do: skip, fallback: 1}, {do: fail}]
  - {id: i, join: {at_least: 1, cancel_rest: true}, depends_on: [a, b], tool: t, for_each: [1, 2]}
finally: [{id: j, tool: t}]
outputs: {o: "{{ steps.a.output }}", p: {from: steps.a.output}, q: 3}
"""
BAD = {
    "no steps": "name: w",
    "empty steps": "name: w\nsteps: []",
    "unknown key": "name: w\nx: 1\nsteps: [{id: a, tool: t}]",
    "unknown step key": "name: w\nsteps: [{id: a, tool: t, x: 1}]",
    "two bodies": "name: w\nsteps: [{id: a, tool: t, code: x}]",
    "no body": "name: w\nsteps: [{id: a}]",
    "a bad word": "name: w\nsteps: [{id: a, tool: t, on_error: retyr}]",
    "a bad duration": "name: w\nsteps: [{id: a, tool: t, timeout: 5 minutes}]",
    "a timeout of 0": "name: w\nsteps: [{id: a, tool: t, timeout: 0}]",
    "no attempt": "name: w\nsteps: [{id: a, tool: t, retry: 0}]",
    "a later executor": "name: w\nsteps: [{id: a, code: x, executor: trusted}]",
    "no body in a block": "name: w\nsteps: [{id: a, steps: [{id: b}]}]",
    "an unknown key in a branch": "name: w\nsteps: [{id: a, choose: [{steps: [{id: b, tool: t, x: 1}]}]}]",
    "a branch without steps": "name: w\nsteps: [{id: a, choose: [{when: x}]}]",
    "a bad rule": "name: w\nsteps: [{id: a, tool: t, on_error: [{do: stop}]}]",
    "rounds without a bound": "name: w\nsteps: [{id: a, tool: t, repeat: {until: x}}]",
    "a bad item name": "name: w\nsteps: [{id: a, tool: t, for_each: {in: [1], as: steps}}]",
    "a bad tolerance": "name: w\nsteps: [{id: a, tool: t, for_each: {in: [1], tolerate: 200%}}]",
    "a bad rate": "name: w\nlimits: {p: {rate: 60}}\nsteps: [{id: a, tool: t}]",
    "a bad end": "name: w\nsteps: [{id: a, exit: success}]",
    "a bad step in finally": "name: w\nsteps: [{id: a, tool: t}]\nfinally: [{id: b}]",
    "a later key": "name: w\nsteps: [{id: a, tool: t, cache: x}]",
}


VALUES: list[JsonValue] = [
    None, True, 0, 1, 3, 0.5, -1, "", " ", "a", "none", "all", "any", "skip", "retry", "completed", "20%", "1m", " 3 ",
    "60/m", "safe", "{{ 1 }}", [], ["a"], [1], {}, {"a": 1}, {"max": 3}, {"in": [1]}, {"do": "skip"}, {"tool": "t"},
    [{"do": "skip"}], [{"id": "q", "tool": "t"}], [{"steps": [{"id": "q", "tool": "t"}]}], {"at_least": 1},
]  # fmt: skip


def node_paths(value: JsonValue, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all nodes in a value, itself excepted."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in children:
        yield (*path, key)
        yield from node_paths(item, (*path, key))


def value_of(text: str) -> JsonValue:
    document = read_document(text, "f", Report())
    assert document is not None
    return document.value


def test_a_good_file_is_good_for_both() -> None:
    assert [str(p) for p in parse(GOOD)[1] if p.is_error] == []
    VALIDATOR.validate(value_of(GOOD))


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_bad_file_is_bad_for_both(text: str) -> None:
    assert any(p.is_error for p in parse(text)[1])
    assert not VALIDATOR.is_valid(value_of(text))


ROOT = Path(__file__).parents[3]
FILES = sorted(
    path
    for folder in ("examples", "tests/diagnostics", "tests/fixtures", "tests/conformance")
    for path in (ROOT / folder).rglob("*.y*ml")
    if path.is_file()
)


def readable(path: Path) -> JsonValue:
    """What a file says, if reading finds nothing wrong with it; else ``None``."""
    source = read_file(path)
    if isinstance(source, Diagnostic) or any(problem.is_error for problem in parse(source.text)[1]):
        return None
    return value_of(source.text)


READABLE = {str(path.relative_to(ROOT)): value for path in FILES if (value := readable(path)) is not None}


def test_there_are_files_to_hold_against_it() -> None:
    assert len(READABLE) > 20


@pytest.mark.parametrize("value", READABLE.values(), ids=READABLE)
def test_what_reading_accepts_the_schema_accepts(value: JsonValue) -> None:
    VALIDATOR.validate(value)


@given(st.sampled_from(list(READABLE.values())), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_reading_accepts_of_anything_the_schema_accepts(document: JsonValue, data: st.DataObject) -> None:
    document = copy.deepcopy(document)
    path = data.draw(st.sampled_from(list(node_paths(document))))
    parent = document
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
    text = json.dumps(document)
    if not any(problem.is_error for problem in parse(text)[1]):
        VALIDATOR.validate(value_of(text))
