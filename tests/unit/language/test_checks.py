"""Checks beyond structure: dependencies, cycles, templates, tools, code; all at their exact places."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import attrs
import pytest

from ael.dataflow import analyse
from ael.definition import CodeBody, StepDefinition, ToolBody, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language import check_definition, is_cycle, parse
from ael.ports import CodeExecutor, CodeProblem, ToolMiss, ToolSpec
from ael.source import Source
from ael.types import JsonValue


@attrs.frozen
class FixedCatalog:
    """Answers from a table; what is not in it is unknown."""

    answers: Mapping[str, ToolSpec | ToolMiss] = attrs.field(factory=dict)

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        return self.answers.get(name if server is None else f"{server}.{name}", ToolMiss("unknown"))

    def specs(self) -> list[ToolSpec]:
        return [answer for answer in self.answers.values() if isinstance(answer, ToolSpec)]


@attrs.frozen
class FixedExecutor:
    """Finds the same problems in all code."""

    problems: Sequence[CodeProblem] = ()
    name: str = "safe"

    def check(self, code: str, names: Collection[str] = ()) -> Sequence[CodeProblem]:
        return self.problems

    async def run(self, call: object) -> JsonValue:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing to close."""


def check(
    text: str, *, catalog: FixedCatalog | None = None, executors: Mapping[str, CodeExecutor] | None = None
) -> list[Diagnostic]:
    """What the checks find in a text of sound structure."""
    definition, found = parse(text)
    assert [p for p in found if p.is_error] == []
    assert definition is not None
    return check_definition(definition, analyse(definition), catalog=catalog, executors=executors or {})


def marked(text: str, problem: Diagnostic) -> str:
    """What the caret of a problem is under."""
    source = Source(text)
    assert problem.line is not None
    assert problem.end_line is not None
    start = source.offset(problem.line, problem.column or 1)
    return text[start : source.offset(problem.end_line, problem.end_column or 1)]


def workflow(*steps: str, head: str = "") -> str:
    return f"name: w\n{head}steps:\n" + "".join(f"  - {{{step}}}\n" for step in steps)


def tool(step_id: str, more: str = "") -> str:
    return f"id: {step_id}, tool: t{', ' if more else ''}{more}"


GRAPHS: dict[str, tuple[tuple[str, ...], list[tuple[str, str]]]] = {
    "sound": ((tool("a"), tool("b", "depends_on: a"), tool("c", "depends_on: [a, b]")), []),
    "unknown": ((tool("a", "depends_on: [b]"),), [("AEL201", "b")]),
    "unknown twice": ((tool("a", "depends_on: [b, c]"),), [("AEL201", "b"), ("AEL201", "c")]),
    "itself": ((tool("a", "depends_on: a"),), [("AEL202", "a")]),
    "itself by reading": ((tool("a", 'params: {x: "{{ steps.a.output }}"}'),), [("AEL202", "a")]),
    "twice": ((tool("a"), tool("b", "depends_on: [a, a]")), [("AEL203", "a")]),
    "a circle of two": ((tool("a", "depends_on: b"), tool("b", "depends_on: a")), [("AEL204", "b")]),
    "a step behind a circle": (
        (tool("a", "depends_on: b"), tool("b", "depends_on: a"), tool("c", "depends_on: a")),
        [("AEL204", "b")],
    ),
    "two circles": (
        tuple(tool(x, f"depends_on: {y}") for x, y in ("ab", "ba", "cd", "dc")),
        [("AEL204", "b"), ("AEL204", "d")],
    ),
}


