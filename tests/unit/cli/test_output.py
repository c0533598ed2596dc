"""Data on stdout, words on stderr, and neither minds a reader that left."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ael.cli.output import report_error, uses_color, write_data, write_json
from ael.errors import AELError, InputInvalidError
from ael.types import ExecutionResult, ExecutionStatus


def test_json_says_what_to_dict_says(capsys):
    value = {
        "when": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "day": date(2026, 1, 2),
        "sum": Decimal("1.10"),
        "raw": b"\x00\xff",
        "text": "ünï ✓",
    }
    write_json(value)
    result = ExecutionResult("e", "w", "1", ExecutionStatus.COMPLETED, outputs=value)
    assert json.loads(capsys.readouterr().out) == result.to_dict()["outputs"]


def test_text_is_written_as_it_is_and_compact_json_is_one_line(capsys):
    write_json({"a": [1, "ü\n"]}, compact=True)
    assert capsys.readouterr().out == '{"a": [1, "ü\\n"]}\n'


def test_a_closed_pipe_swallows_data_and_does_not_raise():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        write_data("lost", stream)
        write_data("lost too", stream)


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (AELError("x \x1b[31mred", code="C", hint="h"), ["error[C]: x red", "  help: h"]),
        (
            InputInvalidError("not valid: a; b", details={"problems": ["a", "b"]}, hint=""),
            ["error[INPUT_INVALID]: not valid", "  - a", "  - b"],
        ),
        (
            InputInvalidError("not valid: a", details={"problems": ["a"]}, hint=""),
            ["error[INPUT_INVALID]: not valid: a"],
        ),
        (
            InputInvalidError("not valid", details={"problems": ["n is 0"]}, hint=""),
            ["error[INPUT_INVALID]: not valid", "  - n is 0"],
        ),
    ],
    ids=["hint", "several", "one", "unsaid"],
)
def test_errors_say_each_thing_once(error, lines, capsys):
    report_error(error)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == lines
    assert captured.out == ""


@pytest.mark.parametrize(
    ("environ", "terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_color(environ, terminal, expected, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    class Stream:
        def isatty(self):
            return terminal

    assert uses_color(Stream()) is expected
