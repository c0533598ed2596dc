"""Every kind of problem has a file that has it, and the exact text that a user then reads.

``AEL_UPDATE_GOLDENS=1`` writes the texts instead of comparing; the difference is then read like any other.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import attrs
import pytest

from ael.code.names import find_name_problems
from ael.dataflow import analyse
from ael.definition import CodeBody, StepDefinition, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language import KINDS, apply_ignores, check_definition, parse, read_file, render_text
from ael.language.catalog import tools as catalog
from ael.language.checks.drift import check_drift
from ael.language.report import diagnose
from ael.ports import CodeProblem, ToolMiss, ToolSpec
from ael.source import Source
from ael.types import JsonValue

FOLDER = Path(__file__).parent
DRIFT = ("AEL606", "AEL607", "AEL608")
OF_LOCKS = {
    "AEL609_lock_behind": catalog.LockBehind("'git.git_status'", "param `path` was removed; its description changed"),
    "AEL610_lock_unreadable": catalog.LockUnreadable("it is no JSON: Expecting value"),
    "AEL611_lock_version": catalog.LockVersion(2, 1),
    "AEL612_server_silent": catalog.ServerSilent("git", "there is no program 'mcp-server-git'", "install it"),
}
WITHOUT_FILE = ("AEL001_missing", "AEL703_executor", "AEL704_executor", *OF_LOCKS)
STEMS = sorted({path.stem for path in FOLDER.glob("*.yaml")} | set(WITHOUT_FILE))
LOG = {"type": "object", "properties": {"repo": {"type": "string"}}}
TOOLS = (
    ToolSpec("git_log", server="git", read_only=True),
    ToolSpec("git_status", server="git", read_only=True),
    ToolSpec("git_commit", server="git"),
    ToolSpec(
        "send_mail",
        input_schema={
            "type": "object",
            "properties": {
                "to": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "subject": {"type": "string", "description": "One line.", "maxLength": 40},
                "body": {"type": "string"},
                "priority": {"enum": ["low", "normal", "high"]},
                "copies": {"type": "integer", "minimum": 1, "maximum": 5},
                "headers": {
                    "type": "object",
                    "properties": {"reply_to": {"type": "string", "pattern": "@"}, "list": {"type": "boolean"}},
                    "required": ["reply_to"],
                    "additionalProperties": False,
                },
                "at": {"type": "string", "format": "date", "not": {"const": "never"}},
            },
            "required": ["to", "subject"],
            "additionalProperties": False,
        },
        output_schema={
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "accepted": {"type": "array", "items": {"type": "string"}},
                "refused": {"type": "object", "additionalProperties": {"type": "string"}},
                "size": {"type": "integer"},
            },
            "required": ["id", "accepted", "refused", "size"],
            "additionalProperties": False,
        },
    ),
    ToolSpec("git_reset", server="git", destructive=True),
    ToolSpec("http.request"),
)
OF_THE_LOCK = (
    ToolSpec("git_log", "Show the log.", server="git", read_only=True, input_schema=LOG),
    ToolSpec("git_status", "Show the state.", server="git", read_only=True),
    ToolSpec("git_commit", server="git", read_only=True),
    ToolSpec("git_stat", server="git"),
)
"""What the lock says where files are about drift."""
MISSES = {
    "search": ToolMiss("ambiguous", ("web.search", "files.search")),
    "shell.run": ToolMiss("disabled", advice="allow it with Settings(allow_shell=True)"),
}


@attrs.frozen
class FixedCatalog:
    """Some tools of one server, a built-in one, and one name for each way to miss."""

    tools: Sequence[ToolSpec] = TOOLS

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        if name in MISSES:
            return MISSES[name]
        full = name if server is None else f"{server}.{name}"
        if "." in full and not full.startswith(("git.", "http.")):
            return ToolMiss("unknown_server", ("git", "web"))
        return next((tool for tool in self.tools if full in {tool.name, tool.full_name}), ToolMiss("unknown"))

    def specs(self) -> Sequence[ToolSpec]:
        return self.tools


@attrs.frozen
class NoImports:
    """An executor that refuses imports, and knows its names."""

    name: str = "safe"

    def check(self, code: str, names: Collection[str] = ()) -> list[CodeProblem]:
        refused = [
            CodeProblem("CODE_SECURITY", f"{line.strip()!r} is not allowed", number, 1, "do without it")
            for number, line in enumerate(code.splitlines(), 1)
            if line.startswith("import ")
        ]
        return [*refused, *find_name_problems(ast.parse(code), names)]

    async def run(self, call: object) -> JsonValue:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing to close."""


