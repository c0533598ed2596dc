"""From a Python function's signature and docstring to the schemas of a tool, and from params to arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs
import msgspec

from ael.errors import ConfigInvalidError
from ael.tools.hints import convert, is_context, is_plain, read_hints, schemas_of
from ael.tools.schemas import params_error
from ael.types import JsonValue
from ael.values import NotDataError, normalise

__all__ = ["Parameter", "Signature", "read_signature"]


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
        rest: What ``**kwargs`` takes, or ``None`` without them.
    """

    description: str
    parameters: Mapping[str, Parameter]
    input_schema: Mapping[str, JsonValue]
    output_schema: Mapping[str, JsonValue] | None
    context: str | None
    plain: bool
    rest: Parameter | None

    def arguments(self, params: Mapping[str, JsonValue], tool: str) -> dict[str, JsonValue]:
        """Keyword arguments: copies of the function's own, converted where its types ask for it.

        Raises:
            ParamInvalidError: A value does not convert; all problems together.
        """
        problems: list[str] = []
        arguments: dict[str, JsonValue] = {}
        for name, value in params.items():
            parameter = self.parameters.get(name, self.rest)
            arguments[name] = value
            if parameter is None or not parameter.converts:
                continue
            try:
                arguments[name] = convert(arguments[name], parameter.kind)
            except (msgspec.MsgspecError, ValueError, TypeError) as error:
                # A ValueError is the type's own refusal, say an attrs validator's.
                text, _, place = str(error).partition(" - at `$")
                problems.append(f"$.{name}{place.rstrip('`')}: {text}")
        if problems:
            raise params_error(tool, problems)
        return arguments


def read_signature(function: Callable[..., object], name: str) -> Signature:
    """Read a function. Keyword arguments that ``functools.partial`` has filled in are no parameters of the tool.

    Raises:
        ConfigInvalidError: It cannot be a tool: positional-only parameters, ``*args``, types without a schema.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ConfigInvalidError(f"function {name!r} cannot be a tool: its signature cannot be read") from error
    hints = read_hints(function, name)
    filled = _filled(function)
    context: str | None = None
    rest: Parameter | None = None
    parameters: dict[str, Parameter] = {}
    for each in signature.parameters.values():
        kind = hints.get(each.name, Any)
        if is_context(kind):
            context = each.name
        elif each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL):
            raise ConfigInvalidError(f"function {name!r} cannot be a tool: parameter '{each}' cannot be passed by name")
        elif each.kind is each.VAR_KEYWORD:
            rest = Parameter(each.name, kind, not is_plain(kind), required=False)
        elif each.name not in filled:
            parameters[each.name] = _parameter(each, kind)
    description, descriptions = _documented(_docstring(function))
    return Signature(
        description=description,
        parameters=parameters,
        input_schema=_input_schema(name, parameters, rest, descriptions),
        output_schema=_output_schema(hints.get("return", Any)),
        context=context,
        plain=not any(each.converts for each in (*parameters.values(), *filter(None, [rest]))),
        rest=rest,
    )


def _filled(function: Callable[..., object]) -> frozenset[str]:
    return frozenset(function.keywords) if isinstance(function, partial) else frozenset()


def _docstring(function: Callable[..., object]) -> str:
    """The function's own; not that of ``functools.partial`` or of a callable object's class."""
    while isinstance(function, partial):
        function = function.func
    described = function if inspect.isroutine(function) else type(function).__call__
    return inspect.getdoc(described) or ""


def _parameter(parameter: inspect.Parameter, kind: JsonValue) -> Parameter:
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    if default is None and not required and kind is not Any:
        kind = kind | None if isinstance(kind, type) else _or_none(kind)
    return Parameter(parameter.name, kind, not is_plain(kind), required, default)


def _or_none(kind: JsonValue) -> JsonValue:
    """``x: int = None`` takes ``None``, whatever its author wrote."""
    try:
        return kind | None
    except TypeError:
        return kind


def _documented(docstring: str) -> tuple[str, Mapping[str, str]]:
    """What a docstring says of the function, and of its parameters by name."""
    if "\n" not in docstring and not docstring.startswith((":", "@")):
        return docstring, {}
    import docstring_parser  # takes a while, and what is said in one line needs no parser

    parsed = docstring_parser.parse(docstring)
    parts = (parsed.short_description, parsed.long_description)
    descriptions = {each.arg_name: each.description for each in parsed.params if each.description}
    return "\n\n".join(part for part in parts if part), descriptions


def _input_schema(
    name: str, parameters: Mapping[str, Parameter], rest: Parameter | None, descriptions: Mapping[str, str]
) -> dict[str, JsonValue]:
    kinds = {each.name: each.kind for each in parameters.values()}
    if rest is not None:
        kinds[rest.name] = rest.kind
    schemas, components = _schemas(name, kinds)
    open_schema: JsonValue = rest is not None and (schemas.pop(rest.name) or True)
    properties = {each.name: _property(each, schemas[each.name], descriptions) for each in parameters.values()}
    result: dict[str, JsonValue] = {"type": "object", "properties": properties, "additionalProperties": open_schema}
    required = [each.name for each in parameters.values() if each.required]
    if required:
        result["required"] = required
    if components:
        result["$defs"] = components
    return result


def _schemas(name: str, kinds: Mapping[str, JsonValue]) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """The schema of each type, and what they share; an error names the parameter."""
    try:
        schemas, components = schemas_of(kinds.values())
    except TypeError:
        for parameter, kind in kinds.items():
            try:
                schemas_of([kind])
            except TypeError as error:
                raise ConfigInvalidError(
                    f"function {name!r} cannot be a tool: there is no schema for parameter {parameter!r}: "
                    + str(error).rpartition("\n")[2],
                    hint="annotate it with JSON types, a dataclass, an attrs class, a TypedDict or an Enum",
                ) from error
        raise
    return dict(zip(kinds, schemas, strict=True)), components


def _property(parameter: Parameter, schema: dict[str, JsonValue], descriptions: Mapping[str, str]) -> JsonValue:
    if parameter.name in descriptions:
        schema.setdefault("description", descriptions[parameter.name])
    if not parameter.required:
        try:
            schema.setdefault("default", msgspec.to_builtins(normalise(parameter.default)))
        except NotDataError:
            return schema  # a default that JSON cannot say still works
    return schema


def _output_schema(kind: JsonValue) -> dict[str, JsonValue] | None:
    """The schema of the return annotation, where it says something."""
    if kind in (Any, None, type(None), object):
        return None
    try:
        schemas, components = schemas_of([kind])
    except TypeError:
        return None
    schema = dict(schemas[0])
    if components:
        schema["$defs"] = components
    return schema or None
