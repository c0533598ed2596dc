"""What a problem in a definition looks like, wherever it was found and whoever shows it.

The kinds of problem and their wording live in ``ael.language.catalog``; how they are drawn in
``ael.language.render``. This is only the value.
"""

from __future__ import annotations

import enum

import attrs

__all__ = ["Diagnostic", "Edit", "Fix", "Severity"]


class Severity(enum.StrEnum):
    """How bad it is: an error cannot run right, a warning is probably not meant, a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@attrs.frozen
class Edit:
    """Replace the text from (line, column) up to (end_line, end_column), exclusive, by ``text``."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@attrs.frozen
class Fix:
    """Edits that together repair a problem; ``safe`` when they cannot change what a valid file means."""

    message: str
    edits: tuple[Edit, ...]
    safe: bool = False


@attrs.frozen
class Diagnostic:
    """One problem, with its place.

    Attributes:
        code: Stable, ``AEL`` and three digits; ``ael explain`` knows it.
        message: One sentence that says what is wrong, with the names involved.
        hint: What to do about it, or ``None``.
        file: The source's name, or ``None`` for a definition made in Python.
        line, column, end_line, end_column: From 1, end exclusive; ``None`` without a file.
        fix: The repair as edits, where it is known.
        source_line: The text of ``line``, so that a frame can be drawn without the file.
    """

    code: str
    severity: Severity
    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    fix: Fix | None = None
    source_line: str | None = attrs.field(default=None, repr=False)

    @property
    def is_error(self) -> bool:
        """Whether the definition cannot run with this in it."""
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line is not None else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.severity} {self.code}: {self.message}{hint}"