@pytest.mark.parametrize(("steps", "expected"), GRAPHS.values(), ids=GRAPHS)
def test_dependencies(steps: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    text = workflow(*steps)
    assert [(p.code, marked(text, p)) for p in check(text)] == expected


def test_a_cycle_is_a_path_through_templates_and_code() -> None:
    text = workflow(
        tool("a", "when: steps.c.success"),
        tool("b", 'params: {x: "{{ steps.a.output }}"}'),
        'id: c, code: "return steps.b.output"',
    )
    (found,) = check(text)
    assert found.message == "these steps wait for each other: a -> c -> b -> a"
    assert is_cycle(found)


def test_file_order_closes_cycles_too() -> None:
    (found,) = check(workflow(tool("a", "depends_on: b"), tool("b"), head="sequential: true\n"))
    assert found.message.endswith("a -> b -> a")


def test_only_cycles_are_cycles() -> None:
    found = check(workflow(tool("a", "depends_on: a"), tool("b", "depends_on: [c, a, a]")))
    assert {p.code: is_cycle(p) for p in found} == {"AEL202": True, "AEL201": False, "AEL203": False}


TEMPLATES = {
    "plain": ("params: {x: '{{ inputs.ulr }}'}", "AEL304", "ulr"),
    "deep in params": ("params: {x: [{y: 'a {{ steps.nope.output }}'}]}", "AEL303", "nope"),
    "when": ("when: inputs.ulr", "AEL304", "ulr"),
    "when in braces": ("when: '{{ inputs.ulr }}'", "AEL304", "ulr"),
    "fallback": ("on_error: skip, fallback: '{{ inputs.ulr }}'", "AEL304", "ulr"),
    "an unknown root": ("params: {x: '{{ foo.bar }}'}", "AEL302", "foo"),
    "an unknown filter": ("params: {x: '{{ inputs.url | nope }}'}", "AEL306", "nope"),
    "double quotes with escapes": ('params: {x: "\\t\\u00e9 {{ inputs.ulr }}"}', "AEL304", "ulr"),
}


@pytest.mark.parametrize(("more", "code", "word"), TEMPLATES.values(), ids=TEMPLATES)
def test_templates(more: str, code: str, word: str) -> None:
    text = workflow(tool("a", more), head="inputs: {url: string}\n")
    (found,) = check(text)
    assert (found.code, marked(text, found)) == (code, word)


OUTPUTS = {
    "a template": "outputs: {o: 'x {{ inputs.ulr }}'}",
    "below a value": "outputs: {o: {value: [{k: '{{ inputs.ulr }}'}]}}",
    "a path": "outputs: {o: {from: inputs.ulr.x}}",
    "listed": "outputs: [{name: o, value: '{{ inputs.ulr }}'}]",
    "single": "output: '{{ inputs.ulr }}'",
}


@pytest.mark.parametrize("outputs", OUTPUTS.values(), ids=OUTPUTS)
def test_outputs(outputs: str) -> None:
    text = workflow(tool("a"), head="inputs: {url: string}\n") + outputs + "\n"
    (found,) = check(text)
    assert (found.code, marked(text, found), found.hint) == ("AEL304", "ulr", "did you mean 'url'?")
    assert found.fix is not None
    assert [edit.text for edit in found.fix.edits] == ["url"]
    assert not found.fix.safe


def test_secrets_need_no_declaration() -> None:
    assert check(workflow(tool("a", "params: {x: '{{ secrets.ANYTHING }}'}"))) == []


GIT = ToolSpec("git_log", server="git")
CATALOG = FixedCatalog(
    {
        "t": ToolSpec("t"),
        "git.git_log": GIT,
        "search": ToolMiss("ambiguous", ("a.search", "b.search")),
        "gti.x": ToolMiss("unknown_server", ("git", "web")),
        "later.x": ToolMiss("unlisted"),
        "shell.run": ToolMiss("disabled", advice="allow it"),
    }
)
TOOLS = {
    "known": ("tool: git.git_log", None, None),
    "known by server": ("tool: git_log, mcp: git", None, None),
    "not listed yet": ("tool: later.x", None, None),
    "unknown": ("tool: git.git_lgo", "AEL601", "did you mean 'git.git_log'?"),
    "unknown without server": ("tool: git_lgo", "AEL601", "did you mean 'git.git_log'?"),
    "unknown but optional": ("tool: nope, on_missing_tool: skip", "AEL605", None),
    "ambiguous": ("tool: search", "AEL602", "write the full name, `a.search`"),
    "ambiguous and optional": ("tool: search, on_missing_tool: skip", "AEL602", "write the full name, `a.search`"),
    "an unknown server": ("tool: gti.x", "AEL603", "did you mean 'git.x'?"),
    "switched off": ("tool: shell.run", "AEL604", "allow it"),
}


@pytest.mark.parametrize(("step", "code", "hint"), TOOLS.values(), ids=TOOLS)
def test_tools(step: str, code: str | None, hint: str | None) -> None:
    text = workflow(f"id: a, {step}")
    found = check(text, catalog=CATALOG)
    assert [(p.code, p.hint) for p in found] == ([] if code is None else [(code, hint)])
    assert all(marked(text, p) == step.split(": ")[1].split(",", maxsplit=1)[0] for p in found)


def test_without_a_catalog_no_tool_is_missed() -> None:
    assert check(workflow("id: a, tool: nope")) == []


CODE = """name: w
inputs: {url: string}
steps:
  - {id: fetch, tool: t}
  - id: b
    code: |
      x = 1
      return CODE
"""
READS = {
    "fine": ("steps.fetch.output, inputs.url", None, None),
    "an unknown step": ("steps.fecth.output", "AEL705", "fecth"),
    "an unknown step by key": ("steps['fecth'].output", "AEL705", "fecth"),
    "an unknown input": ("inputs['ulr']", "AEL706", "ulr"),
    "a syntax error": ("1 +", "AEL701", None),
}


@pytest.mark.parametrize(("code", "kind", "word"), READS.values(), ids=READS)
def test_code(code: str, kind: str | None, word: str | None) -> None:
    text = CODE.replace("CODE", code)
    found = check(text, executors={"safe": FixedExecutor()})
    assert [p.code for p in found] == ([] if kind is None else [kind])
    for problem in found:
        assert problem.line == 8
        assert word is None or marked(text, problem) == word


def test_problems_of_an_executor_are_mapped_to_the_file() -> None:
    text = CODE.replace("CODE", "f(open)")
    problems = (CodeProblem("CODE_SECURITY", "no open", 2, 10, "do without"), CodeProblem("CODE_SYNTAX", "odd", 1, 1))
    syntax, refused = check(text, executors={"safe": FixedExecutor(problems)})
    assert (refused.code, marked(text, refused), refused.hint) == ("AEL702", "open)", "do without")
    assert "CODE_SECURITY" in refused.message
    assert (syntax.code, marked(text, syntax)) == ("AEL701", "x = 1")


EXECUTORS = {
    "known": ("safe", {"safe": FixedExecutor()}, None),
    "none to look at": ("safe", {}, None),
    "not installed": ("safe", {"other": FixedExecutor()}, "AEL704"),
    "not allowed": ("trusted", {"safe": FixedExecutor()}, "AEL704"),
    "unknown": ("sfae", {"safe": FixedExecutor()}, "AEL703"),
    "unknown anyway": ("sfae", {}, "AEL703"),
}


@pytest.mark.parametrize(("name", "executors", "code"), EXECUTORS.values(), ids=EXECUTORS)
def test_executors(name: str, executors: Mapping[str, CodeExecutor], code: str | None) -> None:
    definition = WorkflowDefinition("w", (StepDefinition("a", CodeBody("return 1", name)),))
    found = check_definition(definition, analyse(definition), executors=executors)
    assert [p.code for p in found] == ([] if code is None else [code])


def test_definitions_made_in_python_are_checked_without_places() -> None:
    steps = (
        StepDefinition("a", ToolBody("nope", {"x": "{{ inputs.x }}"}), depends_on=("b", "z")),
        StepDefinition("b", CodeBody("return steps.q.output"), depends_on=("a",)),
    )
    definition = WorkflowDefinition("w", steps)
    found = check_definition(definition, analyse(definition), catalog=CATALOG)
    assert sorted(p.code for p in found) == ["AEL201", "AEL204", "AEL304", "AEL601", "AEL705"]
    assert {(p.file, p.line) for p in found} == {(None, None)}


OLD = "packages: []\n"
READ_ONLY = FixedCatalog({"t": ToolSpec("t", read_only=True), "w": ToolSpec("w")})
ORDERS = {
    "an old file": (OLD, ("id: a, tool: t", "id: b, tool: w"), True),
    "a new file": ("", ("id: a, tool: t", "id: b, tool: w"), False),
    "reading only": (OLD, ("id: a, tool: t", "id: b, tool: t"), False),
    "code only": (OLD, ("id: a, code: return 1", "id: b, code: return 1"), False),
    "sequential": (f"{OLD}sequential: true\n", ("id: a, tool: w", "id: b, tool: w"), False),
    "depends_on somewhere": (OLD, ("id: a, tool: w", "id: b, tool: w", "id: c, tool: t, depends_on: a"), False),
    "ordered by data": (OLD, ("id: a, tool: w", "id: b, tool: w, params: {x: '{{ steps.a.output }}'}"), False),
    "ordered through another": (
        OLD,
        (
            "id: a, tool: w",
            "id: b, tool: t, params: {x: '{{ steps.a.output }}'}",
            "id: c, tool: w, params: {x: '{{ steps.b.output }}'}",
        ),
        False,
    ),
}


@pytest.mark.parametrize(("head", "steps", "warned"), ORDERS.values(), ids=ORDERS)
def test_old_files_that_relied_on_their_order(head: str, steps: tuple[str, ...], warned: bool) -> None:
    found = check(workflow(*steps, head=head), catalog=READ_ONLY)
    assert [p.code for p in found] == (["AEL205"] if warned else [])
