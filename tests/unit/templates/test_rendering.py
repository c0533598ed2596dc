"""What templates render to: types, text, missing things, filters."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ael.errors import TemplateError
from ael.templates import Names, SkippedOutputError, TemplateKind, parse
from ael.types import JsonValue
from tests.unit.templates.support import INPUTS, NAMES, OUTPUT, ROOTS, SCOPE, STEP, Scope, completed, render, template

KINDS = {
    "": TemplateKind.CONSTANT,
    "plain { text } }}": TemplateKind.CONSTANT,
    "{{ steps.a.output }}": TemplateKind.PATH,
    " {{steps.a.output.rows[0].id}} ": TemplateKind.PATH,
    "{{ steps.get-user.output['id'] }}": TemplateKind.PATH,
    '{{ steps["get-user"].output["id"] }}': TemplateKind.PATH,
    "{{ inputs.a-b }}": TemplateKind.PATH,
    "{{ execution_id }}": TemplateKind.PATH,
    "{{ secrets.TOKEN }}": TemplateKind.PATH,
    "{{ config.depth }}": TemplateKind.PATH,
    "{{ inputs.n }} of {{ steps.a.output.name }}": TemplateKind.EXPRESSION,
    "{{ inputs.n - 1 }}": TemplateKind.EXPRESSION,
    "{{ inputs.n-1 }}": TemplateKind.EXPRESSION,
    "{{ step.id }}": TemplateKind.EXPRESSION,
    "{# only a comment #}": TemplateKind.EXPRESSION,
}


@pytest.mark.parametrize(("text", "kind"), KINDS.items(), ids=KINDS)
def test_kind(text: str, kind: TemplateKind) -> None:
    parsed = template(text)
    assert parsed.kind is kind
    assert (parsed.getter is not None) == (kind is TemplateKind.PATH)
    assert parsed.text == text


NATIVE = {
    "{{ steps.a.output }}": OUTPUT,
    " {{ steps.a.output.rows[1].id }}\n": 2,
    "{{ steps.a.output.rows[-1].id }}": 2,
    "{{ steps.a.output.rows.0.id }}": 1,
    "{{ steps.a.output['odd key'] }}": 7,
    "{{ steps.a.output.items }}": [1, 2],
    "{{ steps.a.output.items | length }}": 2,
    "{{ steps.a.output.text[0] }}": "s",
    "{{ steps.get-user.output.id }}": 5,
    "{{ steps.get-user.output.id - 1 }}": 4,
    "{{ steps.get.output.id }}": 6,
    "{{ steps . get-user . output . id + 0 }}": 5,
    "{{ steps['get-user'].output.id }}": 5,
    "{{ steps.get('get-user').output.id }}": 5,
    "{{ steps.get-user.output.id if inputs.a-b > 3 else 'steps.get-user' }}": 5,
    "{{ 'steps.get-user ' ~ 1 }}": "steps.get-user 1",
    "{{ inputs.a-b }}": 10,
    "{{ inputs.n-1 }}": 3,
    "{{ inputs.n - 1 }}": 3,
    "{{ inputs.empty }}": None,
    "{{ inputs }}": INPUTS,
    "{{ inputs.get('n') + inputs['n'] }}": 8,
    "{{ steps.a.status }}": "completed",
    "{{ steps.waiting.status }}": "pending",
    "{{ steps.a.success and not steps.skipped.success }}": True,
    "{{ steps.a.error }}": None,
    "{{ steps.fell.error.code }}": "TEMPLATE_ERROR",
    "{{ steps.fell.error }}": {"code": "TEMPLATE_ERROR", "message": "boom"},
    "{{ steps.fell.output }}": "(none)",
    "{{ steps.a.duration_ms }}": 2.0,
    "{{ steps.a.attempt }}": 1,
    "{{ steps.waiting.attempt }}": 0,
    "{{ config.depth }}": 3,
    "{{ config }}": {"depth": 3},
    "{{ workflow.name ~ workflow.version }}": "w1.0.0",
    "{{ execution_id }}": "e1",
    "{{ secrets.TOKEN }}": "s3",
    "{{ secrets.TOKEN | upper }}": "S3",
    "{{ secrets['TOK' ~ 'EN'] }}": "s3",
    "{{ [1, 2] | select(*['odd']) | list }}": [1],
    "{{ [step.id, step.attempt, step.idempotency_key, step.joined] }}": ["me", 2, "key-1", []],
    "{{ (1, 2) }}": [1, 2],
    "{{ range(3) }}": [0, 1, 2],
    "{{ steps.a.output.rows | map(attribute='id') }}": [1, 2],
    "{{ {1: true, none: 2} }}": {"1": True, "": 2},
    "{{ dict(a=1) }}": {"a": 1},
    "{{ 1 if false }}": None,
    "{{- inputs.n -}}": 4,
    "{{ 'a' 'b' }}": "ab",
    "{{ '\\d\\n\\u00e9\\N{no such name}' }}": "\\d\né\\N{no such name}",
    "{{ 1_000 + 0x10 + 1e1 }}": 1026.0,
}


@pytest.mark.parametrize(("text", "value"), NATIVE.items(), ids=NATIVE)
def test_one_expression_keeps_its_type(text: str, value: JsonValue) -> None:
    rendered = render(text)
    assert rendered == value
    assert type(rendered) is type(value)


TEXT = {
    "{{ inputs.n }}.": "4.",
    "a {{ inputs.n }} b {{ inputs.n + 1 }}": "a 4 b 5",
    "{{ inputs.empty }}|{{ none }}": "|",
    "{{ steps.a.output.yes }} {{ false }}": "true false",
    "{{ steps.a.output.rows }}!": '[{"id": 1, "tag": "a"}, {"id": 2, "tag": "b"}]!',
    "{{ {'ß': [none, true, 1.5]} }}!": '{"ß": [null, true, 1.5]}!',
    "{{ [1, none] ~ true ~ none }}": "[1, null]true",
    "{{ [true, none, [1]] | join('-') }}": "true--[1]",
    "{{ true | string }}": "true",
    "{{ steps.a.output.rows | join(',', attribute='tag') }}": "a,b",
    "{{ inputs.who }} stays": "{{ inputs.n }} stays",
    "{{ steps.a.output.template }}{{ 1 }}": "{{ inputs.n }}1",
    "{% for i in steps.a.output.items %}{{ loop.index }}:{{ i }}{{ ',' if not loop.last }}{% endfor %}": "1:1,2:2",
    "{% raw %}{{ x }}{% endraw %}": "{{ x }}",
    "{# c #}{{ 1 }}": "1",
    "a  {{- 1 -}}  b": "a1b",
    "one\r\ntwo {{ inputs.n }}\r\n": "one\r\ntwo 4\r\n",
    "one\r\ntwo {{ inputs.n + 1 }}\r\n": "one\r\ntwo 5\r\n",
    "{% if inputs.n > 3 %}big{% else %}small{% endif %}": "big",
    "{% set ns = namespace(t=0) %}{% for i in range(4) %}{% set ns.t = ns.t + i %}{% endfor %}{{ ns.t }}": "6",
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(b=3, a=0) }}": "1203",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}in{% endcall %}": "<in>",
    "{% filter upper %}abc{{ true }}{% endfilter %}": "ABCTRUE",
    "{% set x %}a{{ none }}b{% endset %}{{ x | length }}.": "2.",
    "{% with a = 1 %}{{ a }}{% endwith %}": "1",
    "{% for i in [1, [2, [3]]] recursive %}{{ i if i is number else loop(i) }}{% endfor %}": "123",
    "{% for i in 'ab' %}{{ loop.cycle('x', 'y') }}{{ loop.length }}{% endfor %}": "x2y2",
    "{% for i in 'ab' | list | reverse %}{{ i }}{{ loop.length }}{% endfor %}": "b2a2",
    "{% for step in [{'n': 1}] %}{{ step.n }}{% endfor %}": "1",
    "{% for g in steps.a.output.rows | groupby('tag') %}{{ g.grouper }}{{ g.list | length }}{% endfor %}": "a1b1",
    "{{ steps.a.output.rows | groupby('tag') | map(attribute='grouper') | join }}": "ab",
    "{{ {'b': 1, 'a': 2}.items() | sort | join }}": '["a", 2]["b", 1]',
}


@pytest.mark.parametrize(("text", "value"), TEXT.items(), ids=TEXT)
def test_anything_else_is_text(text: str, value: str) -> None:
    assert render(text) == value


def test_rich_values_as_text() -> None:
    values = {"t": datetime(2024, 1, 2, tzinfo=UTC), "d": date(2024, 1, 2), "x": Decimal("1.50"), "b": b"hi"}
    scope = Scope([completed("a", values)])
    names = Names({"a": (0, 0)}, ())
    assert template("{{ steps.a.output.t }};{{ steps.a.output.d }}", names).render(scope) == (
        "2024-01-02T00:00:00+00:00;2024-01-02"
    )
    assert template("{{ steps.a.output.x }};{{ steps.a.output.b }}", names).render(scope) == "1.50;aGk="
    assert template("{{ [steps.a.output.d, steps.a.output.b] ~ '' }}", names).render(scope) == '["2024-01-02", "aGk="]'
    assert template("{{ steps.a.output.t.year + steps.a.output.d.day }}", names).render(scope) == 2026
    assert template("{{ steps.a.output.d.strftime('%d.%m.') ~ steps.a.output.b.decode() }}", names).render(scope) == (
        "02.01.hi"
    )
    assert template("{{ '%.1f' % steps.a.output.x }}", names).render(scope) == "1.5"
    assert template("{{ [steps.a.output.x] }}", names).render(scope) == [Decimal("1.50")]
    assert (
        template("{{ '{:.1f} {:%Y}'.format(steps.a.output.x, steps.a.output.d) }}", names).render(scope) == "1.5 2024"
    )


FILTERS = {
    "'é' | tojson": '"é"',
    "'<&>' | json": '"<&>"',
    "{'a': [1]} | tojson(indent=1)": '{\n "a": [\n  1\n ]\n}',
    "'[1, {\"a\": null}]' | fromjson": [1, {"a": None}],
    "{'a': 1, 'b': 2} | keys": ["a", "b"],
    "{'a': 1, 'b': 2} | values": [1, 2],
    "{'a': 1} | items": [["a", 1]],
    "'12' | int": 12,
    "'4.7' | int": 4,
    "4.7 | int": 4,
    "'ff' | int(base=16)": 255,
    "'x' | int(0)": 0,
    "none | int(7)": 7,
    "'1e999' | int(1)": 1,
    "'1.5' | float": 1.5,
    "'x' | float(2.5)": 2.5,
    "[] | first": None,
    "[] | last": None,
    "[1, 2] | first": 1,
    "[1, 2] | last": 2,
    "[3, 1, 2] | sort": [1, 2, 3],
    "[1, 2, 3] | select('odd')": [1, 3],
    "[1, 2, 3] | reject('odd') | list": [2],
    "[{'on': true, 'n': 1}, {'on': false, 'n': 2}] | selectattr('on') | map(attribute='n')": [1],
    "[{'a': 1}, {}] | map(attribute='a', default=0)": [1, 0],
    "['a', 'b'] | map('upper')": ["A", "B"],
    "[1, 2] | sum": 3,
    "[{'a': 1}, {'a': 3}] | sum('a')": 4,
    "[[1], [2]] | sum(start=[])": [1, 2],
    "[1, 1, 2] | unique": [1, 2],
    "[1, 2, 3] | batch(2, 0)": [[1, 2], [3, 0]],
    "[1, 2, 3] | slice(2)": [[1, 2], [3]],
    "{'b': 1, 'a': 2} | dictsort": [["a", 2], ["b", 1]],
    "[1, 2] | reverse": [2, 1],
    "'ab' | list": ["a", "b"],
    "[3, 1] | min": 1,
    "[3, 1] | max": 3,
    "[] | max | default('none')": "none",
    "-3 | abs": 3,
    "2.345 | round(2)": round(2.345, 2),
    "2.1 | round(method='ceil')": 3.0,
    "'a' | center(3)": " a ",
    "'x y' | replace(' ', '-')": "x-y",
    "1 | replace('1', true)": "true",
    "'aaa' | replace('a', 'b', 2)": "bba",
    "'%s is %d' | format('x', 3)": "x is 3",
    "'%(a)s' | format(a=none)": "",
    "'%s' % true": "true",
    "'%s %s' % ([1], none)": "[1] ",
    "7 % 4": 3,
    "2 ** 10": 1024,
    "2 ** -1": 0.5,
    "[1] * 2 + [3]": [1, 1, 3],
    "3 * 'ab'": "ababab",
    "'a\nb' | indent(2)": "a\n  b",
    "'  a ' | trim": "a",
    "'xax' | trim('x')": "a",
    "'hello world' | truncate(8, true, leeway=0)": "hello...",
    "'hello world' | wordwrap(5)": "hello\nworld",
    "'a b' | wordcount": 2,
    "'<b>x</b>' | striptags": "x",
    "'<' | escape": "&lt;",
    "'<' | safe": "<",
    "'a b' | urlencode": "a%20b",
    "{'a': 1} | pprint": '{\n  "a": 1\n}',
    "'see http://x.org' | urlize": 'see <a href="http://x.org" rel="noopener">http://x.org</a>',
    "1000 | filesizeformat": "1.0 kB",
    "true | upper": "TRUE",
    "{'a': 1} | attr('a')": 1,
    "'a' | d('x')": "a",
    "'' | default('x', true)": "x",
    "none | default('x')": "x",
    "[1] | random": 1,
    "'a,b'.split(',')": ["a", "b"],
    "'a b'.split()": ["a", "b"],
    "'a-b-c'.rsplit('-', 1)": ["a-b", "c"],
    "'ab'.upper().center(4)": " AB ",
    "'a\tb'.expandtabs(2)": "a b",
    "'-'.join([1, true])": "1-true",
    "'7'.zfill(3)": "007",
    "'aXa'.strip('a')": "X",
    "'aba'.replace('', '-')": "-a-b-a-",
    "'{0.a}{0[b]}{1[0]}{2!r:>3}{n}'.format({'a': 1, 'b': none}, [5], 'q', n=true)": "15  qtrue",
    "'{a}'.format_map({'a': 1})": "1",
    "'{:05.1f}|{:>4}'.format(3.14159, 'x')": "003.1|   x",
    "{'a': 1}.get('b', 2)": 2,
    "{'items': 5}.items": 5,
    "{'a': 1}.items()": [["a", 1]],
    "[1, 2, 1].count(1)": 2,
    "[1, 2].index(2)": 1,
    "5 .bit_length()": 3,
    "'abcdef'[1:4:2]": "bd",
    "[1, 2, 3][::-1]": [3, 2, 1],
    "1 < 2 < 3": True,
    "2 in [1, 2] and 'x' not in 'abc'": True,
    "1 is odd and 'a' is string and none is none": True,
    "4 is divisibleby 2": True,
    "'upper' is filter": True,
}


@pytest.mark.parametrize(("expression", "value"), FILTERS.items(), ids=FILTERS)
def test_filters_operators_and_methods(expression: str, value: JsonValue) -> None:
    assert render("{{ " + expression + " }}") == value


MISSING = {
    "{{ steps.a.output.nam }}": "steps.a.output has no key 'nam'; did you mean 'name'?",
    "{{ steps.a.output.nam ~ '' }}": "steps.a.output has no key 'nam'; did you mean 'name'?",
    "{{ steps.a.output.rows[5] }}": "steps.a.output.rows has 2 items, so there is no [5]",
    "{{ steps.a.output.rows[5] + 0 }}": "steps.a.output.rows has 2 items, so there is no [5]",
    "{{ steps.a.output.rows.x }}": "steps.a.output.rows is a list, which has no key 'x'",
    "{{ steps.a.output.name.x }}": "steps.a.output.name is text, which has no 'x'",
    "{{ steps.a.output.nothing.x }}": "steps.a.output.nothing is null, so it has no 'x'",
    "{{ steps.a.output.yes.x }}": "steps.a.output.yes is a boolean, which has no 'x'",
    "{{ steps.get.output.idx.deep }}": "steps.get.output has no key 'idx'; did you mean 'id'?",
    "{{ steps.get.output.zzz }}": "steps.get.output has no key 'zzz'; its keys are id",
    "{{ {}.x }}": "has no key 'x'; it is empty",
    "{{ config.dept }}": "config has no key 'dept'; did you mean 'depth'?",
    "{{ config.dept ~ '' }}": "config has no key 'dept'; did you mean 'depth'?",
    "{{ secrets.OTHER }}": "set the environment variable AEL_SECRET_OTHER",
    "{{ secrets.TOKEN.x }}": "secrets.TOKEN is text, which has no 'x'",
    "{{ inputs.n.x }}": "inputs.n is a number, which has no 'x'",
    "{{ steps.a.output[1.5] }}": "steps.a.output has no key 1.5",
    "{{ steps.a.output[-'x'] }}": "bad operand",
    "{{ steps.a.output['na' 'm'] }}": "steps.a.output has no key 'nam'",
    "{{ steps.a.error.code }}": "steps.a.error is null, so it has no 'code'",
    "{{ secrets.OTHER }}!": "set the environment variable AEL_SECRET_OTHER",
    "{{ secrets.OTHER | upper }}": "set the environment variable AEL_SECRET_OTHER",
    "{{ steps[inputs.who].output }}": "steps has no key '{{ inputs.n }}'",
    "{{ 'a'.uper() }}": "text has no method 'uper'; did you mean 'upper'?",
    "{{ steps.a.output.rows | map(attribute='idd') | list }}": "has no key 'idd'; did you mean 'id'?",
    "{% if false %}{% set y = 1 %}{% endif %}{{ y }}": "'y' is not set here",
    "{% for i in [1] %}{{ loop.nextitem }}{% endfor %}": "there is no next item",
    "{{ namespace(a=1).b }}": "has no 'b'",
}


@pytest.mark.parametrize(("text", "sentence"), MISSING.items(), ids=MISSING)
def test_something_missing_is_named(text: str, sentence: str) -> None:
    with pytest.raises(TemplateError, match=r"^cannot render `") as caught:
        render(text)
    assert sentence in caught.value.message
    assert caught.value.details["expression"] in text or "…" in caught.value.message or "[" in text


def test_the_error_of_a_deep_path_names_the_whole_expression() -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ steps.a.output.rows[0].idd.more }}")
    assert caught.value.code == "TEMPLATE_ERROR"
    assert caught.value.message == (
        "cannot render `{{ steps.a.output.rows[0].idd.more }}`: "
        "steps.a.output.rows[0] has no key 'idd'; did you mean 'id'?"
    )
    assert caught.value.details == {"expression": "steps.a.output.rows[0].idd.more"}


USES = [
    "{{ X == 1 }}",
    "{{ X != 1 }}",
    "{{ X < 1 }}",
    "{{ 1 < X }}",
    "{{ X or 1 }}",
    "{{ not X }}",
    "{{ X is none }}",
    "{{ X is string }}",
    "{{ [X] }}",
    "{{ {'a': X} }}",
    "{{ {X: 1} }}",
    "{{ X ~ 'a' }}",
    "{{ X + 1 }}",
    "{{ 1 + X }}",
    "{{ 'a' * X }}",
    "{{ -X }}",
    "{{ 1 / X }}",
    "{{ 1 in X }}",
    "{{ X in [1] }}",
    "{{ X | length }}",
    "{{ X | upper }}",
    "{{ X | string }}",
    "{{ X | tojson }}",
    "{{ X | list }}",
    "{{ [X] | tojson }}",
    "{{ [X] | sort }}",
    "{{ [X, X] | unique }}",
    "{{ 'a' | replace('a', X) }}",
    "{{ {'a': 1}[X] }}",
    "{{ [1][X] }}",
    "{{ [1][X:] }}",
    "{{ range(X) }}",
    "{{ dict(a=X) }}",
    "{{ X() }}",
    "{{ X.y() }}",
    "{{ '%s' % X }}",
    "{{ '{}'.format(X) }}",
    "{{ 1 if X else 2 }}",
    "{{ X }}!",
    "{% if X %}{% endif %}",
    "{% for i in X %}{% endfor %}",
    "{% set y = X %}{{ y }}",
    "{{ X | default(X) }}",
]
NOT_USES = [
    "{{ X | default('d') }}",
    "{{ X | d('d') }}",
    "{{ X.b.c[0]['d'] | default('d') }}",
    "{{ X.b[1:] | default('d') }}",
    "{{ X if X is defined else 'd' }}",
    "{{ 'd' if X is undefined else X }}",
    "{{ 'd' if X is not defined }}",
    "{{ 'd' or X }}",
    "{{ 'd' | default(X) }}",
    "{% set y = X %}{{ y | default('d') }}",
    "{{ 'd' if true else X }}",
    "{% macro m(a) %}{{ a | default('d') }}{% endmacro %}{{ m(X) }}",
]


@pytest.mark.parametrize("use", USES)
def test_use_of_something_missing_fails(use: str) -> None:
    with pytest.raises(TemplateError, match=r"no key 'gone'|no method"):
        render(use.replace("X", "steps.a.output.gone"))


@pytest.mark.parametrize("use", USES)
def test_use_of_a_skipped_output_skips(use: str) -> None:
    for step_id in ("skipped", "waiting"):
        with pytest.raises(SkippedOutputError) as caught:
            render(use.replace("X", f"steps.{step_id}.output"))
        assert caught.value.step_id == step_id
        assert step_id in str(caught.value)


@pytest.mark.parametrize(
    "source", ["steps.a.output.gone", "steps.skipped.output", "steps.waiting.output", "secrets.NO"]
)
@pytest.mark.parametrize("text", NOT_USES)
def test_default_and_defined_are_no_use(text: str, source: str) -> None:
    assert render(text.replace("X", source)) == "d"


def test_plain_paths_of_a_skipped_output() -> None:
    for text in ("{{ steps.skipped.output }}", "{{ steps.skipped.output.x[0] }}", "a {{ steps.skipped.output }}"):
        with pytest.raises(SkippedOutputError):
            render(text)
    assert render("{{ steps.skipped.status }} {{ steps.skipped.success }}") == "skipped false"
    assert render("{{ steps.skipped.error }}") is None


def test_default_covers_null_and_no_more() -> None:
    assert render("{{ inputs.empty | default('d') }}") == "d"
    assert render("{{ steps.a.output.nothing.deep.er | default('d') }}") == "d"
    assert render("{{ false | default('d') }}") is False
    assert parse("{{ steps.nope.output | default('d') }}", NAMES).problems[0].kind == "unknown_step"
    assert parse("{{ inputs.nope | default('d') }}", NAMES).problems[0].kind == "unknown_input"
    assert parse("{{ nope | default('d') }}", NAMES).problems[0].kind == "unknown_root"


def test_a_step_whole_shows_an_unusable_output_as_null() -> None:
    whole = {"output": None, "status": "skipped", "success": False, "error": None, "duration_ms": 0.0, "attempt": 0}
    assert render("{{ steps.skipped }}") == whole
    assert render("{{ [steps.skipped] }}") == [whole]
    assert list(render("{{ steps }}")) == ["a", "get-user", "skipped", "fell", "waiting", "get"]
    assert render("{% for id, step in steps.items() %}{{ id }}={{ step.status }};{% endfor %}").startswith(
        "a=completed;"
    )
    assert render("{{ steps | length }}{{ steps.a | length }}") == "66"
    assert render("{{ steps.keys() | first }}") == "a"


def test_outer_scopes() -> None:
    inner = Scope([completed("in", 1)], up=SCOPE, roots={"item": {"k": [9]}}, inputs=INPUTS)
    names = Names({"in": (0, 0), "a": (1, 0)}, (), locals=("item",))
    assert template("{{ steps.in.output }}{{ steps.a.output.name }}", names).render(inner) == "1Ada"
    assert template("{{ steps.a.output.name }}", names).render(inner) == "Ada"
    assert template("{{ steps.a.output.name | upper }}", names).render(inner) == "ADA"
    assert template("{{ item.k[0] }}", names).render(inner) == 9
    assert template("{{ item.k[0] + 1 }}", names).render(inner) == 10
    with pytest.raises(TemplateError, match="item has no key"):
        template("{{ item.z }}", names).render(inner)


def test_a_root_that_is_not_there() -> None:
    with pytest.raises(TemplateError, match=r"'config' is not available here"):
        template("{{ config.x }}").render(Scope())
    with pytest.raises(TemplateError, match="'step' is not set here"):
        template("{{ step.id }}").render(SCOPE)


def test_a_secret_source_may_word_its_error() -> None:
    class Secrets(dict[str, str]):
        def __missing__(self, name: str) -> str:
            raise KeyError(f"export {name} first")

    scope = Scope(roots={"secrets": Secrets()})
    for text in ("{{ secrets.T }}", "{{ secrets.T | upper }}"):
        with pytest.raises(TemplateError, match="export T first"):
            template(text).render(scope)


def test_getters_do_what_render_does() -> None:
    for text in (text for text, kind in KINDS.items() if kind is TemplateKind.PATH):
        parsed = template(text)
        assert parsed.getter is not None
        assert parsed.getter(SCOPE) == parsed.render(SCOPE, STEP)


def test_nothing_of_the_scope_is_changed_or_handed_out_by_expressions() -> None:
    before = dict(ROOTS)
    value = render("{{ steps.a.output.rows | default([]) }}")
    value[0]["id"] = 99
    assert SCOPE.results[0] is not None
    assert SCOPE.results[0].output["rows"][0]["id"] == 1
    assert before == ROOTS


FAILURES = {
    "{{ 1 / 0 }}": "it divides by zero",
    "{{ 'a' + 1 }}": "cannot add text and a number; `~` joins as text",
    "{{ {} + [] }}": "cannot add an object and a list",
    "{{ none[1:] }}": "null is not subscriptable",
    "{{ 'x' | int }}": "'x' is no number; a default can be given",
    "{{ [] | float }}": "a list is no number",
    "{{ 1 | fromjson }}": "fromjson reads text, and this is a number",
    "{{ '[NaN]' | fromjson }}": "NaN is no JSON",
    "{{ [1] | keys }}": "`keys` needs an object, and this is a list",
    "{{ 1e308 * 10 }}": "JSON cannot say",
    "{{ namespace(a=1) }}": "is no data",
    "{{ (-8) ** 0.5 }}": "is no data",
    "{{ 1() }}": "a number cannot be called",
    "{{ [1] | map(inputs.who) }}": "No filter named",
    "{{ none() }}": "null cannot be called",
    "{{ ('f' * 5000) | int(base=16) }}": "digits",
    "{{ {(1, 2): 3} }}": "a list cannot be a key",
    "{{ '%s %s' | format(1, a=2) }}": "positions or names",
    "{{ '%s' % () }}": "not enough arguments",
    "{{ 'abc' | truncate(1) }}": "length",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "it calls itself too deeply",
    "{{ 3 | tojson(indent=99) }}": "indent must be from 0 to 32",
    "{{ '' | indent(first=2, blank=3) ~ 'a'.split('') }}": "empty separator",
}


@pytest.mark.parametrize(("text", "sentence"), FAILURES.items(), ids=FAILURES)
def test_what_goes_wrong_is_a_template_error(text: str, sentence: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert sentence in caught.value.message
    assert caught.value.details["expression"] == text


def test_a_template_with_problems_says_the_first_when_rendered() -> None:
    with pytest.raises(TemplateError, match="no step 'nope'"):
        parse("{{ steps.nope.output }}", NAMES).render(SCOPE)


def test_long_expressions_are_cut_in_messages() -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ 1 / 0 }}" + "x" * 1000)
    assert len(caught.value.message) < 300
    assert "…" in caught.value.message
