"""Real MCP servers for tests: started, called, and proved to leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from ael.mcp_server import McpServer
from ael.ports import ToolCall
from ael.settings import Settings
from ael.tools.mcp import McpProvider

SERVERS = Path(__file__).parent.parent / "servers"
ANSWERING = str(SERVERS / "answering.py")
RAW = str(SERVERS / "raw.py")
SETTINGS = Settings(connect_timeout=30.0)


def python_server(*args: str, **more: Any) -> McpServer:
    return McpServer(name="srv", command=sys.executable, args=args, **more)


def call(params: dict[str, Any] | None = None, **more: Any) -> ToolCall:
    return ToolCall(name="srv.tool", params=params or {}, **more)


async def value(provider: McpProvider, tool: str, params: dict[str, Any] | None = None, **more: Any) -> Any:
    return (await provider.call(tool, call(params, **more))).value


@contextlib.asynccontextmanager
async def provided(server: McpServer, settings: Settings = SETTINGS) -> AsyncIterator[McpProvider]:
    """A provider, and the proof that closing it leaves no task, process or descriptor."""
    tasks, fds = asyncio.all_tasks(), open_fds()
    provider = McpProvider(server, settings)
    try:
        yield provider
    finally:
        await provider.aclose()
    await provider.aclose()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - tasks - {asyncio.current_task()} == set()
    assert children() == set()
    gc.collect()
    assert open_fds() - fds == set()


def open_fds() -> set[str]:
    """Pipes and sockets; the event loop's own and imported files come and go."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if target.startswith(("pipe:", "socket:")):
                found.add(target)
    return found


def children() -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with contextlib.suppress(OSError):
            found.update(int(pid) for pid in (task / "children").read_text().split())
    return {
        pid
        for pid in found
        if "answering" in command_of(pid) or "raw.py" in command_of(pid) or "mcp" in command_of(pid)
    } - HTTP_PIDS


HTTP_PIDS: set[int] = set()


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


@contextlib.contextmanager
def http_server(port: int | None = None) -> Iterator[str]:
    port = port or free_port()
    process = subprocess.Popen([sys.executable, ANSWERING, str(port)], stderr=subprocess.DEVNULL)
    HTTP_PIDS.add(process.pid)
    try:
        deadline = time.monotonic() + 30
        while not listens(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    return False


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)
