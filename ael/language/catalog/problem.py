"""The shape of a kind of problem: a typed value with a code, raised without text and worded here."""

from __future__ import annotations

import inspect
from typing import ClassVar

import msgspec

from ael.diagnostics import Severity

__all__ = ["Problem", "listing"]


class Problem(msgspec.Struct, frozen=True):
    """One problem of one kind; a subclass's fields are the names its wording uses.

    The docstring of a subclass is its long explanation, which ``ael explain`` prints.

    Attributes:
        code: Stable for ever; never used again for another kind.
        wording: One sentence, formatted with the fields.
        advice: What to do, formatted with the fields; a field ``nearest`` that is set comes first.
    """

    code: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    wording: ClassVar[str]
    advice: ClassVar[str | None] = None

    def message(self) -> str:
        """What is wrong, in one sentence."""
        return self.wording.format(**self._words())

    def hint(self) -> str | None:
        """What to do about it, or ``None``."""
        words = self._words()
        nearest = words.get("nearest")
        if nearest:
            return f"did you mean {nearest!r}?"
        text = (self.advice or "").format(**words)
        return text or None

    @classmethod
    def explanation(cls) -> str:
        """The long text about this kind."""
        return inspect.cleandoc(cls.__doc__ or "")

    def _words(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__struct_fields__}


def listing(names: tuple[str, ...], *, most: int = 8) -> str:
    """Names for a sentence: ``a, b and c``; of many only the first, and how many more there are."""
    if not names:
        return "none"
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
