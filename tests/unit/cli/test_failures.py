"""What is said of a failed execution: frames, params, attempts, items."""

from __future__ import annotations

from pathlib import Path

import pytest

from ael.cli.failures import error_diagnostic, report_failure
from ael.cli.summary import summary_line
from ael.errors import AELError, ToolError
from ael.loading import load_source
from ael.source import Source
from ael.types import AttemptResult, ExecutionResult, ExecutionStatus, JsonValue, StepResult, StepStatus

TEXT = """\
name: w
inputs: {urls: array, deep: boolean}
steps:
  - id: pages
    for_each: inputs.urls
    steps:
      - id: fetch
        tool: get
        params: {url: "{{ item }}"}
  - id: way
    choose:
      - when: inputs.deep
        steps:
          - {id: down, tool: get}
      - steps:
          - {id: up, tool: get}
  - {id: call, workflow: other, params: {}}
finally:
  - {id: clean, tool: get}
"""
DEFINITION = load_source(Source(TEXT, "w.yaml")).definition
assert DEFINITION is not None


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("pages", 4),
        ("pages[2]", 4),
        ("pages[2].fetch", 7),
        ("pages[https://a.example/x.y].fetch", 7),
        ("pages[a]b].fetch", 7),
        ("pages[2].fetch:undo", 7),
        ("way.down", 14),
        ("way.up", 16),
        ("call.inner[1].deep", 17),
        ("clean", 19),
        ("nowhere", None),
        (None, None),
    ],
)
def test_a_path_leads_to_its_step(path, line):
    found = error_diagnostic(ToolError("no", step_id=path), DEFINITION)
    assert (None if found is None else found.line) == line


def test_an_error_in_another_file_shows_that_file(tmp_path: Path):
    other = tmp_path / "other.yaml"
    other.write_text("name: other\nsteps:\n  - id: a\n    tool: t\n")
    details = {"file": str(other), "line": 4, "column": 5}
    found = error_diagnostic(ToolError("no", step_id="call.a", details=details), DEFINITION)
    assert found is not None
    assert (found.file, found.line, found.column, found.source_line) == (str(other), 4, 5, "    tool: t")
    other.unlink()
    found = error_diagnostic(ToolError("no", step_id="call.a", details=details), DEFINITION)
    assert found is not None
    assert (found.line, found.source_line) == (4, None)


def hide(value: JsonValue) -> JsonValue:
    """A mask that hides one secret at every depth."""
    match value:
        case str():
            return value.replace("hunter2", "***")
        case dict():
            return {key: hide(item) for key, item in value.items()}
        case list():
            return [hide(item) for item in value]
        case _:
            return value


def result_of(*steps: StepResult, error: AELError | None = None) -> ExecutionResult:
    status = ExecutionStatus.FAILED if error else ExecutionStatus.COMPLETED
    times = {"started_ns": 10**18, "completed_ns": 10**18 + 2 * 10**9}
    return ExecutionResult("e1", "w", "1", status, step_results=steps, error=error, mask=hide, **times)


def attempt(number: int, seconds: float, error: AELError) -> AttemptResult:
    return AttemptResult(number, error, 10**18 + int(seconds * 1e9))


def said(error: AELError, result: ExecutionResult, capsys: pytest.CaptureFixture[str]) -> list[str]:
    report_failure(error, result, DEFINITION)
    return capsys.readouterr().err.splitlines()


def test_params_are_shown_masked_and_cut(capsys):
    params = {"token": "hunter2", "n": 1, "body": {"a": ["x" * 500]}, "esc\x1b[2J": "\x1b[31mred\nline"}
    error = ToolError("no hunter2", step_id="pages[0].fetch", details={"params": params})
    lines = said(error, result_of(error=error), capsys)
    assert lines[0] == "error[TOOL_FAILED]: step 'pages[0].fetch': no ***"
    assert lines[1] == " --> w.yaml:7:13"
    shown = lines[lines.index("  params:") + 1 :]
    assert shown[:2] == ['    token: "***"', "    n: 1"]
    assert shown[2].startswith('    body: {"a": ["xxx')
    assert (shown[2][-1], len(shown[2])) == ("…", 120)
    assert all(line.isprintable() for line in lines)


