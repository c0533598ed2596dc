"""From a Python function's signature and docstring to the schemas of a tool, and from params to arguments."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs
import docstring_parser
import msgspec

from ael.errors import ConfigInvalidError, ParamInvalidError
from ael.types import JsonValue
from ael.values import copy_value

__all__ = ["Parameter", "Signature", "read_signature"]

_REF = "#/$defs/{name}"
_PLAIN = frozenset({str, int, float, bool, type(None), list, dict, object, Any})


@attrs.frozen
class Parameter:
    """One parameter: its type, and whether values must be converted from JSON for it."""

    name: str
    kind: JsonValue
    converts: bool
    required: bool
    default: JsonValue = None


@attrs.frozen
class Signature:
    """What a function takes and returns, as a tool.

    Attributes:
        description: The docstring without the sections on parameters.
        context: The parameter that takes the :class:`ael.ToolContext`, or ``None``.
        plain: Whether params are passed on as they are, only copied.
        open: Whether it has ``**kwargs``.
    """

    description: str
    parameters: Mapping[str, Parameter]
    input_schema: Mapping[str, JsonValue]
    output_schema: Mapping[str, JsonValue] | None
    context: str | None
    plain: bool
    open: bool

    def arguments(self, params: Mapping[str, JsonValue], tool: str) -> dict[str, JsonValue]:
        """Keyword arguments: copies of the function's own, converted where its types ask for it.

        Raises:
            ParamInvalidError: A value does not convert; all problems together.
        """
        if self.plain:
            return {name: copy_value(value) for name, value in params.items()}
        problems: list[str] = []
        arguments: dict[str, JsonValue] = {}
        for name, value in params.items():
            parameter = self.parameters.get(name)
            if parameter is None or not parameter.converts:
                arguments[name] = copy_value(value)
                continue
            try:
                arguments[name] = msgspec.convert(copy_value(value), parameter.kind)
            except (msgspec.ValidationError, TypeError) as error:
                problems.append(f"$.{name}: {error}")
        if problems:
            raise ParamInvalidError(
                f"the params of tool {tool!r} are not valid: {'; '.join(problems)}", details={"problems": problems}
            )
        return arguments


def read_signature(function: Callable[..., object], name: str, context_type: type) -> Signature:
    """Read a function.

    Args:
        context_type: The type whose parameter is injected and not part of the schema.

    Raises:
        ConfigInvalidError: It cannot be a tool: positional-only parameters, ``*args``, types without a schema.
    """
    signature = inspect.signature(function)
    hints = _hints(function, name)
    documented = docstring_parser.parse(inspect.getdoc(function) or "")
    descriptions = {each.arg_name: each.description for each in documented.params if each.description}
    context: str | None = None
    parameters: dict[str, Parameter] = {}
    is_open = False
    for parameter in signature.parameters.values():
        kind = hints.get(parameter.name, Any)
        if _is_context(kind, context_type):
            context = parameter.name
        elif parameter.kind is parameter.VAR_KEYWORD:
            is_open = True
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise ConfigInvalidError(
                f"function {name!r} cannot be a tool: parameter {str(parameter)!r} cannot be passed by name"
            )
        else:
            parameters[parameter.name] = _parameter(parameter, kind)
    return Signature(
        description=_description(documented),
        parameters=parameters,
        input_schema=_input_schema(name, parameters, descriptions, is_open=is_open),
        output_schema=_output_schema(hints.get("return", Any)),
        context=context,
        plain=not any(parameter.converts for parameter in parameters.values()),
        open=is_open,
    )


def _hints(function: Callable[..., object], name: str) -> dict[str, JsonValue]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(inspect.unwrap(target), include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigInvalidError(f"function {name!r} cannot be a tool: {error} in its type hints") from error


def _is_context(kind: JsonValue, context_type: type) -> bool:
    return kind is context_type or context_type in get_args(kind)


def _parameter(parameter: inspect.Parameter, kind: JsonValue) -> Parameter:
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    return Parameter(parameter.name, kind, not _is_plain(kind), required, default)


def _is_plain(kind: JsonValue) -> bool:
    """Whether a JSON value is already what the type wants."""
    origin: object = get_origin(kind)
    if origin is Annotated:
        return _is_plain(get_args(kind)[0])
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType, list, dict, Sequence, Mapping):
        return all(_is_plain(argument) for argument in get_args(kind))
    try:
        return kind in _PLAIN
    except TypeError:
        return False


def _description(documented: docstring_parser.Docstring) -> str:
    parts = (documented.short_description, documented.long_description)
    return "\n\n".join(part for part in parts if part)


def _input_schema(
    name: str, parameters: Mapping[str, Parameter], descriptions: Mapping[str, str], *, is_open: bool
) -> dict[str, JsonValue]:
    try:
        schemas, components = msgspec.json.schema_components(
            [parameter.kind for parameter in parameters.values()], ref_template=_REF
        )
    except TypeError as error:
        raise ConfigInvalidError(f"function {name!r} cannot be a tool: {error}") from error
    properties: dict[str, JsonValue] = {}
    for parameter, schema in zip(parameters.values(), schemas, strict=True):
        properties[parameter.name] = _property(parameter, dict(schema), descriptions)
    result: dict[str, JsonValue] = {"type": "object", "properties": properties, "additionalProperties": is_open}
    required = [parameter.name for parameter in parameters.values() if parameter.required]
    if required:
        result["required"] = required
    if components:
        result["$defs"] = components
    return result


def _property(parameter: Parameter, schema: dict[str, JsonValue], descriptions: Mapping[str, str]) -> JsonValue:
    if parameter.name in descriptions:
        schema.setdefault("description", descriptions[parameter.name])
    if not parameter.required:
        try:
            schema.setdefault("default", msgspec.to_builtins(parameter.default))
        except (TypeError, ValueError):
            return schema  # a default that JSON cannot say still works
    return schema


def _output_schema(kind: JsonValue) -> dict[str, JsonValue] | None:
    """The schema of the return annotation, where it says something."""
    if kind in (Any, None, type(None), object, inspect.Signature.empty):
        return None
    try:
        schemas, components = msgspec.json.schema_components([kind], ref_template=_REF)
    except TypeError:
        return None
    schema = dict(schemas[0])
    if components:
        schema["$defs"] = components
    return schema or None
