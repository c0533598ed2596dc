"""Types before the run against what happens at run time: no false alarm, and no alarm that the run would not raise.

Schemas, values and expressions are random; the validator and the renderer are the judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ael.dataflow import analyse
from ael.definition import InputDefinition, StepDefinition, ToolBody, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.errors import TemplateError
from ael.language import check_definition
from ael.ports import ToolMiss, ToolSpec
from ael.schema_check import SchemaError, validator_for
from ael.schema_types import NEVER, SchemaReader, Type, closed_object, meet, of_value
from ael.templates import Names, infer, parse
from ael.types import JsonValue

KEYS = ("a", "b", "c")
TEXTS = st.sampled_from(["", "a", "b", "42", "x y", "é"])
NUMBERS = st.one_of(st.integers(-3, 6), st.sampled_from([0.5, 2.0, -1.5]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
LEAVES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["null", "boolean", "integer", "number", "string"])}),
    st.fixed_dictionaries({"enum": st.lists(VALUES, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"const": SCALARS}),
    st.fixed_dictionaries({"type": st.just("integer"), "minimum": st.integers(-2, 4)}),
    st.fixed_dictionaries({"maximum": st.integers(-2, 4), "multipleOf": st.sampled_from([1, 2])}),
    st.fixed_dictionaries({"type": st.just("string"), "minLength": st.integers(0, 2), "pattern": st.just("^[a-z]*$")}),
    st.fixed_dictionaries({"type": st.just(["string", "null"])}),
    st.fixed_dictionaries({"type": st.just("array")}),
    st.fixed_dictionaries({"type": st.just("object")}),
    st.fixed_dictionaries({"$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"])}),
    st.sampled_from([True, False, {}, {"nullable": True, "type": "string"}, {"not": {"type": "null"}}]),
)


def _containers(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    named = st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries(
            {"properties": named},
            optional={
                "type": st.just("object"),
                "required": st.lists(st.sampled_from(KEYS), max_size=2, unique=True),
                "additionalProperties": st.booleans() | inner,
                "patternProperties": st.fixed_dictionaries({"^b": inner}),
            },
        ),
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"minItems": st.integers(0, 2)}),
        st.fixed_dictionaries({"prefixItems": some, "items": inner}),
        st.fixed_dictionaries({"anyOf": some}, optional={"type": st.sampled_from(["string", "object", "array"])}),
        st.fixed_dictionaries({"oneOf": some}),
        st.fixed_dictionaries({"allOf": some}),
    )


SCHEMAS = st.recursive(LEAVES, _containers, max_leaves=6)
DEFINITIONS = st.fixed_dictionaries({"one": SCHEMAS, "two": SCHEMAS})


@attrs.frozen
class OneTool:
    """A catalog of one tool, ``call``."""

    spec: ToolSpec

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        return self.spec if name == self.spec.name else ToolMiss("unknown")

    def specs(self) -> tuple[ToolSpec, ...]:
        return (self.spec,)


def _object(schema: JsonValue, definitions: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "properties": {"p": schema}, "required": ["p"], "$defs": definitions}


def _problems(params: Mapping[str, JsonValue], schema: Mapping[str, JsonValue], **more: JsonValue) -> list[Diagnostic]:
    definition = WorkflowDefinition("demo", (StepDefinition("call", ToolBody("call", params)),), **more)
    found = check_definition(definition, analyse(definition), catalog=OneTool(ToolSpec("call", input_schema=schema)))
    return [problem for problem in found if problem.code.startswith("AEL4")]


def _accepts(schema: Mapping[str, JsonValue], value: JsonValue) -> bool:
    try:
        return validator_for(schema).accepts(value)
    except SchemaError:
        assume(False)
        raise


@given(SCHEMAS, DEFINITIONS, VALUES)
def test_what_is_written_is_refused_exactly_where_the_run_refuses_it(
    schema: JsonValue, definitions: JsonValue, value: JsonValue
) -> None:
    whole = _object(schema, definitions)
    found = _problems({"p": value}, whole)
    assert bool(found) is not _accepts(whole, {"p": value}), found


@given(SCHEMAS, DEFINITIONS, VALUES)
def test_a_valid_value_is_of_the_type_of_its_schema(
    schema: JsonValue, definitions: JsonValue, value: JsonValue
) -> None:
    whole = _object(schema, definitions)
    assume(_accepts(whole, {"p": value}))
    type_ = SchemaReader(whole).type_of(whole)
    assert meet(of_value({"p": value}), type_) != NEVER
    assert meet(type_, type_) != NEVER


@given(SCHEMAS, VALUES)
def test_an_input_fits_a_tool_with_the_same_schema(schema: JsonValue, value: JsonValue) -> None:
    assume(isinstance(schema, dict) and "#/" not in str(schema))
    assume(_accepts(schema, value))
    inputs = (InputDefinition("x", schema),)
    assert _problems({"p": "{{ inputs.x }}"}, _object(schema, {}), inputs=inputs) == []


@given(SCHEMAS, SCHEMAS, VALUES)
def test_an_input_is_refused_only_if_the_run_refuses_every_value_of_it(
    schema: JsonValue, wanted: JsonValue, value: JsonValue
) -> None:
    assume(isinstance(schema, dict) and "#/" not in str(schema) + str(wanted))
    assume(_accepts(schema, value))
    whole = _object(wanted, {})
    if _problems({"p": "{{ inputs.x }}"}, whole, inputs=(InputDefinition("x", schema),)):
        assert not _accepts(whole, {"p": value})


@given(VALUES, VALUES, VALUES)
def test_nothing_in_common_is_certain(one: JsonValue, other: JsonValue, third: JsonValue) -> None:
    types: list[Type] = [of_value([one, other]), of_value(third), of_value({"k": one, "m": other})]
    for type_ in types:
        assert meet(type_, type_) != NEVER
        for against in types:
            assert (meet(type_, against) == NEVER) is (meet(against, type_) == NEVER)


# Expressions

WITH_TEXT = ["length", "upper", "json", "string", "join(',')", "fromjson", "trim", "reverse", "map('string')"]
WITH_NUMBERS = ["int", "int(0)", "float(0.5)", "abs", "round", "sum", "max"]
WITH_LISTS = ["first", "last", "list", "sort", "unique", "keys", "values", "items", "select", "batch(2)"]
FILTERS = ["default(1)", "default('x')", *WITH_TEXT, *WITH_NUMBERS, *WITH_LISTS]
PATHS = ("inputs.x", "inputs.y", "inputs.x.a", "inputs.y[0]", "inputs.x.b.c", "inputs.y.a[1]")
ATOMS = st.one_of(
    st.sampled_from(PATHS), st.sampled_from(["1", "'a'", "none", "true", "[1, 'a']", "{'a': 1}", "2.5", "[]", "-3"])
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from(["+", "-", "*", "/", "//", "%", "~", "==", "<", ">=", "in", "not in", "and", "or"])
    return st.one_of(
        st.builds("({} {} {})".format, inner, operator, inner),
        st.builds("({} | {})".format, inner, st.sampled_from(FILTERS)),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} is {})".format, inner, st.sampled_from(["defined", "none", "mapping", "string", "number"])),
        st.builds("(not {})".format, inner),
        st.builds("(-{})".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'a': {}}}".format, inner),
        st.builds("({}).a".format, inner),
        st.builds("({})[0]".format, inner),
        st.builds("({})[1:]".format, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, _larger, max_leaves=5)
NAMES = Names(steps={}, inputs=("x", "y"))


@attrs.frozen
class Inputs:
    """Roots that know the types of the inputs."""

    type_: Type

    def root(self, name: str) -> Type:
        assert name == "inputs"
        return self.type_

    def step(self, step_id: str) -> Type:
        raise AssertionError(step_id)


def _check_expression(text: str, x: JsonValue, y: JsonValue, type_: Type) -> None:
    template = parse(text, NAMES)
    assume(not template.problems)
    found = infer(template, NAMES, Inputs(type_))
    claims = [problem for problem in found.problems if not problem.kind.endswith("_in_text")]
    data = SimpleNamespace(results=(), up=None, inputs={"x": x, "y": y}, roots={})
    try:
        value = template.render(data)
    except TemplateError:
        return
    assert meet(of_value(value), found.type) != NEVER
    if claims:
        assert _may_pass_by(text)


def _may_pass_by(text: str) -> bool:
    """Whether part of the expression may not have been asked, or stands in a list that only was counted."""
    return any(word in text for word in (" if ", " and ", " or ", "{'a': inputs", "["))


@given(EXPRESSIONS, VALUES, VALUES)
def test_what_cannot_go_right_goes_wrong(expression: str, x: JsonValue, y: JsonValue) -> None:
    type_ = closed_object({"x": of_value(x), "y": of_value(y)})
    _check_expression(f"{{{{ {expression} }}}}", x, y, type_)


@given(EXPRESSIONS, SCHEMAS, VALUES, VALUES)
def test_what_schemas_say_goes_wrong_goes_wrong(expression: str, schema: JsonValue, x: JsonValue, y: JsonValue) -> None:
    assume("#/" not in str(schema) and _accepts({"allOf": [schema]}, x))
    type_ = closed_object({"x": SchemaReader(schema).type_of(schema), "y": of_value(y)})
    _check_expression(f"a {{{{ {expression} }}}} {{{{ inputs.x }}}}", x, y, type_)


@pytest.mark.parametrize(
    "text", ["{% for i in inputs.x %}{{ i.a }}{% endfor %}", "{% if inputs.y %}{{ 1 }}{% endif %}"]
)
@given(x=VALUES, y=VALUES)
def test_statements_too(text: str, x: JsonValue, y: JsonValue) -> None:
    _check_expression(text, x, y, closed_object({"x": of_value(x), "y": of_value(y)}))
