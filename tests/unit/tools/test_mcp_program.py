"""Which program a command means."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ael.mcp_server import McpServer
from ael.tools.mcp.program import find_program


def program(folder: Path, name: str = "tool-server", mode: int = 0o755) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return str(path)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``path`` is the user's PATH, ``venv`` has the interpreter, which is a link to elsewhere."""
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path


@pytest.mark.parametrize(
    ("there", "own", "found"),
    [
        (["path", "venv"], None, "path"),
        (["venv"], None, "venv"),
        ([], None, None),
        (["own", "path", "venv"], "own", "own"),
        (["path", "venv"], "own", None),
    ],
    ids=["path-first", "beside-the-interpreter", "nowhere", "env-first", "env-only"],
)
def test_a_bare_command(folders: Path, there: list[str], own: str | None, found: str | None) -> None:
    made = {name: program(folders / name) for name in there}
    env = {} if own is None else {"PATH": str(folders / own)}
    server = McpServer(name="srv", command="tool-server", env=env)
    assert find_program(server) == (None if found is None else made[found])


def test_what_may_not_be_run_is_passed_over(folders: Path) -> None:
    program(folders / "path", mode=0o644)
    assert find_program(McpServer(name="srv", command="tool-server")) is None


def test_a_command_with_a_path_is_that_file(folders: Path) -> None:
    path = program(folders / "else" / "where")
    program(folders / "path")
    assert find_program(McpServer(name="srv", command=path)) == path
    assert find_program(McpServer(name="srv", command="where/tool-server", cwd=str(folders / "else"))) is not None
    assert find_program(McpServer(name="srv", command="./tool-server", cwd=str(folders / "else"))) is None


def test_an_interpreter_that_does_not_know_where_it_is(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    monkeypatch.chdir(folders)
    program(folders)
    assert find_program(McpServer(name="srv", command="tool-server")) is None
