"""``ael graph``: the steps of a workflow and what each waits for, for people and for drawing programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ael.language.drawing import Picture
    from ael.plan import Plan

__all__ = ["command"]


@click.command("graph")
@click.argument("target", metavar="FILE|NAME")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "dot"]),
    default="text",
    show_default=True,
    help="A tree of steps, a flowchart of Mermaid, a digraph of Graphviz.",
)
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="ael.toml, instead of the one found here.")
def command(target: str, form: str, config: str | None) -> None:
    """Show the steps of the workflow in FILE, or called NAME in the configured folders.

    Each step with what it waits for: the steps it names, and those it reads; and with the terms on which it runs.
    Steps in blocks, branches and loops stand below the step they are part of.
    """
    from ael.cli.output import write_data
    from ael.language import drawing

    renderers: dict[str, Callable[[Picture], str]] = {
        "text": drawing.render_tree,
        "mermaid": drawing.render_mermaid,
        "dot": drawing.render_dot,
    }
    plan = _plan(target, config)
    write_data(renderers[form](drawing.draw(plan.definition, plan.flow)))


def _plan(target: str, config: str | None) -> Plan:
    """The plan of a file, whichever tools there are; or of a workflow by name.

    Raises:
        click.UsageError: There is no such file, or it is a folder.
        AELError: There is no such workflow, or it has errors.
    """
    from pathlib import Path

    from ael.cli.project import Project
    from ael.cli.running import find_plan
    from ael.loading import load_path, require

    if Path(target).is_file():
        return require(load_path(target), target)
    project = Project.open(config=config)
    return find_plan(project.engine(), target, project)
