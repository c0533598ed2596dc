"""The known name that was probably meant, at a cost that no file and no data can drive up.

Comparing one name with another costs some ten microseconds. That is fine for the keys of a mapping, and not for a
thousand misspelt names held against a thousand known ones. So a name is compared with all of a few; among many only a
name is found that one edit makes of it, which is looked up and costs the same however many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from string import ascii_lowercase, digits

__all__ = ["FEW", "nearest"]

FEW = 80
"""So many names are compared one by one."""

_MOST = 2000
_LONGEST = 100
_LONGEST_EDITED = 40
_FEW_EDITED = 12
_ALIKE = 0.6
_ALPHABET = f"{ascii_lowercase}{digits}_-."


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name nearest to ``name``, or ``None``; case counts little. Where there are thousands, ``None``."""
    if len(name) > _LONGEST or len(known) > _MOST:
        return None
    wanted = name.casefold()
    folded = {candidate.casefold(): candidate for candidate in known}
    if wanted in folded:
        return folded[wanted]
    compared = folded if len(folded) <= FEW else _one_edit_away(wanted, folded)
    found = get_close_matches(wanted, compared, n=1, cutoff=_ALIKE)
    return folded[found[0]] if found else None


def _one_edit_away(name: str, known: Mapping[str, str]) -> list[str]:
    """The first few known names that one edit makes of this one."""
    if len(name) > _LONGEST_EDITED:
        return []
    return list(islice((edited for edited in _edits(name) if edited in known), _FEW_EDITED))


def _edits(name: str) -> Iterator[str]:
    """Neighbours exchanged, a letter too few, one too many, a wrong one."""
    parts = [(name[:at], name[at:]) for at in range(len(name) + 1)]
    yield from (f"{head}{tail[1]}{tail[0]}{tail[2:]}" for head, tail in parts if len(tail) > 1)
    yield from (f"{head}{letter}{tail}" for head, tail in parts for letter in _ALPHABET)
    yield from (f"{head}{tail[1:]}" for head, tail in parts if tail)
    yield from (f"{head}{letter}{tail[1:]}" for head, tail in parts if tail for letter in _ALPHABET)
