"""What parsing finds: references with exact places, problems with suggestions, conditions."""

from __future__ import annotations

import subprocess
import sys

import attrs
import pytest

from ael.errors import TemplateError
from ael.templates import Names, TemplateKind, is_true, parse, parse_condition
from ael.templates.parsing import MAX_TEMPLATE
from ael.types import JsonValue
from tests.unit.templates.support import NAMES, SCOPE, STEP, render

REFERENCES = {
    "x": [],
    "{{ steps.a.output.rows[0].id }}": [("steps", "a", ("output", "rows", 0, "id"), "steps.a.output.rows[0].id")],
    "é {{ steps.get-user.output }}!": [("steps", "get-user", ("output",), "steps.get-user.output")],
    "{{ steps['get-user']['output'] }}": [("steps", "get-user", ("output",), "steps['get-user']['output']")],
    "{{ 1 + steps [ 'a' ] . output [ -1 ] }}": [
        ("steps", "a", ("output", -1), "steps [ 'a' ] . output [ -1 ]"),
    ],
    "{{ steps.a.output.rows[inputs.n].id ~ 1 }}": [
        ("steps", "a", ("output", "rows"), "steps.a.output.rows"),
        ("inputs", "n", (), "inputs.n"),
    ],
    "{{ steps.get-user.output - inputs.a-b }}": [
        ("steps", "get-user", ("output",), "steps.get-user.output"),
        ("inputs", "a-b", (), "inputs.a-b"),
    ],
    "{{ steps.a.output.items() }}": [("steps", "a", ("output",), "steps.a.output")],
    "{{ steps.a.output.name.upper().x }}": [("steps", "a", ("output", "name"), "steps.a.output.name")],
    "{{ steps.get('a').output }}": [("steps", "a", ("output",), "steps.get('a').output")],
    "{{ steps.get('a') }}": [("steps", "a", (), "steps.get('a')")],
    "{{ (steps.a.output | default(inputs.n)).x }}": [
        ("steps", "a", ("output",), "steps.a.output"),
        ("inputs", "n", (), "inputs.n"),
    ],
    "{{ steps[inputs.n].output }}": [("steps", None, (), "steps"), ("inputs", "n", (), "inputs.n")],
    "{{ steps.get(inputs.n) }}": [("steps", None, (), "steps"), ("inputs", "n", (), "inputs.n")],
    "{{ steps | length }}": [("steps", None, (), "steps")],
    "{{ workflow.name ~ step.id }}": [("workflow", "name", (), "workflow.name"), ("step", "id", (), "step.id")],
    "{{ execution_id }}": [("execution_id", None, (), "execution_id")],
    "{{ secrets.TOKEN }}": [("secrets", "TOKEN", (), "secrets.TOKEN")],
    "{{ steps.a.output[1:2] }}": [("steps", "a", ("output",), "steps.a.output")],
    "{{ steps.a.output[true] }}": [("steps", "a", ("output",), "steps.a.output")],
    "{{ 'steps.a' ~ 1 }}{# steps.a #}{% raw %}{{ steps.a }}{% endraw %}": [],
    "{% for i in steps.a.output %}{{ i.x ~ inputs.n }}{% endfor %}": [
        ("steps", "a", ("output",), "steps.a.output"),
        ("inputs", "n", (), "inputs.n"),
    ],
    "{% if steps.a.success -%}\r\n  {{- inputs.n }}{% endif %}": [
        ("steps", "a", ("success",), "steps.a.success"),
        ("inputs", "n", (), "inputs.n"),
    ],
    "{{ steps.a.output == steps.a-1.output }}": [
        ("steps", "a", ("output",), "steps.a.output"),
        ("steps", "a-1", ("output",), "steps.a-1.output"),
    ],
}
WITH_NUMBER = attrs.evolve(NAMES, steps={**NAMES.steps, "a-1": (0, 0)})


