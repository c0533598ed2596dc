"""What code returns, told from its text."""

from __future__ import annotations

import pytest

from ael.language.checks.code_types import code_type
from ael.schema_types import ANY, NEVER, NULL, ListType, ObjectType, meet, of_value, words


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return 1", "an integer"),
        ("return -1.5", "a number"),
        ("return", "null"),
        ("pass", "null"),
        ("", "null"),
        ("return 'a' 'b'", "text"),
        ("return f'{inputs.n}'", "text"),
        ("return b'x'", "anything"),
        ("return ...", "anything"),
        ("return [1, 2]", "a list"),
        ("return (1, 2)", "a list"),
        ("return [x for x in inputs.a]", "a list"),
        ("return {x: 1 for x in inputs.a}", "an object"),
        ("return {'a': 1}", "an object"),
        ("return 1 < inputs.n", "a boolean"),
        ("return not inputs.n", "a boolean"),
        ("return -inputs.n", "anything"),
        ("return 1 if inputs.n else 'a'", "an integer or text"),
        ("return 'a' or 1", "text or an integer"),
        ("return inputs.n", "anything"),
        ("return inputs.n + 1", "anything"),
        ("return await call_tool('a')", "anything"),
        ("return len(inputs.a)", "an integer"),
        ("return str(inputs.a)", "text"),
        ("return sorted(inputs.a)", "a list"),
        ("return work(inputs.a)", "anything"),
        ("return inputs.a.len()", "anything"),
        ("def len(x): return 'a'\nreturn len(1)", "anything"),
        ("len = str\nreturn len(1)", "anything"),
        ("def work(len):\n    return len(1)\nreturn len(2)", "anything"),
        ("for len in inputs.a: pass\nreturn len(1)", "anything"),
        ("if inputs.n:\n    return 1", "an integer or null"),
        ("if inputs.n:\n    return 1\nelse:\n    return 'a'", "an integer or text"),
        (
            "if inputs.n:\n    return 1\nelif inputs.m:\n    raise ValueError\nelse:\n    return 'a'",
            "an integer or text",
        ),
        ("for x in inputs.a:\n    return 1\nelse:\n    return 'a'", "an integer, text or null"),
        (
            "try:\n    return 1\nexcept ValueError:\n    return 'a'\nfinally:\n    return []",
            "an integer, text, a list or null",
        ),
        ("match inputs.n:\n    case 1:\n        return 1\n    case _:\n        return 'a'", "an integer, text or null"),
        ("with inputs.a:\n    return 1", "an integer or null"),
        ("while True:\n    return 1", "an integer or null"),
        ("def work():\n    return 'a'\nreturn 1", "an integer"),
        ("class A:\n    def work(self): return 'a'\nreturn 1", "an integer"),
        ("result = {'a': 1}", "an object"),
        ("result = 1\nresult = 'a'", "anything"),
        ("result = []\nresult.append(1)", "anything"),
        ("x = result = 1", "anything"),
        ("if inputs.n:\n    result = 1", "anything"),
        ("x = 1", "null"),
        ("result: int = 1", "anything"),
        ("data = {'a': 1}\nreturn data", "an object"),
        ("data = {'a': 1}\ndata['b'] = 2\nreturn data", "anything"),
        ("data = 1\nif inputs.n:\n    return data\nreturn 'a'", "an integer or text"),
        ("data, more = 1, 2\nreturn data", "anything"),
        ("x = y\ny = x\nreturn x", "anything"),
        ("return (", "anything"),
        ("return '\0'", "anything"),
    ],
)
def test_types(code: str, expected: str) -> None:
    assert words(code_type(code)) == expected


def test_objects_have_the_keys_that_are_written() -> None:
    found = code_type("return {'a': 1, 'b': [True], 'a': 'x'}")
    assert meet(found, of_value({"a": "x", "b": [True]})) != NEVER
    assert meet(found, of_value({"a": 1, "b": []})) == NEVER
    assert meet(found, of_value({"a": "x"})) == NEVER
    assert meet(found, of_value({"a": "x", "b": [], "c": 1})) == NEVER


@pytest.mark.parametrize(
    "code", ["return {'a': 1, **inputs.o}", "return {**inputs.o, 'a': 1}", "return {inputs.k: 1, 'a': 2}"]
)
def test_keys_that_are_not_written_may_be_any(code: str) -> None:
    found = code_type(code)
    assert isinstance(found, ObjectType)
    assert found.rest == ANY
    assert found.required == {"a"}


def test_lists_have_the_items_that_are_written() -> None:
    assert code_type("return [None]") == ListType(NULL)
