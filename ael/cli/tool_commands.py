"""What ``ael tools`` does with an engine's invoker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence

import attrs
import click

from ael.cli.output import COMPLETED, say, write_data, write_json
from ael.cli.project import Project
from ael.cli.values import TypedReader
from ael.clock import SystemClock
from ael.errors import ToolTimeoutError, ToolUnavailableError
from ael.observe.words import one_line
from ael.ports import ToolCall, ToolInvoker, ToolMiss, ToolSpec
from ael.types import JsonValue

__all__ = ["call", "listed", "print_list", "print_one", "require_spec"]


def listed(project: Project) -> list[ToolSpec]:
    """All tools, once every configured server has been asked; those that do not answer are named on stderr."""

    async def ask() -> list[ToolSpec]:
        async with project.engine() as engine:
            await engine.invoker.wait_listed()
            specs = list(engine.invoker.specs())
            answered = {spec.server for spec in specs}
            for server in project.servers():
                if server.name not in answered and not server.disabled:
                    say(f"warning: {_silence(engine.invoker, server.name)}")
            return specs

    return asyncio.run(ask())


def _silence(invoker: ToolInvoker, server: str) -> str:
    """Why a server that was asked has no tools: no name is empty, so it does not have that one either."""
    found = invoker.lookup("", server)
    if isinstance(found, ToolMiss) and found.reason == "unlisted" and found.advice:
        return one_line(found.advice)
    return f"server {server!r} has no tools"


def print_list(specs: Sequence[ToolSpec], *, as_json: bool) -> None:
    """One line per tool, or JSON."""
    if as_json:
        write_json([describe(spec) for spec in specs])
        return
    width = max((len(spec.full_name) for spec in specs), default=0)
    for spec in specs:
        write_data(f"{spec.full_name:<{width}}  {_summary(spec)}".rstrip())
    if not specs:
        say("there are no tools; name Python ones with --tools, servers with --mcp, or both in ael.toml")


def _summary(spec: ToolSpec) -> str:
    first = spec.description.strip().partition("\n")[0]
    return one_line(first)[:100]


def describe(spec: ToolSpec) -> dict[str, JsonValue]:
    """Everything known of a tool, JSON-ready; what the source does not say is left out."""
    fields = {"name": spec.full_name, **attrs.asdict(spec, recurse=False, filter=lambda field, _: field.name != "name")}
    return {key: value for key, value in fields.items() if value is not None}


def print_one(project: Project, name: str) -> None:
    """The tool as JSON."""

    async def ask() -> ToolSpec:
        async with project.engine() as engine:
            return await require_spec(engine.invoker, name)

    write_json(describe(asyncio.run(ask())))


async def require_spec(invoker: ToolInvoker, name: str) -> ToolSpec:
    """The tool of that name; servers are asked only if nothing known has it.

    Raises:
        click.UsageError: Nobody offers it, or more than one source does.
        ToolUnavailableError: It is switched off.
    """
    found = invoker.lookup(name)
    if isinstance(found, ToolMiss) and found.reason == "unlisted":
        await invoker.wait_listed()
        found = invoker.lookup(name)
    if isinstance(found, ToolSpec):
        return found
    raise _MISSES.get(found.reason, _unknown)(name, found)


def _unknown(name: str, miss: ToolMiss) -> Exception:
    from difflib import get_close_matches

    near = get_close_matches(name, miss.candidates, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; `ael tools list` shows the tools there are"
    return click.UsageError(f"there is no tool {name!r}{hint}")


def _ambiguous(name: str, miss: ToolMiss) -> Exception:
    return click.UsageError(f"several tools are called {name!r}; say which: {', '.join(miss.candidates)}")


def _unknown_server(name: str, miss: ToolMiss) -> Exception:
    known = ", ".join(miss.candidates) or "none"
    return click.UsageError(f"there is no server for the tool {name!r}; the servers are: {known}")


def _disabled(name: str, miss: ToolMiss) -> Exception:
    return ToolUnavailableError(f"the tool {name!r} is switched off", hint=miss.advice)


def _unlisted(name: str, miss: ToolMiss) -> Exception:
    why = miss.advice or "its server does not answer"
    return ToolUnavailableError(f"there may be a tool {name!r}, but {why}", hint="`ael doctor --start` says more")


_MISSES = {
    "ambiguous": _ambiguous,
    "unknown_server": _unknown_server,
    "disabled": _disabled,
    "unlisted": _unlisted,
}


def call(project: Project, name: str, pairs: Sequence[str], params: str | None, *, timeout_s: float) -> int:
    """Call a tool once and print its value; what goes wrong is raised."""

    async def run() -> JsonValue:
        async with project.engine() as engine:
            spec = await require_spec(engine.invoker, name)
            given = _params(spec, pairs, params)
            deadline = SystemClock().monotonic() + timeout_s
            try:
                async with asyncio.timeout(timeout_s):
                    outcome = await engine.invoker.call(ToolCall(name, given, path="cli", deadline=deadline))
            except TimeoutError:
                raise ToolTimeoutError(f"the tool {name!r} took longer than {timeout_s:g} s") from None
            return outcome.value

    with contextlib.redirect_stdout(sys.stderr):  # what the tool prints is for people
        value = asyncio.run(run())
    write_json(value)
    return COMPLETED


def _params(spec: ToolSpec, pairs: Sequence[str], text: str | None) -> dict[str, JsonValue]:
    given = {} if text is None else _object(text)
    properties = spec.input_schema.get("properties") or {}
    return {**given, **TypedReader(properties, sys.stdin.read).read(pairs)}


def _object(text: str) -> dict[str, JsonValue]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--params is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.UsageError("--params must be a JSON object")
    return value
