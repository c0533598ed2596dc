"""``shell.run`` with real programs."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ael.clock import SystemClock
from ael.errors import ParamInvalidError, ToolError, ToolUnavailableError
from ael.ports import TimerHandle, ToolCall, ToolMiss
from ael.settings import Settings
from ael.tools.routing import RoutingInvoker
from ael.tools.shell import SHELL_RUN, ShellProvider
from ael.types import JsonValue

ALLOWED = Settings(allow_shell=True, max_result_bytes=10_000)


class Hurried(SystemClock):
    """A clock that waits for nothing, so that no test waits for a grace period."""

    def call_later(self, seconds: float, callback: Callable[[], object]) -> TimerHandle:
        return super().call_later(0, callback)


async def run(*argv: JsonValue, clock: SystemClock | None = None, **params: JsonValue) -> JsonValue:
    provider = ShellProvider(ALLOWED, clock or SystemClock())
    call = ToolCall("shell.run", {"argv": list(argv), **params})
    return (await provider.call("shell.run", call)).value


def python(code: str) -> tuple[str, str, str]:
    return (sys.executable, "-c", code)


@pytest.mark.parametrize(
    ("argv", "params", "expected"),
    [
        pytest.param(("echo", "$HOME", "a b", "*"), {}, (0, "$HOME a b *\n", ""), id="nothing is expanded"),
        pytest.param(("echo", 1, 2.5), {}, (0, "1 2.5\n", ""), id="numbers"),
        pytest.param(("sh", "-c", "echo out; echo err >&2"), {}, (0, "out\n", "err\n"), id="both streams"),
        pytest.param(("cat",), {"stdin": "héllo"}, (0, "héllo", ""), id="stdin"),
        pytest.param(("cat",), {"stdin": b"raw"}, (0, "raw", ""), id="stdin of bytes"),
        pytest.param(("cat",), {}, (0, "", ""), id="no stdin is empty stdin"),
        pytest.param(("true",), {"stdin": "x" * 1_000_000}, (0, "", ""), id="stdin that nobody reads"),
        pytest.param(("sh", "-c", "echo $A$B"), {"env": {"A": "x", "B": 1}}, (0, "x1\n", ""), id="env"),
        pytest.param(("sh", "-c", "exit 3"), {"expect": [0, 3]}, (3, "", ""), id="expected exit codes"),
        pytest.param(("sh", "-c", "exit 3"), {"expect": 3}, (3, "", ""), id="expected exit code"),
        pytest.param(("printf", "\\377"), {}, (0, "\ufffd", ""), id="output that is no UTF-8"),
    ],
)
async def test_a_program_and_what_it_says(
    argv: tuple[JsonValue, ...], params: dict[str, JsonValue], expected: tuple[int, str, str]
) -> None:
    exit_code, stdout, stderr = expected
    assert await run(*argv, **params) == {"exit_code": exit_code, "stdout": stdout, "stderr": stderr}


async def test_the_folder(tmp_path: Path) -> None:
    result = await run("pwd", "-P", cwd=str(tmp_path))
    assert result["stdout"].strip() == str(tmp_path.resolve())


async def test_secrets_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AEL_SECRET_TOKEN", "LISTED", "OTHER"):
        monkeypatch.setenv(name, "value")
    settings = Settings(allow_shell=True, secrets={"token": "LISTED"})
    call = ToolCall("shell.run", {"argv": ["env"], "env": {"AEL_SECRET_GIVEN": "by name"}})
    outcome = await ShellProvider(settings, SystemClock()).call("shell.run", call)
    lines = outcome.value["stdout"].splitlines()
    assert "OTHER=value" in lines
    assert "AEL_SECRET_GIVEN=by name" in lines
    assert not any(line.startswith(("AEL_SECRET_TOKEN", "LISTED")) for line in lines)


@pytest.mark.parametrize(
    ("argv", "params", "words", "retryable"),
    [
        pytest.param(
            ("sh", "-c", "echo a >&2; echo why >&2; exit 3"), {}, "sh ended with exit code 3: why", True, id="exit code"
        ),
        pytest.param(("false",), {}, "false ended with exit code 1", True, id="without words"),
        pytest.param(("true",), {"expect": [1]}, "true ended with exit code 0", True, id="success is unexpected"),
        pytest.param(("sh", "-c", "kill -9 $$"), {}, "sh was ended by SIGKILL", True, id="signal"),
        pytest.param(("no-such-program",), {}, "there is no program 'no-such-program'", False, id="no program"),
        pytest.param(("true",), {"cwd": "/no/such"}, "there is no folder '/no/such'", False, id="no folder"),
        pytest.param(("/etc/passwd",), {}, "cannot start '/etc/passwd'", False, id="not executable"),
        pytest.param(("cat",), {"stdin": "\ud800"}, "stdin is no text", False, id="stdin that is half a character"),
        pytest.param(("true",), {"cwd": "/etc/passwd"}, "Not a directory", False, id="folder that is a file"),
        pytest.param(("true",), {"env": {"A=B": "c"}}, "illegal environment variable name", False, id="no variable"),
        pytest.param(("a\0b",), {}, "cannot start", False, id="null byte"),
        pytest.param(("yes",), {}, "yes printed more than the 10,000 bytes", False, id="too much"),
        pytest.param(
            ("sh", "-c", "yes >&2"), {}, "sh printed more than the 10,000 bytes", False, id="too much on stderr"
        ),
    ],
)
async def test_failures(argv: tuple[str, ...], params: dict[str, JsonValue], words: str, retryable: bool) -> None:
    with pytest.raises(ToolError) as caught:
        await run(*argv, **params)
    assert words in caught.value.message
    assert (caught.value.code, caught.value.retryable) == ("TOOL_FAILED", retryable)


async def test_a_failure_keeps_what_was_printed() -> None:
    with pytest.raises(ToolError) as caught:
        await run("sh", "-c", "echo out; exit 3")
    assert caught.value.details == {"exit_code": 3, "stdout": "out\n", "stderr": ""}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"argv": []},
        {"argv": "ls"},
        {"argv": [["ls"]]},
        {"argv": ["ls"], "shell": True},
        {"argv": ["ls"], "expect": "0"},
    ],
    ids=str,
)
async def test_params_that_do_not_fit(params: dict[str, JsonValue]) -> None:
    with pytest.raises(ParamInvalidError):
        await ShellProvider(ALLOWED, SystemClock()).call("shell.run", ToolCall("shell.run", params))


# -- the end of programs -------------------------------------------------------------------------

FAMILY = """
import os, signal, subprocess, sys
{trap}
child = subprocess.Popen([sys.executable, "-c", {child!r}])
print(os.getpid(), child.pid, file=open("pids.new", "w"))
os.rename("pids.new", "pids")
signal.pause()
"""
TRAP = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def is_gone(pid: int) -> bool:
    """Not running any more; an orphan's zombie is its new parent's, not ours."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):  # the second: it went while it was looked at
        return True
    return state == "Z" and int(parent) != os.getpid()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")
