"""Names that a package exports without importing their modules before one of them is used (PEP 562).

A program pays on its first lines for every module it imports; an engine without MCP servers needs none of theirs.
A package that exports late imports the same names under ``TYPE_CHECKING``, so that type checkers see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["late_exports"]


def late_exports(namespace: dict[str, object], homes: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package.

    Args:
        namespace: The package's ``globals()``; a name once resolved is kept there.
        homes: Module → the names it is home of, separated by spaces.
    """
    home = {name: module for module, names in homes.items() for name in names.split()}

    def resolve(name: str) -> object:
        module = home.get(name)
        if module is None:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        value = namespace[name] = getattr(import_module(module), name)
        return value

    return resolve
