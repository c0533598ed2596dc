"""Executions in the application's log, through structlog, and only where the application asked for it.

A library says nothing by itself. If the application configured structlog, that is where lines go; if it gave the
standard library's logging a handler, they go to its logger ``ael``; else nothing is built. Which it is, and from
which level on, is decided once per execution. Nothing here configures either, but ``configure_cli_logging``.

Levels: failures are warnings; start and end of an execution are infos; all else about steps and tools is debug; what
tools and code steps log keeps its level.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TextIO, cast

import attrs

from ael.events import (
    ErrorView,
    Event,
    ExecutionFinished,
    ExecutionStarted,
    LogEmitted,
    StepAttemptFailed,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepReady,
    StepSkipped,
    StepStarted,
    ToolCalled,
    ToolReturned,
)
from ael.types import JsonValue

if TYPE_CHECKING:
    import structlog

__all__ = ["LogObserver", "configure_cli_logging", "log_observer"]

_NAME = "ael"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# Without this, lines of warning and above would reach stderr in applications that never asked for logging.
logging.getLogger(_NAME).addHandler(logging.NullHandler())


def log_observer(execution_id: str, workflow_id: str) -> LogObserver | None:
    """The observer that logs one execution, or ``None`` when nothing of it would be logged."""
    log = _structlog_logger() or _standard_logger()
    if log is None:
        return None
    level = next((number for number in _LEVELS.values() if log.is_enabled_for(number)), None)
    if level is None:
        return None
    return LogObserver(log.bind(execution_id=execution_id, workflow=workflow_id), level)


class LogObserver:
    """Writes one execution's events to one logger, to which the execution is bound already.

    Args:
        log: Told by ``log.log(level, event, **fields)``.
        level: The lowest level that would be written; nothing is built for lines below it.
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger, level: int = logging.DEBUG) -> None:
        self._log = log
        self._level = level

    def on_event(self, event: Event) -> None:
        """Write one line, or none."""
        line = _LINES[type(event)]
        level = line.level(event)
        if level < self._level:
            return
        fields = line.fields(event)
        if event.path:
            fields = {"step": event.path, **({"attempt": event.attempt} if event.attempt else {}), **fields}
        self._log.log(level, line.text(event), **fields)


def _structlog_logger() -> structlog.typing.FilteringBoundLogger | None:
    """The application's, if it configured structlog; which it cannot have without importing it."""
    if "structlog" not in sys.modules:
        return None
    import structlog  # a core dependency, but slow to import and rarely needed

    if not structlog.is_configured():
        return None
    log: Any = structlog.get_logger(_NAME).bind()
    # An application may use a wrapper that cannot be asked; then every line is for it to judge.
    asked: structlog.typing.FilteringBoundLogger = log
    if not hasattr(type(log), "is_enabled_for"):
        asked = cast("structlog.typing.FilteringBoundLogger", _Unfiltered(log))
    return asked


def _standard_logger() -> structlog.typing.FilteringBoundLogger | None:
    """The standard library's logger ``ael`` in structlog's clothes, if anybody handles what it gets."""
    standard = logging.getLogger(_NAME)
    if not _is_handled(standard):
        return None
    import structlog

    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        standard, processors=[_as_text], wrapper_class=structlog.stdlib.BoundLogger, context_class=dict
    ).bind()
    return log


