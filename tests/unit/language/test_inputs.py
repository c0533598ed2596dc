"""Inputs, in all forms."""

from __future__ import annotations

import pytest

from ael.definition import MISSING, InputDefinition
from ael.language import parse
from ael.types import JsonValue

STEPS = "steps: [{id: a, tool: t}]"


def inputs_of(written: str) -> tuple[InputDefinition, ...]:
    definition, found = parse(f"name: w\ninputs: {written}\n{STEPS}")
    assert [str(p) for p in found if p.is_error] == []
    assert definition is not None
    return definition.inputs


def codes(written: str) -> list[str]:
    return [p.code for p in parse(f"name: w\ninputs: {written}\n{STEPS}")[1] if p.is_error]


FORMS: dict[str, tuple[str, JsonValue, bool, JsonValue]] = {
    "short": ("{n: string}", {"type": "string"}, True, MISSING),
    "anything": ("{n: {}}", {}, True, MISSING),
    "nothing at all": ("{n: }", {}, True, MISSING),
    "with a default": ("{n: {type: integer, default: 3}}", {"type": "integer"}, False, 3),
    "optional": ("{n: {type: integer, required: false}}", {"type": "integer"}, False, MISSING),
    "a default wins over required": ("{n: {default: x, required: true}}", {}, False, "x"),
    "null as default of anything": ("{n: {type: integer, default: null}}", {"type": "integer"}, False, None),
    "constraints": ("{n: {pattern: '^a', enum: [a]}}", {"pattern": "^a", "enum": ["a"]}, True, MISSING),
    "several types": ("{n: {type: [string, 'null']}}", {"type": ["string", "null"]}, True, MISSING),
    "required of an object": ("{n: {required: [k]}}", {"required": ["k"]}, True, MISSING),
    "an extension": ("{n: {type: string, x-ui: {a: 1}}}", {"type": "string"}, True, MISSING),
    "listed name": ("[n]", {"type": "string"}, True, MISSING),
    "listed default": ("[n: json]", {}, False, "json"),
    "listed default that looks like a type": ("[n: string]", {}, False, "string"),
    "listed null": ("[n: ]", {}, False, None),
    "listed schema": ("[n: {type: integer}]", {"type": "integer"}, True, MISSING),
    "listed record": ("[{name: n, type: integer, default: 1}]", {"type": "integer"}, False, 1),
    "listed record of a name": ("[{name: n}]", {}, True, MISSING),
}  # fmt: skip


@pytest.mark.parametrize(("written", "schema", "required", "default"), FORMS.values(), ids=FORMS)
def test_forms(written: str, schema: JsonValue, required: bool, default: JsonValue) -> None:
    (declared,) = inputs_of(written)
    assert (declared.name, declared.schema, declared.required) == ("n", schema, required)
    assert declared.default is default if default is MISSING else declared.default == default


def test_an_input_called_name() -> None:
    (declared,) = inputs_of("[name: {type: string}]")
    assert (declared.name, declared.schema) == ("name", {"type": "string"})


BROKEN = {
    "not a mapping": ("3", ["AEL101"]),
    "a number as declaration": ("{n: 3}", ["AEL101"]),
    "an unknown type": ("{n: strng}", ["AEL105"]),
    "an unknown type of several": ("{n: {type: [string, int]}}", ["AEL105"]),
    "an unknown keyword": ("{n: {defualt: 3}}", ["AEL102"]),
    "required that is no boolean": ("{n: {required: maybe}}", ["AEL101"]),
    "a broken schema": ("{n: {minimum: x}}", ["AEL119"]),
    "a broken pattern": ("{n: {pattern: '('}}", ["AEL119"]),
    "a broken schema below": ("{n: {items: {type: strng}}}", ["AEL119"]),
    "a remote reference": ("{n: {$ref: 'https://example.org/x'}}", ["AEL120"]),
    "a reference to a file": ("{n: {items: {$ref: 'other.json'}}}", ["AEL120"]),
    "a reference that leads nowhere": ("{n: {$ref: '#/$defs/x'}}", ["AEL119"]),
    "a default of another type": ("{n: {type: integer, default: true}}", ["AEL118"]),
    "a default out of bounds": ("{n: {minimum: 5, default: 3}}", ["AEL118"]),
    "a template as default": ("{n: {default: ['{{ x }}']}}", ["AEL116"]),
    "a template as listed default": ("[n: '{{ x }}']", ["AEL116"]),
    "an unclear entry": ("[{a: 1, b: 2}, 3, [x]]", ["AEL121", "AEL121", "AEL121"]),
    "a name twice": ("[n, n: 3]", ["AEL124"]),
}


@pytest.mark.parametrize(("written", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_inputs(written: str, expected: list[str]) -> None:
    assert codes(written) == expected


@pytest.mark.parametrize(("written", "near"), [("int", "integer"), ("list", "array"), ("Boolean", "boolean")])
def test_type_names_of_other_languages_are_understood(written: str, near: str) -> None:
    (found,) = parse(f"name: w\ninputs: {{n: {written}}}\n{STEPS}")[1]
    assert found.hint == f"did you mean {near!r}?"


def test_data_in_a_schema_is_no_reference() -> None:
    (declared,) = inputs_of("{n: {enum: [{$ref: 'https://example.org'}]}}")
    assert declared.name == "n"


def test_the_place_of_a_broken_schema_is_the_keyword() -> None:
    (found,) = parse(f"name: w\ninputs: {{n: {{type: string, pattern: '('}}}}\n{STEPS}")[1]
    assert (found.line, found.column) == (2, 37)
