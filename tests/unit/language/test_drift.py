"""Drift of tools is found wherever a tool is called, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import pytest

from ael.language import parse
from ael.language.checks.drift import check_drift, tools_called
from ael.ports import ToolMiss, ToolSpec

READS = ToolSpec("find", server="web", read_only=True)


@attrs.frozen
class Catalog:
    """Answers from a table."""

    answers: Mapping[str, ToolSpec | ToolMiss]

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        return self.answers.get(name if server is None else f"{server}.{name}", ToolMiss("unknown"))

    def specs(self) -> Sequence[ToolSpec]:
        return [answer for answer in self.answers.values() if isinstance(answer, ToolSpec)]


def found(text: str, was: Mapping[str, ToolSpec | ToolMiss], now: Mapping[str, ToolSpec | ToolMiss]) -> list[str]:
    definition, problems = parse(text)
    assert definition is not None
    assert [str(problem) for problem in problems if problem.is_error] == []
    drift = check_drift(definition, Catalog(was), Catalog(now), "ael.lock")
    return [f"{problem.line}:{problem.column} {problem.code}" for problem in drift]


PLACES = {
    "a step": "name: w\nsteps:\n  - {id: a, tool: web.find}\n",
    "a block": "name: w\nsteps:\n  - {id: b, steps: [{id: a,\n    tool: web.find}]}\n",
    "a branch": "name: w\nsteps:\n  - {id: b, choose: [{steps: [{id: a,\n    tool: web.find}]}]}\n",
    "finally": "name: w\nsteps: [{id: b, code: return 1}]\nfinally:\n  - {id: a, tool: web.find}\n",
    "an undo": "name: w\non_failure: undo\nsteps:\n  - {id: b, code: return 1, undo: {tool: web.find}}\n",
    "beside its server": "name: w\nsteps:\n  - {id: a, mcp: web, tool: find}\n",
}


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_everywhere(text: str) -> None:
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "find" in each)
    column = text.splitlines()[line - 1].index("find" if "mcp" in text else "web.find") + 1
    assert found(text, {"web.find": READS}, {}) == [f"{line}:{column} AEL606"]
    definition, _ = parse(text)
    assert definition is not None
    assert list(tools_called(definition, Catalog({"web.find": READS}))) == ["web.find"]
    assert list(tools_called(definition, Catalog({}))) == []


ONE = PLACES["a step"]
NOW: dict[str, tuple[ToolSpec | ToolMiss, list[str]]] = {
    "the same": (READS, []),
    "other words": (attrs.evolve(READS, description="Find it."), []),
    "another output": (attrs.evolve(READS, output_schema={"type": "object"}), ["3:19 AEL607"]),
    "another sort": (attrs.evolve(READS, read_only=False), ["3:19 AEL608"]),
    "both": (attrs.evolve(READS, read_only=None, input_schema={"type": "array"}), ["3:19 AEL607", "3:19 AEL608"]),
    "its server is gone": (ToolMiss("unknown_server"), ["3:19 AEL606"]),
    "nobody was asked": (ToolMiss("unlisted"), []),
    "switched off": (ToolMiss("disabled"), []),
    "now ambiguous": (ToolMiss("ambiguous", ("a.t", "b.t")), []),
}


@pytest.mark.parametrize(("now", "expected"), NOW.values(), ids=NOW)
def test_what_has_become_of_it(now: ToolSpec | ToolMiss, expected: list[str]) -> None:
    assert found(ONE, {"web.find": READS}, {"web.find": now}) == expected


def test_a_tool_that_the_lock_does_not_know_has_not_drifted() -> None:
    assert found(ONE, {}, {}) == []
    assert found(ONE, {"web.find": ToolMiss("ambiguous")}, {}) == []


def test_a_tool_without_a_name_is_no_call() -> None:
    definition, _ = parse("name: w\nsteps: [{id: a, tool: ''}, {id: b, code: return 1}]\n")
    assert definition is not None
    assert check_drift(definition, Catalog({"": READS}), Catalog({}), "ael.lock") == []
