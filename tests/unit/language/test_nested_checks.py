"""The checks at every depth: blocks, branches, loops, ``undo`` and ``finally``. Definitions are made in Python."""

from __future__ import annotations

import pytest

from ael.dataflow import analyse
from ael.definition import (
    BlockBody,
    Branch,
    ChooseBody,
    CodeBody,
    ErrorRule,
    ExitBody,
    StepDefinition,
    ToolBody,
    Undo,
    WorkflowBody,
    WorkflowDefinition,
)
from ael.language import check_definition, is_cycle
from ael.ports import ToolMiss, ToolSpec
from ael.types import JsonValue, OnError

BAD = {"x": "{{ inputs.nope }}"}
DOLLAR = "${steps.first.output}"


def block(step_id: str, *steps: StepDefinition, **fields: JsonValue) -> StepDefinition:
    return StepDefinition(step_id, BlockBody(steps), **fields)


def choice(step_id: str, *branches: Branch, **fields: JsonValue) -> StepDefinition:
    return StepDefinition(step_id, ChooseBody(branches), **fields)


def tool(step_id: str, params: JsonValue = None, name: str = "t", **fields: JsonValue) -> StepDefinition:
    return StepDefinition(step_id, ToolBody(name, params or {}), **fields)


def code(step_id: str, text: str = "return 1", **fields: JsonValue) -> StepDefinition:
    return StepDefinition(step_id, CodeBody(text), **fields)


FIRST = code("first")


class Catalog:
    """One tool, ``t``."""

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        return ToolSpec("t") if name == "t" else ToolMiss("unknown")

    def specs(self) -> list[ToolSpec]:
        return [ToolSpec("t")]


def found(*steps: StepDefinition, **fields: JsonValue) -> list[tuple[str, str]]:
    """Codes and messages of all that is above a note."""
    definition = WorkflowDefinition("w", (FIRST, *steps), **fields)
    problems = check_definition(definition, analyse(definition), catalog=Catalog())
    return [(each.code, each.message) for each in problems if each.severity != "note"]


def codes(*steps: StepDefinition, **fields: JsonValue) -> list[str]:
    return [kind for kind, _ in found(*steps, **fields)]


ANYWHERE = {
    "in a block": lambda step: {"steps": [block("b", step)]},
    "in a block in a block": lambda step: {"steps": [block("b", block("c", step))]},
    "in a branch": lambda step: {"steps": [choice("b", Branch((code("x"),), "inputs.go"), Branch((step,)))]},
    "at the end": lambda step: {"finally_steps": (step,)},
    "in a block at the end": lambda step: {"finally_steps": (block("b", step),)},
}
BROKEN = {
    "an unknown dependency": (code("s", depends_on=("nope",)), "AEL201"),
    "a dependency on itself": (code("s", depends_on=("s",)), "AEL202"),
    "a step that reads itself": (tool("s", {"x": "{{ steps.s.output }}"}), "AEL202"),
    "a dependency named twice": (code("s", depends_on=("first", "first")), "AEL203"),
    "an unknown input": (tool("s", BAD), "AEL304"),
    "an unknown step": (tool("s", {"x": "{{ steps.nope.output }}"}), "AEL303"),
    "an unknown input in undo": (tool("s", undo=Undo(ToolBody("t", BAD))), "AEL304"),
    "an unknown input in a rule": (
        tool("s", error_rules=(ErrorRule(OnError.SKIP, fallback="{{ inputs.nope }}"),)),
        "AEL304",
    ),
    "an unknown input for a workflow": (StepDefinition("s", WorkflowBody("other", BAD)), "AEL304"),
    "braces of another language": (tool("s", {"x": DOLLAR}), "AEL313"),
    "braces of another language in undo": (tool("s", undo=Undo(ToolBody("t", {"x": DOLLAR}))), "AEL313"),
    "braces of another language in a fallback": (tool("s", on_error=OnError.SKIP, fallback=DOLLAR), "AEL313"),
    "braces of another language in a rule": (
        tool("s", error_rules=(ErrorRule(OnError.SKIP, fallback=[DOLLAR]),)),
        "AEL313",
    ),
    "an unknown tool": (tool("s", name="nope"), "AEL601"),
    "an unknown tool in undo": (tool("s", undo=Undo(ToolBody("nope"))), "AEL601"),
    "broken code": (code("s", "1 +"), "AEL701"),
    "broken code in undo": (tool("s", undo=Undo(CodeBody("1 +"))), "AEL701"),
    "an unknown step in code": (code("s", "return steps.nope.output"), "AEL705"),
    "an unknown input in code": (code("s", "return inputs.nope"), "AEL706"),
    "an unknown input in undoing code": (tool("s", undo=Undo(CodeBody("return inputs.nope"))), "AEL706"),
    "braces in code": (code("s", 'return "{{ steps.first.output }}"'), "AEL707"),
}


