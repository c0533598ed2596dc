"""Every key of a step beside every body: the whole product, held against the language's own words."""

from __future__ import annotations

import json
from itertools import product

import jsonschema_rs
import pytest

from ael.language import parse
from ael.language.records import STAGE
from ael.language.schema import json_schema
from ael.language.tables import BODIES, GOES_WITH, STEP, UNDO, UNDO_BODIES
from ael.types import JsonValue

VALIDATOR = jsonschema_rs.Draft202012Validator(json_schema())
BODY_VALUES: dict[str, JsonValue] = {
    "tool": "t",
    "code": "return 1",
    "steps": [{"id": "inner", "tool": "t"}],
    "choose": [{"when": "true", "steps": [{"id": "inner", "tool": "t"}]}],
    "workflow": "other",
    "exit": "completed",
}
KEY_VALUES: dict[str, JsonValue] = {
    "id": "a",
    "depends_on": ["x"],
    "join": "any",
    "when": "true",
    "params": {},
    "mcp": "git",
    "parse": "json",
    "on_missing_tool": "skip",
    "executor": "safe",
    "output": 1,
    "for_each": [1],
    "repeat": {"max": 2},
    "retry": 3,
    "on_error": "skip",
    "fallback": 1,
    "timeout": {"attempt": 3, "total": 9},
    "limits": "p",
    "undo": {"tool": "t"},
}
EVERYWHERE = {"id", "depends_on", "join", "when"}
WORK = {"for_each", "repeat", "retry", "on_error", "fallback", "timeout", "limits", "undo"}
ALLOWED = {
    "tool": EVERYWHERE | WORK | {"params", "mcp", "parse", "on_missing_tool"},
    "code": EVERYWHERE | WORK | {"executor"},
    "steps": EVERYWHERE | WORK | {"output"},
    "choose": EVERYWHERE | WORK,
    "workflow": EVERYWHERE | WORK | {"params"},
    "exit": EVERYWHERE,
}
PAIRS = list(product(BODY_VALUES, KEY_VALUES))


def document(body: str, key: str) -> JsonValue:
    step = {"id": "a", body: BODY_VALUES[body], key: KEY_VALUES[key]}
    if key == "fallback":
        step["when"] = "true"
    if key == "join":
        step["depends_on"] = ["x"]
    steps = [{"id": "x", "tool": "t"}, step]
    return {"name": "w", "limits": {"p": 1}, "on_failure": "undo", "steps": steps}


def test_the_product_is_complete() -> None:
    now = {key.name for key in STEP.keys if key.stage <= STAGE}
    assert set(BODY_VALUES) | set(KEY_VALUES) == now
    assert set(BODY_VALUES) == set(BODIES) & now
    assert set(GOES_WITH) == set(KEY_VALUES) - EVERYWHERE


@pytest.mark.parametrize(("body", "key"), PAIRS, ids=[f"{key} beside {body}" for body, key in PAIRS])
def test_a_key_goes_with_a_body_or_is_refused_with_those_it_goes_with(body: str, key: str) -> None:
    written = document(body, key)
    found = [problem for problem in parse(json.dumps(written))[1] if problem.is_error]
    if key in ALLOWED[body]:
        assert found == []
        VALIDATOR.validate(written)
        return
    (problem,) = found
    assert problem.code == "AEL113"
    assert problem.message.startswith(f"`{key}` means nothing in step 'a': it goes with ")
    named = {name for name in BODIES if f"`{name}`" in problem.message.partition("goes with")[2]}
    assert named == {name for name in ALLOWED if key in ALLOWED[name]}
    assert not VALIDATOR.is_valid(written)


BOTH = list(product(BODY_VALUES, BODY_VALUES))


@pytest.mark.parametrize(("first", "second"), BOTH, ids=[f"{first} and {second}" for first, second in BOTH])
def test_a_step_has_one_body(first: str, second: str) -> None:
    written = {
        "name": "w",
        "steps": [{"id": "a", first: BODY_VALUES[first]} | {second: BODY_VALUES[second]}],
    }
    codes = [problem.code for problem in parse(json.dumps(written))[1] if problem.is_error]
    assert codes == ([] if first == second else ["AEL112"])
    assert VALIDATOR.is_valid(written) == (first == second)


UNDO_VALUES = {
    "params": {},
    "mcp": "git",
    "parse": "json",
    "executor": "safe",
    "retry": 3,
    "timeout": 3,
}
UNDO_PAIRS = list(product(UNDO_BODIES, UNDO_VALUES))


def test_the_product_of_undo_is_complete() -> None:
    assert {*UNDO_BODIES, *UNDO_VALUES} == {key.name for key in UNDO.keys}


@pytest.mark.parametrize(("body", "key"), UNDO_PAIRS, ids=[f"{key} beside {body}" for body, key in UNDO_PAIRS])
def test_an_undo_has_the_keys_of_its_body(body: str, key: str) -> None:
    undo = {body: BODY_VALUES[body], key: UNDO_VALUES[key]}
    written = {"name": "w", "on_failure": "undo", "steps": [{"id": "a", "tool": "t", "undo": undo}]}
    found = [problem for problem in parse(json.dumps(written))[1] if problem.is_error]
    if key in ALLOWED[body]:
        assert found == []
    else:
        assert [problem.code for problem in found] == ["AEL113"]
        assert found[0].message.startswith(f"`{key}` means nothing in `undo` of step 'a'")
    assert VALIDATOR.is_valid(written) == (found == [])
