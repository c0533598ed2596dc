"""What a plain YAML scalar means, by the core schema of YAML 1.2.

``null``, booleans, decimal, ``0x`` and ``0o`` integers and floats; everything else is text: ``on``, ``yes``,
``12:30``, dates.
"""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = ["NotFiniteError", "plain_value"]

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NUMBER_BEGINS = frozenset("+-.0123456789")
_MOST_DIGITS = 4000
"""Beyond, Python refuses to convert between text and integers, because it takes quadratic time."""


class NotFiniteError(ValueError):
    """A number that is not finite, or too large."""


def plain_value(text: str) -> str | int | float | bool | None:
    """The value of a scalar written without quotes.

    Raises:
        NotFiniteError: ``.nan``, ``.inf``, or a number too large to be represented.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_BEGINS:
        return text
    return _number(text)


def _number(text: str) -> str | int | float:
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise NotFiniteError(text)
        return value
    if _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 16)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _NOT_FINITE.fullmatch(text):
        raise NotFiniteError(text)
    return text


def _integer(digits: str, radix: int) -> int:
    if len(digits) > _MOST_DIGITS:
        raise NotFiniteError(f"{digits[:20]}…")
    return int(digits, radix)
