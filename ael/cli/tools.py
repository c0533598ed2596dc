"""``ael tools``: the tools a workflow could call here, keeping their schemas, and calling one without a workflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    pass

__all__ = ["command"]

_Function = TypeVar("_Function", bound=Callable[..., object])


def _sources(function: _Function) -> _Function:
    """The options that say where tools come from."""
    for decorate in (
        click.option("--tools", multiple=True, metavar="MODULE|FILE", help="Python tools, as a module or a file."),
        click.option("--mcp", type=click.Path(exists=True, dir_okay=False), help="File with MCP servers."),
        click.option("--config", type=click.Path(exists=True, dir_okay=False), help="ael.toml to use."),
    ):
        function = decorate(function)
    return function


@click.group("tools")
def command() -> None:
    """List, describe, lock and call the tools there are. Configured servers are started to ask them."""


@command.command("list")
@_sources
@click.option("--json", "as_json", is_flag=True, help="Print names, descriptions and schemas as JSON.")
def list_tools(as_json: bool, config: str | None, mcp: str | None, tools: Sequence[str]) -> None:
    """List all tools."""
    from ael.cli import tool_commands
    from ael.cli.project import Project

    specs = tool_commands.listed(Project.open(config=config, mcp=mcp, tools=tools))
    tool_commands.print_list(specs, as_json=as_json)


@command.command("show")
@click.argument("name")
@_sources
def show_tool(name: str, config: str | None, mcp: str | None, tools: Sequence[str]) -> None:
    """Print what is known of the tool NAME as JSON: description, schemas, annotations."""
    from ael.cli import tool_commands
    from ael.cli.project import Project

    tool_commands.print_one(Project.open(config=config, mcp=mcp, tools=tools), name)


@command.command("call")
@click.argument("name")
@click.option(
    "-i",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="A param, read by its type in the tool's schema; NAME=@FILE, NAME=- as for `ael run`.",
)
@click.option("--params", metavar="JSON", help="Params as one JSON object; -i wins.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=300.0, show_default=True)
@_sources
def call_tool(name: str, pairs: Sequence[str], params: str | None, timeout: float, **sources: object) -> int:
    """Call the tool NAME once and print what it returns as JSON."""
    from ael.cli import tool_commands
    from ael.cli.project import Project

    project = Project.open(**sources)  # type: ignore[arg-type]
    return tool_commands.call(project, name, pairs, params, timeout_s=timeout)


@command.command("lock")
@click.option("-o", "output", type=click.Path(dir_okay=False), help="The file, instead of the project's ael.lock.")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; say what would change.")
@_sources
def lock_tools(output: str | None, only_check: bool, config: str | None, mcp: str | None, tools: Sequence[str]) -> int:
    """Ask every source for its tools and write them to ael.lock.

    `ael check` knows by this file what tools there are, without starting servers. It holds names, descriptions, schemas
    and annotations, nothing of how a server is reached. The file is that beside ael.toml or in a folder above
    it in the repository; without one it is written beside ael.toml, or here.

    Exit code 0: written, or with --check up to date; 1: with --check it would change, or a server did not answer (the
    file then keeps what it had of it).
    """
    from ael.cli import locking
    from ael.cli.project import Project

    return locking.lock_tools(Project.open(config=config, mcp=mcp, tools=tools), output, only_check=only_check)
