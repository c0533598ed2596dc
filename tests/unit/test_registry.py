"""Workflows by name: what is read when, what changes, and what is said when it cannot be found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ael.errors import WorkflowInvalidError, WorkflowNotFoundError
from ael.registry import FileRegistry
from tests.build import step, workflow


def text(name: str = "hello", steps: str = "[{id: a, tool: t}]", **more: str) -> str:
    rest = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f"name: {name}\n{rest}steps: {steps}\n"


def write(path: Path, content: str | None = None, *, later_s: int = 0) -> Path:
    """Write a file, and date it so many seconds after it was: no test waits for a clock to tick."""
    before = path.stat().st_mtime_ns if path.exists() else None
    path.write_text(text() if content is None else content)
    if before is not None:
        os.utime(path, ns=(before + later_s * 10**9,) * 2)
    return path


def touch(path: Path, seconds: int) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + seconds * 10**9))


def refusal(registry: FileRegistry, name: str) -> WorkflowInvalidError:
    with pytest.raises(WorkflowInvalidError) as caught:
        registry.get(name)
    return caught.value


# -- what is found ---------------------------------------------------------------------------------


def test_definitions_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    write(folder / "one.ael.yaml", text("one"))
    write(folder / "two.yml", text("two"))
    write(folder / "three.json", '{"name": "three", "steps": [{"id": "a", "tool": "t"}]}')
    single = write(tmp_path / "single.txt", text("single"))
    registry = FileRegistry([workflow(step("a"), name="made"), folder, str(single)])
    assert registry.names() == ("made", "one", "single", "three", "two")
    assert [registry.get(name).id for name in registry.names()] == list(registry.names())


def test_a_folder_may_hold_other_things(tmp_path: Path) -> None:
    write(tmp_path / "hello.yaml")
    write(tmp_path / "package.json", '{"name": "hello", "scripts": {}}')
    write(tmp_path / "compose.yaml", "services: {web: {image: x}}")
    write(tmp_path / "notes.md", text("notes"))
    write(tmp_path / "empty.yaml", "")
    write(tmp_path / "list.json", "[1, 2]")
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "below.yaml", text("below"))
    registry = FileRegistry([tmp_path])
    assert registry.names() == ("hello",)
    assert registry.get("hello").id == "hello"


@pytest.mark.parametrize(
    ("name", "content"),
    [("hello.json", '{"steps": 3, "status": "completed"}'), ("hello.yml", "on: push\njobs: {a: {steps: [{run: x}]}}\n"),
     ("hello.json", "steps, not json {")],
    ids=["a result", "a pipeline", "no json"],
)  # fmt: skip
def test_a_foreign_file_that_speaks_of_steps_takes_no_workflows_name(tmp_path: Path, name: str, content: str) -> None:
    write(tmp_path / "hello.ael.yaml", text("hello"))
    write(tmp_path / name, content)
    assert FileRegistry([tmp_path]).get("hello").id == "hello"


def test_a_file_that_is_named_counts_whatever_it_says(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.yaml", "just: notes\n")
    registry = FileRegistry([path])
    assert registry.names() == ("notes",)
    assert refusal(registry, "notes").diagnostics


def test_named_twice_is_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "hello.yaml")
    monkeypatch.chdir(tmp_path)
    registry = FileRegistry([tmp_path, path, "hello.yaml", "."])
    assert registry.names() == ("hello",)
    assert registry.get("hello").id == "hello"


def test_a_relative_path_counts_from_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "hello.yaml")
    monkeypatch.chdir(tmp_path)
    registry = FileRegistry(["hello.yaml"])
    monkeypatch.chdir("/")
    assert registry.get("hello").id == "hello"


def test_a_path_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(WorkflowNotFoundError, match=r"there is no file or folder 'nowhere\.yaml'"):
        FileRegistry(["nowhere.yaml"])


def test_load_reads_a_file_and_adds_it(tmp_path: Path) -> None:
    registry = FileRegistry()
    plan = registry.load(write(tmp_path / "x.yaml", text("x")))
    assert registry.get("x") is plan
    with pytest.raises(WorkflowInvalidError):
        registry.load(write(tmp_path / "y.yaml", "name: y\n"))
    assert registry.names() == ("x",)


# -- what changes ----------------------------------------------------------------------------------


def test_a_plan_stays_the_same_object_while_its_file_does(tmp_path: Path) -> None:
    path = write(tmp_path / "hello.yaml")
    registry = FileRegistry([tmp_path])
    plan = registry.get("hello")
    assert registry.get("hello") is plan
    touch(path, 60)
    assert registry.get("hello") is plan, "only its time changed"
    write(path, text(), later_s=60)
    assert registry.get("hello") is plan, "written again as it was"
    assert registry.get("hello") is plan


def test_a_changed_file_is_a_new_plan_and_the_old_one_stays_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "hello.yaml", text(version='"1"'))
    registry = FileRegistry([path])
    old = registry.get("hello")
    write(path, text(version='"2"'), later_s=1)
    new = registry.get("hello")
    assert (old.definition.version, new.definition.version) == ("1", "2")
    assert registry.get("hello") is new


def test_of_equal_time_but_other_size_it_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "hello.yaml", text(version='"1"'))
    registry = FileRegistry([path])
    registry.get("hello")
    write(path, text(version='"1.5"'))
    assert registry.get("hello").definition.version == "1.5"


def test_a_file_that_breaks_is_refused_until_it_is_mended(tmp_path: Path) -> None:
    path = write(tmp_path / "hello.yaml")
    registry = FileRegistry([tmp_path])
    plan = registry.get("hello")
    write(path, text(steps="[{id: a, tool: t, depends_on: nobody}]"), later_s=1)
    error = refusal(registry, "hello")
    assert error.code == "WORKFLOW_INVALID"
    assert error.diagnostics
    assert str(path) in error.message
    assert registry.names() == ("hello",), "broken ones included"
    write(path, text(), later_s=1)
    mended = registry.get("hello")
    assert mended.definition == plan.definition


def test_files_come_go_and_change_their_names(tmp_path: Path) -> None:
    registry = FileRegistry([tmp_path])
    assert registry.names() == ()
    path = write(tmp_path / "a.yaml", text("one"))
    assert registry.names() == ("one",)
    write(path, text("two"), later_s=1)
    assert registry.names() == ("two",)
    with pytest.raises(WorkflowNotFoundError):
        registry.get("one")
    path.unlink()
    assert registry.names() == ()
    with pytest.raises(WorkflowNotFoundError):
        registry.get("two")
    write(path, text("one"))
    assert registry.get("one").id == "one"


def test_a_file_becomes_a_workflow_when_it_speaks_of_steps(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "name: a\n")
    registry = FileRegistry([tmp_path])
    assert registry.names() == ()
    write(path, text("a"), later_s=1)
    assert registry.get("a").id == "a"
    write(path, "name: a\n", later_s=1)
    assert registry.names() == ()


def test_a_named_file_that_is_gone_is_a_broken_one(tmp_path: Path) -> None:
    path = write(tmp_path / "hello.yaml")
    registry = FileRegistry([path])
    registry.get("hello")
    path.unlink()
    assert "hello.yaml" in refusal(registry, "hello").message
    write(path)
    assert registry.get("hello").id == "hello"


# -- what is wrong ---------------------------------------------------------------------------------


def test_two_files_with_one_name_are_both_named(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a.yaml"), write(tmp_path / "b.yaml")
    registry = FileRegistry([tmp_path])
    error = refusal(registry, "hello")
    assert "defined twice" in error.message
    assert str(one) in error.message
    assert str(two) in error.message
    assert registry.names() == ("hello",)
    two.unlink()
    assert registry.get("hello").id == "hello"


def test_a_broken_definition_is_refused_when_it_is_added() -> None:
    with pytest.raises(WorkflowInvalidError, match="'w'") as caught:
        FileRegistry([workflow(step("a", after="nobody"))])
    assert caught.value.diagnostics


def test_only_cycles_are_a_code_of_their_own(tmp_path: Path) -> None:
    circle = "[{id: a, tool: t, depends_on: b}, {id: b, tool: t, depends_on: a}]"
    registry = FileRegistry([write(tmp_path / "hello.yaml", text(steps=circle))])
    error = refusal(registry, "hello")
    assert error.code == "CIRCULAR_DEPENDENCY"
    assert error.category == "validation"


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("digset", "did you mean 'digest'?"), ("Digest", "did you mean 'digest'?"),
     ("zzz", "the workflows are: digest, report"), ("", "the workflows are: digest, report")],
)  # fmt: skip
def test_an_unknown_name_gets_the_nearest_or_all(tmp_path: Path, asked: str, hint: str) -> None:
    write(tmp_path / "a.yaml", text("digest"))
    write(tmp_path / "b.yaml", text("report"))
    with pytest.raises(WorkflowNotFoundError, match=repr(asked)) as caught:
        FileRegistry([tmp_path]).get(asked)
    assert caught.value.hint == hint


def test_without_workflows_it_says_so() -> None:
    with pytest.raises(WorkflowNotFoundError) as caught:
        FileRegistry().get("hello")
    assert caught.value.hint == "the workflows are: none"


def test_files_that_cannot_be_read_as_text(tmp_path: Path) -> None:
    write(tmp_path / "hello.yaml")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00steps")
    registry = FileRegistry([tmp_path])
    assert registry.get("hello").id == "hello"
    (tmp_path / "dir.yaml").mkdir()
    assert registry.get("hello").id == "hello"


def test_a_broken_link_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "hello.yaml")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nowhere")
    assert FileRegistry([tmp_path]).names() == ("hello",)
