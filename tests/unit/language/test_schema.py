"""The JSON Schema for editors says what reading does."""

from __future__ import annotations

import jsonschema_rs
import pytest

from ael.language import json_schema, parse
from ael.language.reader import read_document
from ael.language.records import STAGE
from ael.language.report import Report
from ael.language.tables import DEFAULTS, RETRY, STEP, TIMEOUT, WORKFLOW
from ael.types import JsonValue

VALIDATOR = jsonschema_rs.Draft202012Validator(json_schema())
TABLES = (WORKFLOW, STEP, DEFAULTS, RETRY, TIMEOUT)


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
steps:
  - {id: a, tool: t, params: {x: [1]}, retry: {delay: 500ms, jitter: full, on: X}, timeout: {attempt: 3}}
  - {id: b, code: return 1, executor: safe, depends_on: [a], when: true}
  - {id: c, tool: t, mcp: s, parse: json, on_error: skip, fallback: {}, depends_on: a}
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
    "a later key": "name: w\nsteps: [{id: a, tool: t, cache: x}]",
}


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
