"""Checks of JSON Schemas that workflow files declare, and of values against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType

from ael.definition import Path
from ael.language.catalog import structure
from ael.language.report import Report
from ael.schema_check import validator_for
from ael.types import JsonValue

__all__ = ["check_schema", "misfit"]

_MOST_REASON = 200


def _jsonschema() -> ModuleType:
    """Imported for the first schema: a workflow without inputs does without."""
    import jsonschema_rs

    return jsonschema_rs


def check_schema(schema: Mapping[str, JsonValue], what: str, at: Path, report: Report) -> bool:
    """Report what is wrong with a schema; whether it can be used."""
    remote = next(_remote_references(schema, ()), None)
    if remote is not None:
        path, reference = remote
        report.add(structure.SchemaRemote(what, reference), (*at, *path))
        return False
    library = _jsonschema()
    try:
        library.meta.validate(schema)
        validator_for(schema)
    except library.ValidationError as error:
        report.add(structure.SchemaInvalid(what, _short(error.message)), (*at, *error.instance_path))
        return False
    except (ValueError, TypeError, OverflowError, library.ReferencingError) as error:
        below = getattr(error.__cause__, "instance_path", ())
        report.add(structure.SchemaInvalid(what, _short(str(error))), (*at, *below))
        return False
    return True


def misfit(schema: Mapping[str, JsonValue], value: JsonValue) -> str | None:
    """Why a value does not fit a valid schema, in one sentence; ``None`` if it does."""
    try:
        problems = validator_for(schema).problems(value)
    except (ValueError, TypeError, OverflowError) as error:
        return _short(str(error))
    return _short(problems[0].removeprefix("$: ")) if problems else None


def _short(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _MOST_REASON else line[:_MOST_REASON] + "…"


def _remote_references(value: JsonValue, path: Path) -> Iterator[tuple[Path, str]]:
    """``$ref`` and ``$schema`` that lead out of the document; what is data (``enum``, ``const``) is left alone."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in {"$ref", "$dynamicRef"} and isinstance(item, str) and not item.startswith("#"):
                yield (*path, key), item
            elif key not in {"enum", "const", "default", "examples"}:
                yield from _remote_references(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _remote_references(item, (*path, index))
