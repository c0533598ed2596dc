"""``ael schema``: the JSON Schema of workflow files, for editors and for those who generate them."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of workflow files.

    With `ael schema > ael.schema.json` and a first line `# yaml-language-server: $schema=ael.schema.json` in a
    workflow file, editors complete keys and mark mistakes.
    """
    from ael.cli.output import write_json
    from ael.language import json_schema

    write_json(json_schema())