@pytest.mark.parametrize("trap", ["", TRAP], ids=["SIGTERM is enough", "SIGTERM is ignored"])
async def test_cancelling_ends_the_whole_group(trap: str, tmp_path: Path) -> None:
    code = FAMILY.format(trap=trap, child=f"{trap}\nimport signal\nsignal.pause()")
    task = asyncio.create_task(run(*python(code), cwd=str(tmp_path), clock=Hurried() if trap else None))
    await until((tmp_path / "pids").exists)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    for pid in pids:
        await until(functools.partial(is_gone, pid))


async def test_a_second_cancellation_does_not_leave_the_program(tmp_path: Path) -> None:
    code = f"{TRAP}; import os; open('new', 'w').write(str(os.getpid())); os.rename('new', 'began'); signal.pause()"
    task = asyncio.create_task(run(*python(code), cwd=str(tmp_path)))
    await until((tmp_path / "began").exists)
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert is_gone(int((tmp_path / "began").read_text()))


@pytest.mark.parametrize(
    "left", ["sleep 1000 & echo done", "setsid sleep 1000 & echo $! > pid; echo done"], ids=["in the group", "outside"]
)
async def test_what_a_program_leaves_behind_does_not_hold_the_call(left: str, tmp_path: Path) -> None:
    result = await run("sh", "-c", left, clock=Hurried(), cwd=str(tmp_path))
    assert result == {"exit_code": 0, "stdout": "done\n", "stderr": ""}
    if (tmp_path / "pid").exists():
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_many_at_once() -> None:
    results = await asyncio.gather(*(run("echo", number) for number in range(30)))
    assert [int(result["stdout"]) for result in results] == list(range(30))


# -- off unless allowed --------------------------------------------------------------------------


def invoker(settings: Settings) -> RoutingInvoker:
    clock = SystemClock()
    return RoutingInvoker([ShellProvider(settings, clock)], clock)


async def test_it_is_off_unless_allowed() -> None:
    off = invoker(Settings())
    assert list(off.specs()) == []
    miss = off.lookup("shell.run")
    assert isinstance(miss, ToolMiss)
    assert miss.reason == "disabled"
    assert "allow_shell" in (miss.advice or "")
    with pytest.raises(ToolUnavailableError, match="switched off"):
        await off.call(ToolCall("shell.run", {"argv": ["true"]}))


async def test_it_is_never_repeated_by_itself() -> None:
    on = invoker(ALLOWED)
    assert on.lookup("shell.run") == SHELL_RUN
    assert not on.repeatable(ToolCall("shell.run", {"argv": ["true"]}))
    await on.aclose()
