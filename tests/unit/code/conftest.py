"""One executor for all tests of code steps, and a sink that keeps what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from ael.code import SafeExecutor
from ael.ports import CodeCall
from ael.settings import Settings

Run = Callable[..., Awaitable[Any]]


class Sink:
    """Keeps what a step says."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Mapping[str, Any]]] = []

    def log(self, level: str, message: str, fields: Mapping[str, Any]) -> None:
        self.lines.append((level, message, fields))

    def progress(self, fraction: float | None, message: str | None) -> None:
        raise AssertionError

    def tool_called(self, tool: str, server: str | None) -> None:
        raise AssertionError

    def tool_returned(self, tool: str, server: str | None, ok: bool, duration_s: float) -> None:
        raise AssertionError


def step(output: Any, **fields: Any) -> dict[str, Any]:
    plain = {"status": "completed", "success": True, "error": None, "duration_ms": 1.5, "attempt": 1}
    return {"output": output, **plain, **fields}


@pytest.fixture(scope="session")
def executor() -> Iterator[SafeExecutor]:
    """One executor with tight limits for all tests; it belongs to no loop."""
    settings = Settings(code_cpu=0.3, code_memory=16 * 1024 * 1024, code_output=200_000)
    executor = SafeExecutor(settings)
    yield executor
    asyncio.run(executor.aclose())


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def run(executor: SafeExecutor, sink: Sink) -> Run:
    async def run(code: str, **fields: Any) -> Any:
        call = {"inputs": {}, "steps": {}, "sink": sink, **fields}
        return await executor.run(CodeCall(code=code, **call))

    return run
