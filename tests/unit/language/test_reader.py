"""Reading: values, places, bounds, and a typed problem for everything that is wrong in a text."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ael.diagnostics import Diagnostic
from ael.language.reader import Document, Loader, read_document, read_file
from ael.language.report import Report
from ael.source import Source
from ael.types import JsonValue


def read(text: str, loader: Loader = yaml.CSafeLoader) -> tuple[Document | None, list[Diagnostic]]:
    report = Report()
    return read_document(text, "f.yaml", report, loader=loader), report.diagnostics


def value_of(text: str, loader: Loader = yaml.CSafeLoader) -> JsonValue:
    document, problems = read(text, loader)
    assert problems == []
    assert document is not None
    return document.value


def codes(text: str, loader: Loader = yaml.CSafeLoader) -> list[str]:
    return [problem.code for problem in read(text, loader)[1]]


@pytest.fixture(params=[yaml.CSafeLoader, yaml.SafeLoader], ids=["C", "pure"])
def loader(request: pytest.FixtureRequest) -> Loader:
    """Both parsers; the pure one is what is left where PyYAML comes without its C part."""
    chosen: Loader = request.param
    return chosen


VALUES = {
    "keys are their text": ("1: a\ntrue: b\n~: d\n'x': e\n", {"1": "a", "true": "b", "~": "d", "x": "e"}),
    "an empty key": ("? \n: 1\n", {"": 1}),
    "words of YAML 1.1 are text": ("[on, yes, 12:30, 2020-01-01]", ["on", "yes", "12:30", "2020-01-01"]),
    "quotes make text": ("a: '1'\nb: \"true\"\n", {"a": "1", "b": "true"}),
    "a byte order mark": ("\ufeffa: 1\n", {"a": 1}),
    "Windows line ends": ("a: |\r\n  x\r\n  y\r\nb: 2\r\n", {"a": "x\ny\n", "b": 2}),
    "an alias": ("a: &x [1, {b: 2}]\nc: *x\n", {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}),
    "an alias of a scalar": ("a: &x 5\nc: *x\n", {"a": 5, "c": 5}),
    "an alias as key": ("a: &x k\n*x : 5\n", {"a": "k", "k": 5}),
    "the first of two anchors of a name": ("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", {"a": 1, "b": 1, "c": 2, "d": 2}),
    "quoted merge key is a key": ("'<<': 1\n", {"<<": 1}),
    "a document marker": ("---\na: 1\n...\n", {"a": 1}),
    "not a mapping": ("[1, 2]", [1, 2]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES)
def test_values(text: str, value: object, loader: Loader) -> None:
    assert value_of(text, loader) == value


PROBLEMS = {
    "nothing": ("", ["AEL018"]),
    "only a comment": ("# x\n", ["AEL018"]),
    "a quote that stays open": ("a: 'x", ["AEL005"]),
    "a tab": ("a:\n\t- b", ["AEL006"]),
    "a duplicate key": ("a: 1\nb: 2\na: 3", ["AEL007"]),
    "the same key as text and number": ("1: a\n'1': b", ["AEL007"]),
    "an unknown alias": ("a: *x", ["AEL009"]),
    "an alias of itself": ("a: &x [*x]", ["AEL009"]),
    "an alias of itself, once defined": ("a: &x 1\nb: &x [*x]", ["AEL009"]),
    "tags": ("a: !!str 1\nb: !x []\n!y c: {}", ["AEL010", "AEL010", "AEL010"]),
    "a merge key": ("a: &x {b: 1}\nc:\n  <<: *x", ["AEL011"]),
    "two documents": ("a: 1\n---\nb: 1", ["AEL012"]),
    "no numbers": ("a: .nan\nb: [-.inf, 1e999]", ["AEL013", "AEL013", "AEL013"]),
    "a list as key": ("? [a]\n: 1", ["AEL016"]),
    "a mapping as key": ("? {a: 1}\n: 1", ["AEL016"]),
    "an alias of a list as key": ("a: &x []\n*x : 1", ["AEL016"]),
    "a control character": ("a: \x07", ["AEL017"]),
    "a lone surrogate": ("a: \ud83d", ["AEL017"]),
    "several": ("a: .nan\na: !x 2\n<<: 3", ["AEL013", "AEL010", "AEL007", "AEL011"]),
}


@pytest.mark.parametrize(("text", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems(text: str, expected: list[str], loader: Loader) -> None:
    assert sorted(codes(text, loader)) == sorted(expected)


BRACES = {
    "a whole value": ("a: {{ x }}", "{{ x }}"),
    "without spaces": ("a: {{x}}", "{{x}}"),
    "with a comma": ("a: {{ x, y }}", "{{ x, y }}"),
    "followed by text": ("a: {{ x }}/b", "{{ x }}/b"),
    "two of them": ("a: {{ x }}/{{ y }}", "{{ x }}/{{ y }}"),
    "an index": ("a: {{ x['b'].c }}", "{{ x['b'].c }}"),
    "an index in double quotes": ('a: {{ x["b\'s"] }}', '{{ x["b\'s"] }}'),
    "a filter": ("a: {{ x | default('y') }}", "{{ x | default('y') }}"),
    "before a comment": ("a: {{ x.y[0] }}  # z", "{{ x.y[0] }}"),
}


@pytest.mark.parametrize(("text", "value"), BRACES.values(), ids=BRACES)
def test_unquoted_braces_are_read_as_meant(text: str, value: str, loader: Loader) -> None:
    document, problems = read(f"{text}\nb: .nan\n", loader)
    assert sorted(problem.code for problem in problems) == ["AEL013", "AEL014"]
    assert document is not None
    assert document.value["a"] == value


@pytest.mark.parametrize("text", [text for text, _ in BRACES.values()], ids=BRACES)
def test_the_fix_for_unquoted_braces_repairs(text: str) -> None:
    _, (problem,) = read(text)
    assert problem.fix is not None
    assert problem.fix.safe
    assert codes(apply(text, problem)) == []


def apply(text: str, problem: Diagnostic) -> str:
    """The text with the edits of a problem's fix."""
    assert problem.fix is not None
    source = Source(text)
    for edit in reversed(problem.fix.edits):
        start, end = source.offset(edit.line, edit.column), source.offset(edit.end_line, edit.end_column)
        text = text[:start] + edit.text + text[end:]
    return text


