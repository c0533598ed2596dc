"""From a step's text to its syntax tree, or to the one problem that says why there is none."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection

import attrs

from ael.code.names import find_name_problems
from ael.code.subset import find_problems, walk
from ael.ports import CodeProblem

__all__ = ["parse"]


def parse(code: str, names: Collection[str] | None = None) -> tuple[ast.Module, list[CodeProblem]]:
    """The tree, and everything the sandbox will refuse; after a syntax error the tree is empty.

    With ``names``, the locals that the code is given, also names that are not defined.
    """
    # Warnings about the user's code (an invalid escape) must reach neither stderr nor a filter that raises.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(code)
            problems = find_problems(tree)
            if not problems and _needs_compiling(tree):
                _compile(tree)
            if names is not None:
                problems += find_name_problems(tree, names)
                problems.sort(key=lambda problem: (problem.line, problem.column))
        except SyntaxError as error:
            return ast.Module([], []), [_syntax_problem(error)]
        except (RecursionError, MemoryError):
            return ast.Module([], []), [CodeProblem("CODE_SYNTAX", "the code is nested too deeply")]
        except ValueError as error:  # NUL characters
            return ast.Module([], []), [CodeProblem("CODE_SYNTAX", f"the code cannot be read: {error}")]
    if problems and not code.isascii():
        problems = _count_characters(code, problems)
    return tree, problems


def _count_characters(code: str, problems: list[CodeProblem]) -> list[CodeProblem]:
    """The problems with columns in characters; the parser counts the bytes of UTF-8."""
    lines = code.encode().split(b"\n")
    return [
        attrs.evolve(problem, column=len(lines[problem.line - 1][: problem.column - 1].decode(errors="ignore")) + 1)
        for problem in problems
    ]


_ONLY_THE_COMPILER_SEES = frozenset(
    {
        ast.Break,
        ast.Continue,
        ast.Await,
        ast.Global,
        ast.Nonlocal,
        ast.arguments,
        ast.ClassDef,
        ast.Starred,
        ast.NamedExpr,
        ast.Match,
    }
)


def _needs_compiling(tree: ast.Module) -> bool:
    return any(type(node) in _ONLY_THE_COMPILER_SEES for node in walk(tree))


def _compile(tree: ast.Module) -> None:
    """Let the compiler find what the parser lets pass: ``break`` outside a loop, ``await`` in a plain function.

    The body goes into an async function, where ``return`` and ``await`` are at home as they are at a step's top level.
    """
    shell = ast.parse("async def step(): pass")
    function = shell.body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    function.body = tree.body or function.body
    compile(shell, "<step>", "exec", dont_inherit=True)


def _syntax_problem(error: SyntaxError) -> CodeProblem:
    return CodeProblem("CODE_SYNTAX", f"syntax error: {error.msg}", error.lineno or 1, max(error.offset or 1, 1))
