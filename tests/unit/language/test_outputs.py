"""Outputs, in all forms."""

from __future__ import annotations

import pytest

from ael.language import parse
from ael.types import JsonValue

HEAD = "name: w\nsteps: [{id: a, tool: t}]\n"

FORMS: dict[str, tuple[str, JsonValue, tuple[str | int, ...]]] = {
    "a template": ('outputs: {n: "{{ x }}"}', "{{ x }}", ("outputs", "n")),
    "a constant": ("outputs: {n: 3}", 3, ("outputs", "n")),
    "a list": ('outputs: {n: ["{{ x }}"]}', ["{{ x }}"], ("outputs", "n")),
    "a value": ('outputs: {n: {value: "{{ x }}"}}', "{{ x }}", ("outputs", "n", "value")),
    "a mapping as value": ("outputs: {n: {value: {k: 1}}}", {"k": 1}, ("outputs", "n", "value")),
    "null as value": ("outputs: {n: {value: null}}", None, ("outputs", "n", "value")),
    "a path": ("outputs: {n: {from: steps.a.output}}", "{{ steps.a.output }}", ("outputs", "n", "from")),
    "an old path": ("outputs: {n: {from_path: steps.a.output}}", "{{ steps.a.output }}", ("outputs", "n", "from_path")),
    "a path in braces": ('outputs: {n: {from: "{{ x }}"}}', "{{ x }}", ("outputs", "n", "from")),
    "listed": ("outputs: [{name: n, value: 1}]", 1, ("outputs", 0, "value")),
    "listed path": ("outputs: [{name: n, from: inputs.x}]", "{{ inputs.x }}", ("outputs", 0, "from")),
}


@pytest.mark.parametrize(("written", "value", "path"), FORMS.values(), ids=FORMS)
def test_forms(written: str, value: JsonValue, path: tuple[str | int, ...]) -> None:
    definition, found = parse(HEAD + written)
    assert [p for p in found if p.is_error] == []
    assert definition is not None
    (output,) = definition.outputs
    assert (output.name, output.value, output.path) == ("n", value, path)


def test_description_and_schema() -> None:
    definition, found = parse(HEAD + "outputs: {n: {value: 1, description: d, schema: {type: integer}}}")
    assert found == []
    assert definition is not None
    (output,) = definition.outputs
    assert (output.description, output.schema) == ("d", {"type": "integer"})


BROKEN = {
    "not a mapping": ("outputs: 3", ["AEL101"]),
    "no value": ("outputs: {n: {description: x}}", ["AEL122"]),
    "a mapping that is no declaration": ("outputs: {n: {k: 1}}", ["AEL102", "AEL122"]),
    "two values": ("outputs: {n: {value: 1, from: inputs.x}}", ["AEL123"]),
    "two paths": ("outputs: {n: {from: inputs.x, from_path: inputs.x}}", ["AEL123"]),
    "both forms": ("outputs: {}\noutput: 1", ["AEL123"]),
    "listed without name": ("outputs: [{value: 1}]", ["AEL103"]),
    "listed twice": ("outputs: [{name: n, value: 1}, {name: n, value: 2}]", ["AEL124"]),
    "listed text": ("outputs: [n]", ["AEL101"]),
    "a broken schema": ("outputs: {n: {value: 1, schema: {type: 3}}}", ["AEL119"]),
    "braces in a description": ('outputs: {n: {value: 1, description: "{{ x }}"}}', ["AEL116"]),
}


@pytest.mark.parametrize(("written", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_outputs(written: str, expected: list[str]) -> None:
    assert sorted(p.code for p in parse(HEAD + written)[1] if p.is_error) == expected
