"""Operators and methods of templates: which there are, and what is checked before they run. Free of Jinja."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from string import Formatter

from ael.templates.limits import MAX_BITS, MAX_ELEMENTS, MAX_TEXT, TooMuchError, check_length, spend, weigh
from ael.templates.reading import Unread, to_text, type_word
from ael.types import JsonValue

__all__ = ["OPERATORS", "ValueFormatter", "find_method", "format_percent", "join_text", "method_names", "replace_text"]


# Operators


def _add(left: JsonValue, right: JsonValue) -> JsonValue:
    _check_sum(left, right)
    try:
        return operator.add(left, right)
    except TypeError:
        hint = "; `~` joins as text" if isinstance(left, str) or isinstance(right, str) else ""
        raise TypeError(f"cannot add {type_word(left)} and {type_word(right)}{hint}") from None


def _check_sum(left: JsonValue, right: JsonValue) -> None:
    if isinstance(left, str) and isinstance(right, str):
        check_length(len(left) + len(right))
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        check_length(len(left) + len(right), MAX_ELEMENTS)


def _multiply(left: JsonValue, right: JsonValue) -> JsonValue:
    for many, times in ((left, right), (right, left)):
        if isinstance(times, int) and isinstance(many, str | bytes):
            check_length(len(many) * max(times, 0))
        elif isinstance(times, int) and isinstance(many, list | tuple):
            check_length(len(many) * max(times, 0), MAX_ELEMENTS)
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())
    return operator.mul(left, right)


def _power(left: JsonValue, right: JsonValue) -> JsonValue:
    if isinstance(left, int) and isinstance(right, int) and right > 0:
        _check_bits(left.bit_length() * right if abs(left) > 1 else 1)
    return operator.pow(left, right)


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS:
        raise TooMuchError("it makes a number of more than 3,000 digits")


def _modulo(left: JsonValue, right: JsonValue) -> JsonValue:
    if isinstance(left, str):
        return format_percent(left, right)
    return operator.mod(left, right)


OPERATORS: Mapping[str, Callable[[JsonValue, JsonValue], JsonValue]] = {
    "+": _add,
    "*": _multiply,
    "**": _power,
    "%": _modulo,
}
"""The operators that are intercepted, because they can build much from little."""


# Formatting

_PERCENT = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d*)(?:\.(\*|\d*))?[hlL]?(.)", re.DOTALL)
_DIGITS = re.compile(r"\d+")
_DECIMAL_DIGITS = 3000


def format_percent(template: str, arguments: JsonValue) -> str:
    """``template % arguments``, with values as text as everywhere, and widths checked first."""
    if isinstance(arguments, tuple):
        arguments = tuple(_format_argument(item) for item in arguments)
    elif isinstance(arguments, Mapping):
        arguments = {key: _format_argument(item) for key, item in arguments.items()}
    else:
        arguments = _format_argument(arguments)
    values = arguments if isinstance(arguments, tuple) else (arguments,)
    integers = [abs(value) for value in values if isinstance(value, int)]
    texts = list(arguments.values()) if isinstance(arguments, dict) else values
    longest = max((len(value) for value in texts if isinstance(value, str)), default=0)
    total = len(template)
    for width, precision, _ in _PERCENT.findall(template):
        total += longest + sum(_width(part, integers) for part in (width, precision))
        check_length(total)
    text: str = template % arguments
    return text


def _width(part: str, integers: list[int]) -> int:
    if part == "*":
        return max(integers, default=0)
    # More than nine digits are too many whatever they say.
    return 10**9 if len(part) > 9 else int(part or 0)


def _format_argument(value: JsonValue) -> JsonValue:
    if isinstance(value, Decimal):
        _check_decimal(value)
        return value
    plain_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if plain_number else to_text(value)


def _check_decimal(value: Decimal) -> None:
    if value.is_finite() and abs(value.adjusted()) > _DECIMAL_DIGITS:
        raise TooMuchError("it writes out a number of more than 3,000 digits")


class ValueFormatter(Formatter):
    """``str.format`` whose fields are read by ``getattr`` and ``getitem``, and whose widths are bounded in sum."""

    def __init__(
        self, getattr_: Callable[[JsonValue, str], JsonValue], getitem: Callable[[JsonValue, JsonValue], JsonValue]
    ) -> None:
        self._getattr = getattr_
        self._getitem = getitem
        self._written = 0

    def get_field(self, field_name: str, args: object, kwargs: object) -> tuple[JsonValue, str | int]:
        """Read ``0.a[b]``, never an attribute of Python."""
        first, *rest = re.split(r"(?=[.\[])", field_name)
        key: str | int = int(first) if first.isdigit() else first
        value = self.get_value(key, args, kwargs)  # type: ignore[arg-type]
        for part in rest:
            inner = part[1:].removesuffix("]")
            if part.startswith("."):
                value = self._getattr(value, inner)
            else:
                value = self._getitem(value, int(inner) if inner.isdigit() else inner)
        return value, key

    def convert_field(self, value: JsonValue, conversion: str | None) -> JsonValue:
        """``!s`` and ``!r`` are the value as text."""
        return value if conversion is None else to_text(value)

    def format_field(self, value: JsonValue, format_spec: str) -> str:
        """Refuse what would grow too long before it does."""
        if isinstance(value, Unread):
            value.use()
        for digits in _DIGITS.findall(format_spec):
            self._written += _width(digits, [])
        check_length(self._written)
        if isinstance(value, Decimal):
            _check_decimal(value)
        special = isinstance(value, int | float | Decimal | date) and not isinstance(value, bool)
        text = format(value if special and format_spec else to_text(value), format_spec)
        self._written += len(text)
        check_length(self._written)
        return text


# Methods of text


def replace_text(text: str, old: str, new: str, count: int = -1) -> str:
    """``text.replace``, with the length of the result known first."""
    found = text.count(old) if old else len(text) + 1
    times = found if count < 0 else min(found, count)
    check_length(len(text) + times * max(len(new) - len(old), 0))
    return text.replace(old, new, count)


def join_text(separator: str, items: Iterable[JsonValue]) -> str:
    """``separator.join`` of anything, each item as text."""
    texts: list[str] = []
    total = 0
    for item in items:
        texts.append(to_text(item))
        total += len(texts[-1]) + len(separator)
        if total > MAX_TEXT + len(separator):
            check_length(total)
    check_length(max(total - len(separator), 0))
    return separator.join(texts)


def _padded(name: str, text: str, width: int, *fill: str) -> str:
    check_length(max(width, len(text)))
    padded: str = getattr(text, name)(width, *fill)
    return padded


def _expandtabs(text: str, tabsize: int = 8) -> str:
    check_length(len(text) + text.count("\t") * max(tabsize, 0))
    return text.expandtabs(tabsize)


def _searched(name: str, text: str, *args: JsonValue) -> JsonValue:
    """Methods whose work can grow with the product of both lengths."""
    other = max((len(arg) for arg in args if isinstance(arg, str)), default=1)
    spend(len(text) * max(other, 1))
    result = getattr(text, name)(*args)
    return weigh(result)


def _split(name: str, text: str, *args: JsonValue, **kwargs: JsonValue) -> JsonValue:
    if len(text) > MAX_ELEMENTS:
        separator = args[0] if args and isinstance(args[0], str) else None
        check_length(text.count(separator) if separator else len(text) // 2, MAX_ELEMENTS)
    spend(len(text))
    return getattr(text, name)(*args, **kwargs)


def _plain(name: str, text: JsonValue, *args: JsonValue, **kwargs: JsonValue) -> JsonValue:
    weigh(text)
    for arg in args:
        weigh(arg)
    return getattr(text, name)(*args, **kwargs)


_PLAIN_TEXT = (
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit isidentifier islower "
    "isnumeric isprintable isspace istitle isupper lower partition removeprefix removesuffix startswith swapcase "
    "title upper"
)
_TEXT: dict[str, Callable[..., JsonValue]] = {
    **{name: partial(_plain, name) for name in _PLAIN_TEXT.split()},
    **{name: partial(_searched, name) for name in ["rfind", "rindex", "rpartition", "strip", "lstrip", "rstrip"]},
    **{name: partial(_split, name) for name in ["split", "splitlines"]},
    **{name: partial(_padded, name) for name in ["center", "ljust", "rjust", "zfill"]},
    "rsplit": partial(_searched, "rsplit"),
    "expandtabs": _expandtabs,
    "replace": replace_text,
    "join": join_text,
}

# Methods of everything else


def _get(value: Mapping[JsonValue, JsonValue], key: JsonValue, default: JsonValue = None) -> JsonValue:
    return value.get(weigh(key), default)


_OBJECT: dict[str, Callable[..., JsonValue]] = {
    "get": _get,
    "items": lambda value: list(value.items()),
    "keys": lambda value: list(value.keys()),
    "values": lambda value: list(value.values()),
    "copy": dict,
}
_LIST: dict[str, Callable[..., JsonValue]] = {
    "count": partial(_plain, "count"),
    "index": partial(_plain, "index"),
    "copy": list,
}
_DATE = ("isoformat", "isoweekday", "strftime", "timestamp", "weekday", "date", "time")
_METHODS: tuple[tuple[type | tuple[type, ...], dict[str, Callable[..., JsonValue]]], ...] = (
    (str, _TEXT),
    (Mapping, _OBJECT),
    ((list, tuple), _LIST),
    ((int, float), {name: partial(_plain, name) for name in ("bit_length", "is_integer")}),
    ((datetime, date), {name: partial(_plain, name) for name in _DATE}),
    (bytes, {"decode": lambda value, encoding="utf-8": value.decode(encoding), "hex": lambda value: value.hex()}),
)


def _methods(value: object) -> dict[str, Callable[..., JsonValue]]:
    for kind, methods in _METHODS:
        if isinstance(value, kind):
            return methods
    return {}


def method_names(value: object) -> tuple[str, ...]:
    """The methods a value has in templates; ``format`` of text is the environment's."""
    return tuple(_methods(value))


def find_method(value: object, name: str) -> Callable[..., JsonValue] | None:
    """The method bound to ``value``, or ``None``: nothing that changes the value is among them."""
    method = _methods(value).get(name)
    return None if method is None else partial(method, value)
