"""``ael.lock``: what the tools of a project looked like when somebody last asked, for checks without starting anything.

::

    {
      "lock": 1,
      "servers": {"git": {"name": "mcp-git", "version": "1.0", "tools": {"git_log": {"description": ..., ...}}}},
      "tools": {"greet": {...}, "http.request": {...}}
    }

A tool has ``description``, ``input_schema``, ``output_schema`` if there is one, and ``annotations``. The file is the
same wherever the sources say the same: keys are sorted, and how a server is reached is not in it. A run does not
read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import msgspec

from ael.ports import ToolSpec
from ael.types import JsonValue

__all__ = ["LOCK_NAME", "LOCK_VERSION", "LockError", "LockedServer", "ToolLock", "find_lock", "parse_lock"]

LOCK_NAME = "ael.lock"
LOCK_VERSION = 1
_ANNOTATIONS = ("read_only", "idempotent", "destructive")


class LockError(ValueError):
    """A lock cannot be used.

    Attributes:
        offset: Where in the text it stops being JSON, if that is what is wrong.
        version: The version it says it has, if it is one that this ael does not know.
    """

    def __init__(self, reason: str, *, offset: int | None = None, version: int | None = None) -> None:
        super().__init__(reason)
        self.offset = offset
        self.version = version


@attrs.frozen
class LockedServer:
    """One server as it was: what it calls itself, and its tools by their names there."""

    tools: Mapping[str, ToolSpec]
    name: str = ""
    version: str = ""


@attrs.frozen
class ToolLock:
    """All that was known of tools at one time.

    Attributes:
        servers: By the name workflows use.
        tools: Python functions and built-in tools, by name.
    """

    servers: Mapping[str, LockedServer] = attrs.field(factory=dict)
    tools: Mapping[str, ToolSpec] = attrs.field(factory=dict)

    def specs(self) -> Iterator[ToolSpec]:
        """Every tool, those of servers first."""
        for server in self.servers.values():
            yield from server.tools.values()
        yield from self.tools.values()

    def text(self) -> str:
        """The file's text: the same for locks that say the same."""
        servers = {name: _plain_server(server) for name, server in self.servers.items()}
        document = {"lock": LOCK_VERSION, "servers": servers, "tools": _plain_tools(self.tools.values())}
        return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _plain_server(server: LockedServer) -> dict[str, JsonValue]:
    return {"name": server.name, "version": server.version, "tools": _plain_tools(server.tools.values())}


def _plain_tools(specs: Iterable[ToolSpec]) -> dict[str, JsonValue]:
    return {spec.name: _plain_tool(spec) for spec in specs}


def _plain_tool(spec: ToolSpec) -> dict[str, JsonValue]:
    said = {name: getattr(spec, name) for name in _ANNOTATIONS}
    plain: dict[str, JsonValue] = {
        "description": spec.description,
        "input_schema": spec.input_schema,
        "annotations": {name: value for name, value in said.items() if value is not None},
    }
    return plain if spec.output_schema is None else {**plain, "output_schema": spec.output_schema}


def find_lock(folder: Path) -> Path | None:
    """The lock of a folder, or of one above it as far up as the project goes, which ends where ``.git`` is.

    Outside a repository only the folder itself counts: what lies further up is somebody else's.
    """
    folder = folder.absolute()
    for candidate in _project_folders(folder):
        if (candidate / LOCK_NAME).is_file():
            return candidate / LOCK_NAME
    return None


def _project_folders(folder: Path) -> list[Path]:
    folders = [folder, *folder.parents]
    for depth, candidate in enumerate(folders):
        if (candidate / ".git").exists():
            return folders[: depth + 1]
    return [folder]


class _Tool(msgspec.Struct):
    """A tool in the file."""

    input_schema: dict[str, JsonValue]
    description: str = ""
    output_schema: dict[str, JsonValue] | None = None
    annotations: dict[str, bool] = {}

    def spec(self, name: str, server: str | None) -> ToolSpec:
        said = {key: value for key, value in self.annotations.items() if key in _ANNOTATIONS}
        return ToolSpec(name, self.description, self.input_schema, self.output_schema, server=server, **said)


class _Server(msgspec.Struct):
    """A server in the file."""

    tools: dict[str, _Tool]
    name: str = ""
    version: str = ""


class _File(msgspec.Struct):
    """The file."""

    servers: dict[str, _Server] = {}
    tools: dict[str, _Tool] = {}


class _Version(msgspec.Struct):
    """As much of the file as every version has."""

    lock: int


def parse_lock(data: bytes) -> ToolLock:
    """Read a lock.

    Raises:
        LockError: It is no JSON, no lock, or one of another version.
    """
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise LockError(f"it is no JSON: {error.msg}", offset=error.pos) from error
    except RecursionError as error:
        raise LockError("it is nested too deep") from error
    except ValueError as error:
        why = "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"it is no JSON: {error}"
        raise LockError(why) from error
    try:
        version = msgspec.convert(document, _Version).lock
        if version != LOCK_VERSION:
            raise LockError(f"it has version {version}, and this ael reads version {LOCK_VERSION}", version=version)
        file = msgspec.convert(document, _File)
    except msgspec.ValidationError as error:
        raise LockError(f"it is no lock: {error}") from error
    servers = {name: _locked_server(name, server) for name, server in file.servers.items()}
    return ToolLock(servers, {name: tool.spec(name, None) for name, tool in file.tools.items()})


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"there is no {constant}")


def _locked_server(name: str, server: _Server) -> LockedServer:
    tools = {tool_name: tool.spec(tool_name, name) for tool_name, tool in server.tools.items()}
    return LockedServer(tools, server.name, server.version)
