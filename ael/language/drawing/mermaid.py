"""The picture for Mermaid: a flowchart, with a subgraph for everything that holds steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ael.language.drawing.picture import Box, Picture

__all__ = ["render_mermaid"]

_SHAPES = {"step": ("[", "]"), "conditional": ("{{", "}}"), "exit": ("([", "])")}
_SHOWN = frozenset({"when", "join", "for_each", "repeat"})
"""Terms that a label has room for."""


def render_mermaid(picture: Picture) -> str:
    """A flowchart: steps with a condition are hexagons, exits are round, arrows into a ``join`` are dotted."""
    numbers: dict[str, str] = {}
    _number(picture.boxes, numbers)
    _number(picture.ending, numbers)
    lines = ["flowchart TD", *_boxes(picture.boxes, numbers, "    ")]
    if picture.ending:
        lines.extend(_subgraph("finally", "finally", _boxes(picture.ending, numbers, "        "), "    "))
    return "\n".join(lines)


def _number(boxes: Sequence[Box], numbers: dict[str, str]) -> None:
    """Names that no text of the file can break: by order, for boxes and for branches."""
    for box in boxes:
        numbers[box.path] = f"s{len(numbers)}"
        for group in box.groups:
            numbers.setdefault(group.path, f"s{len(numbers)}")
            _number(group.boxes, numbers)


def _boxes(boxes: Sequence[Box], numbers: Mapping[str, str], indent: str) -> Iterator[str]:
    """The boxes of one group, then the arrows between them."""
    for box in boxes:
        yield from _box(box, numbers, indent)
    for box in boxes:
        arrow = "-.->" if box.loose else "-->"
        yield from (f"{indent}{numbers[boxes[before].path]} {arrow} {numbers[box.path]}" for before in box.after)


def _box(box: Box, numbers: Mapping[str, str], indent: str) -> Iterator[str]:
    name = numbers[box.path]
    if not box.groups:
        left, right = _SHAPES["conditional" if box.is_conditional else "exit" if box.is_exit else "step"]
        yield f'{indent}{name}{left}"{_label(box)}"{right}'
        return
    inner: list[str] = []
    for group in box.groups:
        if group.title:
            steps = _boxes(group.boxes, numbers, f"{indent}        ")
            inner.extend(_subgraph(numbers[group.path], _escaped(group.title), steps, f"{indent}    "))
        else:
            inner.extend(_boxes(group.boxes, numbers, f"{indent}    "))
    yield from _subgraph(name, _label(box), inner, indent)


def _subgraph(name: str, label: str, lines: Iterator[str] | Sequence[str], indent: str) -> Iterator[str]:
    yield f'{indent}subgraph {name}["{label}"]'
    yield from lines
    yield f"{indent}end"


def _label(box: Box) -> str:
    terms = (_escaped(term.text) for term in box.terms if term.kind in _SHOWN)
    return "<br/>".join((_escaped(box.id), f"<i>{_escaped(box.does)}</i>", *terms))


def _escaped(text: str) -> str:
    return text.translate({ord(char): f"#{ord(char)};" for char in '"#<>&;`\n'})
