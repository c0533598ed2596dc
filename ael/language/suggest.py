"""The nearest known name to one that is not known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

__all__ = ["nearest"]

_MOST_KNOWN = 2000
"""Comparing costs some microseconds per name; beyond this nobody is helped by waiting."""


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that ``name`` was probably meant to be, or ``None``; case counts little."""
    if len(known) > _MOST_KNOWN or len(name) > 100:
        return None
    folded = {candidate.casefold(): candidate for candidate in known}
    for cutoff in (0.75, 0.6):
        found = get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
        if found:
            return folded[found[0]]
    return None