@pytest.mark.parametrize("place", ANYWHERE)
@pytest.mark.parametrize(("step", "expected"), BROKEN.values(), ids=BROKEN)
def test_problems_are_found_at_every_depth(step: StepDefinition, expected: str, place: str) -> None:
    fields = ANYWHERE[place](step)
    if place.endswith("end") and "first" in step.depends_on:
        expected = "AEL201"  # `finally` steps are a block of their own
    assert expected in codes(*fields.pop("steps", ()), inputs=(), **fields)


def test_steps_are_named_with_what_is_around_them() -> None:
    assert found(block("pages", block("page", code("fetch", depends_on=("nope",))))) == [
        ("AEL201", "step 'pages.page.fetch' depends on 'nope', which is no step of its block")
    ]


def test_what_is_outside_is_read_and_not_named_as_a_dependency() -> None:
    inside = code("in", "return steps.first.output", depends_on=("first",))
    (problem,) = found(block("b", inside))
    assert problem == ("AEL201", "step 'b.in' depends on 'first', which is no step of its block")
    assert codes(block("b", code("in", "return steps.first.output"))) == []


def test_circles_inside_blocks_are_paths() -> None:
    inside = (tool("a", {"x": "{{ steps.c.output }}"}), code("c", "return steps.a.output"))
    assert found(block("b", *inside)) == [("AEL204", "these steps wait for each other: b.a -> b.c -> b.a")]


def test_blocks_wait_for_each_other_by_what_is_in_them() -> None:
    a = block("a", code("x", "return steps.b.output"))
    b = block("b", choice("y", Branch((tool("z", {"p": "{{ steps.a.output }}"}),))))
    assert found(a, b) == [("AEL204", "these steps wait for each other: a -> b -> a")]


READERS = {
    "a template": tool("in", {"p": "{{ steps.b.output }}"}),
    "a condition": code("in", when="steps.b.success"),
    "code": code("in", "return steps.b.output"),
    "undoing code": tool("in", undo=Undo(CodeBody("return steps.b.output"))),
    "deeper": block("in", choice("y", Branch((code("z", "return steps.b.output"),)))),
}


@pytest.mark.parametrize("inside", READERS.values(), ids=READERS)
def test_a_block_is_not_read_from_inside(inside: StepDefinition) -> None:
    definition = WorkflowDefinition("w", (block("b", inside),))
    (problem,) = check_definition(definition, analyse(definition))
    assert problem.code == "AEL216"
    assert problem.message.startswith("step 'b.in")
    assert "reads 'b', the block it stands in" in problem.message
    assert is_cycle(problem)


def test_exits_and_outputs_of_blocks_have_templates() -> None:
    assert codes(StepDefinition("s", ExitBody(reason="{{ inputs.nope }}"))) == ["AEL304"]
    assert codes(StepDefinition("s", ExitBody(outputs={"o": DOLLAR}))) == ["AEL313"]
    assert codes(StepDefinition("s", ExitBody(reason=DOLLAR))) == ["AEL313"]
    assert codes(StepDefinition("s", BlockBody((code("x"),), "{{ inputs.nope }}"))) == ["AEL304"]
    assert codes(StepDefinition("s", BlockBody((code("x"),), "${steps.x.output}"))) == []
    assert codes(StepDefinition("s", BlockBody((code("x"),), DOLLAR))) == ["AEL313"]
    assert codes(choice("s", Branch((code("x"),), output="{{ steps.nope.output }}"))) == ["AEL303"]
    assert codes(choice("s", Branch((code("x"),), output=DOLLAR))) == ["AEL313"]
