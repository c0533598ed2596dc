"""Filters that differ from Jinja's or are ael's own, and what Jinja's may cost, checked before they run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias

from markupsafe import escape

from ael.templates.limits import MAX_BITS, MAX_ELEMENTS, TooMuchError, check_length, spend
from ael.templates.operations import format_percent, replace_text
from ael.templates.reading import Unread, scalar_text, to_data, to_text, type_word
from ael.types import JsonValue

__all__ = ["CHECKS", "OWN", "TEXT_FILTERS", "Filter"]

Filter: TypeAlias = Callable[..., JsonValue]
_FAIL = object()
_MAX_PRECISION = 300
_MAX_INDENT = 32
_CHUNK_WORK = 500

# What differs from Jinja


def _default(value: JsonValue, default_value: JsonValue = "", boolean: bool = False) -> JsonValue:
    absent = isinstance(value, Unread) or value is None
    return default_value if absent or (boolean and not value) else value


def _first(value: Iterable[JsonValue]) -> JsonValue:
    return next(iter(value), None)


def _last(value: JsonValue) -> JsonValue:
    return next(reversed(value), None)


def _int(value: JsonValue, default: JsonValue = _FAIL, base: int = 10) -> JsonValue:
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() > _MAX_PRECISION:
        raise TooMuchError("it makes a number of more than 300 digits")
    try:
        number = int(value, base) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        number = _int_of_float(value, default)
    if isinstance(number, int) and number.bit_length() > MAX_BITS:
        raise TooMuchError("it makes a number of more than 3,000 digits")
    return number


def _int_of_float(value: JsonValue, default: JsonValue) -> JsonValue:
    number = _float(value, default)
    try:
        return number if number is default else int(number)
    except (ValueError, OverflowError):
        return _no_number(value, default)


def _float(value: JsonValue, default: JsonValue = _FAIL) -> JsonValue:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return _no_number(value, default)


def _no_number(value: JsonValue, default: JsonValue) -> JsonValue:
    if default is _FAIL:
        shown = f"{value[:40]!r}" if isinstance(value, str) else type_word(value)
        raise ValueError(f"{shown} is no number; a default can be given: `int(0)`")
    return default


def _json(value: JsonValue, indent: int | None = None) -> str:
    plain = to_data(value)
    if indent is None:
        return json.dumps(plain, ensure_ascii=False, default=scalar_text)
    if not 0 <= indent <= _MAX_INDENT:
        raise ValueError(f"indent must be from 0 to {_MAX_INDENT}")
    chunks: list[str] = []
    for chunk in json.JSONEncoder(ensure_ascii=False, indent=indent, default=scalar_text).iterencode(plain):
        check_length(len(chunk))
        spend(_CHUNK_WORK)
        chunks.append(chunk)
    return "".join(chunks)


def _fromjson(value: str) -> JsonValue:
    if not isinstance(value, str | bytes):
        raise TypeError(f"fromjson reads text, and this is {type_word(value)}")
    return json.loads(value, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is no JSON")


def _keys(value: Mapping[str, JsonValue]) -> list[str]:
    return list(_mapping(value, "keys"))


def _values(value: Mapping[str, JsonValue]) -> list[JsonValue]:
    return list(_mapping(value, "values").values())


def _items(value: Mapping[str, JsonValue]) -> list[tuple[str, JsonValue]]:
    return list(_mapping(value, "items").items())


def _mapping(value: JsonValue, name: str) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise TypeError(f"`{name}` needs an object, and this is {type_word(value)}")
    return value


def _replace(value: JsonValue, old: JsonValue, new: JsonValue, count: int | None = None) -> str:
    return replace_text(to_text(value), to_text(old), to_text(new), -1 if count is None else count)


def _format(value: str, *args: JsonValue, **kwargs: JsonValue) -> str:
    if args and kwargs:
        raise TypeError("format takes positions or names, not both")
    return format_percent(value, kwargs or args)


def _escape(value: str) -> str:
    return str(escape(value))


def _string(value: str) -> str:
    return value


def _pprint(value: JsonValue) -> str:
    return _json(value, indent=2)


OWN: Mapping[str, Filter] = {
    "d": _default,
    "default": _default,
    "e": _escape,
    "escape": _escape,
    "first": _first,
    "float": _float,
    "forceescape": _escape,
    "format": _format,
    "fromjson": _fromjson,
    "int": _int,
    "items": _items,
    "json": _json,
    "keys": _keys,
    "last": _last,
    "pprint": _pprint,
    "replace": _replace,
    "safe": _string,
    "string": _string,
    "tojson": _json,
    "values": _values,
}

_TEXT_NAMES = (
    "capitalize center e escape forceescape format indent lower safe string striptags title trim truncate upper "
    "urlize wordcount wordwrap"
)
TEXT_FILTERS = frozenset(_TEXT_NAMES.split())
"""Those whose value becomes text first."""


# What is checked before Jinja's own run; the parameters are theirs.


def _check_padding(value: str, width: int) -> None:
    check_length(max(width, len(value)))


def _check_indent(s: str, width: int | str, **_: object) -> None:
    unit = len(width) if isinstance(width, str) else width
    check_length(len(s) + (len(s.splitlines()) + 1) * max(unit, 0))


def _check_trim(value: str, chars: str | None) -> None:
    spend(len(value) * len(chars or " "))


def _check_tags(value: str) -> None:
    spend(value.count("<") * len(value))


def _check_wrap(s: str, width: int, wrapstring: str | None, **_: object) -> None:
    longest = max((len(word) for word in s.split()), default=0)
    spend(len(s) * 100 + longest * longest // max(width, 1))
    check_length(len(s) * (1 + len(wrapstring or "")))


def _check_links(value: str, **_: object) -> None:
    spend(len(value) * len(value) // 10)


def _check_precision(precision: int, **_: object) -> None:
    if abs(precision) > _MAX_PRECISION:
        raise ValueError(f"the precision must be at most {_MAX_PRECISION}")


def _check_batch(linecount: int, **_: object) -> None:
    check_length(linecount, MAX_ELEMENTS)


def _check_slices(slices: int, **_: object) -> None:
    check_length(slices, MAX_ELEMENTS)


CHECKS: Mapping[str, Callable[..., None]] = {
    "batch": _check_batch,
    "center": _check_padding,
    "indent": _check_indent,
    "round": _check_precision,
    "slice": _check_slices,
    "striptags": _check_tags,
    "trim": _check_trim,
    "urlize": _check_links,
    "wordwrap": _check_wrap,
}
