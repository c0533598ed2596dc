"""Data between steps: JSON plus datetime, date, Decimal and bytes, normalised once where it enters.

The walk is over exact types and copies every list and object: what a step returned and what another
one was given are never the same object, and scalars cost nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

import attrs
import msgspec

from ael.types import JsonValue

__all__ = ["CONTAINERS", "NotDataError", "copy_value", "format_path", "normalise"]

_MAX_DEPTH = 200
CONTAINERS = frozenset({dict, list})
"""The only types of normalised values that can be changed, and so must be copied."""

_SCALARS = frozenset({str, int, bool, type(None), datetime, date, bytes})


class NotDataError(ValueError):
    """A value is no data. ``path`` leads to it: ``$.items[3].price``; ``why`` says what it is."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path} is {why}")
        self.path = path
        self.why = why


def format_path(parts: Sequence[str | int]) -> str:
    """``("items", 3, "unit price")`` → ``$.items[3]["unit price"]``."""
    text = "$"
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier():
            text += f".{part}"
        else:
            text += f'["{part}"]'
    return text


def copy_value(value: JsonValue) -> JsonValue:
    """A deep copy of a normalised value; scalars as they are."""
    kind = type(value)
    if kind is dict:
        return {key: item if type(item) in _SCALARS else copy_value(item) for key, item in value.items()}
    if kind is list:
        return [item if type(item) in _SCALARS else copy_value(item) for item in value]
    return value


def normalise(value: object) -> JsonValue:
    """The value as data of the engine's own.

    Keys become text, tuples and sets lists, attrs, dataclasses, TypedDicts, named tuples, enums, UUIDs and
    msgspec structs what they stand for.

    Raises:
        NotDataError: NaN, an infinity, an object that is no data, a cycle, or more than 200 levels.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    return _from_mapping(value, []) if type(value) is dict else _normalise(value, [])


def _normalise(value: object, path: list[str | int]) -> JsonValue:
    kind = type(value)
    if kind in _SCALARS:
        return value
    convert = _EXACT.get(kind)
    if convert is not None:
        _check_depth(path)
        return convert(value, path)
    return _normalise_other(value, path)


def _check_depth(path: list[str | int]) -> None:
    if len(path) >= _MAX_DEPTH:
        raise NotDataError(format_path(path[:3]) + "…", "nested more than 200 levels deep, or contains itself")


def _from_mapping(value: Mapping[object, object], path: list[str | int]) -> JsonValue:
    result: dict[str, JsonValue] = {}
    for key, item in value.items():
        kind = type(item)
        name = key if type(key) is str else _key(key, path)
        if kind in _SCALARS:
            result[name] = item
        else:
            path.append(name)
            result[name] = _normalise(item, path)
            path.pop()
    if len(result) != len(value):
        raise NotDataError(format_path(path), "an object with two keys that are the same text")
    return result


def _from_sequence(value: Sequence[object], path: list[str | int]) -> JsonValue:
    result: list[JsonValue] = []
    for index, item in enumerate(value):
        if type(item) in _SCALARS:
            result.append(item)
        else:
            path.append(index)
            result.append(_normalise(item, path))
            path.pop()
    return result


def _from_set(value: Set[object], path: list[str | int]) -> JsonValue:
    try:
        ordered: Sequence[object] = sorted(value)  # type: ignore[type-var]
    except TypeError:  # mixed types: any order will do that is the same in every process
        ordered = sorted(value, key=lambda item: (type(item).__qualname__, repr(item)))
    return _from_sequence(ordered, path)


def _from_float(value: float, path: list[str | int]) -> JsonValue:
    if not math.isfinite(value):
        raise NotDataError(format_path(path), f"{value!r}, which JSON cannot say")
    return value


def _from_decimal(value: Decimal, path: list[str | int]) -> JsonValue:
    if not value.is_finite():
        raise NotDataError(format_path(path), f"{value!r}, which JSON cannot say")
    return value


def _key(key: object, path: list[str | int]) -> str:
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, int | float):
        return str(key)
    raise NotDataError(format_path(path), f"an object with a key of type {type(key).__name__}")


_EXACT: dict[type, Callable[..., JsonValue]] = {
    dict: _from_mapping,
    list: _from_sequence,
    tuple: _from_sequence,
    set: _from_set,
    frozenset: _from_set,
    float: _from_float,
    Decimal: _from_decimal,
}


_ABSTRACT: Sequence[tuple[type, Callable[..., JsonValue]]] = (
    (Mapping, _from_mapping),
    (Set, _from_set),
    (tuple, _from_sequence),
    (list, _from_sequence),
)


def _normalise_other(value: object, path: list[str | int]) -> JsonValue:
    """Subclasses of plain types, attrs, dataclasses, then whatever msgspec knows: structs, UUIDs, times."""
    if isinstance(value, Enum):
        return _normalise(value.value, path)
    for base in (str, int, float, datetime, date, bytes, Decimal):
        if isinstance(value, base):
            return _normalise(_plain_scalar(value, base), path)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    _check_depth(path)
    for kind, convert in _ABSTRACT:
        if isinstance(value, kind):
            return convert(value, path)
    fields = _fields(value)
    if fields is not None:
        return _from_mapping(fields, path)
    try:
        plain = msgspec.to_builtins(value, builtin_types=(datetime, date, Decimal, bytes))
    except (TypeError, ValueError, RecursionError) as error:
        raise NotDataError(format_path(path), f"a {type(value).__qualname__}, which is no data") from error
    return _normalise(plain, path)


def _fields(value: object) -> dict[object, object] | None:
    """Of attrs classes and dataclasses: msgspec would convert what is in them by its rules, and name no path."""
    kind = type(value)
    if attrs.has(kind):
        names = [field.name for field in attrs.fields(kind) if not field.name.startswith("_")]
    elif dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    else:
        return None
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _plain_scalar(value: object, base: type) -> object:
    if isinstance(value, str):
        return str.__str__(value)  # a subclass may say something else of itself
    if base is datetime:
        assert isinstance(value, datetime)
        return datetime.combine(value.date(), value.timetz())
    if base is date:
        assert isinstance(value, date)
        return date(value.year, value.month, value.day)
    plain: object = base(value)
    return plain
