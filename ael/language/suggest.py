"""The nearest known name to one that is not known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher, get_close_matches

__all__ = ["nearest", "nearest_tool"]

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


_ALIKE = 0.75
_SAME_SERVER = 0.6
"""How alike two names must be: alone, and where the server's name agrees and already says much."""

_HTTP = dict.fromkeys(("http.get", "http.post", "http.put", "http.delete", "http.fetch", "fetch"), "http.request")
_SHELL = dict.fromkeys(("shell.exec", "shell.bash", "bash", "shell"), "shell.run")
_FOREIGN: dict[str, str] = {**_HTTP, **_SHELL}
"""What the tools that are always there are called elsewhere."""


def nearest_tool(name: str, known: Collection[str]) -> str | None:
    """The full name of the tool that was probably meant; a resemblance of servers alone is none.

    A bare name is held against bare names, a full one against full ones; and where nothing is like it, its
    bare part against the bare parts, for a tool of another server.
    """
    foreign = _FOREIGN.get(name.casefold())
    if foreign is not None:
        return foreign if foreign in known else None
    if len(known) > _MOST_KNOWN or len(name) > 100:
        return None
    server, _, bare = name.rpartition(".")
    best = max(((_likeness(server, bare, full), full) for full in known), default=(0.0, ""))
    return best[1] if best[0] else None


def _likeness(server: str, bare: str, full: str) -> float:
    """From 0 for unlike to 2: how alike the bare parts are, and 1 more if the servers are alike too."""
    other_server, _, other = full.rpartition(".")
    servers = bool(server) and _ratio(server, other_server) >= _ALIKE
    alike = _ratio(bare, other)
    return 0.0 if alike < (_SAME_SERVER if servers else _ALIKE) else alike + servers


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()
