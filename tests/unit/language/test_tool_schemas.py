"""The JSON Schema with a project's tools: wrong names and params are refused, and nothing that can be right."""

from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.language.schema import json_schema
from ael.ports import ToolSpec
from ael.types import JsonValue

FIND: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 2, "description": "What for."},
        "limit": {"type": "integer", "maximum": 9, "default": 3},
        "order": {"enum": ["up", "down"]},
        "filter": {"$ref": "#/$defs/Filter"},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}},
        "either": {"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
        "anything": {},
    },
    "required": ["text"],
    "additionalProperties": False,
    "$defs": {
        "Filter": {
            "type": "object",
            "properties": {"max": {"type": "number"}, "inner": {"$ref": "#/$defs/Filter"}},
            "additionalProperties": False,
        }
    },
}
PING: dict[str, JsonValue] = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
TOOLS = [
    ToolSpec("greet", input_schema=PING),
    ToolSpec("find", "Find something.", FIND, server="web"),
    ToolSpec("ping", input_schema=PING, server="web"),
    ToolSpec("ping", input_schema={"type": "object", "properties": {"host": {"type": "string"}}}, server="net"),
    ToolSpec("odd/na~me %", input_schema=FIND, server="web"),
]


def validator(tools: list[ToolSpec], *open_servers: str) -> jsonschema_rs.Draft202012Validator:
    schema = json_schema(tools, open_servers)
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.Draft202012Validator(schema)


PLAIN = jsonschema_rs.Draft202012Validator(json_schema())
CLOSED = validator(TOOLS)
OPEN = validator(TOOLS, "my.own", "other")


def file_with(step: JsonValue) -> JsonValue:
    return {"name": "w", "steps": [{"id": "a", **step}]}


def step(tool: str, params: JsonValue = None, **more: JsonValue) -> JsonValue:
    return file_with({"tool": tool, **({} if params is None else {"params": params}), **more})


TEXT = {"text": "xx"}
GOOD: dict[str, JsonValue] = {
    "a full name": step("web.find", TEXT),
    "a bare name": step("find", TEXT),
    "a name with a server": step("find", TEXT, mcp="web"),
    "no params where none are needed": step("greet"),
    "nothing behind params": file_with({"tool": "greet", "params": None}),
    "a template for a text": step("find", {"text": "{{ inputs.t }}"}),
    "a short template in a text": step("find", {"text": "{% if x %}{% endif %}"}),
    "a template for a number": step("find", {**TEXT, "limit": "{{ inputs.n }}"}),
    "a template for a word": step("find", {**TEXT, "order": "{{ inputs.o }}"}),
    "a template for an object": step("find", {**TEXT, "filter": "{{ inputs.f }}"}),
    "templates inside an object": step("find", {**TEXT, "filter": {"max": "{{ 1 }}", "inner": {"max": "{{ 1 }}"}}}),
    "a template for a list": step("find", {**TEXT, "tags": "{{ inputs.f }}"}),
    "templates inside a list": step("find", {**TEXT, "tags": ["a", "{{ inputs.B }}"]}),
    "a template where one of several fits": step("find", {**TEXT, "either": "{{ 1 }}"}),
    "templates below one of several": step("find", {**TEXT, "either": ["{{ 1 }}", 2]}),
    "anything": step("find", {**TEXT, "anything": [{}]}),
    "an ambiguous name with its server": step("ping", {"n": 1}, mcp="web"),
    "an ambiguous name with the other server": step("ping", {"host": "x"}, mcp="net"),
    "an ambiguous name alone is somebody else's business": step("ping", {"z": "x"}),
    "more than the schema says": step("net.ping", {"more": 1}),
    "a tool that can be done without": step("nobody.has", {"x": 1}, on_missing_tool="skip"),
    "a name with odd characters": step("web.odd/na~me %", TEXT),
    "code": file_with({"code": "return 1"}),
    "nested": file_with({"steps": [{"id": "b", "tool": "find", "params": TEXT}]}),
    "an undo": step("greet", undo={"tool": "web.find", "params": TEXT}),
}
BAD: dict[str, JsonValue] = {
    "an unknown tool": step("web.fnid", TEXT),
    "an unknown bare tool": step("fnid", TEXT),
    "an unknown server": step("wbe.find", TEXT),
    "a param that is not there": step("web.find", {**TEXT, "txt": "x"}),
    "one of a bare name": step("find", {**TEXT, "txt": "x"}),
    "one of a name with a server": step("ping", {"host": "x"}, mcp="web"),
    "a needed one is missing": step("find", {"limit": 1}),
    "all are missing": step("find"),
    "a wrong type": step("find", {**TEXT, "limit": "many"}),
    "a wrong type deep inside": step("find", {**TEXT, "filter": {"inner": {"max": "x"}}}),
    "an unknown key deep inside": step("find", {**TEXT, "filter": {"inner": {"mux": 1}}}),
    "too much": step("find", {**TEXT, "limit": 10}),
    "none of the words": step("find", {**TEXT, "order": "sideways"}),
    "a wrong item": step("find", {**TEXT, "tags": ["A"]}),
    "params of a tool with an odd name": step("web.odd/na~me %", {"txt": 1}),
    "nested": file_with({"steps": [{"id": "b", "tool": "find", "params": {}}]}),
    "in a branch": file_with({"choose": [{"steps": [{"id": "b", "tool": "fnid"}]}]}),
    "in an undo": step("greet", undo={"tool": "web.find", "params": {}}),
}