def test_of_many_params_the_first_are_shown(capsys):
    error = ToolError("no", step_id="pages", details={"params": {f"p{i}": i for i in range(30)}})
    lines = said(error, result_of(error=error), capsys)
    assert lines[-1] == "    … 10 more"
    assert "    p19: 19" in lines


def test_attempts_say_what_and_when(capsys):
    boom, slow = ToolError("boom hunter2"), ToolError("slow", code="SLOW", step_id="clean")
    step = StepResult(
        "clean",
        StepStatus.FAILED,
        error=slow,
        attempts=(attempt(1, 0.2, boom), attempt(2, 1, boom), attempt(3, 1.5, slow)),
        max_attempts=3,
    )
    lines = said(slow, result_of(step, error=slow), capsys)
    assert lines[-2:] == [
        "  attempts 1 to 2 of 3 (at 200 ms to 1.0 s): TOOL_FAILED: boom ***",
        "  attempt 3 of 3 (at 1.5 s): SLOW: slow",
    ]


def test_one_attempt_is_the_frame_alone(capsys):
    error = ToolError("no", step_id="clean")
    step = StepResult("clean", StepStatus.FAILED, error=error, attempts=(attempt(1, 0, error),))
    assert not [line for line in said(error, result_of(step, error=error), capsys) if "attempt" in line]


def test_many_different_attempts_are_cut(capsys):
    errors = [ToolError(f"no {i}", step_id="clean") for i in range(9)]
    attempts = tuple(attempt(i + 1, i, error) for i, error in enumerate(errors))
    step = StepResult("clean", StepStatus.FAILED, error=errors[-1], attempts=attempts, max_attempts=9)
    lines = said(errors[-1], result_of(step, error=errors[-1]), capsys)
    assert [line.split("(")[0].strip() for line in lines if "attempt" in line or "…" in line] == [
        "attempt 1 of 9", "… 4 lines more", "attempt 6 of 9", "attempt 7 of 9", "attempt 8 of 9", "attempt 9 of 9",
    ]  # fmt: skip


def failed_item(index: int) -> StepResult:
    error = ToolError(f"no page {index}", step_id=f"pages[{index}].fetch", details={"params": {"url": f"u{index}"}})
    inner = StepResult("fetch", StepStatus.FAILED, error=error)
    return StepResult("pages", StepStatus.FAILED, error=error, steps=[inner], attempt=2)


def test_a_loop_lists_its_failed_items_and_shows_the_first(capsys):
    items = [StepResult("pages", StepStatus.COMPLETED), *(failed_item(i) for i in range(1, 8))]
    error = AELError("7 of 8 items failed", code="ITEMS_FAILED", step_id="pages")
    result = result_of(StepResult("pages", StepStatus.FAILED, error=error, items=items), error=error)
    lines = said(error, result, capsys)
    listed = [line for line in lines if line.startswith(("  pages[", "  …"))]
    assert listed == [*(f"  pages[{i}].fetch: TOOL_FAILED: no page {i}" for i in range(1, 6)), "  … 2 more"]
    second = lines[lines.index("") + 1 :]
    assert second[:2] == ["error[TOOL_FAILED]: step 'pages[1].fetch': no page 1", " --> w.yaml:7:13"]
    assert second[-2:] == ["  params:", '    url: "u1"']
    assert summary_line(result) == "w failed in 2.0 s: 1 failed, 7 failed items, 7 retries"


def test_a_definition_without_a_file_has_sentences_instead(capsys):
    error = ToolError("no", step_id="a", details={"params": {"n": 1}})
    definition = load_source(Source("name: w\nsteps: [{id: a, tool: t}]\n")).definition
    assert definition is not None
    report_failure(error, result_of(error=error), type(definition)(definition.name, definition.steps))
    assert capsys.readouterr().err.splitlines() == ["error[TOOL_FAILED]: no", "  params:", "    n: 1"]
