"""Diagnostics for people, as frames like rustc's, and for programs: JSON, GitHub annotations, SARIF.

The frame: ``error[AEL204]: message``, ``  --> file:line:column``, the source line with its number in a gutter, a
run of carets under the place, and ``= help:`` with what to do.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import attrs

from ael.diagnostics import Diagnostic, Edit, Fix, Severity
from ael.language.catalog import KINDS
from ael.types import JsonValue

__all__ = ["render_github", "render_json", "render_sarif", "render_text"]

_MOST_COLUMNS = 160
_COLORS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m", Severity.NOTE: "\x1b[1;36m"}
_BOLD, _BLUE, _PLAIN = "\x1b[1m", "\x1b[1;34m", "\x1b[0m"
_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_GITHUB_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render_text(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """A frame for each, with an empty line between them, and a line that counts; empty for none."""
    if not diagnostics:
        return ""
    frames = ["\n".join(_frame(diagnostic, color)) for diagnostic in diagnostics]
    return "\n\n".join((*frames, _summary(diagnostics))) + "\n"


def _frame(diagnostic: Diagnostic, color: bool) -> Iterator[str]:
    tint = _COLORS[diagnostic.severity]
    title = _paint(f"{diagnostic.severity}[{diagnostic.code}]", tint, color)
    yield title + _paint(f": {_one_line(diagnostic.message)}", _BOLD, color)
    width = len(str(diagnostic.line or 0))
    indent = " " * width
    if diagnostic.line is not None:
        arrow = _paint("-->", _BLUE, color)
        yield f"{indent}{arrow} {diagnostic.file}:{diagnostic.line}:{diagnostic.column}"
    elif diagnostic.file:
        yield f"{indent}{_paint('-->', _BLUE, color)} {diagnostic.file}"
    bar = _paint("|", _BLUE, color)
    if diagnostic.line is not None and diagnostic.source_line is not None:
        text, underline = _excerpt(diagnostic, diagnostic.source_line)
        yield f"{indent} {bar}"
        yield f"{_paint(str(diagnostic.line), _BLUE, color)} {bar} {text}".rstrip()
        yield f"{indent} {bar} {_paint(underline, tint, color)}"
    if diagnostic.hint:
        if diagnostic.line is not None:
            yield f"{indent} {bar}"
        yield f"{indent} {_paint('=', _BLUE, color)} help: {_one_line(diagnostic.hint)}"


def _excerpt(diagnostic: Diagnostic, line: str) -> tuple[str, str]:
    """The source line, cut around the place if it is long, and the carets below it."""
    start = (diagnostic.column or 1) - 1
    end = len(line.rstrip())
    if diagnostic.end_line == diagnostic.line and diagnostic.end_column is not None:
        end = diagnostic.end_column - 1
    end = max(end, start + 1)
    first = max(0, start - _MOST_COLUMNS // 2) if len(line) > _MOST_COLUMNS else 0
    last = first + _MOST_COLUMNS
    before, marked, after = line[first:start], line[start : min(end, last)], line[min(end, last) : last]
    lead, tail = "…" if first else "", "…" if len(line) > last else ""
    text = lead + _visible(before) + _visible(marked) + _visible(after) + tail
    return text, " " * (len(lead) + _columns(_visible(before))) + "^" * max(1, _columns(_visible(marked)))


def _visible(text: str) -> str:
    """Tabs as one space, and control characters, which could do things to a terminal, as one sign each."""
    return "".join(" " if c == "\t" else c if c.isprintable() else "\ufffd" for c in text)


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes: East Asian wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c in "\t\n\r" else "\ufffd" for c in text)


def _paint(text: str, code: str, color: bool) -> str:
    return f"{code}{text}{_PLAIN}" if color else text


def _summary(diagnostics: Sequence[Diagnostic]) -> str:
    counts = Counter(diagnostic.severity for diagnostic in diagnostics)
    parts = [(counts[severity], severity.value) for severity in Severity if counts[severity]]
    return ", ".join(f"{count} {word if count == 1 else word + 's'}" for count, word in parts)


def render_json(diagnostics: Sequence[Diagnostic]) -> list[dict[str, JsonValue]]:
    """Each as an object with the fields of :class:`Diagnostic`; the fix with its edits."""
    return [_plain(diagnostic) for diagnostic in diagnostics]


def _plain(diagnostic: Diagnostic) -> dict[str, JsonValue]:
    plain = attrs.asdict(diagnostic)
    plain["severity"] = diagnostic.severity.value
    return plain


def render_github(diagnostics: Sequence[Diagnostic]) -> str:
    """Workflow commands of GitHub Actions, one line each, which show up beside the lines of a pull request."""
    return "".join(f"{_annotation(diagnostic)}\n" for diagnostic in diagnostics)


def _annotation(diagnostic: Diagnostic) -> str:
    properties = {
        "file": diagnostic.file,
        "line": diagnostic.line,
        "endLine": diagnostic.end_line,
        "col": diagnostic.column,
        "endColumn": diagnostic.end_column,
        "title": diagnostic.code,
    }
    given = ",".join(f"{name}={_escape(str(value), ':,')}" for name, value in properties.items() if value is not None)
    text = diagnostic.message if diagnostic.hint is None else f"{diagnostic.message}\n{diagnostic.hint}"
    return f"::{_GITHUB_LEVELS[diagnostic.severity]} {given}::{_escape(text)}"


def _escape(text: str, more: str = "") -> str:
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def render_sarif(diagnostics: Sequence[Diagnostic]) -> dict[str, JsonValue]:
    """A SARIF 2.1.0 log with one run; its rules are the kinds that occur."""
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    driver = {"name": "ael", "rules": [_sarif_rule(code) for code in codes]}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(diagnostic) for diagnostic in diagnostics],
            }
        ],
    }


def _sarif_rule(code: str) -> dict[str, JsonValue]:
    kind = KINDS.get(code)
    rule: dict[str, JsonValue] = {"id": code}
    if kind is not None:
        text = kind.explanation()
        rule.update(name=kind.__name__, shortDescription={"text": text.partition("\n")[0]}, help={"text": text})
    return rule


def _sarif_result(diagnostic: Diagnostic) -> dict[str, JsonValue]:
    text = diagnostic.message if diagnostic.hint is None else f"{diagnostic.message} ({diagnostic.hint})"
    result: dict[str, JsonValue] = {
        "ruleId": diagnostic.code,
        "level": _SARIF_LEVELS[diagnostic.severity],
        "message": {"text": text},
    }
    if diagnostic.file is not None:
        location: dict[str, JsonValue] = {"artifactLocation": _sarif_file(diagnostic.file)}
        if diagnostic.line is not None:
            location["region"] = _sarif_region(diagnostic)
        result["locations"] = [{"physicalLocation": location}]
        if diagnostic.fix is not None:
            result["fixes"] = [_sarif_fix(diagnostic.file, diagnostic.fix)]
    return result


def _sarif_file(file: str) -> dict[str, JsonValue]:
    return {"uri": file.replace("\\", "/")}


def _sarif_region(place: Diagnostic | Edit) -> dict[str, JsonValue]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _sarif_fix(file: str, fix: Fix) -> dict[str, JsonValue]:
    replacements = [
        {"deletedRegion": _sarif_region(edit), "insertedContent": {"text": edit.text}} for edit in fix.edits
    ]
    change = {"artifactLocation": _sarif_file(file), "replacements": replacements}
    return {"description": {"text": fix.message}, "artifactChanges": [change]}