def checked(definition: WorkflowDefinition) -> list[Diagnostic]:
    return check_definition(
        definition,
        analyse(definition),
        catalog=FixedCatalog(),
        executors={"safe": NoImports()},
        workflows=("digest", "report"),
    )


def diagnostics_of_python(executor: str) -> list[Diagnostic]:
    step = StepDefinition("a", CodeBody("return 1", executor))
    return checked(WorkflowDefinition("demo", (step,)))


def diagnostics_of(stem: str) -> list[Diagnostic]:
    """All problems of one file, as `ael check` has them."""
    if stem == "AEL703_executor":
        return diagnostics_of_python("trustd")
    if stem == "AEL704_executor":
        return diagnostics_of_python("trusted")
    if stem in OF_LOCKS:
        return [diagnose(OF_LOCKS[stem], Source("", "ael.lock"), None)]
    path = Path(f"{stem}.yaml")
    first_line = path.read_bytes().partition(b"\n")[0] if path.is_file() else b""
    limit = re.search(rb"limit: (\d+)", first_line)
    source = read_file(path, limit=int(limit[1])) if limit else read_file(path)
    if isinstance(source, Diagnostic):
        return [source]
    definition, found = parse(source.text, filename=source.name)
    if definition is not None:
        found = [*apply_ignores([*found, *checked(definition)], definition.source, definition.spans)]
        if stem.startswith(DRIFT):
            drift = check_drift(definition, FixedCatalog(OF_THE_LOCK), FixedCatalog(), "ael.lock")
            found = [*(each for each in found if each.code != "AEL601"), *drift]
    return sorted(found, key=lambda diagnostic: (diagnostic.line or 0, diagnostic.column or 0))


@pytest.mark.parametrize("stem", STEMS)
def test_text_is_as_expected(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    found = diagnostics_of(stem)
    assert stem.partition("_")[0] in {diagnostic.code for diagnostic in found}
    text = render_text(found)
    golden = FOLDER / f"{stem}.txt"
    if os.environ.get("AEL_UPDATE_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_every_kind_has_a_golden() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.txt"))
    assert set(KINDS) - set(re.findall(r"\[(AEL\d+)\]", texts)) == set()


@pytest.mark.parametrize("code", KINDS)
def test_every_kind_explains_itself(code: str) -> None:
    kind = KINDS[code]
    assert kind.explanation().endswith((".", "``", ")"))
    assert len(kind.explanation().splitlines()[0]) > 20


@pytest.mark.parametrize("stem", [stem for stem in STEMS if (FOLDER / f"{stem}.yaml").is_file()])
def test_safe_fixes_take_their_problems_away_and_bring_no_others(stem: str) -> None:
    text = (FOLDER / f"{stem}.yaml").read_bytes().decode("utf-8", "replace")
    _, before = parse(text)
    fixes = [problem.fix for problem in before if problem.fix is not None and problem.fix.safe]
    source = Source(text)
    for edit in sorted((edit for fix in fixes for edit in fix.edits), key=lambda e: (e.line, e.column), reverse=True):
        start, end = source.offset(edit.line, edit.column), source.offset(edit.end_line, edit.end_column)
        text = text[:start] + edit.text + text[end:]
    after = Counter(problem.code for problem in parse(text)[1])
    assert after <= Counter(problem.code for problem in before if problem.fix is None or not problem.fix.safe)
