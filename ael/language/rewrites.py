"""Edits that write a part of a file in another form, and leave the rest of it as it stands.

Each function gives edits that a reader would make by hand: comments stay where they can, and nothing is written
anew that only moves. What cannot be moved (items on one line, in JSON) is written anew, in one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence

from ael.definition import MISSING, Path
from ael.diagnostics import Edit, Fix
from ael.language.report import Report
from ael.language.scalars import plain_value
from ael.source import Source
from ael.types import JsonValue

__all__ = ["list_as_mapping", "unwrapped", "without_entries"]

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_DASH = re.compile(r"[ \t]*- \Z")


def without_entries(report: Report, at: Path, names: Collection[str]) -> list[Edit]:
    """Edits that take keys out of a mapping, with their values. Empty where that is not possible: no key is left."""
    source = report.source
    mapping = report.value(at)
    entries = [_Entry(report, (*at, name)) for name in mapping if (*at, name) in report.spans]
    kept = [number for number, entry in enumerate(entries) if entry.name not in names]
    if source is None or not kept or len(entries) != len(mapping):
        return []
    return _taken_out(source, entries, kept)


def _taken_out(source: Source, entries: Sequence[_Entry], kept: Sequence[int]) -> list[Edit]:
    """Whole lines where an entry has them; else up to the next entry, or, at the end, from the last one kept."""
    lines = [None if number in kept else _whole_lines(source, entry) for number, entry in enumerate(entries)]
    edits = [_edit(source, *whole, "") for whole in lines if whole is not None]
    among = [number for number, whole in enumerate(lines) if whole is None and number not in kept]
    between = [number for number in among if number < kept[-1]]
    edits += [_edit(source, entries[number].start, entries[number + 1].start, "") for number in between]
    if len(between) < len(among):
        edits.append(_edit(source, entries[kept[-1]].end, entries[among[-1]].end, ""))
    return edits


def unwrapped(report: Report, at: Path, key: str) -> list[Edit]:
    """Edits that put one key of the mapping at ``at`` in the place of that mapping and its own key."""
    source = report.source
    if source is None or (*at, key) not in report.spans:
        return []
    around, entry = _Entry(report, at), _Entry(report, (*at, key))
    header = source.text[entry.value_start : entry.end].partition("\n")[0]
    if header[:1] in {"|", ">"} and any(character.isdigit() for character in header):
        return []  # its indentation is counted from the mapping that goes
    return [_edit(source, around.start, entry.start, ""), _edit(source, entry.end, around.end, "")]


def list_as_mapping(report: Report, at: Path, items: Sequence[JsonValue]) -> Fix | None:
    """The fix that writes a list of declarations as a mapping by their names.

    ``- n`` becomes ``n: string``, ``- n: default`` becomes ``n: {default: …}``, ``- n: {…}`` and ``- {name: n, …}``
    become ``n: {…}``. The items must be those without problems.
    """
    source = report.source
    if source is None or at not in report.spans or any(map(_has_gaps, items)):
        return None
    list_start, list_end = _extent(report, at)
    edits: list[Edit] = []
    columns: set[int] = set()
    for index, item in enumerate(items):
        start, end = _extent(report, (*at, index))
        line_start = source.offset(source.place(start)[0], 1)
        if not list_start <= start <= end <= list_end or source.text[start] in "&*":
            return None
        if not _DASH.match(source.text[line_start:start]):
            columns.add(-1)
            break
        columns.add(start - line_start)
        edits += _Item(report, (*at, index), start, end).edits(item)
    message = "write a mapping"
    if len(columns) == 1 and -1 not in columns:
        return Fix(message, tuple(edits), safe=True)
    text = _flow(dict(_pair(item) for item in items), as_json=_is_json(source))
    return Fix(message, (_edit(source, list_start, list_end, text),), safe=True)


def _has_gaps(value: JsonValue) -> bool:
    """Whether something below it could not be read."""
    if isinstance(value, dict):
        return any(map(_has_gaps, value.values()))
    return any(map(_has_gaps, value)) if isinstance(value, list) else value is MISSING


class _Entry:
    """A key and its value, by offsets."""

    def __init__(self, report: Report, at: Path) -> None:
        assert report.source is not None
        self.name = at[-1]
        self.value_start, self.end = _extent(report, at)
        key = report.spans[at].key or report.spans[at].value
        self.start = report.source.offset(key.line, key.column)
        self.key_end = report.source.offset(key.end_line, key.end_column)


class _Item:
    """One item of a block list, which stands behind ``- ``."""

    def __init__(self, report: Report, at: Path, start: int, end: int) -> None:
        assert report.source is not None
        self._report = report
        self._source = report.source
        self._at = at
        self._start = start
        self._end = end

    def edits(self, item: JsonValue) -> Iterator[Edit]:
        """What makes of it an entry of a mapping, in the same column."""
        keys = list(item) if isinstance(item, dict) else []
        if isinstance(item, str) and "\n" not in self._source.text[self._start : self._end]:
            yield self._without_dash()
            yield _edit(self._source, self._end, self._end, ": string")
        elif "name" not in keys and len(keys) == 1 and self._source.text[self._start] != "{":
            yield self._without_dash()
            yield from self._pair(keys[0], item[keys[0]])
        elif keys[:1] == ["name"] and len(keys) > 1 and self._source.text[self._start] != "{":
            yield self._without_dash()
            yield from self._record()
        else:
            name, value = _pair(item)
            text = f"  {_flow(name)}: {_flow(value)}"
            yield _edit(self._source, self._start - 2, self._end, text)

    def _without_dash(self) -> Edit:
        return _edit(self._source, self._start - 2, self._start - 1, " ")

    def _pair(self, key: str, value: JsonValue) -> Iterator[Edit]:
        """A mapping declares the input; anything else is its default."""
        if not isinstance(value, dict):
            entry = _Entry(self._report, (*self._at, key))
            yield _edit(self._source, entry.key_end, max(entry.key_end, entry.end), f": {_flow({'default': value})}")

    def _record(self) -> Iterator[Edit]:
        """The name becomes the key; what stands below it moves in."""
        entry = _Entry(self._report, (*self._at, "name"))
        yield _edit(self._source, entry.start, entry.value_start, "")
        yield _edit(self._source, entry.end, entry.end, ":")
        first, _ = self._source.place(entry.end)
        last, _ = self._source.place(self._end)
        for number in range(first + 1, last + 1):
            if self._source.line(number).strip():
                yield Edit(number, 1, number, 1, "  ")


def _pair(item: JsonValue) -> tuple[str, JsonValue]:
    """An item's name and its declaration."""
    if isinstance(item, str):
        return item, "string"
    if isinstance(item.get("name"), str):
        return item["name"], {key: value for key, value in item.items() if key != "name"}
    ((name, value),) = item.items()
    return name, value if isinstance(value, dict) else {"default": value}


