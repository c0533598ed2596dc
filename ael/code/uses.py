"""How a step's code uses the names it is given, which decides the shape they are given in.

An attribute of a host-made object costs least, but such objects know no ``[…]``; a plain dict knows everything but
attributes; a small class defined inside the sandbox knows both, but not ``len`` and ``dict()``. Most code uses one way
only, so each root gets the cheapest shape that can do all the code does with it.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable, Iterable

import attrs

__all__ = ["LAST", "MAPPING_METHODS", "ROOTS", "Shape", "Use", "Uses", "find_uses"]

ROOTS = ("inputs", "steps", "config", "workflow")
LAST = "last"
MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})
_TAKES_ANY_MAPPING = frozenset(
    {
        "all",
        "any",
        "bool",
        "dict",
        "enumerate",
        "frozenset",
        "iter",
        "len",
        "list",
        "max",
        "min",
        "set",
        "sorted",
        "str",
    }
)


class Shape(enum.Enum):
    """What the sandbox sees: an object with attributes, a dict, or a view that is both."""

    ATTRIBUTES = enum.auto()
    DICT = enum.auto()
    VIEW = enum.auto()


@attrs.define
class Use:
    """What the code does with one root: read attributes, index, use it whole, or let it out of sight.

    ``whole``: it is used otherwise than by reading something of it.
    """

    attributes: bool = False
    mapping: bool = False
    escapes: bool = False
    whole: bool = False

    @property
    def shape(self) -> Shape:
        """The cheapest shape that can do it."""
        if self.escapes or (self.attributes and self.mapping):
            return Shape.VIEW
        return Shape.ATTRIBUTES if self.attributes else Shape.DICT


@attrs.define
class Uses:
    """All roots the code names, and how.

    ``step``: how it uses single steps; ``context``: whether it names ``context``; ``names``: all other names.
    """

    names: set[str] = attrs.field(factory=set)
    roots: dict[str, Use] = attrs.field(factory=dict)
    step: Use = attrs.field(factory=Use)
    context: bool = False

    def of(self, root: str) -> Use:
        """The use of a root, noted from now on."""
        return self.roots.setdefault(root, Use())


class _Place(enum.Enum):
    """What is done with an expression by the one around it."""

    OTHER = enum.auto()
    CALLED = enum.auto()
    ACCESSED = enum.auto()
    READ_AS_MAPPING = enum.auto()


def find_uses(tree: ast.AST) -> Uses:
    """Read the code once and say how it uses what it is given.

    Raises:
        RecursionError: The code is nested too deeply.
    """
    reader = _Reader()
    reader.visit(tree)
    return reader.uses


class _Reader:
    """One walk over the code, from the outside in; ``place`` tells an expression what surrounds it."""

    def __init__(self) -> None:
        self.uses = Uses()
        self._visits: dict[type[ast.AST], Callable[..., None]] = {
            ast.Attribute: self._access,
            ast.Subscript: self._access,
            ast.Name: self._name,
            ast.Call: self._call,
            ast.For: self._loop,
            ast.comprehension: self._loop,
            ast.Compare: self._compare,
            ast.Dict: self._dict,
            ast.Return: self._return,
        }

    def visit(self, node: ast.AST, place: _Place = _Place.OTHER) -> None:
        visit = self._visits.get(type(node))
        if visit is not None:
            visit(node, place)
        else:
            self._children(node)

    def _loop(self, node: ast.For | ast.comprehension, _: _Place) -> None:
        self.visit(node.iter, _Place.READ_AS_MAPPING)
        self._children(node, but=node.iter)

    def _compare(self, node: ast.Compare, _: _Place) -> None:
        self.visit(node.left)
        self._all(node.comparators, _Place.READ_AS_MAPPING)

    def _dict(self, node: ast.Dict, _: _Place) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                self.visit(value, _Place.READ_AS_MAPPING)
            else:
                self._all((key, value), _Place.OTHER)

    def _return(self, node: ast.Return, _: _Place) -> None:
        if node.value is not None:
            self.visit(node.value, _Place.READ_AS_MAPPING)

    def _all(self, nodes: Iterable[ast.AST], place: _Place) -> None:
        for node in nodes:
            self.visit(node, place)

    def _children(self, node: ast.AST, but: ast.AST | None = None) -> None:
        for child in ast.iter_child_nodes(node):
            if child is not but:
                self.visit(child)

    def _call(self, node: ast.Call, place: _Place) -> None:
        self.visit(node.func, _Place.CALLED)
        function = node.func
        harmless = isinstance(function, ast.Attribute) or (
            isinstance(function, ast.Name) and function.id in _TAKES_ANY_MAPPING
        )
        for argument in node.args:
            self.visit(argument, _Place.READ_AS_MAPPING if harmless else _Place.OTHER)
        for keyword in node.keywords:
            self.visit(keyword.value, _Place.READ_AS_MAPPING if keyword.arg is None else _Place.OTHER)
        if place is not _Place.ACCESSED and _is_step(node):
            self.uses.step.escapes = True

    def _access(self, node: ast.Attribute | ast.Subscript, place: _Place) -> None:
        if isinstance(node, ast.Subscript):
            self.visit(node.slice)
        whole = _root_of(node)
        if whole is not None:
            self._whole(whole, place)
            return
        root = _root_of(node.value)
        if root is None:
            if _is_step(node.value):
                self._note(self.uses.step, node, place)
            self.visit(node.value, _Place.ACCESSED)
            return
        self._note(self.uses.of(root), node, place)
        self.uses.context = self.uses.context or isinstance(node.value, ast.Attribute)
        if root == "steps":
            self._note_step(node, place)

    def _note(self, use: Use, node: ast.Attribute | ast.Subscript, place: _Place) -> None:
        if isinstance(node, ast.Attribute) and not _is_mapping_method(node, place):
            use.attributes = True
        else:
            use.mapping = True

    def _note_step(self, node: ast.Attribute | ast.Subscript, place: _Place) -> None:
        if isinstance(node, ast.Attribute) and _is_mapping_method(node, place):
            escapes = node.attr in {"items", "values"}  # `.get(…)` is judged as the call it is
        else:
            escapes = place is not _Place.ACCESSED
        self.uses.step.escapes = self.uses.step.escapes or escapes

    def _name(self, node: ast.Name, place: _Place) -> None:
        root = _root_of(node)
        if root is not None:
            self._whole(root, place)
            return
        self.uses.names.add(node.id)
        if node.id == "context":
            self.uses.context = True
            if place is not _Place.ACCESSED:
                for name in ROOTS:
                    self._whole(name, _Place.OTHER)

    def _whole(self, root: str, place: _Place) -> None:
        use = self.uses.of(root)
        use.mapping = use.whole = True
        use.escapes = use.escapes or place is not _Place.READ_AS_MAPPING
        if root == "steps":
            self.uses.step.escapes = True


def _root_of(node: ast.expr) -> str | None:
    """``"inputs"`` for ``inputs`` and ``context.inputs``; likewise the other roots, and ``last``."""
    if isinstance(node, ast.Name):
        return node.id if node.id in ROOTS or node.id == LAST else None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "context":
        return node.attr if node.attr in ROOTS else None
    return None


def _is_mapping_method(node: ast.Attribute, place: _Place) -> bool:
    return place is _Place.CALLED and node.attr in MAPPING_METHODS


def _is_step(node: ast.expr) -> bool:
    """Whether an expression is one step: ``steps.x``, ``steps["x"]``, ``steps.get("x")``."""
    if isinstance(node, ast.Call):
        function = node.func
        return isinstance(function, ast.Attribute) and function.attr == "get" and _root_of(function.value) == "steps"
    return isinstance(node, ast.Attribute | ast.Subscript) and _root_of(node.value) == "steps"
