"""Text as a YAML scalar in quotes."""

from __future__ import annotations

__all__ = ["quoted"]


def quoted(text: str) -> str:
    """A scalar that reads as ``text``: in double quotes, or in single ones where the text has double quotes."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"
