"""Steps that nothing orders, recursion, pools that are held, workflows that are not known; and near misses."""

from __future__ import annotations

import pytest

from ael.dataflow import analyse
from ael.diagnostics import Diagnostic
from ael.language import check_definition, parse
from ael.ports import ToolMiss, ToolSpec

TOOLS = {
    "git.log": ToolSpec("log", server="git", read_only=True),
    "git.commit": ToolSpec("commit", server="git", read_only=False),
    "git.reset": ToolSpec("reset", server="git", destructive=True),
    "git.odd": ToolSpec("odd", server="git", destructive=True, read_only=True),
    "git.unsaid": ToolSpec("unsaid", server="git"),
    "files.read": ToolSpec("read", server="files", read_only=True),
    "save": ToolSpec("save", read_only=False),
    "load": ToolSpec("load", read_only=True),
}


class Catalog:
    """The tools above."""

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        return TOOLS.get(name if server is None else f"{server}.{name}", ToolMiss("unlisted"))

    def specs(self) -> list[ToolSpec]:
        return list(TOOLS.values())


def problems(*steps: str, head: str = "", workflows: tuple[str, ...] | None = None) -> list[Diagnostic]:
    text = "name: w\ninputs: {go: {default: true}, list: {default: []}}\n" + head
    definition, found = parse(text + "steps:\n" + "".join(f"  - {{{step}}}\n" for step in steps))
    assert definition is not None
    assert [each for each in found if each.is_error] == []
    return check_definition(definition, analyse(definition), catalog=Catalog(), workflows=workflows)


def messages(code: str, *steps: str, head: str = "") -> list[str]:
    return [each.message for each in problems(*steps, head=head) if each.code == code]


R = "params: {repo: r}"
COLLIDING = {
    "a read and a write": ([f"id: a, tool: git.log, {R}", f"id: b, tool: git.commit, {R}"], "git.commit", ""),
    "the writer first": ([f"id: a, tool: git.commit, {R}", f"id: b, tool: git.log, {R}"], "git.commit", ""),
    "two writers": ([f"id: a, tool: git.commit, {R}", f"id: b, tool: git.reset, {R}"], "git.reset", ""),
    "more parameters": (
        ["id: a, tool: git.log, params: {repo: r, n: 1}", "id: b, tool: git.commit, params: {repo: r, message: m}"],
        "git.commit",
        "",
    ),
    "the same template": (
        [
            f"id: {each}, tool: git.{name}, params: {{repo: '{{{{ inputs.go }}}}'}}"
            for each, name in (("a", "log"), ("b", "reset"))
        ],
        "git.reset",
        "",
    ),
    "one tool without a server, twice": (
        ["id: a, tool: save, params: {x: 1}", "id: b, tool: save, params: {x: 1}"],
        "save",
        "",
    ),
    "two pairs": (
        [f"id: a, tool: git.log, {R}", f"id: b, tool: git.commit, {R}", f"id: c, tool: git.log, {R}"],
        "git.commit",
        "; so with 1 more pair",
    ),
    "three pairs": (
        [f"id: {each}, tool: git.commit, {R}" for each in "abc"],
        "git.commit",
        "; so with 2 more pairs",
    ),
}


@pytest.mark.parametrize(("steps", "tool", "more"), COLLIDING.values(), ids=COLLIDING)
def test_calls_of_one_target_without_order(steps: list[str], tool: str, more: str) -> None:
    expected = f"nothing orders step 'b' after step 'a', and {tool!r} says that it writes{more}"
    assert messages("AEL210", *steps) == [expected]


_COMMIT = f"{{id: a, tool: git.commit, {R}}}"
APART = {
    "reads": ([f"id: a, tool: git.log, {R}", f"id: b, tool: git.log, {R}"], ""),
    "ordered": ([f"id: a, tool: git.log, {R}", f"id: b, tool: git.commit, {R}, depends_on: a"], ""),
    "ordered through others": (
        [
            f"id: a, tool: git.commit, {R}",
            "id: m, code: return steps.a.output",
            f"id: b, tool: git.log, {R}, depends_on: m",
        ],
        "",
    ),
    "ordered the other way": ([f"id: a, tool: git.log, {R}, depends_on: b", f"id: b, tool: git.commit, {R}"], ""),
    "ordered by the file": ([f"id: a, tool: git.log, {R}", f"id: b, tool: git.commit, {R}"], "sequential: true\n"),
    "another target": ([f"id: a, tool: git.log, {R}", "id: b, tool: git.commit, params: {repo: other}"], ""),
    "another file of one repository": (
        ["id: a, tool: git.commit, params: {repo: r, f: 1}", "id: b, tool: git.commit, params: {repo: r, f: 2}"],
        "",
    ),
    "nothing in common": ([f"id: a, tool: git.log, {R}", "id: b, tool: git.commit, params: {message: m}"], ""),
    "no params": (["id: a, tool: git.log", "id: b, tool: git.commit"], ""),
    "another server": ([f"id: a, tool: files.read, {R}", f"id: b, tool: git.commit, {R}"], ""),
    "tools that say nothing": ([f"id: a, tool: git.unsaid, {R}", f"id: b, tool: git.unsaid, {R}"], ""),
    "a reader that says it destroys": ([f"id: a, tool: git.odd, {R}", f"id: b, tool: git.log, {R}"], ""),
    "two tools without a server": (["id: a, tool: save, params: {x: 1}", "id: b, tool: load, params: {x: 1}"], ""),
    "conditions that may exclude each other": (
        [f"id: a, tool: git.log, {R}, when: inputs.go", f"id: b, tool: git.commit, {R}, when: not inputs.go"],
        "",
    ),
    "branches": (
        [
            f"id: q, choose: [{{when: inputs.go, steps: [{_COMMIT}]}}, {{steps: [{_COMMIT}]}}]",
        ],
        "",
    ),
}