@pytest.mark.parametrize(("text", "expected"), REFERENCES.items(), ids=REFERENCES)
def test_references(text: str, expected: list[tuple[str, str | None, tuple[str | int, ...], str]]) -> None:
    parsed = parse(text, WITH_NUMBER)
    found = [(r.root, r.name, r.path, text[r.offset : r.offset + r.length]) for r in parsed.references]
    assert found == expected
    assert parsed.problems == ()
    assert parsed.reads_any_step == any(root == "steps" and name is None for root, name, *_ in expected)


PROBLEMS = {
    "{{ steps.nope.output }}": ("unknown_step", "nope", None),
    "{{ steps.get-usr.output }}": ("unknown_root", "usr", None),
    "{{ steps.fel.output }}": ("unknown_step", "fel", "fell"),
    "{{ steps.fel.output ~ 1 }}": ("unknown_step", "fel", "fell"),
    "{{ steps['fel'].output }}": ("unknown_step", "fel", "fell"),
    "{{ 1 + steps['fel'].output }}": ("unknown_step", "fel", "fell"),
    "{{ steps.get('fel').output }}": ("unknown_step", "fel", "fell"),
    "{{ steps.a.outptu }}": ("unknown_field", "outptu", "output"),
    "{{ steps.a.outptu ~ 1 }}": ("unknown_field", "outptu", "output"),
    "{{ steps.a.items }}": ("unknown_field", "items", None),
    "{{ steps.a.items | length }}": ("unknown_field", "items", None),
    "{{ workflow.status }}": ("unknown_field", "status", None),
    "{{ workflow.nam }}": ("unknown_field", "nam", "name"),
    "{{ step.atempt }}": ("unknown_field", "atempt", "attempt"),
    "{{ inputs.whoo }}": ("unknown_input", "whoo", "who"),
    "{{ inputs[0] }}": ("unknown_input", "0", None),
    "{{ stps.a }}": ("unknown_root", "stps", "steps"),
    "{{ null }}": ("unknown_root", "null", "none"),
    "{{ item.x }}": ("unknown_root", "item", None),
    "{{ self }}": ("unknown_root", "self", None),
    "{{ loop.index }}": ("unknown_root", "loop", None),
    "{{ range }}": ("unknown_root", "range", None),
    "{{ secrets }}": ("unknown_field", "secrets", None),
    "{{ inputs.n | uper }}": ("unknown_filter", "uper", "upper"),
    "{{ [1] | map('uper') }}": ("unknown_filter", "uper", "upper"),
    "{{ [1] | select('od') }}": ("unknown_test", "od", "odd"),
    "{{ [1] | rejectattr('x', 'od') }}": ("unknown_test", "od", "odd"),
    "{{ 1 is evn }}": ("unknown_test", "evn", "even"),
    "{{ 1 is not evn }}": ("unknown_test", "evn", "even"),
    "{{ rnage(3) }}": ("unknown_function", "rnage", "range"),
    "{{ lipsum() }}": ("unknown_function", "lipsum", None),
    "{{ 'a' | replace('x') }}": ("filter_arguments", "replace", None),
    "{{ 'a' | upper(1) }}": ("filter_arguments", "upper", None),
    "{{ 'a' | round(x=1) }}": ("filter_arguments", "round", None),
    "{{ 4 is divisibleby }}": ("filter_arguments", "divisibleby", None),
    "{% set steps = 1 %}": ("syntax", "steps", None),
    "{% for inputs in [1] %}{% endfor %}": ("syntax", "inputs", None),
    "{% macro steps() %}{% endmacro %}": ("syntax", "steps", None),
    "{{ steps.0 }}": ("unknown_step", "0", None),
    "{{ steps.0 ~ 1 }}": ("unknown_step", "0", None),
    "{% include 'x' %}": ("syntax", "include", None),
    "{% import 'x' as y %}": ("syntax", "import", None),
    "{% from 'x' import y %}": ("syntax", "from", None),
    "{% extends 'x' %}": ("syntax", "extends", None),
    "{% block b %}{% endblock %}": ("syntax", "block", None),
    "{% autoescape true %}{% endautoescape %}": ("syntax", "autoescape", None),
}


