"""Nothing a template does takes long or much, and nothing in it reaches Python."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from ael.errors import TemplateError
from ael.templates import Names, limits, parse
from ael.templates.limits import MAX_ELEMENTS, MAX_TEXT
from tests.unit.templates.support import NAMES, SCOPE, Scope, completed, render, template

NEST = (
    "{% set ns = namespace(x=(1,), y=(1,)) %}"
    "{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% set ns.y = (ns.y, ns.y) %}{% endfor %}"
)
TOO_MUCH = [
    "{{ 'a' * 10**10 }}",
    "{{ 10**10 * 'a' }}",
    "{{ [0] * 10**9 }}",
    "{{ 2 ** 100000 }}",
    "{{ 10**2000 * 10**2000 }}",
    "{% set a = 'a' * 10**7 %}{{ a + a }}",
    "{% set a = [0] * 600000 %}{{ a + a }}",
    "{% set a = 'a' * 10**7 %}{{ a ~ a }}",
    "{% set a = 'a' * 10**7 %}{{ a }}{{ a }}",
    "{{ 'a' | center(10**9) }}",
    "{{ 'a'.center(10**9) }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'.rjust(10**9) }}",
    "{{ 'a'.zfill(10**9) }}",
    "{{ '\t'.expandtabs(10**9) }}",
    "{{ ('a' * 10**6).replace('a', 'b' * 100) }}",
    "{{ ('a' * 10**6) | replace('a', 'b' * 100) }}",
    "{{ ('a' * 10**6) | replace('', 'b' * 100) }}",
    "{{ ('a' * 10**6).join(range(100)) }}",
    "{{ range(100) | join('a' * 10**6) }}",
    "{{ ['a' * 10**6] * 100 }}",
    "{{ '%1000000000d' % 3 }}",
    "{{ '%99999999999999999999d' % 3 }}",
    "{{ '%.1000000000f' % 3 }}",
    "{{ '%*d' % (10**9, 3) }}",
    "{{ '%0.*f' | format(10**9, 3.0) }}",
    "{{ '%(a)s%(a)s%(a)s' % {'a': 'a' * 10**7} }}",
    "{{ '{:1000000000}'.format(3) }}",
    "{{ '{:.1000000000f}'.format(3.5) }}",
    "{{ '{:{w}}'.format(3, w=10**9) }}",
    "{{ '{0}{0}'.format('a' * 10**7) }}",
    "{{ 'a' | indent(10**9) }}",
    "{{ 'a' | indent('a' * 10**7, first=true) | indent('a' * 10**7, first=true) }}",
    "{{ 3.5 | round(10**9) }}",
    "{{ 3 | round(-10**9) }}",
    "{{ 3.5 | round(10**9, 'ceil') }}",
    "{{ [1] | batch(10**9, 0) }}",
    "{{ [1] | slice(10**9) }}",
    "{{ range(10**9) }}",
    "{{ range(10**30) }}",
    "{{ ('a' * 10**7) | list }}",
    "{{ ('a' * 10**7).split('a') }}",
    "{{ ('a ' * 10**6 * 3).split() }}",
    "{{ ('a' * 10**7) | wordwrap(1) }}",
    "{{ ('<a' * 10**6) | striptags }}",
    "{{ ('(' * 10**6) | urlize }}",
    "{{ ('a' * 10**7).rfind('b' ~ 'a' * 10**6) }}",
    "{{ ('a' * 10**7) | trim('b' * 10**6) }}",
    "{% for i in range(2) %}{% for j in range(1000000) if false %}{% endfor %}{% endfor %}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
    "{% for i in range(3) recursive %}{{ loop(range(3)) }}{% endfor %}",
    "{% for i in range(1000000) if false and i" + " + i" * 40 + " %}{% endfor %}",
    "{% set x = 'a' * 10**7 %}{% for i in range(10000) %}{% set y = x[1:] %}{% endfor %}",
    "{% set x = 'a' * 10**7 %}{% for i in range(10000) %}{% if x == x ~ '' %}{% endif %}{% endfor %}",
    *(NEST + use for use in ("{{ ns.x }}", "{{ ns.x == ns.y }}", "{{ ns.x in [ns.y] }}", "{{ [ns.x].index(ns.y) }}")),
    *(
        NEST + use
        for use in ("{{ ns.x | tojson }}", "{{ ns.x ~ '' }}", "{{ '%s' % (ns.x,) }}", "{{ '{}'.format(ns.x) }}")
    ),
    *(NEST + use for use in ("{{ {ns.x: 1} }}", "{{ {}[ns.x] }}", "{{ {}.get(ns.x) }}", "{{ dict([(ns.x, 1)]) }}")),
    *(NEST + use for use in ("{{ ns.x is eq ns.y }}", "{{ [ns.x, ns.y] | max }}", "{{ [ns.x] | unique }}")),
]


@pytest.fixture
def small_budget() -> Iterator[None]:
    """Passes and work of a hundredth: to use up all there are takes seconds, and shows the same."""
    with limits.smaller_budget(passes=limits.MAX_PASSES // 100, work=limits.MAX_WORK // 100):
        yield


def test_the_budget_is_what_the_language_says() -> None:
    assert (limits.MAX_PASSES, limits.MAX_TEXT, limits.MAX_ELEMENTS) == (10**6, 16 * 1024**2, 10**6)
    with limits.smaller_budget(passes=10, work=10**9), pytest.raises(TemplateError, match="10 loop passes"):
        render("{% for i in range(11) %}{% endfor %}")
    assert render("{% for i in range(11) %}x{% endfor %}") == "x" * 11


@pytest.mark.parametrize("text", TOO_MUCH, ids=lambda text: text[-60:])
@pytest.mark.timeout(20)
@pytest.mark.usefixtures("small_budget")
def test_too_much_is_an_error_before_it_is_done(text: str) -> None:
    with pytest.raises(TemplateError):
        render(text)


@pytest.mark.usefixtures("small_budget")
def test_passes_of_nested_loops_count_together() -> None:
    with pytest.raises(TemplateError, match="it makes more than 10,000 loop passes"):
        render("{% for i in range(2) %}{% for j in range(9000) %}{% endfor %}{% endfor %}")
    render("{% for j in range(9000) %}{% endfor %}")


WITHIN = {
    "{% for i in range(100000) %}x{% endfor %}": 100_000,
    "{{ 'a' * 10**7 }}": 10**7,
    "{{ range(100000) | list }}": 100_000,
    "{{ range(100000) | map('string') | join }}": 488_890,
    "{% set ns = namespace(t='') %}{% for i in range(2000) %}{% set ns.t = ns.t ~ 'x' %}{% endfor %}{{ ns.t }}": 2000,
}


@pytest.mark.parametrize(("text", "length"), WITHIN.items(), ids=WITHIN)
def test_ordinary_amounts_are_allowed(text: str, length: int) -> None:
    assert len(render(text)) == length


def test_each_rendering_has_its_own_budget() -> None:
    text = "{{ 'a' * 10**7 }}!"
    for _ in range(3):
        assert len(render(text)) == 10**7 + 1


def test_large_data_in_text() -> None:
    names = Names({"a": (0, 0)}, ())
    for output in ("a" * (MAX_TEXT + 1), ["a" * (MAX_TEXT // 2)] * 3, [0] * (MAX_ELEMENTS + 1)):
        scope = Scope([completed("a", output)])
        assert template("{{ steps.a.output }}", names).render(scope) is output
        for text in ("x{{ steps.a.output }}", "{{ steps.a.output ~ '' }}"):
            with pytest.raises(TemplateError, match="it makes more than"):
                template(text, names).render(scope)


def test_deep_data() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    scope = Scope([completed("a", deep)])
    names = Names({"a": (0, 0)}, ())
    for text in ("x{{ steps.a.output }}", "{{ steps.a.output | tojson }}", "{{ steps.a.output | default(1) }}"):
        with pytest.raises(TemplateError):
            template(text, names).render(scope)


@pytest.mark.parametrize(
    "expression",
    ["'%d' % X", "'%f' % X", "'{:f}'.format(X)", "X | int"],
)
def test_decimals_are_not_written_out(expression: str) -> None:
    scope = Scope([completed("a", Decimal("1E+999999999"))])
    text = "{{ " + expression.replace("X", "steps.a.output") + " }}"
    with pytest.raises(TemplateError, match="digits"):
        template(text, Names({"a": (0, 0)}, ())).render(scope)


ESCAPES = [
    "''.__class__",
    "''['__class__']",
    "'' | attr('__class__')",
    "[''] | map(attribute='__class__') | list",
    "[''] | map('attr', '__class__') | list",
    "'{0.__class__}'.format('')",
    "'{0[__class__]}'.format('')",
    "'{0.__class__.__mro__}' | format('')",
    "'{a.__class__}'.format_map({'a': 1})",
    "(1).__class__",
    "steps.a.output.rows.__class__",
    "steps.a.output['__class__']",
    "steps.__class__",
    "steps._data",
    "steps['_data']",
    "inputs.__class__ | string",
    "namespace().__init__",
    "namespace()._Namespace__attrs",
    "[].append(1)",
    "steps.a.output.items.append(1)",
    "steps.a.output.update({})",
    "{}.pop('x')",
    "''.join.__self__",
    "range(3).start",
    "(1, 2)._fields",
    "cycler('a')",
    "joiner()",
    "''.encode('utf-8')",
    "'a'.translate({})",
    "'a'.maketrans('a', 'b')",
    "config.keys.__self__",
]


@pytest.mark.parametrize("expression", ESCAPES)
def test_no_way_out(expression: str) -> None:
    with pytest.raises(TemplateError):
        parse("{{ " + expression + " }}", NAMES).render(SCOPE)


@pytest.mark.parametrize("name", ["__class__", "_x", "index2"])
def test_loops_show_their_fields_only(name: str) -> None:
    with pytest.raises(TemplateError, match=name):
        render("{% for i in [1] %}{{ loop." + name + " }}{% endfor %}")


def test_macros_show_nothing() -> None:
    with pytest.raises(TemplateError, match="_func"):
        render("{% macro m() %}{% endmacro %}{{ m._func }}")
    with pytest.raises(TemplateError, match="no method"):
        render("{% macro m() %}{% endmacro %}{{ m.__init__() }}")
