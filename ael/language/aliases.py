"""What old files say in bodies of steps: read as what it means here, each with a note and where possible a fix.

Old names of keys and words stand in their rows, see ``tables``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

import attrs

from ael.code_references import parse_quietly
from ael.definition import CodeBody, Path
from ael.diagnostics import Edit, Fix
from ael.language.catalog import old, structure
from ael.language.nodes import Spans
from ael.language.places import Placer, text_places
from ael.language.report import Report, replacement
from ael.language.rewrites import unwrapped, without_entries
from ael.language.shapes import has_braces
from ael.source import Source
from ael.types import JsonValue

__all__ = ["note_code", "note_server", "python_exec"]

_CONTEXT = re.compile(r"(?<![\w.])context\.(inputs|steps|log|tools\.call(?=\())\b")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)
_NOW = {"tools.call": "call_tool"}
"""What stands for a name of ``context`` that has another name here."""
_RESULT = re.compile(r"^result\s*=(?!=)[ \t]*", re.MULTILINE)


def note_code(code: str, at: Path, report: Report) -> None:
    """Notes about ``context.…``, one with all its edits, and about the variable ``result``."""
    if "context." in code:
        _note_context(code, at, report)
    if "result" in code:
        _note_result(code, at, report)


def _note_context(code: str, at: Path, report: Report) -> None:
    names = list(_CONTEXT.finditer(code))
    if not names:
        return
    problem = old.OldCode(names[0][1], _NOW.get(names[0][1], names[0][1]))
    place = text_places(report.source, report.spans.get(at), code)
    if place is None:
        report.add(problem, at)
    else:
        report.add_span(problem, place(names[0].start(), len(names[0][0])), _without_context(names, place))


def _without_context(names: list[re.Match[str]], place: Placer) -> Fix:
    edits = tuple(
        Edit(*place(name.start(), len(name[0])), _NOW[name[1]])
        if name[1] in _NOW
        else Edit(*place(name.start(), len("context.")), "")
        for name in names
    )
    return Fix("remove `context.`", edits, safe=True)


def _note_result(code: str, at: Path, report: Report) -> None:
    try:
        statements = parse_quietly(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # said elsewhere
    result = _RESULT.search(code)
    if result is None or not any(_assigns_result(statement) for statement in statements) or _returns(statements):
        return
    place = text_places(report.source, report.spans.get(at), code)
    if place is None:
        report.add(old.ResultVariable(), at)
        return
    span = place(result.start(), len("result"))
    report.add_span(old.ResultVariable(), span, _with_return(code, statements[-1], at, place, report))


def _assigns_result(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else ()
    return any(isinstance(target, ast.Name) and target.id == "result" for target in targets)


def _returns(statements: Sequence[ast.AST]) -> bool:
    """Whether the code itself returns: not a function in it."""
    own = [node for node in statements if not isinstance(node, _FUNCTIONS)]
    return any(isinstance(node, ast.Return) or _returns(list(ast.iter_child_nodes(node))) for node in own)


def _with_return(code: str, last: ast.stmt, at: Path, place: Placer, report: Report) -> Fix | None:
    """``return`` in the place of ``result =`` where the code ends with that; else at its end."""
    found = _RESULT.match(code, _offset_of_line(code, last.lineno))
    if _assigns_result(last) and found is not None and last.col_offset == 0:
        return replacement(place(found.start(), len(found[0])), "return ", "write `return`")
    node = report.spans.get(at)
    if node is None or node.style != "|":
        return None
    first, end = place(0, 1), place(len(code.rstrip()) - 1, 1)
    edit = Edit(
        end.end_line, end.end_column, end.end_line, end.end_column, f"\n{' ' * (first.column - 1)}return result"
    )
    return Fix("end with `return result`", (edit,), safe=True)


def _offset_of_line(code: str, number: int) -> int:
    return Source(code).offset(number, 1)


def note_server(server: str, tool: str, at: Path, report: Report) -> None:
    """A note about ``mcp`` beside a bare ``tool``."""
    if "." in tool:
        return
    fix = report.replace((*at, "tool"), f"{server}.{tool}", f"write `tool: {server}.{tool}`")
    edits = without_entries(report, at, ("mcp",))
    both = attrs.evolve(fix, edits=(*fix.edits, *edits)) if fix is not None and edits else None
    report.add(old.ServerBesideTool(server, tool), (*at, "mcp"), key=True, fix=both)


def python_exec(params: dict[str, JsonValue], at: Path, report: Report) -> CodeBody | None:
    """The code step that ``tool: python_exec`` means; ``None``, with a problem, if it is more than that."""
    reason = _python_exec_problem(params)
    if reason is not None:
        report.add(structure.PythonExecUnclear(report.what(at), reason), (*at, "tool"))
        return None
    report.add(old.PythonExec(), (*at, "tool"), fix=_as_code(at, report))
    if isinstance(report.spans, Spans):
        report.spans.moved[(*at, "code")] = (*at, "params", "code")
    code: str = params["code"]
    note_code(code, (*at, "code"), report)
    return CodeBody(code)


def _as_code(at: Path, report: Report) -> Fix | None:
    """``code`` in the place of ``params``; neither ``tool`` nor ``mcp``."""
    moved = unwrapped(report, (*at, "params"), "code")
    others = without_entries(report, at, ("tool", "mcp"))
    return Fix("write `code`", (*others, *moved), safe=True) if moved and others else None


def _python_exec_problem(params: dict[str, JsonValue]) -> str | None:
    code = params.get("code")
    others = sorted(set(params) - {"code", "timeout"})
    if not isinstance(code, str) or not code.strip():
        return "its `params` have no `code`"
    if others:
        return f"`params.{others[0]}` has no counterpart"
    if has_braces(code):
        return "templates in code are not rendered"
    return None
