"""Ways to break a workflow file, at the level of its text and of its nodes; and what must hold whatever was done.

Every way is a function of a text (or a document) and of something that chooses as :class:`random.Random` does, so that
hypothesis can drive them, and shrink, and a script can run a hundred thousand of them from one seed.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from random import Random

import yaml

from ael import assembly
from ael.code import SafeExecutor
from ael.diagnostics import Diagnostic, Edit
from ael.language import render_github, render_json, render_sarif, render_text
from ael.language.reader import read_document
from ael.language.report import Report
from ael.language.tables import TABLES, WORKFLOW
from ael.loading import Loaded, load_path, load_source
from ael.ports import ToolCatalog, ToolSpec
from ael.settings import Settings
from ael.source import Source
from ael.tools.lock import LockedServer, ToolLock
from ael.types import JsonValue

__all__ = [
    "EXECUTORS",
    "NODE_MUTATIONS",
    "PIECES",
    "TEXT_MUTATIONS",
    "NodeMutation",
    "TextMutation",
    "alias_bomb",
    "catalog",
    "check_bytes",
    "check_text",
    "mutated",
    "node_paths",
    "originals",
]

ROOT = Path(__file__).resolve().parents[1]
_FOLDERS = ("examples", "tests/diagnostics", "tests/conformance", "tests/fixtures/old")
EXECUTORS = {"safe": SafeExecutor(Settings())}


def originals() -> list[str]:
    """The files that are broken here: all examples, goldens, conformance and old files."""
    paths = (path for folder in _FOLDERS for path in sorted((ROOT / folder).rglob("*")))
    files = [path for path in paths if path.suffix in (".yaml", ".json") and path.is_file()]
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in files if path.stat().st_size < 20_000)
    return [text for text in texts if "steps" in text]


@cache
def catalog() -> ToolCatalog:
    """Tools of two servers and some functions, with schemas of every sort."""
    text, number = {"type": "string"}, {"type": "integer", "minimum": 0}
    log = ToolSpec(
        "git_log",
        input_schema={
            "type": "object",
            "properties": {"repo_path": text, "max_count": number, "order": {"enum": ["up", "down"]}},
            "required": ["repo_path"],
            "additionalProperties": False,
        },
        output_schema={"type": "object", "properties": {"result": {"type": "array", "items": text}}},
        read_only=True,
        server="git",
    )
    status = ToolSpec("git_status", input_schema={"type": "object"}, server="git", destructive=True)
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}, "size": number}}
    echo = ToolSpec("echo", input_schema={"type": "object"}, output_schema=tree)
    others = [ToolSpec(name, input_schema={"type": "object"}) for name in ("fail", "flaky", "sleep", "record", "count")]
    git = LockedServer({spec.name: spec for spec in (log, status)})
    return assembly.create_catalog(ToolLock({"git": git}, {spec.name: spec for spec in (echo, *others)}))


# What must hold


def check_text(text: str) -> Sequence[Diagnostic]:
    """Read, check and compile a text, and draw what was found; assert that all of it has a valid place."""
    source = Source(text.removeprefix("\ufeff"), "f.yaml")
    return _judge(load_source(Source(text, "f.yaml"), catalog=catalog(), executors=EXECUTORS), source)


def check_bytes(data: bytes, path: Path) -> Sequence[Diagnostic]:
    """The same for a file, whatever bytes it has."""
    path.write_bytes(data)
    source = Source(data.decode("utf-8-sig", "replace"), str(path))
    return _judge(load_path(path, catalog=catalog(), executors=EXECUTORS), source)


def _judge(loaded: Loaded, source: Source) -> Sequence[Diagnostic]:
    found = loaded.diagnostics
    assert (loaded.plan is None) == any(problem.is_error for problem in found)
    for problem in found:
        assert problem.file == source.name, problem
        assert problem.message, problem
        _assert_place(problem, source)
    for draw in (render_text, render_github):
        draw(found)
    for draw in (render_json, render_sarif):
        json.dumps(draw(found))
    return found


def _assert_place(problem: Diagnostic, source: Source) -> None:
    places: list[Diagnostic | Edit] = [problem, *(problem.fix.edits if problem.fix else ())]
    for place in places:
        start, end = (place.line, place.column), (place.end_line, place.end_column)
        if isinstance(place, Diagnostic) and start == (None, None):
            assert end == (None, None), problem
            continue
        for line, column in (start, end):
            assert line is not None, problem
            assert column is not None, problem
            assert 1 <= line <= source.line_count, problem
            assert 1 <= column <= len(source.line(line)) + 2, problem
        assert start <= end, problem
    if problem.line is not None:
        assert problem.source_line == source.line(problem.line), problem


# The text

_STRUCTURE = ("[", "]", "{", "}", ": ", "- ", "\n", "\n  ", "\n    - ", "\t", "'", '"', "|\n", ">-\n", "#", ",", "? ")
_BRACES = ("{{", "}}", "{{ ", " }}", "{%", "%}", "{#", "{{ steps. }}", "{{ inputs.x | }}", "{{ 10 ** 9 ** 9 }}")
_BRACES_OF_LENGTH = ("{{ 'a' * 10**9 }}", "{{ range(10**12) | list }}", "{{ [[[[1]]]] * 99999999 }}", "{{ (" * 30)
_WORDS = ("&a ", "*a", "<<: ", "!!python/object:x ", "---\n", "...\n", "%YAML 1.2\n", "null", ".nan", "0x", "9" * 400)
_MEANINGS = ("true", "-1", "1e999", "self", "skip", "retry", "steps.", "item", "last", "  # ael: ignore[AEL102]\n", "!")
_CHARACTERS = (
    "\ufeff",
    "\r\n",
    "\r",
    "é",
    "\U0001f600",
    "\x85",
    "\u2028",
    "\0",
    "\x1b[31m",
    "\ud800",
    "\u202e",
    "\x7f",
)
_CODE = (
    "\n      ",
    "return ",
    "yield",
    "lambda: ",
    "import os",
    "(" * 100,
    "if x:\n",
    "f'{",
    "\\",
    "async ",
    "class A:",
)
PIECES = (*_STRUCTURE, *_BRACES, *_BRACES_OF_LENGTH, *_WORDS, *_MEANINGS, *_CHARACTERS, *_CODE)
_LONG = ("x" * 100_000, "[" * 3000, "- " * 3000, "{{" * 3000, "a.b" * 3000, "(" * 3000, "\n" * 3000, "'" * 999)

TextMutation = Callable[[str, Random], str]


def _span(text: str, random: Random, most: int = 200) -> tuple[int, int]:
    start = random.randint(0, len(text))
    return start, min(len(text), start + random.randint(0, most))


def _delete(text: str, random: Random) -> str:
    start, end = _span(text, random)
    return text[:start] + text[end:]


def _duplicate(text: str, random: Random) -> str:
    start, end = _span(text, random)
    return text[:end] + text[start:end] * random.randint(1, 3) + text[end:]


def _insert(text: str, random: Random) -> str:
    at, _ = _span(text, random)
    return text[:at] + random.choice(PIECES) + text[at:]


def _insert_long(text: str, random: Random) -> str:
    at, _ = _span(text, random)
    return text[:at] + random.choice(_LONG) + text[at:]


def _replace(text: str, random: Random) -> str:
    start, end = _span(text, random, 5)
    return text[:start] + random.choice(PIECES) + text[end:]


def _swap(text: str, random: Random) -> str:
    one, other = sorted((_span(text, random, 60), _span(text, random, 60)))
    if one[1] > other[0]:
        return text
    return text[: one[0]] + text[slice(*other)] + text[one[1] : other[0]] + text[slice(*one)] + text[other[1] :]


def _truncate(text: str, random: Random) -> str:
    return text[: random.randint(0, len(text))]


def _any_character(text: str, random: Random) -> str:
    at, end = _span(text, random, 1)
    return text[:at] + chr(random.choice((random.randint(0, 255), random.randint(0, 0x10FFFF)))) + text[end:]


def _indentation(text: str, random: Random) -> str:
    lines = text.split("\n")
    first = random.randint(0, len(lines) - 1)
    shift = random.choice((-4, -2, -1, 1, 2, 4, 9))
    for number in range(first, min(len(lines), first + random.randint(1, 5))):
        line = lines[number]
        lines[number] = " " * shift + line if shift > 0 else line[min(-shift, len(line) - len(line.lstrip())) :]
    return "\n".join(lines)


def _lines(text: str, random: Random) -> str:
    lines = text.split("\n")
    one, other = random.randint(0, len(lines) - 1), random.randint(0, len(lines) - 1)
    match random.randint(0, 2):
        case 0:
            lines[one], lines[other] = lines[other], lines[one]
        case 1:
            lines.insert(one, lines[other])
        case _:
            del lines[one]
    return "\n".join(lines)


def _of_a_kind(pattern: str, others: Sequence[str]) -> TextMutation:
    """Replaces one of what the pattern finds by something like it."""
    finds = re.compile(pattern)

    def mutate(text: str, random: Random) -> str:
        found = list(finds.finditer(text))
        if not found:
            return text
        chosen = random.choice(found)
        return text[: chosen.start()] + random.choice(others) + text[chosen.end() :]

    return mutate


def _words(text: str, random: Random) -> str:
    """One word in another's place."""
    found = list(re.finditer(r"\w+", text))
    if not found:
        return text
    one, other = random.choice(found), random.choice(found)
    return text[: one.start()] + other[0] + text[one.end() :]


