"""6xx: tools that are not there."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = [
    "AnnotationsChanged",
    "LockBehind",
    "LockUnreadable",
    "LockVersion",
    "ServerSilent",
    "ServerUnknown",
    "ToolAmbiguous",
    "ToolChanged",
    "ToolDisabled",
    "ToolGone",
    "ToolMissingSkipped",
    "ToolUnknown",
]


class ToolUnknown(Problem, frozen=True):
    """No known source offers the tool. A step that can do without it says ``on_missing_tool: skip``."""

    code = "AEL601"
    wording = "step {step!r} calls {tool!r}, which no known source offers"
    advice = "`ael tools list` shows the tools there are; `on_missing_tool: skip` makes the step optional"
    step: str
    tool: str
    nearest: str | None


class ToolAmbiguous(Problem, frozen=True):
    """More than one source has a tool of this bare name."""

    code = "AEL602"
    wording = "step {step!r} calls {tool!r}, which is ambiguous: {candidates}"
    advice = "write the full name, `{first}`"
    step: str
    tool: str
    candidates: str
    first: str


class ServerUnknown(Problem, frozen=True):
    """The step names an MCP server that is not configured."""

    code = "AEL603"
    wording = "step {step!r} calls {tool!r} of a server that is not configured"
    advice = "the servers are {servers}"
    step: str
    tool: str
    nearest: str | None
    servers: str


class ToolDisabled(Problem, frozen=True):
    """The tool exists but is switched off in this engine."""

    code = "AEL604"
    wording = "step {step!r} calls {tool!r}, which is switched off"
    advice = "{what_to_do}"
    step: str
    tool: str
    what_to_do: str


class ToolMissingSkipped(Problem, frozen=True):
    """No known source offers the tool, and the step says ``on_missing_tool: skip``: it will be skipped."""

    code = "AEL605"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "step {step!r} will be skipped: no known source offers {tool!r}"
    step: str
    tool: str
    nearest: str | None


class ToolGone(Problem, frozen=True):
    """The tool is in ``ael.lock``, and its server, asked now, no longer offers it."""

    code = "AEL606"
    wording = "step {step!r} calls {tool!r}, which was there when {lock} was written and is gone"
    advice = "call another tool; `ael tools list` shows the tools there are, `ael tools lock` writes the lock anew"
    step: str
    tool: str
    lock: str
    nearest: str | None


class ToolChanged(Problem, frozen=True):
    """The tool's schemas are no longer those of ``ael.lock``: what the step sends or reads may not fit any more."""

    code = "AEL607"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "step {step!r} calls {tool!r}, which has changed since {lock} was written: {changes}"
    advice = "see that the step still fits, then run `ael tools lock`"
    step: str
    tool: str
    lock: str
    changes: str


class AnnotationsChanged(Problem, frozen=True):
    """The tool says something else of itself than in ``ael.lock``: whether it only reads, may be repeated, destroys."""

    code = "AEL608"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "step {step!r} calls {tool!r}, which says something else of itself than in {lock}: {changes}"
    advice = "see that its retries are still right, then run `ael tools lock`"
    step: str
    tool: str
    lock: str
    changes: str


class LockBehind(Problem, frozen=True):
    """The sources of tools offer something else than ``ael.lock`` says, in tools that no checked workflow calls."""

    code = "AEL609"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "{subject} is no longer what the lock says: {changes}"
    advice = "`ael tools lock` writes the lock anew"
    subject: str
    changes: str


class LockUnreadable(Problem, frozen=True):
    """The file with the tools of the project is no lock, so that calls of tools are not checked against it."""

    code = "AEL610"
    wording = "the lock of the tools cannot be read: {reason}"
    advice = "`ael tools lock` writes it anew"
    reason: str


class LockVersion(Problem, frozen=True):
    """The lock was written by another version of ael, in a form that this one does not know."""

    code = "AEL611"
    wording = "the lock of the tools has version {version}, and this ael reads version {known}"
    advice = "`ael tools lock` writes it anew; or use the version of ael that wrote it"
    version: int
    known: int


class ServerSilent(Problem, frozen=True):
    """The server was to be asked for its tools and did not answer: what the lock says of it, if anything, counts."""

    code = "AEL612"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "the tools of server {server!r} could not be asked for: {reason}"
    advice = "{what_to_do}"
    server: str
    reason: str
    what_to_do: str
