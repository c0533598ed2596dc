"""Every character of a scalar's text is found where it stands in the file, however the scalar is written."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ael.language.places import text_places
from ael.language.reader import Document, read_document
from ael.language.report import Report


def document_of(text: str) -> Document:
    report = Report()
    document = read_document(text, "f", report)
    assert report.diagnostics == []
    assert document is not None
    return document


def written(document: Document, offset: int, length: int, *path: str | int) -> str:
    """What stands in the file where a part of a text is."""
    value = document.value
    for part in path:
        value = value[part]
    place = text_places(document.source, document.spans[path], value)
    assert place is not None
    span = place(offset, length)
    start = document.source.offset(span.line, span.column)
    return document.source.text[start : document.source.offset(span.end_line, span.end_column)]


FOUND = {
    "plain": "a: see {{ x }} there\n",
    "plain over lines": "a: see\n   {{ x }}\n   there\n",
    "single quotes": "a: 'it''s {{ x }}'\n",
    "single quotes over lines": "a: 'see\n\n  {{ x }} there'\n",
    "double quotes": 'a: "t\\tu\\u00e9\\x41 {{ x }}"\n',
    "double quotes, continued": 'a: "see \\\n   {{ x }} there"\n',
    "double quotes over lines": 'a: "see\n\n   {{ x }} there"\n',
    "a literal block": "a: |\n  first\n    {{ x }}\n",
    "a literal block, stripped": "a: |-\n  {{ x }}",
    "a literal block, kept": "a: |+\n  {{ x }}\n\n\n",
    "a literal block after blank lines": "a: |\n\n\n  {{ x }}\n",
    "a literal block with a header comment": "a: |  # c\n  {{ x }}\n",
    "a literal block with indentation given": "b:\n  a: |2\n      deep\n     {{ x }}\n",
    "Windows line ends": "a: |\r\n  one\r\n  {{ x }}\r\n",
    "flow": 'a: [{b: "{{ x }}"}]\n',
    "a surrogate pair": '{"a": "\\ud83d\\ude00 {{ x }}"}',
}


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_a_template_is_found(text: str) -> None:
    document = document_of(text)
    for path in document.spans:
        value = document.value
        for part in path:
            value = value[part]
        if isinstance(value, str):
            assert written(document, value.index("{{ x }}"), 7, *path) == "{{ x }}"


@pytest.mark.parametrize(
    "text", ["a: >\n  folded\n  {{ x }}\n", "a: >-\n  {{ x }}\n"], ids=["folded", "folded, stripped"]
)
def test_where_it_is_uncertain_the_whole_scalar_is_the_place(text: str) -> None:
    document = document_of(text)
    value = document.value["a"]
    assert written(document, value.index("{{"), 7, "a") == text[3:].rstrip()


@given(st.text(), st.data())
def test_every_character_of_a_json_string_is_found(text: str, data: st.DataObject) -> None:
    assume(text)
    document = document_of(json.dumps({"k": [text]}))
    offset = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(1, len(text) - offset))
    found = written(document, offset, length, "k", 0)
    assert json.loads(f'"{found}"') == text[offset : offset + length]


LINES = st.lists(st.text(st.characters(codec="ascii", exclude_categories=("C",)), max_size=12), min_size=1, max_size=6)


@given(LINES, st.integers(1, 6), st.sampled_from(["|", "|-", "|+"]), st.sampled_from(["\n", "\r\n"]), st.data())
def test_every_line_of_a_literal_block_is_found(
    lines: list[str], indent: int, header: str, line_break: str, data: st.DataObject
) -> None:
    lines = ["x", *lines, "y"]
    block = line_break.join(" " * indent + line for line in lines)
    document = document_of(f"k: {header}{line_break}{block}{line_break}")
    number = data.draw(st.integers(0, len(lines) - 1))
    assume(lines[number])
    offset = sum(len(line) + 1 for line in lines[:number])
    assert written(document, offset, len(lines[number]), "k") == lines[number]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1), st.data())
def test_every_character_in_single_quotes_is_found(text: str, data: st.DataObject) -> None:
    document = document_of("k: '" + text.replace("'", "''") + "'\n")
    offset = data.draw(st.integers(0, len(text) - 1))
    assert written(document, offset, 1, "k") == text[offset].replace("'", "''")


def test_places_beyond_the_text_stay_in_it() -> None:
    document = document_of("a: {b: xyz}\n")
    assert written(document, 2, 9, "a", "b") == "z"
    assert written(document, 99, 1, "a", "b") == "z"
    assert written(document, -5, 1, "a", "b") == "x"


def test_what_has_no_place_gives_none() -> None:
    document = document_of("a: [x]\n")
    assert text_places(None, document.spans["a", 0], "x") is None
    assert text_places(document.source, None, "x") is None
    assert text_places(document.source, document.spans["a",], "x") is None
