"""``ael graph`` for files and for workflows by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ael.cli import run_command_line

TEXT = """
name: digest
steps:
  - {id: log, tool: nobody.has_it}
  - {id: status, tool: nobody.has_it, depends_on: [log, log]}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "w.yaml").write_text(
        TEXT.replace("nobody.has_it", "http.request, params: {url: 'https://a.example'}")
    )
    (tmp_path / "w.yaml").write_text(TEXT)
    (tmp_path / "ael.toml").write_text('workflows = ["flows"]\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("target", ["w.yaml", "digest"])
@pytest.mark.parametrize(
    ("form", "line"),
    [("text", "  status  {}  after log"), ("mermaid", "    s0 --> s1"), ("dot", '    "log" -> "status";')],
)
def test_files_and_names_with_warnings_are_drawn(target, form, line, capsys):
    assert run_command_line(["graph", target, "--format", form]) == 0
    captured = capsys.readouterr()
    tool = "nobody.has_it" if target == "w.yaml" else "http.request"
    assert line.format(tool) in captured.out.splitlines()
    assert captured.err == ""


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        ("broken.yaml", 3, "error[AEL202]: step 'a' depends on itself"),
        ("missing.yaml", 2, "there is no file 'missing.yaml'"),
        ("flows", 2, "'flows' is a folder"),
        ("digst", 2, "did you mean 'digest'?"),
    ],
)
def test_what_cannot_be_drawn(target, code, says, capsys):
    Path("broken.yaml").write_text("name: w\nsteps: [{id: a, tool: t, depends_on: a}]\n")
    assert run_command_line(["graph", target]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
