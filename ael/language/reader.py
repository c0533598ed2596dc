"""Text -> a document: values, places, and all problems of its YAML.

The parser stops at the first syntax error. One such error is so common that it is repaired on the way, to find
what else is wrong: ``url: {{ a }}/{{ b }}`` without quotes. A stand-in of the same length is parsed in its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import TypeAlias, cast

import attrs
import yaml

from ael.diagnostics import Diagnostic, Edit, Fix
from ael.language.catalog import reading
from ael.language.compose import MAX_DEPTH, Composer, Event, UnreadableError
from ael.language.nodes import Spans
from ael.language.quoting import quoted
from ael.language.report import Report, diagnose, replacement
from ael.language.yaml_words import syntax_words
from ael.source import Source
from ael.types import JsonValue

__all__ = ["MAX_FILE_BYTES", "Document", "Loader", "read_document", "read_file"]

MAX_FILE_BYTES = 5_000_000
_MOST_REPAIRS = 20

Loader: TypeAlias = Callable[[str], yaml.SafeLoader]
"""Makes the parser of a text; PyYAML's in Python is what is left where its C part is missing."""

_FASTEST: Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@attrs.frozen
class Document:
    """What a text says, before anybody asks whether it is a workflow."""

    value: JsonValue
    source: Source
    spans: Spans


