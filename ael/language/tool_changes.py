"""What has become different between two descriptions of a tool, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ael.ports import ToolSpec
from ael.types import JsonValue

__all__ = ["ToolChanges", "changes_between"]

_MOST_DEPTH = 8
_SAID = frozenset(
    {"properties", "required", "items", "type", "$defs", "title", "description", "$comment", "examples", "$schema"}
)
"""Keywords that have sentences of their own, whose effect shows where they are referred to, or that mean nothing."""
_NEED = {(False, True): "{} is now required", (True, False): "{} is no longer required"}
_ANNOTATIONS = ("read_only", "idempotent", "destructive")
_WORDS = {True: "yes", False: "no", None: "not said"}


@attrs.frozen
class ToolChanges:
    """What is different, each part as sentences; all empty for two that say the same.

    Attributes:
        schemas: What may make a call wrong that was right: params and the output.
        annotations: What the tool says it does.
        description: Its text.
    """

    schemas: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    description: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every sentence, the weightiest first."""
        return (*self.schemas, *self.annotations, *self.description)


def changes_between(was: ToolSpec, now: ToolSpec) -> ToolChanges:
    """What a reader of ``was`` must know about ``now``."""
    return ToolChanges(
        (*_schema_changes(was.input_schema, now.input_schema, "param"), *_output_changes(was, now)),
        tuple(_annotation_changes(was, now)),
        ("its description changed",) if was.description != now.description else (),
    )


def _annotation_changes(was: ToolSpec, now: ToolSpec) -> Iterator[str]:
    for name in _ANNOTATIONS:
        before, after = getattr(was, name), getattr(now, name)
        if before != after:
            yield f"`{name}` was {_WORDS[before]} and is {_WORDS[after]}"


def _output_changes(was: ToolSpec, now: ToolSpec) -> tuple[str, ...]:
    if was.output_schema is None or now.output_schema is None:
        if was.output_schema == now.output_schema:
            return ()
        return ("it no longer says what it returns" if now.output_schema is None else "it now says what it returns",)
    return _schema_changes(was.output_schema, now.output_schema, "output field")


def _schema_changes(was: Mapping[str, JsonValue], now: Mapping[str, JsonValue], noun: str) -> tuple[str, ...]:
    if was == now:
        return ()
    return tuple(_Comparison(noun, was, now).below(was, now, "", 0))


@attrs.frozen
class _Comparison:
    """Two schemas side by side; ``noun`` is what their properties are called."""

    noun: str
    was_root: Mapping[str, JsonValue]
    now_root: Mapping[str, JsonValue]

    def below(self, was: JsonValue, now: JsonValue, path: str, depth: int) -> Iterator[str]:
        """The differences of two schemas that stand at the same place."""
        was, now = _resolved(was, self.was_root), _resolved(now, self.now_root)
        if not isinstance(was, Mapping) or not isinstance(now, Mapping) or depth > _MOST_DEPTH:
            if was != now:
                yield f"the schema of {self._name(path)} changed"
            return
        if was.get("type") != now.get("type"):
            yield f"{self._name(path)} was {_type(was)} and is {_type(now)}"
        yield from self._properties(was, now, path, depth)
        yield from self._items(was, now, path, depth)
        others = sorted(key for key in {*was, *now} - _SAID if was.get(key) != now.get(key))
        if others:
            yield f"{', '.join(f'`{key}`' for key in others)} of {self._name(path)} changed"

    def _items(
        self, was: Mapping[str, JsonValue], now: Mapping[str, JsonValue], path: str, depth: int
    ) -> Iterator[str]:
        if "items" in was and "items" in now:
            yield from self.below(was["items"], now["items"], f"{path}[]", depth + 1)
        elif was.get("items") != now.get("items"):
            yield f"the items of {self._name(path)} changed"

    def _properties(
        self, was: Mapping[str, JsonValue], now: Mapping[str, JsonValue], path: str, depth: int
    ) -> Iterator[str]:
        before, after = _mapping(was.get("properties")), _mapping(now.get("properties"))
        needed_before, needed_after = _names(was.get("required")), _names(now.get("required"))
        for name in sorted({*before, *after, *needed_before, *needed_after}):
            inner = f"{path}.{name}" if path else name
            there = (name in before, name in after)
            if there == (False, True):
                yield f"{self._name(inner)} was added" + (" and is required" if name in needed_after else "")
            elif there == (True, False):
                yield f"{self._name(inner)} was removed"
            else:
                needed = (name in needed_before, name in needed_after)
                yield from _NEED.get(needed, "").format(self._name(inner)).splitlines()
                yield from self.below(before.get(name), after.get(name), inner, depth + 1)

    def _name(self, path: str) -> str:
        return f"{self.noun} `{path}`" if path else ("the params" if self.noun == "param" else "the output")


def _resolved(schema: JsonValue, root: Mapping[str, JsonValue]) -> JsonValue:
    """What a local reference stands for; one step only, so a circle ends."""
    if not isinstance(schema, Mapping) or not isinstance(reference := schema.get("$ref"), str):
        return schema
    found: JsonValue = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return schema if found is None else found


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}


def _names(value: JsonValue) -> frozenset[str]:
    return (
        frozenset(name for name in value if isinstance(name, str)) if isinstance(value, list | tuple) else frozenset()
    )


def _type(schema: Mapping[str, JsonValue]) -> str:
    found = schema.get("type")
    if isinstance(found, list | tuple):
        return " or ".join(map(str, found))
    return str(found) if found else "of any type"
