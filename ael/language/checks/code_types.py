"""What the code of a step returns, as far as its text alone says: displays, constants, and texts made of parts.

Code is Python, where names can mean anything: only what is written where it is returned counts, or what a name
was given that is mentioned nowhere else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from ael.code_references import parse_quietly
from ael.schema_types import (
    ANY,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    OPEN_OBJECT,
    TEXT,
    ListType,
    ObjectType,
    Type,
    of_value,
    union,
)

__all__ = ["code_type"]

_FUNCTIONS: Mapping[str, Type] = {
    "len": INTEGER,
    "str": TEXT,
    "int": INTEGER,
    "float": NUMBER,
    "bool": BOOLEAN,
    "repr": TEXT,
    "sorted": ListType(ANY),
    "list": ListType(ANY),
}
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_BODIES = ("body", "orelse", "handlers", "finalbody", "cases")
_ENDS = ast.Return | ast.Raise


def code_type(code: str) -> Type:
    """The type of a code step's output; ``ANY`` for code that is no Python."""
    try:
        return _Returned(code, parse_quietly(code).body).type()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ANY


class _Returned:
    """Reads the code of one step."""

    def __init__(self, code: str, body: list[ast.stmt]) -> None:
        self._code = code
        self._body = body
        self._of: Mapping[type[ast.expr], Callable[..., Type]] = {
            ast.Constant: self._constant,
            ast.JoinedStr: lambda node: TEXT,
            ast.Compare: lambda node: BOOLEAN,
            ast.List: self._list,
            ast.Tuple: self._list,
            ast.ListComp: lambda node: ListType(self._expression(node.elt)),
            ast.Dict: self._dict,
            ast.DictComp: lambda node: OPEN_OBJECT,
            ast.IfExp: lambda node: union(self._expression(node.body), self._expression(node.orelse)),
            ast.BoolOp: lambda node: union(*map(self._expression, node.values)),
            ast.UnaryOp: self._unary,
            ast.Call: self._call,
            ast.Name: self._name,
        }

    def type(self) -> Type:
        """Of all that may be returned, and of what is there at the end."""
        found = [self._expression(node.value) for node in _returns(self._body)]
        if not _ends(self._body):
            found.append(self._assigned("result") if self._mentions("result") else NULL)
        return union(*found)

    def _expression(self, node: ast.expr | None) -> Type:
        if node is None:
            return NULL
        found = self._of.get(type(node))
        return ANY if found is None else found(node)

    def _constant(self, node: ast.Constant) -> Type:
        kinds = (str, int, float, bool, type(None))
        return of_value(node.value) if type(node.value) in kinds else ANY

    def _list(self, node: ast.List | ast.Tuple) -> Type:
        return ListType(union(*map(self._expression, node.elts)))

    def _dict(self, node: ast.Dict) -> Type:
        fields: dict[str, Type] = {}
        rest: Type = union()
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                fields[key.value] = self._expression(value)
            else:
                rest = ANY
        if rest == ANY:  # `**more` after a key may give it another value
            fields = dict.fromkeys(fields, ANY)
        return ObjectType(fields, frozenset(fields), rest)

    def _unary(self, node: ast.UnaryOp) -> Type:
        if isinstance(node.op, ast.Not):
            return BOOLEAN
        value = node.operand
        if isinstance(node.op, ast.USub) and isinstance(value, ast.Constant) and type(value.value) in (int, float):
            return of_value(-value.value)  # type: ignore[operator]
        return ANY

    def _call(self, node: ast.Call) -> Type:
        callee = node.func
        if not isinstance(callee, ast.Name) or callee.id not in _FUNCTIONS:
            return ANY
        # Nothing else is called so where the name only ever stands before a call.
        calls = re.findall(rf"(?<!def )(?<!class )(?<!\.)\b{callee.id}\(", self._code)
        return _FUNCTIONS[callee.id] if len(calls) == self._mentions(callee.id) else ANY

    def _mentions(self, name: str) -> int:
        """How often a name stands in the code, in texts and comments too."""
        return len(re.findall(rf"\b{re.escape(name)}\b", self._code))

    def _name(self, node: ast.Name) -> Type:
        return self._assigned(node.id) if self._mentions(node.id) == 2 else ANY

    def _assigned(self, name: str) -> Type:
        """Of a name that is given a value once, at the top level, and besides at most returned."""
        others = self._mentions(name) - 1
        if others != sum(_is_name(node.value, name) for node in _returns(self._body)):
            return ANY
        for statement in self._body:
            if isinstance(statement, ast.Assign) and [_is_name(target, name) for target in statement.targets] == [True]:
                return self._expression(statement.value)
        return ANY


def _is_name(node: ast.expr | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _returns(body: Sequence[ast.stmt | ast.ExceptHandler | ast.match_case]) -> Iterator[ast.Return]:
    """Every ``return`` of the step itself, not of functions in it."""
    for node in body:
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, _SCOPES):
            for field in _BODIES:
                yield from _returns(getattr(node, field, ()))


def _ends(body: Sequence[ast.stmt]) -> bool:
    """Whether the end of these statements is certainly not reached."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.If):
        return _ends(last.body) and _ends(last.orelse)
    if isinstance(last, ast.With | ast.AsyncWith):
        return False  # may swallow an exception
    return isinstance(last, _ENDS)
