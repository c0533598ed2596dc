"""What the value of a key may look like: one small class per shape, each read, refused and described here.

``read`` turns a value of the document into a value of the definition; after reporting a problem it returns
``MISSING``. ``schema`` is the same rule as JSON Schema, for editors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from ael.definition import MISSING, Path
from ael.diagnostics import Fix
from ael.language.catalog import listing, old, structure
from ael.language.durations import parse_duration
from ael.language.foreign import foreign_duration
from ael.language.report import Report
from ael.language.rewrites import without_entries
from ael.language.suggest import nearest
from ael.types import JsonValue

__all__ = [
    "Amount",
    "Anything",
    "Choice",
    "Condition",
    "Count",
    "Duration",
    "Flag",
    "Ignored",
    "Jitter",
    "Names",
    "Object",
    "Schema",
    "Shape",
    "Text",
    "VersionText",
    "describe",
    "has_braces",
    "refuse_type",
]

Schema = dict[str, JsonValue]


class Shape(Protocol):
    """What a value may look like."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The value for the definition; ``MISSING`` after a problem was reported."""
        ...

    def schema(self) -> Schema:
        """The same as JSON Schema."""
        ...


def describe(value: JsonValue) -> str:
    """A value in words, for "must be ..., not ..."."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str():
            return f"the text {value if len(value) <= 40 else value[:39] + '…'!r}"
        case int():
            return f"the number {value}" if value.bit_length() < 200 else "a huge number"
        case _:
            return f"the number {value}"


def has_braces(text: str) -> bool:
    """Whether the text looks like a template."""
    return "{{" in text or "{%" in text


def refuse_type(value: JsonValue, expected: str, at: Path, report: Report, advice: str = "") -> JsonValue:
    """Report a value of the wrong type, with what to do where the value shows what was meant."""
    report.add(structure.TypeWrong(report.what(at), expected, describe(value), advice), at)
    return MISSING


_SWITCHES = {**dict.fromkeys(("yes", "on", "true", "1"), "true"), **dict.fromkeys(("no", "off", "false", "0"), "false")}


def _unquoted(value: JsonValue) -> str:
    """What to do about a number in quotes; nothing about anything else."""
    written = value.strip() if isinstance(value, str) else ""
    return f"write {written} without quotes" if parse_duration(written) is not None and written.isascii() else ""


def refuse_braces(value: JsonValue, at: Path, report: Report) -> bool:
    """Report braces where no template is read; whether there were any."""
    if isinstance(value, str) and has_braces(value):
        report.add(structure.BracesNotRead(report.what(at)), at)
        return True
    return False


class Text(msgspec.Struct, frozen=True):
    """Text without templates, not blank; ``code`` may hold braces."""

    code: bool = False
    blank: bool = False

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The text itself."""
        if not isinstance(value, str):
            return refuse_type(value, "text", at, report)
        if not self.blank and not value.strip():
            report.add(structure.TextEmpty(report.what(at)), at)
            return MISSING
        if not self.code and refuse_braces(value, at, report):
            return MISSING
        return value

    def schema(self) -> Schema:
        """A string."""
        return {"type": "string"} if self.blank else {"type": "string", "minLength": 1}


class VersionText(msgspec.Struct, frozen=True):
    """A version as it stands in the file: ``1.10`` is not ``1.1``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The text, of a number as it is written."""
        if isinstance(value, str):
            return MISSING if refuse_braces(value, at, report) else value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return report.source_text(at) or str(value)
        return refuse_type(value, "text", at, report)

    def schema(self) -> Schema:
        """A string or a number."""
        return {"type": ["string", "number"]}


class Flag(msgspec.Struct, frozen=True):
    """``true`` or ``false``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The boolean."""
        if isinstance(value, bool):
            return value
        switch = _SWITCHES.get(str(value).casefold())
        return refuse_type(value, "true or false", at, report, f"write `{switch}`, without quotes" if switch else "")

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


class Choice(msgspec.Struct, frozen=True):
    """One of some words.

    Attributes:
        old_words: Words of old files, and what they mean; they load with a note.
        later_words: Words of a later version, refused by name.
    """

    words: tuple[str, ...]
    old_words: Mapping[str, str] = msgspec.field(default_factory=dict)
    later_words: tuple[str, ...] = ()

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The word."""
        if not isinstance(value, str):
            return refuse_type(value, self._expected(), at, report)
        if value in self.old_words:
            return self._old_word(value, at, report)
        if value in self.words:
            return value
        if value in self.later_words:
            report.add(structure.NotSupportedYet(f"`{at[-1]}: {value}`", report.what(at[:-1])), at)
        elif not refuse_braces(value, at, report):
            self._refuse(value, at, report)
        return MISSING

    def _old_word(self, value: str, at: Path, report: Report) -> str:
        word = self.old_words[value]
        fix = report.replace(at, word, f"write `{word}`")
        report.add(old.OldValue(str(at[-1]), value, word), at, fix=fix)
        return word

    def _refuse(self, value: str, at: Path, report: Report) -> None:
        near = nearest(value, self.words)
        fix = None if near is None else report.replace(at, near, f"write `{near}`")
        choices = f"it {'can only be' if len(self.words) == 1 else 'is'} {self._expected()}"
        report.add(structure.NotAChoice(report.what(at), value, choices, near), at, fix=fix)

    def _expected(self) -> str:
        return self.words[0] if len(self.words) == 1 else f"one of {listing(self.words)}"

    def schema(self) -> Schema:
        """An enum."""
        return {"enum": [*self.words, *self.old_words]}


class Count(msgspec.Struct, frozen=True):
    """An integer of at least ``minimum``."""

    minimum: int = 1

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The integer."""
        if refuse_braces(value, at, report):
            return MISSING
        if not isinstance(value, int) or isinstance(value, bool):
            return refuse_type(value, "a whole number", at, report, _unquoted(value))
        if value < self.minimum:
            report.add(structure.NumberOutOfRange(report.what(at), f"at least {self.minimum}", str(value)), at)
            return MISSING
        return value

    def schema(self) -> Schema:
        """An integer with a minimum."""
        return {"type": "integer", "minimum": self.minimum}


