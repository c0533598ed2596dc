"""Params against a tool's input schema: every misfit at once, with its path."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date, datetime

from ael.errors import ParamInvalidError
from ael.schema_check import SchemaError, Validator, validator_for
from ael.types import JsonValue

__all__ = ["check_params", "json_view", "params_error", "params_invalid"]


def check_params(schema: Mapping[str, JsonValue], params: Mapping[str, JsonValue], tool: str) -> None:
    """Validate the params of one call. Dates and bytes in them count as the text JSON has for them.

    Raises:
        ParamInvalidError: They do not fit, or the schema is not one; ``details["problems"]`` has everything.
    """
    try:
        validator = validator_for(schema)
    except SchemaError as error:
        raise ParamInvalidError(f"the input schema of tool {tool!r} is not valid: {error}") from error
    view = json_view(params)
    if not validator.accepts(view):
        raise params_invalid(validator, view, tool)


def params_invalid(validator: Validator, view: Mapping[str, JsonValue], tool: str) -> ParamInvalidError:
    """The error for params, in the view of :func:`json_view`, that ``validator`` does not accept."""
    return params_error(tool, [problem.removeprefix("$: ") for problem in validator.problems(view)])


def params_error(tool: str, problems: list[str]) -> ParamInvalidError:
    """One sentence with all problems."""
    return ParamInvalidError(
        f"the params of tool {tool!r} are not valid: {'; '.join(problems)}", details={"problems": problems}
    )


def json_view(value: JsonValue) -> JsonValue:
    """A copy of a normalised value as JSON says it: ISO text for dates, base64 for bytes; numbers stay numbers."""
    match value:
        case Mapping():
            return {key: json_view(item) for key, item in value.items()}
        case list() | tuple():
            return [json_view(item) for item in value]
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case _:
            return value
