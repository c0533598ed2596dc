"""The group itself: start-up, help, wrong usage, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ael.cli import COMMANDS, run_command_line
from ael.cli.output import animates, exit_code
from ael.errors import (
    AELError,
    ConfigInvalidError,
    InputInvalidError,
    InternalError,
    ToolError,
    WorkflowInvalidError,
    WorkflowNotFoundError,
)

HEAVY = [
    "asyncio",
    "yaml",
    "jinja2",
    "cattrs",
    "structlog",
    "jsonschema_rs",
    "rich",
    "sqlite3",
    "msgspec",
    "attrs",
    "mcp",
]


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize("code", ["import ael.cli", "import ael.cli; ael.cli.run_command_line(['--help'])"])
def test_help_needs_click_and_nothing_heavy(code):
    report = f"{code}; import sys; print('loaded:', [m for m in {HEAVY!r} if m in sys.modules])"
    done = python("-c", report)
    assert done.stdout.endswith("loaded: []\n"), done.stdout + done.stderr


def test_help_lists_all_commands():
    done = python("-m", "ael", "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for name, entry in COMMANDS.items():
        assert f"  {name}" in done.stdout
        assert entry.summary in done.stdout


def test_version():
    done = python("-m", "ael", "--version")
    assert (done.returncode, done.stdout[:4]) == (0, "ael ")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_without_anything_heavy(name):
    code = (
        f"import ael.cli, sys; code = ael.cli.run_command_line([{name!r}, '--help']);"
        f"print('loaded:', code, [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = python("-c", code)
    assert done.stdout.endswith("loaded: 0 []\n"), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu", "x"], "there is no command 'rnu'; did you mean `ael run`?"),
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["--wrong"], "--wrong"),
        (["run"], "FILE|NAME"),
        (["run", "x", "--timeout", "soon"], "'soon' is no duration above 0"),
        (["run", "x", "--timeout", "0"], "'0' is no duration above 0"),
        (["run", "x", "--json", "--jsonl"], "--json and --jsonl exclude each other"),
        (["run", "x", "--max-parallel", "0"], "--max-parallel"),
        (["check"], "FILE|FOLDER..."),
        (["check", "nowhere.yaml"], "nowhere.yaml"),
        (["check", "x", "--format", "xml"], "'xml' is not one of"),
        (["tools", "lst"], "lst"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_on_stderr_with_exit_code_2(arguments, message, capsys):
    assert run_command_line(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputInvalidError("x"), 2),
        (ConfigInvalidError("x"), 2),
        (WorkflowNotFoundError("x"), 2),
        (WorkflowInvalidError("x"), 3),
        (WorkflowInvalidError("x", code="CIRCULAR_DEPENDENCY"), 3),
        (InternalError("x"), 5),
        (InternalError("x", step_id="s"), 5),
        (ToolError("x"), 1),
        (ToolError("x", code="INPUT_INVALID", step_id="s"), 1),
        (ToolError("x", code="INTERNAL_ERROR", step_id="s"), 1),
        (AELError("x", code="SOMETHING_ELSE"), 1),
    ],
    ids=repr,
)
def test_exit_codes(error, code):
    assert exit_code(error) == code


_BUGGY = "import ael.cli, sys\nael.cli.COMMANDS = {'bug': ael.cli.COMMANDS['run']._replace(module='buggy')}\n"
_BUGGY += "import types, click\nmodule = types.ModuleType('buggy')\nsys.modules['buggy'] = module\n"
_BUGGY += "@click.command()\ndef command():\n    raise ERROR\nmodule.command = command\nael.cli.main(['bug'])\n"


def test_a_bug_of_ours_is_one_line_and_the_way_to_the_traceback():
    done = python("-c", _BUGGY.replace("ERROR", "ZeroDivisionError('by zero')"), AEL_DEBUG="")
    assert done.returncode == 5
    assert done.stderr == (
        "ael: internal error: ZeroDivisionError: by zero\n"
        "  help: this is a bug in ael; AEL_DEBUG=1 shows the traceback to report\n"
    )
    done = python("-c", _BUGGY.replace("ERROR", "ZeroDivisionError('by zero')"), AEL_DEBUG="1")
    assert done.returncode == 5
    assert "Traceback (most recent call last)" in done.stderr


def test_an_interrupt_anywhere_is_130_without_a_traceback():
    done = python("-c", _BUGGY.replace("ERROR", "KeyboardInterrupt"))
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


class Stream:
    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "environ", "expected"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "CI": "true"}, False),
        (False, {"TERM": "xterm"}, False),
        (False, {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
    ],
)
def test_animation_needs_a_terminal_that_can(terminal, environ, expected):
    assert animates(Stream(terminal), environ) is expected
