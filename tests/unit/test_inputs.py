"""Inputs of an execution: completed, copied, and all problems at once."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import attrs
import pytest

from ael.definition import InputDefinition, WorkflowDefinition
from ael.errors import InputInvalidError
from ael.inputs import complete_inputs, input_schema
from ael.language import parse
from ael.testing import make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue
from tests.build import step, workflow


def declare(text: str) -> WorkflowDefinition:
    """A workflow with these inputs, as a file has them."""
    definition, found = parse(f"name: w\ninputs: {text}\nsteps: [{{id: a, tool: t}}]\n", filename="w.yaml")
    assert definition is not None
    assert not [diagnostic for diagnostic in found if diagnostic.is_error], found
    return definition


def problems(definition: WorkflowDefinition, given: Mapping[str, JsonValue] | None) -> list[str]:
    with pytest.raises(InputInvalidError) as caught:
        complete_inputs(definition, given)
    error = caught.value
    assert error.code == "INPUT_INVALID"
    assert not error.retryable
    found: list[str] = error.details["problems"]
    assert all(problem in error.message for problem in found)
    return found


@pytest.mark.parametrize(
    ("declared", "given", "expected"),
    [
        ("{n: string}", {"n": "x"}, {"n": "x"}),
        ("{n: {type: integer}}", {"n": 3}, {"n": 3}),
        ("{n: {type: integer, default: 10}}", {}, {"n": 10}),
        ("{n: {type: integer, default: 10}}", {"n": 3}, {"n": 3}),
        ("{n: {type: string, required: false}}", {}, {"n": None}),
        ("{n: {type: string, required: false}}", {"n": None}, {"n": None}),
        ("{n: {type: string, required: false}}", {"n": "x"}, {"n": "x"}),
        ("{n: {default: null}}", {}, {"n": None}),
        ("{n: {}}", {"n": [1, {"a": None}]}, {"n": [1, {"a": None}]}),
        ("{n: {}}", {"n": None}, {"n": None}),
        ("{n: {type: [string, 'null']}}", {"n": None}, {"n": None}),
        ("{n: number}", {"n": 3}, {"n": 3}),
        ("{n: integer}", {"n": 10**40}, {"n": 10**40}),
        ("[url]", {"url": "u"}, {"url": "u"}),
        ("[{fmt: json}]", {}, {"fmt": "json"}),
        ("[{fmt: json}]", {"fmt": "xml"}, {"fmt": "xml"}),
        ("[{n: {type: integer}}]", {"n": 1}, {"n": 1}),
        ("[{name: n, type: integer, default: 2}]", {}, {"n": 2}),
        ("{b: {default: 1}, a: {default: 2}}", {"a": 0}, {"b": 1, "a": 0}),
        ("{}", {}, {}),
        ("{}", None, {}),
    ],
    ids=["short form", "schema", "default", "given wins", "optional", "optional, null given", "optional, given",
         "null is a default", "anything", "null is anything", "null allowed", "a whole number is a number",
         "as large as you like", "list: name", "list: default", "list: default, given", "list: schema",
         "list: with a name", "in the order of declaration", "none", "none given"],
)  # fmt: skip
def test_every_form(declared: str, given: Mapping[str, JsonValue] | None, expected: dict[str, JsonValue]) -> None:
    completed = complete_inputs(declare(declared), given)
    assert completed == expected
    assert list(completed) == list(expected)


@pytest.mark.parametrize(
    ("declared", "given", "words"),
    [
        ("{n: string}", {}, "input 'n' is required"),
        ("{n: {}}", {}, "input 'n' is required"),
        ("[url]", {}, "input 'url' is required"),
        ("{count: {default: 1}}", {"cuont": 2}, "input 'cuont' is not declared; did you mean 'count'?"),
        ("{}", {"x": 2}, "input 'x' is not declared; the workflow takes no inputs"),
        ("{a: {default: 1}, b: {default: 1}}", {"zzz": 2}, "input 'zzz' is not declared; the workflow takes a, b"),
        ("{n: integer}", {"n": True}, """input 'n': true is not of type "integer\""""),
        ("{n: number}", {"n": False}, """input 'n': false is not of type "number\""""),
        ("{n: integer}", {"n": "3"}, """input 'n': "3" is not of type "integer\""""),
        ("{n: integer}", {"n": 1.5}, """input 'n': 1.5 is not of type "integer\""""),
        ("{n: string}", {"n": 3}, """input 'n': 3 is not of type "string\""""),
        ("{n: string}", {"n": None}, """input 'n': null is not of type "string\""""),
        ("{n: {type: integer, default: 1}}", {"n": None}, """input 'n': null is not of type "integer\""""),
        ("{n: boolean}", {"n": 1}, """input 'n': 1 is not of type "boolean\""""),
        ("{n: {type: integer, minimum: 1}}", {"n": 0}, "input 'n': 0 is less than the minimum of 1"),
        ("{n: {enum: [a, b]}}", {"n": "c"}, """input 'n': "c" is not one of "a" or "b\""""),
        ("{n: {type: string, pattern: '^a'}}", {"n": "b"}, """input 'n': "b" does not match "^a\""""),
        ("{n: {type: array, items: {type: integer}}}", {"n": [1, "x"]}, """input 'n': $[1]: "x" is not of type"""),
        ("{n: {}}", {"n": math.nan}, "input 'n': $ is nan, which JSON cannot say"),
        ("{n: {}}", {"n": {"a": [object()]}}, "input 'n': $.a[0] is a object, which is no data"),
    ],
    ids=["missing", "missing, of any type", "missing, list form", "unknown, with the nearest", "unknown, none declared",
         "unknown, none near", "a boolean is no integer", "a boolean is no number", "no coercion", "not whole",
         "no text", "null is no text", "null is no default", "a number is no boolean", "constraint", "enum", "pattern",
         "deep", "nan", "no data"],
)  # fmt: skip
def test_every_problem(declared: str, given: Mapping[str, JsonValue], words: str) -> None:
    (problem,) = problems(declare(declared), given)
    assert problem.startswith(words)


