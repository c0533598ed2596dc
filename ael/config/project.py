"""``ael.toml``, or ``[tool.ael]`` in pyproject.toml.

::

    workflows = ["workflows/"]          # files and folders, relative to this file
    tools = ["my_package.tools"]        # modules with @ael.tool functions
    mcp = ".mcp.json"                   # an mcpServers file, named here and so consented to

    [settings]                          # the fields of ael.Settings; times are seconds or durations ("1m30s")
    max_parallel = 8
    default_timeout = "2m"

    [secrets]                           # secrets.github in a template is the variable GITHUB_TOKEN
    github = "GITHUB_TOKEN"

    [limits.openai]                     # a pool of all executions; wins over what workflows say of it
    concurrency = 4                     # attempts at once
    rate = "60/m"                       # starts in any minute

    [mcp_servers.git]                   # command args env cwd | url headers; ${VAR} as in mcpServers files
    command = "mcp-server-git"
    args = ["--repository", "."]
    timeout = 60000                     # milliseconds of one call, as in those files

Unknown keys are errors; ``journal`` is not supported yet.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from operator import eq
from pathlib import Path

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError

from ael.config.expand import Expansion
from ael.config.limits import read_limits
from ael.config.mcp_files import load_mcp_servers
from ael.config.model import Config
from ael.config.problems import invalid, problems_in
from ael.config.servers import Reading, read_server
from ael.definition import PoolDefinition
from ael.errors import ConfigInvalidError
from ael.language.durations import parse_duration
from ael.mcp_server import McpServer
from ael.settings import Settings
from ael.types import JsonValue

__all__ = ["load_config", "parse_config"]


@attrs.frozen
class _File:
    """The shape of the file; what a key means is said in the module's documentation."""

    workflows: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    mcp: str | None = None
    settings: Settings = attrs.field(factory=Settings)
    secrets: dict[str, str] = attrs.field(factory=dict)
    limits: dict[str, JsonValue] = attrs.field(factory=dict)
    mcp_servers: dict[str, JsonValue] = attrs.field(factory=dict)


def load_config(path: str | Path | None = None, *, cwd: Path | None = None) -> Config:
    """Read a configuration file.

    Args:
        path: ``ael.toml`` or ``pyproject.toml``, by whatever name. ``None``: the ``ael.toml`` of ``cwd``, else the
            ``[tool.ael]`` of its ``pyproject.toml``, else the default configuration.
        cwd: Where to look; the working directory by default.

    Raises:
        ConfigInvalidError: With all that is wrong.
    """
    if path is not None:
        document = _document(Path(path))
        if Path(path).name == "pyproject.toml" and document is None:
            raise ConfigInvalidError(f"{path} has no table [tool.ael]")
        return parse_config(document or {}, source=Path(path))
    for name in ("ael.toml", "pyproject.toml"):
        found = (cwd or Path.cwd()) / name
        document = _document(found) if found.is_file() else None
        if document is not None:
            return parse_config(document, source=found)
    return Config()


def parse_config(document: Mapping[str, JsonValue], *, source: Path | None = None) -> Config:
    """A configuration from a mapping of the file's shape; paths are relative to ``source``, else the working directory.

    Raises:
        ConfigInvalidError: With all that is wrong, each by its key.
    """
    name = str(source) if source else "config"
    try:
        file = _converter().structure(dict(document), _File)
    except BaseValidationError as error:
        raise invalid(name, [f"{name}: {problem}" for problem in problems_in(error)]) from error
    folder = source.absolute().parent if source else Path.cwd()
    reading = Reading(name, Expansion(os.environ, folder), strict=True)
    servers = _servers(file, folder, reading)
    limits = read_limits(file.limits, reading)
    if reading.problems:
        raise invalid(name, reading.problems)
    return Config(
        workflows=tuple(str(folder / workflow) for workflow in file.workflows),
        tools=file.tools,
        settings=attrs.evolve(file.settings, secrets={**file.settings.secrets, **file.secrets}, limits=limits),
        mcp_servers=tuple(servers.values()),
        source=source,
        notes=tuple(reading.notes),
    )


