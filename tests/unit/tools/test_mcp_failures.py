"""What a person is told when a server does not start or is lost."""

from __future__ import annotations

import errno
import os
import signal
import sys

import pytest

from ael.mcp_server import McpServer
from ael.tools.mcp.failures import failure_of, last_words, lost
from ael.tools.mcp.lines import Tail
from ael.types import JsonValue

NODE = """node:internal/modules/cjs/loader:1143
  throw err;
  ^

Error: Cannot find module '/srv/index.js'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1140:15)
    at node:internal/main/run_main_module:28:49 {
  code: 'MODULE_NOT_FOUND',
  requireStack: []
}

Node.js v20.11.0"""
PYTHON = """Traceback (most recent call last):
  File "x.py", line 1, in <module>
ModuleNotFoundError: No module named 'nothing'"""
BOXED = """╭─ Error ─╮
│ Missing option '--repository'. │
╰────╯"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NODE, "Error: Cannot find module '/srv/index.js'"),
        (PYTHON, "ModuleNotFoundError: No module named 'nothing'"),
        (BOXED, "│ Missing option '--repository'. │"),
        ("ValueError: first\ngiving up", "giving up"),
        ("starting\nNode.js v20.11.0", "Node.js v20.11.0"),
        ("--\n}", None),
        ("", None),
    ],
    ids=["node", "python", "box", "last", "node-without-error", "no-words", "nothing"],
)
def test_the_line_that_is_quoted(text: str, words: str | None) -> None:
    assert last_words(text.splitlines()) == words


def tail(*, exit_code: int | None = None, broken: str | None = None, stderr: str = "", stdout: str = "") -> Tail:
    made = Tail()
    made.exit_code, made.broken = exit_code, broken
    made.feed(stderr.encode())
    made.add_noise(stdout.encode())
    return made


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (
            tail(exit_code=3, broken="it closed its stdout", stderr="a\nb"),
            "its process ended with exit code 3; it said: b",
        ),
        (tail(exit_code=-signal.SIGKILL), "its process was killed by SIGKILL"),
        (tail(exit_code=-99), "its process was killed by signal 99"),
        (tail(broken="it closed its stdout", stdout="banner"), "it closed its stdout; it said: banner"),
        (tail(stderr="reason", stdout="banner"), "Connection closed; it said: reason"),
        (tail(), "Connection closed"),
    ],
    ids=["exit-code", "signal", "unknown-signal", "pipe", "stderr-before-stdout", "nothing-known"],
)
def test_what_a_lost_call_tells(ended: Tail, told: str) -> None:
    error = lost("srv.run", "srv", "Connection closed", ended)
    assert error.message == f"the connection to MCP server 'srv' broke while srv.run ran: {told}"


def test_a_lost_call_carries_what_is_known() -> None:
    error = lost("srv.run", "srv", "why", tail(exit_code=3, stderr="a\nb", stdout="c"))
    assert error.details == {"server": "srv", "stderr": ["a", "b"], "stdout": ["c"], "exit_code": 3}
    assert lost("srv.run", "srv", "why", tail()).details == {"server": "srv"}


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (tail(exit_code=0), "its process ended with exit code 0 before it said hello"),
        (tail(broken="it closed its stdout"), "it closed its stdout before it said hello"),
        (tail(stdout="listening on port 8080"), "Connection closed; it said: listening on port 8080"),
    ],
    ids=["exit-code", "pipe", "neither"],
)
def test_what_a_failed_start_tells(ended: Tail, told: str) -> None:
    failure = failure_of(RuntimeError("Connection closed"), McpServer(name="srv", command="x"), 5.0, ended)
    assert failure.message == f"MCP server 'srv' does not start: {told}"


def os_error(number: int, filename: str) -> OSError:
    return OSError(number, os.strerror(number), filename)


@pytest.mark.parametrize(
    ("server", "error", "told", "hint"),
    [
        (
            {"command": "no-such", "source": "m.json"},
            os_error(errno.ENOENT, "no-such"),
            f"there is no program 'no-such' on PATH or beside {sys.executable}",
            "install it, or correct `command` of 'srv' in m.json",
        ),
        (
            {"command": "npx", "env": {"PATH": "/nowhere"}},
            os_error(errno.ENOENT, "npx"),
            "there is no program 'npx' on the PATH of its `env`",
            "install Node.js, or correct `command` of 'srv'",
        ),
        (
            {"command": "./no-such"},
            os_error(errno.ENOENT, "./no-such"),
            "there is no program './no-such'",
            "install it, or correct `command` of 'srv'",
        ),
        (
            {"command": sys.executable},
            os_error(errno.ENOENT, sys.executable),
            f"its command {sys.executable!r} is a script whose first line names a program that is not there",
            "correct `command` of 'srv'",
        ),
        (
            {"command": "/etc/passwd"},
            os_error(errno.EACCES, "/etc/passwd"),
            "its command '/etc/passwd': Permission denied",
            "correct `command` of 'srv'",
        ),
        (
            {"command": sys.executable, "cwd": "/nowhere"},
            os_error(errno.ENOENT, "/nowhere"),
            "its directory '/nowhere': No such file or directory",
            "correct `cwd` of 'srv'",
        ),
    ],
    ids=["bare", "env-path", "path", "shebang", "permission", "directory"],
)
def test_a_command_that_cannot_be_started(server: dict[str, JsonValue], error: OSError, told: str, hint: str) -> None:
    failure = failure_of(error, McpServer(name="srv", **server), 5.0, Tail())
    assert (failure.message, failure.hint) == (f"MCP server 'srv' does not start: {told}", hint)
    assert not failure.retryable
