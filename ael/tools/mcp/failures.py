"""Why a server did not start, in one sentence with the server's own last words."""

from __future__ import annotations

import signal

import attrs

from ael.errors import AELError, ToolUnavailableError
from ael.mcp_server import McpServer
from ael.tools.mcp.lines import Tail
from ael.types import JsonValue

__all__ = ["Failure", "failure_of", "leaf_of"]

_EXTRA = "pip install 'ael[mcp]'"


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
    lines = tail.lines()
    said = f"; it said: {lines[-1]}" if lines else ""
    details: dict[str, JsonValue] = {"server": server.name}
    if lines:
        details["stderr"] = lines
    if isinstance(leaf, OSError) and server.command is not None and leaf.filename is not None:
        return _not_started(leaf, server, details)
    why = _why(leaf, within_s, tail)
    verb = "does not start" if server.command is not None else f"at {server.url} cannot be reached"
    hint = "run its command by hand to see more" if server.command is not None else "start it, or correct its url"
    return Failure(f"{name} {verb}: {why}{said}", True, hint, details, leaf)


def _not_started(leaf: OSError, server: McpServer, details: dict[str, JsonValue]) -> Failure:
    missing = "directory" if server.cwd is not None and leaf.filename == server.cwd else "command"
    what = server.cwd if missing == "directory" else server.command
    message = f"MCP server {server.name!r} does not start: its {missing} {what!r}: {leaf.strerror}"
    where = f" in {server.source}" if server.source else ""
    return Failure(message, False, f"correct the {missing} of {server.name!r}{where}", details, leaf)


def _why(leaf: BaseException, within_s: float, tail: Tail) -> str:
    if tail.exit_code is not None:
        return f"its process {_ended(tail.exit_code)} before it said hello"
    if isinstance(leaf, TimeoutError):
        return f"it said no hello within {within_s:g} s"
    if isinstance(leaf, AELError):
        return leaf.message
    return str(leaf) or type(leaf).__name__


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
