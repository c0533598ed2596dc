"""How a key is looked up in data, and what is said when it is not there. Free of Jinja."""

from __future__ import annotations

import base64
import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NoReturn

from ael.errors import TemplateError
from ael.near import nearest
from ael.templates.limits import check_elements, check_text
from ael.templates.model import Data, SkippedOutputError
from ael.types import JsonValue, StepResult, StepStatus

__all__ = [
    "DataView",
    "Unread",
    "describe_miss",
    "describe_secret",
    "key_text",
    "read_field",
    "read_item",
    "result_of",
    "scalar_text",
    "step_data",
    "step_fields",
    "template_error",
    "to_data",
    "to_text",
    "type_word",
]

_SHOWN = 200
_KEYS_LISTED = 8


def key_text(key: object) -> str:
    """``.name``, ``[0]`` or ``['odd name']``."""
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"


class Unread:
    """A value that is not there, which matters only once it is used."""

    __slots__ = ()

    def use(self, *_: object, **__: object) -> NoReturn:
        """Raise what its use means."""
        raise NotImplementedError  # pragma: no cover - Jinja's base class rules out an abstract one


class DataView(Mapping[str, JsonValue]):
    """An object of the engine's that looks like data, and says itself what it is as data."""

    @abstractmethod
    def as_data(self) -> JsonValue:
        """Plain data: what a tool or an output gets."""


def template_error(expression: str, sentence: str) -> TemplateError:
    """The error for an expression that could not be rendered; long expressions are cut."""
    shown = expression.strip()
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    if "{{" not in shown and "{%" not in shown:
        shown = f"{{{{ {shown} }}}}"
    return TemplateError(f"cannot render `{shown}`: {sentence}", details={"expression": expression.strip()})


_TYPE_WORDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (str, "text"),
    ((int, float, Decimal), "a number"),
    (Mapping, "an object"),
    ((list, tuple, range), "a list"),
    ((datetime, date), "a date"),
    (bytes, "bytes"),
)


def type_word(value: object) -> str:
    """What a value is, in the words of JSON, with article."""
    if value is None:
        return "null"
    for kind, word in _TYPE_WORDS:
        if isinstance(value, kind):
            return word
    return f"a {type(value).__name__}"


def describe_miss(value: object, key: object, where: str) -> str:
    """One sentence on why ``value``, found at ``where``, has no ``key``."""
    if isinstance(value, Mapping):
        return f"{where} has no key {key!r}{_known_keys(value, key)}"
    if isinstance(value, list | tuple | range):
        if isinstance(key, int):
            items = "1 item" if len(value) == 1 else f"{len(value)} items"
            return f"{where} has {items}, so there is no [{key}]"
        return f"{where} is a list, which has no key {key!r}; an item is [0]"
    if value is None:
        return f"{where} is null, so it has no {key!r}"
    return f"{where} is {type_word(value)}, which has no {key!r}"


def _known_keys(value: Mapping[JsonValue, JsonValue], key: object) -> str:
    names = [name for name in value if isinstance(name, str)]
    near = nearest(key, names) if isinstance(key, str) else None
    if near is not None:
        return f"; did you mean {near!r}?"
    if not names:
        return "; it is empty"
    more = ", …" if len(names) > _KEYS_LISTED else ""
    return f"; its keys are {', '.join(names[:_KEYS_LISTED])}{more}"


def describe_secret(name: str, error: KeyError) -> str:
    """What to do about a missing secret: the sentence its source gave, or the usual one."""
    said = error.args[0] if error.args else name
    if isinstance(said, str) and said != name:
        return said
    return f"secret {name!r} is not set; set the environment variable AEL_SECRET_{name}"


def result_of(data: Data, place: tuple[int, int]) -> StepResult | None:
    """The result of the step at (depth, index); ``None`` while it has not settled."""
    depth, index = place
    scope: Data | None = data
    for _ in range(depth):
        assert scope is not None
        scope = scope.up
    assert scope is not None
    return scope.results[index]


