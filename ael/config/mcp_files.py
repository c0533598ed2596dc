"""Files that name MCP servers for other programs: ``mcpServers``, and VS Code's ``servers``, read unchanged."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from ael.config.expand import Expansion
from ael.config.problems import invalid
from ael.config.servers import Reading, read_server
from ael.errors import ConfigInvalidError
from ael.mcp_server import McpServer
from ael.types import JsonValue

__all__ = ["McpFile", "discover_mcp_files", "load_mcp_servers"]

_DISCOVERED = (".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json")
_SERVER_KEYS = ("mcpServers", "servers")

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


@attrs.frozen
class McpFile:
    """What a file says: its servers in file order, and notes, sentences about what was passed over."""

    servers: tuple[McpServer, ...] = ()
    notes: tuple[str, ...] = ()


def load_mcp_servers(
    source: str | Path | Mapping[str, JsonValue],
    *,
    environ: Mapping[str, str] | None = None,
    consented: bool = True,
) -> McpFile:
    """Read a file, or a mapping of the same form. Nothing is started.

    ``${workspaceFolder}`` and relative ``cwd`` mean the file's folder, for ``.vscode/mcp.json`` the one above;
    for a mapping the working directory.

    Args:
        source: The file: JSON, comments and trailing commas allowed.
        environ: Where variables come from; the process's environment by default.
        consented: Whether somebody named this file; servers of others are listed, and never started.

    Raises:
        ConfigInvalidError: With all that is wrong, each naming file, server and field.
    """
    expansion = Expansion(os.environ if environ is None else environ, _workspace(source))
    if isinstance(source, Mapping):
        return _read(source, Reading("mcp_servers", expansion, consented))
    return _read(_parse(Path(source)), Reading(str(source), expansion, consented))


def discover_mcp_files(cwd: Path) -> Sequence[Path]:
    """The files with servers that lie in a project without anybody having named them; only looked for."""
    return [cwd / name for name in _DISCOVERED if (cwd / name).is_file()]


def _workspace(source: str | Path | Mapping[str, JsonValue]) -> Path:
    if isinstance(source, Mapping):
        return Path.cwd()
    folder = Path(source).absolute().parent
    return folder.parent if folder.name in (".vscode", ".cursor") else folder


def _parse(path: Path) -> Mapping[str, JsonValue]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigInvalidError(f"cannot read the MCP servers in {path}: {why}") from error
    try:
        found = json.loads(_plain_json(text))
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise ConfigInvalidError(f"{path} is no JSON: {where}", details={"file": str(path)}) from error
    if not isinstance(found, Mapping):
        raise ConfigInvalidError(f"{path} holds no JSON object", details={"file": str(path)})
    return found


def _plain_json(text: str) -> str:
    """Blank out comments, keeping line breaks so that a line number still holds; drop trailing commas."""
    blanked = _COMMENT.sub(lambda found: found[1] or re.sub(r"[^\n]", " ", found[0]), text)
    return _TRAILING_COMMA.sub(lambda found: found[1] or " ", blanked)


def _read(document: Mapping[str, JsonValue], reading: Reading) -> McpFile:
    keys = [key for key in _SERVER_KEYS if key in document]
    if not keys:
        reading.problems.append(f"{reading.file}: has neither `mcpServers` nor `servers`")
    reading.notes += [f"{reading.file}: key {key!r} is not used" for key in document if key not in _SERVER_KEYS]
    servers: dict[str, McpServer] = {}
    for key in keys:
        table = document[key]
        if not isinstance(table, Mapping):
            reading.problems.append(f"{reading.file}: `{key}` is no object")
            continue
        for name, entry in table.items():
            server = read_server(str(name), entry, reading)
            if server is not None:
                servers.setdefault(server.name, server)
    if reading.problems:
        raise invalid(reading.file, reading.problems)
    return McpFile(tuple(servers.values()), tuple(reading.notes))
