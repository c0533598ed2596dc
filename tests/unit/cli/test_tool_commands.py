"""From a tool's name on the command line to the tool, or to a sentence."""

from __future__ import annotations

import click
import pytest

from ael.cli.tool_commands import describe, print_list, require_spec
from ael.errors import ToolUnavailableError
from ael.ports import ToolMiss, ToolSpec


class Invoker:
    """Answers ``first``, and once everybody was asked ``then``."""

    def __init__(self, first, then=None) -> None:
        self._answer = first
        self._then = then
        self.asked = False

    def lookup(self, name, server=None):
        return self._answer

    async def wait_listed(self) -> None:
        self.asked = True
        self._answer = self._then


SPEC = ToolSpec("git_log", "Show the log.\nAt length.", server="git", read_only=True)


async def test_a_known_tool_is_found_without_asking_servers():
    invoker = Invoker(SPEC)
    assert await require_spec(invoker, "git.git_log") is SPEC
    assert not invoker.asked


async def test_servers_are_asked_for_what_nobody_known_has():
    invoker = Invoker(ToolMiss("unlisted"), then=SPEC)
    assert await require_spec(invoker, "git_log") is SPEC


@pytest.mark.parametrize(
    ("miss", "kind", "says"),
    [
        (ToolMiss("unknown", ("git.git_log", "x")), click.UsageError, "did you mean git.git_log?"),
        (ToolMiss("unknown", ("other",)), click.UsageError, "`ael tools list` shows"),
        (ToolMiss("ambiguous", ("a.t", "b.t")), click.UsageError, "say which: a.t, b.t"),
        (ToolMiss("unknown_server", ("git",)), click.UsageError, "the servers are: git"),
        (ToolMiss("unknown_server"), click.UsageError, "the servers are: none"),
        (ToolMiss("disabled", advice="allow it"), ToolUnavailableError, "is switched off"),
        (ToolMiss("unlisted"), ToolUnavailableError, "its server does not answer"),
    ],
    ids=lambda value: value.reason if isinstance(value, ToolMiss) else "",
)
async def test_what_cannot_be_found_is_told_with_the_way_out(miss, kind, says):
    with pytest.raises(kind) as caught:
        await require_spec(Invoker(miss, then=miss), "git.git_lgo")
    assert says in caught.value.message


def test_list_is_aligned_and_one_line_each(capsys):
    print_list([SPEC, ToolSpec("x", "Says \x1b[31mred.")], as_json=False)
    assert capsys.readouterr().out == "git.git_log  Show the log.\nx            Says red.\n"


def test_no_tools_is_a_hint_and_no_data(capsys):
    print_list([], as_json=False)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--tools" in captured.err


def test_description_leaves_out_what_is_unknown():
    assert describe(SPEC) == {
        "name": "git.git_log",
        "description": "Show the log.\nAt length.",
        "input_schema": {"type": "object"},
        "read_only": True,
        "server": "git",
    }
