"""Code inside steps: what it is given, and where it stands in the file. docs/language.md, section 15."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs
import pytest

from ael.ports import CodeCall, CodeProblem
from ael.types import JsonValue
from tests.composed import Ran, run


@attrs.define
class Recording:
    """Implements :class:`ael.ports.CodeExecutor`: keeps the calls, and returns the code itself."""

    name: str = "safe"
    calls: list[CodeCall] = attrs.field(factory=list)

    def check(self, code: str, names: Collection[str] = ()) -> Sequence[CodeProblem]:
        return ()

    async def run(self, call: CodeCall) -> JsonValue:
        self.calls.append(call)
        return call.code

    async def aclose(self) -> None:
        pass


def code(text: str) -> tuple[Ran, list[CodeCall]]:
    executor = Recording()
    ran = run(text, executors=(executor,))
    return ran, executor.calls


BEFORE = """
steps:
  - {id: top, tool: echo, params: {value: 1}}
  - {id: other, tool: echo, params: {value: 2}}
  - {id: skipped, when: "false", tool: echo}
  - {id: items, for_each: [7], tool: echo, params: {value: "{{ item }}"}}
"""
READS = {
    "a step": ("{id: s, code: 'return steps.top.output'}", {"top"}),
    "a skipped step": ("{id: s, code: 'return steps.skipped.output'}", {"skipped"}),
    "a step in a loop": ("{id: s, for_each: [1], code: 'return steps.top.output'}", {"top"}),
    "a step from a block": ("{id: s, steps: [{id: in, code: 'return steps.top.output'}]}", {"top"}),
    "a step from a loop in a block": (
        "{id: s, steps: [{id: a, tool: echo}, {id: in, for_each: [1], code: 'return steps.top, steps.a'}]}",
        {"top", "a"},
    ),
    "any above": ("{id: s, code: 'return [steps[n] for n in inputs]'}", {"top", "other", "skipped", "items"}),
    "any it names": ("{id: s, depends_on: [top], code: 'return [steps[n] for n in inputs]'}", {"top"}),
}


@pytest.mark.parametrize("what", READS)
def test_code_is_given_the_steps_that_it_reads(what: str) -> None:
    step, names = READS[what]
    _, calls = code(f"{BEFORE}  - {step}\n")
    call = calls[-1]
    assert set(call.steps) == names
    outputs = {"top": 1, "other": 2, "skipped": None, "items": [7]}
    assert all(call.steps[name]["output"] == outputs[name] for name in names & outputs.keys())
    assert all(("items" in call.steps[name]) == (name == "items") for name in names)


NAMES = {
    "none": ("{id: s, code: return 1}", ["s"], {}),
    "an item": ("{id: s, for_each: {in: [5], as: page, key: 'k'}, code: return 1}", ["s[k]"], {"page": 5, "index": 0}),
    "an item from a block": ("{id: s, for_each: [5], steps: [{id: in, code: return 1}]}", ["s[0].in"],
                             {"item": 5, "index": 0}),
    "rounds": ("{id: s, repeat: {max: 2}, code: return 1}", ["s", "s"],
               {"last": {"output": "return 1", "status": "completed", "round": 1}}),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMES)
def test_code_sees_the_names_of_the_loops_around_it(what: str) -> None:
    step, paths, names = NAMES[what]
    _, calls = code(f"steps:\n  - {step}\n")
    assert [call.path for call in calls] == paths
    assert dict(calls[-1].names) == names


UNDOING = """
on_failure: undo
steps:
  - {id: before, tool: echo, params: {value: 0}}
  - {id: s, BODY, undo: {code: "return steps.before.output, output"}}
  - {id: any, depends_on: before, tool: echo, undo: {code: "return [steps[n] for n in inputs]"}}
  - {id: end, depends_on: [s, any], tool: fail}
"""
UNDONE = {
    "a step": ("tool: echo, params: {value: 3}", "s:undo", {"output": 3}),
    "an item": ("for_each: [3], tool: echo, params: {value: 4}", "s[0]:undo", {"output": 4, "item": 3, "index": 0}),
    "a block": ("steps: [{id: in, tool: echo, params: {value: 5}}]", "s:undo", {"output": 5}),
}


@pytest.mark.parametrize("what", UNDONE)
def test_the_code_of_an_undo_sees_the_output_and_what_the_step_saw(what: str) -> None:
    body, path, names = UNDONE[what]
    ran, calls = code(UNDOING.replace("BODY", body))
    assert ran.result.warnings == ()
    found = {call.path: call for call in calls}
    assert (found[path].steps["before"]["output"], dict(found[path].names)) == (0, names)
    assert set(found["any:undo"].steps) == {"before"}


PLACES = {
    "of one line": ("      - {id: in, code: return 1}", (5, 24)),
    "in quotes": ("      - {id: in, code: 'return 1'}", (5, 25)),
    "of several lines": ("      - id: in\n        code: |\n          x = 1\n          return x", (7, 11)),
    "folded": ("      - id: in\n        code: >\n          return 1", (None, 1)),
}


@pytest.mark.parametrize("how", PLACES)
def test_code_knows_its_place_in_the_file_at_every_depth(how: str) -> None:
    text, place = PLACES[how]
    _, calls = code(f"steps:\n  - id: block\n    steps:\n{text}\n")
    assert (calls[0].first_line, calls[0].first_column, calls[0].file) == (*place, "<string>")


def test_code_of_no_executor_is_not_supported() -> None:
    ran = run("steps: [{id: s, on_error: skip, steps: [{id: in, code: return 1}]}]")
    error = ran.result["s.in"].error
    assert error is not None
    assert (error.code, error.step_id) == ("CODE_UNSUPPORTED", "s.in")
    assert "this engine has none" in error.message
