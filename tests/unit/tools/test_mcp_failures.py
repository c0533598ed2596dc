"""What a person is told when a server does not start or is lost."""

from __future__ import annotations

import errno
import os
import signal
import sys

import pytest

from ael.errors import ToolError
from ael.mcp_server import McpServer
from ael.tools.mcp.failures import failure_of, last_words, lost
from ael.tools.mcp.lines import Tail
from ael.tools.mcp.marks import Mark, mark
from ael.types import JsonValue

SERVER = McpServer(name="srv", command="x")

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
    error = lost("srv.run", SERVER, "Connection closed", ended)
    assert error.message == f"the connection to MCP server 'srv' broke while srv.run ran: {told}"


def test_a_lost_call_carries_what_is_known() -> None:
    error = lost("srv.run", SERVER, "why", tail(exit_code=3, stderr="a\nb", stdout="c"))
    assert error.details == {"server": "srv", "stderr": ["a", "b"], "stdout": ["c"], "exit_code": 3}
    assert lost("srv.run", SERVER, "why", tail()).details == {"server": "srv"}


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (tail(exit_code=0), "its process ended with exit code 0 before it said hello"),
        (tail(broken="it closed its stdout"), "it closed its stdout before it said hello"),
        (tail(stdout="listening on port 8080"), "Connection closed; it said: listening on port 8080"),
    ],
    ids=["exit-code", "pipe", "neither"],
)
def test_what_a_failed_start_tells_of_the_process(ended: Tail, told: str) -> None:
    failure = failure_of(RuntimeError("Connection closed"), SERVER, 5.0, ended)
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


class Answered(Exception):
    """As the SDK's error: what was answered, and what our transport says of it."""

    def __init__(self, message: str, data: JsonValue = None) -> None:
        super().__init__(message)
        self.data = data


class Refused(Answered):
    """As the SDK's error for an error the server made."""

    code = -32000


REACH = "cannot be reached"
NO_MCP = "does not answer as an MCP server does"
REFUSES = "refuses us"


@pytest.mark.parametrize(
    ("error", "told", "hint"),
    [
        (Answered("no route", mark(Mark.UNREACHED)), f"{REACH}: no route", "start it"),
        (Answered("HTTP 503", mark(Mark.HTTP_STATUS, status=503)), f"{REACH}: HTTP 503", "start it"),
        (Answered("HTTP 405", mark(Mark.HTTP_STATUS, status=405)), f"{NO_MCP}: HTTP 405", "ends with /mcp"),
        (Answered("HTTP 401", mark(Mark.HTTP_STATUS, status=401)), f"{REFUSES}: HTTP 401", "Authorization"),
        (Answered("Not Found"), f"{NO_MCP}: Not Found", "ends with /mcp"),
        (Answered("Not JSON: 2 validation errors for union\nx\n  y"), f"{NO_MCP}: Not JSON", "ends with /mcp"),
        (TimeoutError(), f"{REACH}: it said no hello within 5 s", "start it"),
        (ExceptionGroup("a", [ExceptionGroup("b", [Answered("leaf")])]), f"{NO_MCP}: leaf", "ends with /mcp"),
    ],
    ids=["unreached", "5xx", "4xx", "401", "404", "no-json", "timeout", "groups"],
)
def test_an_endpoint_that_does_not_answer(error: Exception, told: str, hint: str) -> None:
    server = McpServer(name="srv", url="https://me:word@host/mcp?key=word")
    failure = failure_of(error, server, 5.0, Tail())
    assert failure.message == f"MCP server 'srv' at https://host/mcp {told}"
    assert failure.hint is not None
    assert hint in failure.hint
    assert failure.retryable


@pytest.mark.parametrize(
    ("error", "broken", "told"),
    [
        (TimeoutError(), None, "it said no hello within 5 s"),
        (TimeoutError(), "it closed its stdout", "it closed its stdout before it said hello"),
        (ValueError("1 validation error for Hello\n x"), None, "an answer of it is not as the protocol wants it"),
        (ValueError(), None, "ValueError"),
        (ToolError("it lists too much"), None, "it lists too much"),
        (Refused("license expired"), None, "it answered with the error 'license expired'"),
    ],
    ids=["timeout", "timeout-while-leaving", "pydantic", "no-words", "ours", "refused"],
)
def test_what_a_failed_start_tells_of_the_protocol(error: Exception, broken: str | None, told: str) -> None:
    failure = failure_of(error, SERVER, 5.0, tail(broken=broken))
    assert failure.message == f"MCP server 'srv' does not start: {told}"


def test_secrets_a_server_was_given_are_not_quoted() -> None:
    env = {"API_KEY": "hunter2", "MODE": "loud", "SHORT_TOKEN": "on", "BYPASS": "wrong"}
    server = McpServer(name="srv", command="x", env=env)
    said = tail(stderr="key hunter2 is wrong, loud and on", stdout="hunter2")
    for error in (lost("srv.run", server, "why", said), failure_of(ValueError(), server, 5.0, said).error()):
        assert "key *** is wrong, loud and on" in error.message
        assert "hunter2" not in str(error.details)
    at_url = McpServer(name="srv", url="http://host/mcp", headers={"Authorization": "Bearer hunter2"})
    failure = failure_of(ValueError("bad value 'Bearer hunter2' or hunter2"), at_url, 5.0, tail())
    assert failure.message.endswith("bad value '***' or ***")
