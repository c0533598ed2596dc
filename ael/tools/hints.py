"""Type hints of tools: reading them, their JSON Schemas, and values of JSON converted for them."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

import msgspec

from ael.errors import ConfigInvalidError
from ael.tools.context import ToolContext
from ael.types import JsonValue

__all__ = ["convert", "is_context", "is_plain", "read_hints", "schemas_of"]

_REF = "#/$defs/{name}"
_PLAIN = frozenset({str, int, float, bool, type(None), list, dict, object, Any})
_CONTAINERS = frozenset({Union, types.UnionType, list, dict, Sequence, Mapping})
_WRAPPERS = frozenset({Annotated, Required, NotRequired})
_DECIMAL = {"type": "string", "format": "decimal"}
_ANYTHING = {"$comment": "anything"}  # msgspec takes an empty schema for none


def read_hints(function: Callable[..., object], name: str) -> dict[str, JsonValue]:
    """The resolved hints of a function, of what ``functools.partial`` wraps, or of an object's ``__call__``.

    A return hint that cannot be resolved is left out: nothing depends on it. :class:`ael.ToolContext` may be
    imported for type checkers only.

    Raises:
        ConfigInvalidError: A parameter's hint names something that does not exist.
    """
    while isinstance(function, partial):
        function = function.func
    target = inspect.unwrap(function if inspect.isroutine(function) else type(function).__call__)
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return _read_one_by_one(target, name)


def _read_one_by_one(target: Callable[..., object], name: str) -> dict[str, JsonValue]:
    names: dict[str, JsonValue] = {"ToolContext": ToolContext, **getattr(target, "__globals__", {})}
    hints: dict[str, JsonValue] = {}
    for parameter, hint in getattr(target, "__annotations__", {}).items():
        if isinstance(hint, str) and hint.rpartition(".")[2] == "ToolContext":
            hints[parameter] = ToolContext
            continue
        try:
            hints.update(typing.get_type_hints(_Annotated({parameter: hint}), names, include_extras=True))
        except (NameError, TypeError, AttributeError) as error:
            if parameter != "return":
                raise ConfigInvalidError(
                    f"function {name!r} cannot be a tool: the type of parameter {parameter!r}: {error}"
                ) from error
    return hints


class _Annotated:
    """As much of a function as ``get_type_hints`` looks at."""

    def __init__(self, annotations: Mapping[str, JsonValue]) -> None:
        self.__annotations__ = dict(annotations)


def is_context(kind: JsonValue) -> bool:
    """Whether a parameter of this type is the engine's to fill in; ``ToolContext | None`` too."""
    return kind is ToolContext or ToolContext in get_args(kind)


def is_plain(kind: JsonValue, inside: frozenset[JsonValue] = frozenset()) -> bool:
    """Whether a JSON value is already what the type wants. ``inside`` are the TypedDicts it is a part of."""
    origin: JsonValue = get_origin(kind)
    if origin in _WRAPPERS:
        return is_plain(get_args(kind)[0], inside)
    if origin is Literal:
        return all(type(each) in _PLAIN for each in get_args(kind))
    if origin in _CONTAINERS:
        return all(is_plain(each, inside) for each in get_args(kind))
    if typing.is_typeddict(kind):
        fields = typing.get_type_hints(kind, include_extras=True).values()
        return kind in inside or all(is_plain(each, inside | {kind}) for each in fields)
    try:
        return kind in _PLAIN
    except TypeError:
        return False


def schemas_of(kinds: Iterable[JsonValue]) -> tuple[list[dict[str, JsonValue]], dict[str, JsonValue]]:
    """The JSON Schema of each type, and the definitions they refer to under ``$defs``.

    Raises:
        TypeError: There is none for one of them.
    """
    schemas, components = msgspec.json.schema_components(kinds, schema_hook=_schema_of_other, ref_template=_REF)
    return [_as_written(schema) for schema in schemas], _as_written(components)


def _schema_of_other(kind: type) -> dict[str, JsonValue]:
    if kind is object:
        return _ANYTHING
    raise NotImplementedError


def _as_written(schema: JsonValue) -> JsonValue:
    """Decimals may be written as numbers too: nobody quotes a price in YAML. Anything is ``{}``."""
    if isinstance(schema, dict):
        if schema == _ANYTHING:
            return {}
        if schema.items() >= _DECIMAL.items():
            return {**schema, "type": ["string", "number"]}
        return {key: _as_written(value) for key, value in schema.items()}
    return [_as_written(each) for each in schema] if isinstance(schema, list) else schema


def convert(value: JsonValue, kind: JsonValue) -> JsonValue:
    """A value of JSON as what the type wants: an attrs class, a dataclass, an Enum, a datetime, a set.

    Raises:
        msgspec.ValidationError: It does not fit.
    """
    return msgspec.convert(value, kind, dec_hook=_keep)


def _keep(kind: type, value: JsonValue) -> JsonValue:
    """For parts annotated with ``object``, the only type let through that msgspec does not know."""
    return value
