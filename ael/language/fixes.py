"""Repairs a text by the safe fixes of its diagnostics, round after round until none is left.

One round applies every fix that touches nothing another one has touched: edits are made from the end of the text to
its beginning, so that places stay right. What was left out, and what a repair brings to light, is for the next round,
which reads the text anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import attrs

from ael.diagnostics import Diagnostic, Edit, Fix
from ael.source import Source

__all__ = ["Fixed", "apply_fixes", "fix_all"]

_MOST_ROUNDS = 20

Check: TypeAlias = Callable[[Source], Sequence[Diagnostic]]
"""All that is wrong in a text."""

_Place: TypeAlias = tuple[int, int, str]
"""Offsets from and up to, and what is written there."""


@attrs.frozen
class Fixed:
    """What became of a text.

    Attributes:
        source: The text after the repairs; the same object if nothing was repaired.
        fixed: The problems that were repaired, round by round; places are those of their round.
        left: What is wrong now.
        refused: Whether repairs were dropped because the text would have had more errors than before.
    """

    source: Source
    fixed: tuple[Diagnostic, ...]
    left: tuple[Diagnostic, ...]
    refused: bool = False


def fix_all(source: Source, check: Check) -> Fixed:
    """Repair a text as far as safe fixes go. The result never has more errors than the text had."""
    found = tuple(check(source))
    fixed: list[Diagnostic] = []
    now, left = source, found
    for _ in range(_MOST_ROUNDS):
        text, applied = apply_fixes(now, left)
        if not applied:
            break
        now = Source(text, source.name)
        left = tuple(check(now))
        fixed.extend(applied)
    if _errors(left) > _errors(found):
        return Fixed(source, (), found, refused=True)
    return Fixed(now, tuple(fixed), left)


def _errors(diagnostics: Sequence[Diagnostic]) -> int:
    return sum(diagnostic.is_error for diagnostic in diagnostics)


def apply_fixes(source: Source, diagnostics: Sequence[Diagnostic]) -> tuple[str, list[Diagnostic]]:
    """The text after one round, and the problems whose fixes were applied whole. Line breaks are the file's own."""
    newline = "\r\n" if source.text.count("\r\n") * 2 > source.text.count("\n") else "\n"
    taken: set[_Place] = set()
    applied: list[Diagnostic] = []
    for diagnostic in diagnostics:
        if diagnostic.fix is None or not diagnostic.fix.safe:
            continue
        edits = set(_places(source, diagnostic.fix, newline))
        if edits and not any(_touch(edit, other) for edit in edits - taken for other in taken):
            taken |= edits
            applied.append(diagnostic)
    return _edited(source.text, taken), applied


def _places(source: Source, fix: Fix, newline: str) -> Iterator[_Place]:
    for edit in fix.edits:
        start, end = _offsets(source, edit)
        text = edit.text.replace("\r\n", "\n").replace("\n", newline)
        if source.text[start:end] != text:
            yield start, end, text


def _offsets(source: Source, edit: Edit) -> tuple[int, int]:
    return source.offset(edit.line, edit.column), source.offset(edit.end_line, edit.end_column)


def _touch(one: _Place, other: _Place) -> bool:
    """Whether two edits meet: which of them came first would make a difference."""
    return one[0] <= other[1] and other[0] <= one[1]


def _edited(text: str, places: set[_Place]) -> str:
    parts: list[str] = []
    at = len(text)
    for start, end, new in sorted(places, reverse=True):
        parts.append(text[end:at])
        parts.append(new)
        at = start
    parts.append(text[:at])
    return "".join(reversed(parts))
