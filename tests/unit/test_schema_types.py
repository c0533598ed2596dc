"""Which values a schema admits, what two types have in common, and how types read."""

from __future__ import annotations

import pytest

from ael.schema_types import (
    ANY,
    BOOLEAN,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    OPEN_OBJECT,
    TEXT,
    ListType,
    ObjectType,
    SchemaReader,
    Type,
    Union,
    closed_object,
    contrast,
    items_of,
    literal,
    meet,
    of_value,
    one_of,
    shown,
    union,
    without_null,
    words,
)
from ael.types import JsonValue

A_B = union(literal("a"), literal("b"))
POINT = closed_object({"x": INTEGER, "y": INTEGER})


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ANY, TEXT, TEXT),
        (TEXT, ANY, TEXT),
        (TEXT, INTEGER, NEVER),
        (NUMBER, INTEGER, INTEGER),
        (INTEGER, NUMBER, INTEGER),
        (literal(1), INTEGER, literal(1)),
        (NUMBER, literal(1), literal(1)),
        (literal(1.0), literal(1), literal(1.0)),
        (literal(1.5), INTEGER, NEVER),
        (literal(True), literal(1), NEVER),
        (literal(True), BOOLEAN, literal(True)),
        (A_B, literal("b"), literal("b")),
        (A_B, literal("c"), NEVER),
        (union(TEXT, NULL), union(INTEGER, NULL), NULL),
        (union(TEXT, NULL), INTEGER, NEVER),
        (ListType(TEXT), ListType(INTEGER), ListType(NEVER)),
        (ListType(TEXT), OPEN_OBJECT, NEVER),
        (closed_object({"x": TEXT}), POINT, NEVER),
        (closed_object({"x": INTEGER}), POINT, NEVER),
        (ObjectType({"x": TEXT}), ObjectType({"x": INTEGER}, frozenset("x")), NEVER),
    ],
    ids=lambda value: words(value) if not isinstance(value, str) else value,
)
def test_what_types_have_in_common(one: Type, other: Type, expected: Type) -> None:
    assert meet(one, other) == expected
    assert (meet(other, one) == NEVER) is (expected == NEVER)


def test_optional_fields_that_disagree_leave_the_objects_without_them() -> None:
    both = meet(ObjectType({"x": TEXT}), ObjectType({"x": INTEGER}))
    assert isinstance(both, ObjectType)
    assert both.field("x") == NEVER
    assert both.field("y") == ANY


def test_no_end_of_alternatives_is_looked_at() -> None:
    wide: Type = union(*(literal(str(number)) for number in range(300)))
    for _ in range(6):
        wide = union(ObjectType({"x": wide, "y": wide}), ListType(wide))
    assert meet(wide, union(wide, NULL)) != NEVER


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((), NEVER),
        ((TEXT,), TEXT),
        ((TEXT, ANY), ANY),
        ((INTEGER, NUMBER), NUMBER),
        ((literal(1), NUMBER), NUMBER),
        ((literal("a"), TEXT), TEXT),
        ((literal("a"), literal("a")), literal("a")),
        ((literal(1), literal(True)), Union((literal(1), literal(True)))),
        (tuple(ListType(literal(number)) for number in range(40)), ANY),
    ],
    ids=["none", "one", "any", "numbers", "literal-number", "literal-text", "twice", "true-is-not-1", "too-many"],
)
def test_unions(types: tuple[Type, ...], expected: Type) -> None:
    found = union(*types)
    assert found == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, ANY),
        (False, NEVER),
        ({}, ANY),
        ({"type": "string"}, TEXT),
        ({"type": ["integer", "null"]}, union(INTEGER, NULL)),
        ({"type": "text"}, ANY),
        ({"type": 5}, ANY),
        ({"type": "string", "nullable": True}, union(TEXT, NULL)),
        ({"enum": ["a", "b"]}, A_B),
        ({"type": "string", "enum": ["a", "b", None]}, A_B),
        ({"const": 3}, literal(3)),
        ({"enum": list(range(2_000))}, ANY),
        ({"type": "array", "items": {"type": "string"}}, ListType(TEXT)),
        ({"type": "array", "items": [{"type": "string"}]}, ListType(ANY)),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, ListType(TEXT)),
        ({"type": "object"}, OPEN_OBJECT),
        (
            {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"], "additionalProperties": False},
            closed_object({"a": NULL}),
        ),
        (
            {"type": "object", "additionalProperties": False, "patternProperties": {"^x": {}}},
            ObjectType({}, frozenset(), ANY),
        ),
        ({"type": "object", "properties": "none", "required": True}, ObjectType({}, frozenset(), ANY)),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, union(TEXT, NULL)),
        ({"allOf": [{"type": ["string", "integer"]}, {"type": "number"}]}, INTEGER),
        ({"$ref": "#/$defs/name", "$defs": {"name": {"type": "string"}}}, TEXT),
        ({"$ref": "#/$defs/a~1b/0", "$defs": {"a/b": [{"type": "string"}]}}, TEXT),
        ({"$ref": "#/$defs/a/7", "$defs": {"a": []}}, ANY),
        ({"$ref": "#/title/x", "title": "y"}, ANY),
        ({"$ref": "other.json"}, ANY),
        ({"$ref": "#"}, ANY),
        ({"not": {"type": "string"}}, ANY),
    ],
    ids=str,
)
def test_what_schemas_say(schema: JsonValue, expected: Type) -> None:
    assert SchemaReader(schema).type_of(schema) == expected


