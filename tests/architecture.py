"""How code may look here, as rules over the syntax tree: each yields offences, each with its fix.

A rule is a function from one parsed file to offences; ``RULES`` says which files it is asked about.
Nothing here imports the package: what is judged is text.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

FUNCTION_LINES = 50
COMPLEXITY = 10
MODULE_LINES = 300
METHODS = 20
PARAMETERS = 6

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Function | ast.ClassDef | ast.Module


class Offence(NamedTuple):
    """One place that breaks a rule, and what to do about it."""

    path: str
    line: int
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}; {self.fix}"


class File:
    """One file: its text, and what the rules ask of it, computed once."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    def offence(self, line: int, what: str, fix: str) -> Offence:
        return Offence(self.path, line, what, fix)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, Function)]

    @cached_property
    def code_lines(self) -> frozenset[int]:
        """The numbers of lines that hold more than white space, comments and docstrings."""
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in _NO_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in self.nodes:
            if isinstance(node, Scope) and (docstring := _docstring(node)) is not None:
                lines.difference_update(_lines(docstring))
        return frozenset(lines)

    @cached_property
    def prose(self) -> list[tuple[int, str]]:
        """Comments and docstrings, with the line each begins in."""
        found = [
            (token.start[0], token.string)
            for token in tokenize.generate_tokens(io.StringIO(self.text).readline)
            if token.type == tokenize.COMMENT
        ]
        for node in self.nodes:
            if isinstance(node, Scope) and (docstring := _docstring(node)) is not None:
                found.append((docstring.lineno, ast.get_docstring(node) or ""))
        return found


_NO_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
)


def _lines(node: ast.stmt | ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _docstring(node: Scope) -> ast.Expr | None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first
    return None


def _dotted(node: ast.AST | None) -> str:
    """``a.b.c`` of a chain of names; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or handler, without those of functions defined in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, Function | ast.ClassDef | ast.Lambda):
            yield child
            yield from _own_nodes(child)


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (
                (node.lineno, f"{prefix}.{alias.name}".lstrip() if prefix else alias.name) for alias in node.names
            )


# Size and shape


def function_size(file: File) -> Iterator[Offence]:
    for function in file.functions:
        size = len(file.code_lines.intersection(_lines(function)))
        if size > FUNCTION_LINES:
            what = f"{function.name} has {size} code lines (limit {FUNCTION_LINES})"
            yield file.offence(function.lineno, what, "split it where one thought ends and the next begins")


_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler)


def complexity(function: Function) -> int:
    """1, plus branches, boolean operands, conditions of comprehensions and cases that are no catch-all."""
    total = 1
    for node in _own_nodes(function):
        if isinstance(node, _BRANCHES):
            total += 1
        elif isinstance(node, ast.BoolOp):
            total += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            total += len(node.ifs)
        elif isinstance(node, ast.match_case):
            total += not (isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None and node.guard is None)
    return total


def function_complexity(file: File) -> Iterator[Offence]:
    for function in file.functions:
        found = complexity(function)
        if found > COMPLEXITY:
            what = f"{function.name} has complexity {found} (limit {COMPLEXITY})"
            yield file.offence(function.lineno, what, "make a table of the cases, or a function of a branch")


def _is_table(statement: ast.stmt) -> bool:
    """Whether a statement of a module assigns data: nothing in it decides, loops or defines."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return False
    logic = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.comprehension, ast.Await)
    return not any(isinstance(node, logic) for node in ast.walk(statement.value))


def module_size(file: File) -> Iterator[Offence]:
    lines = set(file.code_lines)
    for statement in file.tree.body:
        if _is_table(statement):
            lines.difference_update(_lines(statement))
    if len(lines) > MODULE_LINES:
        what = f"the module has {len(lines)} code lines (limit {MODULE_LINES})"
        yield file.offence(1, what, "make a package of it, one thought in each module")


def class_size(file: File) -> Iterator[Offence]:
    for node in file.nodes:
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(statement, Function) for statement in node.body)
            if methods > METHODS:
                what = f"class {node.name} has {methods} methods (limit {METHODS})"
                yield file.offence(node.lineno, what, "find the second class that hides in it")


