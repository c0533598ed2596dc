"""What an engine may be told, in one frozen object. Durations are seconds, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ael.definition import PoolDefinition

__all__ = ["Settings"]

_MIB = 1024 * 1024


@attrs.frozen(kw_only=True)
class Settings:
    """Settings of one engine.

    Attributes:
        default_timeout: Bounds attempts of tool steps that have no timeout; ``None``: unbounded.
        max_parallel: Most attempts at once in one execution, unless the workflow says; ``None``: unbounded.
        cancel_grace: How long a tool that ignores its cancellation is awaited.
        undo_grace: How long a step that has an ``undo`` may go on when it is to be cancelled.
        undo_timeout: How long all ``undo`` of one workflow may take together.
        finally_timeout: How long all ``finally`` steps of one workflow may take together.
        limits: Pools by name; they win over what workflows say of pools of these names.
        threads: Most threads for synchronous tools at once, those left behind included.
        server_concurrency: Most calls at once to one MCP server.
        max_result_bytes: Largest result taken from a tool server.
        connect_timeout: How long an MCP server may take to start and say hello.
        allow_shell: Whether ``shell.run`` exists.
        executors: Executors of code steps that workflows may name.
        code_cpu, code_memory, code_output: Limits of one attempt of a code step.
        secrets: Secret name → environment variable; a name not listed is read from ``AEL_SECRET_<NAME>``.
        events_kept: Most events kept for late readers of one execution.
        inherit_environment: Names of environment variables that MCP servers get beside the safe default set.
    """

    default_timeout: float | None = None
    max_parallel: int | None = None
    cancel_grace: float = 10.0
    undo_grace: float = 30.0
    undo_timeout: float = 300.0
    finally_timeout: float = 60.0
    limits: Mapping[str, PoolDefinition] = attrs.field(factory=dict)
    threads: int = 40
    server_concurrency: int = 32
    max_result_bytes: int = 4 * _MIB
    connect_timeout: float = 30.0
    allow_shell: bool = False
    executors: tuple[str, ...] = ("safe",)
    code_cpu: float = 5.0
    code_memory: int = 256 * _MIB
    code_output: int = 10 * _MIB
    secrets: dict[str, str] = attrs.field(factory=dict)
    events_kept: int = 100_000
    inherit_environment: tuple[str, ...] = ()
