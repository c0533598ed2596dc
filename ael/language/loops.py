"""What runs a step's body more than once, or lets it wait for a few: ``for_each``, ``repeat`` and ``join``."""

from __future__ import annotations

import keyword
import re

import attrs
import msgspec

from ael.definition import MISSING, ForEach, Join, Path, Repeat
from ael.language.catalog import composition
from ael.language.quoting import quoted
from ael.language.records import Key, Record, Table, read_record
from ael.language.report import Report
from ael.language.shapes import (
    Choice,
    Condition,
    Count,
    Duration,
    Flag,
    Schema,
    Text,
    describe,
    has_braces,
    refuse_braces,
    refuse_type,
)
from ael.types import JsonValue

__all__ = ["FOR_EACH", "JOIN", "REPEAT", "JoinShape", "LoopShape", "RepeatShape"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROOTS = ("inputs", "steps", "config", "secrets", "workflow", "execution_id", "step", "index", "last", "output")
_CODE = ("result", "context")
_FUNCTIONS = ("range", "dict", "namespace", "print", "log", "tools", "call_tool", "ToolError")
_WORDS = ("and", "or", "not", "in", "is", "if", "else", "true", "false", "none")
_TAKEN = frozenset({*_ROOTS, *_CODE, *_FUNCTIONS, *_WORDS, *keyword.kwlist})
"""What templates and code know by other meanings."""


@attrs.frozen
class _Items:
    """The list: an expression as text, or a list of any values."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if isinstance(value, list):
            return value
        if isinstance(value, str):
            return Text(code=True).read(value, at, report)
        advice = 'write an expression such as "{{ inputs.urls }}", or a list'
        return refuse_type(value, "a list, or an expression that gives one", at, report, advice)

    def schema(self) -> Schema:
        return {"type": ["string", "array"], "minLength": 1}


@attrs.frozen
class _ItemName:
    """A name that templates and code can use, and that means nothing else there.

    A bad name is reported and kept, so that what uses it is not reported too.
    """

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        name = Text().read(value, at, report)
        if name is MISSING:
            return MISSING
        if not _NAME.fullmatch(name):
            report.add(composition.ItemNameInvalid(report.what(at), name), at)
        elif name in _TAKEN or name.startswith("__"):
            report.add(composition.ItemNameTaken(report.what(at), name, "that name means something else already"), at)
        return name

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{_NAME.pattern}$", "not": {"enum": sorted(_TAKEN)}}


@attrs.frozen
class _ItemKey:
    """A template that differs from item to item."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        key = Text(code=True).read(value, at, report)
        if key is not MISSING and not has_braces(key):
            template = f"{{{{ {key} }}}}"
            fix = report.replace(at, quoted(template), f"write `{template}`")
            fix = None if fix is None else attrs.evolve(fix, safe=False)
            report.add(composition.ItemKeyConstant(report.what(at), key), at, fix=fix)
        return key

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}


_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)


class _Tolerance(msgspec.Struct, frozen=True):
    """A number of items, or a percentage of all."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if isinstance(value, int) and not isinstance(value, bool):
            return Count(0).read(value, at, report)
        if refuse_braces(value, at, report):
            return MISSING
        found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None or float(found[1]) > 100:
            report.add(composition.ToleranceInvalid(report.what(at), describe(value)), at)
            return MISSING
        return float(found[1]) / 100

    def schema(self) -> Schema:
        pattern = r"^\s*(0*100(\.0+)?|0*\d{1,2}(\.\d+)?)\s*%\s*$"
        return {"anyOf": [Count(0).schema(), {"type": "string", "pattern": pattern}]}


FOR_EACH = Table(
    "`for_each`",
    (
        Key("in", "The list: an expression, or the items themselves.", _Items(), field="items", required=True),
        Key("as", "What templates and code call an item; `item` if not given.", _ItemName(), field="name"),
        Key("key", "A template that gives each item a key of its own, by which paths name it.", _ItemKey()),
        Key("max_parallel", "Most items at once; unlimited if not given.", Count(1)),
        Key("tolerate", "How many items may fail: a number, or a percentage such as 20%.", _Tolerance()),
    ),
    ref="for_each",
)


@attrs.frozen
class LoopShape:
    """The items, or a mapping. What cannot be read is reported and becomes a loop over nothing.

    So what stands inside is still the inside of a loop, and is not reported too.
    """

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A :class:`ForEach`."""
        if not isinstance(value, dict):
            items = _Items().read(value, at, report)
            return ForEach([] if items is MISSING else items)
        fields = read_record(FOR_EACH, value, at, report)
        return ForEach(**{"items": [], **fields}, path=("for_each", "in"))

    def schema(self) -> Schema:
        """A string, a list, or the table's object."""
        return {"anyOf": [_Items().schema(), FOR_EACH.reference()]}


REPEAT = Table(
    "`repeat`",
    (
        Key("until", "Condition asked after each round, which sees the round as `last`.", Condition()),
        Key("max", "Most rounds; exactly so many without `until`.", Count(1), required=True),
        Key("every", "The pause between rounds; none if not given.", Duration()),
        Key("collect", "Whether the output is the list of all rounds' outputs.", Flag()),
    ),
    ref="repeat",
)


@attrs.frozen
class RepeatShape:
    """A mapping. What cannot be read is reported and becomes one round."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A :class:`Repeat`."""
        if not isinstance(value, dict):
            number = isinstance(value, int) and not isinstance(value, bool)
            advice = f"write `repeat: {{max: {value}}}`" if number else "write `repeat: {max: 10, until: CONDITION}`"
            refuse_type(value, "a mapping", at, report, advice)
            return Repeat(1)
        return Repeat(**{"max": 1, **read_record(REPEAT, value, at, report)})

    def schema(self) -> Schema:
        """The table's object."""
        return REPEAT.reference()


JOIN = Table(
    "`join`",
    (
        Key("at_least", "How many of the steps in `depends_on` must have completed.", Count(1), required=True),
        Key("cancel_rest", "Whether the others are cancelled then.", Flag()),
    ),
    ref="join",
)
_JOIN_WORDS = Choice(("all", "any", "settled"))
_JOINS = {"all": None, "any": Join(at_least=1), "settled": Join()}


@attrs.frozen
class JoinShape:
    """``all``, ``any``, ``settled``, or a mapping; ``all`` is what holds without it."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A :class:`Join`, or ``None`` for ``all``."""
        if isinstance(value, dict):
            fields = Record(JOIN).read(value, at, report)
            return Join(**fields) if "at_least" in fields else MISSING
        if isinstance(value, int) and not isinstance(value, bool):
            advice = f"write `join: {{at_least: {value}}}`"
            return refuse_type(value, "one of all, any and settled, or a mapping", at, report, advice)
        word = _JOIN_WORDS.read(value, at, report)
        return word if word is MISSING else _JOINS[word]

    def schema(self) -> Schema:
        """The words, or the table's object."""
        return {"anyOf": [_JOIN_WORDS.schema(), JOIN.reference()]}
