"""The types of templates, and what is said of those that cannot go right."""

from __future__ import annotations

import attrs
import pytest

from ael.schema_types import ANY, INTEGER, NULL, TEXT, ListType, ObjectType, Type, closed_object, union, words
from ael.templates import Names, infer, parse, parse_condition, parse_expression

ROW = closed_object({"id": INTEGER, "tag": TEXT})
INPUTS = closed_object(
    {
        "n": INTEGER,
        "t": TEXT,
        "maybe": union(TEXT, NULL),
        "rows": ListType(ROW),
        "o": closed_object({"a": INTEGER}),
        "open": ObjectType({"a": INTEGER}),
        "any": ANY,
        "a-b": INTEGER,
    }
)
STEP = closed_object({"output": closed_object({"count": INTEGER, "names": ListType(TEXT)}), "status": TEXT})
NAMES = Names(steps={"log": (0, 0), "get-user": (0, 1)}, inputs=tuple(INPUTS.fields), locals=("item", "index"))


@attrs.frozen
class Known:
    """Roots of which all is known but ``config``."""

    def root(self, name: str) -> Type:
        return {"inputs": INPUTS, "item": ROW, "index": INTEGER, "execution_id": TEXT}.get(name, ANY)

    def step(self, step_id: str) -> Type:
        assert step_id in NAMES.steps
        return STEP


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "text"),
        ("{{ inputs.n }}", "an integer"),
        ("{{ inputs.a-b }}", "an integer"),
        ("{{ inputs.maybe }}", "text or null"),
        ("{{ inputs }}", "an object"),
        ("{{ inputs.rows[0].tag }}", "text"),
        ("{{ inputs.open.b }}", "anything"),
        ("{{ inputs.t[0] }}", "text"),
        ("{{ steps.log.output.count }}", "an integer"),
        ('{{ steps["get-user"].status }}', "text"),
        ("{{ steps.get('log').output.count }}", "an integer"),
        ("{{ steps }}", "anything"),
        ("{{ item.id }}", "an integer"),
        ("{{ index }}", "an integer"),
        ("{{ config.depth }}", "anything"),
        ("a {{ inputs.n }}", "text"),
        ("a {{ index }} {{ execution_id }}", "text"),
        ("{% if inputs.n %}a{% endif %}", "text"),
        ("{{ 1 }}", "an integer"),
        ("{{ -1.5 }}", "a number"),
        ("{{ none }}", "null"),
        ("{{ [1, 'a'] }}", "a list"),
        ("{{ ([1, 2] | first) }}", "an integer or null"),
        ("{{ {'a': inputs.n}.a }}", "an integer"),
        ("{{ {inputs.t: 1}.a }}", "anything"),
        ("{{ inputs.n + 1 }}", "an integer"),
        ("{{ inputs.n / 2 }}", "a number"),
        ("{{ inputs.t + 'x' }}", "text"),
        ("{{ inputs.rows + [1] }}", "a list"),
        ("{{ inputs.t * 2 }}", "anything"),
        ("{{ inputs.t % 2 }}", "text"),
        ("{{ inputs.any + 1 }}", "anything"),
        ("{{ inputs.t - inputs.t }}", "anything"),
        ("{{ inputs.t ~ inputs.n }}", "text"),
        ("{{ -inputs.n }}", "an integer"),
        ("{{ -inputs.any }}", "anything"),
        ("{{ not inputs.t }}", "a boolean"),
        ("{{ inputs.n > 3 }}", "a boolean"),
        ("{{ inputs.n is defined }}", "a boolean"),
        ("{{ inputs.n if inputs.t else inputs.t }}", "an integer or text"),
        ("{{ inputs.n if inputs.t }}", "an integer or null"),
        ("{{ inputs.maybe or 3 }}", "text, an integer or null"),
        ("{{ inputs.rows[1:] }}", "a list"),
        ("{{ inputs.t[1:] }}", "text"),
        ("{{ inputs.any[1:] }}", "anything"),
        ("{{ (inputs.rows)[inputs.n].id }}", "an integer"),
        ("{{ inputs.rows[inputs.any] }}", "anything"),
        ("{{ range(3) | list }}", "a list"),
        ("{{ dict(a=1) }}", "anything"),
        ("{{ inputs.t.upper() }}", "anything"),
        ("{{ (inputs.any or inputs.t)() + 1 }}", "anything"),
        ("{% filter upper %}{{ inputs.t + 'a' }}{% endfilter %}", "text"),
        ("{{ inputs.t.split(',')[0] }}", "anything"),
        ("{{ inputs.t | upper }}", "text"),
        ("{{ inputs.t | int }}", "an integer"),
        ("{{ inputs.t | int(none) }}", "an integer or null"),
        ("{{ inputs.t | int(default=0) }}", "anything"),
        ("{{ inputs.t | float }}", "a number"),
        ("{{ inputs.maybe | default(1) }}", "text or an integer"),
        ("{{ inputs.maybe | default }}", "text"),
        ("{{ inputs.rows | length }}", "an integer"),
        ("{{ inputs.rows | first }}", "an object or null"),
        ("{{ (inputs.rows | sort(attribute='id') | list)[0].id }}", "an integer"),
        ("{{ inputs.rows | map(attribute='id') | list }}", "a list"),
        ("{{ (inputs.o | values)[0] }}", "an integer"),
        ("{{ (inputs.any | values)[0] }}", "anything"),
        ("{{ (inputs.o | keys)[0] }}", "text"),
        ("{{ inputs.t | reverse }}", "text"),
        ("{{ inputs.rows | reverse }}", "a list"),
        ("{{ inputs.any | reverse }}", "anything"),
        ("{{ inputs.any | sum }}", "anything"),
        ("{{ inputs.o | json }}", "text"),
        ("{% set item = 1 %}{{ item }}", "text"),
        ("{{ inputs.rows | fromjson | default({}) }}", "anything"),
    ],
)
def test_types(text: str, expected: str) -> None:
    template = parse(text, NAMES)
    assert not template.problems
    assert words(infer(template, NAMES, Known()).type) == expected


