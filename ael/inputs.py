"""The inputs of an execution: all problems at once, then completed and copied."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from ael.definition import MISSING, InputDefinition, WorkflowDefinition
from ael.errors import InputInvalidError
from ael.schema_check import validator_for
from ael.types import JsonValue
from ael.values import NotDataError, copy_value, normalise

__all__ = ["complete_inputs", "input_schema"]


def complete_inputs(definition: WorkflowDefinition, given: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    """The inputs of one execution, its own copy, defaults filled in, in the order of declaration.

    An optional input that was not given and has no default is ``None``.

    Raises:
        InputInvalidError: Missing, unknown, of the wrong type or against a constraint; ``details["problems"]`` has all.
    """
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise InputInvalidError(
            f"the inputs of workflow {definition.name!r} must be a mapping, not {type(given).__name__}"
        )
    problems = [_unknown(name, definition) for name in given if name not in _names(definition)]
    completed: dict[str, JsonValue] = {}
    for declared in definition.inputs:
        if declared.name in given:
            completed[declared.name] = _checked(declared, given[declared.name], problems)
        elif declared.default is not MISSING:
            completed[declared.name] = _own(declared, declared.default, problems)
        elif declared.required:
            problems.append(f"input {declared.name!r} is required")
        else:
            completed[declared.name] = None
    if problems:
        raise InputInvalidError(
            f"the inputs of workflow {definition.name!r} are not valid: {'; '.join(problems)}",
            details={"problems": problems},
        )
    return completed


def _names(definition: WorkflowDefinition) -> list[str]:
    return [declared.name for declared in definition.inputs]


def _unknown(name: str, definition: WorkflowDefinition) -> str:
    names = _names(definition)
    near = get_close_matches(str(name), names, n=1)
    if near:
        return f"input {name!r} is not declared; did you mean {near[0]!r}?"
    return f"input {name!r} is not declared; the workflow takes {', '.join(names) or 'no inputs'}"


def _checked(declared: InputDefinition, value: JsonValue, problems: list[str]) -> JsonValue:
    """The value as data of our own, if it fits; problems go to the list."""
    own = _own(declared, value, problems)
    if own is MISSING:
        return None
    if own is None and not declared.required and declared.default is MISSING:
        return None  # what an optional input is when it is not given
    if declared.schema:
        validator = validator_for(declared.schema)
        if not validator.accepts(own):
            problems.extend(f"input {declared.name!r}: {_without_root(text)}" for text in validator.problems(own))
    return own


def _own(declared: InputDefinition, value: JsonValue, problems: list[str]) -> JsonValue:
    """The value as data; ``MISSING`` if it is none."""
    try:
        return normalise(value)
    except NotDataError as error:
        problems.append(f"input {declared.name!r}: {error}")
        return MISSING


def _without_root(problem: str) -> str:
    return problem.removeprefix("$: ")


def input_schema(definition: WorkflowDefinition) -> dict[str, JsonValue]:
    """The inputs as one JSON Schema object, as tools have it."""
    properties: dict[str, JsonValue] = {}
    for declared in definition.inputs:
        schema = copy_value(dict(declared.schema))
        if declared.default is not MISSING:
            schema["default"] = copy_value(declared.default)
        properties[declared.name] = schema
    required = [declared.name for declared in definition.inputs if declared.required and declared.default is MISSING]
    result: dict[str, JsonValue] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        result["required"] = required
    return result