def read_file(path: str | FilePath, *, limit: int = MAX_FILE_BYTES) -> Source | Diagnostic:
    """The text of a workflow file, or why there is none. The size is checked before anything is read."""
    name = str(path)
    nameless = Source("", name)
    try:
        size = FilePath(path).stat().st_size
        if size > limit:
            return diagnose(reading.FileTooLarge(size, limit), nameless, None)
        data = FilePath(path).read_bytes()
    except FileNotFoundError:
        return diagnose(reading.FileMissing(name), nameless, None)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        return diagnose(reading.FileUnreadable(name, reason), nameless, None)
    if len(data) > limit:
        return diagnose(reading.FileTooLarge(len(data), limit), nameless, None)
    try:
        return Source(data.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        byte = f"0x{data[error.start]:02x}"
        return diagnose(reading.EncodingInvalid(byte, error.start), nameless, None)


def read_document(text: str, filename: str, report: Report, *, loader: Loader = _FASTEST) -> Document | None:
    """Read one document; problems go to the report. ``None`` if there is nothing to go on with."""
    source = Source(text.removeprefix("\ufeff"), filename)
    report.source = source
    if len(text) > MAX_FILE_BYTES:
        report.add_span(reading.FileTooLarge(len(text), MAX_FILE_BYTES), None)
        return None
    if not _encodable(source, report):
        return None
    return _Reading(source, report, loader).document()


def _encodable(source: Source, report: Report) -> bool:
    try:
        source.text.encode()
    except UnicodeEncodeError as error:
        report.add_span(
            reading.CharacterForbidden(f"U+{ord(source.text[error.start]):04X}"),
            source.span(error.start, error.start + 1),
        )
        return False
    return True


class _Reading:
    """One reading: attempts, with a repair between them, until the text parses or cannot be repaired."""

    def __init__(self, source: Source, report: Report, loader: Loader) -> None:
        self._source = source
        self._report = report
        self._loader = loader
        self._text, self._originals = _pair_surrogates(source.text)
        self._repairs: list[Diagnostic] = []

    def document(self) -> Document | None:
        most = max(1, min(_MOST_REPAIRS, 1_000_000 // max(len(self._text), 1)))
        before = len(self._report.diagnostics)
        for _ in range(most + 1):
            del self._report.diagnostics[before:]
            try:
                return self._attempt()
            except UnreadableError:
                break
            except yaml.YAMLError as error:
                if len(self._repairs) < most and self._repair(error):
                    continue
                self._syntax(error)
                break
        self._report.diagnostics[before:before] = self._repairs
        return None

    def _attempt(self) -> Document | None:
        loader = self._loader(self._text)
        try:
            events = cast(Callable[[], Event], loader.get_event)
            composer = Composer(self._source, events, self._report, self._originals)
            composed = composer.document()
        finally:
            loader.dispose()
        self._report.diagnostics.extend(self._repairs)
        if composed is None:
            self._report.add_span(reading.FileEmpty(), self._source.span(0, 0))
            return None
        value, root = composed
        return Document(value, self._source, Spans(self._source, root))

    def _repair(self, error: yaml.YAMLError) -> bool:
        """Put a stand-in in place of an unquoted template near the error; whether there was one."""
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            return False
        last = self._source.place(mark.index)[0]
        for number in range(last, max(last - 3, 0), -1):
            found = _unquoted_template(self._line(number))
            if found is not None:
                at = self._source.offset(number, found[0] + 1)
                self._stand_in(at, at + found[1] - found[0])
                return True
        return False

    def _line(self, number: int) -> str:
        start = self._source.offset(number, 1)
        return self._text[start : start + len(self._source.line(number))]

    def _stand_in(self, start: int, end: int) -> None:
        text = self._source.text[start:end]
        self._originals[start] = text
        self._text = f'{self._text[:start]}"{"x" * (end - start - 2)}"{self._text[end:]}'
        span = self._source.span(start, end)
        fix = replacement(span, quoted(text), "quote the template")
        self._repairs.append(diagnose(reading.BracesUnquoted(quoted(text)), self._source, span, fix))

    def _syntax(self, error: yaml.YAMLError) -> None:
        mark = _telling_mark(error)
        at = getattr(error, "position", 0) if mark is None else mark.index
        at = at if isinstance(at, int) else 0
        span = self._source.span(at, min(at + 1, len(self._source.text)))
        here = self._source.text[at : at + 1]
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", "it cannot be read"))
        if isinstance(error, yaml.reader.ReaderError):
            self._report.add_span(reading.CharacterForbidden(_character_name(error)), span)
        elif "nesting" in problem:
            self._report.add_span(reading.TooDeep(MAX_DEPTH), span)
        elif here == "\t":
            self._report.add_span(reading.TabIndentation(), span, _without_tabs(self._source))
        else:
            said, advice = syntax_words(problem, self._source.text, at)
            self._report.add_span(reading.YamlSyntax(said, advice), span)


def _without_tabs(source: Source) -> Fix:
    """Two spaces for every tab that a line begins with; how wide a tab was meant nobody knows."""
    tabs = ((source.place(found.start())[0], len(found[0])) for found in _LEADING_TABS.finditer(source.text))
    edits = tuple(Edit(line, 1, line, 1 + count, "  " * count) for line, count in tabs)
    return Fix("indent with spaces", edits)


_LEADING_TABS = re.compile(r"^\t+", re.MULTILINE)


def _telling_mark(error: yaml.YAMLError) -> yaml.error.Mark | None:
    """Where the reader's eye should go: for quotes that are never closed, where they open."""
    problem, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    open_quotes = "quoted scalar" in str(getattr(error, "context", "")) and "end of stream" in str(error)
    return context if open_quotes or problem is None else problem


def _unquoted_template(line: str) -> tuple[int, int] | None:
    """Where in a line a value begins with ``{{`` without quotes, and where it ends."""
    for pattern in (_BLOCK_VALUE, _FLOW_VALUE):
        found = pattern.search(line)
        if found is not None:
            return found.span("value")
    return None


_BLOCK_VALUE = re.compile(
    r"""^\s*(?:-\s+)*(?:(?:[\w.-]+|"[^"]*"|'[^']*')\s*:\s+)?(?P<value>\{\{.*?\}\}(?:.*?\S)??)(?=\s+\#.*$|\s*$)"""
)
_FLOW_VALUE = re.compile(r"""[:,\[{]\s+(?P<value>\{\{[^{}]*\}\}[^\s,\]}"']*)""")


def _character_name(error: yaml.reader.ReaderError) -> str:
    character = error.character
    return f"U+{character if isinstance(character, int) else ord(str(character)[:1] or '?'):04X}"


_SURROGATES = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_IN_QUOTES = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _pair_surrogates(text: str) -> tuple[str, dict[int, str]]:
    """JSON writes characters beyond U+FFFF as two escapes, which YAML parsers refuse: stand-ins for such strings."""
    if _SURROGATES.search(text) is None:
        return text, {}
    originals: dict[int, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        if _SURROGATES.search(found[0]) is None or "\n" in found[0]:
            return found[0]
        try:
            value = json.loads(found[0])
        except ValueError:
            return found[0]
        originals[found.start()] = value
        return '"' + "x" * (len(found[0]) - 2) + '"'

    return _IN_QUOTES.sub(stand_in, text), originals