@pytest.mark.parametrize(("text", "expected"), PROBLEMS.items(), ids=PROBLEMS)
def test_problems(text: str, expected: tuple[str, str, str | None]) -> None:
    (problem,) = parse(text, NAMES).problems
    assert (problem.kind, problem.name, problem.suggestion) == expected
    assert text[problem.offset : problem.offset + problem.length] == problem.name
    assert problem.message


NUMBERS = ("1" * 5000, "0x" + "f" * 5000, "1e999")


@pytest.mark.parametrize("number", NUMBERS, ids=["decimal", "hexadecimal", "float"])
def test_numbers_that_are_too_large(number: str) -> None:
    (problem,) = parse(f"{{{{ {number} }}}}", NAMES).problems
    assert (problem.kind, problem.message, problem.offset) == ("syntax", "this number is too large", 3)


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ " + "-" * 9000 + "1 }}",
        "{{ a" + ".b" * 4_000 + " }}",
        "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
        "{{ 1 }}" + "x" * MAX_TEMPLATE,
    ],
    ids=["brackets", "signs", "chain", "loops", "long"],
)
def test_too_large(text: str) -> None:
    (problem,) = parse(text, NAMES).problems
    assert problem.kind == "too_large"
    with pytest.raises(TemplateError):
        parse(text, NAMES).render(SCOPE)


def test_all_problems_are_found_in_order() -> None:
    parsed = parse("{{ steps.x.output | uper }} {{ nope }} {% if inputs.zz is od %}{% endif %}", NAMES)
    assert [problem.kind for problem in parsed.problems] == [
        "unknown_step",
        "unknown_filter",
        "unknown_root",
        "unknown_input",
        "unknown_test",
    ]
    assert [reference.name for reference in parsed.references] == ["x", "zz"]


def test_the_longest_declared_id_wins() -> None:
    ids = {"a": (0, 0), "a-b": (0, 1), "a-b-c": (0, 2), "x-1": (0, 3), "end-": (0, 4)}
    names = Names(ids, ())

    def read(text: str) -> list[str | None]:
        return [reference.name for reference in parse(text, names).references]

    assert read("{{ steps.a-b-c.output }}") == ["a-b-c"]
    assert read("{{ steps.a-b.output ~ steps.a.output }}") == ["a-b", "a"]
    assert read("{{ steps.a.output-steps.a-b.output }}") == ["a", "a-b"]
    assert read("{{ steps.x-1.output }}") == ["x-1"]
    assert read("{{ steps.x-1.5.output ~ 1 }}") == ["x-1"]
    assert read("{{ steps.end-.output }}") == ["end-"]
    assert read("{{ steps.a-b-c.output ~ 'steps.a-b' }}") == ["a-b-c"]
    assert parse("{{ steps.a-bx.output }}", names).references[0].name == "a"
    assert parse("{{ steps.a-b-d.output }}", names).references[0].name == "a-b"
    unknown = parse("{{ steps.x-2.output }}", names)
    assert (unknown.problems[0].name, unknown.problems[0].suggestion) == ("x-2", "x-1")


CONDITIONS = {
    "inputs.n": 4,
    " inputs.n > 3 ": True,
    "{{ inputs.n > 3 }}": True,
    " {{ inputs.n }} ": 4,
    "steps.get-user.output.id == 5 and not steps.skipped.success": True,
    "true": "true",
    " No ": " No ",
    "off": "off",
    "'}}' == '}}'": True,
    "{'a': 1}.a": 1,
}


@pytest.mark.parametrize(("text", "value"), CONDITIONS.items(), ids=CONDITIONS)
def test_conditions(text: str, value: JsonValue) -> None:
    parsed = parse_condition(text, NAMES)
    assert parsed.problems == ()
    assert parsed.text == text
    assert parsed.render(SCOPE, STEP) == value


