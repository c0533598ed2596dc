"""Declared outputs, in all the forms they are written in.

``name: template``, ``name: {value | from | from_path, description, schema}``, a list with ``name``, and
``output: template``. ``from`` is a path without braces: ``steps.x.output.k``.
"""

from __future__ import annotations

import attrs

from ael.definition import MISSING, OutputDefinition, Path
from ael.language.catalog import old, structure
from ael.language.records import Key, Table, read_record
from ael.language.report import Report
from ael.language.rewrites import list_as_mapping
from ael.language.schemas import check_schema
from ael.language.shapes import Anything, Object, Schema, Text, has_braces, refuse_type
from ael.types import JsonValue

__all__ = ["FROM_PREFIX", "OUTPUT", "Outputs", "SingleOutput"]

FROM_PREFIX = "{{ "
"""What stands before the path of ``from`` in the template made of it."""

_FIELDS = (
    Key("value", "A template, or any value with templates in it.", Anything()),
    Key("from", "A path without braces, `steps.x.output.k`.", Text(code=True), old_names=("from_path",)),
    Key("description", "For people and agents.", Text(blank=True)),
    Key("schema", "JSON Schema 2020-12 that the value must fit.", Object()),
)
OUTPUT = Table("an output", _FIELDS)
_LISTED = Table("an output", (Key("name", "Its name.", Text(), required=True), *_FIELDS))


@attrs.frozen
class SingleOutput:
    """The shape of ``output``: one output, named ``output``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A tuple of one :class:`OutputDefinition`."""
        return (OutputDefinition("output", value, path=at),)

    def schema(self) -> Schema:
        """Anything."""
        return {}


@attrs.frozen
class Outputs:
    """The shape of ``outputs``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A tuple of :class:`OutputDefinition`."""
        if value is None:
            return ()
        if isinstance(value, dict):
            read = [_declared(name, item, (*at, name), report) for name, item in value.items()]
            return tuple(output for output in read if output is not None)
        if not isinstance(value, list):
            return refuse_type(
                value, "a mapping", at, report, "write `name: TEMPLATE` for each, or `output: TEMPLATE` for one"
            )
        before = report.error_count
        declared = _from_list(value, at, report)
        fix = list_as_mapping(report, at, value) if report.error_count == before else None
        report.add(old.ListForm("outputs", 'name: "{{ steps.x.output }}"'), at, key=True, fix=fix)
        return declared

    def schema(self) -> Schema:
        """A mapping of templates or declarations, or the list of old files."""
        scalar = {"type": ["string", "number", "boolean", "array", "null"]}
        return {
            "anyOf": [
                {"type": "object", "additionalProperties": {"anyOf": [scalar, OUTPUT.schema()]}},
                {"type": "array", "deprecated": True, "items": _LISTED.schema()},
                {"type": "null"},
            ]
        }


def _from_list(items: list[JsonValue], at: Path, report: Report) -> tuple[OutputDefinition, ...]:
    by_name: dict[str, OutputDefinition] = {}
    for index, item in enumerate(items):
        path = (*at, index)
        if not isinstance(item, dict):
            if item is not MISSING:
                refuse_type(item, "a mapping with `name` and `value`", path, report)
            continue
        fields = read_record(_LISTED, item, path, report)
        name = fields.pop("name", None)
        output = _from_fields(name or str(index), fields, item, path, report)
        if output is not None and by_name.setdefault(output.name, output) is not output:
            report.add(structure.DuplicateName("output", output.name), (*path, "name"))
    return tuple(by_name.values())


def _declared(name: str, value: JsonValue, path: Path, report: Report) -> OutputDefinition | None:
    if value is MISSING:
        return None
    if not isinstance(value, dict):
        return OutputDefinition(name, value, path=path)
    return _from_fields(name, read_record(OUTPUT, value, path, report), value, path, report)


def _from_fields(
    name: str, fields: dict[str, JsonValue], raw: dict[str, JsonValue], path: Path, report: Report
) -> OutputDefinition | None:
    given = [key for key in ("value", "from", "from_path") if key in raw]
    if not given:
        report.add(structure.OutputUnclear(report.what(path)), path)
        return None
    if "value" in given and len(given) > 1:
        report.add(structure.KeysExclude(report.what(path), given[0], given[1]), (*path, given[1]), key=True)
    schema = fields.get("schema")
    if schema is not None and not check_schema(schema, f"the schema of output {name!r}", (*path, "schema"), report):
        schema = None
    value = fields["value"] if "value" in fields else _template_of(fields.get("from"))
    return OutputDefinition(name, value, fields.get("description"), schema, (*path, given[0]))


def _template_of(path: str | None) -> str | None:
    if path is None or has_braces(path):
        return path
    return f"{FROM_PREFIX}{path} }}}}"
