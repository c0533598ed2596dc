"""Durations and rates as people write them: ``30``, ``"1.5"``, ``1m30s``, ``500ms``; ``60/m``."""

from __future__ import annotations

import math
import re

from ael.types import JsonValue

__all__ = ["duration_text", "parse_duration", "parse_rate"]

_NUMBER = r"(\d+(?:\.\d+)?)"
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_WITH_UNITS = re.compile("".join(f"(?:{_NUMBER}{unit})?" for unit in _UNITS), re.ASCII)
_RATE = re.compile(rf"0*([1-9]\d{{0,8}})\s*/\s*({'|'.join(_UNITS)})", re.ASCII)


def parse_duration(value: JsonValue) -> float | None:
    """Seconds of a number, a number's text, or numbers with the units ``d h m s ms`` in this order.

    ``None`` for anything else, negative and infinite numbers included.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _finite(value)
    return _from_text(value.strip()) if isinstance(value, str) else None


_NOBODY_WAITS = 1e12


def duration_text(seconds: float) -> str:
    """Seconds as :func:`parse_duration` reads them, to the millisecond: ``1m30s``, ``500ms``, ``0s``.

    So long as nobody waits they are only words: ``1e+300 s``.
    """
    if seconds >= _NOBODY_WAITS:
        return f"{seconds:g} s"
    left = round(seconds * 1000)
    parts = []
    for unit, size in _UNITS.items():
        count, left = divmod(left, round(size * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_rate(value: JsonValue) -> tuple[int, float] | None:
    """The number and the seconds of a rate: ``60/m`` is 60 in 60 seconds; the units are those of durations.

    ``None`` for anything else, a rate of 0 included: nothing could ever start.
    """
    found = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    return None if found is None else (int(found[1]), _UNITS[found[2]])


def _from_text(text: str) -> float | None:
    if _SECONDS.fullmatch(text):
        return _finite(float(text))
    found = _WITH_UNITS.fullmatch(text)
    if not text or found is None:
        return None
    amounts = zip(found.groups(), _UNITS.values(), strict=True)
    return _finite(math.fsum(float(amount) * seconds for amount, seconds in amounts if amount is not None))


def _finite(number: float) -> float | None:
    try:
        seconds = float(number)
    except OverflowError:
        return None
    return seconds if seconds >= 0 and math.isfinite(seconds) else None
