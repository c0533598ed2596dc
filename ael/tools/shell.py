"""``shell.run``: one program as a tool, off unless the engine allows it. There is no shell unless ``argv`` names one.

Each program leads a process group of its own. Whatever ends the call, cancellation included, ends the group: with
SIGTERM, then SIGKILL if the program was still running; what a finished program left behind is given a moment to
finish writing. No zombie is left, and nothing waits for a pipe that a stranger holds open.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence

from ael.errors import ToolError
from ael.ports import Clock, TimerHandle, ToolCall, ToolMiss, ToolOutcome, ToolSpec
from ael.settings import Settings
from ael.tools.schemas import check_params
from ael.types import JsonValue

__all__ = ["SHELL_RUN", "ShellProvider"]

_GRACE_S = 2.0
"""Seconds between SIGTERM and SIGKILL, and for what a finished program left behind."""

_SECRET_PREFIX = "AEL_SECRET_"  # noqa: S105 - the first part of a variable's name

SHELL_RUN = ToolSpec(
    name="shell.run",
    description="Run one program, without a shell. Fails unless its exit code is an expected one.",
    input_schema={
        "type": "object",
        "properties": {
            "argv": {
                "type": "array",
                "items": {"type": ["string", "number"]},
                "minItems": 1,
                "description": "The program and its arguments, each as it is: nothing is split or expanded.",
            },
            "cwd": {"type": "string", "description": "The folder to run in; default: the engine's."},
            "env": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number"]},
                "description": "Added to the engine's environment, which is passed on without its secrets.",
            },
            "stdin": {"type": "string"},
            "expect": {
                "description": "The exit codes of success.",
                "anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}],
                "default": [0],
            },
        },
        "required": ["argv"],
        "additionalProperties": False,
    },
    output_schema={
        "type": "object",
        "properties": {
            "exit_code": {"type": "integer"},
            "stdout": {"type": "string"},
            "stderr": {"type": "string"},
        },
        "required": ["exit_code", "stdout", "stderr"],
    },
)


class ShellProvider:
    """Implements :class:`ael.tools.provider.ToolProvider`. Each program has a process group of its own."""

    name = None
    listed = True

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._allowed = settings.allow_shell
        self._limit = settings.max_result_bytes
        self._secret_variables = frozenset(settings.secrets.values())
        self._clock = clock

    def specs(self) -> Sequence[ToolSpec]:
        """The one tool, where it is allowed."""
        return [SHELL_RUN] if self._allowed else []

    def miss(self, tool: str) -> ToolMiss | None:
        """How to switch it on."""
        if tool == SHELL_RUN.name and not self._allowed:
            return ToolMiss(
                "disabled",
                advice="allow it with Settings(allow_shell=True), or allow_shell = true under [settings] in ael.toml",
            )
        return None

    def repeatable(self, tool: str, call: ToolCall) -> bool:
        """Nobody knows what a program does."""
        return False

    async def wait_listed(self) -> None:
        """Nothing to wait for."""

    async def call(self, tool: str, call: ToolCall) -> ToolOutcome:
        """Run the program to its end; cancelling kills its whole process group."""
        params = call.params
        check_params(SHELL_RUN.input_schema, params, tool)
        stdin = _encoded(params.get("stdin", b""))
        program = _Program(self._limit, self._clock)
        await _start(program, params, self._environment(params))
        try:
            program.feed(stdin)
            await asyncio.wait([program.finished])
        finally:
            await program.wait_ended()
        return ToolOutcome(_judge(program, params))

    async def aclose(self) -> None:
        """Nothing outlives its call."""

    def _environment(self, params: Mapping[str, JsonValue]) -> dict[str, str]:
        """The engine's own variables but for secrets: those are passed on by name, or not at all."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_SECRET_PREFIX) and name not in self._secret_variables
        }
        return inherited | {name: str(value) for name, value in params.get("env", {}).items()}