@pytest.mark.parametrize(
    ("text", "kind", "at", "message"),
    [
        ("{{ inputs.o.b }}", "missing_key", "b", "`inputs.o` has no 'b'; it has a"),
        ("{{ inputs.rows[0]['it'] }}", "missing_key", "it", "`inputs.rows[0]` has no 'it'; it has id, tag"),
        (
            "x {{ steps.log.output.cuont }}",
            "missing_key",
            "cuont",
            "`steps.log.output` has no 'cuont'; it has count, names",
        ),
        ("{{ item.idd + 1 }}", "missing_key", "idd", "`item` has no 'idd'; it has id, tag"),
        ("{{ (item.idd) | upper | default(1) }}", "missing_key", "idd", "`item` has no 'idd'; it has id, tag"),
        ("{{ inputs.o.b or 1 }}", "missing_key", "b", "`inputs.o` has no 'b'; it has a"),
        ("{{ inputs.t.b }}", "no_keys", "b", "`inputs.t` is text, so it has no 'b'"),
        ("{{ inputs.maybe.b }}", "no_keys", "b", "`inputs.maybe` is text or null, so it has no 'b'"),
        ("{{ inputs.n[0] }}", "no_keys", "0", "`inputs.n` is an integer, so it has no 0"),
        ("{{ inputs.rows.id }}", "no_keys", "id", "`inputs.rows` is a list, so it has no 'id'"),
        ("{{ inputs.t + 1 }}", "operator", "inputs.t", "text and an integer cannot be added (`inputs.t`)"),
        ("{{ 1 + inputs.t }}", "operator", "1 + inputs.t", "an integer and text cannot be added (`inputs.t`)"),
        (
            "{{ inputs.o * inputs.any }}",
            "operator",
            "inputs.o * inputs.any",
            "an object and anything cannot be multiplied (`inputs.o`, `inputs.any`)",
        ),
        ("{{ none - 1 }}", "operator", "none", "null and an integer cannot be subtracted"),
        ("{{ -inputs.t }}", "operator", "inputs.t", "`inputs.t` is text, which has no sign"),
        ("{{ inputs.n < 'a' }}", "operator", "inputs.n", "an integer and text cannot be compared (`inputs.n`)"),
        (
            "{{ 1 < inputs.n < inputs.rows }}",
            "operator",
            "inputs.n",
            "an integer and a list cannot be compared (`inputs.n`, `inputs.rows`)",
        ),
        ("{{ 'a' in inputs.n }}", "operator", "'a'", "nothing is `in` `inputs.n`, which is an integer"),
        (
            "{{ inputs.n | length }}",
            "filter",
            "length",
            "`length` takes text, a list or an object, and `inputs.n` is an integer",
        ),
        ("{{ inputs.t | keys }}", "filter", "keys", "`keys` takes an object, and `inputs.t` is text"),
        ("{{ (inputs.n ~ 1) | abs }}", "filter", "abs", "`abs` takes a number, and this is text"),
        ("{{ inputs.rows | int }}", "filter", "int", "`int` takes text or a number, and `inputs.rows` is a list"),
        (
            "{% for x in inputs.n %}{% endfor %}",
            "filter",
            "inputs.n",
            "`for` goes through a list, and `inputs.n` is an integer",
        ),
        ("a {{ inputs.o }}", "json_in_text", "inputs.o", "`inputs.o` is an object, and is written as JSON here"),
        ("a {{ inputs.rows | list }}", "json_in_text", "list", "this is a list, and is written as JSON here"),
        ("a {{ none }}", "null_in_text", "none", "this is null, which is written as nothing"),
        (
            "{% if inputs.t %}{{ inputs.rows }}{% endif %}",
            "json_in_text",
            "inputs.rows",
            "`inputs.rows` is a list, and is written as JSON here",
        ),
        ("{{ [inputs.t.b] }}", "no_keys", "b", "`inputs.t` is text, so it has no 'b'"),
        ("{{ {'a': inputs.t.b} }}", "no_keys", "b", "`inputs.t` is text, so it has no 'b'"),
        ("{{ inputs.o.b.get('x') }}", "missing_key", "b", "`inputs.o` has no 'b'; it has a"),
        ("{{ inputs.any | default(inputs.o.b) }}", "missing_key", "b", "`inputs.o` has no 'b'; it has a"),
        ("{{ inputs.any | join(d=inputs.o.b) }}", "missing_key", "b", "`inputs.o` has no 'b'; it has a"),
        ("{{ range(inputs.o.b) }}", "missing_key", "b", "`inputs.o` has no 'b'; it has a"),
        ("{% filter upper %}{{ inputs.o.b }}{% endfilter %}", "missing_key", "b", "`inputs.o` has no 'b'; it has a"),
    ],
)
def test_problems(text: str, kind: str, at: str, message: str) -> None:
    template = parse(text, NAMES)
    assert not template.problems
    (problem,) = infer(template, NAMES, Known()).problems
    assert (problem.kind, problem.message) == (kind, message)
    assert text[problem.offset : problem.offset + problem.length] == at


