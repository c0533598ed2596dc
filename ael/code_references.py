"""What the Python of a code step reads of other steps and of the inputs, by its syntax tree alone.

Recognised are ``steps.x``, ``steps["x"]``, ``steps.get("x")``, and the same after ``context.``; any other
use of ``steps`` (going through it, an index that is no constant, passing it on) may read any step.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Sequence

import attrs

__all__ = ["CodeReads", "CodeReference", "code_references", "parse_quietly"]

_ROOTS = frozenset({"steps", "inputs"})
_CONTEXT = "context"


@attrs.frozen
class CodeReference:
    """One place where a step or an input is read: ``line`` and ``column`` of its root, in the code, from 1."""

    root: str
    name: str
    line: int
    column: int


@attrs.frozen
class CodeReads:
    """What code reads, in order of appearance.

    Attributes:
        reads_any_step: Whether ``steps`` is used in a way that may read any of them.
        syntax_error: Message, line and column, from 1, if it is no Python; then nothing else is known.
    """

    steps: tuple[CodeReference, ...] = ()
    inputs: tuple[CodeReference, ...] = ()
    reads_any_step: bool = False
    syntax_error: tuple[str, int, int] | None = None


def parse_quietly(code: str) -> ast.Module:
    """The tree of a user's code, without the warnings about it, which a filter may make errors.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: As ``ast.parse`` does.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code)


def code_references(code: str) -> CodeReads:
    """What ``code`` reads. Top-level ``return`` and ``await`` are legal, as in an async function's body."""
    try:
        # The parser alone accepts `return` and `await` anywhere; so lines and columns stay the user's.
        tree = parse_quietly(code)
    except SyntaxError as error:
        return CodeReads(syntax_error=(error.msg, max(error.lineno or 1, 1), max(error.offset or 1, 1)))
    except (ValueError, RecursionError, MemoryError) as error:
        return CodeReads(syntax_error=(str(error) or "this code is nested too deeply", 1, 1))
    reader = _Reader(code)
    try:
        reader.read(tree.body, frozenset())
    except RecursionError:
        return CodeReads(syntax_error=("this code is nested too deeply", 1, 1))
    found = sorted(reader.found, key=lambda reference: (reference.line, reference.column))
    return CodeReads(
        steps=tuple(reference for reference in found if reference.root == "steps"),
        inputs=tuple(reference for reference in found if reference.root == "inputs"),
        reads_any_step=reader.reads_any_step,
    )


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})
_NOTHING: frozenset[str] = frozenset()