class _Program(asyncio.SubprocessProtocol):
    """One running program, and what it has printed.

    Attributes:
        finished: Done when it has ended and its output is closed.
        limit: Most bytes on each of stdout and stderr.
        excessive: Whether it was killed because it printed more.
    """

    def __init__(self, limit: int, clock: Clock) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.excessive = False
        self._output = {1: bytearray(), 2: bytearray()}
        self.limit = limit
        self._clock = clock
        self._timer: TimerHandle | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def exit_code(self) -> int | None:
        """Negative: the signal that ended it; ``None``: it runs."""
        return None if self._transport is None else self._transport.get_returncode()

    def text(self, stream: int) -> str:
        """What it printed, 1 on stdout and 2 on stderr."""
        return self._output[stream].decode(errors="replace")

    def feed(self, stdin: bytes) -> None:
        """Send its input; what it does not read is nobody's concern."""
        assert self._transport is not None
        pipe = self._transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        if stdin and not pipe.is_closing():
            pipe.write(stdin)
        pipe.close()

    async def wait_ended(self) -> None:
        """End what still runs and wait until it has. A cancellation meanwhile only makes it less polite."""
        if self.exit_code is None and not self.excessive:
            self._signal(signal.SIGTERM)
            self._timer = self._clock.call_later(_GRACE_S, self._kill)
        interrupted: asyncio.CancelledError | None = None
        while not self.finished.done():
            try:
                await asyncio.wait([self.finished])
            except asyncio.CancelledError as error:
                interrupted = error
                self._kill()
        self._kill()
        if interrupted is not None:
            raise interrupted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It has started."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It has printed something."""
        if self.excessive:
            return
        self._output[fd] += data
        if len(self._output[fd]) > self.limit:
            self.excessive = True
            self._kill()

    def process_exited(self) -> None:
        """It has ended; its output may still come, from pipes it shared with others."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(_GRACE_S, self._kill)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended and closed its output."""
        if self._timer is not None:
            self._timer.cancel()
        self._finish()

    def discard(self, starting: asyncio.Task[None]) -> None:
        """Nobody wants it any more, and now it has started, or failed to."""
        if starting.cancelled() or starting.exception() is not None:
            self._finish()
        else:
            self._kill()

    def _finish(self) -> None:
        if not self.finished.done():
            self.finished.set_result(None)

    def _kill(self) -> None:
        """End the group, and hear no more from those who left it but kept the pipes."""
        self._signal(signal.SIGKILL)
        if self._transport is not None:
            self._transport.close()

    def _signal(self, number: int) -> None:
        assert self._transport is not None
        try:
            os.killpg(self._transport.get_pid(), number)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left, or nobody of ours


def _encoded(stdin: str | bytes) -> bytes:
    try:
        return stdin if isinstance(stdin, bytes) else stdin.encode()
    except UnicodeEncodeError as error:
        raise ToolError(f"stdin is no text that can be sent: {error}", retryable=False) from error


async def _start(program: _Program, params: Mapping[str, JsonValue], environment: Mapping[str, str]) -> None:
    """Start it. A start that is cancelled is awaited all the same: asyncio would end the leader of the group alone."""
    starting = asyncio.create_task(_spawn(program, params, environment))
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(program.discard)  # this happens even if the next wait is cancelled, too
        await asyncio.wait([program.finished])
        raise


async def _spawn(program: _Program, params: Mapping[str, JsonValue], environment: Mapping[str, str]) -> None:
    argv = [str(part) for part in params["argv"]]
    cwd = params.get("cwd")
    loop = asyncio.get_running_loop()
    try:
        await loop.subprocess_exec(lambda: program, *argv, cwd=cwd, env=environment, start_new_session=True)
    except FileNotFoundError as error:
        missing = f"folder {cwd!r}" if error.filename == cwd else f"program {argv[0]!r}"
        raise ToolError(f"there is no {missing}", retryable=False) from error
    except (OSError, ValueError) as error:
        raise ToolError(f"cannot start {argv[0]!r}: {error}", retryable=False) from error


def _judge(program: _Program, params: Mapping[str, JsonValue]) -> JsonValue:
    """The result, if the exit code is an expected one."""
    name = params["argv"][0]
    if program.excessive:
        raise ToolError(
            f"{name} printed more than the {program.limit:,} bytes a result may have",
            retryable=False,
            hint="raise max_result_bytes in the settings",
        )
    exit_code = program.exit_code
    assert exit_code is not None
    result: dict[str, JsonValue] = {"exit_code": exit_code, "stdout": program.text(1), "stderr": program.text(2)}
    expect = params.get("expect", 0)
    if exit_code in (expect if isinstance(expect, list) else [expect]):
        return result
    last_words = result["stderr"].strip().rpartition("\n")[2]
    raise ToolError(f"{name} {_ending(exit_code)}" + (f": {last_words}" if last_words else ""), details=result)


def _ending(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
