"""``ael init``: a small project that runs as it is, without any extra, to be changed into one's own."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["FILES", "command"]

SCHEMA_FILE = "ael.schema.json"

FILES = {
    "workflows/hello.ael.yaml": """\
# yaml-language-server: $schema=../ael.schema.json
name: hello
version: "1.0"
description: Greet somebody in several languages at once
inputs:
  name: {type: string, description: Who to greet}
  excited: {type: boolean, default: false}
steps:
  # These two start together: neither reads the other.
  - id: english
    tool: greet
    params: {name: "{{ inputs.name }}", language: en}
  - id: french
    tool: greet
    params: {name: "{{ inputs.name }}", language: fr}
    retry: 3
  # This one starts when both are done, because it reads them.
  - id: letter
    tool: write
    params:
      lines: ["{{ steps.english.output.text }}", "{{ steps.french.output.text }}"]
      end: "{{ '!' if inputs.excited else '.' }}"
outputs:
  letter: "{{ steps.letter.output }}"
""",
    "hello_tools.py": '''\
"""Tools of this project: plain functions, async or not, with type hints and a docstring."""

import ael

GREETINGS = {"en": "Hello", "fr": "Bonjour"}


@ael.tool(read_only=True)
async def greet(name: str, language: str = "en") -> dict:
    """Greet somebody.

    Args:
        name: Who to greet.
        language: "en" or "fr".
    """
    return {"text": f"{GREETINGS[language]}, {name}"}


@ael.tool(read_only=True)
def write(lines: list[str], end: str = ".") -> str:
    """Put lines under one another, and an end to each."""
    return "\\n".join(line + end for line in lines)
''',
    "ael.toml": """\
# Folders and files with workflows, for `ael run NAME`.
workflows = ["workflows"]

# Python modules with tools, found from this folder on.
tools = ["hello_tools"]

# MCP servers start when their first tool is needed:
# [mcp_servers.git]
# command = "uvx"
# args = ["mcp-server-git"]
""",
}
"""Path in the project → text."""


@click.command("init")
@click.argument("directory", type=click.Path(file_okay=False), default=".")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
def command(directory: str, force: bool) -> None:
    """Write an example project into DIRECTORY (default: here): a workflow, its tools, ael.toml."""
    from ael.cli.output import say
    from ael.language.schema import json_schema

    files = {**FILES, SCHEMA_FILE: json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"}
    root = Path(directory)
    present = [name for name in files if (root / name).exists()]
    if present and not force:
        raise click.UsageError(f"{', '.join(present)} exists in {directory!r}; --force overwrites")
    _write(root, files)
    for name in files:
        say(f"wrote {root / name}")
    where = "" if directory == "." else f"cd {directory} && "
    say(f"try: {where}ael run hello -i name=Ada")


def _write(root: Path, files: dict[str, str]) -> None:
    try:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write {error.filename}: {error.strerror}") from error
