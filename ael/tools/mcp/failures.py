"""Why a server did not start, or was lost, in one sentence with the server's own last words."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence

import attrs

from ael.errors import AELError, ToolLostError, ToolUnavailableError
from ael.mcp_server import McpServer
from ael.tools.mcp.lines import Tail
from ael.tools.mcp.marks import Mark, mark_of
from ael.tools.mcp.program import find_program
from ael.types import JsonValue

__all__ = ["Failure", "failure_of", "last_words", "leaf_of", "lost"]

_EXTRA = "pip install 'ael[mcp]'"

_PYDANTIC = re.compile(r":? ?\d+ validation errors? for .*", re.DOTALL)
_NODE_SIGNS_OFF = re.compile(r"Node\.js v\d")
_NAMES_AN_ERROR = re.compile(r"(Uncaught )?[\w.]*(Error|Exception)\b.*: ")


@attrs.frozen
class Failure:
    """What every caller that waited for a start is told, each with an error of its own."""

    message: str
    retryable: bool = True
    hint: str | None = None
    details: dict[str, JsonValue] = attrs.field(factory=dict)
    cause: BaseException | None = None

    def error(self) -> ToolUnavailableError:
        """A new error that says so."""
        details = dict(self.details)
        error = ToolUnavailableError(self.message, retryable=self.retryable, hint=self.hint, details=details)
        error.__cause__ = self.cause
        return error


def leaf_of(error: BaseException) -> BaseException:
    """The error inside groups of groups; the first that is more than a cancellation."""
    while isinstance(error, BaseExceptionGroup):
        real, _ = error.split(lambda leaf: isinstance(leaf, Exception))
        error = (real or error).exceptions[0]
    return error


def failure_of(error: BaseException, server: McpServer, within_s: float, tail: Tail) -> Failure:
    """The failure to tell.

    A command that does not exist and a missing extra are not retryable: waiting changes neither.

    Args:
        error: What the start raised.
        server: The server.
        within_s: Seconds it had.
        tail: What it wrote to stderr.
    """
    leaf = leaf_of(error)
    name = f"MCP server {server.name!r}"
    if isinstance(leaf, ImportError):
        return Failure(f"{name} needs the extra `mcp`: {leaf}", False, f"run `{_EXTRA}`", cause=leaf)
    details = _details(server, tail)
    if isinstance(leaf, OSError) and server.command is not None and leaf.filename is not None:
        return _not_started(leaf, server, details)
    why = _why(leaf, within_s, tail)
    if server.command is None:
        return _no_answer(leaf, server, server.hide(why), details)
    if why == str(leaf) and isinstance(getattr(leaf, "code", None), int):
        why = f"it answered with the error {why!r}"
    hint = "run its command by hand to see more"
    return Failure(f"{name} does not start: {server.hide(why + _said(tail))}", True, hint, details, leaf)


def _no_answer(leaf: BaseException, server: McpServer, why: str, details: dict[str, JsonValue]) -> Failure:
    data: JsonValue = getattr(leaf, "data", None)  # of the SDK's error, which is not imported here
    status = data["status"] if mark_of(data) is Mark.HTTP_STATUS else None
    if status in (401, 403):
        verb, hint = "refuses us", f"give `headers` of {server.name!r} what it wants, such as Authorization"
    elif isinstance(leaf, TimeoutError | OSError) or (mark_of(data) is not None and (status is None or status >= 500)):
        verb, hint = "cannot be reached", "start it, or correct its url"
    else:
        verb, hint = "does not answer as an MCP server does", "correct its url; it often ends with /mcp"
    return Failure(f"MCP server {server.name!r} at {server.shown} {verb}: {why}", True, hint, details, leaf)


def lost(call: str, server: McpServer, why: str, tail: Tail) -> ToolLostError:
    """The connection broke during a call: how the process ended and what it said last, where that is known.

    Args:
        call: The tool's full name.
        server: The server.
        why: What is told when nothing better is known.
        tail: What the server wrote, and how it ended.
    """
    reason = f"its process {_ended(tail.exit_code)}" if tail.exit_code is not None else tail.broken or why
    what = server.hide(f"{reason}{_said(tail)}")
    message = f"the connection to MCP server {server.name!r} broke while {call} ran: {what}"
    return ToolLostError(message, details=_details(server, tail))


def last_words(lines: Sequence[str]) -> str | None:
    """The line to quote: the last one with a word in it, so no closing brace or frame of a box.

    Node signs off with its version, after the stack and the fields of the error: there it is the line that names the
    error.
    """
    spoken = [line.strip() for line in lines if any(map(str.isalnum, line))]
    if not spoken:
        return None
    named = [line for line in spoken if _NAMES_AN_ERROR.match(line)]
    return named[-1] if named and _NODE_SIGNS_OFF.match(spoken[-1]) else spoken[-1]


def _said(tail: Tail) -> str:
    words = last_words(tail.lines()) or last_words(tail.noise())
    return f"; it said: {words}" if words else ""


def _details(server: McpServer, tail: Tail) -> dict[str, JsonValue]:
    details: dict[str, JsonValue] = {"server": server.name}
    for key, lines in (("stderr", tail.lines()), ("stdout", tail.noise())):
        if lines:
            details[key] = [server.hide(line) for line in lines]
    if tail.exit_code is not None:
        details["exit_code"] = tail.exit_code
    return details


def _not_started(leaf: OSError, server: McpServer, details: dict[str, JsonValue]) -> Failure:
    command = server.command or ""
    if server.cwd is not None and leaf.filename == server.cwd:
        key, what = "cwd", f"its directory {server.cwd!r}: {leaf.strerror}"
    elif not isinstance(leaf, FileNotFoundError):
        key, what = "command", f"its command {command!r}: {leaf.strerror}"
    elif find_program(server) is not None:
        key, what = "command", f"its command {command!r} is a script whose first line names a program that is not there"
    else:
        key, what = "command", f"there is no program {command!r}{_searched(server)}"
    where = f" in {server.source}" if server.source else ""
    hint = f"correct `{key}` of {server.name!r}{where}"
    if what.startswith("there is no"):
        hint = f"install {_COMES_WITH.get(command, 'it')}, or {hint}"
    return Failure(f"MCP server {server.name!r} does not start: {what}", False, hint, details, leaf)


_COMES_WITH = {
    **dict.fromkeys(("node", "npx", "npm"), "Node.js"),
    **dict.fromkeys(("uv", "uvx"), "uv"),
    **dict.fromkeys(("bun", "bunx"), "Bun"),
    "docker": "Docker",
}


def _searched(server: McpServer) -> str:
    if os.path.dirname(server.command or ""):  # noqa: PTH120 - as in find_program
        return ""
    return " on the PATH of its `env`" if "PATH" in server.env else f" on PATH or beside {sys.executable}"


def _why(leaf: BaseException, within_s: float, tail: Tail) -> str:
    if tail.exit_code is not None:
        return f"its process {_ended(tail.exit_code)} before it said hello"
    if tail.broken is not None:  # before the timeout, which may have ended while the rest was put away
        return f"{tail.broken} before it said hello"
    if isinstance(leaf, TimeoutError):
        return f"it said no hello within {within_s:g} s"
    if isinstance(leaf, AELError):
        return leaf.message
    # Of what pydantic says of a wrong message, only that there is one is for people.
    text = _PYDANTIC.sub("", str(leaf)).partition("\n")[0]
    return text or ("an answer of it is not as the protocol wants it" if str(leaf) else type(leaf).__name__)


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
