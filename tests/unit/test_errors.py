"""What errors carry, and what their codes mean."""

from __future__ import annotations

import copy
import json
import pickle
import re

import pytest

from ael import errors
from ael.errors import REGISTRY, AELError, ErrorCategory, ErrorRegistry, ErrorSpec, ToolError, WorkflowInvalidError

PAGE = """
WORKFLOW_NOT_FOUND workflow no
WORKFLOW_INVALID validation no
CIRCULAR_DEPENDENCY validation no
INPUT_INVALID validation no
PARAM_INVALID validation no
OUTPUT_INVALID validation no
TEMPLATE_ERROR execution no
TOOL_UNAVAILABLE tool no
TOOL_FAILED tool yes
TOOL_TIMEOUT tool yes
TOOL_LOST tool yes
CODE_SYNTAX code no
CODE_UNSUPPORTED code no
CODE_SECURITY code no
CODE_LIMIT code no
CODE_RUNTIME code yes
CODE_TIMEOUT code yes
STEP_TIMEOUT execution no
ITEMS_FAILED execution no
REPEAT_EXHAUSTED execution no
DEPTH_EXCEEDED execution no
EXIT execution no
WORKFLOW_TIMEOUT execution no
CONFIG_INVALID system no
JOURNAL_FAILED system no
INTERNAL_ERROR system no
"""
ROWS = [line.split() for line in PAGE.split("\n") if line]
CLASSES = [
    thing for name in errors.__all__ if isinstance(thing := getattr(errors, name), type) and issubclass(thing, AELError)
]


@pytest.mark.parametrize(("code", "category", "retryable"), ROWS, ids=[row[0] for row in ROWS])
def test_the_table_of_the_page(code: str, category: str, retryable: str) -> None:
    spec = REGISTRY.get(code)
    assert code in REGISTRY
    assert (spec.code, spec.category.value, spec.retryable) == (code, category, retryable == "yes")
    error = AELError("no", code=code)
    assert (error.code, error.category, error.retryable, error.hint) == (code, category, retryable == "yes", spec.hint)


def test_the_registry_knows_nothing_else_but_cancellation_and_journals() -> None:
    assert {spec.code for spec in REGISTRY} == {row[0] for row in ROWS} | {"CANCELLED", "JOURNAL_FAILED"}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_has_a_code_of_the_table(kind: type[AELError]) -> None:
    error = kind("one sentence")
    assert error.code == kind.default_code
    assert error.code in REGISTRY
    assert str(error) == error.message == "one sentence"
    assert re.search(error.code, repr(error))
    assert kind.__doc__


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_errors_survive_pickling_and_copying(kind: type[AELError]) -> None:
    error = kind("no", code="MINE")
    error.details["line"] = 3
    error.step_id = "a"
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert (str(twin), twin.to_dict()) == ("no", error.to_dict())


def test_what_is_said_wins_over_the_table() -> None:
    error = AELError(
        "no", code="TOOL_FAILED", retryable=False, category=ErrorCategory.SYSTEM, hint="", step_id="a", details={"k": 1}
    )
    assert error.to_dict() == {
        "code": "TOOL_FAILED", "message": "no", "category": "system", "retryable": False, "step_id": "a",
        "details": {"k": 1}, "hint": "",
    }  # fmt: skip


def test_a_code_that_tools_make_up_is_a_retryable_tool_error() -> None:
    error = ToolError("no", code="QUOTA", retry_after=3)
    assert (error.code, error.category, error.retryable, error.retry_after) == ("QUOTA", "tool", True, 3)
    assert "QUOTA" not in REGISTRY


def test_details_are_the_errors_own() -> None:
    details = {"k": 1}
    error = AELError("no", details=details)
    error.details["line"] = 2
    assert details == {"k": 1}
    assert AELError("no").details is not AELError("no").details


def test_a_registry_takes_codes_but_no_two_meanings() -> None:
    registry = ErrorRegistry()
    quota = ErrorSpec("QUOTA", ErrorCategory.TOOL, retryable=False, hint="buy more")
    registry.register(quota)
    registry.register(ErrorSpec("QUOTA", ErrorCategory.TOOL, retryable=False, hint="buy more"))
    assert registry.get("QUOTA") == quota
    assert list(registry) == [quota]
    with pytest.raises(ValueError, match="'QUOTA' is registered already"):
        registry.register(ErrorSpec("QUOTA", ErrorCategory.TOOL, retryable=True))
    assert registry.get("QUOTA") == quota


def test_a_broken_definition_carries_its_diagnostics_as_text() -> None:
    error = WorkflowInvalidError("two errors", diagnostics=[])
    assert error.diagnostics == ()
    assert json.dumps(error.to_dict())
