"""6xx: are the tools there?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from ael.definition import Path, StepDefinition, ToolBody
from ael.language.catalog import Problem, listing, tools
from ael.language.checks.context import Context, bodies_of
from ael.language.suggest import nearest, nearest_tool
from ael.ports import ToolCatalog, ToolMiss
from ael.types import OnError

__all__ = ["check_tools"]


def check_tools(context: Context, catalog: ToolCatalog) -> None:
    """Every tool that is called, by a step or to undo one.

    What a server that was not asked yet may have is taken to be there.
    """
    known: list[str] | None = None
    for scope, step_flow in context.steps:
        step = step_flow.step
        for body, below in _calls(step):
            found = catalog.lookup(body.tool, body.server)
            if not isinstance(found, ToolMiss) or found.reason == "unlisted":
                continue
            if known is None:
                known = [spec.full_name for spec in catalog.specs()]
            key = "mcp" if found.reason == "unknown_server" and body.server is not None else "tool"
            optional = step.on_missing_tool is OnError.SKIP and body is step.body
            problem = _problem(_Call(scope.name(step), _full_name(body), optional), found, known)
            context.report.add(problem, context.path(step, *below, key))


@attrs.frozen
class _Call:
    """A call of a missing tool: whose, of what, and whether the step can do without."""

    step: str
    tool: str
    optional: bool


def _calls(step: StepDefinition) -> Iterator[tuple[ToolBody, Path]]:
    return ((body, below) for body, below in bodies_of(step) if isinstance(body, ToolBody) and body.tool)


def _full_name(body: ToolBody) -> str:
    return body.tool if body.server is None else f"{body.server}.{body.tool}"


def _problem(call: _Call, miss: ToolMiss, known: list[str]) -> Problem:
    if call.optional and miss.reason in {"unknown", "unknown_server"}:
        return tools.ToolMissingSkipped(call.step, call.tool, nearest_tool(call.tool, known))
    return _PROBLEMS[miss.reason](call, miss, known)


def _unknown(call: _Call, miss: ToolMiss, known: list[str]) -> Problem:
    return tools.ToolUnknown(call.step, call.tool, nearest_tool(call.tool, (*miss.candidates, *known)))


def _ambiguous(call: _Call, miss: ToolMiss, known: list[str]) -> Problem:
    first = miss.candidates[0] if miss.candidates else call.tool
    return tools.ToolAmbiguous(call.step, call.tool, listing(miss.candidates), first)


def _unknown_server(call: _Call, miss: ToolMiss, known: list[str]) -> Problem:
    server, _, tool = call.tool.partition(".")
    near = nearest(server, miss.candidates)
    return tools.ServerUnknown(call.step, call.tool, near and f"{near}.{tool}", listing(miss.candidates))


def _disabled(call: _Call, miss: ToolMiss, known: list[str]) -> Problem:
    return tools.ToolDisabled(call.step, call.tool, miss.advice or "switch it on in the engine's settings")


_PROBLEMS: dict[str, Callable[[_Call, ToolMiss, list[str]], Problem]] = {
    "unknown": _unknown,
    "ambiguous": _ambiguous,
    "unknown_server": _unknown_server,
    "disabled": _disabled,
}