class Amount(msgspec.Struct, frozen=True):
    """A number from ``minimum`` up, to ``maximum`` if there is one."""

    minimum: float = 0
    maximum: float | None = None

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The number as float."""
        if refuse_braces(value, at, report):
            return MISSING
        number = None if isinstance(value, str) else parse_duration(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return refuse_type(value, "a number", at, report, _unquoted(value))
        if number is None or number < self.minimum or (self.maximum is not None and number > self.maximum):
            rule = f"at least {self.minimum:g}" if self.maximum is None else f"{self.minimum:g} to {self.maximum:g}"
            report.add(structure.NumberOutOfRange(report.what(at), rule, describe(value)), at)
            return MISSING
        return number

    def schema(self) -> Schema:
        """A number with its bounds."""
        bounds: Schema = {"type": "number", "minimum": self.minimum}
        return bounds if self.maximum is None else {**bounds, "maximum": self.maximum}


class Jitter(msgspec.Struct, frozen=True):
    """``none``, ``full``, or a fraction of the wait."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The word, or the fraction as float."""
        shape: Shape = Choice(("none", "full")) if isinstance(value, str) else Amount(0, 1)
        return shape.read(value, at, report)

    def schema(self) -> Schema:
        """Two words, or a number from 0 to 1."""
        return {"anyOf": [{"enum": ["none", "full"]}, {"type": "number", "minimum": 0, "maximum": 1}]}


class Duration(msgspec.Struct, frozen=True):
    """Seconds, or text with units; a timeout is more than 0 and can be ``none``."""

    timeout: bool = False

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """Seconds as float; ``None`` for ``none``."""
        if self.timeout and value == "none":
            return None
        if refuse_braces(value, at, report):
            return MISSING
        seconds = parse_duration(value)
        if seconds is None or (self.timeout and seconds == 0):
            expected = "a duration of more than 0 seconds, or none" if self.timeout else "a duration"
            near = foreign_duration(value) if isinstance(value, str) else None
            fix = None if near is None else report.replace(at, near, f"write `{near}`")
            report.add(structure.DurationInvalid(report.what(at), expected, describe(value), near), at, fix=fix)
            return MISSING
        return seconds

    def schema(self) -> Schema:
        """A number of seconds, or text with units."""
        number: Schema = {"type": "number", "exclusiveMinimum": 0} if self.timeout else {"type": "number", "minimum": 0}
        units = r"(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?"
        ending = r"\s*$|^none$" if self.timeout else r"\s*$"
        pattern = rf"^\s*(\d+(\.\d*)?|\.\d+|{units}){ending}"
        return {"anyOf": [number, {"type": "string", "minLength": 1, "pattern": pattern}]}


class Names(msgspec.Struct, frozen=True):
    """One name, or a list of names."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A tuple of the names; those that are no text are left out, with a problem each."""
        if value is None:
            return ()
        if isinstance(value, str):
            name = Text().read(value, at, report)
            return () if name is MISSING else (name,)
        if not isinstance(value, list):
            return refuse_type(
                value,
                "a name or a list of names",
                at,
                report,
                "write `depends_on: [a, b]`" if at[-1] == "depends_on" else "",
            )
        read = (Text().read(item, (*at, i), report) for i, item in enumerate(value) if item is not MISSING)
        return tuple(name for name in read if name is not MISSING)

    def schema(self) -> Schema:
        """A string, or a list of strings."""
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}


class Object(msgspec.Struct, frozen=True):
    """A mapping of any JSON values, in which templates are read."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The mapping; empty for nothing at all."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        return refuse_type(value, "a mapping", at, report, "write `name: value` for each")

    def schema(self) -> Schema:
        """An object."""
        return {"type": ["object", "null"]}


class Anything(msgspec.Struct, frozen=True):
    """Any JSON value, in which templates are read."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The value."""
        return value

    def schema(self) -> Schema:
        """Everything."""
        return {}


class Condition(msgspec.Struct, frozen=True):
    """A condition: an expression as text, or plain ``true`` or ``false``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """The expression's text."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return Text(code=True).read(value, at, report)

    def schema(self) -> Schema:
        """A string or a boolean."""
        return {"type": ["string", "boolean"]}


class Ignored(msgspec.Struct, frozen=True):
    """Loads and means nothing."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """Nothing, and a note."""
        edits = without_entries(report, at[:-1], (str(at[-1]),))
        fix = Fix("remove it", tuple(edits), safe=True) if edits else None
        report.add(old.PackagesIgnored(), at, key=True, fix=fix)
        return MISSING

    def schema(self) -> Schema:
        """Everything, deprecated."""
        return {"deprecated": True}
