"""What is said of codes, in the library and on the command line."""

from __future__ import annotations

import pytest

from ael.cli import run_command_line
from ael.diagnostics import Severity
from ael.errors import REGISTRY
from ael.language import KINDS
from ael.language.explaining import example, explain_code, list_codes, nearest_code

EXPLAINED = """\
AEL203, a warning in a workflow file

`depends_on` names the same step twice; once is enough.

For example:

  warning[AEL203]: step 'b' names 'a' twice in `depends_on`
   --> workflow.yaml:4:48
    |
  4 |   - {id: b, tool: git.git_log, depends_on: [a, a]}
    |                                                ^
    |
    = help: remove one

Where it is meant so, a comment on the line hides it: # ael: ignore[AEL203]
"""


def test_a_kind_is_explained_with_a_frame_as_it_appears():
    assert explain_code("AEL203") == EXPLAINED.rstrip("\n")


@pytest.mark.parametrize("code", KINDS)
def test_every_kind(code):
    text = explain_code(code)
    assert text is not None
    assert text.startswith(f"{code}, ")
    assert "``" not in text
    assert ("# ael: ignore[" in text.splitlines()[-1]) == (KINDS[code].severity is not Severity.ERROR)
    frame = example(code)
    assert frame is None or frame.startswith(f"{KINDS[code].severity}[{code}]: ")


@pytest.mark.parametrize("code", [spec.code for spec in REGISTRY])
def test_every_error(code):
    text = explain_code(code)
    assert text is not None
    assert REGISTRY.get(code).meaning.endswith(".")
    assert REGISTRY.get(code).meaning in text
    assert "With `retry`: " in text


@pytest.mark.parametrize(
    ("written", "code"),
    [("ael203", "AEL203"), (" 203 ", "AEL203"), ("tool_timeout", "TOOL_TIMEOUT"), ("tool-timeout", "TOOL_TIMEOUT")],
)
def test_codes_may_be_written_in_other_ways(written, code):
    assert explain_code(written) == explain_code(code) is not None


@pytest.mark.parametrize(
    ("written", "near"), [("AELL204", "AEL204"), ("TOOL_TIMOUT", "TOOL_TIMEOUT"), ("something", None), ("", None)]
)
def test_unknown_codes_have_a_neighbour(written, near):
    assert explain_code(written) is None
    assert nearest_code(written) == near


def test_the_list_has_every_code_once():
    codes = [code for code, _, _ in list_codes()]
    assert codes == [*KINDS, *(spec.code for spec in REGISTRY)]
    assert all(about and "\n" not in about for _, _, about in list_codes())


def test_on_the_command_line(capsys):
    assert run_command_line(["explain", "AEL203"]) == 0
    assert capsys.readouterr().out == EXPLAINED
    assert run_command_line(["explain"]) == 0
    assert capsys.readouterr().out.count("\n") == len(list(list_codes()))
    assert run_command_line(["explain", "TOOL_TIMOUT"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "there is no code 'TOOL_TIMOUT'; did you mean TOOL_TIMEOUT?" in captured.err
