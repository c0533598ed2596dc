"""What is data, what becomes of what is nearly data, and how the rest is named."""

from __future__ import annotations

import collections
import dataclasses
import enum
import math
import typing
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import attrs
import msgspec
import pytest

from ael.types import JsonValue
from ael.values import NotDataError, copy_value, format_path, normalise


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Whole(int):
    pass


class Real(float):
    pass


class Money(Decimal):
    pass


class Blob(bytes):
    pass


class Moment(datetime):
    pass


class Day(date):
    pass


class Pairs(dict[str, object]):
    pass


class Row(list[object]):
    pass


class Point(typing.NamedTuple):
    x: int
    y: object


class Named(typing.TypedDict):
    name: str


class Colour(enum.Enum):
    RED = "red"
    BOTH = ("red", "blue")


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    YES = "yes"


@attrs.define
class Attrs:
    x: object


@attrs.frozen
class Frozen:
    x: object


@dataclasses.dataclass
class Data:
    x: object


class Struct(msgspec.Struct):
    x: object


UID = uuid.UUID(int=7)
NOW = datetime(2027, 1, 2, 3, 4, 5, 6, UTC)


@pytest.mark.parametrize(
    "value",
    ["", "text", "\u2028\U0001f600", 0, -1, 10**60, True, False, None, 0.0, -1.5, 1e308, 5e-324, NOW,
     date(2027, 1, 1), Decimal("0.1"), Decimal("1E+400"), b"", b"\x00\xff", {}, [], {"": None},
     {"a": [{"b": [[]]}]}],
    ids=repr,
)  # fmt: skip
def test_data_stays_as_it_is(value: JsonValue) -> None:
    own = normalise(value)
    assert own == value
    assert type(own) is type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Text("x"), "x"),
        (Whole(3), 3),
        (Real(1.5), 1.5),
        (Money("1.50"), Decimal("1.50")),
        (Blob(b"x"), b"x"),
        (bytearray(b"x"), b"x"),
        (memoryview(b"xy")[1:], b"y"),
        (Moment(2027, 1, 2, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)),
        (Day(2027, 1, 2), date(2027, 1, 2)),
        (Pairs(a=(1,)), {"a": [1]}),
        (Row([(1,)]), [[1]]),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (collections.ChainMap({"a": 1}, {"a": 2}), {"a": 1}),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        ({"a": 1}.keys(), ["a"]),
        (Point(1, (2,)), [1, [2]]),
        (Named(name="n"), {"name": "n"}),
        (Colour.RED, "red"),
        (Colour.BOTH, ["red", "blue"]),
        (Level.LOW, 1),
        (Word.YES, "yes"),
        (Attrs((1,)), {"x": [1]}),
        (Frozen({2}), {"x": [2]}),
        (Data(Attrs(Struct(1))), {"x": {"x": {"x": 1}}}),
        (Struct({1: Colour.RED}), {"x": {"1": "red"}}),
        (Data(NOW), {"x": NOW}),
        (Data(b"x"), {"x": b"x"}),
        (Attrs(Decimal("1")), {"x": Decimal("1")}),
        (UID, str(UID)),
        ([UID], [str(UID)]),
        (Attrs(MappingProxyType({"a": Point(1, Money("2"))})), {"x": {"a": [1, Decimal("2")]}}),
        (Data(Pairs({1: Real(2)})), {"x": {"1": 2.0}}),
        (timedelta(seconds=90), "PT90S"),
        (time(1, 2), "01:02:00"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_nearly_data_becomes_data(value: object, expected: JsonValue) -> None:
    own = normalise(value)
    assert own == expected
    assert_plain(own)
    assert normalise({"deep": [value]}) == {"deep": [expected]}


PLAIN = {dict, list, str, int, float, bool, type(None), datetime, date, Decimal, bytes}


def assert_plain(value: JsonValue) -> None:
    assert type(value) in PLAIN
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        for item in value.values():
            assert_plain(item)
    elif isinstance(value, list):
        for item in value:
            assert_plain(item)


def test_sets_of_what_has_no_order_become_lists_of_the_same() -> None:
    own = normalise({"a": {1, "x", None, (2,)}})
    assert sorted(own["a"], key=repr) == sorted([1, "x", None, [2]], key=repr)


@pytest.mark.parametrize(
    ("key", "text"),
    [(1, "1"), (10**30, str(10**30)), (1.5, "1.5"), (True, "true"), (False, "false"), (None, "null"), (Text("k"), "k"),
     (Word.YES, "yes"), (Level.LOW, "1"), (Colour.RED, "red"), (-0.0, "-0.0")],
    ids=repr,
)  # fmt: skip
def test_keys_become_text(key: object, text: str) -> None:
    own = normalise({"before": 0, key: {key: 1}})
    assert own == {"before": 0, text: {text: 1}}
    assert [type(each) for each in own] == [str, str]
    assert list(own) == ["before", text], "in their order"


@pytest.mark.parametrize(
    ("value", "path"),
    [({1: "a", "1": "b"}, "$"), ({"1": "b", 1: "a"}, "$"), ({"a": [{None: 1, "null": 2}]}, "$.a[0]"),
     ({True: 1, "true": 2}, "$"), ({Colour.RED: 1, "red": 2}, "$")],
    ids=["number first", "text first", "deep", "boolean", "enum"],
)  # fmt: skip
def test_no_value_is_lost_because_its_key_becomes_another(value: object, path: str) -> None:
    with pytest.raises(NotDataError, match="two keys") as caught:
        normalise(value)
    assert caught.value.path == path


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (NAN, "$"),
        (-INF, "$"),
        ([NAN], "$[0]"),
        ({"a": INF}, "$.a"),
        ({"items": [{"price": 1}, {"unit price": NAN}]}, '$.items[1]["unit price"]'),
        ((0, [1, (2, INF)]), "$[1][1][1]"),
        ({"a": {Real(NAN)}}, "$.a[0]"),
        ([Real(INF)], "$[0]"),
        ({"a": Decimal("NaN")}, "$.a"),
        ({"a": Decimal("-Infinity")}, "$.a"),
        ([Decimal("sNaN")], "$[0]"),
        ([Money("NaN")], "$[0]"),
        ({"a": Attrs([Data(NAN)])}, "$.a.x[0].x"),
        (Struct({"k": NAN}), "$.x.k"),
        ([{}, {3: NAN}], '$[1]["3"]'),
        (Pairs(a=Row([1, NAN])), "$.a[1]"),
        (Point(1, NAN), "$[1]"),
    ],
    ids=["nan", "minus infinity", "in a list", "in an object", "deep", "in tuples", "in a set", "in a subclass",
         "decimal nan", "decimal infinity", "signalling nan", "decimal subclass", "in attrs and dataclasses",
         "in a struct", "under a number", "in subclasses", "in a named tuple"],
)  # fmt: skip
def test_what_json_cannot_say_is_named_by_its_path(value: object, path: str) -> None:
    with pytest.raises(NotDataError, match="which JSON cannot say") as caught:
        normalise(value)
    assert caught.value.path == path
    assert str(caught.value).startswith(path + " is ")