TEXT_MUTATIONS: tuple[TextMutation, ...] = (
    _delete,
    _duplicate,
    _insert,
    _insert_long,
    _replace,
    _swap,
    _truncate,
    _any_character,
    _indentation,
    _lines,
    _words,
    _of_a_kind(r"['\"]", ("'", '"', "", "''", '\\"')),
    _of_a_kind(r"\{\{|\}\}|\{|\}|\[|\]", _BRACES),
    _of_a_kind(r"\d+", ("-1", "0", "1.5", "9" * 30, "1e400", "0x1F", "true", "null", "9" * 5000)),
    _of_a_kind(r"\b(steps|inputs|item|last|output)\b", ("steps", "inputs", "item", "last", "output", "workflow", "")),
    _of_a_kind(r": ", (":", " ", ":: ", ": - ", ": {", ": &x ", ": *x", ": |\n      ", ": !!str ")),
)

# The nodes

KEYS = sorted({key.name for table in (WORKFLOW, *TABLES) for key in table.keys} | {"type", "default", "match", "do"})
_TEMPLATES = (
    *("{{ steps.a.output }}", "{{ inputs. }}", "{{ item }}", "{{ last.output }}", "{{ 1 / 0 }}", "{{ 'x' * 10**8 }}"),
    *("{{ 9 ** 9 ** 9 }}", "{{ range(10 ** 9) | join }}", "{{ '%0999999999d' % 1 }}", "{{ [1] * 10**8 }}", "{{ {} }}"),
    *("{{ a" + ".b" * 500 + " }}", "{{ " + "(" * 400 + "1" + ")" * 400 + " }}", "{{ " + "not " * 2000 + "x }}"),
    *("{{ x" + " | first" * 300 + " }}", "{{ " + "1 + " * 400 + "1 }}", "{{ " + "[" * 300 + "]" * 300 + " }}"),
)
_MEANT = (
    *("self", "skip", "retry", "all", "any", "settled", "completed", "none", "1m30s", "3%", "6/m", "12:30"),
    *("99999999999999999999d", "9" * 400 + "/m", "9" * 400 + "%", "0x" + "F" * 400),
)
_ODD_VALUES: tuple[JsonValue, ...] = (
    *(None, True, False, 0, -1, 3, 1.5, 10**400, -(10**30), 1e308, "", " ", "a", "x" * 10_000, [], {}, [[]], [None]),
    *({"at_least": 10**30}, {"max": 10**30}, {"in": "{{ inputs.x }}"}, {"attempt": "1s", "total": 0}),
    *([{"do": "retry"}], {"type": "integer", "minimum": "x"}, {"$ref": "#"}, {"$ref": "https://example.org/"}),
    *({"pattern": "(" * 50}, {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}}, {"": ""}),
    {"enum": [10**40, None, {"a": []}]},
    *_TEMPLATES,
    *_MEANT,
)

