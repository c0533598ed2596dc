"""Every kind of problem a definition can have, each worded once.

A kind is a small frozen class: its fields are the names involved, its docstring the long explanation. Whoever
finds a problem raises the value and its place; nobody else makes up text. Codes are grouped by where the fault
lies: 0xx reading, 1xx structure, 2xx graph, 3xx templates, 4xx types, 5xx policy, 6xx tools, 7xx code.
"""

from __future__ import annotations

from types import ModuleType

from ael.language.catalog import (
    code,
    composition,
    graph,
    ignoring,
    old,
    policy,
    reading,
    structure,
    templates,
    tools,
    types,
)
from ael.language.catalog.problem import Problem, listing

__all__ = [
    "KINDS",
    "Problem",
    "code",
    "composition",
    "explain",
    "graph",
    "ignoring",
    "listing",
    "old",
    "policy",
    "reading",
    "structure",
    "templates",
    "tools",
    "types",
]

_MODULES: tuple[ModuleType, ...] = (
    reading,
    structure,
    composition,
    old,
    ignoring,
    graph,
    templates,
    types,
    policy,
    tools,
    code,
)


def _kinds() -> dict[str, type[Problem]]:
    kinds: dict[str, type[Problem]] = {}
    for module in _MODULES:
        for name in module.__all__:
            kind = getattr(module, name)
            if hasattr(kind, "code"):
                assert kinds.setdefault(kind.code, kind) is kind, f"two kinds have the code {kind.code}"
    return dict(sorted(kinds.items()))


KINDS: dict[str, type[Problem]] = _kinds()
"""Code → kind, in the order of the codes."""


def explain(kind_code: str) -> str | None:
    """The long text about a code, or ``None`` for one that does not exist. Case does not matter."""
    kind = KINDS.get(kind_code.upper())
    return None if kind is None else kind.explanation()
