"""Making params anew: their value, that nothing of it is shared, and what it costs to get ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.builders import builder
from ael.definition import Path
from ael.templates import Template
from ael.types import JsonValue
from tests.unit.templates.support import OUTPUT, SCOPE, STEP, template


def templates_of(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, Template]]:
    if isinstance(value, str):
        if "{{" in value:
            yield path, template(value)
        return
    children = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in children:
        yield from templates_of(item, (*path, key))


def built(value: JsonValue) -> JsonValue:
    return builder(value, (), dict(templates_of(value)))(SCOPE, STEP)


PATH, EXPRESSION = "{{ steps.a.output.rows }}", "{{ steps.a.output.items | length }}"
RENDERED = {PATH: OUTPUT["rows"], EXPRESSION: 2}
LEAVES = st.sampled_from([1, None, True, "plain", PATH, EXPRESSION])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
)


def expected(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expected(item) for item in value]
    return RENDERED.get(value, value) if isinstance(value, str) else value


@given(VALUES)
def test_templates_are_rendered_wherever_they_stand(value: JsonValue) -> None:
    assert built(value) == expected(value)


@pytest.mark.parametrize("value", [PATH, [PATH], {"a": PATH}, {"a": PATH, "b": EXPRESSION}, [[{"a": PATH}]], []])
def test_nothing_is_shared(value: JsonValue) -> None:
    build = builder(value, (), dict(templates_of(value)))
    one, other = build(SCOPE, STEP), build(SCOPE, STEP)
    assert one == other
    assert one is not other
    containers = [each for each in (one, other) for each in inner_containers(each)]
    assert len({id(each) for each in containers}) == len(containers)
    assert id(OUTPUT["rows"]) not in {id(each) for each in containers}


def inner_containers(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from inner_containers(item)


class CountedTemplates(dict[Path, Template]):
    """Counts how often something is looked up."""

    asked = 0

    def __contains__(self, key: object) -> bool:
        self.asked += 1
        return super().__contains__(key)


@pytest.mark.parametrize("levels", [10, 60])
def test_a_deep_value_is_walked_once(levels: int) -> None:
    value: JsonValue = EXPRESSION
    for _ in range(levels):
        value = {"beside": "text", "inside": value}
    templates = CountedTemplates(templates_of(value))
    builder(value, (), templates)
    assert templates.asked == levels + 1
