"""``ael schema``: the JSON Schema of workflow files, for editors and for those who generate them."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("schema")
@click.option("--with-tools", is_flag=True, help="Also say which tools there are, and what params each has.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="ael.toml, instead of the one found here.")
@click.option("--tools", "tools", multiple=True, metavar="MODULE|FILE", help="Python tools, as a module or a file.")
@click.option("--mcp", type=click.Path(exists=True, dir_okay=False), help="File with MCP servers.")
def command(with_tools: bool, **sources: object) -> None:
    """Print the JSON Schema of workflow files.

    With `ael schema > ael.schema.json` and a first line `# yaml-language-server: $schema=ael.schema.json` in a
    workflow file, editors complete keys and mark mistakes. With --with-tools they know the tools of this project too:
    Python functions, and those of servers as they are in ael.lock; nothing is started.
    """
    from ael.cli.known_tools import KnownTools
    from ael.cli.output import write_json
    from ael.cli.project import Project
    from ael.language.schema import json_schema

    if not with_tools:
        write_json(json_schema())
        return
    known = KnownTools.of(Project.open(**sources))  # type: ignore[arg-type]
    write_json(json_schema(*known.for_editors()))