def _is_handled(logger: logging.Logger | None) -> bool:
    while logger is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _as_text(_: object, __: str, fields: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """The event and its fields as one line, and the fields as ``record.ael`` for formatters that want them."""
    text = " ".join([str(fields.pop("event")), *(f"{name}={value!r}" for name, value in fields.items())])
    return (text,), {"extra": {_NAME: dict(fields)}}


class _Unfiltered:
    """A logger that claims to write everything."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def is_enabled_for(self, level: int) -> bool:
        return True

    def bind(self, **fields: object) -> _Unfiltered:
        return _Unfiltered(self._log.bind(**fields))

    def log(self, level: int, event: str, **fields: object) -> None:
        getattr(self._log, logging.getLevelName(level).lower())(event, **fields)


def configure_cli_logging(level: str, stream: TextIO) -> None:
    """Send structlog's lines to ``stream`` for people to read; for the command line only.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``: the lowest that is written.
        stream: Coloured when it is a terminal.
    """
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=stream.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


# -- what is said about each event -----------------------------------------------------------------


@attrs.frozen
class _Line:
    """How one type of event is told."""

    text: Callable[[Any], str]
    level: Callable[[Any], int]
    fields: Callable[[Any], dict[str, JsonValue]]


def _line(
    text: str, level: int = logging.DEBUG, *names: str, fields: Callable[[Any], dict[str, JsonValue]] | None = None
) -> _Line:
    def plain(event: Event) -> dict[str, JsonValue]:
        return {name: getattr(event, name) for name in names}

    return _Line(lambda _: text, lambda _: level, fields or plain)


def _error(error: ErrorView | None) -> dict[str, JsonValue]:
    return {} if error is None else {"code": error.code, "error": error.message}


def _finished_level(event: ExecutionFinished) -> int:
    return logging.WARNING if event.status == "failed" else logging.INFO


def _finished(event: ExecutionFinished) -> dict[str, JsonValue]:
    return {"status": event.status, "duration_ms": _rounded(event.duration_ms), **_error(event.error)}


def _attempt_failed_level(event: StepAttemptFailed) -> int:
    # The last attempt's failure is told again by what becomes of the step.
    return logging.DEBUG if event.retry_at is None else logging.WARNING


def _attempt_failed(event: StepAttemptFailed) -> dict[str, JsonValue]:
    again = {} if event.retry_at is None else {"retry_at": event.retry_at.isoformat()}
    return {**_error(event.error), **again}


def _skipped_level(event: StepSkipped) -> int:
    return logging.DEBUG if event.error is None else logging.WARNING


def _started(event: ExecutionStarted) -> dict[str, JsonValue]:
    labels: Mapping[str, JsonValue] = {"labels": dict(event.labels)} if event.labels else {}
    return {"version": event.workflow_version, "steps": event.steps, **labels}


def _emitted(event: LogEmitted) -> dict[str, JsonValue]:
    return {"fields": dict(event.fields)} if event.fields else {}


def _returned(event: ToolReturned) -> dict[str, JsonValue]:
    return {"tool": event.tool, "server": event.server, "ok": event.ok, "duration_ms": _rounded(event.duration_ms)}


def _rounded(milliseconds: float) -> float:
    return round(milliseconds, 3)


_LINES: dict[type[Event], _Line] = {
    ExecutionStarted: _line("execution started", logging.INFO, fields=_started),
    ExecutionFinished: _Line(lambda _: "execution finished", _finished_level, _finished),
    StepReady: _line("step ready"),
    StepStarted: _line("step started", logging.DEBUG, "max_attempts"),
    StepAttemptFailed: _Line(lambda _: "attempt failed", _attempt_failed_level, _attempt_failed),
    StepCompleted: _line("step completed", fields=lambda event: {"duration_ms": _rounded(event.duration_ms)}),
    StepFailed: _line(
        "step failed",
        logging.WARNING,
        fields=lambda event: {**_error(event.error), "duration_ms": _rounded(event.duration_ms)},
    ),
    StepSkipped: _Line(
        lambda _: "step skipped", _skipped_level, lambda event: {"reason": event.reason, **_error(event.error)}
    ),
    StepCancelled: _line("step cancelled", logging.DEBUG, "reason"),
    ToolCalled: _line("tool called", logging.DEBUG, "tool", "server"),
    ToolReturned: _line("tool returned", fields=_returned),
    LogEmitted: _Line(lambda event: event.message, lambda event: _LEVELS.get(event.level, logging.DEBUG), _emitted),
}
