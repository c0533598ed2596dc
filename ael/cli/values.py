"""Values from the command line: ``-i name=text``, read by the type that is declared for the name."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import click

from ael.language.reader import read_document, read_file
from ael.language.report import Report
from ael.source import Source
from ael.types import JsonValue

__all__ = ["TypedReader", "declared_types", "parse_typed", "read_inputs"]

_ORDER = ("null", "boolean", "integer", "number", "array", "object", "string")
"""Where a schema allows several types, the first that fits is taken; text fits always."""


def declared_types(schema: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The JSON types a schema allows, in the order they are tried; all of them where it says nothing."""
    found = set(_types(schema))
    return tuple(kind for kind in _ORDER if kind in found) if found else _ORDER


def _types(schema: Mapping[str, JsonValue]) -> Iterable[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, list):
        return [str(each) for each in kind]
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        if isinstance(branches, list):
            return [each for branch in branches if isinstance(branch, Mapping) for each in declared_types(branch)]
    values = schema["enum"] if isinstance(schema.get("enum"), list) else [schema["const"]] if "const" in schema else []
    return [_type_of(value) for value in values]


def _type_of(value: JsonValue) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "string")


def parse_typed(text: str, schema: Mapping[str, JsonValue]) -> JsonValue:
    """The text as a value of the declared type.

    What fits none of the types stays text, for the check that follows to name with all other problems.
    """
    for kind in declared_types(schema):
        try:
            return _PARSERS[kind](text)
        except ValueError:
            continue
    return text


def _null(text: str) -> None:
    if text.strip() != "null":
        raise ValueError(text)


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


def _number(text: str) -> JsonValue:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _json_of(kind: type) -> Callable[[str], JsonValue]:
    def parse(text: str) -> JsonValue:
        value = json.loads(text, parse_constant=_refuse_constant)
        if not isinstance(value, kind):
            raise ValueError(text)  # noqa: TRY004 - it is the text that does not fit, and the next type is tried
        return value

    return parse


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_PARSERS: Mapping[str, Callable[[str], JsonValue]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": int,
    "number": _number,
    "array": _json_of(list),
    "object": _json_of(dict),
    "string": str,
}


class TypedReader:
    """Reads ``name=text`` pairs; ``name=@file`` is the file's text, ``name=-`` that of stdin.

    Args:
        schemas: Name → schema; a name without one may be anything, and is for others to refuse.
        read_stdin: Reads all of stdin; called once at most.
        option: What messages call the option.
    """

    def __init__(
        self, schemas: Mapping[str, Mapping[str, JsonValue]], read_stdin: Callable[[], str], *, option: str = "-i"
    ) -> None:
        self._schemas = schemas
        self._read_stdin = read_stdin
        self._option = option
        self._stdin_taken_by: str | None = None

    def read(self, pairs: Iterable[str]) -> dict[str, JsonValue]:
        """All pairs, in order.

        Raises:
            click.UsageError: A pair without ``=``, a name given twice, a file that cannot be read.
        """
        values: dict[str, JsonValue] = {}
        for pair in pairs:
            name, equals, text = pair.partition("=")
            name = name.strip()
            if not equals or not name:
                raise click.UsageError(f"{self._option} takes NAME=VALUE, not {pair!r}")
            if name in values:
                raise click.UsageError(f"{self._option} {name} is given twice")
            values[name] = parse_typed(self._text(name, text), self._schemas.get(name, {}))
        return values

    def _text(self, name: str, text: str) -> str:
        if text == "-":
            if self._stdin_taken_by is not None:
                raise click.UsageError(f"stdin can be read once, by {self._stdin_taken_by} or by {name}")
            self._stdin_taken_by = name
            return self._read_stdin()
        if text.startswith("@"):
            return self._file(name, text[1:])
        return text

    def _file(self, name: str, path: str) -> str:
        try:
            return Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise click.UsageError(
                f"{self._option} {name}: cannot read {path!r}: {why}\n"
                f"  help: a text that itself begins with @ goes into a file for --inputs"
            ) from error


def read_inputs(
    schemas: Mapping[str, Mapping[str, JsonValue]], pairs: Iterable[str], file: str | None
) -> dict[str, JsonValue]:
    """The inputs of ``--inputs`` and ``-i``, which wins; not checked yet.

    Args:
        schemas: Name → schema of the declared inputs.
        file: YAML or JSON, which is taken as it is; ``-`` is stdin.

    Raises:
        click.UsageError: Something cannot be read.
    """
    given = {} if file is None else _inputs_file(file)
    return {**given, **TypedReader(schemas, sys.stdin.read).read(pairs)}


def _inputs_file(name: str) -> dict[str, JsonValue]:
    source = Source(sys.stdin.read(), "stdin") if name == "-" else read_file(name)
    if not isinstance(source, Source):
        raise click.UsageError(f"--inputs: {source.message}")
    report = Report()
    document = read_document(source.text, source.name, report)
    errors = [diagnostic for diagnostic in report.diagnostics if diagnostic.is_error]
    if errors or document is None:
        raise click.UsageError(f"--inputs: {errors[0] if errors else f'{name!r} is empty'}")
    if not isinstance(document.value, dict):
        raise click.UsageError(f"--inputs: {name!r} must hold a mapping of inputs")
    return document.value
