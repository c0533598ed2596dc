"""Text with places in it: a named source, its lines, and spans.

Lines and columns count from 1, columns in characters; an end column is exclusive, as editors
and compilers have it. Offsets count characters from 0.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

__all__ = ["Source", "Span"]


class Span(NamedTuple):
    """A place in a source: from (line, column) up to but not including (end_line, end_column)."""

    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def start(self) -> Span:
        """The empty span at this one's first character."""
        return Span(self.line, self.column, self.line, self.column)


class Source:
    """One file's text and name, with the arithmetic between offsets and lines.

    Args:
        text: The whole text, decoded.
        name: What diagnostics call it: a path as the user wrote it, or ``<string>``.
    """

    def __init__(self, text: str, name: str = "<string>") -> None:
        self.text = text
        self.name = name

    def __repr__(self) -> str:
        return f"<Source {self.name!r}, {len(self.text)} characters>"

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        find = self.text.find
        at = find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = find("\n", at + 1)
        return starts

    @property
    def line_count(self) -> int:
        """How many lines there are; an empty text has one."""
        return len(self._line_starts)

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its line break; empty beyond the end."""
        starts = self._line_starts
        if not 1 <= number <= len(starts):
            return ""
        start = starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end].removesuffix("\r")

    def offset(self, line: int, column: int) -> int:
        """The offset of a place; clamped to the text."""
        starts = self._line_starts
        if line > len(starts):
            return len(self.text)
        return min(starts[max(line, 1) - 1] + column - 1, len(self.text))

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset; clamped to the text."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """The span between two offsets."""
        return Span(*self.place(start), *self.place(end))
