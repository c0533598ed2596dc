"""Types of data as sets of values, and what two of them have in common.

A type says which values there *may* be, never fewer than there are: whatever is not known is :data:`ANY`. So where
two types have no value in common, ``meet`` gives :data:`NEVER`, and that is certain: no value of the one can ever
be a value of the other. Nothing is certain where it gives anything else. Text stands for dates and bytes too, which
are text to a schema; integers are numbers; a number without a fraction is an integer.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from ael.types import JsonValue

__all__ = [
    "ANY",
    "BOOLEAN",
    "INTEGER",
    "NEVER",
    "NULL",
    "NUMBER",
    "OPEN_OBJECT",
    "TEXT",
    "Anything",
    "Kind",
    "ListType",
    "Literal",
    "ObjectType",
    "Scalar",
    "Type",
    "Union",
    "closed_object",
    "is_only",
    "items_of",
    "kinds_of",
    "literal",
    "meet",
    "members",
    "of_value",
    "union",
    "without_null",
]

_MOST_LISTS_AND_OBJECTS = 16
_DEEPEST = 12
_MOST_PAIRS = 5_000
"""Beyond these a type is :data:`ANY`, which is always right."""


class Kind(enum.StrEnum):
    """The seven types of JSON Schema."""

    NULL = "null"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    OBJECT = "object"


@attrs.frozen
class Anything:
    """All values."""


@attrs.frozen
class Scalar:
    """All values of one kind that is neither list nor object."""

    kind: Kind


@attrs.frozen
class Literal:
    """One value: a boolean, a number or text."""

    kind: Kind
    value: JsonValue


@attrs.frozen
class ListType:
    """Lists, the empty one included, of items of one type."""

    item: Type


@attrs.frozen
class ObjectType:
    """Objects.

    Attributes:
        fields: What may be below each key, if the key is there.
        required: The keys that are there.
        rest: What may be below other keys; ``NEVER`` where there are no others.
    """

    fields: Mapping[str, Type] = attrs.field(factory=dict)
    required: frozenset[str] = frozenset()
    rest: Type = Anything()

    def field(self, key: str) -> Type:
        """What may be below a key; ``NEVER`` if the key is never there."""
        return self.fields.get(key, self.rest)


@attrs.frozen
class Union:
    """The values of all its members, of which none is a union or :data:`ANY`."""

    members: tuple[Type, ...]


Type: TypeAlias = Anything | Scalar | Literal | ListType | ObjectType | Union

ANY: Type = Anything()
NEVER: Type = Union(())
NULL: Type = Scalar(Kind.NULL)
BOOLEAN: Type = Scalar(Kind.BOOLEAN)
INTEGER: Type = Scalar(Kind.INTEGER)
NUMBER: Type = Scalar(Kind.NUMBER)
TEXT: Type = Scalar(Kind.TEXT)
OPEN_OBJECT = ObjectType()


def closed_object(fields: Mapping[str, Type]) -> ObjectType:
    """Objects with exactly these keys."""
    return ObjectType(fields, frozenset(fields), NEVER)


def literal(value: str | float | bool) -> Literal:
    """The type of one scalar; a whole number is an integer however it is written."""
    if isinstance(value, bool):
        return Literal(Kind.BOOLEAN, value)
    if isinstance(value, str):
        return Literal(Kind.TEXT, value)
    return Literal(Kind.INTEGER if isinstance(value, int) or value.is_integer() else Kind.NUMBER, value)


def of_value(value: JsonValue) -> Type:
    """The type of one value of JSON."""
    match value:
        case None:
            return NULL
        case str() | int() | float():
            return literal(value)
        case list() | tuple():
            return ListType(union(*map(of_value, value)))
        case Mapping():
            return closed_object({str(key): of_value(item) for key, item in value.items()})
        case _:
            return ANY


def members(type_: Type) -> tuple[Type, ...]:
    """The members of a union, else the type alone."""
    return type_.members if isinstance(type_, Union) else (type_,)


def kinds_of(type_: Type) -> frozenset[Kind] | None:
    """The kinds that values may have, all numbers under ``NUMBER``; ``None``: any. Empty: there are no values."""
    kinds = set()
    for member in members(type_):
        kind = _kind(member)
        if kind is None:
            return None
        kinds.add(Kind.NUMBER if kind is Kind.INTEGER else kind)
    return frozenset(kinds)


def is_only(type_: Type, *kinds: Kind) -> bool:
    """Whether there are values, and all of them are certainly of these kinds."""
    found = kinds_of(type_)
    return bool(found) and found is not None and found.issubset(kinds)


def _kind(member: Type) -> Kind | None:
    match member:
        case Scalar(kind) | Literal(kind):
            return kind
        case ListType():
            return Kind.LIST
        case ObjectType():
            return Kind.OBJECT
        case _:
            return None


def items_of(type_: Type) -> Type:
    """What going through a value gives: items of lists, characters of text, keys of objects; ``ANY`` if unsure."""
    found: list[Type] = []
    for member in members(type_):
        kind = _kind(member)
        if isinstance(member, ListType):
            found.append(member.item)
        elif kind is Kind.TEXT or kind is Kind.OBJECT:
            found.append(TEXT)
        else:
            return ANY
    return union(*found)


def without_null(type_: Type) -> Type:
    """The values that are not null."""
    return union(*(member for member in members(type_) if member != NULL))


def union(*types: Type) -> Type:
    """Whatever is of one of the types."""
    if len(types) == 1:
        return types[0]
    parts = _Parts()
    for type_ in types:
        for member in members(type_):
            if isinstance(member, Anything):
                return ANY
            parts.add(member)
    kept = parts.kept()
    if not kept:
        return NEVER
    return kept[0] if len(kept) == 1 else Union(tuple(kept))


class _Parts:
    """The members of a union in the making."""

    def __init__(self) -> None:
        self._scalars: dict[Kind, Type] = {}
        self._literals: dict[tuple[Kind, JsonValue], Type] = {}
        self._others: list[Type] = []

    def add(self, member: Type) -> None:
        """One more. By identity: two deep types that are alike can take for ever to compare."""
        match member:
            case Scalar(kind):
                self._scalars[kind] = member
            case Literal(kind, value):
                self._literals.setdefault((kind, value), member)
            case _ if all(member is not other for other in self._others):
                self._others.append(member)

    def kept(self) -> list[Type]:
        """Those that no other includes."""
        if len(self._others) > _MOST_LISTS_AND_OBJECTS:
            return [ANY]
        wide = set(self._scalars)
        if Kind.NUMBER in wide:
            self._scalars.pop(Kind.INTEGER, None)
            wide.add(Kind.INTEGER)
        literals = [member for (kind, _), member in self._literals.items() if kind not in wide]
        return [*self._scalars.values(), *literals, *self._others]


def meet(one: Type, other: Type) -> Type:
    """What is of both types, or more than that; ``NEVER``: certainly nothing is."""
    if one is other or isinstance(other, Anything):
        return one
    if isinstance(one, _PLAIN) and isinstance(other, _PLAIN):
        return _meet_plain(one, other)
    return _Meeting().meet(one, other, 0)


class _Meeting:
    """One comparison of two types; schemas can make types of which there are no end of pairs to look at."""

    def __init__(self) -> None:
        self._left = _MOST_PAIRS

    def meet(self, one: Type, other: Type, depth: int) -> Type:
        self._left -= 1
        if isinstance(one, Anything):
            return other
        if isinstance(other, Anything) or depth > _DEEPEST or self._left < 0:
            return one
        if isinstance(one, Union):
            return union(*(self.meet(member, other, depth) for member in one.members))
        if isinstance(other, Union):
            return union(*(self.meet(one, member, depth) for member in other.members))
        return self._members(one, other, depth)

    def _members(self, one: Type, other: Type, depth: int) -> Type:
        if isinstance(one, _PLAIN) and isinstance(other, _PLAIN):
            return _meet_plain(one, other)
        if isinstance(one, ListType) and isinstance(other, ListType):
            return ListType(self.meet(one.item, other.item, depth + 1))
        if isinstance(one, ObjectType) and isinstance(other, ObjectType):
            return self._objects(one, other, depth + 1)
        return NEVER

    def _objects(self, one: ObjectType, other: ObjectType, depth: int) -> Type:
        required = one.required | other.required
        keys: Iterable[str] = dict.fromkeys((*one.fields, *other.fields, *sorted(required)))
        fields = {key: self.meet(one.field(key), other.field(key), depth) for key in keys}
        if any(fields[key] == NEVER for key in required):
            return NEVER
        return ObjectType(fields, required, self.meet(one.rest, other.rest, depth))


_PLAIN = (Scalar, Literal)


def _meet_plain(one: Scalar | Literal, other: Scalar | Literal) -> Type:
    if isinstance(one, Literal) and isinstance(other, Literal):
        return one if one.kind is other.kind and one.value == other.value else NEVER
    if _includes(one.kind, other.kind) and isinstance(one, Scalar):
        return other
    return one if _includes(other.kind, one.kind) and isinstance(other, Scalar) else NEVER


def _includes(kind: Kind, other: Kind) -> bool:
    return kind is other or (kind is Kind.NUMBER and other is Kind.INTEGER)
