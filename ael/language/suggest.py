"""The nearest known name to one that is not known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher

from ael.near import FEW, nearest

__all__ = ["nearest", "nearest_tool"]

_ALIKE = 0.75
_SAME_SERVER = 0.6
"""How alike two names must be: alone, and where the server's name agrees and already says much."""
_LONGEST = 100

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
    server, _, bare = name.rpartition(".")
    if len(known) > FEW:
        return nearest(name, known) or _nearest_bare(bare, known)
    if len(name) > _LONGEST:
        return None
    best = max(((_likeness(server, bare, full), full) for full in known), default=(0.0, ""))
    return best[1] if best[0] else None


def _nearest_bare(bare: str, known: Collection[str]) -> str | None:
    full_names = {full.rpartition(".")[2]: full for full in known}
    found = nearest(bare, full_names)
    return None if found is None else full_names[found]


def _likeness(server: str, bare: str, full: str) -> float:
    """From 0 for unlike to 2: how alike the bare parts are, and 1 more if the servers are alike too."""
    other_server, _, other = full.rpartition(".")
    alike = _ratio(bare, other)
    if alike < _SAME_SERVER:
        return 0.0
    servers = bool(server) and _ratio(server, other_server) >= _ALIKE
    return 0.0 if alike < (_SAME_SERVER if servers else _ALIKE) else alike + servers


def _ratio(one: str, other: str) -> float:
    """How alike two names are; 0 for less than counts."""
    matcher = SequenceMatcher(None, one.casefold(), other.casefold())
    if matcher.real_quick_ratio() < _SAME_SERVER or matcher.quick_ratio() < _SAME_SERVER:
        return 0.0
    return matcher.ratio()