Path_ = tuple[str | int, ...]
NodeMutation = Callable[[JsonValue, Path_, Random], None]


def node_paths(value: JsonValue, path: Path_ = ()) -> Iterable[Path_]:
    yield path
    children: Iterable[tuple[str | int, JsonValue]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, item in children:
        yield from node_paths(item, (*path, key))


def _at(document: JsonValue, path: Path_) -> JsonValue:
    for part in path:
        document = document[part]
    return document


def _odd_value(document: JsonValue, path: Path_, random: Random) -> None:
    _at(document, path[:-1])[path[-1]] = copy.deepcopy(random.choice(_ODD_VALUES))


def _other_node(document: JsonValue, path: Path_, random: Random) -> None:
    other = random.choice(list(node_paths(document)))
    _at(document, path[:-1])[path[-1]] = copy.deepcopy(_at(document, other))


def _remove(document: JsonValue, path: Path_, random: Random) -> None:
    del _at(document, path[:-1])[path[-1]]


def _rename(document: JsonValue, path: Path_, random: Random) -> None:
    parent = _at(document, path[:-1])
    if isinstance(parent, dict):
        parent[random.choice(KEYS)] = parent.pop(path[-1])


def _add_key(document: JsonValue, path: Path_, random: Random) -> None:
    node = _at(document, path)
    if isinstance(node, dict):
        node[random.choice(KEYS)] = copy.deepcopy(random.choice(_ODD_VALUES))


def _repeat(document: JsonValue, path: Path_, random: Random) -> None:
    parent = _at(document, path[:-1])
    if isinstance(parent, list):
        times = random.choice((1, 2, 40))
        parent.extend(copy.deepcopy(parent[path[-1]]) for _ in range(times))


def _exchange(document: JsonValue, path: Path_, random: Random) -> None:
    parent = _at(document, path[:-1])
    keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
    one, other = path[-1], random.choice(keys)
    parent[one], parent[other] = parent[other], parent[one]


def _deepen(document: JsonValue, path: Path_, random: Random) -> None:
    """The node inside lists, mappings, or blocks of steps, some or too many levels deep."""
    parent = _at(document, path[:-1])
    node = parent[path[-1]]
    wrap = random.choice(_WRAPPERS)
    for level in range(random.choice((1, 2, 10, 45, 120))):
        node = wrap(node, level)
    parent[path[-1]] = node


_WRAPPERS: tuple[Callable[[JsonValue, int], JsonValue], ...] = (
    lambda node, level: [node],
    lambda node, level: {"a": node},
    lambda node, level: {"id": f"b{level}", "steps": [node]},
    lambda node, level: {"id": f"c{level}", "choose": [{"when": "inputs.x", "steps": [node]}]},
    lambda node, level: {"id": f"d{level}", "for_each": {"in": [1], "as": f"i{level}"}, "steps": [node]},
    lambda node, level: {"id": f"e{level}", "repeat": {"max": 2}, "steps": [node]},
)

_MOST_NODES = 1500

NODE_MUTATIONS: tuple[NodeMutation, ...] = (
    _odd_value,
    _other_node,
    _remove,
    _rename,
    _add_key,
    _repeat,
    _exchange,
    _deepen,
)


def _mutated_nodes(text: str, random: Random) -> str:
    document = read_document(text, "f", Report())
    if document is None or not isinstance(document.value, dict) or "MISSING" in repr(document.value):
        return _insert(text, random)
    try:
        return _written(_broken(document.value, random), random)
    except RecursionError:  # deeper than Python walks; files that deep are made as text
        return _insert(text, random)


def _broken(document: JsonValue, random: Random) -> JsonValue:
    value = copy.deepcopy(document)
    for _ in range(random.randint(1, 4)):
        paths = [path for path in node_paths(value) if path]
        if not paths or len(paths) > _MOST_NODES:
            break
        random.choice(NODE_MUTATIONS)(value, random.choice(paths), random)
    return value


def _written(value: JsonValue, random: Random) -> str:
    if random.random() < 0.5:
        return json.dumps(value, ensure_ascii=False, indent=random.choice((None, 1)))
    try:
        return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=10_000))
    except (yaml.YAMLError, RecursionError, ValueError):
        return json.dumps(value)


