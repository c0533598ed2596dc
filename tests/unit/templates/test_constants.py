"""What is known of a template before anything runs."""

from __future__ import annotations

import pytest

from ael.definition import MISSING
from ael.templates import constant_of, is_true, parse, parse_condition
from ael.types import JsonValue
from tests.unit.templates.support import NAMES, SCOPE

CONSTANTS = {
    "true": "true",
    " No ": " No ",
    "1 > 2": False,
    "{{ 3 }}": 3,
    "not false": True,
    "'a' ~ 'b'": "ab",
    "none": None,
    "[1, 2] | map('string') | join(',')": "1,2",
    "range(3) | sum": 3,
}


@pytest.mark.parametrize(("text", "value"), CONSTANTS.items(), ids=CONSTANTS)
def test_constants(text: str, value: JsonValue) -> None:
    found = constant_of(parse_condition(text, NAMES))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "inputs.n",
        "inputs.n or true",
        "steps.a.success",
        "step.attempt > 1",
        "execution_id",
        "1 / 0",
        "nope",
        "[1, 2] | random",
        "['random'] | map('random') | list",
        "range(100000) | select('odd') | list | length > 0",
    ],
)
def test_what_may_vary_fails_or_takes_long(text: str) -> None:
    assert constant_of(parse_condition(text, NAMES)) is MISSING


def test_text_is_constant_too() -> None:
    assert constant_of(parse("plain", NAMES)) == "plain"
    assert constant_of(parse("{# why #}off", NAMES)) == "off"
    assert not is_true(constant_of(parse_condition("off", NAMES)))


def test_the_next_rendering_has_its_whole_budget_again() -> None:
    loop = parse("{% for i in range(5000) %}{% endfor %}ok", NAMES)
    assert constant_of(loop) is MISSING
    assert loop.render(SCOPE) == "ok"
