"""What is offered in place of a name that is not known, and that nothing is offered which convinces nobody."""

from __future__ import annotations

import pytest

from ael.language.suggest import nearest, nearest_tool

KNOWN = ("http.request", "shell.run", "git.git_log", "git.git_status", "web.search", "greet_all")
TOOLS: dict[str, str | None] = {
    "git.git_lgo": "git.git_log",
    "git_lgo": "git.git_log",
    "git_log": "git.git_log",
    "gti.git_log": "git.git_log",
    "Git.Git_Log": "git.git_log",
    "github.git_log": "git.git_log",
    "web.serch": "web.search",
    "greet_al": "greet_all",
    "greet": None,
    "git.push": None,
    "git.x": None,
    "http.nonsense": None,
    "files.read": None,
    "http.get": "http.request",
    "bash": "shell.run",
    "": None,
    "x" * 101: None,
}


@pytest.mark.parametrize(("name", "expected"), TOOLS.items(), ids=TOOLS)
def test_the_tool_that_was_probably_meant(name: str, expected: str | None) -> None:
    assert nearest_tool(name, KNOWN) == expected


@pytest.mark.parametrize("name", ["greet", "get", "http.get"])
def test_nothing_is_offered_that_is_not_there(name: str) -> None:
    expected = "http.request" if name == "http.get" else None
    assert nearest_tool(name, ("http.request",)) == expected
    assert nearest_tool(name, ()) is None


def test_case_counts_little_and_too_many_names_are_not_compared() -> None:
    assert nearest("Depends_On", ("depends_on", "id")) == "depends_on"
    assert nearest("idd", [f"id{n}" for n in range(3000)]) is None
    assert nearest_tool("idd", [f"id{n}" for n in range(3000)]) is None
