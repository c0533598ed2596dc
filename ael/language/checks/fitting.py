"""Does a value fit a schema, in which some parts are only known by their types? Every misfit with its place.

What is written down is held against what the checks understand of a schema, key by key; a template against the
values that its type allows. A misfit is only claimed where nothing can fit. What is understood of a schema is not
all: constants that pass are put before the validator that runs at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeGuard

import attrs

from ael.definition import Path
from ael.schema_check import SchemaError, validator_for
from ael.schema_types import (
    NEVER,
    Kind,
    Schema,
    SchemaReader,
    Type,
    contrast,
    kinds_of,
    meet,
    members,
    of_value,
    one_of,
    shown,
)
from ael.templates import Inferred
from ael.types import JsonValue

__all__ = ["Fitting", "Misfit"]

_SCALARS = (str, int, float, type(None))
_MOST_PARTS = 20_000
"""Schemas can have no end of alternatives to try."""


@attrs.frozen
class Misfit:
    """One thing that does not fit.

    Attributes:
        kind: ``missing`` or ``unknown`` (a key), ``type``, ``value``, or ``other``.
        path: Below the value: of what does not fit; of a missing key the object that lacks it.
        key: The missing or unknown key; else empty.
        expected: What is wanted, in words; of a missing key what it would be.
        found: What is there: ``"ten" is text``; of ``other`` the validator's sentence.
        known: Of an unknown key all that are known.
        wanted: The type that is wanted.
        given: Of a template the type that it gives.
        source: The path that a template gives whole; else empty.
    """

    kind: str
    path: Path
    key: str = ""
    expected: str = ""
    found: str = ""
    known: tuple[str, ...] = ()
    wanted: Type = NEVER
    given: Type = NEVER
    source: str = ""


@attrs.frozen
class Fitting:
    """One schema, ready to hold values against.

    Attributes:
        schema: The whole schema.
        reader: What was read of it.
    """

    schema: Schema
    reader: SchemaReader = attrs.field(
        default=attrs.Factory(lambda self: SchemaReader(self.schema), takes_self=True), repr=False
    )

    def misfits(self, value: JsonValue, inferred: Callable[[Path], Inferred | None]) -> list[Misfit]:
        """Everything in a value that certainly does not fit.

        Args:
            value: With templates in it.
            inferred: By its path below the value, what is known of a template; ``None`` for a constant.
        """
        walk = _Walk(self.reader, inferred)
        found = list(walk.check(value, self.schema, ()))
        if not found and walk.is_done and walk.all_constant and not self.reader.is_simple(self.schema):
            found = list(_refused(self.schema, value))
        return found


def _refused(schema: Schema, value: JsonValue) -> Iterator[Misfit]:
    """What the validator says; a schema that it cannot read says nothing."""
    if not isinstance(schema, Mapping):
        return
    try:
        found = list(validator_for(schema).misfits(value))
    except (SchemaError, ValueError, TypeError, OverflowError):
        return
    yield from (Misfit("other", path, found=sentence) for path, sentence in found)


class _Walk:
    """One value under check.

    Attributes:
        all_constant: Whether no template was met.
    """

    def __init__(self, reader: SchemaReader, inferred: Callable[[Path], Inferred | None]) -> None:
        self._reader = reader
        self._inferred = inferred
        self._left = _MOST_PARTS
        self._asked: set[tuple[int, Path]] = set()
        self.all_constant = True

    @property
    def is_done(self) -> bool:
        """Whether all was looked at: where alternatives have no end, the validator would not end either."""
        return self._left >= 0

    def check(self, value: JsonValue, schema: JsonValue, path: Path) -> Iterator[Misfit]:
        """Every misfit of a part of the value."""
        self._left -= 1
        if schema is False:
            yield Misfit("other", path, found="no value is allowed here")
        if not isinstance(schema, Mapping) or self._left < 0:
            return
        wanted = self._reader.type_of(schema)
        inferred = self._inferred(path) if isinstance(value, str) else None
        if inferred is not None:
            self.all_constant = False
            yield from _check_template(inferred, wanted, path)
        elif isinstance(value, _SCALARS):
            yield from self._check_scalar(value, schema, path, wanted)
        elif isinstance(value, Mapping | list | tuple):
            asked = (id(schema), path)
            if asked not in self._asked:  # else its alternatives lead back to it
                self._asked.add(asked)
                yield from self._check_container(value, schema, path, wanted)
                self._asked.discard(asked)

    # Constants

    def _check_scalar(
        self, value: JsonValue, schema: Mapping[str, JsonValue], path: Path, wanted: Type
    ) -> Iterator[Misfit]:
        found = of_value(value)
        if meet(found, wanted) == NEVER:
            expected, given = contrast(wanted, found)
            if given == shown(value):
                yield Misfit("value", path, expected=expected, found=given, known=_texts(wanted), wanted=wanted)
            else:
                yield Misfit("type", path, expected=expected, found=f"{shown(value)} is {given}", wanted=wanted)
            return
        for part in self._reader.parts(schema):
            expected = _bounds(value, part)
            if expected:
                yield Misfit("value", path, expected=expected, found=shown(value))
                return

    # Lists and objects

    def _check_container(
        self, value: JsonValue, schema: Mapping[str, JsonValue], path: Path, wanted: Type
    ) -> Iterator[Misfit]:
        kind = Kind.OBJECT if isinstance(value, Mapping) else Kind.LIST
        kinds = kinds_of(wanted)
        if kinds is not None and kind not in kinds:
            self._note_templates(value, path)
            what = "an object" if kind is Kind.OBJECT else "a list"
            yield Misfit("type", path, expected=one_of(wanted), found=f"this is {what}", wanted=wanted)
            return
        parts = self._reader.parts(schema)
        for part in parts:
            if isinstance(value, Mapping):
                yield from self._check_object(value, part, path)
            else:
                yield from _check_length(value, part, path)
            for word in ("anyOf", "oneOf"):
                yield from self._check_choices(value, part.get(word), path, kind)
        inner = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in inner:
            yield from self._check_all(item, [_inner(part, key) for part in parts], (*path, key))

    def _check_all(self, value: JsonValue, schemas: Sequence[JsonValue], path: Path) -> Iterator[Misfit]:
        """Against the first that it does not fit; one that says nothing only finds the templates."""
        for schema in schemas:
            found = list(self.check(value, schema, path))
            if found:
                yield from found
                return
        self._note_templates(value, path)

    def _note_templates(self, value: JsonValue, path: Path) -> None:
        if not self.all_constant:
            return
        if isinstance(value, str):
            self.all_constant = self._inferred(path) is None
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self._note_templates(item, (*path, key))
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                self._note_templates(item, (*path, index))

    def _check_object(
        self, value: Mapping[str, JsonValue], part: Mapping[str, JsonValue], path: Path
    ) -> Iterator[Misfit]:
        properties = part.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = part.get("required")
        for name in required if isinstance(required, list) else ():
            if isinstance(name, str) and name not in value:
                wanted = self._reader.type_of(properties.get(name, True))
                yield Misfit("missing", path, name, one_of(wanted), _description(properties.get(name)), wanted=wanted)
        if part.get("additionalProperties") is False and "patternProperties" not in part:
            for name in value:
                if name not in properties:
                    yield Misfit("unknown", (*path, name), name, known=tuple(properties))

    def _check_choices(self, value: JsonValue, choices: JsonValue, path: Path, kind: Kind) -> Iterator[Misfit]:
        """The misfits of the choice that is nearest, if there is none that may fit."""
        nearest: list[Misfit] = []
        for choice in choices if isinstance(choices, list) else ():
            kinds = kinds_of(self._reader.type_of(choice))
            if kinds is not None and kind not in kinds:
                continue
            found = list(self.check(value, choice, path))
            if not found:
                return
            if not nearest or len(found) < len(nearest):
                nearest = found
        yield from nearest


def _inner(part: Mapping[str, JsonValue], key: str | int) -> JsonValue:
    """The schema of what is below a key or a position."""
    return _item(part, key) if isinstance(key, int) else _property(part, key)


def _property(part: Mapping[str, JsonValue], key: str) -> JsonValue:
    properties = part.get("properties")
    if isinstance(properties, Mapping) and key in properties:
        return properties[key]
    rest = part.get("additionalProperties", True)
    # A key too many has been said already.
    return True if rest is False or "patternProperties" in part else rest


def _item(part: Mapping[str, JsonValue], index: int) -> JsonValue:
    first = part.get("prefixItems")
    if isinstance(first, list):
        return first[index] if index < len(first) else part.get("items", True)
    items = part.get("items", True)
    return True if isinstance(items, list) else items


def _check_template(inferred: Inferred, wanted: Type, path: Path) -> Iterator[Misfit]:
    if meet(inferred.type, wanted) != NEVER:
        return
    expected, given = contrast(wanted, inferred.type)
    found = f"`{inferred.source}` is {given}" if inferred.source else f"this template gives {given}"
    source = inferred.source
    yield Misfit("type", path, expected=expected, found=found, wanted=wanted, given=inferred.type, source=source)


def _texts(wanted: Type) -> tuple[str, ...]:
    """The texts among the values that are wanted."""
    values = (getattr(member, "value", None) for member in members(wanted))
    return tuple(value for value in values if isinstance(value, str))


def _description(schema: JsonValue) -> str:
    text = schema.get("description") if isinstance(schema, Mapping) else None
    return text.strip().partition("\n")[0] if isinstance(text, str) else ""


# Bounds


def _is_number(value: JsonValue) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_LIMITS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", lambda value, limit: value < limit, "at least"),
    ("maximum", lambda value, limit: value > limit, "at most"),
    ("exclusiveMinimum", lambda value, limit: value <= limit, "more than"),
    ("exclusiveMaximum", lambda value, limit: value >= limit, "less than"),
)
_SIZES: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("min", lambda size, limit: size < limit, "at least"),
    ("max", lambda size, limit: size > limit, "at most"),
)


def _bounds(value: JsonValue, part: Mapping[str, JsonValue]) -> str:
    """What a scalar must be that it is not; empty if it is."""
    if _is_number(value):
        for word, exceeds, text in _LIMITS:
            limit = part.get(word)
            if _is_number(limit) and exceeds(value, limit):
                return f"{text} {limit}"
    elif isinstance(value, str):
        size = _size(len(value), "Length", "characters", part)
        return f"text of {size}" if size else _pattern(value, part)
    return ""


def _size(size: int, keyword: str, unit: str, part: Mapping[str, JsonValue]) -> str:
    for word, exceeds, text in _SIZES:
        limit = part.get(f"{word}{keyword}")
        if _is_number(limit) and exceeds(size, limit):
            return f"{text} {limit} {unit if limit != 1 else unit[:-1]}"
    return ""


def _pattern(value: str, part: Mapping[str, JsonValue]) -> str:
    """The validator's own reading of the pattern: its regular expressions are not Python's."""
    pattern = part.get("pattern")
    if not isinstance(pattern, str):
        return ""
    try:
        accepted = validator_for({"pattern": pattern}).accepts(value)
    except (SchemaError, ValueError):
        return ""
    return "" if accepted else f"text that matches {pattern!r}"


def _check_length(value: Sequence[JsonValue], part: Mapping[str, JsonValue], path: Path) -> Iterator[Misfit]:
    expected = _size(len(value), "Items", "items", part)
    if expected:
        yield Misfit(
            "value", path, expected=f"a list of {expected}", found=f"one of {len(value)}" if value else "empty"
        )
