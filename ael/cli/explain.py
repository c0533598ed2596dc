"""``ael explain``: what a code means, of a diagnostic or of an error of a run."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say what CODE means, such as AEL203 or TOOL_TIMEOUT; without one, list all codes."""
    from ael.cli.output import write_data
    from ael.language.explaining import explain_code, list_codes, nearest_code

    if code is None:
        write_data("\n".join(f"{name:<19}  {severity:<7}  {about}" for name, severity, about in list_codes()))
        return
    text = explain_code(code)
    if text is None:
        near = nearest_code(code)
        advice = f"did you mean {near}?" if near else "`ael explain` lists all; tools may have codes of their own"
        raise click.UsageError(f"there is no code {code!r}; {advice}")
    write_data(text)
