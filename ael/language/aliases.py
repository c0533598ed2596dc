"""What old files say in bodies of steps: read as what it means here, each with a note and where possible a fix.

Old names of keys and words stand in their rows, see ``tables``.
"""

from __future__ import annotations

import re

from ael.definition import CodeBody, Path
from ael.diagnostics import Edit, Fix
from ael.language.catalog import old, structure
from ael.language.nodes import Spans
from ael.language.places import Placer, text_places
from ael.language.report import Report
from ael.language.shapes import has_braces
from ael.types import JsonValue

__all__ = ["note_code", "note_server", "python_exec"]

_CONTEXT = re.compile(r"(?<![\w.])context\.(inputs|steps|log)\b")
_RESULT = re.compile(r"^result\s*=(?!=)", re.MULTILINE)
_RETURN = re.compile(r"^\s*return\b", re.MULTILINE)


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
    problem = old.OldCode(names[0][1])
    place = text_places(report.source, report.spans.get(at), code)
    if place is None:
        report.add(problem, at)
    else:
        report.add_span(problem, place(names[0].start(), len(names[0][0])), _without_context(names, place))


def _note_result(code: str, at: Path, report: Report) -> None:
    result = _RESULT.search(code)
    if result is None or _RETURN.search(code) is not None:
        return
    place = text_places(report.source, report.spans.get(at), code)
    span = report.place(at) if place is None else place(result.start(), len("result"))
    report.add_span(old.ResultVariable(), span)


def _without_context(names: list[re.Match[str]], place: Placer) -> Fix:
    edits = tuple(Edit(*place(name.start(), len("context.")), "") for name in names)
    return Fix("remove `context.`", edits, safe=True)


def note_server(server: str, tool: str, at: Path, report: Report) -> None:
    """A note about ``mcp`` beside a bare ``tool``."""
    if "." not in tool:
        fix = report.replace((*at, "tool"), f"{server}.{tool}", "write the full name; then remove `mcp`")
        report.add(old.ServerBesideTool(server, tool), (*at, "mcp"), key=True, fix=fix)


def python_exec(params: dict[str, JsonValue], at: Path, report: Report) -> CodeBody | None:
    """The code step that ``tool: python_exec`` means; ``None``, with a problem, if it is more than that."""
    reason = _python_exec_problem(params)
    if reason is not None:
        report.add(structure.PythonExecUnclear(report.what(at), reason), (*at, "tool"))
        return None
    report.add(old.PythonExec(), (*at, "tool"))
    if isinstance(report.spans, Spans):
        report.spans.moved[(*at, "code")] = (*at, "params", "code")
    code: str = params["code"]
    note_code(code, (*at, "code"), report)
    return CodeBody(code)


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
