"""Every way to get the syntax of a template wrong: what is said, under what the caret is, and what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.templates import Names, TemplateProblem, parse, parse_condition

NAMES = Names(steps={"a": (0, 0)}, inputs=frozenset({"x", "y"}))

SAID: dict[str, tuple[str, str, str]] = {
    # text: message, marked text, advice
    "{{ inputs.x": ("`{{` is never closed by `}}`", "{{", "close it with `}}`"),
    "{{ inputs.x }": ("`{{` is never closed by `}}`", "{{", "close it with `}}`"),
    "{{ inputs.x }} {{ inputs.y": ("`{{` is never closed by `}}`", "{{", "close it with `}}`"),
    "{{ inputs.x %}": ("`{{` is never closed by `}}`", "{{", "close it with `}}`"),
    "{{ {'a': 1 }}": ("`{{` is never closed by `}}`", "{{", "close it with `}}`"),
    "{% if inputs.x }} a {% endif %}": ("`{%` is never closed by `%}`", "{%", "close it with `%}`"),
    "{{{ inputs.x }}}": ("`{{{` has a brace too many", "{{{", "write `{{ ... }}`"),
    "a {# b": ("`{#` is never closed by `#}`", "{#", "a comment ends with `#}`"),
    "a {#": ("`{#` is never closed by `#}`", "{#", "a comment ends with `#}`"),
    "{% raw %} b": ("`{% raw %}` is never closed", "{% raw %}", "close it with `{% endraw %}`"),
    "{{ (inputs.x }}": ("`(` is never closed", "(", "add `)`"),
    "{{ inputs.x[0 }}": ("`[` is never closed", "[", "add `]`"),
    "{{ (1] }}": ("`(` is never closed", "(", "add `)`"),
    "{{ ')' ~ (1] }}": ("`(` is never closed", "(", "add `)`"),
    "{{ inputs.x) }}": ("`)` closes nothing", ")", "remove it, or open it before"),
    "{{ 'a }}": ("this quote is never closed", "'", "close it; to have such a quote"),
    '{{ "a }}': ("this quote is never closed", '"', "close it; to have such a quote"),
    "{{ }}": ("there is nothing between `{{` and `}}`", "{{ }}", ""),
    "{%  %}": ("there is nothing between `{%` and `%}`", "{%  %}", ""),
    "{{ inputs.x + }}": ("a value is missing after `+`", "+", "write it, or remove `+`"),
    "{{ inputs.x == }}": ("a value is missing after `==`", "==", "write it, or remove `==`"),
    "{{ inputs.x if }}": ("a value is missing after `if`", "if", "write it, or remove `if`"),
    "{{ inputs.x | }}": ("the name of a filter is missing after `|`", "|", "write it, or remove `|`"),
    "{{ inputs.x is }}": ("the name of a test is missing after `is`", "is", "write it, or remove `is`"),
    "{{ inputs. }}": ("a name is missing after `.`", ".", "write it, or remove `.`"),
    "{{ inputs.x inputs.y }}": ("`inputs` cannot stand after `x`", "inputs", "put an operator"),
    "{{ inputs.x | default 'a' }}": ("`'a'` cannot stand after `default`", "'a'", "put an operator"),
    "{{ * }}": ("`*` cannot stand after `{{`", "*", "put an operator"),
    "{{ inputs.x @ 2 }}": ("`@` has no meaning in templates", "@", "quote it"),
    "{{ inputs.x && inputs.y }}": ("`&&` is not known in templates", "&&", "write `and`"),
    "{{ inputs.x || inputs.y }}": ("`||` is not known in templates", "||", "write `or`"),
    "{{ !inputs.x }}": ("`!` is not known in templates", "!", "write `not`"),
    "{{ inputs.x = 3 }}": ("`=` is not known in templates", "=", "write `==` to compare"),
    "{{ inputs.x === 3 }}": ("`===` is not known in templates", "===", "write `==`"),
    "{{ inputs.x ? 1 : 2 }}": ("`?` is not known in templates", "?", "write `A if CONDITION else B`"),
    "{{ inputs?.x }}": ("`?.` is not known in templates", "?.", "write `.`"),
    "{{ $json.x }}": ("`$` is not known in templates", "$", "names stand without `$`"),
    "{{ inputs.x AND inputs.y }}": ("`AND` is not known in templates", "AND", "write `and`"),
    "{{ NOT inputs.x }}": ("`NOT` is not known in templates", "NOT", "write `not`"),
    "{{ inputs.x contains 'a' }}": ("`contains` is not known in templates", "contains", "write `PART in WHOLE`"),
    "{% nope %}": ("there is no tag `{% nope %}`", "nope", "the tags are if, for"),
    "{% fro x in inputs.x %}": ("there is no tag `{% fro %}`", "fro", "did you mean 'for'?"),
    "{% endif %}": ("`{% endif %}` has no `{% if %}` before it", "endif", "remove it"),
    "{% else %}": ("`{% else %}` has no `{% if %}` before it", "else", "remove it"),
    "{% if inputs.x %}a": ("`{% if %}` is never closed", "{% if", "close it with `{% endif %}`"),
    "{% for z in inputs.x %}": ("`{% for %}` is never closed", "{% for", "close it with `{% endfor %}`"),
    "{% if 1 %}a{% endfor %}": ("`{% endfor %}` stands where `{% if %}` is open", "endfor", "close it with"),
    "{% for inputs.x %}{% endfor %}": ("`in` is missing in `{% for %}`", ".", "write `{% for NAME in LIST %}`"),
    "{% if 1 %}a{% else if 2 %}{% endif %}": ("`else if` is not known in templates", "else if", "write `elif`"),
}


def marked(text: str, problem: TemplateProblem) -> str:
    return text[problem.offset : problem.offset + problem.length]


@pytest.mark.parametrize(("text", "said"), SAID.items(), ids=SAID)
def test_what_is_said(text: str, said: tuple[str, str, str]) -> None:
    (problem,) = parse(text, NAMES).problems
    message, where, advice = said
    assert (problem.kind, problem.message, marked(text, problem)) == ("syntax", message, where)
    assert (problem.advice or "").startswith(advice)


CONDITIONS = {
    "steps.a.output = 3": ("`=` is not known in templates", "="),
    "inputs.x and": ("a value is missing after `and`", "and"),
    "(inputs.x": ("`(` is never closed", "("),
    "inputs.x == 'a": ("this quote is never closed", "'"),
    "inputs.x }}": ("`}}` closes nothing", "}}"),
    "inputs.x === 1": ("`===` is not known in templates", "==="),
}


@pytest.mark.parametrize(("text", "said"), CONDITIONS.items(), ids=CONDITIONS)
def test_what_is_said_of_conditions(text: str, said: tuple[str, str]) -> None:
    (problem,) = parse_condition(text, NAMES).problems
    assert (problem.message, marked(text, problem)) == said


@given(
    st.lists(st.sampled_from(["{{", "}}", "{%", "%}", " if ", " x ", "'", '"', "(", "]", "|", "=", "!", "1", "end"]))
)
def test_the_words_of_jinja_never_show_and_the_place_is_in_the_text(parts: list[str]) -> None:
    text = "".join(parts)
    for problem in parse(text, NAMES).problems:
        assert "token" not in problem.message
        assert "Jinja" not in problem.message
        assert not problem.message.startswith("unexpected")
        assert 0 <= problem.offset < problem.offset + problem.length <= len(text)


def test_long_texts_cost_little_and_are_cut() -> None:
    (problem,) = parse("{{ inputs.x '" + "a" * 100_000 + "' }}", NAMES).problems
    assert len(problem.message) < 200
