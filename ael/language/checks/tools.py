"""6xx: are the tools there?"""

from __future__ import annotations

from collections.abc import Callable

from ael.definition import StepDefinition, ToolBody
from ael.language.catalog import Problem, listing, tools
from ael.language.checks.context import Context
from ael.language.suggest import nearest, nearest_tool
from ael.ports import ToolCatalog, ToolMiss
from ael.types import OnError

__all__ = ["check_tools"]


def check_tools(context: Context, catalog: ToolCatalog) -> None:
    """Every tool that is called. What a server that was not asked yet may have is taken to be there."""
    known: list[str] | None = None
    for step in context.definition.steps:
        body = step.body
        if not isinstance(body, ToolBody) or not body.tool:
            continue
        found = catalog.lookup(body.tool, body.server)
        if not isinstance(found, ToolMiss) or found.reason == "unlisted":
            continue
        if known is None:
            known = [spec.full_name for spec in catalog.specs()]
        key = "mcp" if found.reason == "unknown_server" and body.server is not None else "tool"
        context.report.add(_problem(step, body, found, known), context.path(step, key))


def _problem(step: StepDefinition, body: ToolBody, miss: ToolMiss, known: list[str]) -> Problem:
    name = body.tool if body.server is None else f"{body.server}.{body.tool}"
    optional = step.on_missing_tool is OnError.SKIP and miss.reason in {"unknown", "unknown_server"}
    if optional:
        return tools.ToolMissingSkipped(step.id, name, nearest_tool(name, known))
    return _PROBLEMS[miss.reason](step, name, miss, known)


def _unknown(step: StepDefinition, name: str, miss: ToolMiss, known: list[str]) -> Problem:
    return tools.ToolUnknown(step.id, name, nearest_tool(name, (*miss.candidates, *known)))


def _ambiguous(step: StepDefinition, name: str, miss: ToolMiss, known: list[str]) -> Problem:
    first = miss.candidates[0] if miss.candidates else name
    return tools.ToolAmbiguous(step.id, name, listing(miss.candidates), first)


def _unknown_server(step: StepDefinition, name: str, miss: ToolMiss, known: list[str]) -> Problem:
    server, _, tool = name.partition(".")
    near = nearest(server, miss.candidates)
    return tools.ServerUnknown(step.id, name, near and f"{near}.{tool}", listing(miss.candidates))


def _disabled(step: StepDefinition, name: str, miss: ToolMiss, known: list[str]) -> Problem:
    return tools.ToolDisabled(step.id, name, miss.advice or "switch it on in the engine's settings")


_PROBLEMS: dict[str, Callable[[StepDefinition, str, ToolMiss, list[str]], Problem]] = {
    "unknown": _unknown,
    "ambiguous": _ambiguous,
    "unknown_server": _unknown_server,
    "disabled": _disabled,
}
