"""Short names for definitions made in Python."""

from __future__ import annotations

from ael.definition import StepDefinition, ToolBody, WorkflowDefinition
from ael.testing import VirtualClock
from ael.types import JsonValue


def step(step_id: str, tool: str = "ok", params: JsonValue = None, /, **fields: JsonValue) -> StepDefinition:
    """A tool step; ``after="a b"`` is ``depends_on``."""
    after = tuple(fields.pop("after", "").split())
    return StepDefinition(step_id, ToolBody(tool, params or {}), depends_on=after, **fields)


def workflow(*steps: StepDefinition, name: str = "w", **fields: JsonValue) -> WorkflowDefinition:
    """A workflow named ``w``."""
    return WorkflowDefinition(name, steps, **fields)


sleep = VirtualClock().sleep
"""Sleeps on the running loop's time; in virtual time it takes none."""
