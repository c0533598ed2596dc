"""A mapping with known keys: the table of its keys, and how it is read by that table.

One row says all there is to know of a key: its shape, whether this version has it, its old names, and what it
means. Reading, "did you mean", "not supported yet" and the JSON Schema follow from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from ael.definition import MISSING, Path
from ael.language.catalog import old, structure
from ael.language.foreign import KEYS
from ael.language.report import Report
from ael.language.shapes import Schema, Shape, refuse_type
from ael.language.suggest import nearest
from ael.types import JsonValue

__all__ = ["Key", "Record", "Table", "meant_key", "read_items", "read_record"]

STAGE = 2
"""Keys of later stages are known by name and refused."""


@attrs.frozen
class Key:
    """One key of a mapping.

    Attributes:
        about: What it means, one sentence, for messages and editors.
        shape: What its value may be; ``None`` for a key of a later stage.
        field: Name of the field of the definition, where it is another.
        old_names: Names it has in old files.
    """

    name: str
    about: str
    shape: Shape | None = None
    stage: int = STAGE
    required: bool = False
    field: str = ""
    old_names: tuple[str, ...] = ()


def _rows(table: Table) -> dict[str, Key]:
    return {name: key for key in table.keys for name in (key.name, *key.old_names)}


def _required(table: Table) -> tuple[Key, ...]:
    return tuple(key for key in table.keys if key.required)


@attrs.frozen
class Table:
    """All keys of one kind of mapping.

    Attributes:
        title: In which mapping, for "`x` is a key of ...".
        ref: Its name among the definitions of the JSON Schema; without one its schema stands where it is used.
        rules: What the JSON Schema says beside the keys.
    """

    title: str
    keys: tuple[Key, ...]
    ref: str = ""
    rules: Schema = attrs.field(factory=dict, repr=False)
    rows: Mapping[str, Key] = attrs.field(init=False, default=attrs.Factory(_rows, takes_self=True), repr=False)
    required: tuple[Key, ...] = attrs.field(init=False, default=attrs.Factory(_required, takes_self=True), repr=False)
    others: list[Table] = attrs.field(init=False, factory=list, repr=False, eq=False)

    def schema(self) -> Schema:
        """An object with these keys and no others."""
        properties: Schema = {}
        for key in self.keys:
            if key.stage <= STAGE and key.shape is not None:
                fragment = key.shape.schema()
                properties[key.name] = {"description": key.about, **fragment}
                for name in key.old_names:
                    properties[name] = {"description": f"Old name of `{key.name}`.", "deprecated": True, **fragment}
        required = [key.name for key in self.required]
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**schema, **({"required": required} if required else {}), **self.rules}

    def reference(self) -> Schema:
        """Where the schema of a table is that has a name; else the schema."""
        return {"$ref": f"#/$defs/{self.ref}"} if self.ref else self.schema()


def read_record(table: Table, value: Mapping[str, JsonValue], at: Path, report: Report) -> dict[str, JsonValue]:
    """Every key of a mapping, read by its row: field → value. Reports all problems, leaves those keys out."""
    values: dict[str, JsonValue] = {}
    misspelt: set[str | None] = set()
    for name, item in value.items():
        key = table.rows.get(name)
        if key is None:
            misspelt.add(_unknown_key(table, name, value, at, report))
        elif name == key.name or _old_name(key, name, value, at, report):
            result = _read_value(key, item, (*at, name), report)
            if result is not MISSING:
                values[key.field or key.name] = result
    for key in table.required:
        if key.name not in misspelt and key.name not in value:
            _missing_key(key, at, report)
    return values


def _missing_key(key: Key, at: Path, report: Report) -> None:
    about = key.about[0].lower() + key.about[1:].rstrip(".")
    report.add(structure.KeyMissing(report.what(at), key.name, about), at)


def _read_value(key: Key, item: JsonValue, path: Path, report: Report) -> JsonValue:
    if item is MISSING:
        return MISSING
    if key.shape is None or key.stage > STAGE:
        report.add(structure.NotSupportedYet(f"`{key.name}`", report.what(path[:-1])), path, key=True)
        return MISSING
    return key.shape.read(item, path, report)


def _old_name(key: Key, name: str, value: Mapping[str, JsonValue], at: Path, report: Report) -> bool:
    """Note the old name of a key; false, with a problem, if the key is there under another name too."""
    other = next((given for given in (key.name, *key.old_names) if given in value), name)
    if other != name:
        report.add(structure.KeysExclude(report.what(at), other, name), (*at, name), key=True)
        return False
    path = (*at, name)
    fix = report.replace(path, key.name, f"write `{key.name}`", key=True)
    report.add(old.OldKey(name, key.name), path, key=True, fix=fix)
    return True


def meant_key(table: Table, name: str, value: Mapping[str, JsonValue]) -> str | None:
    """The key of the table that an unknown one stands for elsewhere, unless the mapping has that too."""
    key = KEYS.get(table.title, {}).get(name)
    return None if key is None or key in value or name in table.rows else key


def _unknown_key(table: Table, name: str, value: Mapping[str, JsonValue], at: Path, report: Report) -> str | None:
    """Report it; the name of the key it was probably meant to be."""
    path = (*at, name)
    known = [key.name for key in table.keys if key.stage <= STAGE]
    near = meant_key(table, name, value)
    other = None if near else next((other.title for other in table.others if name in other.rows), None)
    if near is None and other is None:
        near = nearest(name, known)
    fix = None if near is None else report.replace(path, near, f"write `{near}`", key=True)
    unsafe = None if fix is None else attrs.evolve(fix, safe=False)
    advice = f"`{name}` is a key of {other}" if other else _keys_in_words(table, value, known)
    report.add(structure.KeyUnknown(report.what(at), name, near, advice), path, key=True, fix=unsafe)
    return near


def _keys_in_words(table: Table, value: Mapping[str, JsonValue], known: list[str]) -> str:
    if "params" in table.rows and "tool" in value:
        return "what the tool is given goes below `params`"
    return f"its keys are {', '.join(known)}"


@attrs.frozen
class Record:
    """The shape of a mapping with a table; ``build`` makes the definition's value of its fields."""

    table: Table
    build: Callable[[dict[str, JsonValue]], JsonValue] = dict

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """What ``build`` makes of the keys."""
        if value is None:
            return self.build({})
        if not isinstance(value, dict):
            return refuse_type(value, "a mapping", at, report)
        return self.build(read_record(self.table, value, at, report))

    def schema(self) -> Schema:
        """An object with the table's keys, or nothing at all."""
        return {"anyOf": [self.table.reference(), {"type": "null"}]}


def read_items(table: Table, items: list[JsonValue], at: Path, report: Report) -> list[JsonValue]:
    """A list of mappings: the fields of each, or ``MISSING`` for what is none, so that numbers stay right."""
    record = Record(table)
    return [
        MISSING if item is MISSING else record.read({} if item is None else item, (*at, index), report)
        for index, item in enumerate(items)
    ]