def _error_of(result: StepResult) -> JsonValue:
    return None if result.error is None else {"code": result.error.code, "message": result.error.message}


_FIELDS: Mapping[str, Callable[[StepResult], JsonValue]] = {
    "status": lambda result: result.status.value,
    "success": lambda result: result.status is StepStatus.COMPLETED,
    "error": _error_of,
    "duration_ms": lambda result: result.duration_ms,
    "attempt": lambda result: result.attempt,
}
_STEP_FIELDS = ("output", *_FIELDS)
_LOOP_FIELDS = (*_STEP_FIELDS, "items")
_PENDING = StepResult(step_id="", status=StepStatus.PENDING, usable=False)


def step_fields(*, loop: bool) -> tuple[str, ...]:
    """The fields of ``steps.<id>``."""
    return _LOOP_FIELDS if loop else _STEP_FIELDS


def _items_of(result: StepResult | None) -> list[JsonValue]:
    """``steps.<id>.items`` of a loop: of the items that were begun, in order."""
    return list(map(_item_data, (result and result.items) or ()))


def _item_data(item: StepResult) -> JsonValue:
    output = item.output if item.usable else None
    return {"key": item.key, "status": item.status.value, "output": output, "error": _error_of(item)}


def read_item(result: StepResult | None, position: int) -> JsonValue:
    """``steps.<id>.items[position]``, without making the others.

    Raises:
        IndexError: There is none.
    """
    return _item_data(((result and result.items) or ())[position])


def read_field(result: StepResult | None, step_id: str, field: str) -> JsonValue:
    """``steps.<id>.<field>``.

    Raises:
        KeyError: There is no such field.
        SkippedOutputError: It is the output, and must not be used.
    """
    if field == "items":
        return _items_of(result)
    if field != "output":
        return _FIELDS[field](result or _PENDING)
    if result is None or not result.usable:
        raise SkippedOutputError(step_id)
    return result.output


def step_data(result: StepResult | None, *, loop: bool = False) -> dict[str, JsonValue]:
    """``steps.<id>`` whole; an output that must not be used is null. A ``loop`` has its items."""
    output = result.output if result is not None and result.usable else None
    fields = {"output": output, **{field: read(result or _PENDING) for field, read in _FIELDS.items()}}
    if loop:
        fields["items"] = _items_of(result)
    return fields


def to_text(value: JsonValue) -> str:
    """A value as text: null is empty, booleans ``true`` and ``false``, lists and objects JSON."""
    kind = type(value)
    if kind is str:
        return check_text(value)
    if kind is int or kind is float:
        return str(value)
    if value is None:
        return ""
    if kind is bool:
        return "true" if value else "false"
    plain = to_data(value)
    if isinstance(plain, list | dict):
        return check_text(json.dumps(plain, ensure_ascii=False, default=scalar_text))
    return scalar_text(plain)


def scalar_text(value: JsonValue) -> str:
    """A date as ISO text, bytes as base64, numbers as they are."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)


_SCALARS = frozenset({str, int, bool, type(None), datetime, date, bytes, Decimal})


def to_data(value: object) -> JsonValue:
    """What an expression gave as data of its own: iterators, tuples and ranges become lists, keys text.

    Raises:
        ValueError: It is no data, or more than the limits allow.
    """
    if type(value) in _SCALARS:
        return value
    check_elements(value)
    return _to_data(value)


def _to_data(value: object) -> JsonValue:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]
            raise ValueError(f"{value} is a number that JSON cannot say")
        return value
    if isinstance(value, Unread):
        value.use()
    if isinstance(value, DataView):
        return value.as_data()
    if isinstance(value, Mapping):
        return {_key(key): _to_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range | Iterator):
        return [_to_data(item) for item in value]
    raise ValueError(f"{type_word(value)} is no data")


def _key(key: object) -> str:
    return key if isinstance(key, str) else to_text(key)
