"""Declared inputs, in all the forms they are written in.

``name: {type: …}``, ``name: string``, and the list form of old files: ``- name``, ``- name: default``,
``- name: {…}``, ``- {name: n, …}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from ael.definition import MISSING, InputDefinition, Path
from ael.language.catalog import listing, old, structure
from ael.language.records import Key, Table, read_record
from ael.language.report import Report
from ael.language.rewrites import list_as_mapping
from ael.language.schemas import check_schema, misfit
from ael.language.shapes import Anything, Flag, Schema, Text, has_braces, refuse_type
from ael.language.suggest import nearest
from ael.types import JsonValue

__all__ = ["INPUT", "Inputs"]

_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_OTHER_TYPE_NAMES = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "map": "object",
    "none": "null",
}


@attrs.frozen
class _InputType:
    """One of the type names of JSON Schema, or a list of them."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if isinstance(value, list):
            read = [self.read(item, (*at, i), report) for i, item in enumerate(value)]
            return MISSING if MISSING in read else value
        if not isinstance(value, str):
            return refuse_type(value, "a type name", at, report)
        if value in _TYPES:
            return value
        near = _OTHER_TYPE_NAMES.get(value.casefold()) or nearest(value, _TYPES)
        fix = None if near is None else report.replace(at, near, f"write `{near}`")
        report.add(structure.NotAChoice(report.what(at), value, f"it is one of {listing(_TYPES)}", near), at, fix=fix)
        return MISSING

    def schema(self) -> Schema:
        names: Schema = {"enum": list(_TYPES)}
        return {"anyOf": [names, {"type": "array", "items": names}]}


@attrs.frozen
class _Required:
    """Whether the input must be given; a list of names is the ``required`` of JSON Schema, for objects."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        return value if isinstance(value, list) else Flag().read(value, at, report)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "string"}}]}


_KEYWORDS = re.findall(
    r"\S+",
    """
    $schema $id $anchor $ref $defs $comment title enum const examples format deprecated readOnly writeOnly
    minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern
    minItems maxItems uniqueItems items prefixItems contains minContains maxContains unevaluatedItems
    properties patternProperties additionalProperties propertyNames minProperties maxProperties
    dependentRequired dependentSchemas unevaluatedProperties allOf anyOf oneOf not if then else
    contentEncoding contentMediaType contentSchema
    """,
)

INPUT = Table(
    "an input",
    (
        Key("type", "The JSON type, or a list of types.", _InputType()),
        Key("description", "For people and agents.", Text(blank=True)),
        Key("default", "The value when the input is not given; makes it optional.", Anything()),
        Key("required", "Whether it must be given; true unless there is a default.", _Required()),
        *(Key(word, f"`{word}` of JSON Schema 2020-12.", Anything()) for word in _KEYWORDS),
    ),
)


@attrs.frozen
class Inputs:
    """The shape of ``inputs``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A tuple of :class:`InputDefinition`."""
        if value is None:
            return ()
        if isinstance(value, dict):
            read = (_declared(name, item, (*at, name), report) for name, item in value.items())
            return tuple(declared for declared in read if declared is not None)
        if not isinstance(value, list):
            return refuse_type(value, "a mapping", at, report, "write `name: {type: string}` for each")
        before = report.error_count
        declared = _unique(_from_list(value, at, report), report)
        fix = list_as_mapping(report, at, value) if report.error_count == before else None
        report.add(old.ListForm("inputs", "name: {type: string}"), at, key=True, fix=fix)
        return declared

    def schema(self) -> Schema:
        """A mapping of declarations, or the list of old files."""
        declaration = {"anyOf": [{"enum": list(_TYPES)}, {"type": "null"}, _declaration_schema()]}
        return {
            "anyOf": [
                {"type": "object", "additionalProperties": declaration},
                {"type": "array", "deprecated": True, "items": {"type": ["string", "object"]}},
                {"type": "null"},
            ]
        }


def _declaration_schema() -> Schema:
    return {**INPUT.schema(), "patternProperties": {"^x-": {}}}


def _unique(declared: Iterator[InputDefinition | None], report: Report) -> tuple[InputDefinition, ...]:
    by_name: dict[str, InputDefinition] = {}
    for one in declared:
        if one is not None and by_name.setdefault(one.name, one) is not one:
            report.add(structure.DuplicateName("input", one.name), one.path)
    return tuple(by_name.values())


def _from_list(items: list[JsonValue], at: Path, report: Report) -> Iterator[InputDefinition | None]:
    for index, item in enumerate(items):
        path = (*at, index)
        match item:
            case str():
                yield InputDefinition(item, {"type": "string"}, path=path)
            case dict() if isinstance(name := item.get("name"), str):
                rest = {key: value for key, value in item.items() if key != "name"}
                yield _from_schema(name, rest, path, report)
            case dict() if len(item) == 1:
                ((name, value),) = item.items()
                yield _from_pair(name, value, (*path, name), report)
            case _ if item is MISSING:
                continue
            case _:
                report.add(structure.InputUnclear(index + 1), path)


def _from_pair(name: str, value: JsonValue, path: Path, report: Report) -> InputDefinition | None:
    """``- name: {…}`` declares; ``- name: x`` gives the default ``x``."""
    if isinstance(value, dict):
        return _from_schema(name, value, path, report)
    _refuse_braces_in_default(name, value, path, report)
    return InputDefinition(name, {}, required=False, default=value, path=path)


def _declared(name: str, value: JsonValue, path: Path, report: Report) -> InputDefinition | None:
    if value is None or value is MISSING:
        return InputDefinition(name, path=path)
    if isinstance(value, str):
        kind = _InputType().read(value, path, report)
        return InputDefinition(name, {} if kind is MISSING else {"type": kind}, path=path)
    if isinstance(value, dict):
        return _from_schema(name, value, path, report)
    refuse_type(value, "a type name or a mapping", path, report)
    return InputDefinition(name, path=path)


def _from_schema(name: str, value: dict[str, JsonValue], path: Path, report: Report) -> InputDefinition:
    before = len(report.diagnostics)
    fields = read_record(INPUT, {key: item for key, item in value.items() if key[:2] != "x-"}, path, report)
    required = fields.pop("required", True)
    default = fields.pop("default", MISSING)
    if isinstance(required, list):
        fields["required"], required = required, True
    usable = len(report.diagnostics) == before
    if usable and set(fields) - {"type", "description"}:
        usable = check_schema(fields, f"input {name!r}", path, report)
    if default is not MISSING:
        at = (*path, "default")
        if not _refuse_braces_in_default(name, default, at, report) and usable:
            _check_default(name, fields, default, at, report)
    return InputDefinition(name, fields, required and default is MISSING, default, path)


def _check_default(name: str, schema: Schema, default: JsonValue, at: Path, report: Report) -> None:
    reason = misfit(schema, default)
    # An optional input that is not given is null, so null is a default of any input.
    if reason is not None and default is not None:
        report.add(structure.DefaultMisfits(name, reason), at)


def _refuse_braces_in_default(name: str, default: JsonValue, at: Path, report: Report) -> bool:
    found = next(_texts_with_braces(default, at), None)
    if found is not None:
        report.add(structure.BracesNotRead(f"the default of input {name!r}"), found)
    return found is not None


def _texts_with_braces(value: JsonValue, at: Path) -> Iterator[Path]:
    if isinstance(value, str):
        if has_braces(value):
            yield at
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts_with_braces(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts_with_braces(item, (*at, index))
