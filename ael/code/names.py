"""Names in a step's code that nothing gives a value, and locals used as what they are not.

A name counts as given wherever in the code anything binds it: what is reported is missing on every way
through the code, not only on one. Code that catches ``NameError`` knows what it does.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterator

from ael.code.subset import ABSENT_NAMES, BINDING, DATA_ATTRIBUTES, MODULES, bound_by, walk
from ael.near import nearest
from ael.ports import CodeProblem

__all__ = ["find_name_problems"]

_GIVEN = frozenset({"inputs", "steps", "config", "workflow", "context", "log", "result"})
_KNOWN = _GIVEN.union(dir(builtins), ABSENT_NAMES, {"__file__"})
_ADVICE = {
    **dict.fromkeys(("true", "false"), "write `True` and `False`"),
    **dict.fromkeys(("null", "undefined"), "write `None`"),
    "env": "code steps have no environment; declare an input",
    "execution_id": "write `context.execution_id`",
    "index": "inside a step with `for_each` it counts the items from 0",
    "last": "inside a step with `repeat` it is the round before",
    "output": "in `undo` it is the output to take back; elsewhere what a step gave is `steps.ID.output`",
    "secrets": "code has no secrets; give them to a tool: `secrets.NAME` in its params",
    "step": "another step is read as `steps.ID`",
}


def find_name_problems(tree: ast.Module, names: Collection[str]) -> Iterator[CodeProblem]:
    """What is wrong with the names in the code, in no order; columns count bytes.

    Args:
        tree: The code.
        names: The locals it is given: the item, ``index``, ``last``, ``output``.
    """
    loads: dict[str, list[ast.Name]] = {}
    bound: set[str] = set()
    attributes: list[ast.Attribute] = []
    for node in walk(tree):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                loads.setdefault(node.id, []).append(node)
            else:
                bound.add(node.id)
        elif isinstance(node, ast.Attribute):
            attributes.append(node)
        elif type(node) in BINDING:
            bound.update(bound_by(node))
    unknown = loads.keys() - bound - _KNOWN.union(names)
    if unknown and "NameError" not in loads:
        first = [min(loads[name], key=lambda node: (node.lineno, node.col_offset)) for name in unknown]
        yield from _undefined(tree, first, names, (*names, *_GIVEN, *bound, "print"))
    given = set(names) - bound
    if given:
        yield from (problem for node in attributes for problem in _misread(node, given))


def _undefined(
    tree: ast.Module, unknown: list[ast.Name], names: Collection[str], known: Collection[str]
) -> Iterator[CodeProblem]:
    # The walk leaves out imports that the code is prepared to see fail; they bind their names all the same.
    imported = {name for node in ast.walk(tree) if isinstance(node, ast.alias) for name in bound_by(node)}
    for node in unknown:
        if node.id not in imported and not node.id.startswith("__"):
            message = f"{node.id!r} is not defined"
            hint = _item_hint(names) if node.id == "item" else _hint(node.id, known)
            yield CodeProblem("CODE_RUNTIME", message, node.lineno, node.col_offset + 1, hint, len(node.id))


def _item_hint(names: Collection[str]) -> str:
    items = [name for name in names if name not in _ADVICE]
    return f"did you mean {items[0]!r}?" if len(items) == 1 else "inside a step with `for_each` it is the item"


def _hint(name: str, known: Collection[str]) -> str | None:
    if name in _ADVICE:
        return _ADVICE[name]
    if name in MODULES:
        return f"write `import {name}` before"
    near = nearest(name, known)
    return None if near is None else f"did you mean {near!r}?"


def _misread(node: ast.Attribute, given: Collection[str]) -> Iterator[CodeProblem]:
    """``item.name``, and ``last.output.name``: data in there has keys, not attributes."""
    owner = node.value
    if isinstance(owner, ast.Attribute):
        is_data = owner.attr == "output" and _is_last(owner.value, given)
    else:
        is_data = isinstance(owner, ast.Name) and owner.id in given and owner.id != "last"
    if is_data and node.attr not in DATA_ATTRIBUTES:
        place = ast.unparse(owner)
        message = f"{place} is plain data and has no attribute {node.attr!r}"
        hint = f'write {place}["{node.attr}"]'
        yield CodeProblem("CODE_UNSUPPORTED", message, node.lineno, node.col_offset + 1, hint)


def _is_last(node: ast.expr, given: Collection[str]) -> bool:
    return isinstance(node, ast.Name) and node.id == "last" and "last" in given
