"""What results, events and errors say of what is inside steps. docs/language.md, sections 7, 9 and 13."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ael import parse_workflow
from ael.events import (
    StepAttemptFailed,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepReady,
    StepSkipped,
    StepStarted,
    ToolCalled,
)
from ael.secret_values import EnvironmentSecrets
from ael.testing import FakeTools, make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue, StepResult
from tests.composed import Ran, described, run

INNER = "[{id: first, tool: echo}, {id: second, tool: echo, params: {value: '{{ item }}'}}]"
ODD = ["a.b", "x]", "[0]", "ü ß", "a].second", "1"]


@pytest.mark.parametrize("key", ODD)
def test_inner_steps_are_found_by_their_paths_whatever_the_key(key: str) -> None:
    ran = run(f"steps: [{{id: pages, for_each: {{in: {json.dumps(ODD)}, key: '{{{{ item }}}}'}}, steps: {INNER}}}]")
    assert ran.result[f"pages[{key}]"].key == key
    assert ran.result[f"pages[{key}].second"].output == key
    assert f"pages[{key}].second" in ran.calls("echo")


PATHS = ["pages[2]", "pages[0].third", "pages.first", "other", "pages[", "pages[0]first", "", "[0]", "pages[0].first.x"]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_to_nothing_is_a_key_error_that_names_the_steps(path: str) -> None:
    ran = run(f"steps: [{{id: pages, for_each: [a, b], steps: {INNER}}}]")
    with pytest.raises(KeyError, match="its steps are: pages"):
        ran.result[path]


def test_every_kind_of_step_says_what_it_was_made_of() -> None:
    ran = run(
        """
steps:
  - {id: tool, tool: echo}
  - {id: block, steps: [{id: in, tool: echo}]}
  - {id: branch, choose: [{steps: [{id: in, tool: echo}]}]}
  - {id: call, workflow: c}
  - {id: loop, for_each: [1], tool: echo}
  - {id: empty, for_each: [], tool: echo}
  - {id: rounds, repeat: {max: 2}, steps: [{id: in, tool: echo, params: {value: "{{ last.round }}"}}]}
  - {id: nested, for_each: [1], steps: [{id: in, for_each: {in: [1, 2], as: it}, tool: echo}]}
""",
        "name: c\nsteps: [{id: in, tool: echo}]\nfinally: [{id: last, tool: echo}]",
    )

    def shape(result: StepResult) -> JsonValue:
        items = None if result.items is None else [shape(item) for item in result.items]
        return [result.step_id, [shape(step) for step in result.steps], items]

    leaf = ["in", [], None]
    assert [shape(result) for result in ran.result] == [
        ["tool", [], None],
        ["block", [leaf], None],
        ["branch", [leaf], None],
        ["call", [leaf, ["last", [], None]], None],
        ["loop", [], [["loop", [], None]]],
        ["empty", [], []],
        ["rounds", [leaf], None],
        ["nested", [], [["nested", [["in", [], [leaf, leaf]]], None]]],
    ]
    assert ran.result["rounds.in"].output == 1, "of the last round"


def test_a_result_is_ready_for_json_at_every_depth() -> None:
    ran = run("""
steps:
  - id: pages
    for_each: {in: [1, 0], key: "k{{ item }}", tolerate: 1}
    steps: [{id: in, tool: flaky, params: {failures: "{{ item }}"}}]
  - {id: again, retry: {max_attempts: 2, delay: 0}, tool: flaky, params: {failures: 1}}
""")
    plain = json.loads(json.dumps(ran.result.to_dict()))
    pages, again = plain["step_results"]
    assert [(item["key"], item["status"], item["steps"][0]["status"]) for item in pages["items"]] == [
        ("k1", "failed", "failed"),
        ("k0", "completed", "completed"),
    ]
    assert [(attempt["number"], attempt["error"]["code"]) for attempt in again["attempts"]] == [(1, "BOOM")]
    assert "items" not in again
    assert "steps" not in again
    assert "key" not in pages


# -- errors ----------------------------------------------------------------------------------------

PLACES = {
    "a tool in a block": ("block.in", 7, 22),
    "a tool in an item of a block": ("loop[0].in", 11, 18),
    "a tool in an item": ("items[0]", 15, 5),
    "a tool in a branch": ("route.in", 19, 41),
    "a template in a block": ("texts.in", 22, 50),
}
FAILING = """
description: failing at every place
steps:
  - id: block
    on_error: skip
    steps: [{id: in, tool: fail}]
  - id: loop
    for_each: {in: [1], tolerate: 1}
    steps:
      - {id: in, tool: fail}
  - id: items
    for_each: {in: [1], tolerate: 1}
    # a comment
    tool: fail
  - id: route
    on_error: skip
    choose:
      - {when: "true", steps: [{id: in, tool: fail}]}
  - id: texts
    on_error: skip
    steps: [{id: in, tool: echo, params: {value: "{{ ('[]' | fromjson).name }}"}}]
