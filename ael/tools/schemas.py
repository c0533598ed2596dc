"""Params against a tool's input schema: every misfit at once, with its path."""

from __future__ import annotations

from collections.abc import Mapping

from ael.errors import ParamInvalidError
from ael.schema_check import SchemaError, Validator, validator_for
from ael.types import JsonValue

__all__ = ["check_params", "params_error", "params_invalid"]


def check_params(schema: Mapping[str, JsonValue], params: Mapping[str, JsonValue], tool: str) -> None:
    """Validate the params of one call.

    Raises:
        ParamInvalidError: They do not fit, or the schema is not one; ``details["problems"]`` has everything.
    """
    try:
        validator = validator_for(schema)
    except SchemaError as error:
        raise ParamInvalidError(f"the input schema of tool {tool!r} is not valid: {error}") from error
    if not validator.accepts(params):
        raise params_invalid(validator, params, tool)


def params_invalid(validator: Validator, params: Mapping[str, JsonValue], tool: str) -> ParamInvalidError:
    """The error for params that ``validator`` does not accept."""
    return params_error(tool, [problem.removeprefix("$: ") for problem in validator.problems(params)])


def params_error(tool: str, problems: list[str]) -> ParamInvalidError:
    """One sentence with all problems."""
    return ParamInvalidError(
        f"the params of tool {tool!r} are not valid: {'; '.join(problems)}", details={"problems": problems}
    )