def _servers(file: _File, folder: Path, reading: Reading) -> dict[str, McpServer]:
    servers: dict[str, McpServer] = {}
    for name, entry in file.mcp_servers.items():
        server = read_server(name, entry, reading)
        if server is not None:
            servers[name] = server
    if file.mcp is not None:
        try:
            named = load_mcp_servers(folder / file.mcp)
        except ConfigInvalidError as error:
            reading.problems += error.details.get("problems", [error.message])
            return servers
        reading.notes += named.notes
        for server in named.servers:
            if servers.setdefault(server.name, server) is not server:
                reading.problems.append(f"{reading.file}: server {server.name!r} is also in {server.source}; keep one")
    return servers


def _document(path: Path) -> Mapping[str, JsonValue] | None:
    """The file's table, or ``None`` for a pyproject.toml without one."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigInvalidError(f"cannot read {path}: {why}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalidError(f"{path} is no TOML: {error}", details={"file": str(path)}) from error
    if path.name != "pyproject.toml":
        return document
    tool = document.get("tool", {}).get("ael")
    return tool if isinstance(tool, Mapping) else None


_ABOVE_ZERO = ("default_timeout", "connect_timeout", "code_cpu")

# Structuring: exact types, because cattrs' own hooks would take "8" for 8 and true for 1.


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind, read in _READ.items():
        hook = _hook(read)
        if isinstance(kind, type):  # cattrs asks its own hooks of plain types before any predicate
            converter.register_structure_hook(kind, hook)
        else:
            converter.register_structure_hook_func(partial(eq, kind), hook)
    converter.register_structure_hook(Settings, _settings_hook(converter))
    return converter


def _hook(read: Callable[[JsonValue], JsonValue]) -> Callable[[JsonValue, type], JsonValue]:
    return lambda value, _: read(value)


def _settings_hook(converter: Converter) -> Callable[[JsonValue, type[Settings]], Settings]:
    structure = converter.get_structure_hook(Settings)

    def hook(value: JsonValue, kind: type[Settings]) -> Settings:
        settings: Settings = structure(_table(value), kind)
        for name in _ABOVE_ZERO:
            if getattr(settings, name) == 0:
                raise ValueError(f"{name} must be above 0")
        return settings

    return hook


def _table(value: JsonValue) -> dict[str, JsonValue]:
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError(f"expected a table, got {value!r}")


def _texts(value: JsonValue) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError(f"expected a list of text, got {value!r}")


def _names(value: JsonValue) -> dict[str, str]:
    if isinstance(value, Mapping) and all(isinstance(item, str) and item for item in value.values()):
        return dict(value)
    raise ValueError(f"expected a table of text, got {value!r}")


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"expected text, got {value!r}")


def _boolean(value: JsonValue) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, got {value!r}")


def _elsewhere(value: JsonValue) -> JsonValue:
    raise ValueError(f"write a table [limits.NAME] for each pool, not in [settings]: {value!r}")


def _whole(value: JsonValue) -> int:
    """Every whole number among the settings counts or measures something there must be at least one of."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError(f"expected a whole number from 1, got {value!r}")


def _seconds(value: JsonValue) -> float:
    seconds = None if isinstance(value, bool) else parse_duration(value)
    if seconds is None or seconds < 0:
        raise ValueError(f'expected seconds, or a duration such as "1m30s", got {value!r}')
    return seconds


_READ: dict[JsonValue, Callable[[JsonValue], JsonValue]] = {
    str: _text,
    bool: _boolean,
    int: _whole,
    float: _seconds,
    tuple[str, ...]: _texts,
    dict[str, str]: _names,
    dict[str, JsonValue]: _table,
    Mapping[str, PoolDefinition]: _elsewhere,
}
