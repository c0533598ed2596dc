"""Schemas and descriptions read from Python functions."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import attrs
import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.errors import ConfigInvalidError
from ael.tools.function import Tool, tools_from
from ael.tools.hints import is_plain
from ael.tools.signatures import read_signature
from ael.types import JsonValue

if TYPE_CHECKING:
    from elsewhere import Unknown

    from ael.tools.context import ToolContext


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Size:
    width: int
    height: int = 1


@attrs.define
class Box:
    size: Size
    colour: Colour = Colour.RED


class Label(TypedDict):
    text: str
    note: NotRequired[str]


class Tree(TypedDict):
    children: list[Tree]


class Tagged(TypedDict):
    colour: Colour


COLOUR = {"title": "Colour", "enum": ["blue", "red"]}


def schema_of(hint: JsonValue, default: JsonValue = ...) -> JsonValue:
    def function(x: Any) -> None: ...

    function.__annotations__["x"] = hint
    if default is not ...:
        function.__defaults__ = (default,)
    schema = tools_from(function)[0].input_schema
    assert schema.get("required", []) == (["x"] if default is ... else [])
    return schema["properties"]["x"]


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Any, {}),
        (object, {}),
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict, {"type": "object"}),
        (dict[str, object], {"type": "object", "additionalProperties": {}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (Colour, {"$ref": "#/$defs/Colour"}),
        (Box, {"$ref": "#/$defs/Box"}),
        (Label, {"$ref": "#/$defs/Label"}),
        (Decimal, {"type": ["string", "number"], "format": "decimal"}),
        (
            Annotated[int, msgspec.Meta(ge=1, description="how many")],
            {"type": "integer", "minimum": 1, "description": "how many"},
        ),
    ],
    ids=str,
)
def test_a_type_has_its_schema(hint: JsonValue, expected: JsonValue) -> None:
    assert schema_of(hint) == expected


@pytest.mark.parametrize(
    ("hint", "default", "expected"),
    [
        pytest.param(int, 3, {"type": "integer", "default": 3}, id="plain"),
        pytest.param(Colour, Colour.BLUE, {"$ref": "#/$defs/Colour", "default": "blue"}, id="enum"),
        pytest.param(
            Box,
            Box(Size(2)),
            {"$ref": "#/$defs/Box", "default": {"size": {"width": 2, "height": 1}, "colour": "red"}},
            id="object",
        ),
        pytest.param(date, date(2026, 1, 2), {"type": "string", "format": "date", "default": "2026-01-02"}, id="date"),
        pytest.param(Any, object(), {}, id="no data: not shown"),
        pytest.param(
            int, None, {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, id="None is taken too"
        ),
        pytest.param(Any, None, {"default": None}, id="anything"),
    ],
)
def test_a_default_is_in_the_schema(hint: JsonValue, default: JsonValue, expected: JsonValue) -> None:
    assert schema_of(hint, default) == expected


def test_definitions_are_shared_and_complete() -> None:
    def pack(first: Box, second: Box, *, size: Size) -> None: ...

    schema = tools_from(pack)[0].input_schema
    assert set(schema["$defs"]) == {"Box", "Size", "Colour"}
    assert schema["required"] == ["first", "second", "size"]
    assert schema["additionalProperties"] is False
    box = {"size": {"width": 1}, "colour": "blue"}
    validator = jsonschema_rs.validator_for(schema)
    assert validator.is_valid({"first": box, "second": box, "size": {"width": 1}})
    assert not validator.is_valid({"first": box | {"colour": "green"}, "second": box, "size": {"width": 1}})


def documented(path: str, depth: Annotated[int, msgspec.Meta(description="how deep")] = 1) -> str:
    """List a folder.

    Sorted by name.

    Args:
        path: Which folder.
        depth: Another text, which loses against the annotation.

    Returns:
        The names.
    """
    return path * depth


def documented_numpy(path: str) -> str:
    """List a folder.

    Parameters
    ----------
    path : str
        Which folder.
    """
    return path


def documented_rest(path: str) -> str:
    """List a folder.

    :param path: Which folder.
    """
    return path


@pytest.mark.parametrize("function", [documented, documented_numpy, documented_rest], ids=lambda each: each.__name__)
def test_the_docstring_describes_the_tool_and_its_parameters(function: Callable[..., JsonValue]) -> None:
    made = tools_from(function)[0]
    assert made.description.startswith("List a folder.")
    assert "path" not in made.description
    assert made.input_schema["properties"]["path"]["description"] == "Which folder."


def test_the_annotation_describes_before_the_docstring() -> None:
    made = tools_from(documented)[0]
    assert made.description == "List a folder.\n\nSorted by name."
    assert made.input_schema["properties"]["depth"]["description"] == "how deep"


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (str, {"type": "string"}),
        (dict, {"type": "object"}),
        (None, None),
        (Any, None),
        (object, None),
        (complex, None),
        (list[Colour], {"type": "array", "items": {"$ref": "#/$defs/Colour"}, "$defs": {"Colour": COLOUR}}),
    ],
    ids=str,
)
def test_the_return_type_is_the_output_schema_where_it_says_something(hint: JsonValue, expected: JsonValue) -> None:
    def function() -> None: ...

    function.__annotations__["return"] = hint
    assert tools_from(function)[0].output_schema == expected


def test_names_for_type_checkers_only() -> None:
    def known(ctx: ToolContext, name: str) -> Unknown: ...

    made = tools_from(known)[0]
    assert made.signature.context == "ctx"
    assert made.input_schema["properties"] == {"name": {"type": "string"}}
    assert made.output_schema is None

    def unknown(name: Unknown) -> None: ...

    with pytest.raises(ConfigInvalidError, match="'name'"):
        tools_from(unknown)


def test_what_partial_has_filled_in_is_no_parameter() -> None:
    def fetch(url: str, token: str, retries: int = 1) -> None: ...

    schema = tools_from(functools.partial(fetch, token="secret"))[0].input_schema
    assert schema["properties"] == {"url": {"type": "string"}, "retries": {"type": "integer", "default": 1}}
    assert tools_from(functools.partial(fetch, "url"))[0].input_schema["required"] == ["token"]


def test_keyword_arguments_open_the_schema() -> None:
    def anything(**rest: Any) -> None: ...

    def numbers(first: str, **rest: int) -> None: ...

    assert tools_from(anything)[0].input_schema["additionalProperties"] is True
    schema = tools_from(numbers)[0].input_schema
    assert schema["additionalProperties"] == {"type": "integer"}
    assert schema["required"] == ["first"]


def test_a_function_without_a_readable_signature() -> None:
    with pytest.raises(ConfigInvalidError, match="signature"):
        Tool.from_function(min)


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (int, True),
        (dict[str, list[int | None]], True),
        (Mapping[str, Sequence[Any]], True),
        (Literal["a", 1, None], True),
        (Annotated[str, "doc"], True),
        (Label, True),
        (Tree, True),
        (Literal[Colour.RED], False),
        (Tagged, False),
        (list[Tagged], False),
        (Box, False),
        (datetime, False),
        (tuple[int, str], False),
        (set[int], False),
        (bytes, False),
    ],
    ids=str,
)
def test_only_what_json_is_not_already_is_converted(hint: JsonValue, expected: bool) -> None:
    assert is_plain(hint) is expected


HINTS = st.recursive(
    st.sampled_from([str, int, bool, Any, type(None), Colour, Size, Label, date, Literal["a"]]),
    lambda inner: inner.map(lambda hint: list[hint]) | inner.map(lambda hint: dict[str, hint]),
    max_leaves=4,
)


@given(st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True).map("p_{}".format), HINTS, max_size=4))
def test_every_schema_is_one(hints: dict[str, JsonValue]) -> None:
    parameters = ", ".join(hints)
    namespace: dict[str, JsonValue] = {}
    exec(f"def function({parameters}): ...", namespace)
    namespace["function"].__annotations__.update(hints)
    signature = read_signature(namespace["function"], "function")
    jsonschema_rs.meta.validate(signature.input_schema)
    jsonschema_rs.validator_for(signature.input_schema, offline=True)
    assert signature.plain is all(map(is_plain, hints.values()))
