"""``ael check``: everything that is wrong in workflow files, found without running them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ael.diagnostics import Diagnostic

__all__ = ["command"]


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True), metavar="FILE|FOLDER...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="How problems are printed: frames, JSON, annotations of GitHub Actions, SARIF 2.1.0.",
)
@click.option("--fix", is_flag=True, help="Repair first what can be repaired safely, in the files.")
@click.option("--diff", is_flag=True, help="Show what --fix would write as a diff, and write nothing.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="ael.toml, instead of the one found here.")
@click.option("--tools", "tools", multiple=True, metavar="MODULE|FILE", help="Python tools, as a module or a file.")
@click.option("--mcp", type=click.Path(exists=True, dir_okay=False), help="File with MCP servers.")
@click.option("--online", is_flag=True, help="Start the MCP servers, and say how their tools differ from ael.lock.")
def command(files: Sequence[str], form: str, fix: bool, diff: bool, online: bool, **sources: object) -> int:
    """Find what is wrong in each FILE, without running it or starting any server.

    Of a folder, the workflows below it: *.ael.yaml, and YAML and JSON files that look like workflows. What tools
    servers have is known from ael.lock, which `ael tools lock` writes; with --online the servers are asked.

    Warnings and notes are hidden by a comment at the end of their line, or on one of its own above:
    `# ael: ignore[AEL203]`. `ael explain AEL203` says more about a code.

    Exit code 0: nothing but warnings and notes; 3: errors.
    """
    from ael.cli.finding import workflow_files
    from ael.cli.known_tools import KnownTools
    from ael.cli.output import COMPLETED, INVALID
    from ael.cli.project import Project

    if diff and form != "text":
        raise click.UsageError("--diff is text; leave out --format")
    found = workflow_files(files)
    known = KnownTools.of(Project.open(**sources), online=online)  # type: ignore[arg-type]
    if fix or diff:
        from ael.cli.fixing import fix_files

        fix_files(found, known.check_text, write=not diff)
    problems = [diagnostic for file in found for diagnostic in known.check(file)]
    diagnostics = [*known.problems, *problems, *known.rest()]
    if not diff:
        _FORMATS[form](diagnostics, len(found))
    return INVALID if any(diagnostic.is_error for diagnostic in diagnostics) else COMPLETED


def _text(diagnostics: Sequence[Diagnostic], files: int) -> None:
    from ael.cli.output import say, uses_color, write_data
    from ael.language import render_text

    if diagnostics:
        write_data(render_text(diagnostics, color=uses_color(sys.stdout)))
        repairable = sum(found.fix is not None and found.fix.safe for found in diagnostics)
        if repairable:
            say(f"{repairable} of them can be repaired with `ael check --fix`")
    else:
        say(f"no problems in {files} {'file' if files == 1 else 'files'}")


def _json(diagnostics: Sequence[Diagnostic], files: int) -> None:
    from ael.cli.output import write_json
    from ael.language import render_json

    write_json(render_json(diagnostics))


def _github(diagnostics: Sequence[Diagnostic], files: int) -> None:
    from ael.cli.output import write_data
    from ael.language import render_github

    if diagnostics:
        write_data(render_github(diagnostics))


def _sarif(diagnostics: Sequence[Diagnostic], files: int) -> None:
    from ael.cli.output import write_json
    from ael.language import render_sarif

    write_json(render_sarif(diagnostics))


_FORMATS: Mapping[str, Callable[[Sequence[Diagnostic], int], None]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "sarif": _sarif,
}
