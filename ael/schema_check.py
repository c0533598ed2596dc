"""JSON Schema, as one question: what is wrong with this value? Compiled once per schema, remote ``$ref`` refused.

``jsonschema_rs`` is imported when the first schema is compiled.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Protocol

import msgspec

from ael.types import JsonValue
from ael.values import format_path

__all__ = ["SchemaError", "Validator", "validator_for"]


class SchemaError(ValueError):
    """The schema itself is not valid, or refers to something that is not in it."""


class _Compiled(Protocol):
    """As much of a ``jsonschema_rs`` validator as is used."""

    def is_valid(self, instance: JsonValue) -> bool: ...

    def iter_errors(self, instance: JsonValue) -> object: ...


class Validator:
    """One compiled schema. To a schema, dates and bytes are the texts that they are in JSON.

    Attributes:
        accepts_json: :meth:`accepts` for a value that is JSON through and through; ``ValueError`` for another.
    """

    __slots__ = ("_compiled", "accepts_json")

    def __init__(self, compiled: _Compiled) -> None:
        self._compiled = compiled
        self.accepts_json = compiled.is_valid

    def accepts(self, value: JsonValue) -> bool:
        """Fast yes or no."""
        try:
            return self.accepts_json(value)
        except ValueError:  # something in it is no JSON, which is found out only on the way
            return self.accepts_json(_as_json(value))

    def problems(self, value: JsonValue) -> list[str]:
        """Every misfit as a sentence with its path, ``$.items[3]: "x" is not of type "integer"``."""
        return [f"{format_path(path)}: {sentence}" for path, sentence in self.misfits(value)]

    def misfits(self, value: JsonValue) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every misfit: where in the value, and one sentence."""
        errors: JsonValue = self._compiled.iter_errors(_as_json(value))
        return ((tuple(error.instance_path), error.message) for error in errors)


def _as_json(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return {_as_json(key): _as_json(item) for key, item in value.items()}
        case list():
            return [_as_json(item) for item in value]
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case str():
            return value.encode(errors="replace").decode()  # half a surrogate pair is in no JSON
        case _:
            return value


def validator_for(schema: Mapping[str, JsonValue]) -> Validator:
    """The validator of a schema, JSON Schema 2020-12 unless it says otherwise with ``$schema``.

    Raises:
        SchemaError: It is not a valid schema, or needs something from elsewhere.
    """
    return _compile(msgspec.json.encode(schema, order="deterministic"))


@lru_cache(maxsize=4096)
def _compile(encoded: bytes) -> Validator:
    import jsonschema_rs

    schema = msgspec.json.decode(encoded)
    try:
        compiled = jsonschema_rs.validator_for(schema, retriever=_refuse)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError(str(error).partition("\n")[0]) from error
    return Validator(compiled)


def _refuse(uri: str) -> JsonValue:
    raise SchemaError(f"the schema refers to {uri}, and schemas are not fetched")
