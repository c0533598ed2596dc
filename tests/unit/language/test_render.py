"""How diagnostics look: frames for people, and three formats for programs."""

from __future__ import annotations

import json

import attrs
import pytest

from ael.diagnostics import Diagnostic, Edit, Fix, Severity
from ael.language import render_github, render_json, render_sarif, render_text

PROBLEM = Diagnostic(
    "AEL304",
    Severity.ERROR,
    "input 'ulr' is not declared",
    "did you mean 'url'?",
    "wf.yaml",
    12,
    10,
    12,
    13,
    Fix("write `url`", (Edit(12, 10, 12, 13, "url"),)),
    "    url: ulr",
)


def test_a_frame() -> None:
    assert render_text([PROBLEM]) == (
        "error[AEL304]: input 'ulr' is not declared\n"
        "  --> wf.yaml:12:10\n"
        "   |\n"
        "12 |     url: ulr\n"
        "   |          ^^^\n"
        "   |\n"
        "   = help: did you mean 'url'?\n"
        "\n"
        "1 error\n"
    )


def test_nothing_is_nothing() -> None:
    assert render_text([]) == ""
    assert render_github([]) == ""


def test_the_summary_counts() -> None:
    severities = [Severity.NOTE, Severity.ERROR, Severity.WARNING, Severity.ERROR]
    found = [attrs.evolve(PROBLEM, severity=severity) for severity in severities]
    assert render_text(found).endswith("\n2 errors, 1 warning, 1 note\n")


def test_colour_is_only_added() -> None:
    import re

    colored = render_text([PROBLEM], color=True)
    assert "\x1b[1;31merror[AEL304]\x1b[0m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render_text([PROBLEM])


def underlined(line: str, column: int, end_line: int, end_column: int) -> tuple[str, str]:
    """The source line and the line of carets of a frame."""
    problem = attrs.evolve(PROBLEM, line=1, column=column, end_line=end_line, end_column=end_column, source_line=line)
    lines = render_text([problem]).splitlines()
    return lines[3][4:], lines[4][4:]


UNDERLINED = {
    "a word": ("ab cd ef", 4, 1, 6, "ab cd ef", "   ^^"),
    "an empty place": ("ab", 1, 1, 1, "ab", "^"),
    "behind the end": ("ab", 3, 1, 3, "ab", "  ^"),
    "over lines": ("a: b c  ", 4, 3, 1, "a: b c", "   ^^^"),
    "a tab before": ("\ta: b", 5, 1, 6, " a: b", "    ^"),
    "wide characters before": ("日本: b", 5, 1, 6, "日本: b", "      ^"),
    "wide characters marked": ("a: 日本", 4, 1, 6, "a: 日本", "   ^^^^"),
    "combining characters": ("e\u0301: b", 5, 1, 6, "e\u0301: b", "   ^"),
    "control characters": ("a\x1b[31m: b", 9, 1, 10, "a\ufffd[31m: b", "        ^"),
}


@pytest.mark.parametrize(("line", "column", "end_line", "end", "text", "carets"), UNDERLINED.values(), ids=UNDERLINED)
def test_carets_stand_below_their_characters(
    line: str, column: int, end_line: int, end: int, text: str, carets: str
) -> None:
    assert underlined(line, column, end_line, end) == (text, carets)


def test_long_lines_are_cut_around_the_place() -> None:
    text, carets = underlined("x" * 500 + "HERE" + "y" * 500, 501, 1, 505)
    assert text[carets.index("^") : carets.rindex("^") + 1] == "HERE"
    assert len(text) < 170
    assert text[0] == text[-1] == "…"


def test_messages_cannot_break_out_of_their_line() -> None:
    problem = attrs.evolve(PROBLEM, message="a\nb\x1b[2J", hint=None)
    assert render_text([problem]).splitlines()[0] == "error[AEL304]: a b\ufffd[2J"


def test_without_a_file() -> None:
    problem = Diagnostic("AEL204", Severity.ERROR, "a -> b -> a", "remove one")
    assert render_text([problem]) == "error[AEL204]: a -> b -> a\n  = help: remove one\n\n1 error\n"


def test_json_has_every_field() -> None:
    (plain,) = json.loads(json.dumps(render_json([PROBLEM])))
    assert set(plain) == {field.name for field in attrs.fields(Diagnostic)}
    assert plain["severity"] == "error"
    assert plain["fix"]["edits"] == [{"line": 12, "column": 10, "end_line": 12, "end_column": 13, "text": "url"}]


def test_github_annotations_are_escaped() -> None:
    problem = attrs.evolve(PROBLEM, message="100%\nsure", hint=None, file="a,b:c.yaml", severity=Severity.NOTE)
    assert render_github([problem]) == (
        "::notice file=a%2Cb%3Ac.yaml,line=12,endLine=12,col=10,endColumn=13,title=AEL304::100%25%0Asure\n"
    )


def test_sarif() -> None:
    nowhere = Diagnostic("AEL204", Severity.WARNING, "x")
    log = json.loads(json.dumps(render_sarif([PROBLEM, nowhere])))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["AEL204", "AEL304"]
    first, second = run["results"]
    assert first["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 12, "startColumn": 10, "endLine": 12, "endColumn": 13,
    }  # fmt: skip
    (change,) = first["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "wf.yaml"}
    (replacement,) = change["replacements"]
    assert replacement["deletedRegion"] == first["locations"][0]["physicalLocation"]["region"]
    assert replacement["insertedContent"] == {"text": "url"}
    assert (second["level"], "locations" in second, "fixes" in second) == ("warning", False, False)
