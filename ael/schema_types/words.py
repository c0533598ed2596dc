"""Types in words, as they stand in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ael.schema_types.lattice import (
    NEVER,
    Anything,
    Kind,
    ListType,
    Literal,
    ObjectType,
    Scalar,
    Type,
    is_only,
    kinds_of,
    meet,
    members,
)
from ael.types import JsonValue

__all__ = ["contrast", "one_of", "shown", "words"]

_SHOWN = 60
_MOST_VALUES = 10
_WORDS = {
    Kind.NULL: "null",
    Kind.BOOLEAN: "a boolean",
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.TEXT: "text",
    Kind.LIST: "a list",
    Kind.OBJECT: "an object",
}


def shown(value: JsonValue) -> str:
    """A value as JSON; long ones are cut."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def words(type_: Type) -> str:
    """``text``, ``an integer or null``; literals by their kind."""
    if isinstance(type_, Anything):
        return "anything"
    found = dict.fromkeys(_word(member) for member in members(type_))
    if "a number" in found:
        found.pop("an integer", None)
    return _alternatives(sorted(found, key=lambda word: word == "null")) or "nothing"


def _word(member: Type) -> str:
    match member:
        case Scalar(kind) | Literal(kind):
            return _WORDS[kind]
        case ListType():
            return "a list"
        case ObjectType():
            return "an object"
        case _:
            return "anything"


def one_of(type_: Type) -> str:
    """The same, with the values where a type is made of nothing else: ``one of "a", "b" and null``."""
    listed = members(type_)
    values = [member for member in listed if isinstance(member, Literal)]
    if not values or any(not isinstance(member, Literal) and member != Scalar(Kind.NULL) for member in listed):
        return words(type_)
    texts = [shown(member.value) for member in values[:_MOST_VALUES]]
    if len(values) > _MOST_VALUES:
        texts.append(f"{len(values) - _MOST_VALUES} more")
    if len(values) < len(listed):
        texts.append("null")
    return texts[0] if len(texts) == 1 else f"one of {', '.join(texts[:-1])} and {texts[-1]}"


def _alternatives(found: list[str]) -> str:
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}" if found else ""


def contrast(expected: Type, found: Type) -> tuple[str, str]:
    """What is wanted and what there is, in words that differ: two types of which no value is both."""
    wanted, given = kinds_of(expected), kinds_of(found)
    if is_only(expected, Kind.OBJECT) and is_only(found, Kind.OBJECT):
        return _contrast_objects(expected, found)
    if wanted is not None and given is not None and wanted & given:
        return one_of(expected), _with_value(found)
    return words(expected), words(found)


def _with_value(found: Type) -> str:
    return shown(found.value) if isinstance(found, Literal) else words(found)


def _contrast_objects(expected: Type, found: Type) -> tuple[str, str]:
    """Of the first key that is the reason; of several objects only the first is looked at."""
    one = next(member for member in members(expected) if isinstance(member, ObjectType))
    other = next(member for member in members(found) if isinstance(member, ObjectType))
    for key in (*sorted(one.required), *sorted(other.required)):
        wanted, given = one.field(key), other.field(key)
        if meet(wanted, given) != NEVER:
            continue
        if given == NEVER:
            return f"an object with {key!r}", f"an object {_keys(other.fields)}"
        if wanted == NEVER:
            return f"an object without {key!r}", f"an object {_keys(other.fields)}"
        inner, outer = contrast(wanted, given)
        return f"an object whose {key!r} is {inner}", f"one whose {key!r} is {outer}"
    return "another object", "an object"


def _keys(fields: Iterable[str]) -> str:
    names = [repr(name) for name in fields]
    if not names:
        return "without keys"
    more = ", …" if len(names) > _MOST_VALUES else ""
    return f"with {', '.join(names[:_MOST_VALUES])}{more}"