def _whole_lines(source: Source, entry: _Entry) -> tuple[int, int] | None:
    """From the start of the entry's first line to that of the line after it, if nothing else stands there."""
    first, column = source.place(entry.start)
    last, end_column = source.place(entry.end)
    after = source.line(last)[end_column - 1 :].strip()
    if source.line(first)[: column - 1].strip() or (after and not after.startswith("#")):
        return None
    return source.offset(first, 1), source.offset(last + 1, 1)


def _extent(report: Report, at: Path) -> tuple[int, int]:
    """From the first character of a node to behind its last: YAML counts comments behind a block to the block."""
    assert report.source is not None
    source, span = report.source, report.spans[at].value
    start, end = source.offset(span.line, span.column), source.offset(span.end_line, span.end_column)
    value = report.value(at)
    if value and isinstance(value, dict | list) and source.text[start] not in "{[&*":
        end = _extent(report, (*at, list(value)[-1] if isinstance(value, dict) else len(value) - 1))[1]
    return start, end


def _edit(source: Source, start: int, end: int, text: str) -> Edit:
    return Edit(*source.span(start, end), text)


def _is_json(source: Source) -> bool:
    return source.text.lstrip()[:1] == "{"


def _flow(value: JsonValue, *, as_json: bool = False) -> str:
    """A value in one line, with quotes where they are needed; everywhere in a JSON file."""
    match value:
        case dict():
            pairs = (": ".join(_flow(part, as_json=as_json) for part in pair) for pair in value.items())
            return f"{{{', '.join(pairs)}}}"
        case list():
            return f"[{', '.join(_flow(item, as_json=as_json) for item in value)}]"
        case str() if not as_json and _PLAIN.fullmatch(value) and isinstance(plain_value(value), str):
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