@pytest.mark.parametrize("document", GOOD.values(), ids=GOOD)
def test_right(document: JsonValue) -> None:
    for each in (CLOSED, OPEN):
        assert [error.message for error in each.iter_errors(document)] == []


@pytest.mark.parametrize("document", BAD.values(), ids=BAD)
def test_wrong(document: JsonValue) -> None:
    assert not CLOSED.is_valid(document)
    assert PLAIN.is_valid(document)


OF_OPEN_SERVERS: dict[str, tuple[JsonValue, bool]] = {
    "its full name": (step("other.tool", {"x": 1}), True),
    "a server with a dot": (step("my.own.tool"), True),
    "a dot is a dot": (step("myXown.tool"), False),
    "a bare name may be one of its": (step("tool"), True),
    "whatever its name, with the server": (step("a.b.c", mcp="other"), True),
    "a server that nobody has": (step("third.tool"), False),
    "params of a known tool": (step("web.find", {"txt": 1}), False),
}


@pytest.mark.parametrize(("document", "right"), OF_OPEN_SERVERS.values(), ids=OF_OPEN_SERVERS)
def test_servers_of_unknown_tools(document: JsonValue, right: bool) -> None:
    assert OPEN.is_valid(document) is right
    assert not CLOSED.is_valid(document)


def test_descriptions_are_those_of_the_tool() -> None:
    params = json_schema(TOOLS)["$defs"]["params:web.find"]
    assert params["description"] == "Find something."
    assert params["properties"]["text"]["description"] == "What for."
    assert params["properties"]["limit"]["default"] == 3


def test_both_are_told_apart_by_their_id() -> None:
    assert json_schema()["$id"] == "urn:ael:schema:workflow:1"
    assert json_schema([])["$id"] == "urn:ael:schema:workflow:1:tools"


# What servers call a schema