def alias_bomb(text: str, random: Random) -> str:
    """Aliases of aliases, somewhere in the file."""
    levels, width = random.choice(((3, 3), (9, 9), (30, 2), (2, 500)))
    lines = ["x0: &x0 [a, {b: c}]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * width)}]" for n in range(1, levels)]
    used = _of_a_kind(r": [^\n]+", (f": *x{levels - 1}", ": *x0"))(text, random)
    return "\n".join([*lines, used]) if random.random() < 0.7 else f"{text}\n{used}"


def _spliced(text: str, random: Random, texts: Sequence[str]) -> str:
    """The beginning of one file and the end of another."""
    other = random.choice(texts)
    return text[: random.randint(0, len(text))] + other[random.randint(0, len(other)) :]


def mutated(texts: Sequence[str], random: Random) -> bytes:
    """One of the texts, broken in one to five ways."""
    text = random.choice(texts)
    way = random.random()
    if way < 0.45:
        text = _mutated_nodes(text, random)
    elif way < 0.5:
        text = alias_bomb(text, random)
    elif way < 0.55:
        text = _spliced(text, random, texts)
    if way >= 0.4:
        for _ in range(random.randint(1, 4)):
            text = random.choice(TEXT_MUTATIONS)(text, random)
    data = text.encode("utf-8", "surrogatepass")
    return _broken_bytes(data, random) if way > 0.95 else data


def _broken_bytes(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    match random.randint(0, 3):
        case 0:
            return data[:at] + bytes(random.randint(0, 255) for _ in range(3)) + data[at:]
        case 1:
            return data.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-8-sig", "utf-32")))
        case 2:
            return data[:at] + b"\xc3" + data[at + 1 :]
        case _:
            return b"\xef\xbb\xbf" + data.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\r")))
