"""How a workflow is drawn: a nested one as golden files, and what holds of every picture.

``AEL_UPDATE_GOLDENS=1`` writes the pictures instead of comparing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ael.dataflow import analyse
from ael.definition import StepDefinition, ToolBody, WorkflowDefinition
from ael.language import parse
from ael.language.drawing import Picture, draw, render_dot, render_mermaid, render_tree

FOLDER = Path(__file__).parent / "drawings"
RENDERERS = {"txt": render_tree, "mmd": render_mermaid, "dot": render_dot}


def picture(text: str) -> Picture:
    definition, found = parse(text, filename="w.yaml")
    assert definition is not None
    assert [each for each in found if each.is_error] == []
    return draw(definition, analyse(definition))


@pytest.mark.parametrize("suffix", RENDERERS)
def test_a_nested_workflow(suffix):
    golden = FOLDER / f"crawl.{suffix}"
    drawn = RENDERERS[suffix](picture((FOLDER / "crawl.yaml").read_text())) + "\n"
    if os.environ.get("AEL_UPDATE_GOLDENS"):
        golden.write_text(drawn, encoding="utf-8")
    assert drawn == golden.read_text(encoding="utf-8")


X = "inputs: {x: {}}\n"


def step(keys: str, *, first: str = "") -> str:
    return f"name: w\n{first}steps:\n  - {{id: a, tool: t}}\n  - {{id: b, tool: t, {keys}}}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (step("mcp: git"), "b  git.t"),
        (step("depends_on: a"), "b  t  after a"),
        (step("params: {x: '{{ steps.a.output }}'}"), "b  t  after a"),
        (step("when: '{{ inputs.x }}'", first=X), "b  t  when inputs.x"),
        (step("when: steps.a.output | length  > 3"), "b  t  after a; when steps.a.output | length > 3"),
        (step("retry: 3"), "b  t  up to 3 attempts"),
        (step("retry: 1", first="defaults: {retry: 4}\n"), "b  t"),
        (step("on_error: retry"), "b  t  up to 3 attempts"),
        (step("on_error: retry, retry: {on_exhausted: skip}"), "b  t  up to 3 attempts; skipped on error"),
        (step("on_error: skip"), "b  t  skipped on error"),
        (step("on_error: [{match: [X], do: skip}, {do: retry, retry: 5}]"), "b  t  up to 5 attempts; skipped on error"),
        (step("depends_on: a, join: settled"), "b  t  after a; however they ended"),
        (step("depends_on: a, join: any"), "b  t  after a; as soon as one completed"),
        (step("repeat: {max: 3}"), "b  t  repeat 3 rounds"),
        (step("for_each: [1, '{{ inputs.x }}']", first=X), 'b  t  for each item of [1, "{{ inputs.x }}"]'),
        (step("for_each: {in: inputs.x, tolerate: 2}", first=X), "b  t  for each item of inputs.x (2 may fail)"),
        (step("undo: {code: return 1}"), "b  t  undone by code"),
    ],
)  # fmt: skip
def test_the_terms_of_a_step(text, line):
    drawn = render_tree(picture(text)).splitlines()
    assert re.sub(" +", " ", drawn[-1].strip()) == re.sub(" +", " ", line)


def test_head_and_tail():
    drawn = render_tree(
        picture('name: w\nversion: "2"\nsequential: true\nsteps: [{id: a, tool: t}, {id: b, tool: t}]\n')
    )
    assert drawn.splitlines() == ["w 2", "sequential", "", "  a  t", "  b  t  after a"]


def test_a_long_condition_is_cut():
    line = render_tree(picture(step(f"when: '{' or '.join(['steps.a.success'] * 20)}'"))).splitlines()[-1]
    assert line.endswith("…")
    assert len(line) < 120


STRANGE = 'x"] --> y <b> \\ {{ `'


@pytest.mark.parametrize("name", [STRANGE, "end", "a\nb", "#quot;", "\x1b[2J"])
def test_names_cannot_break_out_of_their_labels(name):
    definition = WorkflowDefinition("w", (StepDefinition("a", ToolBody(name)),))
    strange = draw(definition, analyse(definition))
    assert all(line.isprintable() for render in RENDERERS.values() for line in render(strange).split("\n"))
    assert re.fullmatch(r'flowchart TD\n    s0\["a<br/><i>[^"<>`\n]*</i>"\]', render_mermaid(strange))
    (node,) = (line for line in render_dot(strange).splitlines() if line.startswith('    "a"'))
    assert re.fullmatch(r'    "a" \[label="a\\n(?:[^"\\\n]|\\.)*"\];', node)


def test_the_same_id_in_two_branches_is_two_boxes():
    drawn = picture((FOLDER / "crawl.yaml").read_text())
    for text in (render_mermaid(drawn), render_dot(drawn)):
        names = re.findall(r"^\s+(\S+?)(?:\[|\{\{|\(\[| \[(?:label|shape))", text, re.MULTILINE)
        nodes = [name for name in names if name not in {"node", "subgraph"}]
        assert len(nodes) == len(set(nodes))


def test_a_long_chain_in_any_order_is_drawn():
    steps = "".join(f"  - {{id: s{i}, tool: t, depends_on: s{i + 1}}}\n" for i in range(2000))
    drawn = picture(f"name: w\nsteps:\n{steps}  - {{id: s2000, tool: t}}\n")
    for render in RENDERERS.values():
        assert len(render(drawn).splitlines()) > 2000
