"""A step's code made ready for the sandbox: what is sent, and the way back from its lines to the user's.

The sandbox would turn a function or a class that is returned into its ``repr`` without a word. So each ``return``
at top level passes its value through a function of the prelude, by text inserted where the expression begins
and ends; columns behind an insertion are moved back when an error is told.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

import attrs

from ael.code.parse import parse
from ael.code.uses import Uses, find_uses
from ael.ports import CodeProblem

__all__ = ["Program", "read_program"]

_BEFORE = " __ael_out(("
_AFTER = "))"
_NOTHING = " __ael_out(None)"
_ENDING = "\nreturn __ael_out(result)\n"
_BRANCHES = ("body", "orelse", "finalbody", "handlers", "cases")


@attrs.frozen
class Program:
    """One step's code, read once and kept by its text.

    Attributes:
        lines: The user's code by lines.
        body: What is sent after the prelude.
        insertions: Line → (column, length) of each text inserted into it, by column; columns count characters from 1
            and are those of ``body``.
        uses: How it uses what it is given.
        problems: What the sandbox would refuse; nothing is sent if there are any.
    """

    lines: Sequence[str]
    body: str
    insertions: dict[int, list[tuple[int, int]]]
    uses: Uses
    problems: Sequence[CodeProblem]

    def column(self, line: int, column: int) -> int:
        """The column of the user's code for one of ``body``."""
        moved = sum(min(length, column - at) for at, length in self.insertions.get(line, ()) if at < column)
        return max(column - moved, 1)


def read_program(code: str) -> Program:
    """Read a step's code. Never raises for what is wrong in it: ``problems``."""
    tree, problems = parse(code)
    lines = code.split("\n")
    try:
        uses = find_uses(tree)
        body, insertions = _pass_results(tree, lines)
    except RecursionError:
        problem = CodeProblem("CODE_SYNTAX", "the code is nested too deeply")
        return Program(lines, "", {}, Uses(), [*problems, problem])
    return Program(lines, body, insertions, uses, problems)


def _pass_results(tree: ast.Module, lines: Sequence[str]) -> tuple[str, dict[int, list[tuple[int, int]]]]:
    inserts: list[tuple[int, int, str]] = []
    for node in _returns(tree.body):
        begin = node.col_offset + len("return")
        if node.value is None:
            inserts.append((node.lineno, begin, _NOTHING))
        else:
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            inserts += [(node.lineno, begin, _BEFORE), (node.end_lineno, node.end_col_offset, _AFTER)]
    inserts.sort()
    done = list(lines)
    insertions: dict[int, list[tuple[int, int]]] = {}
    for line, offset, text in reversed(inserts):
        at = len(lines[line - 1].encode()[:offset].decode())
        done[line - 1] = done[line - 1][:at] + text + done[line - 1][at:]
    for line, offset, text in inserts:
        at = len(lines[line - 1].encode()[:offset].decode())
        placed = insertions.setdefault(line, [])
        placed.append((at + 1 + sum(length for _, length in placed), len(text)))
    return "\n".join(done) + _ENDING, insertions


def _returns(statements: Sequence[ast.AST]) -> Iterator[ast.Return]:
    """The ``return`` statements of the step itself: not those of functions in it."""
    for statement in statements:
        if isinstance(statement, ast.Return):
            yield statement
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for branch in _BRANCHES:
                yield from _returns(getattr(statement, branch, ()))
