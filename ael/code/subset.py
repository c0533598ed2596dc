"""What the safe executor's Python lacks, as tables, and the walk that finds it in a step's code.

The sandbox says most of this itself when it runs; saying it while the file is loaded, with what to write
instead, costs tens of microseconds. Every entry was tried on the sandbox's current version.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

from ael.ports import CodeProblem

__all__ = [
    "ABSENT_NAMES",
    "BINDING",
    "DATA_ATTRIBUTES",
    "MODULES",
    "bound_by",
    "find_problems",
    "missing_module",
    "walk",
]

# fmt: off
MODULES = frozenset({
    "asyncio", "base64", "binascii", "bisect", "collections", "copy", "csv", "dataclasses", "datetime",
    "decimal", "functools", "hashlib", "itertools", "json", "math", "os", "os.path", "pathlib", "posixpath",
    "random", "re", "sys", "time", "tomllib", "typing", "unicodedata",
})
"""What a step can import."""

_REACHING_OUT = frozenset({
    "aiohttp", "asyncpg", "boto3", "ctypes", "fcntl", "ftplib", "glob", "http", "httpx", "importlib",
    "mmap", "multiprocessing", "os", "paramiko", "pickle", "psycopg", "psycopg2", "pty", "redis",
    "requests", "resource", "sched", "selectors", "shelve", "shutil", "signal", "smtplib", "socket",
    "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "urllib3",
})
"""Modules whose purpose is files, network, processes, or the interpreter itself."""
# fmt: on

_MODULE_HINTS = {
    "collections.abc": "import the names from `typing`",
    "contextlib": "write try/finally",
    "enum": "use constants, or texts",
    "heapq": "use sorted(), or `bisect.insort`",
    "operator": "write a lambda",
    "statistics": "compute it from sum(), len() and sorted()",
    "string": "write the characters out",
    "textwrap": "split and join the lines yourself",
    "uuid": 'use hashlib, or "%032x" % random.getrandbits(128)',
    "zoneinfo": "use datetime.timezone with a fixed offset",
}

_NO_TOOLS = "tools cannot be called from code yet; call it in a tool step, and read its output here"

ABSENT_NAMES: dict[str, tuple[str, str]] = {
    "tools": ("CODE_UNSUPPORTED", _NO_TOOLS),
    "call_tool": ("CODE_UNSUPPORTED", _NO_TOOLS),
    "ToolError": ("CODE_UNSUPPORTED", _NO_TOOLS),
    "__builtins__": ("CODE_SECURITY", "the interpreter's insides are out of reach"),
    "__import__": ("CODE_SECURITY", "write an import statement"),
    "breakpoint": ("CODE_SECURITY", "there is no terminal; use log()"),
    "input": ("CODE_SECURITY", "there is nobody to ask; declare an input of the workflow"),
    "open": ("CODE_SECURITY", "code steps have no files; read them with a tool"),
    "compile": ("CODE_UNSUPPORTED", "write the code out"),
    "globals": ("CODE_UNSUPPORTED", "keep values in a dict of your own"),
    "vars": ("CODE_UNSUPPORTED", "keep values in a dict"),
    "dir": ("CODE_UNSUPPORTED", "use hasattr() with the name you expect"),
    "exit": ("CODE_UNSUPPORTED", "end the step with `return`"),
    "quit": ("CODE_UNSUPPORTED", "end the step with `return`"),
    "ascii": ("CODE_UNSUPPORTED", "use json.dumps()"),
    "aiter": ("CODE_UNSUPPORTED", "build a list"),
    "anext": ("CODE_UNSUPPORTED", "build a list"),
    "bytearray": ("CODE_UNSUPPORTED", "use bytes, or a list of numbers"),
    "callable": ("CODE_UNSUPPORTED", 'use hasattr(x, "__call__"), or try it'),
    "delattr": ("CODE_UNSUPPORTED", "set the attribute to None"),
    "issubclass": ("CODE_UNSUPPORTED", "classes do not inherit here; use isinstance()"),
    "memoryview": ("CODE_UNSUPPORTED", "use bytes"),
    "super": ("CODE_UNSUPPORTED", "classes do not inherit here; call the function by name"),
    "ExceptionGroup": ("CODE_UNSUPPORTED", "raise one exception that says it all"),
    "BaseExceptionGroup": ("CODE_UNSUPPORTED", "raise one exception that says it all"),
    "IOError": ("CODE_UNSUPPORTED", "use OSError"),
    "EnvironmentError": ("CODE_UNSUPPORTED", "use OSError"),
    "ConnectionError": ("CODE_UNSUPPORTED", "use OSError"),
    "UnicodeError": ("CODE_UNSUPPORTED", "use ValueError"),
}

_MODULE_CALLS: dict[tuple[str, str], tuple[str, str]] = {
    ("context", "tools"): ("CODE_UNSUPPORTED", _NO_TOOLS),
    ("os", "system"): ("CODE_SECURITY", "code steps start no processes; use a tool"),
    ("os", "popen"): ("CODE_SECURITY", "code steps start no processes; use a tool"),
    ("os", "environ"): ("CODE_SECURITY", "code steps have no environment; pass the value as an input"),
    ("os", "getenv"): ("CODE_SECURITY", "code steps have no environment; pass the value as an input"),
    ("sys", "exit"): ("CODE_UNSUPPORTED", "end the step with `return`, or raise an exception"),
    ("sys", "modules"): ("CODE_SECURITY", "the interpreter's insides are out of reach"),
    ("asyncio", "create_task"): ("CODE_UNSUPPORTED", "use `await asyncio.gather(…)`"),
}

_METHOD_DECORATORS = frozenset({"property", "staticmethod", "classmethod"})
_EXITS = frozenset({"SystemExit", "KeyboardInterrupt", "GeneratorExit"})
DATA_ATTRIBUTES = frozenset(
    name for kind in (str, bytes, int, float, dict, list, datetime, Decimal) for name in dir(kind)
)
"""Attributes that a value of plain data can have."""


def missing_module(name: str, line: int = 1, column: int = 1) -> CodeProblem:
    """How to say that ``name`` cannot be imported."""
    top = name.partition(".")[0]
    if top in _REACHING_OUT or name == "urllib.request":
        message = f"module {name!r} cannot be imported: code steps have no files, network or processes"
        return CodeProblem("CODE_SECURITY", message, line, column, "use a tool in a step before, and read its output")
    hint = _MODULE_HINTS.get(name) or _MODULE_HINTS.get(top)
    known = ", ".join(sorted(MODULES - {"binascii", "os", "os.path", "posixpath", "sys", "unicodedata"}))
    return CodeProblem(
        "CODE_UNSUPPORTED",
        f"module {name!r} does not exist in the safe executor",
        line,
        column,
        hint or f"there are: {known}",
    )


def find_problems(tree: ast.Module) -> list[CodeProblem]:
    """Everything in the code that the sandbox will refuse, in order of place; columns count bytes."""
    problems: list[CodeProblem] = []
    loads: dict[str, ast.Name] = {}
    bound: set[str] = set()
    for node in walk(tree):
        if type(node) is ast.Name:
            if type(node.ctx) is ast.Load:
                loads.setdefault(node.id, node)
            else:
                bound.add(node.id)
            continue
        found = _CHECKS.get(type(node))
        if found is not None:
            problems.extend(found(node))
        if type(node) in BINDING:
            bound.update(bound_by(node))
    for name in loads.keys() & ABSENT_NAMES.keys() - bound:
        code, hint = ABSENT_NAMES[name]
        problems.append(_problem(loads[name], code, f"there is no {name!r} in the safe executor", hint))
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return problems


_LEAVES = frozenset(
    {ast.Load, ast.Store, ast.Constant, ast.Pass, *ast.operator.__subclasses__(), *ast.cmpop.__subclasses__()}
)


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but leaves that say nothing, and imports that the code itself is prepared to see fail.

    Like ``ast.walk``, at a third of its cost.
    """
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        if type(node) is ast.Try and _expects_import_error(node):
            pending += [part for part in node.body if not isinstance(part, ast.Import | ast.ImportFrom)]
            pending += (*node.handlers, *node.orelse, *node.finalbody)
            continue
        for value in node.__dict__.values():
            if type(value) is list:
                pending += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST) and type(value) not in _LEAVES:
                pending.append(value)


