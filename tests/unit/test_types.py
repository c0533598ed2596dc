"""Results: instants, durations, and what they are as JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.errors import AELError, ToolError
from ael.types import (
    ExecutionResult,
    ExecutionStatus,
    JsonValue,
    RetryConfig,
    StepResult,
    StepStatus,
    datetime_from_ns,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW_NS = 1_800_000_000 * 10**9


def execution(**fields: JsonValue) -> ExecutionResult:
    return ExecutionResult(
        **{
            "execution_id": "id",
            "workflow_id": "w",
            "workflow_version": "1",
            "status": ExecutionStatus.COMPLETED,
            "started_ns": NOW_NS,
            "completed_ns": NOW_NS + 1_500_000,
        }
        | fields
    )


@given(st.integers(0, 4 * 10**18))
def test_an_instant_is_right_to_the_microsecond(nanoseconds: int) -> None:
    moment = datetime_from_ns(nanoseconds)
    assert moment.utcoffset() == timedelta(0)
    exact = EPOCH + timedelta(microseconds=nanoseconds // 1000)
    assert abs(moment - exact) <= timedelta(microseconds=1)
    whole = nanoseconds // 1000 * 1000
    assert datetime_from_ns(whole) == EPOCH + timedelta(microseconds=whole // 1000)


@pytest.mark.parametrize(
    ("result", "started", "ended", "milliseconds"),
    [
        (StepResult("a", StepStatus.SKIPPED, completed_ns=NOW_NS), False, True, 0.0),
        (StepResult("a", StepStatus.RUNNING, started_ns=NOW_NS), True, False, None),
        (StepResult("a", StepStatus.COMPLETED, started_ns=NOW_NS, completed_ns=NOW_NS + 2_500_000), True, True, 2.5),
        (StepResult("a", StepStatus.COMPLETED, started_ns=NOW_NS, completed_ns=NOW_NS), True, True, 0.0),
    ],
    ids=["never started", "running", "ended", "took no time"],
)
def test_times_of_a_step(result: StepResult, started: bool, ended: bool, milliseconds: float | None) -> None:
    assert (result.started_at is not None, result.completed_at is not None) == (started, ended)
    if milliseconds is not None:
        assert result.duration_ms == milliseconds
    assert result.success == (result.status is StepStatus.COMPLETED)


def test_steps_are_found_by_id() -> None:
    result = execution(step_results=[StepResult("a", StepStatus.COMPLETED, 1), StepResult("b", StepStatus.SKIPPED)])
    assert result["b"].status is StepStatus.SKIPPED
    assert [step.step_id for step in result] == ["a", "b"]
    with pytest.raises(KeyError, match="no step 'c' in this result; its steps are: a, b"):
        result["c"]
    with pytest.raises(KeyError, match="its steps are: none"):
        execution()["a"]


def test_raise_for_status() -> None:
    done = execution()
    assert done.ok
    assert done.raise_for_status() is done
    error = ToolError("no")
    failed = execution(status=ExecutionStatus.FAILED, error=error)
    assert not failed.ok
    with pytest.raises(ToolError) as caught:
        failed.raise_for_status()
    assert caught.value is error
    with pytest.raises(AELError, match="execution id of 'w' is cancelled") as cancelled:
        execution(status=ExecutionStatus.CANCELLED).raise_for_status()
    assert cancelled.value.code == "CANCELLED"


def test_as_json() -> None:
    value = {"when": datetime(2027, 1, 1, tzinfo=UTC), "day": date(2027, 1, 1), "n": Decimal("1.50"), "raw": b"x"}
    step = StepResult("a", StepStatus.COMPLETED, (value,), attempt=1, started_ns=NOW_NS, completed_ns=NOW_NS + 10**6)
    plain = execution(inputs={"i": value}, outputs={"o": [value]}, step_results=[step], warnings=("w",)).to_dict()
    ready = {"when": "2027-01-01T00:00:00+00:00", "day": "2027-01-01", "n": "1.50", "raw": "eA=="}
    assert json.loads(json.dumps(plain)) == plain
    assert plain == {
        "execution_id": "id",
        "workflow_id": "w",
        "workflow_version": "1",
        "status": "completed",
        "inputs": {"i": ready},
        "outputs": {"o": [ready]},
        "step_results": [
            {
                "step_id": "a",
                "status": "completed",
                "started_at": "2027-01-15T08:00:00+00:00",
                "completed_at": "2027-01-15T08:00:00.001000+00:00",
                "duration_ms": 1.0,
                "output": [ready],
                "error": None,
                "skip_reason": None,
                "attempt": 1,
                "max_attempts": 1,
                "attempts": [],
            }
        ],
        "started_at": "2027-01-15T08:00:00+00:00",
        "completed_at": "2027-01-15T08:00:00.001500+00:00",
        "duration_ms": 1.5,
        "error": None,
        "warnings": ["w"],
    }


@pytest.mark.parametrize(
    "details",
    [{"when": datetime(2027, 1, 1, tzinfo=UTC)}, {"codes": {404}}, {404: "not found"}, {"error": ValueError("x")},
     {"ratio": float("nan")}, {"pair": (1, b"x")}],
    ids=["datetime", "set", "number as key", "an object", "nan", "tuple"],
)  # fmt: skip
def test_whatever_a_tool_says_of_its_error_the_result_is_json(details: dict[str, JsonValue]) -> None:
    error = ToolError("no", details=details)
    result = execution(
        status=ExecutionStatus.FAILED, error=error, step_results=[StepResult("a", StepStatus.FAILED, error=error)]
    )
    plain = result.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False))["error"]["code"] == "TOOL_FAILED"
    assert plain["step_results"][0]["error"]["message"] == "no"


def test_the_mask_sees_everything_that_leaves() -> None:
    error = ToolError("hush", details={"k": "hush"}, hint="hush")
    step = StepResult("a", StepStatus.FAILED, "hush", error=error)
    result = execution(
        inputs={"hush": "hush"}, outputs={"o": ["hush"]}, step_results=[step], error=error, warnings=("hush",)
    )
    result.mask = lambda value: json.loads(json.dumps(value).replace("hush", "***"))
    assert "hush" not in json.dumps(result.to_dict())
    assert result.outputs == {"o": ["hush"]}, "only what leaves is masked"


def test_policies_are_frozen() -> None:
    with pytest.raises(AttributeError):
        RetryConfig().delay = 3  # type: ignore[misc]
