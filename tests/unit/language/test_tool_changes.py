"""What is said of a tool that is no longer what it was."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.language.tool_changes import changes_between
from ael.ports import ToolSpec
from ael.types import JsonValue


def inputs(*required: str, **properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}

SCHEMAS: dict[str, tuple[JsonValue, JsonValue, list[str]]] = {
    "the same": (inputs(a=TEXT), inputs(a=TEXT), []),
    "another order": (inputs("a", "b", a=TEXT, b=TEXT), inputs("b", "a", b=TEXT, a=TEXT), []),
    "other words": (inputs(a=TEXT), inputs(a={**TEXT, "description": "x", "title": "A"}), []),
    "added": (inputs(), inputs(a=TEXT), ["param `a` was added"]),
    "added and required": (inputs(), inputs("a", a=TEXT), ["param `a` was added and is required"]),
    "removed": (inputs(a=TEXT), inputs(), ["param `a` was removed"]),
    "now required": (inputs(a=TEXT), inputs("a", a=TEXT), ["param `a` is now required"]),
    "no longer required": (inputs("a", a=TEXT), inputs(a=TEXT), ["param `a` is no longer required"]),
    "required, and nowhere else": (inputs(), inputs("a"), ["param `a` is now required"]),
    "type": (inputs(a=TEXT), inputs(a=NUMBER), ["param `a` was string and is integer"]),
    "more types": (
        inputs(a=TEXT),
        inputs(a={"type": ["string", "null"]}),
        ["param `a` was string and is string or null"],
    ),
    "no type": (inputs(a=TEXT), inputs(a={}), ["param `a` was string and is of any type"]),
    "a constraint": (inputs(a=TEXT), inputs(a={**TEXT, "enum": ["x"]}), ["`enum` of param `a` changed"]),
    "two constraints": (
        inputs(a={**TEXT, "minLength": 1}),
        inputs(a={**TEXT, "pattern": "x"}),
        ["`minLength`, `pattern` of param `a` changed"],
    ),
    "deep": (inputs(a=inputs(b=TEXT)), inputs(a=inputs(b=NUMBER)), ["param `a.b` was string and is integer"]),
    "in a list": (
        inputs(a={"type": "array", "items": TEXT}),
        inputs(a={"type": "array", "items": NUMBER}),
        ["param `a[]` was string and is integer"],
    ),
    "items added": (
        inputs(a={"type": "array"}),
        inputs(a={"type": "array", "items": NUMBER}),
        ["the items of param `a` changed"],
    ),
    "at the top": (inputs(), {**inputs(), "maxProperties": 3}, ["`maxProperties` of the params changed"]),
    "a boolean schema": (inputs(a=True), inputs(a=False), ["the schema of param `a` changed"]),
    "behind a reference": (
        {**inputs(a={"$ref": "#/$defs/A"}), "$defs": {"A": inputs(b=TEXT)}},
        {**inputs(a={"$ref": "#/$defs/A"}), "$defs": {"A": inputs(b=NUMBER)}},
        ["param `a.b` was string and is integer"],
    ),
    "a reference instead": (
        inputs(a=TEXT),
        {**inputs(a={"$ref": "#/$defs/A"}), "$defs": {"A": TEXT}},
        [],
    ),
    "a reference that leads nowhere": (
        inputs(a=TEXT),
        inputs(a={"$ref": "#/$defs/A"}),
        ["param `a` was string and is of any type", "`$ref` of param `a` changed"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("was", "now", "said"), SCHEMAS.values(), ids=SCHEMAS)
def test_schemas_of_params(was: JsonValue, now: JsonValue, said: list[str]) -> None:
    changes = changes_between(ToolSpec("t", input_schema=was), ToolSpec("t", input_schema=now))
    assert list(changes.schemas) == said
    assert list(changes.all) == said


OUTPUTS: dict[str, tuple[JsonValue, JsonValue, list[str]]] = {
    "none": (None, None, []),
    "now there": (None, inputs(a=TEXT), ["it now says what it returns"]),
    "gone": (inputs(a=TEXT), None, ["it no longer says what it returns"]),
    "a field": (inputs(a=TEXT), inputs(), ["output field `a` was removed"]),
    "the whole": ({"type": "array"}, {"type": "object"}, ["the output was array and is object"]),
}


@pytest.mark.parametrize(("was", "now", "said"), OUTPUTS.values(), ids=OUTPUTS)
def test_schemas_of_the_output(was: JsonValue, now: JsonValue, said: list[str]) -> None:
    changes = changes_between(ToolSpec("t", output_schema=was), ToolSpec("t", output_schema=now))
    assert list(changes.schemas) == said


def test_annotations_and_descriptions() -> None:
    was = ToolSpec("t", "Read.", read_only=True, idempotent=False)
    changes = changes_between(was, ToolSpec("t", "Read!", destructive=True, idempotent=False))
    assert changes.annotations == (
        "`read_only` was yes and is not said",
        "`destructive` was not said and is yes",
    )
    assert changes.description == ("its description changed",)
    assert changes.schemas == ()


def test_a_schema_that_contains_itself_has_an_end() -> None:
    def tree(kind: str) -> dict[str, JsonValue]:
        node = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}, "name": {"type": kind}}}
        return {**inputs(root={"$ref": "#/$defs/Node"}), "$defs": {"Node": node}}

    changes = changes_between(ToolSpec("t", input_schema=tree("string")), ToolSpec("t", input_schema=tree("integer")))
    assert changes.schemas[-1] == "param `root.name` was string and is integer"
    assert len(changes.schemas) < 20


SCHEMA = st.recursive(
    st.sampled_from([True, False, TEXT, NUMBER, {}, {"$ref": "#/$defs/A"}, {"$ref": "#"}, {"$ref": 3}]),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["object", "array", ["object", "null"], 3])},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2) | st.none(),
            "items": inner,
            "required": st.lists(st.sampled_from(["a", 3]), max_size=2) | st.just("a"),
            "$defs": st.dictionaries(st.just("A"), inner),
            "minimum": st.integers(0, 2),
        },
    ),
    max_leaves=6,
)
OBJECT = SCHEMA.filter(lambda schema: isinstance(schema, dict))


@given(OBJECT, OBJECT)
def test_whatever_a_server_calls_a_schema(was: JsonValue, now: JsonValue) -> None:
    old, new = ToolSpec("t", input_schema=was), ToolSpec("t", input_schema=now)
    assert all(isinstance(sentence, str) for sentence in changes_between(old, new).all)
    assert changes_between(old, ToolSpec("t", input_schema=copy.deepcopy(was))).all == ()
