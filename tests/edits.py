"""Applying the fixes of diagnostics to a text, as an editor would."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from ael.diagnostics import Edit, Fix
from ael.source import Source

__all__ = ["edited", "without_overlaps"]


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


def without_overlaps(text: str, fixes: Iterable[Fix]) -> list[Edit]:
    """The edits of as many of the fixes as touch nothing in common; those left out have their turn on the next text."""
    source = Source(text)
    taken: list[tuple[int, int]] = []
    edits: list[Edit] = []
    for fix in fixes:
        spans = [_offsets(source, edit) for edit in fix.edits]
        low, high = min(start for start, _ in spans), max(end for _, end in spans)
        if all(high < start or end < low for start, end in taken):
            taken.append((low, high))
            edits.extend(fix.edits)
    return edits


def _offsets(source: Source, edit: Edit) -> tuple[int, int]:
    return source.offset(edit.line, edit.column), source.offset(edit.end_line, edit.end_column)
