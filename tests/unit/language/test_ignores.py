"""Comments that hide warnings and notes, on every way to a diagnostic."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import ael
from ael.loading import load_definition, load_source, parse_workflow
from ael.registry import FileRegistry
from ael.source import Source

TWICE = """
name: w
steps:
  - {{id: a, tool: t}}
  - id: b
    tool: t{before}
    depends_on: [a, a]{behind}
{after}"""


def codes(text: str) -> list[str]:
    return [found.code for found in load_source(Source(text, "w.yaml")).diagnostics]


def twice(behind: str = "", *, before: str = "", after: str = "") -> str:
    return TWICE.format(behind=behind, before=before, after=after)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (twice(), ["AEL203"]),
        (twice(" # ael: ignore[AEL203]"), []),
        (twice("  #ael:ignore[ael203]"), []),
        (twice(" # ael: ignore [AEL203] because"), []),
        (twice(" # twice, see above # ael: ignore[AEL102,AEL203]"), ["AEL198"]),
        (twice(" # ael: ignore[AEL198, AEL102 AEL203]"), []),
        (twice(" # ael: ignore"), ["AEL203", "AEL198"]),
        (twice(" # ael: ignore[]"), ["AEL203", "AEL198"]),
        (twice(" # ael: ignoring[AEL203]"), ["AEL203"]),
        (twice(" # ael: ignore[AEL605, AEL205, AEL203]"), []),
        (twice(before="\n    # ael: ignore[AEL203]"), []),
        (twice(before="\n    # ael: ignore[AEL203]\n\n    # and why"), []),
        (twice(before=" # ael: ignore[AEL203]"), ["AEL198", "AEL203"]),
        (twice(after="# ael: ignore[AEL203]"), ["AEL203", "AEL198"]),
        (twice(after="description: |\n  a text\n# ael: ignore[AEL203]\n"), ["AEL203", "AEL198"]),
        (twice(after="description: |\n  a text\n  # ael: ignore[AEL203]\n"), ["AEL203"]),
        (twice(after="description: >-  # ael: ignore[AEL203]\n  a text\n"), ["AEL203", "AEL198"]),
        (twice(after="description: a#ael:ignore[AEL203]\n"), ["AEL203"]),
        (twice(after='description: "a\n  # ael: ignore[AEL203]"\n'), ["AEL203"]),
        (twice(after='inputs: {"# ael: ignore[AEL203]": string}\n'), ["AEL203"]),
        (twice(after="unknown: 1  # ael: ignore[AEL203]\n"), ["AEL203", "AEL102"]),
        (twice(after="unknown: 1  # ael: ignore[AEL102]\n"), ["AEL203", "AEL102", "AEL199"]),
        ('{"name": "w", "steps": [{"id": "a", "tool": "t", "params": {"a": "# ael: ignore[AEL203]"}}]}', []),
        ("name: [  # ael: ignore[AEL005]", ["AEL005"]),
    ],
)  # fmt: skip
def test_comments_hide_what_is_on_their_line(text, left):
    assert codes(text) == left


CODE = """
name: w
inputs: {{url: string}}
steps:
  - id: a
    code: |
      {first}
      url = "{{{{ inputs.url }}}}"{behind}
      return url
"""


@pytest.mark.parametrize(
    ("first", "behind", "left"),
    [
        ("x = 1", "", ["AEL707"]),
        ("x = 1", "  # ael: ignore[AEL707]", []),
        ("# ael: ignore[AEL707]", "", []),
        ("x = '# ael: ignore[AEL707]'", "", ["AEL707"]),
        ("x = '''\n      # ael: ignore[AEL707]'''", "", ["AEL707"]),
        ("x = 1  # ael: ignore[AEL707]", "", ["AEL198", "AEL707"]),
        ("x = (", "  # ael: ignore[AEL707]", ["AEL701"]),
    ],
)
def test_comments_in_code_are_python_comments(first, behind, left):
    assert [code for code in codes(CODE.format(first=first, behind=behind)) if code != "AEL199"] == left


def test_a_params_code_is_text_and_no_code():
    step = "  - id: a\n    tool: t\n    params:\n      code: |\n        # ael: ignore[AEL707]\n"
    assert codes(f"name: w\nsteps:\n{step}") == []


def test_every_way_to_diagnostics_honours_them(tmp_path: Path):
    text = twice(" # ael: ignore[AEL203]")
    path = tmp_path / "w.yaml"
    path.write_text(text)
    definition = parse_workflow(text)
    assert ael.check(text) == ael.check(path) == []
    assert load_definition(definition).diagnostics == ()
    assert FileRegistry([path]).get("w").diagnostics == ()


STEP = "  - {{id: s{0}, tool: t, depends_on: [a, a]}}  # ael: ignore[AEL203]\n"
HEAD = "name: w\nsteps:\n  - {id: a, tool: t}\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "".join(STEP.format(i) for i in range(1000)),
        HEAD + "# ael: ignore[AEL198]\n" * 20_000,
        HEAD + "  - id: b\n    code: |\n      return 1\n" + "      # ael: ignore[AEL198]\n" * 10_000,
    ],
    ids=["steps", "lines", "code"],
)
def test_many_comments_cost_little(text):
    began = time.process_time()
    assert codes(text) == []
    assert time.process_time() - began < 3
