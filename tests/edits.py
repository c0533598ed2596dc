"""Making the edits of one fix in a text, as an editor would."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from ael.diagnostics import Edit
from ael.source import Source

__all__ = ["edited"]


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made.

    Raises:
        AssertionError: Two of them overlap.
    """
    source = Source(text)
    spans = sorted((*_offsets(source, edit), edit.text) for edit in edits)
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), spans
    for start, end, new in reversed(spans):
        text = text[:start] + new + text[end:]
    return text


def _offsets(source: Source, edit: Edit) -> tuple[int, int]:
    return source.offset(edit.line, edit.column), source.offset(edit.end_line, edit.end_column)