@pytest.mark.parametrize(("steps", "head"), APART.values(), ids=APART)
def test_calls_that_do_not_collide(steps: list[str], head: str) -> None:
    assert messages("AEL210", *steps, head=head) == []


def test_each_block_is_looked_at() -> None:
    inside = f"id: q, steps: [{{id: a, tool: git.log, {R}}}, {{id: b, tool: git.commit, {R}}}]"
    (message,) = messages("AEL210", inside)
    assert message.startswith("nothing orders step 'q.b' after step 'q.a'")


OLD = "packages: []\n"
UNORDERED = {
    "in a block": ["id: q, steps: [{id: a, tool: git.log}, {id: b, tool: git.commit}]"],
    "a block that writes": ["id: a, tool: git.log", "id: q, steps: [{id: b, tool: git.commit}]"],
    "another workflow": ["id: a, tool: git.log", "id: b, workflow: other"],
}


@pytest.mark.parametrize("steps", UNORDERED.values(), ids=UNORDERED)
def test_old_files_that_rely_on_order_at_any_depth(steps: list[str]) -> None:
    assert len(messages("AEL205", *steps, head=OLD)) == 1


def test_old_files_that_think_of_order_at_any_depth() -> None:
    steps = ["id: q, steps: [{id: a, tool: git.log}, {id: b, tool: git.log, depends_on: a}]", "id: c, tool: git.commit"]
    assert messages("AEL205", *steps, head=OLD) == []


def test_many_calls_are_cheap() -> None:
    steps = [f"id: s{n}, tool: git.commit, params: {{repo: r, file: f{n}}}" for n in range(400)]
    assert messages("AEL210", *steps) == []


ENDLESS = {
    "self": ["id: a, workflow: self"],
    "by name": ["id: a, workflow: w"],
    "after a step": ["id: x, code: return 1", "id: a, workflow: self, params: {go: '{{ steps.x.output }}'}"],
    "in a block": ["id: q, steps: [{id: a, workflow: self}]"],
    "in rounds": ["id: a, workflow: self, repeat: {max: 2}"],
    "under a condition that always holds": ["id: a, workflow: self, when: true"],
}


@pytest.mark.parametrize("steps", ENDLESS.values(), ids=ENDLESS)
def test_recursion_without_end(steps: list[str]) -> None:
    assert [each.code for each in problems(*steps, workflows=()) if each.code != "AEL206"] == ["AEL212"]


ENDING = {
    "a condition": ["id: a, workflow: self, when: inputs.go"],
    "a condition around it": ["id: q, when: inputs.go, steps: [{id: a, workflow: self}]"],
    "a choice": ["id: q, choose: [{steps: [{id: a, workflow: self}]}]"],
    "items": ["id: a, workflow: self, for_each: inputs.list"],
    "an error that is skipped": ["id: a, workflow: self, on_error: skip"],
    "behind what may be skipped": ["id: x, tool: load, when: inputs.go", "id: a, workflow: self, depends_on: x"],
    "an exit": ["id: x, exit: completed, when: inputs.go", "id: a, workflow: self, depends_on: x, join: settled"],
    "another workflow": ["id: a, workflow: other"],
}


@pytest.mark.parametrize("steps", ENDING.values(), ids=ENDING)
def test_recursion_that_may_end(steps: list[str]) -> None:
    assert messages("AEL212", *steps) == []


POOLS = "limits: {api: {concurrency: 2}, rate: {rate: 5/s}}\n"


@pytest.mark.parametrize(
    ("outer", "inner", "held"),
    [("api", "api", True), ("[rate, api]", "[api]", True), ("rate", "rate", False), ("api", "rate", False)],
)
def test_pools_that_are_held_around_a_step(outer: str, inner: str, held: bool) -> None:
    deep = f"id: m, steps: [{{id: a, tool: load, limits: {inner}}}]"
    steps = [f"id: q, limits: {outer}, steps: [{{{deep}}}]"]
    assert [each.code for each in problems(*steps, head=POOLS)] == (["AEL213"] if held else [])


def test_pools_side_by_side_are_not_held() -> None:
    steps = ["id: q, limits: api, steps: [{id: a, tool: load}]", "id: b, tool: load, limits: api"]
    assert problems(*steps, head=POOLS) == []


def test_workflows_that_are_not_known() -> None:
    found = problems("id: a, workflow: digset", "id: b, workflow: digest", workflows=("digest",))
    assert [(each.code, each.hint) for each in found] == [("AEL211", "did you mean 'digest'?")]
    assert problems("id: a, workflow: digset") == []