def parameter_count(file: File) -> Iterator[Offence]:
    for function in file.functions:
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        if count > PARAMETERS and not _is_command(function):
            what = f"{function.name} takes {count} positional parameters (limit {PARAMETERS})"
            yield file.offence(function.lineno, what, "group what belongs together, or make them keyword-only")


def _is_command(function: Function) -> bool:
    """Whether click calls it: then its parameters are the command line's."""
    for decorator in function.decorator_list:
        name = _dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if name.startswith("click.") or name.endswith((".command", ".group")):
            return True
    return False


def module_docstring(file: File) -> Iterator[Offence]:
    if file.tree.body and _docstring(file.tree) is None:
        yield file.offence(1, "the module has no docstring", "say in one line what it is for")


_VAGUE = re.compile(r"(?:Manager|Helper|Utils?|Handler|Base)s?$")
_VAGUE_MODULES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "base"})


def vague_names(file: File) -> Iterator[Offence]:
    if Path(file.path).stem in _VAGUE_MODULES:
        yield file.offence(1, f"the module's name {Path(file.path).stem!r} says nothing", "name what is in it")
    for node in file.nodes:
        if isinstance(node, ast.ClassDef) and _VAGUE.search(node.name):
            yield file.offence(node.lineno, f"the name {node.name} says nothing", "name what it does")


# Errors


def _catches(handler: ast.ExceptHandler) -> set[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {_dotted(kind).rpartition(".")[2] for kind in kinds}


_BROAD = frozenset({"", "Exception", "BaseException"})


def _uses(handler: ast.ExceptHandler) -> bool:
    """Whether a handler raises something, or does anything with what it caught."""
    for node in _own_nodes(handler):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Name) and node.id == handler.name):
            return True
    return False


def swallowed_exceptions(file: File) -> Iterator[Offence]:
    for node in file.nodes:
        if isinstance(node, ast.ExceptHandler) and _BROAD & _catches(node) and not _uses(node):
            fix = "catch what can happen, or use the exception and say why it may end here"
            yield file.offence(node.lineno, "a broad except swallows the exception", fix)


def suppressed_exceptions(file: File) -> Iterator[Offence]:
    for node in file.nodes:
        if isinstance(node, ast.Call) and _dotted(node.func).rpartition(".")[2] == "suppress":
            kinds = {_dotted(argument).rpartition(".")[2] for argument in node.args}
            if kinds & (_BROAD | {"CancelledError"}):
                yield file.offence(node.lineno, "suppress() hides everything", "suppress what can happen")


def swallowed_cancellation(file: File) -> Iterator[Offence]:
    for node in file.nodes:
        if not (isinstance(node, ast.ExceptHandler) and "CancelledError" in _catches(node)):
            continue
        if all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body):
            fix = "re-raise it, or await the task with asyncio.wait"
            yield file.offence(node.lineno, "a cancellation is swallowed", fix)


# Imports


def hidden_imports(file: File) -> Iterator[Offence]:
    for function in file.functions:
        for line, name in _imports(_own_nodes(function)):
            if name.split(".")[0] in ("ael", ""):
                fix = "import it at the top; if that makes a circle, a piece is in the wrong module"
                yield file.offence(line, f"{function.name} imports {name} when called", fix)


_HOMES = {
    "jinja2": ("ael/templates/",),
    "mcp": ("ael/tools/",),
    "pydantic_monty": ("ael/code/",),
    "rich": ("ael/cli/", "ael/observe/"),
}


def stray_libraries(file: File) -> Iterator[Offence]:
    for line, name in _imports(file.nodes):
        homes = _HOMES.get(name.split(".")[0], ("",))
        if not file.path.startswith(homes):
            where = " and ".join(homes)
            yield file.offence(line, f"{name} is imported outside {where}", "move what needs it there")


# Time


_AMBIENT = re.compile(r"(?:^|\.)(?:datetime\.(?:now|utcnow|today)|date\.today|time\.time(?:_ns)?)$")


def ambient_clocks(file: File) -> Iterator[Offence]:
    for node in file.nodes:
        if isinstance(node, ast.Call) and _AMBIENT.search(_dotted(node.func)):
            fix = "take the time from the Clock port"
            yield file.offence(node.lineno, f"{_dotted(node.func)}() reads the machine's clock", fix)


