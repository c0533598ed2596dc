"""What a tool's answer becomes, by docs/language.md, section 8."""

from __future__ import annotations

import pytest

from ael.errors import ToolError
from ael.ports import ToolSpec
from ael.tools.mcp.results import outcome_of
from ael.tools.mcp.session import CallResult
from ael.types import JsonValue

IMAGE = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
WRAPPED = {"type": "object", "properties": {"result": {"type": "number"}}, "required": ["result"]}
WIDER = {"type": "object", "properties": {"result": {}, "more": {}}}


def text(value: str) -> dict[str, JsonValue]:
    return {"type": "text", "text": value}


def outcome(
    *content: dict[str, JsonValue], schema: dict[str, JsonValue] | None = None, parse: str = "auto", **more: JsonValue
) -> JsonValue:
    spec = ToolSpec("tool", server="srv", output_schema=schema)
    if "structured" in more:
        more["has_structured"] = True
    return outcome_of(CallResult(content=content, **more), spec, parse, 1000)


@pytest.mark.parametrize(
    ("structured", "schema", "value"),
    [
        ({"result": 1}, WRAPPED, 1),
        ({"result": 1}, WIDER, {"result": 1}),
        ({"result": 1}, None, {"result": 1}),
        ({"result": 1, "more": 2}, WRAPPED, {"result": 1, "more": 2}),
        ({}, WRAPPED, {}),
        ([1, "a"], None, [1, "a"]),
        (None, None, None),
        (0, None, 0),
    ],
    ids=repr,
)
def test_structured_content_wins(structured: JsonValue, schema: dict[str, JsonValue] | None, value: JsonValue) -> None:
    for parse in ("auto", "text", "json"):
        assert outcome(text("twin"), structured=structured, schema=schema, parse=parse).value == value


@pytest.mark.parametrize(
    ("given", "parse", "value"),
    [
        ("plain", "auto", "plain"),
        ("12", "auto", "12"),
        ('"quoted"', "auto", '"quoted"'),
        ("null", "auto", "null"),
        (' {"a": [1]} ', "auto", {"a": [1]}),
        ("[1, 2]", "auto", [1, 2]),
        ("[not json]", "auto", "[not json]"),
        ('{"a": NaN}', "auto", '{"a": NaN}'),
        ("[" * 100_000, "auto", "[" * 100_000),
        ('{"a": 1}', "text", '{"a": 1}'),
        ("12", "json", 12),
        ("null", "json", None),
        ("", "auto", ""),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_text(given: str, parse: str, value: JsonValue) -> None:
    result = CallResult(content=[text(given)])
    assert outcome_of(result, ToolSpec("tool"), parse, 10**6).value == value


def test_text_blocks_are_joined_by_newline() -> None:
    assert outcome(text("a"), text("b")).value == "a\nb"
    assert outcome(text("[1,"), text("2]")).value == [1, 2]


def test_other_blocks_come_along() -> None:
    both = outcome(text("a dot"), IMAGE)
    assert both.value == {"text": "a dot", "content": [text("a dot"), IMAGE]}
    assert list(both.content) == [text("a dot"), IMAGE]
    assert outcome(IMAGE).value == {"text": "", "content": [IMAGE]}
    structured = outcome(IMAGE, structured={"a": 1})
    assert (structured.value, list(structured.content)) == ({"a": 1}, [IMAGE])


def test_nothing_at_all_is_null() -> None:
    assert outcome().value is None
    assert outcome().content is None


def test_what_the_server_says_about_the_result_is_kept() -> None:
    assert outcome(text("a"), meta={"cost": 3}).meta == {"cost": 3}


@pytest.mark.parametrize(
    ("more", "message", "retryable"),
    [
        ({"content": [text("no"), text("never")], "is_error": True}, "no\nnever", True),
        ({"is_error": True}, "srv.tool says that it failed, and not why", True),
        ({"content": [text("x" * 1001)]}, "the result of srv.tool is larger than 1000 bytes", False),
        ({"structured": ["x" * 1000], "has_structured": True}, "the result of srv.tool is larger", False),
        (
            {"structured": {"a": float("nan")}, "has_structured": True},
            "srv.tool returned a result whose $.a is nan",
            False,
        ),
        ({"content": [text("x" * 9000)], "is_error": True}, "x" * 4000 + "…", True),
    ],
    ids=["text", "no-text", "long-text", "long-data", "no-data", "long-error"],
)
def test_failures(more: dict[str, JsonValue], message: str, retryable: bool) -> None:
    with pytest.raises(ToolError) as caught:
        outcome_of(CallResult(**more), ToolSpec("tool", server="srv"), "auto", 1000)
    assert caught.value.message.startswith(message)
    assert (caught.value.code, caught.value.retryable) == ("TOOL_FAILED", retryable)


def test_text_that_should_be_json() -> None:
    with pytest.raises(ToolError, match="no JSON, and the step says `parse: json`") as caught:
        outcome(text("hello"), parse="json")
    assert not caught.value.retryable


def test_the_data_of_a_failure_is_in_its_details() -> None:
    with pytest.raises(ToolError) as caught:
        outcome(text("no"), structured={"why": 7}, is_error=True)
    assert caught.value.details["result"] == {"why": 7}
