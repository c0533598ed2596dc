"""The findings of ``ael doctor``: each looks at one thing and says what is so, not what should be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import attrs
import click

from ael.cli.project import Project
from ael.errors import AELError
from ael.mcp_server import McpServer
from ael.observe.words import one_line
from ael.settings import Settings
from ael.tools.mcp import McpProvider
from ael.tools.mcp.program import find_program
from ael.types import JsonValue

__all__ = ["Finding", "examine", "extras", "format_findings", "packages"]

DEPENDENCIES = (
    "anyio",
    "attrs",
    "backoff",
    "cattrs",
    "click",
    "docstring-parser",
    "jinja2",
    "jsonschema-rs",
    "msgspec",
    "PyYAML",
    "rich",
    "structlog",
)
EXTRAS = {
    "mcp": ("mcp", "tools of MCP servers"),
    "http": ("httpx", "the tool http.request"),
    "code": ("pydantic-monty", "code steps"),
}
"""Extra → the distribution it brings, and what it is for."""

SQLITE_NEEDED = (3, 37)


@attrs.frozen
class Finding:
    """One thing that was looked at.

    Attributes:
        state: ``ok``, ``note`` (fine, worth knowing) or ``bad`` (something will not work).
        advice: What to do about it.
    """

    area: str
    state: str
    text: str
    advice: str | None = None

    @property
    def is_bad(self) -> bool:
        """Whether something will not work."""
        return self.state == "bad"

    def to_dict(self) -> dict[str, JsonValue]:
        """JSON-ready."""
        return attrs.asdict(self)


def examine(*, config: str | None = None, mcp: str | None = None, start: bool = False) -> list[Finding]:
    """Look at everything. Servers run only with ``start``."""
    findings = [*_python(), *packages(DEPENDENCIES), *extras(EXTRAS), *_sqlite()]
    try:
        project = Project.open(config=config, mcp=mcp)
        servers = project.servers()
    except AELError as error:
        return [*findings, Finding("configuration", "bad", error.message, error.hint)]
    findings.extend(_configuration(project))
    findings.extend(asyncio.run(_started(servers, project.settings)) if start else _servers(servers))
    findings.extend(_unnamed(project))
    findings.extend(_secrets(project.settings, os.environ))
    return findings


def _python() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def packages(needed: Sequence[str]) -> Iterator[Finding]:
    """The distributions ael cannot do without."""
    found = {name: _installed(name) for name in ("ael", *needed)}
    present = ", ".join(f"{name} {number}" for name, number in found.items() if number is not None)
    yield Finding("packages", "ok", present)
    for name in needed:
        if found[name] is None:
            yield Finding("packages", "bad", f"{name} is missing", f"pip install {name}")


def extras(known: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    """The distributions that some tools need: extra → distribution and purpose."""
    for extra, (distribution, purpose) in known.items():
        number = _installed(distribution)
        if number is None:
            yield Finding(
                "extras", "note", f"{extra} is not installed; it is for {purpose}", f"pip install 'ael[{extra}]'"
            )
        else:
            yield Finding("extras", "ok", f"{extra}: {distribution} {number}, for {purpose}")


def _sqlite() -> Iterator[Finding]:
    if sqlite3.sqlite_version_info >= SQLITE_NEEDED:
        yield Finding("sqlite", "ok", sqlite3.sqlite_version)
    else:
        needed = ".".join(map(str, SQLITE_NEEDED))
        yield Finding("sqlite", "note", f"{sqlite3.sqlite_version}; durable executions will need {needed} or later")


def _configuration(project: Project) -> Iterator[Finding]:
    source = project.config.source
    yield Finding("configuration", "ok", f"from {source}" if source else "no ael.toml here; defaults are in force")
    for folder in project.config.workflows:
        there = Path(folder).exists()
        text = f"workflows in {folder}" if there else f"there is no {folder}, where workflows should be"
        yield Finding("configuration", "ok" if there else "bad", text)
    yield from (Finding("configuration", "note", note) for note in project.config.notes)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            modules = project.config.tool_modules()
    except AELError as error:
        yield Finding("configuration", "bad", error.message, error.hint)
    else:
        yield from (Finding("configuration", "ok", f"tools in {module.__name__}") for module in modules)


def _servers(servers: Iterable[McpServer]) -> Iterator[Finding]:
    for server in servers:
        yield _reachable(server) or Finding("servers", "ok", f"{_describe(server)}, not started (--start starts it)")


def _describe(server: McpServer) -> str:
    return f"{server.name}: {one_line(server.shown)}" + (f" (from {server.source})" if server.source else "")


def _reachable(server: McpServer) -> Finding | None:
    """What is wrong with it as far as it shows from outside, or that nobody wants it."""
    if server.disabled:
        return Finding("servers", "note", f"{server.name} is disabled")
    if server.command is not None and find_program(server) is None:
        text = f"{server.name}: there is no program {server.command!r}"
        return Finding("servers", "bad", text, "install it, or correct the server's command")
    return None


async def _started(servers: Sequence[McpServer], settings: Settings) -> list[Finding]:
    """Start all at once, each by itself, so that one that fails says so and harms no other."""
    return list(await asyncio.gather(*(_start(server, settings) for server in servers)))


async def _start(server: McpServer, settings: Settings) -> Finding:
    trouble = _reachable(server)
    if trouble is not None:
        return trouble
    provider = McpProvider(server, settings)
    try:
        await provider.wait_listed()
        return Finding("servers", "ok", f"{_describe(server)}: {len(provider.specs())} tools")
    except AELError as error:
        return Finding("servers", "bad", f"{_describe(server)}: {one_line(error.message)}", error.hint)
    finally:
        await provider.aclose()


def _unnamed(project: Project) -> Iterator[Finding]:
    for path in project.unnamed_files():
        yield Finding("servers", "note", f"found {path}, which nobody named: its servers are not used", f"--mcp {path}")


def _secrets(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, variable in settings.secrets.items():
        is_set = bool(environ.get(variable))
        text = f"{name}: {variable} is {'set' if is_set else 'not set'}"
        yield Finding("secrets", "ok" if is_set else "bad", text, None if is_set else f"set {variable}")
    prefix = "AEL_SECRET_"
    for variable in sorted(environ):
        if variable.startswith(prefix):
            yield Finding("secrets", "ok", f"{variable.removeprefix(prefix)}: {variable} is set")


_MARKS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red")}


def format_findings(findings: Sequence[Finding], *, color: bool) -> str:
    """One line per finding, what is wrong with what to do about it, and a last line that counts."""
    lines: list[str] = []
    for finding in findings:
        mark, paint = _MARKS[finding.state]
        mark = click.style(mark, fg=paint) if color else mark
        lines.append(f"{mark}  {finding.area:<13}  {finding.text}")
        if finding.advice:
            lines.append(f"{'':<21}help: {finding.advice}")
    bad = sum(finding.is_bad for finding in findings)
    lines.append("nothing is wrong" if not bad else f"{bad} {'thing is' if bad == 1 else 'things are'} wrong")
    return "\n".join(lines)
