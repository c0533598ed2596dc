"""One question to JSON Schema: what is wrong with this value?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ael.schema_check import SchemaError, validator_for
from ael.types import JsonValue


@pytest.mark.parametrize(
    ("schema", "value", "problems"),
    [
        ({}, object, []),
        ({"type": "integer"}, 3, []),
        ({"type": "integer"}, True, ['$: true is not of type "integer"']),
        ({"type": "integer"}, 10**50, []),
        ({"type": "integer", "maximum": 10**30}, 10**31, [f"$: {10**31} is greater than the maximum of {10**30}"]),
        ({"items": {"type": "string"}}, ["a", 1, 2],
         ['$[1]: 1 is not of type "string"', '$[2]: 2 is not of type "string"']),
        ({"properties": {"a b": {"items": {"type": "null"}}}}, {"a b": [0]}, ['$["a b"][0]: 0 is not of type "null"']),
        ({"required": ["a", "b"]}, {}, ['$: "a" is a required property', '$: "b" is a required property']),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "number"}}}, "x", ['$: "x" is not of type "number"']),
        ({"prefixItems": [{"type": "string"}]}, [1], ['$[0]: 1 is not of type "string"']),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}, [1],
         ['$[0]: 1 is not of type "string"']),
        ({"type": "string"}, datetime(2027, 1, 1, tzinfo=UTC), []),
        ({"type": "string"}, date(2027, 1, 1), []),
        ({"type": "string"}, b"x", []),
        ({"type": "number"}, Decimal("0.1"), []),
        ({"items": {"type": "integer"}}, [date(2027, 1, 1)], ['$[0]: "2027-01-01" is not of type "integer"']),
        ({"additionalProperties": {"type": "integer"}}, {"a": b"x", "b": 1}, ['$.a: "eA==" is not of type "integer"']),
        ({"type": "object"}, {"\ud800": {"\ud800": "\ud800"}}, []),
        ({"type": "integer"}, "\ud800", ['$: "?" is not of type "integer"']),
    ],
    ids=["anything", "fits", "a boolean is no integer", "large", "large bound", "all of them", "path", "required",
         "reference", "2020-12 is the default", "older if it says so", "datetime", "date", "bytes", "decimal",
         "misfit date", "misfit bytes", "half a pair", "misfit half a pair"],
)  # fmt: skip
def test_problems(schema: Mapping[str, JsonValue], value: JsonValue, problems: list[str]) -> None:
    value = None if value is object else value
    validator = validator_for(schema)
    assert validator.problems(value) == problems
    assert validator.accepts(value) == (not problems)


@pytest.mark.parametrize(
    "schema",
    [{"type": "strin"}, {"type": 3}, {"pattern": "("}, {"required": "a"}, {"$ref": "#/nowhere"},
     {"$ref": "https://example.invalid/x.json"}, {"$schema": "https://example.invalid/meta"}, {"minimum": "1"}],
    ids=["unknown type", "type of a type", "bad pattern", "required", "dangling", "remote", "unknown draft", "bound"],
)  # fmt: skip
def test_a_broken_schema_is_one_sentence(schema: Mapping[str, JsonValue]) -> None:
    with pytest.raises(SchemaError) as caught:
        validator_for(schema)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_fetched_and_that_is_said() -> None:
    with pytest.raises(SchemaError, match=r"refers to https://example\.invalid/x\.json, and schemas are not fetched"):
        validator_for({"properties": {"a": {"$ref": "https://example.invalid/x.json"}}})


def test_equal_schemas_are_compiled_once() -> None:
    one = validator_for({"type": "object", "properties": {"a": {"type": "integer", "title": "once"}}})
    two = validator_for({"properties": {"a": {"title": "once", "type": "integer"}}, "type": "object"})
    assert one is two


def test_the_value_is_left_alone() -> None:
    value = {"when": date(2027, 1, 1), "raw": [b"x"]}
    validator_for({"type": "object"}).problems(value)
    assert value == {"when": date(2027, 1, 1), "raw": [b"x"]}
