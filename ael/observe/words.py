"""Texts and durations as a terminal may show them.

Every text that came from a tool or a server goes through :func:`clean_text`: nothing they say may move the cursor.
"""

from __future__ import annotations

import re

__all__ = ["clean_text", "format_duration", "one_line"]

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean_text(text: str) -> str:
    """Text without escape sequences, control characters and changes of direction; line breaks stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def one_line(text: str) -> str:
    """Clean text on one line, white space run together."""
    return " ".join(clean_text(text.replace("\r", "\n")).split())


def format_duration(seconds: float) -> str:
    """Seconds as people read them: ``40 ms``, ``1.2 s``, ``3m05s``, ``2h07m``; negative ones are 0."""
    seconds = max(seconds, 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"