def generator() -> typing.Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    "value",
    [object(), generator(), print, int, 1j, ValueError("no"), range(3), collections.deque([1]), Path("x"), NotDataError,
     math, Attrs(object()), Data(lambda: 1), {"a"}.__iter__()],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_data_says_what_it_is(value: object) -> None:
    with pytest.raises(NotDataError) as caught:
        normalise({"a": [value]})
    if isinstance(value, Attrs | Data):
        assert caught.value.path == "$.a[0].x"
        return
    assert caught.value.path == "$.a[0]"
    assert type(value).__qualname__ in caught.value.why


@pytest.mark.parametrize("key", [b"x", (1, 2), NOW, UID, Frozen(1)], ids=lambda key: type(key).__name__)
def test_keys_that_are_no_text(key: object) -> None:
    with pytest.raises(NotDataError) as caught:
        normalise({"a": {key: 1}})
    assert caught.value.path == "$.a"
    assert type(key).__name__ in caught.value.why


def nested(levels: int, around: Callable[[object], object]) -> object:
    value: object = None
    for _ in range(levels):
        value = around(value)
    return value


KINDS: dict[str, Callable[[object], object]] = {
    "list": lambda item: [item],
    "tuple": lambda item: (item,),
    "dict": lambda item: {"a": item},
    "named tuple": lambda item: Point(1, item),
    "mapping": lambda item: collections.OrderedDict(a=item),
    "proxy": lambda item: MappingProxyType({"a": item}),
    "list subclass": lambda item: Row([item]),
    "frozenset": lambda item: frozenset([item]),
    "attrs": Frozen,
}


@pytest.mark.parametrize("around", KINDS.values(), ids=KINDS)
def test_two_hundred_levels_and_no_more(around: Callable[[object], object]) -> None:
    own = normalise(nested(199, around))
    assert copy_value(own) == own
    assert normalise(nested(200, around)) is not None
    for levels in (201, 300, 900):
        with pytest.raises(NotDataError, match="200 levels"):
            normalise(nested(levels, around))


def cycles() -> dict[str, object]:
    items: list[object] = []
    items.append(items)
    pairs: dict[str, object] = {}
    pairs["a"] = [pairs]
    row = Row()
    row.append(row)
    ordered: collections.OrderedDict[str, object] = collections.OrderedDict()
    ordered["a"] = ordered
    instance = Attrs(None)
    instance.x = instance
    mixed = Data(None)
    mixed.x = [mixed]
    shared: list[object] = [None]
    shared[0] = MappingProxyType({"a": (shared,)})
    return {"list": items, "dict": pairs, "list subclass": row, "mapping": ordered, "attrs": instance,
            "dataclass": mixed, "proxy and tuple": shared}  # fmt: skip


@pytest.mark.parametrize("value", cycles().values(), ids=cycles())
def test_a_cycle_is_no_data(value: object) -> None:
    with pytest.raises(NotDataError):
        normalise(value)
    with pytest.raises(NotDataError):
        normalise({"a": value})


def test_what_is_there_twice_is_no_cycle_and_becomes_two() -> None:
    shared = [1]
    own = normalise({"a": shared, "b": [shared, shared]})
    assert own == {"a": [1], "b": [[1], [1]]}
    own["b"][0].append(2)
    assert own == {"a": [1], "b": [[1, 2], [1]]}
    assert shared == [1]


@pytest.mark.parametrize(
    ("parts", "text"),
    [((), "$"), (("a",), "$.a"), ((0,), "$[0]"), (("items", 3, "unit price"), '$.items[3]["unit price"]'),
     (("a-b", "", "1", "é"), '$["a-b"][""]["1"].é')],
)  # fmt: skip
def test_paths(parts: tuple[str | int, ...], text: str) -> None:
    assert format_path(parts) == text


def test_a_copy_shares_only_what_cannot_change() -> None:
    value = {"a": [{"b": [1]}], "when": NOW, "raw": b"x"}
    copy = copy_value(value)
    assert copy == value
    copy["a"][0]["b"].append(2)
    assert value["a"] == [{"b": [1]}]