def test_what_a_type_says_without_keywords_for_it_holds_for_others_too() -> None:
    schema = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
    found = SchemaReader(schema).type_of(schema)
    assert meet(found, TEXT) == TEXT
    assert meet(found, closed_object({"a": INTEGER})) == NEVER


def test_a_schema_may_refer_to_itself() -> None:
    schema: JsonValue = {"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}}
    found = SchemaReader(schema).type_of(schema)
    assert isinstance(found, ObjectType)
    assert found.field("n") == INTEGER
    assert found.field("next") == ANY


def test_a_deep_schema_is_anything_below() -> None:
    schema: JsonValue = {"type": "string"}
    for _ in range(3_000):
        schema = {"type": "array", "items": schema}
    reader = SchemaReader(schema)
    assert isinstance(reader.type_of(schema), ListType)
    assert not reader.is_simple(schema)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object", "properties": {"a": {"enum": [1]}}, "additionalProperties": {"minimum": 3}}, True),
        (True, True),
        ({"type": "string", "format": "date"}, False),
        ({"properties": {"a": {"not": {}}}}, False),
        ({"enum": [[1]]}, False),
        ({"const": {}}, False),
        ("no schema", False),
    ],
    ids=str,
)
def test_what_the_checks_understand_whole(schema: JsonValue, expected: bool) -> None:
    assert SchemaReader(schema).is_simple(schema) is expected


def test_all_that_has_to_fit_at_once() -> None:
    schema: JsonValue = {"allOf": [{"$ref": "#/$defs/a"}, {"minimum": 1}], "$defs": {"a": {"allOf": [{"$ref": "#"}]}}}
    parts = SchemaReader(schema).parts(schema)
    assert len(parts) == 5
    assert {"minimum": 1} in parts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, NULL),
        (True, literal(True)),
        ("a", literal("a")),
        ([1, 2], ListType(union(literal(1), literal(2)))),
        ({"a": None}, closed_object({"a": NULL})),
        (b"x", ANY),
    ],
    ids=repr,
)
def test_types_of_values(value: JsonValue, expected: Type) -> None:
    assert of_value(value) == expected


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (ANY, "anything"),
        (NEVER, "nothing"),
        (TEXT, "text"),
        (union(INTEGER, NULL), "an integer or null"),
        (union(literal("a"), BOOLEAN, ListType(ANY)), "a boolean, text or a list"),
        (union(literal(1), literal(1.5)), "a number"),
        (POINT, "an object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_words(type_: Type, expected: str) -> None:
    assert words(type_) == expected


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (A_B, 'one of "a" and "b"'),
        (literal(3), "3"),
        (union(A_B, NULL), 'one of "a", "b" and null'),
        (union(A_B, INTEGER), "an integer or text"),
        (union(*map(literal, range(12))), "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_in_words(type_: Type, expected: str) -> None:
    assert one_of(type_) == expected


@pytest.mark.parametrize(
    ("expected", "found", "said"),
    [
        (TEXT, INTEGER, ("text", "an integer")),
        (A_B, literal("c"), ('one of "a" and "b"', '"c"')),
        (INTEGER, literal(1.5), ("an integer", "1.5")),
        (POINT, closed_object({"x": INTEGER}), ("an object with 'y'", "an object with 'x'")),
        (POINT, closed_object({}), ("an object with 'x'", "an object without keys")),
        (closed_object({}), closed_object({"z": TEXT}), ("an object without 'z'", "an object with 'z'")),
        (
            POINT,
            closed_object({"x": TEXT, "y": INTEGER}),
            ("an object whose 'x' is an integer", "one whose 'x' is text"),
        ),
    ],
    ids=["kinds", "values", "fraction", "lacks", "empty", "too-much", "field"],
)
def test_contrasts(expected: Type, found: Type, said: tuple[str, str]) -> None:
    assert meet(expected, found) == NEVER
    assert contrast(expected, found) == said


def test_long_values_are_cut() -> None:
    assert shown("x" * 100) == '"' + "x" * 59 + "…"


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (ListType(INTEGER), INTEGER),
        (TEXT, TEXT),
        (POINT, TEXT),
        (union(ListType(INTEGER), NULL), ANY),
        (ANY, ANY),
    ],
    ids=["list", "text", "object", "maybe", "any"],
)
def test_what_going_through_gives(type_: Type, expected: Type) -> None:
    assert items_of(type_) == expected


def test_without_null() -> None:
    assert without_null(union(TEXT, NULL)) == TEXT
    assert without_null(NULL) == NEVER
