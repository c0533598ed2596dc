"""From a place in a scalar's text to the place in the file: the scalar is read again, with offsets.

YAML takes quotes, escapes, indentation and line folding away. Each style has a small reader here that yields the
text's characters with the offset of each in the file. What it yields is compared with the text itself: if they
differ (a folded ``>`` block, a rare escape), no claim is made, and the whole scalar is the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from ael.definition import NodeSpan
from ael.source import Source, Span

__all__ = ["Placer", "text_places"]

Placer: TypeAlias = Callable[[int, int], Span]
"""(offset, length) in a scalar's text → where that is in the file."""

_Character: TypeAlias = tuple[str, int, int]
"""A character (or what a line break became), and where it is written: from, to."""

_Reading: TypeAlias = tuple[str, list[int], list[int]]


def text_places(source: Source | None, node: NodeSpan | None, text: str) -> Placer | None:
    """How to find places in a scalar's text; ``None`` where the scalar itself has no place."""
    if source is None or node is None or node.style is None:
        return None
    place, whole = source, node.value
    start, end = source.offset(whole.line, whole.column), source.offset(whole.end_line, whole.end_column)
    reading = _read(source.text, start, end, node.style, text)
    if reading is None:
        return lambda offset, length: whole
    _, starts, ends = reading

    def span(offset: int, length: int) -> Span:
        first = max(0, min(offset, len(starts) - 1))
        last = max(first, min(offset + max(length, 1), len(ends)) - 1)
        return place.span(starts[first], ends[last])

    return span


def _read(raw: str, start: int, end: int, style: str, text: str) -> _Reading | None:
    if not text:
        return None
    if style == "|":
        return _literal(raw, start, text)
    if style in _QUOTED:
        return _matching(_folded(raw, start + 1, end - 1, _QUOTED[style]), text)
    if style == "":
        return _matching(_folded(raw, start, end, _plain_character), text)
    return None


def _matching(characters: Iterator[_Character], text: str) -> _Reading | None:
    """The characters as parallel lists, if together they begin with the text."""
    starts: list[int] = []
    ends: list[int] = []
    read: list[str] = []
    for character, from_, to in characters:
        read.append(character)
        starts.extend([from_] * len(character))
        ends.extend([to] * len(character))
    joined = "".join(read)
    if not joined.startswith(text):
        return None
    return text, starts[: len(text)], ends[: len(text)]


_BREAK = re.compile(r"\r\n|\r|\n")
_FOLD = re.compile(r"[ \t]*(?:\r\n|\r|\n)(?:[ \t]*(?:\r\n|\r|\n))*[ \t]*")

_ReadCharacter: TypeAlias = Callable[[str, int], _Character]


def _folded(raw: str, at: int, end: int, read: _ReadCharacter) -> Iterator[_Character]:
    """A flow scalar: a line break becomes a space, each further one a line break; white space around them goes."""
    while at < end:
        fold = _FOLD.match(raw, at, end)
        if fold is not None:
            breaks = len(_BREAK.findall(fold[0]))
            yield " " if breaks == 1 else "\n" * (breaks - 1), at, fold.end()
            at = fold.end()
        else:
            character = read(raw, at)
            yield character
            at = character[2]


def _plain_character(raw: str, at: int) -> _Character:
    return raw[at], at, at + 1


def _single_character(raw: str, at: int) -> _Character:
    return raw[at], at, at + (2 if raw.startswith("''", at) else 1)


_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_HEX = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_CONTINUED = re.compile(r"\\(?:\r\n|\r|\n)[ \t]*")


def _double_character(raw: str, at: int) -> _Character:
    if raw[at] != "\\":
        return raw[at], at, at + 1
    pair = _PAIR.match(raw, at)
    if pair is not None:
        high, low = int(pair[1], 16), int(pair[2], 16)
        return chr(0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00), at, pair.end()
    code = _HEX.match(raw, at)
    if code is not None:
        number = int(code[1] or code[2] or code[3], 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd", at, code.end()
    continued = _CONTINUED.match(raw, at)
    if continued is not None:
        return "", at, continued.end()
    return _ESCAPES.get(raw[at + 1 : at + 2], "\ufffd"), at, at + 2


_QUOTED: dict[str, _ReadCharacter] = {"'": _single_character, '"': _double_character}


def _literal(raw: str, start: int, text: str) -> _Reading | None:
    """A ``|`` block: every line without the indentation of the first that is not blank.

    An indentation given in the header counts from the enclosing block, which is not known here: smaller ones
    are tried too, and the text decides.
    """
    header = raw.find("\n", start)
    if header < 0:
        return None
    body = header + 1
    indentation = re.compile(r"(?:[ \t]*\r?\n)*( *)").match(raw, body)
    deepest = len(indentation[1]) if indentation is not None else 0
    explicit = any(character.isdigit() for character in raw[start:header])
    for indent in range(deepest, 0, -1) if explicit else (deepest,):
        reading = _matching(_literal_characters(raw, body, indent, len(text)), text)
        if reading is not None:
            return reading
    return None


def _literal_characters(raw: str, at: int, indent: int, most: int) -> Iterator[_Character]:
    """At least ``most`` characters if there are so many: where the scalar ends is known from its text."""
    read = 0
    while at < len(raw) and read <= most:
        line_break = _BREAK.search(raw, at)
        line_end = len(raw) if line_break is None else line_break.start()
        text_from = min(at + indent, line_end)
        for offset in range(text_from, line_end):
            yield raw[offset], offset, offset + 1
        read += line_end - text_from + 1
        at = len(raw) if line_break is None else line_break.end()
        if line_break is not None:
            yield "\n", line_end, at
