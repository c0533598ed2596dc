"""``ael check`` over folders, with repairs, and beside the library."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import ael
from ael.cli import run_command_line
from ael.loading import load_path

OLD = """\
name: w
steps:
  - id: a
    tool: x.y
    on_error: continue
    retry: {max_attempts: 2, initial_delay: 1}
"""
NEW = OLD.replace("continue", "skip").replace("initial_delay", "delay")
FINE = "name: w\nsteps:\n  - id: a\n    code: return 1\n"

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs `ael check` in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command_line(["check", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(text.encode())


BROKEN = "name: w\nstep: []\n"
ACTION = "name: CI\non: push\njobs:\n  build:\n    steps:\n      - id: a\n        run: x\n"
SCRIPT = "name: pipeline\nsteps:\n- script: echo\n"
FLOW_JSON = json.dumps({"name": "w", "steps": [{"id": "a", "cod": "return 1"}]})


@pytest.mark.parametrize(
    ("files", "checked"),
    [
        ({"a.yaml": OLD, "deep/er/b.yml": OLD}, ["a.yaml", "deep/er/b.yml"]),
        ({"a.ael.yaml": BROKEN}, ["a.ael.yaml"]),
        ({"a.ael.json": "{}", "notes.md": OLD, "b.yaml": OLD}, ["a.ael.json", "b.yaml"]),
        ({"ci.yaml": ACTION, "azure.yaml": SCRIPT, "b.yaml": OLD}, ["b.yaml"]),
        ({"a.json": '{"steps": {"id": 1}}', "b.json": "[1]", "c.json": "{", "w.json": FLOW_JSON}, ["w.json"]),
        ({".venv/a.yaml": OLD, "node_modules/x/b.yaml": OLD, "c.yaml": OLD}, ["c.yaml"]),
    ],
    ids=["deep", "broken but ours", "by name", "other people's", "json", "not entered"],
)  # fmt: skip
def test_a_folder_stands_for_the_workflows_below_it(files, checked, check):
    write(files)
    _, out, _ = check(".", "--format", "json")
    assert sorted({found["file"] for found in json.loads(out)}) == checked


def test_a_file_that_is_named_is_checked_whatever_it_is_and_once(check):
    write({"ci.yaml": ACTION, "a/w.yaml": OLD})
    code, out, _ = check("ci.yaml", "a", "./a/w.yaml", "a/w.yaml", "--format", "json")
    files = [found["file"] for found in json.loads(out)]
    assert code == 3
    assert set(files) == {"ci.yaml", "a/w.yaml"}
    assert files.count("a/w.yaml") == 2


def test_a_folder_without_workflows_is_wrong_usage(check):
    write({"notes/ci.yaml": ACTION})
    code, out, err = check("notes")
    assert (code, out) == (2, "")
    assert "there is no workflow below 'notes'" in err


@pytest.mark.parametrize("text", [OLD, BROKEN, FINE, FLOW_JSON], ids=["notes", "errors", "fine", "json"])
def test_the_library_says_the_same(text, check):
    write({"w.yaml": text})
    _, out, _ = check("w.yaml", "--format", "json")
    said = [(found["code"], found["file"], found["line"], found["message"], found["hint"]) for found in json.loads(out)]
    for diagnostics in (ael.check("w.yaml"), ael.check(Path("w.yaml")), load_path("w.yaml").diagnostics):
        assert [(each.code, each.file, each.line, each.message, each.hint) for each in diagnostics] == said
    if "\n" in text:
        assert [each.message for each in ael.check(text)] == [message for _, _, _, message, _ in said]


def test_fix_repairs_and_says_what(check):
    write({"w.yaml": OLD, "fine.yaml": FINE})
    code, out, err = check("w.yaml", "fine.yaml", "--fix")
    assert (code, out) == (0, "")
    assert Path("w.yaml").read_text() == NEW
    assert err.splitlines() == [
        "w.yaml:5:15: fixed AEL191: write `skip`",
        "w.yaml:6:30: fixed AEL190: write `delay`",
        "fixed 2 problems in 1 file",
        "no problems in 2 files",
    ]
    assert check("w.yaml", "--fix")[2] == "no problems in 1 file\n"


def test_what_can_be_repaired_is_said(check):
    write({"w.yaml": OLD})
    assert check("w.yaml")[2] == "2 of them can be repaired with `ael check --fix`\n"


def test_what_cannot_be_repaired_is_left_to_say(check):
    write({"w.yaml": OLD + "    wrong: 1\n"})
    code, out, err = check("w.yaml", "--fix")
    assert code == 3
    assert "AEL102" in out
    assert "AEL19" not in out
    assert "fixed 2 problems" in err


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OLD.replace("\n", "\r\n"), NEW.replace("\n", "\r\n")),
        ("\ufeff" + OLD, "\ufeff" + NEW),
        (OLD.rstrip("\n") + "  # ünï", NEW.rstrip("\n") + "  # ünï"),
        (OLD.replace("tool: x.y\n", "tool: x.y\r\n"), NEW.replace("tool: x.y\n", "tool: x.y\r\n")),
    ],
    ids=["crlf", "byte order mark", "no last line break", "mixed"],
)
def test_fix_keeps_how_the_file_is_written(before, after, check):
    write({"w.yaml": before})
    check("w.yaml", "--fix")
    assert Path("w.yaml").read_bytes().decode() == after


def test_fix_keeps_mode_and_links_and_leaves_nothing_behind(check):
    write({"real/w.yaml": OLD})
    Path("real/w.yaml").chmod(0o640)
    Path("link.yaml").symlink_to("real/w.yaml")
    check("link.yaml", "--fix")
    assert Path("link.yaml").is_symlink()
    assert Path("real/w.yaml").read_text() == NEW
    assert stat.S_IMODE(Path("real/w.yaml").stat().st_mode) == 0o640
    assert [path.name for path in Path("real").iterdir()] == ["w.yaml"]


def test_what_a_comment_hides_is_not_repaired(check):
    text = OLD.replace("continue", "continue  # ael: ignore[AEL191]")
    write({"w.yaml": text})
    check("w.yaml", "--fix")
    assert "on_error: continue  # ael" in Path("w.yaml").read_text()


def test_a_file_that_cannot_be_written_is_named(check):
    name = f"{'w' * 249}.yaml"  # leaves no room for the name of the new file that is to replace it
    write({name: OLD})
    code, _, err = check(name, "--fix")
    assert code == 2
    assert f"cannot write '{name}': File name too long" in err
    assert Path(name).read_text() == OLD


@pytest.mark.parametrize("text", [OLD, OLD.rstrip("\n"), OLD.replace("\n", "\r\n")], ids=["plain", "no end", "crlf"])
def test_diff_writes_nothing_and_is_a_patch(text, check):
    write({"w.yaml": text})
    code, out, err = check("w.yaml", "--diff")
    assert code == 0
    assert Path("w.yaml").read_bytes().decode() == text
    assert err.splitlines()[-1] == "would fix 2 problems in 1 file"
    patched = subprocess.run(["git", "apply", "-"], input=out.encode(), capture_output=True, check=False)
    assert patched.stderr == b""
    assert Path("w.yaml").read_bytes().decode() == text.replace("continue", "skip").replace("initial_delay", "delay")


def test_diff_is_text(check):
    write({"w.yaml": OLD})
    assert check("w.yaml", "--diff", "--format", "json")[0] == 2


def test_files_that_cannot_be_read_are_reported_and_not_repaired(check):
    write({"w.yaml": OLD})
    Path("bad.yaml").write_bytes(b"\xff\xfe")
    code, out, _ = check("bad.yaml", "w.yaml", "--fix")
    assert code == 3
    assert "AEL004" in out
    assert Path("w.yaml").read_text() == NEW
