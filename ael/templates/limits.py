"""What one rendering may do: loop passes, text, elements, and work; checked before it is done.

A template runs on the event loop's thread and cannot be interrupted, so nothing in it may take long.
Passes and text are counted as the language says. *Work* stops what stays below each of these and still
takes minutes, sorting a million elements a million times: every operation whose cost grows with its
operands pays about one unit per nanosecond, and a rendering has as many as a second or two.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from ael.types import JsonValue

__all__ = [
    "MAX_BITS",
    "MAX_ELEMENTS",
    "MAX_PASSES",
    "MAX_TEXT",
    "TooMuchError",
    "begin_rendering",
    "check_elements",
    "check_length",
    "check_text",
    "count_pass",
    "smaller_budget",
    "spend",
    "weigh",
    "write_text",
]

MAX_PASSES = 1_000_000
MAX_TEXT = 16 * 1024 * 1024
MAX_ELEMENTS = 1_000_000
MAX_BITS = 10_000
MAX_WORK = 2_000_000_000
_ELEMENT_WORK = 100
_CONTAINERS: frozenset[type] = frozenset({list, tuple, dict})
_SCALARS = frozenset({int, float, bool, type(None)})

_T = TypeVar("_T")


class TooMuchError(ValueError):
    """A rendering would do more than it may; the message says what."""


class _Budget(threading.local):
    """What the rendering that runs in this thread has left; renderings do not nest."""

    most: tuple[int, int, int] = (MAX_PASSES, MAX_TEXT, MAX_WORK)
    passes, text, work = most


_budget = _Budget()


def begin_rendering() -> None:
    """Give the rendering that begins its full budget."""
    _budget.passes, _budget.text, _budget.work = _budget.most


@contextmanager
def smaller_budget(*, passes: int, work: int) -> Iterator[None]:
    """Renderings of this thread have less: what happens at the end of a budget shows in no time."""
    before = _budget.most
    _budget.most = (passes, MAX_TEXT, work)
    try:
        yield
    finally:
        _budget.most = before


def spend(work: int) -> None:
    """Pay for work about to be done, in nanoseconds.

    Raises:
        TooMuchError: There is not that much left.
    """
    _budget.work -= work
    if _budget.work < 0:
        raise TooMuchError("it computes for too long; do this in a code step")


def count_pass(work: int) -> None:
    """One more pass of a loop, or call of a macro; ``work`` is paid too."""
    _budget.passes -= 1
    _budget.work -= work
    if _budget.passes < 0:
        raise TooMuchError(f"it makes more than {_budget.most[0]:,} loop passes")
    if _budget.work < 0:
        spend(0)


def write_text(text: str) -> str:
    """Account for text that becomes part of what is rendered."""
    _budget.text -= len(text)
    if _budget.text < 0:
        raise TooMuchError("it makes more than 16 MB of text")
    return text


def check_length(length: int, limit: int = MAX_TEXT) -> None:
    """Refuse a text (or, with ``MAX_ELEMENTS``, a list) of ``length`` before it is made, and pay for making it."""
    if length > limit:
        what = "16 MB of text" if limit == MAX_TEXT else f"{limit:,} elements"
        raise TooMuchError(f"it makes more than {what}")
    spend(max(length, 0))


def check_text(text: str) -> str:
    """The text itself, if it is no longer than one may be."""
    if len(text) > MAX_TEXT:
        raise TooMuchError("it makes more than 16 MB of text")
    return text


def check_elements(value: object) -> None:
    """Refuse a value with too many elements or too much text in it; what is shared counts wherever it is reached."""
    elements, text = 0, 0
    rest = [value]
    while rest:
        parts = _parts(rest.pop())
        elements += len(parts)
        if elements > MAX_ELEMENTS:
            raise TooMuchError(f"it makes more than {MAX_ELEMENTS:,} elements")
        for part in parts:
            kind = type(part)
            if kind is str:
                text += len(part)
            elif kind not in _SCALARS:
                rest.append(part)
    if text > MAX_TEXT:
        raise TooMuchError("it makes more than 16 MB of text")
    spend(elements * _ELEMENT_WORK)


def _parts(value: object) -> Collection[JsonValue]:
    """What a value consists of; exact types first, because asking for a mapping is slow."""
    kind = type(value)
    if kind is list or kind is tuple or kind is range:
        return value  # type: ignore[return-value]
    if kind is dict:
        return value.values()  # type: ignore[attr-defined, no-any-return]
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def weigh(value: _T) -> _T:
    """The value itself, paid for: what follows looks at all of it, at any depth."""
    kind: type = type(value)
    if kind is str:
        spend(len(value))  # type: ignore[arg-type]
    elif kind in _CONTAINERS:
        check_elements(value)
    return value
