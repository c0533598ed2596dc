"""``shell.run``: one program as a tool, without a shell. Exists only where the engine's settings allow it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence

from ael.errors import ToolError
from ael.ports import Clock, ToolCall, ToolMiss, ToolOutcome, ToolSpec
from ael.settings import Settings
from ael.tools.schemas import check_params
from ael.types import JsonValue

__all__ = ["SHELL_RUN", "ShellProvider"]

_TERMINATE_S = 2.0
"""Seconds between SIGTERM and SIGKILL."""

SHELL_RUN = ToolSpec(
    name="shell.run",
    description="Run one program, without a shell. Fails unless its exit code is an expected one.",
    input_schema={
        "type": "object",
        "properties": {
            "argv": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "cwd": {"type": "string"},
            "env": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Added to ael's own."},
            "stdin": {"type": "string"},
            "expect": {"type": "array", "items": {"type": "integer"}, "default": [0]},
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

    name: str | None = None
    listed = True

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._allowed = settings.allow_shell
        self._limit = settings.max_result_bytes
        self._clock = clock

    def specs(self) -> Sequence[ToolSpec]:
        """The one tool, where it is allowed."""
        return [SHELL_RUN] if self._allowed else []

    def miss(self, tool: str) -> ToolMiss | None:
        """How to switch it on."""
        if tool == SHELL_RUN.name and not self._allowed:
            return ToolMiss("disabled", advice="allow it with Settings(allow_shell=True), or allow_shell in ael.toml")
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
        process = await _start(params)
        try:
            stdout, stderr = await self._talk(process, params.get("stdin"))
            exit_code = await process.wait()
        finally:
            await self._kill(process)
        result = {"exit_code": exit_code, "stdout": stdout, "stderr": stderr}
        if exit_code in params.get("expect", [0]):
            return ToolOutcome(result)
        tail = stderr.strip().splitlines()[-1:] or [""]
        raise ToolError(
            f"{params['argv'][0]} ended with exit code {exit_code}" + (f": {tail[0]}" if tail[0] else ""),
            details=result,
        )

    async def aclose(self) -> None:
        """Nothing outlives its call."""

    async def _talk(self, process: asyncio.subprocess.Process, stdin: str | None) -> tuple[str, str]:
        """Feed and read all three streams at once, within the size limit."""
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_feed(process, stdin))
                out = group.create_task(self._read(process.stdout))
                err = group.create_task(self._read(process.stderr))
        except BaseExceptionGroup as errors:
            first: BaseException = errors
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise first from None
        return out.result(), err.result()

    async def _read(self, stream: asyncio.StreamReader) -> str:
        data = bytearray()
        while chunk := await stream.read(65536):
            data += chunk
            if len(data) > self._limit:
                raise ToolError(
                    f"the program printed more than {self._limit:,} bytes",
                    retryable=False,
                    hint="raise max_result_bytes in the settings",
                )
        return data.decode(errors="replace")

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        """End what is left of the group, politely, then not; shielded, bounded."""
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            ended = asyncio.ensure_future(process.wait())
            timer = self._clock.call_later(_TERMINATE_S, lambda: _signal(process.pid, signal.SIGKILL))
            try:
                while not ended.done():
                    try:
                        await asyncio.shield(ended)
                    except asyncio.CancelledError:
                        _signal(process.pid, signal.SIGKILL)
                        if ended.cancelled():
                            raise
                        await asyncio.wait([ended])
                        raise
            finally:
                timer.cancel()
        _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left


async def _start(params: Mapping[str, JsonValue]) -> asyncio.subprocess.Process:
    argv = params["argv"]
    cwd = params.get("cwd")
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **params.get("env", {})},
            start_new_session=True,
        )
    except FileNotFoundError as error:
        missing = f"folder {cwd!r}" if error.filename == cwd else f"program {argv[0]!r}"
        raise ToolError(f"there is no {missing}", retryable=False) from error
    except (OSError, ValueError) as error:
        raise ToolError(f"cannot start {argv[0]!r}: {error}", retryable=False) from error


async def _feed(process: asyncio.subprocess.Process, stdin: str | None) -> None:
    assert process.stdin is not None
    try:
        if stdin is not None:
            process.stdin.write(stdin.encode())
            await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return  # it does not want to hear more
