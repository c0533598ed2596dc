"""``ael doctor``: what is installed, configured and missing, with the command that repairs it."""

from __future__ import annotations

import sys

import click

__all__ = ["command"]


@click.command("doctor")
@click.option("--config", type=click.Path(exists=True, dir_okay=False), help="ael.toml, instead of the one found here.")
@click.option("--mcp", type=click.Path(exists=True, dir_okay=False), help="File with MCP servers.")
@click.option("--start", is_flag=True, help="Start the configured servers and say how many tools each has.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(config: str | None, mcp: str | None, start: bool, as_json: bool) -> int:
    """Say what is installed, configured and missing. Nothing is started without --start.

    Exit code 0: nothing is wrong; 1: something is.
    """
    from ael.cli.examination import examine, format_findings
    from ael.cli.output import uses_color, write_data, write_json

    findings = examine(config=config, mcp=mcp, start=start)
    if as_json:
        write_json([finding.to_dict() for finding in findings])
    else:
        write_data(format_findings(findings, color=uses_color(sys.stdout)))
    return 1 if any(finding.is_bad for finding in findings) else 0
