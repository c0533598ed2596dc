"""Filters and operators as types: what they take, and what they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ael.schema_types import (
    ANY,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    TEXT,
    Kind,
    ListType,
    ObjectType,
    Type,
    is_only,
    items_of,
    kinds_of,
    meet,
    members,
    union,
    without_null,
)

__all__ = ["FILTER_NEEDS", "ITERABLE", "comparison_fails", "filter_type", "operator_type"]

ITERABLE = frozenset({Kind.TEXT, Kind.LIST, Kind.OBJECT})
_NUMERIC = frozenset({Kind.NUMBER, Kind.BOOLEAN})
_Filter: TypeAlias = Callable[[Type, tuple[Type, ...]], Type]

_TEXT_NAMES = (
    "capitalize center e escape forceescape format indent join json lower pprint replace safe string striptags title "
    "tojson trim truncate upper urlencode urlize wordwrap filesizeformat xmlattr"
)
_OF_ITEMS = "list sort unique select reject selectattr rejectattr"


def _or_default(made: Type) -> _Filter:
    return lambda value, arguments: union(made, *arguments[:1])


def _default(value: Type, arguments: tuple[Type, ...]) -> Type:
    return union(without_null(value), arguments[0] if arguments else TEXT)


def _end(value: Type, _: tuple[Type, ...]) -> Type:
    return union(items_of(value), NULL)


def _list(value: Type, _: tuple[Type, ...]) -> Type:
    return ListType(items_of(value))


def _reverse(value: Type, arguments: tuple[Type, ...]) -> Type:
    if is_only(value, Kind.TEXT):
        return TEXT
    return _list(value, arguments) if is_only(value, Kind.LIST) else ANY


def _values(value: Type, _: tuple[Type, ...]) -> Type:
    found: list[Type] = []
    for member in members(value):
        if not isinstance(member, ObjectType):
            return ListType(ANY)
        found += (*member.fields.values(), member.rest)
    return ListType(union(*found))


def _fixed(made: Type) -> _Filter:
    return lambda value, arguments: made


_FILTERS: Mapping[str, _Filter] = {
    **dict.fromkeys(_TEXT_NAMES.split(), _fixed(TEXT)),
    **dict.fromkeys(_OF_ITEMS.split(), _list),
    **dict.fromkeys(("length", "count", "wordcount"), _fixed(INTEGER)),
    **dict.fromkeys(("d", "default"), _default),
    **dict.fromkeys(("first", "last"), _end),
    **dict.fromkeys(("map", "groupby", "dictsort", "items", "batch", "slice"), _fixed(ListType(ANY))),
    **dict.fromkeys(("abs", "round"), _fixed(NUMBER)),
    "int": _or_default(INTEGER),
    "float": _or_default(NUMBER),
    "keys": _fixed(ListType(TEXT)),
    "values": _values,
    "reverse": _reverse,
}

_ITERATING = "length count first last list sort unique join sum min max batch slice random"
FILTER_NEEDS: Mapping[str, frozenset[Kind]] = {
    **dict.fromkeys(_ITERATING.split(), ITERABLE),
    **dict.fromkeys(("keys", "values", "items", "dictsort"), frozenset({Kind.OBJECT})),
    **dict.fromkeys(("abs", "round"), _NUMERIC),
    **dict.fromkeys(("int", "float"), _NUMERIC | {Kind.TEXT}),
    "fromjson": frozenset({Kind.TEXT}),
}
"""The kinds of which a filter takes some value; of others it fails with every one, unless it has a default to give.

``map`` and ``select`` are not here: they make an empty list of null and 0.
"""


def filter_type(name: str, value: Type, arguments: tuple[Type, ...]) -> Type:
    """What a filter gives; ``arguments`` are those after the value."""
    made = _FILTERS.get(name)
    return ANY if made is None else made(value, arguments)


# Operators. None of them takes null or an object, whatever stands on the other side.


_ADDED = ((_NUMERIC, NUMBER), (frozenset({Kind.TEXT}), TEXT), (frozenset({Kind.LIST}), ListType(ANY)))
_TIMES = frozenset({Kind.TEXT, Kind.LIST})
_DATES = ("-", {Kind.TEXT})
"""Dates are text to a schema, and the difference of two is something."""


def operator_type(operator: str, left: Type, right: Type) -> Type:
    """What ``left operator right`` gives; ``NEVER``: it fails with all values of these types."""
    one, other = kinds_of(left), kinds_of(right)
    if one is None or other is None or not one or not other:
        return _half_known(operator, one or other)
    found = [_of_kinds(operator, a, b) for a in one for b in other]
    made = union(*found)
    is_whole = operator in {"+", "-", "*"} and meet(union(left, right), INTEGER) == union(left, right)
    return INTEGER if made == NUMBER and is_whole else made


def _half_known(operator: str, kinds: frozenset[Kind] | None) -> Type:
    """Where one side is anything: an object or null on the other fails all the same."""
    if kinds and kinds <= {Kind.OBJECT, Kind.NULL} and operator != "%":
        return NEVER
    return ANY


def _of_kinds(operator: str, one: Kind, other: Kind) -> Type:
    kinds = {one, other}
    if kinds <= _NUMERIC:
        return NUMBER
    if operator == "+":
        return next((made for allowed, made in _ADDED if kinds <= allowed), NEVER)
    if operator == "%" and one is Kind.TEXT:
        return TEXT
    if operator == "*" and kinds & _NUMERIC and kinds & _TIMES:
        return ANY
    return ANY if (operator, kinds) == _DATES else NEVER


def comparison_fails(operator: str, left: Type, right: Type) -> bool:
    """Whether ``<`` and its like, or ``in``, fail with all values of these types."""
    one, other = kinds_of(left), kinds_of(right)
    if operator in {"in", "notin"}:
        return bool(other) and not (other or ITERABLE) & ITERABLE
    if operator in {"eq", "ne"} or not one or not other:
        return False
    return not any(_ordered(a, b) for a in one for b in other)


def _ordered(one: Kind, other: Kind) -> bool:
    return {one, other} <= _NUMERIC or (one is other and one in {Kind.TEXT, Kind.LIST})
