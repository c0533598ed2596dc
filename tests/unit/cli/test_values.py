"""Values from the command line."""

from __future__ import annotations

import json

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.cli.values import TypedReader, declared_types, parse_typed, read_inputs


def no_stdin() -> str:
    raise AssertionError("stdin was read")


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "string"}, "3", "3"),
        ({"type": "string"}, "null", "null"),
        ({"type": "string"}, "", ""),
        ({"type": "integer"}, "3", 3),
        ({"type": "integer"}, "-7", -7),
        ({"type": "integer"}, "three", "three"),
        ({"type": "integer"}, "3.5", "3.5"),
        ({"type": "integer"}, "true", "true"),
        ({"type": "number"}, "3", 3),
        ({"type": "number"}, "2.5e3", 2500.0),
        ({"type": "number"}, "nan", "nan"),
        ({"type": "number"}, "inf", "inf"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "False", False),
        ({"type": "boolean"}, "1", "1"),
        ({"type": "array"}, '["a", 1]', ["a", 1]),
        ({"type": "array"}, '{"a": 1}', '{"a": 1}'),
        ({"type": "array"}, "a,b", "a,b"),
        ({"type": "object"}, '{"a": null}', {"a": None}),
        ({"type": "object"}, '{"a": NaN}', '{"a": NaN}'),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": ["string", "null"]}, "nul", "nul"),
        ({"type": ["integer", "string"]}, "12", 12),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "null", None),
        ({"enum": [1, 2]}, "2", 2),
        ({"enum": ["1", "2"]}, "2", "2"),
        ({"const": True}, "true", True),
        ({}, "3", 3),
        ({}, "[1]", [1]),
        ({}, "hello world", "hello world"),
    ],
)
def test_text_is_read_by_the_declared_type(schema, text, value):
    parsed = parse_typed(text, schema)
    assert parsed == value
    assert type(parsed) is type(value)


@given(st.text())
def test_declared_text_is_taken_as_it_is(text):
    assert parse_typed(text, {"type": "string"}) == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_of_any_value_comes_back_where_nothing_is_declared(value):
    parsed = parse_typed(json.dumps(value), {})
    assert parsed == (json.dumps(value) if isinstance(value, str) else value)


def test_nothing_declared_is_everything():
    assert declared_types({"description": "?"}) == declared_types({"type": list(declared_types({}))})


def test_pairs_files_and_stdin(tmp_path):
    (tmp_path / "body.txt").write_text("line 1\nline 2 = ünï\n", encoding="utf-8")
    (tmp_path / "list.json").write_text("[1, 2]")
    reader = TypedReader({"n": {"type": "integer"}, "items": {"type": "array"}}, lambda: "from stdin")
    assert reader.read(
        ["n=3", f"items=@{tmp_path / 'list.json'}", f"body=@{tmp_path / 'body.txt'}", "query=a=b", "rest=-"]
    ) == {"n": 3, "items": [1, 2], "body": "line 1\nline 2 = ünï\n", "query": "a=b", "rest": "from stdin"}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["n"], "-i takes NAME=VALUE, not 'n'"),
        (["=3"], "-i takes NAME=VALUE, not '=3'"),
        (["n=1", "n=2"], "-i n is given twice"),
        (["a=-", "b=-"], "stdin can be read once, by a or by b"),
        (["a=@nowhere.txt"], "-i a: cannot read 'nowhere.txt': No such file or directory"),
        (["a=@/"], "-i a: cannot read '/': Is a directory"),
    ],
)
def test_bad_pairs_are_refused_by_name(pairs, message):
    with pytest.raises(click.UsageError) as caught:
        TypedReader({}, lambda: "").read(pairs)
    assert caught.value.message.startswith(message)


def test_files_that_are_no_text(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(click.UsageError, match="it is not UTF-8 text"):
        TypedReader({}, no_stdin).read([f"a=@{tmp_path / 'x.bin'}"])


SCHEMAS = {"n": {"type": "integer"}, "who": {"type": "string"}}


def test_inputs_of_the_command_line_win_over_the_file(tmp_path):
    for name, text in (("in.yaml", "n: 1\nwho: on\n"), ("in.json", '{"n": 1, "who": "on"}')):
        (tmp_path / name).write_text(text)
        assert read_inputs(SCHEMAS, ["n=2"], str(tmp_path / name)) == {"n": 2, "who": "on"}


@pytest.mark.parametrize(
    ("text", "says"),
    [("[1]", "must hold a mapping"), ("n: [", "in.yaml"), ("", "empty"), ("n: 1\nn: 2", "twice")],
    ids=["list", "syntax", "empty", "duplicate"],
)
def test_inputs_files_that_are_none(text, says, tmp_path):
    (tmp_path / "in.yaml").write_text(text)
    with pytest.raises(click.UsageError) as caught:
        read_inputs(SCHEMAS, [], str(tmp_path / "in.yaml"))
    assert says in caught.value.message
