"""The picture as text: a line per step, what lies in a step below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ael.language.drawing.picture import Box, Picture

__all__ = ["render_tree"]

_Stem = tuple[str, str]
"""What stands before a line, and before the lines below it."""

_MIDDLE: _Stem = ("├─ ", "│  ")
_LAST: _Stem = ("└─ ", "   ")


class _Line(NamedTuple):
    name: str
    does: str
    circumstances: str


def render_tree(picture: Picture) -> str:
    """One line per step in file order: id, what it does, what it waits for, under which terms."""
    head = f"{picture.name} {picture.version}"
    lines = [f"{head}: {picture.description}" if picture.description else head]
    if picture.inputs:
        lines.append(f"inputs: {', '.join(picture.inputs)}")
    lines.extend(picture.facts)
    steps, ending = list(_rows(picture.boxes, "", top=True)), list(_rows(picture.ending, "", top=True))
    widths = [max(len(line[i]) for line in (*steps, *ending) if line.does) for i in range(2)]
    lines.extend(["", *(_columns(line, widths) for line in steps)])
    if ending:
        lines.extend(["", "finally:", *(_columns(line, widths) for line in ending)])
    if picture.outputs:
        lines.extend(["", f"outputs: {', '.join(picture.outputs)}"])
    return "\n".join(lines)


def _columns(line: _Line, widths: Sequence[int]) -> str:
    if not line.does:
        return f"  {line.name}"
    return f"  {line.name:<{widths[0]}}  {line.does:<{widths[1]}}  {line.circumstances}".rstrip()


def _rows(boxes: Sequence[Box], before: str, *, top: bool = False) -> Iterator[_Line]:
    """The lines of steps side by side, at the top or below a step."""
    stems = [("", "")] * len(boxes) if top else _stems(len(boxes))
    for box, (stem, below) in zip(boxes, stems, strict=True):
        yield _Line(f"{before}{stem}{box.id}", box.does, _circumstances(box, boxes))
        yield from _inner(box, f"{before}{below}")


def _stems(count: int) -> list[_Stem]:
    return [*([_MIDDLE] * (count - 1)), _LAST]


def _inner(box: Box, before: str) -> Iterator[_Line]:
    """The lines below a step: the steps of a block, or the branches and their steps."""
    if not box.groups:
        return
    if not box.groups[0].title:
        yield from _rows(box.groups[0].boxes, before)
        return
    for group, (stem, below) in zip(box.groups, _stems(len(box.groups)), strict=True):
        yield _Line(f"{before}{stem}{group.title}", "", "")
        yield from _rows(group.boxes, f"{before}{below}")


def _circumstances(box: Box, beside: Sequence[Box]) -> str:
    after = [f"after {', '.join(beside[before].id for before in box.after)}"] if box.after else []
    return "; ".join([*after, *(term.text for term in box.terms)])