_SLEEPS = frozenset({"time.sleep", "asyncio.sleep", "anyio.sleep"})


def real_sleeps(file: File) -> Iterator[Offence]:
    for node in file.nodes:
        if isinstance(node, ast.Call) and _dotted(node.func) in _SLEEPS:
            length = node.args[0] if node.args else None
            if not (isinstance(length, ast.Constant) and length.value == 0 and _dotted(node.func) != "time.sleep"):
                fix = "sleep on the virtual clock; to hang, wait for an asyncio.Event that nobody sets"
                yield file.offence(node.lineno, f"{_dotted(node.func)}() really sleeps", fix)


# Tests


def mocks(file: File) -> Iterator[Offence]:
    for line, name in _imports(file.nodes):
        if name.startswith(("unittest.mock", "mock", "pytest_mock")):
            yield file.offence(line, f"{name} is imported", "use a fake from ael.testing")


def _own_names(file: File) -> set[str]:
    """What a file calls the package and what it took from it."""
    names = {"ael"}
    for node in file.nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ael":
            names.update(alias.asname or alias.name for alias in node.names)
    return names


_PATCHES = frozenset({"monkeypatch.setattr", "monkeypatch.delattr"})


def patched_internals(file: File) -> Iterator[Offence]:
    ours = _own_names(file)
    for node in file.nodes:
        if isinstance(node, ast.Call) and node.args and _dotted(node.func) in _PATCHES:
            target = node.args[0]
            name = str(target.value) if isinstance(target, ast.Constant) else _dotted(target)
            if name.split(".")[0] in ours:
                yield file.offence(node.lineno, f"{name} is patched", "pass a fake in through the port")


# Words


_LEFTOVER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
_TICKET = re.compile(r"(?<!\w)#\d+\b|\b(?:GH-|issue |ticket )#?\d+", re.IGNORECASE)


def leftovers(file: File) -> Iterator[Offence]:
    for line, text in file.prose:
        if found := _LEFTOVER.search(text):
            yield file.offence(line, f"{found[0]} is left over", "do it, or leave it out")
        if found := _TICKET.search(text):
            yield file.offence(line, f"{found[0]!r} names a ticket", "say the reason itself")


_MACHINE = re.compile(r"(?<![\w./])/(?:work|root|home|Users)/\w")


def machine_paths(file: File) -> Iterator[Offence]:
    for number, line in enumerate(file.text.splitlines(), 1):
        if found := _MACHINE.search(line):
            yield file.offence(number, f"{found[0]}… is a path of one machine", "take it from the outside")


class Rule(NamedTuple):
    """Which files a check is asked about: those under ``where``, but not under ``except_``."""

    check: Callable[[File], Iterator[Offence]]
    where: tuple[str, ...]
    except_: tuple[str, ...] = ()


_CODE = ("ael/", "tests/", "benchmarks/", "examples/")
RULES = (
    Rule(function_size, _CODE),
    Rule(function_complexity, _CODE),
    Rule(module_size, ("ael/", "benchmarks/", "examples/")),
    Rule(class_size, ("ael/",)),
    Rule(parameter_count, ("ael/", "benchmarks/")),
    Rule(module_docstring, _CODE),
    Rule(vague_names, ("ael/",)),
    Rule(swallowed_exceptions, _CODE),
    Rule(suppressed_exceptions, _CODE),
    Rule(swallowed_cancellation, ("ael/",)),
    Rule(hidden_imports, ("ael/",), ("ael/cli/",)),
    Rule(stray_libraries, ("ael/",)),
    Rule(ambient_clocks, ("ael/",), ("ael/clock.py", "ael/testing/")),
    Rule(real_sleeps, ("tests/unit/",)),
    Rule(mocks, _CODE),
    Rule(patched_internals, ("tests/",)),
    Rule(leftovers, _CODE),
    Rule(machine_paths, ("",)),
)


def offences(rule: Rule, files: Iterable[File]) -> list[Offence]:
    """All places in the files the rule is asked about that break it."""
    judged = [
        file for file in files if file.path.startswith(rule.where) and not file.path.startswith(rule.except_ or "\0")
    ]
    return [offence for file in judged for offence in rule.check(file)]