@pytest.mark.parametrize(
    "text",
    [
        "{{ inputs.o.b | default(1) }}",
        "{{ inputs.o.b.c | default(1) }}",
        "{{ (inputs.o).b | d(1) }}",
        "{{ inputs.o.b is defined }}",
        "{{ inputs.o.b is not defined }}",
        "{{ inputs.o.b if inputs.o.b is defined else 1 }}",
        "{{ inputs.o.b if 'b' in inputs.o else 1 }}",
        "{{ inputs.o is string and inputs.o.b }}",
        "{% if inputs.t is mapping %}{{ inputs.t.b }}{% endif %}",
        "{{ inputs.open.b }}",
        "{{ inputs.any.b.c }}",
        "{{ inputs.t.year }}",
        "{{ inputs.t[0] }}",
        "{{ inputs.rows | map(attribute='idd') | list }}",
        "{{ inputs.n | select | list }}",
        "{{ inputs.rows | int(0) }}",
        "{{ inputs.rows | int(default=0) }}",
        "{{ inputs.maybe + 'x' }}",
        "{{ inputs.maybe < 'x' }}",
        "{{ inputs.n < 1.5 }}",
        "{{ inputs.n == inputs.t }}",
        "{{ inputs.t * inputs.n }}",
        "{{ true + 1 }}",
        "{{ 1 in inputs.rows and 'a' in inputs.t and 'a' in inputs.o }}",
        "{{ inputs.maybe }} and {{ inputs.n }}",
        "{% set item = inputs.any %}{{ item.idd }}",
        "{% for item in inputs.any %}{{ item.idd }}{% endfor %}",
        "{% for k in inputs.o %}{{ k }}{% endfor %}",
        "{{ inputs.t.upper() }} {{ inputs.o.keys() }}",
    ],
)
def test_what_may_go_right_is_left_alone(text: str) -> None:
    template = parse(text, NAMES)
    assert not template.problems
    assert infer(template, NAMES, Known()).problems == ()


def test_a_key_that_is_meant_is_suggested() -> None:
    (problem,) = infer(parse("{{ steps.log.output.cuont }}", NAMES), NAMES, Known()).problems
    assert problem.suggestion == "count"


def test_what_servers_wrap_in_result_is_out_of_it() -> None:
    names = attrs.evolve(NAMES, steps={"names": (0, 0)})

    class Wrapped(Known):
        def step(self, step_id: str) -> Type:
            return closed_object({"output": ListType(TEXT)})

    (problem,) = infer(parse("{{ steps.names.output.result }}", names), names, Wrapped()).problems
    assert problem.advice == "what the tool gave is `steps.names.output` itself"


@pytest.mark.parametrize("text", ["inputs.o.b > 1", "inputs.o.b", "{{ inputs.o.b }}"])
def test_places_in_conditions(text: str) -> None:
    for parsed in (parse_condition(text, NAMES), parse_expression(text, NAMES)):
        (problem,) = infer(parsed, NAMES, Known()).problems
        assert text[problem.offset : problem.offset + problem.length] == "b"


def test_a_broken_template_may_be_anything() -> None:
    found = infer(parse("{{ inputs.nope + 1 }}", NAMES), NAMES, Known())
    assert (found.type, found.problems) == (ANY, ())


@pytest.mark.parametrize(
    ("text", "source"),
    [("{{ inputs.n }}", "inputs.n"), ("{{ item.id }}", "item.id"), ("x{{ item.id }}", ""), ("{{ inputs.n + 1 }}", "")],
)
def test_where_a_value_comes_from(text: str, source: str) -> None:
    assert infer(parse(text, NAMES), NAMES, Known()).source == source
