"""Arithmetic between offsets, lines and columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.source import Source, Span

TEXTS = st.text(alphabet="ab \n\r\té\U0001f600", max_size=40)


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", [""]), ("a", ["a"]), ("a\n", ["a", ""]), ("a\nb", ["a", "b"]), ("a\r\nb\r\n", ["a", "b", ""]),
     ("\n\n", ["", "", ""]), ("a\rb", ["a\rb"]), ("a\u2028b\x0cc", ["a\u2028b\x0cc"])],
    ids=["empty", "one", "ends with a break", "two", "windows", "only breaks", "a lone return", "other separators"],
)  # fmt: skip
def test_lines(text: str, lines: list[str]) -> None:
    source = Source(text)
    assert source.line_count == len(lines)
    assert [source.line(number) for number in range(1, len(lines) + 1)] == lines


@pytest.mark.parametrize("number", [-1, 0, 3, 100])
def test_lines_beyond_the_text_are_empty(number: int) -> None:
    assert Source("a\nb").line(number) == ""


@given(TEXTS)
def test_every_offset_has_a_place_and_every_place_its_offset(text: str) -> None:
    source = Source(text)
    places = [source.place(offset) for offset in range(len(text) + 1)]
    assert [source.offset(*place) for place in places] == list(range(len(text) + 1))
    assert places == sorted(set(places)), "they grow with the offset"
    for offset, (line, column) in enumerate(places):
        assert text[:offset].count("\n") == line - 1
        assert column == offset - (text.rfind("\n", 0, offset) + 1) + 1


@given(TEXTS, st.integers(-5, 60), st.integers(-5, 60))
def test_places_are_clamped_to_the_text(text: str, one: int, two: int) -> None:
    source = Source(text)
    assert source.place(one) == source.place(max(0, min(one, len(text))))
    assert 0 <= source.offset(max(one, 1), max(two, 1)) <= len(text)
    assert source.span(one, two) == Span(*source.place(one), *source.place(two))


@given(TEXTS)
def test_the_lines_are_the_text(text: str) -> None:
    source = Source(text)
    lines = [source.line(number) for number in range(1, source.line_count + 1)]
    *ended, last = text.split("\n")
    assert lines == [*(line.removesuffix("\r") for line in ended), last], "a return alone ends no line"


def test_the_start_of_a_span_is_empty() -> None:
    assert Span(2, 3, 4, 5).start == (2, 3, 2, 3)


def test_repr_is_short() -> None:
    assert repr(Source("abc", "w.yaml")) == "<Source 'w.yaml', 3 characters>"
    assert Source("").name == "<string>"
