"""Normalising any value: the result is plain, shares nothing that can change, and stays what it is."""

from __future__ import annotations

import collections
import json
import types
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.types import ExecutionResult, ExecutionStatus, JsonValue, StepResult, StepStatus
from ael.values import NotDataError, copy_value, normalise


@attrs.define(eq=False)
class Holder:
    x: object


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.datetimes()
    | st.dates()
    | st.decimals(allow_nan=False, allow_infinity=False)
)
KEYS = st.text(max_size=3) | st.integers(100, 200) | st.none()


def containers(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    mappings = st.dictionaries(KEYS, inner, max_size=3)
    lists = st.lists(inner, max_size=3)
    return (
        lists
        | lists.map(tuple)
        | mappings
        | mappings.map(collections.OrderedDict)
        | mappings.map(types.MappingProxyType)
        | st.builds(Holder, inner)
        | st.sets(st.integers(), max_size=3)
        | st.frozensets(st.text(max_size=2), max_size=3)
    )


ANYTHING = st.recursive(SCALARS, containers, max_leaves=20)


def mutable(value: object) -> Iterator[int]:
    """The identity of every object in there that can change."""
    if isinstance(value, dict | types.MappingProxyType):
        yield id(value)
        for item in value.values():
            yield from mutable(item)
    elif isinstance(value, list | tuple):
        if value:  # there is only one empty tuple
            yield id(value)
        for item in value:
            yield from mutable(item)
    elif isinstance(value, Holder):
        yield id(value)
        yield from mutable(value.x)


@given(ANYTHING)
def test_the_result_is_plain_and_the_engines_own(value: object) -> None:
    try:
        own = normalise(value)
    except NotDataError as error:
        assert "two keys" in error.why  # noqa: PT017 - the only thing that can be wrong with these
        return
    assert_plain(own)
    theirs = set(mutable(value))
    ours = list(mutable(own))
    assert not theirs & set(ours), "shared with the caller"
    assert len(set(ours)) == len(ours), "shared with itself"


def assert_plain(value: JsonValue) -> None:
    if type(value) is dict:
        for key, item in value.items():
            assert type(key) is str
            assert_plain(item)
    elif type(value) is list:
        for item in value:
            assert_plain(item)
    else:
        assert type(value) in {str, int, float, bool, type(None), bytes, datetime, date, Decimal}


@given(ANYTHING)
def test_what_is_normal_stays_so(value: object) -> None:
    try:
        own = normalise(value)
    except NotDataError:
        return
    again = normalise(own)
    assert again == own
    assert repr(again) == repr(own), "the types, too"
    assert not set(mutable(again)) & set(mutable(own))
    copy = copy_value(own)
    assert repr(copy) == repr(own)
    assert not set(mutable(copy)) & set(mutable(own))


@given(ANYTHING)
def test_a_result_with_it_is_json(value: object) -> None:
    try:
        own = normalise(value)
    except NotDataError:
        return
    step = StepResult("a", StepStatus.COMPLETED, own)
    result = ExecutionResult("id", "w", "1", ExecutionStatus.COMPLETED, {"x": own}, {"y": own}, [step])
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert json.loads(text)["outputs"]["y"] == json.loads(text)["inputs"]["x"]


@given(ANYTHING, st.lists(st.integers(0, 2), max_size=4))
def test_what_is_no_data_is_found_wherever_it_is(value: object, way: list[int]) -> None:
    poisoned: object = object()
    expected = "$"
    for turn in way:
        poisoned = [[value, poisoned], {"k": poisoned, "v": value}, (poisoned,)][turn]
        expected = "$" + ["[1]", ".k", "[0]"][turn] + expected[1:]
    with pytest.raises(NotDataError) as caught:
        normalise(poisoned)
    assert caught.value.path == expected or "two keys" in caught.value.why