def test_all_problems_at_once() -> None:
    definition = declare("{a: integer, b: string, c: {type: array, items: {type: integer}}, d: {}, e: {default: 1}}")
    found = problems(definition, {"a": True, "c": ["x", "y"], "d": [math.inf], "f": 1, "g": 2})
    assert [problem.split(":")[0].split(" is")[0] for problem in found] == [
        "input 'f'", "input 'g'", "input 'a'", "input 'b'", "input 'c'", "input 'c'", "input 'd'",
    ]  # fmt: skip


@pytest.mark.parametrize("given", [[], ["n"], "n", 3, {("n", 1)}], ids=repr)
def test_inputs_that_are_no_mapping(given: JsonValue) -> None:
    with pytest.raises(InputInvalidError, match=f"must be a mapping, not {type(given).__name__}"):
        complete_inputs(declare("{n: {default: 1}}"), given)


def test_any_mapping_will_do_and_keys_that_are_no_text_are_unknown() -> None:
    assert complete_inputs(declare("{n: integer}"), MappingProxyType({"n": 1})) == {"n": 1}
    assert problems(declare("{n: {default: 1}}"), {1: 2})[0].startswith("input 1 is not declared")  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "string"}, datetime(2027, 1, 1, tzinfo=UTC), True),
        ({"type": "string"}, date(2027, 1, 1), True),
        ({"type": "string"}, b"raw", True),
        ({"type": "object"}, {"when": date(2027, 1, 1)}, True),
        ({"type": "number"}, Decimal("1.5"), True),
        ({"type": "integer"}, date(2027, 1, 1), False),
        ({"type": "array", "items": {"type": "integer"}}, [1, b"raw"], False),
        ({"type": "string"}, "\ud800", True),
    ],
    ids=["datetime", "date", "bytes", "deep", "decimal", "a date is no number", "bytes are no number", "half a pair"],
)
def test_data_beyond_json_is_checked_as_what_it_is_in_json(
    schema: Mapping[str, JsonValue], value: JsonValue, fits: bool
) -> None:
    definition = workflow(step("a"), inputs=(InputDefinition("n", schema),))
    if fits:
        assert complete_inputs(definition, {"n": value}) == {"n": value}, "and stays what it is"
    else:
        assert problems(definition, {"n": value})


@attrs.define
class Order:
    items: list[str]


def test_the_callers_objects_stay_the_callers() -> None:
    given = {"n": {"a": [1, {"b": 2}]}, "order": Order(["x"])}
    before = copy.deepcopy(given)
    own = complete_inputs(declare("{n: {}, order: {}}"), given)
    assert own == {"n": {"a": [1, {"b": 2}]}, "order": {"items": ["x"]}}
    own["n"]["a"][1]["b"] = 3
    own["order"]["items"].append("y")
    own["new"] = 1
    assert given == before


def test_defaults_are_not_shared_between_executions() -> None:
    definition = declare("{n: {default: {a: [1]}}}")
    first = complete_inputs(definition, {})
    first["n"]["a"].append(2)
    assert complete_inputs(definition, {}) == {"n": {"a": [1]}}
    assert input_schema(definition)["properties"]["n"]["default"] == {"a": [1]}


def test_defaults_made_in_python_become_data() -> None:
    default = ([1], {"k": Order(["x"])})
    definition = workflow(step("a"), inputs=(InputDefinition("n", required=False, default=default),))
    first = complete_inputs(definition, None)
    assert first == {"n": [[1], {"k": {"items": ["x"]}}]}
    first["n"][0].append(2)
    assert complete_inputs(definition, None) == {"n": [[1], {"k": {"items": ["x"]}}]}


def test_what_a_step_does_to_its_inputs_reaches_nobody() -> None:
    def spoil(params: JsonValue) -> None:
        params["whole"]["a"].append("spoilt")
        params["part"].append("spoilt")

    async def main() -> list[ExecutionResult]:
        definition = attrs.evolve(
            declare("{n: {default: {a: [1]}}}"),
            steps=(
                step("a", "spoil", {"whole": "{{ inputs.n }}", "part": "{{ inputs.n.a }}"}),
                step("b", "echo", {"n": "{{ inputs.n }}"}, after="a"),
            ),
        )
        engine = make_engine(definition, tools={"spoil": spoil, "echo": lambda params: params})
        given = {"n": {"a": [1]}}
        results = [await engine.execute("w", given), await engine.execute("w"), await engine.execute("w")]
        assert given == {"n": {"a": [1]}}
        return results

    for result in run_virtual(main()):
        assert result.ok
        assert result["b"].output == {"n": {"a": [1]}}
        assert result.inputs == {"n": {"a": [1]}}


def test_the_inputs_as_a_tools_schema() -> None:
    definition = declare("{a: {type: integer, minimum: 1}, b: {type: string, default: x}, c: {required: false}}")
    schema = input_schema(definition)
    assert schema == {
        "type": "object",
        "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"type": "string", "default": "x"}, "c": {}},
        "additionalProperties": False,
        "required": ["a"],
    }
    schema["properties"]["a"]["minimum"] = 5
    assert problems(definition, {"a": 0}), "a copy"
    assert "required" not in input_schema(declare("{}"))
