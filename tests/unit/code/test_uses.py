"""Which shape the names a step's code is given get."""

from __future__ import annotations

import ast

import pytest

from ael.code.uses import Shape, find_uses

ATTRIBUTES, DICT, VIEW = Shape.ATTRIBUTES, Shape.DICT, Shape.VIEW


@pytest.mark.parametrize(
    ("code", "shape"),
    [
        ("inputs.a", ATTRIBUTES),
        ("inputs.a.b['c']", ATTRIBUTES),
        ("context.inputs.a", ATTRIBUTES),
        ("inputs.items", ATTRIBUTES),
        ("inputs['a']", DICT),
        ("inputs.get('a')", DICT),
        ("context.inputs.get('a')", DICT),
        ("for x in inputs: pass", DICT),
        ("[x for x in inputs.values()]", DICT),
        ("'a' in inputs", DICT),
        ("len(inputs)", DICT),
        ("json.dumps(inputs)", DICT),
        ("{**inputs}", DICT),
        ("f(**inputs)", DICT),
        ("return inputs", DICT),
        ("inputs.a + inputs['b']", VIEW),
        ("inputs.a; context.inputs['b']", VIEW),
        ("i = inputs", VIEW),
        ("f(inputs)", VIEW),
        ("f(context)", VIEW),
        ("[inputs]", VIEW),
    ],
)
def test_the_cheapest_shape_that_can_do_it(code: str, shape: Shape) -> None:
    assert find_uses(ast.parse(code)).roots["inputs"].shape is shape


@pytest.mark.parametrize(
    ("code", "shape", "single"),
    [
        ("steps.a.output", ATTRIBUTES, ATTRIBUTES),
        ("steps['a'].output", DICT, ATTRIBUTES),
        ("steps.get('a').output", DICT, ATTRIBUTES),
        ("steps.a['output']", ATTRIBUTES, DICT),
        ("steps['a']['output']", DICT, DICT),
        ("x = steps.a", ATTRIBUTES, VIEW),
        ("x = steps.get('a')", DICT, VIEW),
        ("for s in steps.values(): s.output", DICT, VIEW),
        ("for s in steps: steps[s].output", DICT, VIEW),
        ("f(steps)", VIEW, VIEW),
    ],
)
def test_steps_have_a_shape_and_each_step_has_one(code: str, shape: Shape, single: Shape) -> None:
    uses = find_uses(ast.parse(code))
    assert (uses.roots["steps"].shape, uses.step.shape) == (shape, single)


def test_what_is_not_named_is_not_used() -> None:
    uses = find_uses(ast.parse("context.log(config.x)"))
    assert set(uses.roots) == {"config"}
    assert uses.context


@pytest.mark.parametrize(
    ("code", "shape", "whole"),
    [
        ("last.output", ATTRIBUTES, False),
        ("last['output']['k']", DICT, False),
        ("last.get('output')", DICT, False),
        ("last.output or last['round']", VIEW, False),
        ("last is None", VIEW, True),
        ("1 if last else 2", VIEW, True),
        ("x = last", VIEW, True),
        ("last = 1", VIEW, True),
    ],
)
def test_the_last_round_has_a_shape_too(code: str, shape: Shape, whole: bool) -> None:
    use = find_uses(ast.parse(code)).roots["last"]
    assert (use.shape, use.whole) == (shape, whole)


def test_other_names_are_known() -> None:
    assert find_uses(ast.parse("x = item['a'] + inputs.b\nf(page.c, context.last)")).names == {
        "x",
        "item",
        "f",
        "page",
        "context",
    }
