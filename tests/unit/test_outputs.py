"""Outputs, made from what steps left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from ael.compiler import compile_plan
from ael.context import ExecutionContext
from ael.definition import InputDefinition, OutputDefinition
from ael.errors import OutputInvalidError
from ael.language import parse
from ael.outputs import make_outputs, output_schema
from ael.testing import make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue, StepResult, StepStatus
from tests.build import step, workflow

SKIPPED = StepResult("skipped", StepStatus.SKIPPED, None, skip_reason="condition", usable=False)
FELL_BACK = StepResult("fell", StepStatus.SKIPPED, "instead", skip_reason="error: MINE")


def context_of(*outputs: OutputDefinition, output: JsonValue = None) -> ExecutionContext:
    steps = step("a"), step("skipped"), step("fell")
    plan = compile_plan(workflow(*steps, inputs=(InputDefinition("n"),), outputs=outputs))
    context = ExecutionContext(plan, {"n": 3}, execution_id="id")
    for number, result in enumerate((StepResult("a", StepStatus.COMPLETED, output), SKIPPED, FELL_BACK)):
        context.record(number, result)
    return context


def make(value: JsonValue, output: JsonValue = None, **fields: JsonValue) -> tuple[JsonValue, list[str]]:
    context = context_of(OutputDefinition("x", value, **fields), output=output)
    return make_outputs(context)["x"], context.warnings


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ steps.a.output }}", {"k": [1, None]}),
        ("{{ steps.a.output.k[0] }}", 1),
        ("n is {{ inputs.n }}", "n is 3"),
        ({"all": ["{{ inputs.n }}", "{{ steps.a.output.k }}"], "c": 1}, {"all": [3, [1, None]], "c": 1}),
        ("constant", "constant"),
        (7, 7),
        (None, None),
        ("{{ steps.skipped.output | default('none') }}", "none"),
        ("{{ steps.skipped.status }}", "skipped"),
        ("{{ steps.fell.output }}", "instead"),
    ],
    ids=["native", "part", "text", "structure", "constant", "number", "null", "skipped with default", "its status",
         "fallback"],
)  # fmt: skip
def test_values(value: JsonValue, expected: JsonValue) -> None:
    assert make(value, {"k": [1, None]}) == (expected, [])


@pytest.mark.parametrize(
    "value",
    ["{{ steps.skipped.output }}", "{{ steps.skipped.output.k }}", "got {{ steps.skipped.output }}",
     {"some": 1, "other": ["{{ steps.skipped.output }}"]}],
    ids=["whole", "a key of it", "in text", "in a structure"],
)  # fmt: skip
def test_the_output_of_a_skipped_step_is_null_with_a_warning(value: JsonValue) -> None:
    made, warnings = make(value)
    assert made is None
    (warning,) = warnings
    assert "output 'x' is null" in warning
    assert "'skipped'" in warning


@pytest.mark.parametrize(
    ("value", "schema", "words"),
    [
        ("{{ steps.a.output.nothing }}", None, "output 'x': "),
        ("{{ 1 // 0 }}", None, "output 'x': "),
        ("{{ steps.a.output.k }}", {"type": "string"}, "output 'x' does not fit its schema: $: [1] is not of type"),
        ("{{ steps.a.output }}", {"properties": {"k": {"maxItems": 0}}, "required": ["z"]}, "$.k: [1] has more than"),
    ],
    ids=["missing", "failing", "misfit", "several misfits"],
)
def test_what_fails_names_the_output(value: JsonValue, schema: Mapping[str, JsonValue] | None, words: str) -> None:
    with pytest.raises(OutputInvalidError) as caught:
        make(value, {"k": [1]}, schema=schema)
    assert words in caught.value.message
    assert caught.value.message.startswith("output 'x'")
    assert caught.value.details["output"] == "x"


def test_a_failing_output_has_its_place_in_the_file_and_keeps_the_steps() -> None:
    text = "name: w\nsteps:\n  - {id: a, tool: t}\noutputs:\n  good: 1\n  bad: '{{ steps.a.output.nothing }}'\n"
    definition, _ = parse(text, filename="w.yaml")
    assert definition is not None

    async def main() -> ExecutionResult:
        return await make_engine(definition, tools={"t": lambda params: {"k": 1}}).execute("w")

    result = run_virtual(main())
    assert result.error is not None
    assert (result.status, result.error.code, result.outputs) == ("failed", "OUTPUT_INVALID", {})
    assert (result.error.details["file"], result.error.details["line"], result.error.details["column"]) == (
        "w.yaml", 6, 8,
    )  # fmt: skip
    assert result["a"].output == {"k": 1}


def test_dates_and_bytes_fit_what_they_are_in_json() -> None:
    value = {"when": date(2027, 1, 1), "raw": b"x"}
    schema = {"additionalProperties": {"type": "string"}}
    assert make("{{ steps.a.output }}", value, schema=schema) == (value, [])


def test_outputs_share_nothing_with_the_steps_or_each_other() -> None:
    output = {"k": [1]}
    context = context_of(
        OutputDefinition("x", "{{ steps.a.output }}"), OutputDefinition("y", "{{ steps.a.output.k }}"), output=output
    )
    made = make_outputs(context)
    made["x"]["k"].append(2)
    made["y"].append(3)
    assert made == {"x": {"k": [1, 2]}, "y": [1, 3]}
    assert output == {"k": [1]}


def test_outputs_made_in_python_need_no_places() -> None:
    context = context_of(*(OutputDefinition(name, f"{{{{ inputs.n }}}} {name}") for name in "zyx"))
    assert list(make_outputs(context).items()) == [("z", "3 z"), ("y", "3 y"), ("x", "3 x")]


def test_the_outputs_as_a_schema() -> None:
    assert output_schema(workflow(step("a"))) is None
    schema = {"type": "integer", "description": "own"}
    outputs = (
        OutputDefinition("n", 1, "said beside", schema),
        OutputDefinition("m", 1, "said", {"type": "string"}),
        OutputDefinition("k", 1),
    )
    made = output_schema(workflow(step("a"), outputs=outputs))
    assert made == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "own"}, "m": {"type": "string", "description": "said"}, "k": {},
        },
        "required": ["n", "m", "k"],
    }  # fmt: skip
    made["properties"]["n"]["type"] = "null"
    assert schema["type"] == "integer"
