"""Runs texts of workflows in virtual time, with the tools of the conformance suite (``tests/conformance/tools.py``)."""

from __future__ import annotations

import asyncio

import attrs

from ael import parse_workflow
from ael.events import Event
from ael.ports import CodeExecutor
from ael.settings import Settings
from ael.testing import make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue, StepResult
from tests.conformance.tools import Script

__all__ = ["Ran", "described", "run"]


@attrs.frozen
class Ran:
    """One execution and what was seen of it."""

    result: ExecutionResult
    script: Script
    events: list[Event]

    @property
    def log(self) -> list[JsonValue]:
        """What ``record`` and cancelled sleeps noted."""
        return self.script.log

    @property
    def seconds(self) -> float:
        """How long it took."""
        return round(self.result.duration_ms / 1000, 3)

    def told(self, kind: type[Event]) -> list[str]:
        """The paths of events of a kind, in order."""
        return [event.path for event in self.events if isinstance(event, kind)]

    def calls(self, tool: str) -> list[str]:
        """The paths of the steps that called a tool, in order."""
        return [seen.path for seen in self.script.tools.calls if seen.name == tool]

    def keys(self, tool: str) -> list[str]:
        """The idempotency keys of the calls of a tool, in order, without the execution's id."""
        calls = self.script.tools.calls
        return [seen.idempotency_key.partition(":")[2] for seen in calls if seen.name == tool]

    def all(self, *paths: str) -> dict[str, str]:
        """What became of the steps, as :func:`described`."""
        return {path: described(self.result[path]) for path in paths}


def described(step: StepResult) -> str:
    """A status, and of a failure its code, of a skip or a cancellation its reason."""
    detail = step.error.code if step.status == "failed" and step.error is not None else step.skip_reason
    return f"{step.status} {detail}" if detail else str(step.status)


def run(
    text: str,
    *called: str,
    inputs: JsonValue = None,
    config: JsonValue = None,
    cancel_after: float | None = None,
    settings: Settings | None = None,
    executors: tuple[CodeExecutor, ...] = (),
) -> Ran:
    """Run the workflow ``w`` of a text without its name; ``called`` are whole texts of others."""
    script = Script()
    definitions = [parse_workflow(f"name: w\n{text}"), *map(parse_workflow, called)]

    async def main() -> Ran:
        engine = make_engine(*definitions, tools=script.tools, settings=settings, executors=executors)
        async with engine:
            execution = engine.start("w", inputs, config)
            if cancel_after is not None:
                asyncio.get_running_loop().call_later(cancel_after, execution.cancel)
            events = [event async for event in execution.events()]
            return Ran(await execution.result(), script, events)

    return run_virtual(main())
