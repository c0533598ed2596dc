"""The lock: what it says, where it is, and what is no lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.errors import ToolUnavailableError
from ael.ports import ToolCall, ToolSpec
from ael.tools.lock import LOCK_NAME, LockedServer, LockError, ToolLock, find_lock, parse_lock
from ael.tools.locked import LockedProvider

LOG = ToolSpec(
    "log",
    "Show the log.",
    {"type": "object", "properties": {"n": {"type": "integer"}}},
    {"type": "object"},
    read_only=True,
    destructive=False,
    server="git",
)
STATUS = ToolSpec("status", server="git")
GREET = ToolSpec("greet", "Grüße.")
LOCK = ToolLock({"git": LockedServer({"log": LOG, "status": STATUS}, "mcp-git", "1.0")}, {"greet": GREET})


def test_what_is_written_is_read_again() -> None:
    assert parse_lock(LOCK.text().encode()) == LOCK
    assert list(LOCK.specs()) == [LOG, STATUS, GREET]


def test_the_text_does_not_depend_on_the_order() -> None:
    other = ToolLock({"git": LockedServer({"status": STATUS, "log": LOG}, "mcp-git", "1.0")}, {"greet": GREET})
    assert other.text() == LOCK.text()
    assert LOCK.text().endswith("}\n")
    assert "Grüße" in LOCK.text()
    assert json.loads(LOCK.text())["lock"] == 1


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), st.lists, max_leaves=4)
flags = st.none() | st.booleans()
specs = st.builds(
    ToolSpec,
    names,
    names,
    st.dictionaries(names, values, max_size=3),
    st.none() | st.dictionaries(names, values, max_size=2),
    flags,
    flags,
    flags,
    server=st.just("s"),
)


@given(st.lists(specs, max_size=4, unique_by=lambda spec: spec.name))
def test_any_tools_survive(tools: list[ToolSpec]) -> None:
    lock = ToolLock({"s": LockedServer({spec.name: spec for spec in tools})})
    assert parse_lock(lock.text().encode("utf-8", "surrogatepass")) == lock


BROKEN = {
    "empty": (b"", "it is no JSON: Expecting value", 0),
    "cut off": (b'{"lock": 1', "it is no JSON: Expecting ',' delimiter", 10),
    "a conflict of two branches": (b'{"lock": 1,\n<<<<<<< HEAD\n', "it is no JSON: Expecting property name", 12),
    "no text": (b"\xff\xfe", "it is no UTF-8 text", None),
    "too deep": (b"[" * 100_000, "it is nested too deep", None),
    "a list": (b"[]", "it is no lock", None),
    "no version": (b"{}", "it is no lock: Object missing required field `lock`", None),
    "a version that is no number": (b'{"lock": "1"}', "it is no lock: Expected `int`", None),
    "a tool that is none": (b'{"lock": 1, "tools": {"a": 3}}', "it is no lock: Expected `object`", None),
    "a schema that is none": (b'{"lock": 1, "tools": {"a": {"input_schema": 1}}}', "it is no lock", None),
    "not a number": (b'{"lock": NaN}', "it is no JSON: there is no NaN", None),
    "a number too long": (b'{"lock": ' + b"9" * 5000 + b"}", "it is no JSON", None),
}


@pytest.mark.parametrize(("data", "says", "offset"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_lock_is_told_in_a_sentence(data: bytes, says: str, offset: int | None) -> None:
    with pytest.raises(LockError) as caught:
        parse_lock(data)
    assert str(caught.value).startswith(says)
    assert caught.value.offset == offset
    assert caught.value.version is None


def test_a_later_version_is_told_apart() -> None:
    with pytest.raises(LockError, match="it has version 2, and this ael reads version 1") as caught:
        parse_lock(b'{"lock": 2, "tools": []}')
    assert caught.value.version == 2


def test_keys_of_later_versions_of_the_same_form_are_passed_over() -> None:
    text = '{"lock": 1, "made": "x", "tools": {"a": {"input_schema": {}, "annotations": {"open_world": true}, "x": 1}}}'
    assert parse_lock(text.encode()).tools["a"] == ToolSpec("a", input_schema={})


class TestWhere:
    def test_in_the_folder_itself(self, tmp_path: Path) -> None:
        (tmp_path / LOCK_NAME).touch()
        assert find_lock(tmp_path) == tmp_path / LOCK_NAME

    def test_above_within_the_repository(self, tmp_path: Path) -> None:
        inner = tmp_path / "a" / "b"
        inner.mkdir(parents=True)
        (tmp_path / ".git").mkdir()
        (tmp_path / LOCK_NAME).touch()
        assert find_lock(inner) == tmp_path / LOCK_NAME
        (tmp_path / "a" / LOCK_NAME).touch()
        assert find_lock(inner) == tmp_path / "a" / LOCK_NAME

    def test_not_beyond_the_repository(self, tmp_path: Path) -> None:
        (tmp_path / LOCK_NAME).touch()
        (tmp_path / "a" / ".git").mkdir(parents=True)
        assert find_lock(tmp_path / "a") is None

    def test_not_above_without_a_repository(self, tmp_path: Path) -> None:
        (tmp_path / LOCK_NAME).touch()
        (tmp_path / "a").mkdir()
        assert find_lock(tmp_path / "a") is None


async def test_tools_of_a_lock_can_be_looked_up_and_not_called() -> None:
    provider = LockedProvider("git", [LOG, STATUS])
    await provider.wait_listed()
    assert provider.listed
    assert list(provider.specs()) == [LOG, STATUS]
    assert provider.miss("log") is None
    assert provider.repeatable("log", ToolCall("git.log", {}))
    assert not provider.repeatable("status", ToolCall("git.status", {}))
    with pytest.raises(ToolUnavailableError, match="known from a lock only"):
        await provider.call("log", ToolCall("git.log", {}))
    await provider.aclose()