def _expects_import_error(node: ast.Try) -> bool:
    caught = {"ImportError", "ModuleNotFoundError", "Exception"}
    return any(
        handler.type is None or any(isinstance(part, ast.Name) and part.id in caught for part in ast.walk(handler.type))
        for handler in node.handlers
    )


BINDING = frozenset(
    {
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.arg,
        ast.alias,
        ast.ExceptHandler,
        ast.MatchAs,
        ast.MatchStar,
        ast.MatchMapping,
    }
)
"""Nodes other than names that can give a name a value."""


def bound_by(node: ast.AST) -> Iterator[str]:
    """Names that a node other than a Name gives a value."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def _problem(node: ast.AST, code: str, message: str, hint: str | None) -> CodeProblem:
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    return CodeProblem(code, message, line, column, hint)


def _refuse(what: str, hint: str) -> Callable[[ast.AST], Iterator[CodeProblem]]:
    def check(node: ast.AST) -> Iterator[CodeProblem]:
        yield _problem(node, "CODE_UNSUPPORTED", f"the safe executor does not support {what}", hint)

    return check


def _check_import(node: ast.Import) -> Iterator[CodeProblem]:
    for alias in node.names:
        if alias.name not in MODULES:
            yield missing_module(alias.name, node.lineno, node.col_offset + 1)


def _check_import_from(node: ast.ImportFrom) -> Iterator[CodeProblem]:
    if node.level:
        message = "a code step belongs to no package and cannot import relatively"
        yield _problem(node, "CODE_UNSUPPORTED", message, "write the code into the step")
    elif node.module not in MODULES and node.module != "__future__":
        yield missing_module(node.module or "", node.lineno, node.col_offset + 1)
    elif any(alias.name == "*" for alias in node.names):
        hint = f"name what you need: `from {node.module} import …`"
        yield _problem(node, "CODE_UNSUPPORTED", "the safe executor does not support `import *`", hint)


def _check_class(node: ast.ClassDef) -> Iterator[CodeProblem]:
    if node.bases or node.keywords:
        where = (node.bases or [keyword.value for keyword in node.keywords])[0]
        message = f"the safe executor does not support inheritance: class {node.name!r} has a base class"
        yield _problem(
            where, "CODE_UNSUPPORTED", message, "write the class without bases, or plain functions and dicts"
        )
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _check_method(item)


def _check_method(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[CodeProblem]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Name) and decorator.id in _METHOD_DECORATORS:
            message = f"the safe executor does not support `@{decorator.id}`"
            yield _problem(decorator, "CODE_UNSUPPORTED", message, "write an ordinary method, or a function outside")


def _check_comprehension(node: ast.comprehension) -> Iterator[CodeProblem]:
    if node.is_async:
        message = "the safe executor does not support `async for`"
        yield _problem(node.target, "CODE_UNSUPPORTED", message, "await a list first")


def _check_raise(node: ast.Raise) -> Iterator[CodeProblem]:
    called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    if isinstance(called, ast.Name) and called.id in _EXITS:
        message = f"a code step cannot raise {called.id}"
        yield _problem(node, "CODE_UNSUPPORTED", message, "end the step with `return`, or raise a RuntimeError")


def _check_attribute(node: ast.Attribute) -> Iterator[CodeProblem]:
    if isinstance(node.value, ast.Name):
        found = _MODULE_CALLS.get((node.value.id, node.attr))
        if found is not None:
            name = f"{node.value.id}.{node.attr}"
            yield _problem(node, found[0], f"there is no {name} in the safe executor", found[1])
    elif node.attr not in DATA_ATTRIBUTES and _is_data(node.value):
        place = ast.unparse(node.value)
        message = f"{place} is plain data and has no attribute {node.attr!r}"
        yield _problem(node, "CODE_UNSUPPORTED", message, f'write {place}["{node.attr}"]')


def _is_data(node: ast.expr) -> bool:
    """Whether an expression is ``inputs.x``, ``steps.x.output`` or ``.error``, with or without ``context.``."""
    if not isinstance(node, ast.Attribute):
        return False
    if _is_root(node.value, "inputs"):
        return True
    step = node.value
    return (
        node.attr in {"output", "error"}
        and isinstance(step, ast.Attribute | ast.Subscript)
        and _is_root(step.value, "steps")
    )


def _is_root(node: ast.expr, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name
    return isinstance(node, ast.Attribute) and node.attr == name and _is_name(node.value, "context")


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


_CHECKS: dict[type[ast.AST], Callable[..., Iterator[CodeProblem]]] = {
    ast.Import: _check_import,
    ast.ImportFrom: _check_import_from,
    ast.ClassDef: _check_class,
    ast.comprehension: _check_comprehension,
    ast.Raise: _check_raise,
    ast.Attribute: _check_attribute,
    ast.Yield: _refuse("`yield`", "build and return a list"),
    ast.YieldFrom: _refuse("`yield from`", "build and return a list"),
    ast.Delete: _refuse("`del`", "use .pop(), or build a new dict or list without the element"),
    ast.AsyncFor: _refuse("`async for`", "await a list first"),
    ast.AsyncWith: _refuse("`async with`", "write try/finally"),
    ast.TryStar: _refuse("`except*`", "use `except`"),
}
for _name, _what in {"TypeAlias": "`type X = …`", "TemplateStr": "t-strings"}.items():
    _node = getattr(ast, _name, None)
    if _node is not None:
        _CHECKS[_node] = _refuse(_what, "leave it out")