ODD: dict[str, tuple[JsonValue, JsonValue, bool]] = {
    "draft 4": ({"properties": {"n": {"type": "integer", "minimum": 1, "exclusiveMinimum": True}}}, {"n": 0}, True),
    "draft 7 lists": ({"properties": {"n": {"items": [{"type": "integer"}]}}}, {"n": ["x"]}, False),
    "what is beyond the list": (
        {"properties": {"n": {"items": [{}], "additionalItems": {"type": "integer"}}}},
        {"n": ["x", "x"]},
        False,
    ),
    "definitions": (
        {"properties": {"n": {"$ref": "#/definitions/N"}}, "definitions": {"N": {"type": "integer"}}},
        {"n": "x"},
        False,
    ),
    "a reference to itself": (
        {"properties": {"n": {"$ref": "#"}}, "additionalProperties": False},
        {"n": {"n": {"m": 1}}},
        False,
    ),
    "a reference into the middle": ({"properties": {"n": {"$ref": "#/properties/m"}, "m": {}}}, {"n": 1}, True),
    "a reference elsewhere": ({"properties": {"n": {"$ref": "https://example.org/x"}}}, {"n": 1}, True),
    "a reference to nothing": ({"properties": {"n": {"$ref": "#/$defs/N"}}}, {"n": 1}, True),
    "a pattern that is none": ({"properties": {"n": {"pattern": "("}}}, {"n": "x"}, True),
    "a type that is none": ({"properties": {"n": {"type": "whatever"}}}, {"n": "x"}, True),
    "properties that are none": ({"properties": [1]}, {"n": "x"}, True),
    "a not": ({"properties": {"n": {"not": {"type": "string"}}}}, {"n": "{{ 1 }}"}, True),
    "a condition": ({"if": {"required": ["n"]}, "then": {"required": ["m"]}}, {"n": 1}, True),
    "two sorts of alternatives": (
        {"properties": {"n": {"oneOf": [{"type": "integer"}], "anyOf": [{"minimum": 3}]}}},
        {"n": 2},
        False,
    ),
    "an anchor of its own": ({"$id": "https://example.org/y", "$anchor": "x", "properties": {}}, {"n": 1}, True),
    "properties by pattern": ({"patternProperties": {"^n": {"type": "integer"}}}, {"nn": "x"}, False),
    "a tuple": ({"properties": {"n": {"prefixItems": [{"type": "integer"}]}}}, {"n": ["{{ 1 }}"]}, True),
    "all of several": ({"allOf": [{"properties": {"n": {"type": "integer"}}}]}, {"n": "x"}, False),
}


@pytest.mark.parametrize(("schema", "params", "right"), ODD.values(), ids=ODD)
def test_whatever_a_server_says(schema: JsonValue, params: JsonValue, right: bool) -> None:
    tools = [ToolSpec("odd", input_schema={"type": "object", **schema}), *TOOLS]
    assert validator(tools).is_valid(step("odd", params)) is right
    assert validator(tools).is_valid(step("find", TEXT))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "#", "#/$defs/A", "string", "object"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["A", "b", "type"]), inner, max_size=2),
    max_leaves=4,
)
KEYWORDS = st.sampled_from(
    [
        *("$ref", "$defs", "$schema", "definitions", "properties", "patternProperties", "additionalProperties"),
        *("items", "prefixItems", "additionalItems", "anyOf", "oneOf", "allOf", "not", "if", "type", "enum", "const"),
        *("required", "pattern", "minimum", "dependentRequired"),
    ]
)
SCHEMAS = st.dictionaries(KEYWORDS, st.recursive(JSON, lambda i: st.dictionaries(KEYWORDS, i, max_size=3)), max_size=4)


@given(SCHEMAS)
def test_no_tool_breaks_the_schema_of_the_others(schema: JsonValue) -> None:
    checked = validator([ToolSpec("odd", input_schema=schema), *TOOLS])
    assert checked.is_valid(step("find", TEXT))
    assert not checked.is_valid(step("fnid", TEXT))


VALUES = st.one_of(st.integers(-5, 5), st.text(max_size=2), st.booleans(), st.lists(st.integers(0, 2), max_size=2))
TYPES: list[JsonValue] = [
    {"type": "integer", "minimum": 0},
    {"type": ["string", "boolean"]},
    {"enum": [1, "a"]},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 2}]},
    {"not": {"type": "string"}},
    {"type": "array", "contains": {"const": 1}},
]


@given(st.sampled_from(TYPES), VALUES)
def test_what_the_tool_takes_the_file_may_say(kind: JsonValue, value: JsonValue) -> None:
    schema = {"type": "object", "properties": {"v": kind}}
    if jsonschema_rs.is_valid(schema, {"v": value}):
        assert validator([ToolSpec("t", input_schema=schema)]).is_valid(step("t", {"v": value}))
