"""6xx: tools that are not there."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = ["ServerUnknown", "ToolAmbiguous", "ToolDisabled", "ToolMissingSkipped", "ToolUnknown"]


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
