"""Whatever is done to a valid file, what comes back are diagnostics and never an exception."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ael.dataflow import analyse
from ael.diagnostics import Diagnostic
from ael.language import check_definition, parse, render_github, render_json, render_sarif, render_text
from ael.language.reader import read_document
from ael.language.report import Report
from ael.language.tables import TABLES
from ael.types import JsonValue

GOLDENS = Path(__file__).parents[2] / "diagnostics"
TEXTS = [
    path.read_text(encoding="utf-8", errors="replace")
    for path in sorted(GOLDENS.glob("*.yaml"))
    if path.is_file() and path.stat().st_size < 2000 and "bomb" not in path.name
]
_PUNCTUATION = [
    "{{",
    "}}",
    "{% if %}",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "'",
    '"',
    "|\n",
    ">",
    "#",
    "%",
]
_WORDS = ["&a ", "*a", "!!x ", "<<: ", "---\n", "\\u", "\\ud83d\\ude00", "null", ".nan", "9" * 30, "steps."]
_CHARACTERS = ["\ufeff", "\r\n", "é", "\U0001f600", "\x85", "\u2028", "\0"]
PIECES = st.sampled_from([*_PUNCTUATION, *_WORDS, *_CHARACTERS])
KEYS = st.sampled_from(sorted({key.name for table in TABLES for key in table.keys} | {"default", "type"}))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from(
        ["a", "{{ steps.a.output }}", "{{ inputs. }}", "skip", "retry", "none", "1m", "string", "steps.a.b"]
    )
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def everything(text: str) -> list[Diagnostic]:
    """Read, check and draw: the way of any file."""
    definition, found = parse(text, filename="f.yaml")
    if definition is not None:
        found = [*found, *check_definition(definition, analyse(definition))]
    for problem in found:
        assert problem.file == "f.yaml"
        assert problem.line is None or 1 <= problem.line <= text.count("\n") + 1
    for draw in (render_text, render_json, render_github, render_sarif):
        draw(found)
    return found


@given(st.sampled_from(TEXTS), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 5), PIECES), max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_edited_text(text: str, edits: list[tuple[int, int, str]]) -> None:
    for at, removed, piece in edits:
        start = at % (len(text) + 1)
        text = text[:start] + piece + text[start + removed :]
    everything(text)


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    everything(text)


def node_paths(value: JsonValue, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in children for found in node_paths(item, (*path, key)))]


def readable() -> list[JsonValue]:
    documents = [read_document(text, "f", Report()) for text in TEXTS]
    values = [copy.deepcopy(document.value) for document in documents if document is not None]
    return [value for value in values if isinstance(value, dict) and "MISSING" not in repr(value)]


DOCUMENTS = readable()


@given(st.sampled_from(DOCUMENTS), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_edited_nodes(document: JsonValue, data: st.DataObject) -> None:
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(node_paths(document)))
        parent = document
        for part in path[:-1]:
            parent = parent[part]
        if not path:
            document = data.draw(VALUES)
        elif data.draw(st.booleans()):
            parent[path[-1]] = data.draw(VALUES)
        elif isinstance(parent, dict):
            parent[data.draw(KEYS)] = parent.pop(path[-1])
        else:
            parent.append(copy.deepcopy(parent[path[-1]]))
    everything(json.dumps(document))


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=3))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_document_of_known_keys(document: dict[str, JsonValue], steps: list[dict[str, JsonValue]]) -> None:
    everything(json.dumps({"name": "w", **document, "steps": steps}, ensure_ascii=False))
