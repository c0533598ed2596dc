"""What loading leaves behind: a plan with its warnings, or none and its errors."""

from __future__ import annotations

import pytest

from ael.definition import StepDefinition, ToolBody, WorkflowDefinition
from ael.errors import WorkflowInvalidError
from ael.loading import load_definition, load_source, require
from ael.source import Source

OLD = """name: old
packages: [x]
steps:
  - {id: a, tool: t}
  - {id: b, tool: t}
"""


def test_a_plan_carries_the_warnings_and_notes_of_its_file() -> None:
    loaded = load_source(Source(OLD, "old.yaml"))
    plan = require(loaded, "old.yaml")
    assert [(found.code, found.line) for found in plan.diagnostics] == [("AEL193", 2), ("AEL205", 5)]
    assert plan.diagnostics == loaded.diagnostics


def test_a_plan_of_a_sound_workflow_carries_nothing() -> None:
    definition = WorkflowDefinition("w", (StepDefinition("a", ToolBody("t")),))
    assert require(load_definition(definition), "w").diagnostics == ()


def test_a_definition_made_in_python_has_its_warnings_too() -> None:
    steps = (StepDefinition("a", ToolBody("t")), StepDefinition("b", ToolBody("t"), depends_on=("a", "a")))
    plan = require(load_definition(WorkflowDefinition("w", steps)), "w")
    assert [found.code for found in plan.diagnostics] == ["AEL203"]


def test_with_errors_there_is_no_plan_and_everything_is_said() -> None:
    loaded = load_source(Source(OLD + "  - {id: c}\n", "old.yaml"))
    assert loaded.plan is None
    with pytest.raises(WorkflowInvalidError) as caught:
        require(loaded, "old.yaml")
    assert [found.code for found in caught.value.diagnostics] == ["AEL193", "AEL205", "AEL111"]
    assert [found.code for found in loaded.errors] == ["AEL111"]