class _Reader:
    """Walks statements in order, knowing which of the engine's names are hidden by the code's own.

    At the top a name is hidden from the statement after its assignment on, in a function everywhere, as
    Python has it. Where a branch decides, it counts as not hidden: a dependency too many only orders.
    """

    def __init__(self, code: str) -> None:
        self.found: list[CodeReference] = []
        self.reads_any_step = False
        self._lines = re.split(r"\r\n|\r|\n", code)

    def read(self, statements: Sequence[ast.stmt], hidden: frozenset[str]) -> frozenset[str]:
        """Read statements one after another; returns what is hidden after them."""
        for statement in statements:
            hidden = self._statement(statement, hidden)
        return hidden

    def _statement(self, node: ast.stmt, hidden: frozenset[str]) -> frozenset[str]:
        match node:
            case ast.If() | ast.While():
                self._visit(node.test, hidden)
                after = self.read(node.body, hidden)
                return after & self.read(node.orelse, hidden)
            case ast.For() | ast.AsyncFor():
                self._visit(node.iter, hidden)
                inner = hidden | _targets(node.target)
                self.read(node.orelse, self.read(node.body, inner))
                return inner
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._visit(item, hidden)
                return self.read(node.body, hidden | _targets(*node.items))
            case ast.Try() | ast.TryStar():
                inner = self.read(node.body, hidden)
                for handler in node.handlers:
                    self.read(handler.body, hidden | ({handler.name} if handler.name else _NOTHING))
                self.read(node.orelse, inner)
                return self.read(node.finalbody, hidden)
        self._visit(node, hidden)
        return hidden | _bound([node])

    def _visit(self, node: ast.AST, hidden: frozenset[str]) -> None:
        if isinstance(node, _Function):
            self._function(node, hidden)
        elif isinstance(node, ast.ClassDef):
            self._children((*node.decorator_list, *node.bases, *node.keywords), hidden)
            self.read(node.body, hidden)
        elif isinstance(node, _Comprehension):
            self._children(ast.iter_child_nodes(node), hidden | _targets(*(each.target for each in node.generators)))
        elif not self._reads(node, hidden):
            self._children(ast.iter_child_nodes(node), hidden)

    def _children(self, nodes: Iterable[ast.AST], hidden: frozenset[str]) -> None:
        for node in nodes:
            self._visit(node, hidden)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, hidden: frozenset[str]) -> None:
        arguments = node.args
        self._children((*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)), hidden)
        own = frozenset(each.arg for each in ast.walk(arguments) if isinstance(each, ast.arg))
        if isinstance(node, ast.Lambda):
            self._visit(node.body, hidden | own)
        else:
            self._children(node.decorator_list, hidden)
            self.read(node.body, hidden | own | _bound(node.body))

    def _reads(self, node: ast.AST, hidden: frozenset[str]) -> bool:
        """Whether the node is a read that is dealt with; if so it is noted."""
        root = _root(node, hidden)
        if root is not None:
            # Bare: neither indexed nor asked for a name.
            self.reads_any_step |= root != "inputs"
            return True
        read = _constant_read(node)
        if read is None:
            return self._reads_whole(node, hidden)
        owner, name = read
        root = _root(owner, hidden)
        if root is None or root == _CONTEXT:
            # `context.log` and the like: nothing of ours, and not the context passed on either.
            return root == _CONTEXT
        self._add(root, name, owner)
        if isinstance(node, ast.Call):
            self._children((*node.args, *node.keywords), hidden)
        return True

    def _reads_whole(self, node: ast.AST, hidden: frozenset[str]) -> bool:
        """``steps.items()`` and the like."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            return False
        root = _root(node.func.value, hidden)
        if root not in _ROOTS or node.func.attr not in _MAPPING_METHODS:
            return False
        self.reads_any_step |= root == "steps"
        self._children((*node.args, *node.keywords), hidden)
        return True

    def _add(self, root: str, name: str, owner: ast.expr) -> None:
        line = self._lines[owner.lineno - 1]
        column = len(line.encode()[: owner.col_offset].decode(errors="replace"))
        start = _CONTEXT if isinstance(owner, ast.Attribute) else root
        if not line.startswith(start, column):
            # Before 3.12 columns inside f-strings are not those of the line.
            column = max(line.find(start), 0)
        self.found.append(CodeReference(root, name, owner.lineno, column + 1))


def _root(node: ast.AST, hidden: frozenset[str]) -> str | None:
    """``steps``, ``inputs`` or ``context``, if that is what the node stands for."""
    match node:
        case ast.Name(id="steps" | "inputs" | "context" as name, ctx=ast.Load()):
            return None if name in hidden else name
        case ast.Attribute(value=ast.Name(id="context"), attr="steps" | "inputs" as name):
            return None if _CONTEXT in hidden else name
    return None


def _constant_read(node: ast.AST) -> tuple[ast.expr, str] | None:
    """What is read, and under which constant name: ``x.name``, ``x["name"]``, ``x.get("name")``."""
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return owner, name
        case ast.Call(func=ast.Attribute(attr=attr)) if attr in _MAPPING_METHODS:
            return None
        case ast.Subscript(value=owner, slice=ast.Constant(value=str(name))):
            return owner, name
        case ast.Attribute(value=owner, attr=name):
            return owner, name
    return None


def _targets(*nodes: ast.AST | None) -> frozenset[str]:
    """The names that targets bind."""
    names = (each for node in nodes if node is not None for each in ast.walk(node))
    return frozenset(each.id for each in names if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))


def _bound(statements: Iterable[ast.stmt]) -> frozenset[str]:
    """The names that statements bind in their own scope."""
    found: set[str] = set()
    rest: list[ast.AST] = list(statements)
    while rest:
        node = rest.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
            case ast.alias():
                found.add((node.asname or node.name).split(".")[0])
            case ast.ExceptHandler(name=str(name)):
                found.add(name)
        if not isinstance(node, _Comprehension):
            rest.extend(ast.iter_child_nodes(node))
    return frozenset(found)
