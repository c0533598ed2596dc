"""What foreign code raised, as the failure of its tool."""

from __future__ import annotations

import asyncio

from ael.errors import AELError, ToolError
from ael.values import NotDataError

__all__ = ["tool_failure"]


def tool_failure(error: BaseException, tool: str) -> BaseException:
    """What to raise for an exception that left a tool: ``error`` itself if it must pass, else a :class:`ToolError`.

    A ``ToolError`` passes as it is, alone in an exception group too. So do a cancellation that somebody asked
    for and ``KeyboardInterrupt``: they are not the tool's to raise. Everything else, ``SystemExit`` and a stray
    ``CancelledError`` included, is the tool's failure.
    """
    if _must_pass(error):
        return error
    leaf = _only_one_in(error)
    if isinstance(leaf, ToolError):
        return leaf
    if isinstance(leaf, NotDataError):
        message = f"tool {tool!r} returned what is no data: {leaf}"
        return ToolError(message, retryable=False, details={"path": leaf.path})
    # An error of the engine, say of an execution started by the tool, knows whether trying again can help.
    retryable = leaf.retryable if isinstance(leaf, AELError) else None
    return ToolError(f"tool {tool!r} failed: {_words(leaf)}", retryable=retryable)


def _must_pass(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(KeyboardInterrupt) is not None
    if isinstance(error, asyncio.CancelledError):
        task = _running_task()
        return task is None or task.cancelling() > 0
    if isinstance(error, GeneratorExit):
        return _running_task() is None  # nobody runs this: the coroutine is being closed
    return isinstance(error, KeyboardInterrupt)


def _running_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _only_one_in(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _words(error: BaseException) -> str:
    """``ValueError: text``, whatever the exception's own ``__str__`` does."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 - foreign code, met while describing a failure of foreign code
        text = f"(its text raises {type(broken).__name__})"
    return f"{name}: {text}" if text else name
