"""The rules of one project's tools as JSON Schema, for editors: their names, and what each wants in ``params``.

A tool's own schema says what it wants when it is called; in a file there are templates instead. So every schema below
``params`` also takes a template, and what could then not be decided is left out: ``not``, ``if``, ``contains``,
``uniqueItems``; ``oneOf`` becomes ``anyOf``, because a template may fit several. What is left refuses no file that can
be right. A schema that JSON Schema 2020-12 does not know as one takes everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from urllib.parse import quote

import attrs

from ael.language.shapes import Schema
from ael.ports import ToolSpec
from ael.schema_check import SchemaError, validator_for
from ael.types import JsonValue

__all__ = ["tool_definitions", "tool_rules"]

_TEMPLATE: Schema = {"$ref": "#/$defs/template"}
_TEMPLATE_DEFINITION: Schema = {
    "description": "A template; what it gives is known when the step runs.",
    "type": "string",
    "pattern": r"\{[{%]",
}
_ANY_PARAMS: Schema = {"type": ["object", "null"]}
_SHOWN = ("title", "description", "default", "examples", "deprecated")
_DEFINITIONS = ("$defs", "definitions")


def tool_definitions(specs: Iterable[ToolSpec]) -> Schema:
    """What :func:`tool_rules` refers to below ``$defs``."""
    return {"template": _TEMPLATE_DEFINITION, **{_key(spec): _params(spec) for spec in _each_once(specs)}}


def tool_rules(specs: Iterable[ToolSpec], open_servers: Collection[str] = ()) -> list[Schema]:
    """What a step, or an ``undo``, has to fulfil, all of it.

    Args:
        specs: The tools that are known, in the order in which bare names are looked up.
        open_servers: Servers that may have any tools.
    """
    known = list(_each_once(specs))
    names = sorted({name for spec in known for name in (spec.full_name, spec.name)})
    tool: Schema = {"enum": names}
    if open_servers:
        servers = "|".join(_quoted(server) for server in sorted(open_servers))
        tool = {"anyOf": [tool, {"type": "string", "pattern": rf"^((({servers})\..*)|[^.]*)$"}]}
    free: Schema = _called(on_missing_tool="skip")
    if open_servers:
        of_open = {"properties": {"mcp": {"enum": sorted(open_servers)}}, "required": ["mcp"]}
        free = {"anyOf": [free, of_open]}
    there: Schema = {"if": free, "else": {"properties": {"tool": tool}}}
    return [there, *(_rule(spec, known) for spec in known)]


def _each_once(specs: Iterable[ToolSpec]) -> Iterator[ToolSpec]:
    seen: set[str] = set()
    for spec in specs:
        if spec.full_name not in seen:
            seen.add(spec.full_name)
            yield spec


def _quoted(name: str) -> str:
    """The name in a pattern of ECMA-262, in which no character may be escaped that need not be."""
    return "".join(f"\\{character}" if character in r"\^$.*+?()[]{}|/" else character for character in name)


def _rule(spec: ToolSpec, known: Collection[ToolSpec]) -> Schema:
    """If the step calls this tool, its params are these."""
    ways: list[Schema] = [_called(tool=spec.full_name)]
    if spec.server is not None:
        ways.append(_called(tool=spec.name, mcp=spec.server))
        if _means(spec.name, known) is spec:
            ways.append({"allOf": [_called(tool=spec.name), {"not": {"required": ["mcp"]}}]})
    then: Schema = {"properties": {"params": {"$ref": f"#/$defs/{_pointer(_key(spec))}"}}}
    if spec.input_schema.get("required"):
        then["required"] = ["params"]
    return {"if": ways[0] if len(ways) == 1 else {"anyOf": ways}, "then": then}


def _called(**keys: str) -> Schema:
    return {"properties": {key: {"const": value} for key, value in keys.items()}, "required": list(keys)}


def _means(name: str, known: Collection[ToolSpec]) -> ToolSpec | None:
    """The tool that a bare name stands for, if only one can be meant."""
    whole = next((spec for spec in known if spec.full_name == name), None)
    offers = [spec for spec in known if spec.name == name]
    return whole or (offers[0] if len(offers) == 1 else None)


def _key(spec: ToolSpec) -> str:
    return f"params:{spec.full_name}"


def _pointer(key: str) -> str:
    return quote(key.replace("~", "~0").replace("/", "~1"), safe="~:$-._")


def _params(spec: ToolSpec) -> Schema:
    """What ``params`` of the tool may be."""
    key = _key(spec)
    opened = _Opening(spec.input_schema, f"#/$defs/{_pointer(key)}").schema(spec.input_schema)
    params: Schema = opened if isinstance(opened, dict) else {}
    if not spec.input_schema.get("required"):
        params = _or_nothing(params)
    if spec.description:
        params = {**params, "description": spec.description}
    try:
        validator_for({"$ref": f"#/$defs/{_pointer(key)}", "$defs": {key: params, "template": _TEMPLATE_DEFINITION}})
    except SchemaError:
        return _ANY_PARAMS
    return params


def _or_nothing(params: Schema) -> Schema:
    """`params:` with nothing behind it is none at all."""
    if params.get("type") == "object" and not params.keys() & {"$ref", "enum", "const", "anyOf", "allOf"}:
        return {**params, "type": ["object", "null"]}
    return {"anyOf": [params, {"type": "null"}]}


@attrs.frozen
class _Opening:
    """Makes a tool's schema one for files. ``root`` is the whole, ``at`` where it will stand."""

    root: Mapping[str, JsonValue]
    at: str

    def schema(self, schema: JsonValue) -> JsonValue:
        """The schema with templates let in below it."""
        if not isinstance(schema, Mapping):
            return schema if isinstance(schema, bool) else {}
        if "$ref" in schema:
            schema = self._referring(schema)
        opened: Schema = {}
        for key, value in schema.items():
            open_keyword = _OPENED.get(key)
            if open_keyword is not None:
                opened |= open_keyword(self, value, schema)
            elif key in _KEPT:
                opened[key] = value
        return _both(opened)

    def inner(self, schema: JsonValue) -> JsonValue:
        """The schema of a value inside of params: it, or a template."""
        opened = self.schema(schema)
        if isinstance(opened, bool) or not opened.keys() - set(_SHOWN):
            return opened
        shown = {key: opened[key] for key in _SHOWN if key in opened}
        rest = {key: value for key, value in opened.items() if key not in shown}
        return opened if rest == {"type": "string"} else {**shown, "anyOf": [rest, _TEMPLATE]}

    def _referring(self, schema: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        """With its reference leading to where the schema will stand; without it where it leads elsewhere."""
        others = {key: value for key, value in schema.items() if key != "$ref"}
        target = schema["$ref"]
        parts = target.split("/") if isinstance(target, str) else []
        if parts == ["#"]:
            return {**others, "$ref": self.at}
        there = len(parts) == 3 and parts[0] == "#" and parts[1] in _DEFINITIONS
        table = self.root.get(parts[1]) if there else None
        if not isinstance(table, Mapping) or parts[2].replace("~1", "/").replace("~0", "~") not in table:
            return {}
        return {**others, "$ref": f"{self.at}/{parts[1]}/{parts[2]}"}


def _both(opened: Schema) -> Schema:
    """What came of ``oneOf`` beside an ``anyOf``."""
    alternatives = opened.pop("oneOf", None)
    if alternatives is None:
        return opened
    if "anyOf" not in opened:
        return {**opened, "anyOf": alternatives}
    return {**opened, "allOf": [*opened.get("allOf", ()), {"anyOf": alternatives}]}


def _table(key: str, inner: Callable[[_Opening, JsonValue], JsonValue]) -> Callable[..., Schema]:
    def opened(opening: _Opening, value: JsonValue, _: Mapping[str, JsonValue]) -> Schema:
        if not isinstance(value, Mapping):
            return {}
        return {key: {name: inner(opening, schema) for name, schema in value.items()}}

    return opened


def _list(key: str, inner: Callable[[_Opening, JsonValue], JsonValue]) -> Callable[..., Schema]:
    def opened(opening: _Opening, value: JsonValue, _: Mapping[str, JsonValue]) -> Schema:
        return {key: [inner(opening, schema) for schema in value]} if isinstance(value, list) and value else {}

    return opened


def _items(opening: _Opening, value: JsonValue, schema: Mapping[str, JsonValue]) -> Schema:
    """A list of schemas is the old spelling of ``prefixItems``."""
    if not isinstance(value, list):
        return {"items": opening.inner(value)}
    rest = schema.get("additionalItems")
    opened: Schema = {"prefixItems": [opening.inner(item) for item in value]} if value else {}
    return opened if rest is None else {**opened, "items": opening.inner(rest)}


def _additional(opening: _Opening, value: JsonValue, _: Mapping[str, JsonValue]) -> Schema:
    return {"additionalProperties": opening.inner(value)}


_OPENED: Mapping[str, Callable[[_Opening, JsonValue, Mapping[str, JsonValue]], Schema]] = {
    **{key: _table(key, _Opening.inner) for key in ("properties", "patternProperties")},
    **{key: _table(key, _Opening.schema) for key in _DEFINITIONS},
    **{key: _list(key, _Opening.schema) for key in ("anyOf", "oneOf", "allOf")},
    "prefixItems": _list("prefixItems", _Opening.inner),
    "items": _items,
    "additionalProperties": _additional,
}
_KEPT = frozenset(
    {
        *("$ref", "type", "enum", "const", "format", *_SHOWN),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "minItems", "maxItems"),
        *("required", "minProperties", "maxProperties", "dependentRequired"),
    }
)
"""Keywords that say the same with templates about."""
