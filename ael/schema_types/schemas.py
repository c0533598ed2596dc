"""What a JSON Schema says of the values that fit it, as types: never less than there may be.

Keywords that are not understood say nothing, and what a local ``$ref`` leads to is read once; inside itself it is
anything. One object reads one schema, and remembers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from ael.schema_types.lattice import (
    ANY,
    BOOLEAN,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    OPEN_OBJECT,
    TEXT,
    ListType,
    ObjectType,
    Type,
    meet,
    of_value,
    union,
)
from ael.types import JsonValue

__all__ = ["Schema", "SchemaReader"]

Schema = Mapping[str, JsonValue] | bool
"""A schema, or ``true`` for anything and ``false`` for nothing."""

_SCALARS: Mapping[str, Type] = {
    "null": NULL,
    "boolean": BOOLEAN,
    "integer": INTEGER,
    "number": NUMBER,
    "string": TEXT,
}
_ALL = ("null", "boolean", "number", "string", "array", "object")
_SAYS_NOTHING = frozenset({"title", "description", "default", "examples", "$comment", "deprecated", "readOnly"})
_KNOWN = _SAYS_NOTHING | {
    *("$schema", "$id", "$defs", "definitions", "writeOnly", "type", "enum", "const"),
    *("properties", "required", "additionalProperties", "items", "minItems", "maxItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern"),
}
"""The keywords that the checks read themselves; any other is left to the validator."""

_STRUCTURAL = frozenset({"properties", "required", "additionalProperties", "items", "prefixItems"})
_DEEPEST = 60
_MOST_ENUM = 1_000


class SchemaReader:
    """Reads a schema and all in it.

    Args:
        root: The whole schema; local references are looked up in it.
    """

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._depth = 0
        self._types: dict[int, Type] = {}
        self._simple: dict[int, bool] = {}

    def type_of(self, schema: JsonValue) -> Type:
        """Which values may fit a part of the schema. Nullable ones, which is OpenAPI's word, may be null."""
        if not isinstance(schema, Mapping):
            return NEVER if schema is False else ANY
        known = self._types.get(id(schema))
        if known is None:
            # What it says inside itself is left open.
            self._types[id(schema)] = known = ANY
            if self._depth < _DEEPEST:
                self._depth += 1
                self._types[id(schema)] = known = self._read(schema)
                self._depth -= 1
        return known

    def parts(self, schema: Mapping[str, JsonValue]) -> Sequence[Mapping[str, JsonValue]]:
        """The schemas that a value has to fit all at once: itself, what it refers to, and those of ``allOf``."""
        if "$ref" not in schema and "allOf" not in schema:
            return (schema,)
        return tuple(self._parts(schema))

    def _parts(self, schema: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
        seen: set[int] = set()
        waiting = [schema]
        while waiting:
            part = waiting.pop(0)
            if isinstance(part, Mapping) and id(part) not in seen:
                seen.add(id(part))
                yield part
                waiting.append(self._referred(part))
                waiting.extend(_schemas(part.get("allOf")))

    def is_simple(self, schema: JsonValue) -> bool:
        """Whether nothing in it but the keywords that the checks know decides what fits."""
        if not isinstance(schema, Mapping):
            return isinstance(schema, bool)
        known = self._simple.get(id(schema))
        if known is None:
            self._simple[id(schema)] = known = False
            if self._depth < _DEEPEST and _KNOWN.issuperset(schema) and _lists_scalars(schema):
                self._depth += 1
                self._simple[id(schema)] = known = all(map(self.is_simple, _inner(schema)))
                self._depth -= 1
        return known

    def _referred(self, schema: Mapping[str, JsonValue]) -> JsonValue:
        reference = schema.get("$ref")
        return self._follow(reference) if isinstance(reference, str) else True

    def _follow(self, reference: str) -> JsonValue:
        """What ``#/$defs/x`` leads to; anything where it leads elsewhere."""
        if reference != "#" and not reference.startswith("#/"):
            return True
        found: JsonValue = self._root
        for part in reference[1:].split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(key, True)
            elif isinstance(found, Sequence) and not isinstance(found, str) and key.isdecimal():
                found = found[int(key)] if int(key) < len(found) else True
            else:
                return True
        return found

    def _read(self, schema: Mapping[str, JsonValue]) -> Type:
        found = meet(self._declared(schema), _values(schema))
        found = meet(found, self.type_of(self._referred(schema)))
        for part in _schemas(schema.get("allOf")):
            found = meet(found, self.type_of(part))
        for word in ("anyOf", "oneOf"):
            choices = _schemas(schema.get(word))
            if choices:
                found = meet(found, union(*map(self.type_of, choices)))
        return union(found, NULL) if schema.get("nullable") is True else found

    def _declared(self, schema: Mapping[str, JsonValue]) -> Type:
        """What ``type`` says, together with the keywords for lists and objects."""
        named = schema.get("type")
        if named is None and _STRUCTURAL.isdisjoint(schema):
            return ANY
        names = named if isinstance(named, list | tuple) else _ALL if named is None else (named,)
        return union(*(self._named(name, schema) for name in names))

    def _named(self, name: JsonValue, schema: Mapping[str, JsonValue]) -> Type:
        if name == "array":
            return self._list(schema)
        if name == "object":
            return self._object(schema)
        return _SCALARS.get(name, ANY) if isinstance(name, str) else ANY

    def _list(self, schema: Mapping[str, JsonValue]) -> Type:
        items = schema.get("items", True)
        first = schema.get("prefixItems")
        if isinstance(first, Sequence) and first:
            return ListType(union(*map(self.type_of, first), self.type_of(items)))
        return ListType(ANY if isinstance(items, list) else self.type_of(items))

    def _object(self, schema: Mapping[str, JsonValue]) -> Type:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        fields = {key: self.type_of(part) for key, part in properties.items()}
        required = schema.get("required")
        names = frozenset(name for name in required if isinstance(name, str)) if isinstance(required, list) else ()
        rest = schema.get("additionalProperties", True)
        patterns = "patternProperties" in schema
        if not fields and not names and rest is True:
            return OPEN_OBJECT
        return ObjectType(fields, frozenset(names), ANY if patterns else self.type_of(rest))


def _schemas(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list | tuple) else ()


def _values(schema: Mapping[str, JsonValue]) -> Type:
    """What ``enum`` and ``const`` leave."""
    found: Type = ANY
    listed = schema.get("enum")
    if isinstance(listed, list | tuple) and len(listed) <= _MOST_ENUM:
        found = union(*map(of_value, listed))
    return meet(found, of_value(schema["const"])) if "const" in schema else found


def _lists_scalars(schema: Mapping[str, JsonValue]) -> bool:
    """Whether the values that it lists are ones that their types tell apart."""
    listed = _schemas(schema.get("enum"))
    values = (*listed, schema.get("const"))
    return len(listed) <= _MOST_ENUM and not any(isinstance(value, list | tuple | Mapping) for value in values)


def _inner(schema: Mapping[str, JsonValue]) -> Iterator[JsonValue]:
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        yield from properties.values()
    for word in ("items", "additionalProperties"):
        if word in schema:
            yield schema[word]
