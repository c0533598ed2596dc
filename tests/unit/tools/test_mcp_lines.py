"""The splitter cuts any chunking of a stream into the same lines, and tells apart what it drops."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.tools.mcp.lines import LineSplitter, Oversized, Tail


def split(data: bytes, limit: int = 10**9, size: int | None = None) -> list[bytes | Oversized]:
    splitter = LineSplitter(limit)
    step = size or max(1, len(data))
    return [line for start in range(0, len(data), step) for line in splitter.feed(data[start : start + step])]


LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"").strip()))


@given(lines=LINES, size=st.integers(1, 30))
def test_lines_come_whole_however_the_stream_is_cut(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    assert split(data, size=size) == [line for line in lines if line]


def test_an_unfinished_line_waits() -> None:
    splitter = LineSplitter(100)
    assert list(splitter.feed(b"one\ntw")) == [b"one"]
    assert list(splitter.feed(b"o\r\n")) == [b"two"]


FILLER = "x" * 5000


@pytest.mark.parametrize(
    ("message", "request_id"),
    [
        ({"jsonrpc": "2.0", "id": 7, "result": FILLER}, 7),
        ({"id": "a-7", "jsonrpc": "2.0", "result": FILLER}, "a-7"),
        ({"result": FILLER, "jsonrpc": "2.0", "id": 7}, 7),
        ({"jsonrpc": "2.0", "result": FILLER, "id": "b"}, "b"),
        ({"result": {"id": 1, "text": FILLER, "last": {"id": 2}}, "id": 7, "jsonrpc": "2.0"}, 7),
        ({"result": {"text": FILLER, "id": 2}}, None),
        ({"result": FILLER + ', "id": 7}', "more": 1}, None),
        ({"a": FILLER, "id": 7, "b": FILLER}, None),
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
@pytest.mark.parametrize("size", [1, 64, 100_000])
def test_a_line_too_long_names_its_request(
    message: dict[str, object], request_id: int | str | None, separators: tuple[str, str], size: int
) -> None:
    line = json.dumps(message, separators=separators).encode()
    assert split(line + b"\nnext\n", limit=1000, size=size) == [Oversized(request_id), b"next"]


def test_it_is_told_before_the_line_ends() -> None:
    splitter = LineSplitter(100)
    assert list(splitter.feed(b'{"jsonrpc":"2.0","id":7,"result":"' + b"x" * 200)) == [Oversized(7)]
    assert list(splitter.feed(b"x" * 1000)) == []
    assert list(splitter.feed(b'"}\n{}\n')) == [b"{}"]


def test_a_notification_too_long_is_dropped() -> None:
    line = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": FILLER, "id": 7})
    assert split(line.encode() + b"\n", limit=1000) == []


def test_a_line_at_the_limit_is_kept() -> None:
    assert split(b"x" * 100 + b"\n", limit=100, size=7) == [b"x" * 100]
    assert split(b"x" * 101 + b"\n", limit=100, size=7) == [Oversized(None)]


class TestTail:
    def test_keeps_the_last_lines(self) -> None:
        tail = Tail(lines=2)
        tail.feed(b"one\ntwo\nthr")
        tail.feed(b"ee\n\n  \nfo")
        assert tail.lines() == ["two", "three", "fo"]

    def test_of_a_flood_the_end_is_kept(self) -> None:
        tail = Tail(lines=2)
        tail.feed(b"noise\n" * 100_000 + b"the\nend\n")
        assert tail.lines() == ["the", "end"]

    def test_keeps_stdout_apart(self) -> None:
        tail = Tail(lines=1)
        tail.add(b"reason")
        tail.add_noise(b"banner")
        assert (tail.lines(), tail.noise()) == (["reason"], ["banner"])

    @given(chunks=st.lists(st.binary(max_size=3000), max_size=30))
    def test_is_bounded_whatever_comes(self, chunks: list[bytes]) -> None:
        tail = Tail(lines=3, width=10)
        for chunk in chunks:
            tail.feed(chunk)
        assert len(tail.lines()) <= 4
        assert all(0 < len(line) <= 10 for line in tail.lines())
