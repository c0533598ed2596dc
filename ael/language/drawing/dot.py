"""The picture for Graphviz: a digraph, with a cluster for everything that holds steps.

An arrow of Graphviz joins nodes, not clusters: a cluster has a node of its own that is not seen, and the arrow is cut
where it meets the cluster's border.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ael.language.drawing.picture import Box, Picture

__all__ = ["render_dot"]

_SHOWN = frozenset({"when", "join", "for_each", "repeat"})


def render_dot(picture: Picture) -> str:
    """A digraph: steps with a condition have dashed borders, exits are round, arrows into a ``join`` are dashed."""
    lines = [f"digraph {_quoted(picture.name)} {{", "    rankdir=TB;", "    compound=true;", "    node [shape=box];"]
    lines.extend(_boxes(picture.boxes, "    "))
    if picture.ending:
        lines.extend(_cluster("finally:", ("finally",), _boxes(picture.ending, "        "), "    "))
    return "\n".join([*lines, "}"])


def _boxes(boxes: Sequence[Box], indent: str) -> Iterator[str]:
    """The boxes of one group, then the arrows between them."""
    for box in boxes:
        yield from _box(box, indent)
    for box in boxes:
        yield from (f"{indent}{_arrow(boxes[before], box)}" for before in box.after)


def _box(box: Box, indent: str) -> Iterator[str]:
    if not box.groups:
        style = ", style=dashed" if box.is_conditional else ""
        shape = ", shape=oval" if box.is_exit else ""
        yield f"{indent}{_quoted(box.path)} [label={_quoted(*_label(box))}{style}{shape}];"
        return
    inner = [f"{indent}    {_quoted(box.path)} [shape=point, style=invis];"]
    for group in box.groups:
        if group.title:
            steps = _boxes(group.boxes, f"{indent}        ")
            inner.extend(_cluster(group.path, (group.title,), steps, f"{indent}    "))
        else:
            inner.extend(_boxes(group.boxes, f"{indent}    "))
    yield from _cluster(box.path, _label(box), inner, indent)


def _cluster(path: str, label: Sequence[str], lines: Iterator[str] | Sequence[str], indent: str) -> Iterator[str]:
    yield f"{indent}subgraph {_quoted(f'cluster_{path}')} {{"
    yield f"{indent}    label={_quoted(*label)};"
    yield from lines
    yield f"{indent}}}"


def _arrow(before: Box, box: Box) -> str:
    given = [f"ltail={_quoted(f'cluster_{before.path}')}"] if before.groups else []
    if box.groups:
        given.append(f"lhead={_quoted(f'cluster_{box.path}')}")
    if box.loose:
        given.append("style=dashed")
    attributes = f" [{', '.join(given)}]" if given else ""
    return f"{_quoted(before.path)} -> {_quoted(box.path)}{attributes};"


def _label(box: Box) -> tuple[str, ...]:
    return (box.id, box.does, *(term.text for term in box.terms if term.kind in _SHOWN))


def _quoted(*lines: str) -> str:
    """Text in quotes, several lines as one label."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