def test_the_fix_for_tabs_repairs() -> None:
    text = "a:\n\tb:\n\t\tc: 1\n"
    _, (problem,) = read(text)
    assert apply(text, problem) == "a:\n  b:\n    c: 1\n"


def test_many_unquoted_braces_are_found_together() -> None:
    text = "".join(f"k{i}: {{{{ a.b[{i}] }}}}\n" for i in range(10))
    assert codes(text) == ["AEL014"] * 10


HOSTILE = {
    "brackets": "[" * 100_000,
    "braces": "{a: " * 100_000,
    "sequences": "- " * 100_000,
    "complex keys": "? " * 100_000,
    "steps of indentation": "".join(" " * i + "a:\n" for i in range(2000)),
    "an alias bomb": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 10}]\n" for i in range(1, 12)),
    "an alias of much text": f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 100}]",
    "aliases that deepen": "a0: &a0 []\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 200)),
    "unquoted braces everywhere": "a: {{ x[0] }}\n" * 5_000,
    "quotes that never close": "a: '\n" * 5_001,
    "many anchors": "".join(f"- &a{i} x\n" for i in range(20_000)),
    "surrogate escapes": '"' + "\\ud83d\\ude00" * 20_000 + '"',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_neither_crash_nor_stall(text: str) -> None:
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 20  # a bound against quadratic time, not a measurement


def test_depth_is_bounded_exactly() -> None:
    assert codes("[" * 100 + "]" * 100) == []
    assert codes("[" * 101 + "]" * 101) == ["AEL015"]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=20), children, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_json_is_read_as_json(value: JsonValue) -> None:
    for text in (json.dumps(value), json.dumps(value, indent="\t")):
        assert value_of(text) == json.loads(text)


@given(JSON_VALUES)
def test_every_place_is_the_text_of_its_value(value: JsonValue) -> None:
    text = json.dumps(value, indent=1)
    document, _ = read(text)
    assert document is not None
    source = document.source
    for path, node in document.spans.items():
        start = source.offset(node.value.line, node.value.column)
        end = source.offset(node.value.end_line, node.value.end_column)
        expected = value
        for part in path:
            expected = expected[part]
        assert json.loads(text[start:end]) == expected
        if node.key is not None:
            start, end = (
                source.offset(node.key.line, node.key.column),
                source.offset(node.key.end_line, node.key.end_column),
            )
            assert json.loads(text[start:end]) == path[-1]


def test_places_of_aliases_are_where_they_stand() -> None:
    document, _ = read("a: &x {b: 1}\nc: *x\n")
    assert document is not None
    assert document.spans["c",].value[:2] == (2, 4)
    assert document.spans["c", "b"].value[:2] == (1, 11)
    assert len(document.spans) == 5


def test_a_missing_node_has_no_place() -> None:
    document, _ = read("a: [1]\n")
    assert document is not None
    for path in (("b",), ("a", 1), ("a", "x"), ("a", 0, "y"), ("a", -1)):
        assert path not in document.spans


def test_a_file_is_read_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("\ufeffname: é\n".encode())
    source = read_file(path)
    assert isinstance(source, Source)
    assert (source.text, source.name) == ("name: é\n", str(path))


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    found = read_file(path)
    assert isinstance(found, Diagnostic)
    assert found.code == "AEL003"
    assert "50000000 bytes" in found.message


def test_a_large_text_is_refused() -> None:
    assert codes("a: " + "x" * 5_000_001) == ["AEL003"]


@pytest.mark.parametrize(("content", "code"), [(b"a: \xff", "AEL004"), (None, "AEL001")], ids=["not UTF-8", "missing"])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    found = read_file(path)
    assert isinstance(found, Diagnostic)
    assert found.code == code
    assert found.file == str(path)


@pytest.mark.parametrize("path", [".", "a\0b"], ids=["a folder", "no path at all"])
def test_paths_that_are_no_files(path: str) -> None:
    found = read_file(path)
    assert isinstance(found, Diagnostic)
    assert found.code == "AEL002"
