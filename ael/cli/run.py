"""``ael run``: run one workflow, with its progress on stderr and its outputs on stdout."""

from __future__ import annotations

import click

__all__ = ["command"]


def _seconds(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    from ael.language.durations import parse_duration

    seconds = parse_duration(text)
    if not seconds:
        raise click.BadParameter(f"{text!r} is no duration above 0, such as 90, 90s or 1m30s", ctx, param)
    return seconds


@click.command("run")
@click.argument("target", metavar="FILE|NAME")
@click.option(
    "-i",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input, read by its declared type; NAME=@FILE takes a file's text, NAME=- stdin.",
)
@click.option("--inputs", "inputs_file", metavar="FILE", help="Inputs as YAML or JSON; - is stdin. -i wins.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON instead of the outputs.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print events, one JSON object per line, as they happen.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="ael.toml, instead of the one found here.")
@click.option(
    "--mcp", type=click.Path(exists=True, dir_okay=False), help="File with MCP servers (mcpServers, servers)."
)
@click.option("--tools", multiple=True, metavar="MODULE|FILE", help="Python tools, as a module or a file.")
@click.option("--max-parallel", type=click.IntRange(min=1), help="Most attempts at once.")
@click.option("--sequential", is_flag=True, help="Each step also waits for the one before it.")
@click.option("--timeout", metavar="DURATION", callback=_seconds, help="Of the whole execution: seconds, or 1m30s.")
def command(as_json: bool, as_jsonl: bool, quiet: bool, **options: object) -> int:
    """Run the workflow in FILE, or the one called NAME in the configured folders.

    \b
    Exit code: 0 completed, 1 failed or cancelled, 2 wrong usage or inputs,
    3 the workflow has errors, 5 a bug in ael, 130 interrupted.
    """
    if as_json and as_jsonl:
        raise click.UsageError("--json and --jsonl exclude each other")
    from ael.cli.running import RunOptions, run_workflow
    from ael.cli.watching import Shown

    shown = Shown(data="json" if as_json else "jsonl" if as_jsonl else "outputs", quiet=quiet)
    return run_workflow(RunOptions(shown=shown, **options))  # type: ignore[arg-type]
