"""The command line: a group that knows its commands by name and imports one only when it is run.

``ael --help`` and ``ael --version`` import click and nothing else. What a user did wrong is said in a
sentence, with one of the exit codes of :mod:`ael.cli.output`; only a bug of ours may show a traceback,
and only on request.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import click

import ael

__all__ = ["COMMANDS", "cli", "main", "run_command_line"]


class _Command(NamedTuple):
    module: str
    summary: str


COMMANDS = {
    "run": _Command("ael.cli.run", "Run a workflow and print its outputs."),
    "check": _Command("ael.cli.check", "Find what is wrong in workflow files, without running them."),
    "explain": _Command("ael.cli.explain", "Say what the code of a diagnostic or an error means."),
    "graph": _Command("ael.cli.graph", "Show the steps of a workflow and what each waits for."),
    "tools": _Command("ael.cli.tools", "List, describe and call the tools there are."),
    "init": _Command("ael.cli.init", "Write a small project that runs."),
    "schema": _Command("ael.cli.schema", "Print the JSON Schema of workflow files, for editors."),
    "doctor": _Command("ael.cli.doctor", "Say what is installed, configured and missing."),
}
"""Name → module, whose attribute ``command`` is the click command, and the line shown by ``ael --help``."""


class _LazyGroup(click.Group):
    """Resolves commands through :data:`COMMANDS`, so that help needs none of their imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            raise click.UsageError(f"there is no command {name!r}{_nearest(name)}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def _nearest(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"; did you mean `ael {near[0]}`?" if near else ""


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"ael {ael.__version__}")
    ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def cli() -> None:
    """Run workflows of tools and code, each step as soon as what it reads is there."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; never returns."""
    sys.exit(run_command_line(sys.argv[1:] if argv is None else argv))


def run_command_line(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; errors have been told on stderr."""
    try:
        code = cli.main(args=list(argv), prog_name="ael", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        _discard_stdout()
        return 0
    except Exception as error:  # noqa: BLE001 - the last frame of the program: nothing may end in a bare traceback
        return _report(error)
    return code if isinstance(code, int) else 0


def _discard_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not fail on a closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: Exception) -> int:
    from ael.cli.output import exit_code, report_error
    from ael.errors import AELError, InternalError

    debugging = bool(os.environ.get("AEL_DEBUG"))
    if debugging:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, AELError) and not isinstance(error, InternalError):
        report_error(error)
        return exit_code(error)
    click.echo(f"ael: internal error: {type(error).__name__}: {error}", err=True)
    if not debugging:
        click.echo("  help: this is a bug in ael; AEL_DEBUG=1 shows the traceback to report", err=True)
    return 5
