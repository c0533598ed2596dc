"""Gathers problems while a document is read and checked: adds the place, the words, and the source line."""

from __future__ import annotations

from collections.abc import Mapping

from ael.definition import NodeSpan, Path
from ael.diagnostics import Diagnostic, Edit, Fix
from ael.language.catalog import Problem
from ael.language.naming import name_of
from ael.source import Source, Span
from ael.types import JsonValue

__all__ = ["Report", "diagnose", "replacement"]


def diagnose(problem: Problem, source: Source | None, span: Span | None, fix: Fix | None = None) -> Diagnostic:
    """The diagnostic of a problem; without a source it has no place."""
    words = (problem.code, problem.severity, problem.message(), problem.hint())
    if source is None or span is None:
        return Diagnostic(*words, file=None if source is None else source.name)
    return Diagnostic(*words, source.name, *span, fix=fix, source_line=source.line(span.line))


def replacement(span: Span, text: str, message: str, *, safe: bool = True) -> Fix:
    """The fix that writes ``text`` in place of ``span``."""
    return Fix(message, (Edit(*span, text),), safe)


class Report:
    """All problems found so far in one document.

    Args:
        source: The text; ``None`` for a definition made in Python.
        spans: Path → place.
        document: The document as values, for the names in messages; or a definition's steps by path.
    """

    def __init__(
        self,
        source: Source | None = None,
        spans: Mapping[Path, NodeSpan] | None = None,
        document: JsonValue = None,
    ) -> None:
        self.source = source
        self.spans: Mapping[Path, NodeSpan] = {} if spans is None else spans
        self.document = document
        self.diagnostics: list[Diagnostic] = []

    def add(self, problem: Problem, at: Path, *, key: bool = False, fix: Fix | None = None) -> None:
        """Record a problem at a node: its value, or with ``key`` its key; else at the nearest node around it."""
        self.add_span(problem, self.place(at, key=key), fix)

    def add_span(self, problem: Problem, span: Span | None, fix: Fix | None = None) -> None:
        """Record a problem at a place in the text."""
        self.diagnostics.append(diagnose(problem, self.source, span, fix))

    def place(self, at: Path, *, key: bool = False) -> Span | None:
        """The place of a node. Of a node that is not there, the key of the nearest one around it."""
        for length in range(len(at), -1, -1):
            found = self.spans.get(at[:length])
            if found is not None:
                wants_key = key or length < len(at)
                return found.key if wants_key and found.key is not None else found.value
        return None

    @property
    def error_count(self) -> int:
        """How many of the problems are errors."""
        return sum(1 for found in self.diagnostics if found.is_error)

    def replace(self, at: Path, text: str, message: str, *, key: bool = False) -> Fix | None:
        """A safe fix that replaces a node's value or key by a word; ``None`` where the node has no place of its own.

        Quotes stay: a key in them may have its colon right behind, and in JSON they must be there.
        """
        found = self.spans.get(at)
        span = None if found is None else (found.key if key else found.value)
        if span is None or self.source is None:
            return None
        first = self.source.line(span.line)[span.column - 1 : span.column]
        quotes = first if first in {"'", '"'} else ""
        return replacement(span, f"{quotes}{text}{quotes}", message)

    def value(self, at: Path) -> JsonValue:
        """What the document says at a path that is there."""
        value = self.document
        for part in at:
            value = value[part]
        return value

    def source_text(self, at: Path) -> str | None:
        """A node's text as it stands in the file."""
        found = self.spans.get(at)
        if found is None or self.source is None:
            return None
        start = self.source.offset(found.value.line, found.value.column)
        return self.source.text[start : self.source.offset(found.value.end_line, found.value.end_column)]

    def what(self, at: Path) -> str:
        """A node in words: ``the `retry.delay` of step 'log'``."""
        return name_of(at, self.document)
