"""The composition root: the only module that knows every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from ael import config as configuration
from ael.clock import SystemClock
from ael.code import SafeExecutor
from ael.config import Config
from ael.definition import WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.engine import WorkflowEngine
from ael.errors import ConfigInvalidError
from ael.loading import load_path, load_source
from ael.mcp_server import RESERVED, McpServer
from ael.observe.logging import log_observer
from ael.ports import Clock, CodeExecutor, Observer, ToolCatalog, ToolSource
from ael.registry import FileRegistry
from ael.secret_values import EnvironmentSecrets
from ael.settings import Settings
from ael.source import Source
from ael.tools import mcp
from ael.tools.function import FunctionProvider, tools_from
from ael.tools.http import HttpProvider
from ael.tools.lock import ToolLock
from ael.tools.locked import LockedProvider
from ael.tools.partial import PartialCatalog
from ael.tools.provider import ToolProvider
from ael.tools.routing import RoutingInvoker
from ael.tools.shell import ShellProvider
from ael.types import ExecutionResult, JsonValue

__all__ = ["check", "create_catalog", "create_engine", "run_sync"]

WorkflowSource: TypeAlias = "WorkflowDefinition | str | Path"
McpServers: TypeAlias = "str | Path | Mapping[str, JsonValue] | None"


def create_engine(
    *,
    workflows: WorkflowSource | Iterable[WorkflowSource] = (),
    tools: ToolSource | Iterable[ToolSource] = (),
    mcp_servers: McpServers = None,
    config: str | Path | Mapping[str, JsonValue] | Config | None = None,
    journal: str | Path | None = None,
    settings: Settings | None = None,
    observers: Sequence[Observer] = (),
) -> WorkflowEngine:
    """An engine with everything wired. Nothing is started before it is needed; close it with ``aclose()``.

    Args:
        workflows: Files, folders, definitions. Files are read again when they change.
        tools: Functions, :class:`ael.Tool` objects, modules with ``@ael.tool`` functions.
        mcp_servers: An ``mcpServers`` file, or a mapping of the same form.
        config: An ``ael.toml``, or a mapping of the same form; its workflows, tools and servers come after yours.
        journal: Not supported yet.
        settings: Wins over the configuration's.
        observers: Told of every event of every execution.

    Raises:
        ConfigInvalidError: Configuration, servers or tools are wrong; with all problems.
        WorkflowNotFoundError: A named file or folder does not exist.
        WorkflowInvalidError: A definition made in Python has errors.
    """
    if journal is not None:
        raise ConfigInvalidError("journal is not supported yet", hint="leave it out: executions are kept in memory")
    configured = _config(config)
    chosen = settings or configured.settings
    invoker = _invoker(tools, mcp_servers, configured, chosen)
    executors = _executors(chosen)
    registry = FileRegistry(
        [*_each(workflows), *configured.workflows],
        catalog=invoker,
        executors={executor.name: executor for executor in executors},
    )
    return WorkflowEngine(
        registry,
        invoker,
        executors=executors,
        settings=chosen,
        secrets=EnvironmentSecrets(chosen.secrets),
        observers=observers,
        logs=log_observer,
    )


def check(source: str | Path, *, tools: ToolSource | Iterable[ToolSource] | None = None) -> list[Diagnostic]:
    """All that can be said of a workflow without running it; starts nothing.

    Args:
        source: A path, or the text itself (a ``str`` with a line break in it, or one that begins with ``{``, is text).
        tools: What ``create_engine(tools=)`` takes. Without it, only those that ael has itself are checked.

    Returns:
        Errors, warnings and notes in the order of the file; empty if there is nothing to say.
    """
    settings = Settings()
    known = _invoker(() if tools is None else tools, None, Config(), settings)
    catalog = PartialCatalog(known) if tools is None else known
    executors = {executor.name: executor for executor in _executors(settings)}
    if isinstance(source, Path) or not ("\n" in source or source.lstrip().startswith("{")):
        return list(load_path(source, catalog=catalog, executors=executors).diagnostics)
    return list(load_source(Source(source), catalog=catalog, executors=executors).diagnostics)


def run_sync(
    workflow: WorkflowSource,
    inputs: Mapping[str, JsonValue] | None = None,
    *,
    tools: ToolSource | Iterable[ToolSource] = (),
    mcp_servers: McpServers = None,
    config: str | Path | Mapping[str, JsonValue] | Config | None = None,
    settings: Settings | None = None,
) -> ExecutionResult:
    """Run one workflow to its end, for scripts. Not for code that runs in an event loop: ``await execute`` there.

    Args:
        workflow: A file or a definition; or a name, if ``config`` tells the folders.

    Raises:
        WorkflowNotFoundError, WorkflowInvalidError, ConfigInvalidError: As :func:`create_engine` does.
        RuntimeError: Called from a running event loop.
    """

    async def main() -> ExecutionResult:
        engine = create_engine(tools=tools, mcp_servers=mcp_servers, config=config, settings=settings)
        async with engine:
            return await engine.execute(_name(engine, workflow), inputs)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    raise RuntimeError("run_sync was called from a running event loop; there, await engine.execute(…)")


def _name(engine: WorkflowEngine, workflow: WorkflowSource) -> str:
    registry = engine.registry
    assert isinstance(registry, FileRegistry)
    if isinstance(workflow, WorkflowDefinition):
        registry.add(workflow)
        return workflow.name
    if isinstance(workflow, Path) or Path(workflow).suffix or Path(workflow).exists():
        return registry.load(workflow).id
    return workflow


def _config(config: str | Path | Mapping[str, JsonValue] | Config | None) -> Config:
    if config is None:
        return Config()
    if isinstance(config, Config):
        return config
    return configuration.parse_config(config) if isinstance(config, Mapping) else configuration.load_config(config)


def create_catalog(
    lock: ToolLock,
    *,
    tools: ToolSource | Iterable[ToolSource] = (),
    mcp_servers: McpServers = None,
    config: Config | None = None,
    settings: Settings | None = None,
) -> ToolCatalog:
    """The tools there are, for checks: those of servers as a lock has them. Nothing is started, nothing can be called.

    Python functions that are given or configured are themselves; those of the lock count where there are none.
    A server that is configured and not in the lock may have any tool; one that is only in the lock has those.

    Raises:
        ConfigInvalidError: Configuration, servers or tools are wrong.
    """
    configured = config or Config()
    chosen = settings or configured.settings
    clock = SystemClock()
    given = [*_each(tools), *configured.tool_modules()]
    known = {name: locked for name, locked in lock.servers.items() if name not in RESERVED}
    servers: list[ToolProvider] = []
    for server in (*_servers(mcp_servers), *configured.mcp_servers):
        locked = known.pop(server.name, None)
        if server.disabled or not server.consented:
            locked = None
        servers.append(
            mcp.McpProvider(server, chosen, clock)
            if locked is None
            else LockedProvider(server.name, locked.tools.values())
        )
    functions = [] if given else [spec for spec in lock.tools.values() if spec.name.partition(".")[0] not in RESERVED]
    return RoutingInvoker(
        [
            *_plain_providers(given, chosen, clock),
            LockedProvider(None, functions),
            *servers,
            *(LockedProvider(name, locked.tools.values()) for name, locked in known.items()),
        ],
        clock,
    )


def _invoker(
    tools: ToolSource | Iterable[ToolSource], mcp_servers: McpServers, config: Config, settings: Settings
) -> RoutingInvoker:
    clock = SystemClock()
    plain = _plain_providers([*_each(tools), *config.tool_modules()], settings, clock)
    servers = (*_servers(mcp_servers), *config.mcp_servers)
    return RoutingInvoker([*plain, *(mcp.McpProvider(server, settings, clock) for server in servers)], clock)


def _plain_providers(tools: Sequence[ToolSource], settings: Settings, clock: Clock) -> list[ToolProvider]:
    """The sources whose tools have whole names."""
    return [
        FunctionProvider(tools_from(tools), settings),
        HttpProvider(settings, clock),
        ShellProvider(settings, clock),
    ]


def _servers(mcp_servers: McpServers) -> Sequence[McpServer]:
    return () if mcp_servers is None else configuration.load_mcp_servers(mcp_servers).servers


def _executors(settings: Settings) -> list[CodeExecutor]:
    return [SafeExecutor(settings)] if "safe" in settings.executors else []


def _each(value: JsonValue) -> list[JsonValue]:
    """One thing or several, as a list."""
    if isinstance(value, Iterable) and not isinstance(value, str | Path | ModuleType | WorkflowDefinition):
        return list(value)
    return [value]
