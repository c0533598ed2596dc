"""``ael tools lock``: asks every source for its tools, and keeps the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from ael.cli.output import COMPLETED, FAILED, say, write_data
from ael.cli.project import Project
from ael.errors import AELError, ConfigInvalidError
from ael.language.tool_changes import changes_between
from ael.mcp_server import McpServer
from ael.observe.words import one_line
from ael.ports import ToolSpec
from ael.settings import Settings
from ael.tools.lock import LOCK_NAME, LockedServer, LockError, ToolLock, find_lock, parse_lock
from ael.tools.mcp import McpProvider
from ael.types import JsonValue

__all__ = ["Silence", "ask", "keep_silent", "lock_differences", "lock_path", "lock_tools"]


@attrs.frozen
class Silence:
    """A server that did not answer, why, and what to do about it."""

    server: str
    reason: str
    advice: str | None


def ask(project: Project) -> tuple[ToolLock, list[Silence]]:
    """Start every server that somebody named, and say what all sources offer; and which servers did not answer."""
    engine = project.engine()
    plain = {spec.name: spec for spec in engine.invoker.specs() if spec.server is None}
    wanted = [server for server in project.servers() if server.consented and not server.disabled]

    async def all_at_once() -> list[LockedServer | Silence]:
        return list(await asyncio.gather(*(_ask(server, project.settings) for server in wanted)))

    answers = dict(zip((server.name for server in wanted), asyncio.run(all_at_once()), strict=True))
    servers = {name: answer for name, answer in answers.items() if isinstance(answer, LockedServer)}
    return ToolLock(servers, plain), [answer for answer in answers.values() if isinstance(answer, Silence)]


async def _ask(server: McpServer, settings: Settings) -> LockedServer | Silence:
    provider = McpProvider(server, settings)
    try:
        await provider.wait_listed()
        specs = [_without_secrets(spec, server) for spec in provider.specs()]
        name, version = provider.title
        return LockedServer({spec.name: spec for spec in specs}, server.hide(name), server.hide(version))
    except AELError as error:
        return Silence(server.name, one_line(error.message), error.hint)
    finally:
        await provider.aclose()


def _without_secrets(spec: ToolSpec, server: McpServer) -> ToolSpec:
    """The tool without what its server was told in confidence, should it repeat that."""
    return attrs.evolve(
        spec,
        description=server.hide(spec.description),
        input_schema=_hidden(spec.input_schema, server),
        output_schema=_hidden(spec.output_schema, server),
    )


def _hidden(value: JsonValue, server: McpServer) -> JsonValue:
    match value:
        case str():
            return server.hide(value)
        case list():
            return [_hidden(item, server) for item in value]
        case Mapping():
            return {key: _hidden(item, server) for key, item in value.items()}
        case _:
            return value


def lock_path(project: Project) -> Path:
    """The lock that counts for the project, or where it should be."""
    found = find_lock(project.folder) or project.folder / LOCK_NAME
    here = Path.cwd()
    return found.relative_to(here) if found.is_relative_to(here) else found


def lock_tools(project: Project, output: str | None, *, only_check: bool) -> int:
    """Write the lock, or with ``only_check`` say how it would change; the exit code.

    A server that does not answer keeps what the lock has of it.
    """
    path = lock_path(project) if output is None else Path(output)
    before = _read_if_there(path)
    now, silent = ask(project)
    for silence in silent:
        kept = "; the lock keeps its tools" if before and silence.server in before.servers else ""
        say(f"error: server {silence.server!r} cannot be asked: {silence.reason}{kept}")
        if silence.advice:
            say(f"  help: {silence.advice}")
    now = keep_silent(now, before, silent)
    differences = list(lock_differences(before, now))
    if only_check:
        return _report(path, differences, complete=not silent)
    _write(path, now.text())
    for line in differences:
        say(line)
    others = len(now.tools)
    tools = sum(len(server.tools) for server in now.servers.values())
    say(f"wrote {path}: {_count(tools, 'tool')} of {_count(len(now.servers), 'server')}, {_count(others, 'other')}")
    return FAILED if silent else COMPLETED


def keep_silent(now: ToolLock, before: ToolLock | None, silent: Sequence[Silence]) -> ToolLock:
    """The answers, with what was known before of servers that gave none."""
    if before is None:
        return now
    kept = {each.server: before.servers[each.server] for each in silent if each.server in before.servers}
    return attrs.evolve(now, servers={**now.servers, **kept})


def _report(path: Path, differences: Sequence[str], *, complete: bool) -> int:
    for line in differences:
        write_data(line)
    if differences:
        say(f"{path} is not up to date; `ael tools lock` writes it anew")
    elif complete:
        say(f"{path} is up to date")
    return COMPLETED if complete and not differences else FAILED


def _read_if_there(path: Path) -> ToolLock | None:
    try:
        return parse_lock(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigInvalidError(f"cannot read {path}: {error.strerror}") from error
    except LockError as error:
        say(f"warning: {path} is passed over: {error}")
        return None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigInvalidError(f"cannot write {path}: {error.strerror}") from error


def lock_differences(before: ToolLock | None, now: ToolLock) -> Iterator[str]:
    """One line for each server and tool that is new (``+``), gone (``-``) or different (``~``)."""
    before = before or ToolLock()
    for name in sorted({*before.servers, *now.servers}):
        was, there = before.servers.get(name), now.servers.get(name)
        if was is None:
            yield f"+ server {name}"
        elif there is None:
            yield f"- server {name}"
        elif (was.name, was.version) != (there.name, there.version):
            yield f"~ server {name}: was {_title(was)} and is {_title(there)}"
        yield from _tool_differences(was.tools if was else {}, there.tools if there else {})
    yield from _tool_differences(before.tools, now.tools)


def _title(server: LockedServer) -> str:
    return f"{server.name} {server.version}".strip() or "nameless"


def _tool_differences(before: Mapping[str, ToolSpec], now: Mapping[str, ToolSpec]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        was, there = before.get(name), now.get(name)
        if was is None and there is not None:
            yield f"+ {there.full_name}"
        elif was is not None and there is None:
            yield f"- {was.full_name}"
        elif was is not None and there is not None and was != there:
            changes = changes_between(was, there).all or ("its schemas are written differently",)
            yield from (f"~ {there.full_name}: {one_line(change)}" for change in changes)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