"""


@pytest.mark.parametrize("where", PLACES)
def test_the_error_of_an_inner_step_says_where_it_is_in_the_file(where: str) -> None:
    path, line, column = PLACES[where]
    ran = run(FAILING)
    result = ran.result[path]
    assert result.error is not None
    details = result.error.details
    assert (result.error.step_id, details["line"], details["column"]) == (path, line, column)
    assert details["file"] == "<string>"


def test_an_error_of_a_called_workflow_is_in_its_file() -> None:
    ran = run("steps:\n  - {id: call, workflow: c}", "name: c\n# a line\nsteps:\n  - {id: in, tool: fail}")
    error = ran.result.error
    assert error is not None
    assert (error.step_id, error.details["line"]) == ("call.in", 4)


def test_the_params_of_a_failed_call_are_shown_masked_and_cut() -> None:
    def no(params: JsonValue) -> None:
        raise ValueError("no")

    async def main() -> ExecutionResult:
        text = """
name: w
steps:
  - id: loop
    for_each: [1]
    steps:
      - {id: in, tool: no, params: {token: "{{ secrets.TOKEN }}", long: "{{ 'x' * 999 }}", item: "{{ item }}"}}
"""
        secrets = EnvironmentSecrets({}, {"AEL_SECRET_TOKEN": "hush-hush"})
        return await make_engine(parse_workflow(text), tools=FakeTools({"no": no}), secrets=secrets).execute("w")

    error = run_virtual(main())["loop[0].in"].error
    assert error is not None
    params = error.details["params"]
    assert "hush-hush" not in str(error.details)
    assert (len(params["long"]) < 300, params["item"]) == (True, 1)


# -- events ----------------------------------------------------------------------------------------

TOLD = """
steps:
  - id: pages
    for_each: {in: [1, 0], key: "k{{ item }}", tolerate: 1}
    steps:
      - {id: in, tool: flaky, params: {failures: "{{ item }}"}}
      - {id: "no", when: "false", tool: echo}
  - {id: block, retry: {max_attempts: 2, delay: 0}, steps: [{id: in, tool: flaky, params: {failures: 1}}]}
  - {id: items, for_each: [1], tool: echo}
  - {id: rounds, repeat: {max: 2}, tool: echo}
"""


def _told(ran: Ran, kind: type, *owners: str) -> list[str]:
    return [path for path in ran.told(kind) if path.startswith(owners)]


def test_events_name_steps_by_their_paths() -> None:
    ran = run(TOLD)
    assert ran.told(StepStarted).count("pages") == 1
    started = _told(ran, StepStarted, "pages")
    assert sorted(started) == ["pages", "pages[k0]", "pages[k0].in", "pages[k1]", "pages[k1].in"]
    assert sorted(_told(ran, StepCompleted, "pages")) == ["pages", "pages[k0]", "pages[k0].in"]
    assert _told(ran, StepFailed, "pages") == ["pages[k1].in", "pages[k1]"]
    assert sorted(_told(ran, StepSkipped, "pages")) == ["pages[k0].no", "pages[k1].no"]
    assert _told(ran, StepStarted, "block") == ["block", "block.in", "block", "block.in"]
    assert _told(ran, StepAttemptFailed, "block") == ["block.in", "block"]
    assert _told(ran, StepStarted, "items") == ["items", "items[0]"]
    assert _told(ran, StepCompleted, "items") == ["items[0]", "items"]
    assert _told(ran, StepStarted, "rounds") == ["rounds", "rounds"]
    assert _told(ran, StepCompleted, "rounds") == ["rounds"]
    assert not ran.told(StepCancelled)
    assert not ran.told(ToolCalled)


def _walk(results: Iterator[StepResult], prefix: str, joint: str) -> Iterator[tuple[str, StepResult]]:
    for result in results:
        path = f"{prefix}{joint}{result.step_id}"
        yield path, result
        yield from _walk(iter(result.steps), path, ".")
        for index, item in enumerate(result.items or ()):
            below = f"{path}[{index if item.key is None else item.key}]"
            yield below, item
            yield from _walk(iter(item.steps), below, ".")


def test_every_result_has_an_event_and_every_event_a_result() -> None:
    """Of the last attempt; the first attempt of the block told of its steps, too."""
    ran = run(TOLD)
    ends = {
        event.path: type(event) for event in ran.events if isinstance(event, StepCompleted | StepFailed | StepSkipped)
    }
    results = dict(_walk(iter(ran.result), "", ""))
    kinds = {"completed": StepCompleted, "failed": StepFailed, "skipped": StepSkipped}
    assert ends == {path: kinds[str(result.status)] for path, result in results.items()}
    assert all(described(result) == described(ran.result[path]) for path, result in results.items())
    ready = set(ran.told(StepReady))
    assert ready == {path for path in results if "]" not in path or "." in path}
