"""What the command line says of servers that are down, wrong, or no servers: a line each, and nothing left running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.mcp_calls import RAW, free_port

pytest.importorskip("mcp")

GARBAGE = "import sys\nwhile sys.stdin.readline(): print('welcome to my shell', flush=True)"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one good server among those that are not; each has the folder's name among its arguments."""
    mark = str(tmp_path)
    servers = {
        "good": {"command": sys.executable, "args": [RAW, mark]},
        "dead": {"command": sys.executable, "args": ["-c", "import sys; sys.exit('no config given')", mark]},
        "wrong": {"command": "no-such-program", "args": [mark]},
        "garbage": {"command": sys.executable, "args": ["-c", GARBAGE, mark]},
        "nobody": {"url": f"http://127.0.0.1:{free_port()}/mcp?key=hunter2"},
    }
    (tmp_path / "m.json").write_text(json.dumps({"mcpServers": servers}))
    (tmp_path / "ael.toml").write_text("[settings]\nconnect_timeout = 3\n")
    return tmp_path


def ael(project: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ael", *args, "--mcp", "m.json"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=90)
    assert "Traceback" not in done.stdout + done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert still_running(str(project)) == []
    return done


def still_running(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_text().split("\0") if entry.name.isdecimal() else []
        except OSError:
            continue
        if mark in words and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def test_doctor_says_what_is_wrong_with_each(project: Path) -> None:
    done = ael(project, "doctor", "--start")
    assert (done.returncode, done.stderr) == (1, "")
    lines = {line.split()[2]: line for line in done.stdout.splitlines() if "  servers  " in line}
    assert lines.keys() == {"good:", "dead:", "wrong:", "garbage:", "nobody:"}
    for server, told in {
        "good:": "tools",
        "dead:": "its process ended with exit code 1 before it said hello; it said: no config given",
        "wrong:": "there is no program 'no-such-program'",
        "garbage:": "it said no hello within 3 s; it said: welcome to my shell",
        "nobody:": "cannot be reached: All connection attempts failed",
    }.items():
        assert lines[server].endswith(told)
    assert [server for server, line in lines.items() if line.startswith("ok")] == ["good:"]


def test_the_list_of_tools_names_those_that_do_not_answer(project: Path) -> None:
    done = ael(project, "tools", "list")
    assert done.returncode == 0
    assert "good.echo" in done.stdout
    warnings = done.stderr.splitlines()
    assert len(warnings) == 4
    for server, told, line in zip(
        ("dead", "wrong", "garbage", "nobody"),
        ("no config given", "'no-such-program'", "welcome to my shell", "cannot be reached"),
        warnings,
        strict=True,
    ):
        assert line.startswith(f"warning: MCP server {server!r}")
        assert told in line


@pytest.mark.parametrize(
    ("tool", "code", "told"),
    [
        ("dead.x", 1, "no config given"),
        ("wrong.x", 1, "no-such-program"),
        ("garbage.x", 1, "welcome to my shell"),
        ("good.close", 1, "its process ended with exit code 5"),
        ("good.nothing", 2, "good.nothing"),
    ],
)
def test_a_call_fails_in_one_sentence(project: Path, tool: str, code: int, told: str) -> None:
    done = ael(project, "tools", "call", tool)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
