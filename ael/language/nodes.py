"""Where the nodes of a document are: a compact tree of offsets, seen as a mapping from path to span.

A file of a thousand steps has tens of thousands of nodes and usually not one problem. So reading keeps four
values per node, and lines and columns are computed for the few that somebody asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from ael.definition import NodeSpan, Path
from ael.source import Source

__all__ = ["Entry", "Node", "Spans"]


class Node(NamedTuple):
    """One node: offsets of its first character and behind its last, a scalar's style, the nodes in it."""

    start: int
    end: int
    style: str | None
    children: dict[str, Entry] | list[Node] | None


class Entry(NamedTuple):
    """A key of a mapping, by offsets, and the node of its value."""

    key_start: int
    key_end: int
    node: Node


_Found: TypeAlias = "tuple[Node, Entry | None]"


class Spans(Mapping[Path, NodeSpan]):
    """Path → place, computed when looked up.

    Args:
        source: The text.
        root: The tree of the whole document.
        moved: Paths of the definition that are written elsewhere in the document, and where.
    """

    def __init__(self, source: Source, root: Node, moved: Mapping[Path, Path] | None = None) -> None:
        self._source = source
        self._root = root
        self.moved: dict[Path, Path] = dict(moved or {})

    def __getitem__(self, path: Path) -> NodeSpan:
        found = self._find(self.moved.get(path, path))
        if found is None:
            raise KeyError(path)
        node, entry = found
        key = None if entry is None else self._source.span(entry.key_start, entry.key_end)
        return NodeSpan(self._source.span(node.start, self._end(node)), key, node.style)

    def __iter__(self) -> Iterator[Path]:
        stack: list[tuple[Path, Node]] = [((), self._root)]
        while stack:
            path, node = stack.pop()
            yield path
            if isinstance(node.children, dict):
                stack.extend(((*path, key), entry.node) for key, entry in reversed(node.children.items()))
            elif node.children is not None:
                stack.extend(((*path, i), node.children[i]) for i in reversed(range(len(node.children))))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def node(self, path: Path) -> Node | None:
        """The tree's node at a path."""
        found = self._find(self.moved.get(path, path))
        return None if found is None else found[0]

    def scalars(self) -> Iterator[tuple[Path, Node]]:
        """Every scalar, with its path: the values, and before each the key it has."""
        stack: list[tuple[Path, Node]] = [((), self._root)]
        while stack:
            path, node = stack.pop()
            if node.children is None:
                yield path, node
            elif isinstance(node.children, dict):
                for key, entry in node.children.items():
                    yield (*path, key), Node(entry.key_start, entry.key_end, "", None)
                    stack.append(((*path, key), entry.node))
            else:
                stack.extend(((*path, i), child) for i, child in enumerate(node.children))

    def _find(self, path: Path) -> _Found | None:
        node, entry = self._root, None
        for part in path:
            children = node.children
            if isinstance(children, dict) and isinstance(part, str) and part in children:
                entry = children[part]
                node = entry.node
            elif isinstance(children, list) and isinstance(part, int) and 0 <= part < len(children):
                node, entry = children[part], None
            else:
                return None
        return node, entry

    def _end(self, node: Node) -> int:
        """Without the white space that YAML counts to a block: a block ends where the next token begins."""
        written = self._source.text[node.start : node.end]
        return node.start + len(written.rstrip()) if written.strip() else node.end