def test_a_bare_path_as_condition_is_a_path() -> None:
    parsed = parse_condition("steps.a.success", NAMES)
    assert parsed.kind is TemplateKind.PATH
    assert parsed.getter is not None
    assert parsed.getter(SCOPE) is True


def test_places_in_bare_conditions() -> None:
    text = "inputs.n > 3 and steps.fel.output"
    parsed = parse_condition(text, NAMES)
    assert [text[r.offset : r.offset + r.length] for r in parsed.references] == ["inputs.n", "steps.fel.output"]
    (problem,) = parsed.problems
    assert text[problem.offset : problem.offset + problem.length] == "fel"
    with pytest.raises(TemplateError, match="fel"):
        parsed.render(SCOPE)


BAD_CONDITIONS = {
    "": "syntax",
    "  ": "syntax",
    "inputs.n >": "syntax",
    "inputs.n }} x": "syntax",
    "1 }}": "syntax",
    "{{ inputs.n }} > 3": "mixed_condition",
    "{{ inputs.n }}{{ inputs.n }}": "mixed_condition",
    "{% if true %}x{% endif %}": "mixed_condition",
    "{{ nope }}": "unknown_root",
    "nope": "unknown_root",
}


@pytest.mark.parametrize(("text", "kind"), BAD_CONDITIONS.items(), ids=BAD_CONDITIONS)
def test_bad_conditions(text: str, kind: str) -> None:
    parsed = parse_condition(text, NAMES)
    assert [problem.kind for problem in parsed.problems] == [kind]
    assert 0 <= parsed.problems[0].offset <= len(text) - parsed.problems[0].length
    with pytest.raises(TemplateError):
        parsed.render(SCOPE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, False),
        (False, False),
        (0, False),
        (0.0, False),
        ("", False),
        ("  ", False),
        ([], False),
        ({}, False),
        ("false", False),
        (" NO ", False),
        ("0", False),
        ("Off", False),
        (True, True),
        (1, True),
        ("yes", True),
        ("n", True),
        ("none", True),
        ([0], True),
        ({"a": 0}, True),
    ],
    ids=repr,
)
def test_is_true(value: JsonValue, expected: bool) -> None:
    assert is_true(value) is expected


def test_an_unfinished_condition_says_what_is_missing() -> None:
    (problem,) = parse_condition("inputs.n > ", NAMES).problems
    assert problem.message == "a value is missing after `>`"
    assert (problem.offset, problem.length) == (9, 1)


def test_names_of_locals() -> None:
    names = Names({}, (), locals=("item", "index"))
    parsed = parse("{{ item.a.b }} {{ index }} {{ itm }}", names)
    assert [(r.root, r.name, r.path) for r in parsed.references] == [("item", "a", ("b",)), ("index", None, ())]
    assert parsed.problems[0].suggestion == "item"


def test_plain_paths_never_import_jinja() -> None:
    program = (
        "import sys; from ael.templates import *; n = Names({'a-b': (0, 0)}, {'n'});"
        "parse('{{ steps.a-b.output.x[0] }} and {{ inputs.n }}', n); parse_condition('steps.a-b.success', n);"
        "assert 'jinja2' not in sys.modules; parse('{{ inputs.n + 1 }}', n); assert 'jinja2' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_repr_names_the_text() -> None:
    assert repr(parse("{{ inputs.n }}", NAMES)) == "<Template path '{{ inputs.n }}'>"
    assert render("{{ inputs.n }}") == 4


@pytest.mark.parametrize(
    "text", ["{{ self }}", "{{ self.body() }}", "{{ super() }}", "{{ caller() }}", "{{ loop.index }}"]
)
def test_what_jinja_has_for_blocks_is_not_known(text: str) -> None:
    (problem,) = parse(text, NAMES).problems
    assert problem.kind in {"unknown_root", "unknown_function"}
