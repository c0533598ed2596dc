"""The difference between two locks, line by line, and what is kept of servers that do not answer."""

from __future__ import annotations

import pytest

from ael.cli.locking import Silence, keep_silent, lock_differences
from ael.ports import ToolSpec
from ael.tools.lock import LockedServer, ToolLock

LOG = ToolSpec("log", server="git")
GREET = ToolSpec("greet")


def lock(*tools: ToolSpec, server: str = "git", title: tuple[str, str] = ("g", "1")) -> ToolLock:
    of_server = {spec.name: spec for spec in tools if spec.server == server}
    servers = {server: LockedServer(of_server, *title)} if of_server else {}
    return ToolLock(servers, {spec.name: spec for spec in tools if spec.server is None})


DIFFERENCES: dict[str, tuple[ToolLock | None, ToolLock, list[str]]] = {
    "none": (lock(LOG, GREET), lock(LOG, GREET), []),
    "no lock before": (None, lock(LOG, GREET), ["+ server git", "+ git.log", "+ greet"]),
    "all is gone": (lock(LOG, GREET), ToolLock(), ["- server git", "- git.log", "- greet"]),
    "another version": (lock(LOG), lock(LOG, title=("g", "2")), ["~ server git: was g 1 and is g 2"]),
    "a server that gives itself no name": (
        lock(LOG, title=("", "")),
        lock(LOG, title=("g", "")),
        ["~ server git: was nameless and is g"],
    ),
    "a description": (lock(GREET), lock(ToolSpec("greet", "Hi.")), ["~ greet: its description changed"]),
    "words in a schema": (
        lock(GREET),
        lock(ToolSpec("greet", input_schema={"type": "object", "title": "x"})),
        ["~ greet: its schemas are written differently"],
    ),
    "control characters of a server": (
        lock(GREET),
        lock(ToolSpec("greet", input_schema={"type": "object", "properties": {"a\x1b[31m\nb": {}}})),
        ["~ greet: param `a b` was added"],
    ),
}


@pytest.mark.parametrize(("before", "now", "lines"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_differences(before: ToolLock | None, now: ToolLock, lines: list[str]) -> None:
    assert list(lock_differences(before, now)) == lines


def test_only_what_a_silent_server_had_is_kept() -> None:
    silent = [Silence("git", "down", None), Silence("new", "down", None)]
    now = lock(GREET)
    assert keep_silent(now, None, silent) is now
    kept = keep_silent(now, lock(LOG), silent)
    assert set(kept.servers) == {"git"}
    assert set(kept.tools) == {"greet"}
