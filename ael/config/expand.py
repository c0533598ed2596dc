"""``${VAR}`` in the files that name MCP servers, as the programs that own those files read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import attrs

__all__ = ["Expansion", "ExpansionError"]

_PLACE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"(?:env:)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_ASKS = re.compile(r"(?:input|command|config):")


class ExpansionError(ValueError):
    """A variable has no value here."""


@attrs.frozen
class Expansion:
    """Where the values come from.

    Attributes:
        environ: The environment.
        workspace: What ``${workspaceFolder}`` stands for.
    """

    environ: Mapping[str, str]
    workspace: Path

    def text(self, text: str) -> str:
        """The text with its variables replaced, once: a value is not looked into.

        ``${VAR}`` and ``${env:VAR}`` must be set; ``${VAR:-x}`` is ``x`` when it is unset or empty. What looks like
        none of these, such as a bare ``$VAR`` or ``${#a[@]}``, stays as it is.

        Raises:
            ExpansionError: A variable is not set, or asks for what only an editor has.
        """
        return _PLACE.sub(self._value, text)

    def _value(self, place: re.Match[str]) -> str:
        inside = place[1]
        if inside == "workspaceFolder":
            return str(self.workspace)
        if _ASKS.match(inside):
            raise ExpansionError(f"{place[0]} asks the editor, and ael is none; use ${{env:NAME}} and set NAME")
        found = _VARIABLE.fullmatch(inside)
        if found is None:
            return place[0]
        value = self.environ.get(found["name"])
        if found["default"] is not None:
            return value or found["default"]
        if value is None:
            raise ExpansionError(f"{place[0]}: the environment variable {found['name']} is not set")
        return value
