"""What of an execution reaches the application's log."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import structlog

from ael import events
from ael.events import ErrorView, Event
from ael.observe.logging import _LINES, configure_cli_logging, log_observer

NOW = datetime(2024, 5, 6, tzinfo=UTC)
BROKEN = ErrorView("TOOL_FAILED", "it broke")


def make(kind: type[Any], execution_id: str = "e1", path: str = "", attempt: int = 0, **fields: Any) -> Any:
    return kind(seq=1, ts=NOW, execution_id=execution_id, path=path, attempt=attempt, **fields)


def started(execution_id: str = "e1") -> Any:
    return make(events.ExecutionStarted, execution_id, workflow_id="w", workflow_version="1.0", steps=2)


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    """The application configured structlog, for everything."""
    kept: list[dict[str, Any]] = []

    def keep(_: object, level: str, fields: dict[str, Any]) -> str:
        kept.append({"level": level, **fields})
        raise structlog.DropEvent

    structlog.configure(processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    return kept


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (started(), {"level": "info", "event": "execution started", "version": "1.0", "steps": 2}),
        (
            make(events.ExecutionFinished, status="completed", duration_ms=1.23456),
            {"level": "info", "event": "execution finished", "status": "completed", "duration_ms": 1.235},
        ),
        (
            make(events.ExecutionFinished, status="failed", error=BROKEN, duration_ms=1),
            {
                "level": "warning",
                "event": "execution finished",
                "status": "failed",
                "duration_ms": 1,
                "code": "TOOL_FAILED",
                "error": "it broke",
            },
        ),
        (make(events.StepReady, path="a"), {"level": "debug", "event": "step ready", "step": "a"}),
        (
            make(events.StepStarted, path="a", attempt=2, max_attempts=3),
            {"level": "debug", "event": "step started", "step": "a", "attempt": 2, "max_attempts": 3},
        ),
        (
            make(events.StepAttemptFailed, path="a", attempt=1, error=BROKEN, retry_at=NOW),
            {
                "level": "warning",
                "event": "attempt failed",
                "step": "a",
                "attempt": 1,
                "code": "TOOL_FAILED",
                "error": "it broke",
                "retry_at": "2024-05-06T00:00:00+00:00",
            },
        ),
        (
            make(events.StepAttemptFailed, path="a", attempt=1, error=BROKEN),
            {
                "level": "debug",
                "event": "attempt failed",
                "step": "a",
                "attempt": 1,
                "code": "TOOL_FAILED",
                "error": "it broke",
            },
        ),
        (
            make(events.StepFailed, path="a", attempt=1, error=BROKEN, duration_ms=2),
            {
                "level": "warning",
                "event": "step failed",
                "step": "a",
                "attempt": 1,
                "code": "TOOL_FAILED",
                "error": "it broke",
                "duration_ms": 2,
            },
        ),
        (
            make(events.StepSkipped, path="a", reason="condition"),
            {"level": "debug", "event": "step skipped", "step": "a", "reason": "condition"},
        ),
        (
            make(events.StepSkipped, path="a", reason="error: TOOL_FAILED", error=BROKEN),
            {
                "level": "warning",
                "event": "step skipped",
                "step": "a",
                "reason": "error: TOOL_FAILED",
                "code": "TOOL_FAILED",
                "error": "it broke",
            },
        ),
        (
            make(events.StepCancelled, path="a", attempt=1, reason="stopped: b"),
            {"level": "debug", "event": "step cancelled", "step": "a", "attempt": 1, "reason": "stopped: b"},
        ),
        (
            make(events.ToolCalled, path="a", attempt=1, tool="t", server="s"),
            {"level": "debug", "event": "tool called", "step": "a", "attempt": 1, "tool": "t", "server": "s"},
        ),
        (
            make(events.LogEmitted, path="a", attempt=1, level="error", message="m", fields={"event": 1}),
            {"level": "error", "event": "m", "step": "a", "attempt": 1, "fields": {"event": 1}},
        ),
        (
            make(events.LogEmitted, path="a", attempt=1, level="progress", message="50 %"),
            {"level": "debug", "event": "50 %", "step": "a", "attempt": 1},
        ),
    ],
    ids=lambda value: f"{value.type}-{getattr(value, 'level', '')}" if hasattr(value, "type") else "",
)
def test_line(lines: list[dict[str, Any]], event: Event, line: dict[str, Any]) -> None:
    observer = log_observer("e1", "w")
    assert observer is not None
    observer.on_event(event)
    assert lines == [{"execution_id": "e1", "workflow": "w", **line}]


def test_every_event_has_a_line() -> None:
    assert set(_LINES) == set(get_args(Event))


def test_executions_side_by_side_keep_their_ids(lines: list[dict[str, Any]]) -> None:
    one, two = log_observer("e1", "w"), log_observer("e2", "v")
    assert one is not None
    assert two is not None
    for observer, execution_id in ((one, "e1"), (two, "e2"), (one, "e1"), (two, "e2")):
        observer.on_event(make(events.StepReady, execution_id, path="a"))
    assert [(line["execution_id"], line["workflow"]) for line in lines] == [("e1", "w"), ("e2", "v")] * 2


def test_quiet_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    bare = "import ael.observe.logging as l, sys; print(l.log_observer('e', 'w'), 'structlog' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("None False\n", "")


def test_the_application_chooses_the_level_of_structlog() -> None:
    written: list[str] = []

    def keep(_: object, __: str, fields: dict[str, Any]) -> str:
        written.append(fields["event"])
        raise structlog.DropEvent

    structlog.configure(processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    observer = log_observer("e1", "w")
    assert observer is not None
    observer.on_event(make(events.StepReady, path="a"))
    observer.on_event(started())
    assert written == ["execution started"]


def test_nothing_is_logged_above_all_levels() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    assert log_observer("e1", "w") is None


def test_a_wrapper_that_cannot_be_asked_gets_everything(lines: list[dict[str, Any]]) -> None:
    structlog.configure(wrapper_class=structlog.BoundLogger)
    observer = log_observer("e1", "w")
    assert observer is not None
    observer.on_event(make(events.StepReady, path="a"))
    assert lines == [{"level": "debug", "event": "step ready", "execution_id": "e1", "workflow": "w", "step": "a"}]


def test_the_standard_librarys_logging_is_used_when_it_has_a_handler() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("ael")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        observer = log_observer("e1", "w")
        assert observer is not None
        observer.on_event(make(events.StepReady, path="a"))
        observer.on_event(make(events.StepFailed, path="a", attempt=1, error=ErrorView("X", "100 %s")))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert stream.getvalue() == (
        "WARNING ael step failed execution_id='e1' workflow='w' step='a' attempt=1 code='X' error='100 %s' "
        "duration_ms=0.0\n"
    )
    assert not structlog.is_configured()


@pytest.mark.parametrize(("level", "expected"), [("debug", 2), ("info", 1), ("warning", 0)])
def test_the_command_lines_log_goes_to_its_stream(level: str, expected: int) -> None:
    stream = io.StringIO()
    configure_cli_logging(level, stream)
    observer = log_observer("e1", "w")
    assert observer is not None
    observer.on_event(started())
    observer.on_event(make(events.StepReady, path="a"))
    assert len(stream.getvalue().splitlines()) == expected
    if expected:
        assert "execution started" in stream.getvalue()
        assert "\x1b" not in stream.getvalue()
