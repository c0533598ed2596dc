"""Params against schemas that come from elsewhere, good and bad."""

from __future__ import annotations

import pytest

from ael.errors import ParamInvalidError
from ael.tools.schemas import check_params
from ael.types import JsonValue


def test_all_problems_are_told_with_their_places() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "integer"}}},
        "required": ["a", "b"],
    }
    with pytest.raises(ParamInvalidError) as caught:
        check_params(schema, {"a": [1, "x", None]}, "git.log")
    problems = caught.value.details["problems"]
    assert [each.partition(":")[0] for each in problems if each.startswith("$")] == ["$.a[1]", "$.a[2]"]
    assert len(problems) == 3
    assert caught.value.message == f"the params of tool 'git.log' are not valid: {'; '.join(problems)}"


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "nonsense"}, id="not a schema"),
        pytest.param({"$ref": "https://example.com/schema.json"}, id="remote reference"),
        pytest.param({"$ref": "#/$defs/none"}, id="reference to nothing"),
    ],
)
def test_a_schema_that_is_none_is_said_to_be_the_tools(schema: dict[str, JsonValue]) -> None:
    with pytest.raises(ParamInvalidError, match=r"the input schema of tool 'git\.log' is not valid: ") as caught:
        check_params(schema, {}, "git.log")
    assert "\n" not in caught.value.message
