"""19x: what old files say otherwise; all notes, the files load unchanged."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = [
    "ListForm",
    "OldCode",
    "OldKey",
    "OldValue",
    "PackagesIgnored",
    "PythonExec",
    "ResultVariable",
    "ServerBesideTool",
]


class OldKey(Problem, frozen=True):
    """The key of an old file that has another name here. Both load."""

    code = "AEL190"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "`{old}` is the old name of `{new}`"
    advice = "write `{new}`"
    old: str
    new: str


class OldValue(Problem, frozen=True):
    """The value of an old file that has another name here. Both load."""

    code = "AEL191"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "`{key}: {old}` is the old form of `{key}: {new}`"
    advice = "write `{new}`"
    key: str
    old: str
    new: str


class ListForm(Problem, frozen=True):
    """Inputs and outputs of old files are lists; here they are mappings by name. Both load."""

    code = "AEL192"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "`{key}` is written as a list, the old form"
    advice = "write a mapping: `{example}`"
    key: str
    example: str


class PackagesIgnored(Problem, frozen=True):
    """``packages`` of old files asked for Python packages in code steps. Code runs in a sandbox that has its own."""

    code = "AEL193"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "`packages` is ignored"
    advice = "remove it"


class ServerBesideTool(Problem, frozen=True):
    """``mcp`` beside ``tool`` names the server of an ambiguous tool; ``server.tool`` says the same in one word."""

    code = "AEL194"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "`mcp: {server}` beside `tool: {tool}` can be written in one"
    advice = "write `tool: {server}.{tool}`"
    server: str
    tool: str


class PythonExec(Problem, frozen=True):
    """The tool ``python_exec`` of old files is a code step here."""

    code = "AEL195"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "`tool: python_exec` is read as a code step"
    advice = "write its code as `code: |`"


class OldCode(Problem, frozen=True):
    """Code of old files reaches everything through ``context``; here the names stand for themselves. Both work."""

    code = "AEL196"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "`context.{old}` is the old form of `{new}`"
    advice = "write `{new}`"
    old: str
    new: str


class ResultVariable(Problem, frozen=True):
    """Code of old files leaves its result in the variable ``result``; ``return`` says it in place. Both work."""

    code = "AEL197"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "the variable `result` is the old way to give a result"
    advice = "write `return ...`"
