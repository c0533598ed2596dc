"""What a caller may set for one execution."""

from __future__ import annotations

import math
from datetime import timedelta
from types import MappingProxyType

import pytest

from ael.errors import ConfigInvalidError
from ael.execution_config import ExecutionConfig, parse_execution_config
from ael.testing import make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue
from tests.build import sleep, step, workflow


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ExecutionConfig()),
        ({}, ExecutionConfig()),
        ({"max_parallel": 1}, ExecutionConfig(max_parallel=1)),
        ({"timeout": 30}, ExecutionConfig(timeout=30.0)),
        ({"timeout": 0.5}, ExecutionConfig(timeout=0.5)),
        ({"timeout": timedelta(minutes=1)}, ExecutionConfig(timeout=60.0)),
        ({"sequential": True}, ExecutionConfig(sequential=True)),
        ({"sequential": False}, ExecutionConfig(sequential=False)),
        ({"labels": {"who": "me", "n": 3}}, ExecutionConfig(labels={"who": "me", "n": "3"})),
        ({"vars": {"n": (1, 2)}}, ExecutionConfig(vars={"n": [1, 2]})),
        (MappingProxyType({"max_parallel": 2}), ExecutionConfig(max_parallel=2)),
        (ExecutionConfig(timeout=1), ExecutionConfig(timeout=1)),
    ],
    ids=["none", "empty", "max_parallel", "seconds", "parts of them", "timedelta", "sequential", "not sequential",
         "labels become text", "vars become data", "any mapping", "parsed before"],
)  # fmt: skip
def test_what_is_taken(given: JsonValue, expected: ExecutionConfig) -> None:
    assert parse_execution_config(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_parallel": 0}, "max_parallel: must be a whole number of at least 1, not 0"),
        ({"max_parallel": True}, "max_parallel: must be a whole number of at least 1, not True"),
        ({"max_parallel": 2.0}, "max_parallel: must be"),
        ({"max_parallel": "2"}, "max_parallel: must be"),
        ({"timeout": 0}, "timeout: must be seconds above 0, or a timedelta, not 0"),
        ({"timeout": -1}, "timeout: must be"),
        ({"timeout": True}, "timeout: must be"),
        ({"timeout": "30s"}, "timeout: must be"),
        ({"timeout": None}, "timeout: must be"),
        ({"timeout": math.nan}, "timeout: must be"),
        ({"timeout": timedelta(0)}, "timeout: must be"),
        ({"timeout": 10**400}, "timeout: "),
        ({"sequential": 1}, "sequential: must be true or false, not 1"),
        ({"labels": ["a"]}, "labels: must be a mapping of texts, not list"),
        ({"vars": [1]}, "vars: must be a mapping, not list"),
        ({"vars": {"a": [math.inf]}}, "vars: $.a[0] is inf, which JSON cannot say"),
        ({"timeot": 1}, "'timeot' is not a key of config; did you mean 'timeout'?"),
        ({"zzz": 1}, "'zzz' is not a key of config"),
        ({3: 1}, "3 is not a key of config"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, dict) else "",
)
def test_what_is_refused(given: JsonValue, words: str) -> None:
    with pytest.raises(ConfigInvalidError) as caught:
        parse_execution_config(given)
    (problem,) = caught.value.details["problems"]
    assert problem.startswith(words)
    assert problem in caught.value.message
    assert caught.value.hint is not None
    assert "max_parallel, timeout, labels, sequential, vars" in caught.value.hint


@pytest.mark.parametrize("given", [[], "x", 3, [("timeout", 1)]], ids=repr)
def test_a_config_is_a_mapping(given: JsonValue) -> None:
    with pytest.raises(ConfigInvalidError, match=f"must be a mapping, not {type(given).__name__}"):
        parse_execution_config(given)


def test_all_problems_at_once() -> None:
    with pytest.raises(ConfigInvalidError) as caught:
        parse_execution_config({"timeout": 0, "max_paralel": 1, "vars": 2, "labels": {}})
    assert len(caught.value.details["problems"]) == 3


def test_vars_are_the_executions_own() -> None:
    theirs = {"n": [1]}
    config = parse_execution_config({"vars": theirs})
    config.vars["n"].append(2)
    assert theirs == {"n": [1]}


async def _second(params: JsonValue) -> None:
    await sleep(1)


@pytest.mark.parametrize(
    ("fields", "config", "seconds"),
    [
        ({}, {}, 1),
        ({"max_parallel": 1}, {}, 3),
        ({"max_parallel": 1}, {"max_parallel": 3}, 1),
        ({}, {"max_parallel": 2}, 2),
        ({"sequential": True}, {}, 3),
        ({"sequential": True}, {"sequential": False}, 1),
        ({}, {"sequential": True}, 3),
        ({"sequential": True}, {"sequential": True}, 3),
        ({}, {"timeout": 0.5}, 0.5),
        ({"timeout": 0.5}, {"timeout": 5}, 1),
        ({"timeout": 5}, {"timeout": 0.25}, 0.25),
    ],
    ids=["nothing", "file's slots", "config's slots win", "config's slots", "file's order", "config's order wins",
         "config's order", "the same order", "config's timeout", "config's longer timeout wins",
         "config's shorter timeout wins"],
)  # fmt: skip
def test_config_wins_over_the_file(fields: JsonValue, config: JsonValue, seconds: float) -> None:
    async def main() -> ExecutionResult:
        definition = workflow(*(step(f"s{i}", "second") for i in range(3)), **fields)
        return await make_engine(definition, tools={"second": _second}).execute("w", None, config)

    result = run_virtual(main())
    assert result.duration_ms == seconds * 1000
    assert result.ok == (seconds >= 1)
