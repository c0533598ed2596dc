"""JSON Schema, as one question: what is wrong with this value? Compiled once per schema, remote ``$ref`` refused.

``jsonschema_rs`` is imported when the first schema is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """One compiled schema.

    Attributes:
        accepts: Fast yes or no.
    """

    __slots__ = ("_compiled", "accepts")

    def __init__(self, compiled: _Compiled) -> None:
        self._compiled = compiled
        self.accepts = compiled.is_valid

    def problems(self, value: JsonValue) -> list[str]:
        """Every misfit as a sentence with its path, ``$.items[3]: "x" is not of type "integer"``."""
        errors: JsonValue = self._compiled.iter_errors(value)
        return [f"{format_path(list(error.instance_path))}: {error.message}" for error in errors]


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
