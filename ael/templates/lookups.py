"""What reading data by keys gives, as types, and what is said where there can be nothing. Free of Jinja."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs

from ael.near import nearest
from ael.schema_types import (
    ANY,
    NEVER,
    TEXT,
    Kind,
    ListType,
    Literal,
    ObjectType,
    Scalar,
    Type,
    Union,
    is_only,
    members,
    union,
    words,
)
from ael.templates.model import TemplateProblem
from ael.templates.reading import key_text
from ael.templates.references import Chain, Key

__all__ = ["UNWRITTEN", "Inferred", "Roots", "interpolation_problem", "read", "read_chain", "type_of_chain"]

_DATE_FIELDS = frozenset(["year", "month", "day", "hour", "minute", "second", "microsecond"])
"""What can be read of a date, which is text to a schema."""

_KEYS_LISTED = 8
UNWRITTEN = frozenset({Kind.LIST, Kind.OBJECT, Kind.NULL})
"""The kinds that are hardly ever meant to stand amid text."""


class Roots(Protocol):
    """What is known of the names that a template reads, at its place."""

    def root(self, name: str) -> Type:
        """Of any root but ``steps``."""
        ...

    def step(self, step_id: str) -> Type:
        """Of ``steps.<id>``, with its fields."""
        ...


@attrs.frozen
class Inferred:
    """What a template gives, and what cannot go right in it.

    Attributes:
        type: Of its value.
        problems: Of kinds ``missing_key``, ``no_keys``, ``operator``, ``filter``, ``json_in_text``, ``null_in_text``.
        source: What gives the value, if that is one path: ``steps.log.output``; else empty.
    """

    type: Type = ANY
    problems: tuple[TemplateProblem, ...] = ()
    source: str = ""


def read(type_: Type, key: str | int) -> Type:
    """What is below a key; ``NEVER`` if there is certainly nothing."""
    if not isinstance(type_, Union):
        return _read_member(type_, key)
    return union(*(_read_member(member, key) for member in type_.members)) if type_.members else ANY


def _read_member(member: Type, key: str | int) -> Type:
    match member:
        case ObjectType():
            return member.field(key) if isinstance(key, str) else NEVER
        case ListType():
            return member.item if isinstance(key, int) else NEVER
        case Scalar(Kind.TEXT) | Literal(Kind.TEXT):
            return TEXT if isinstance(key, int) else ANY if key in _DATE_FIELDS else NEVER
        case Scalar() | Literal():
            return NEVER
        case _:
            return ANY


def type_of_chain(root: str, keys: Sequence[str | int], roots: Roots) -> Type:
    """What a path gives; ``NEVER`` if it certainly leads nowhere."""
    found, rest = _start(root, keys, roots)
    for key in rest:
        found = read(found, key)
        if found is NEVER:
            break
    return found


def read_chain(chain: Chain, roots: Roots) -> tuple[Type, TemplateProblem | None]:
    """The same, with the first key that is certainly not there."""
    found, rest = _start(chain.root, [key.value for key in chain.keys], roots)
    passed = len(chain.keys) - len(rest)
    for number, key in enumerate(chain.keys[passed:], passed):
        below = read(found, key.value)
        if below == NEVER:
            where = chain.root + "".join(key_text(each.value) for each in chain.keys[:number])
            return ANY, missing(found, key, where)
        found = below
    return found, None


def _start(root: str, keys: Sequence[str | int], roots: Roots) -> tuple[Type, Sequence[str | int]]:
    if root != "steps":
        return roots.root(root), keys
    return (roots.step(str(keys[0])), keys[1:]) if keys else (ANY, ())


def missing(owner: Type, key: Key, where: str) -> TemplateProblem:
    """The problem that what is found at ``where`` never has a key."""
    objects = [member for member in members(owner) if isinstance(member, ObjectType)]
    name = str(key.value)
    if objects and isinstance(key.value, str):
        known = tuple(dict.fromkeys(field for member in objects for field in member.fields))
        shown = ", ".join(known[:_KEYS_LISTED]) + (", …" if len(known) > _KEYS_LISTED else "")
        message = f"`{where}` has no {key.value!r}; {f'it has {shown}' if known else 'it is empty'}"
        near = nearest(name, known)
        return TemplateProblem("missing_key", message, name, key.start, key.end - key.start, near)
    message = f"`{where}` is {words(owner)}, so it has no {key.value!r}"
    advice = None
    if is_only(owner, Kind.LIST):
        advice = f"an item is `{where}[0]`; all of one key are `{where} | map(attribute={name!r})`"
    if name == "result" and where.endswith(".output"):
        advice = f"what the tool gave is `{where}` itself"
    return TemplateProblem("no_keys", message, name, key.start, key.end - key.start, advice=advice)


def interpolation_problem(type_: Type, chain: Chain | None, place: tuple[int, int]) -> TemplateProblem | None:
    """What is probably not meant where a value is written amid text; ``place``: offset and length."""
    if not is_only(type_, *UNWRITTEN):
        return None
    what = "this" if chain is None else f"`{_written(chain)}`"
    if is_only(type_, Kind.NULL):
        return TemplateProblem("null_in_text", f"{what} is null, which is written as nothing", None, *place)
    message = f"{what} is {words(type_)}, and is written as JSON here"
    suggestion = None if chain is None else f"{_written(chain)} | json"
    return TemplateProblem("json_in_text", message, None, *place, suggestion)


def _written(chain: Chain) -> str:
    return chain.root + "".join(key_text(key.value) for key in chain.keys)
