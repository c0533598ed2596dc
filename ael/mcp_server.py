"""How to reach one MCP server: the value that configuration makes and the MCP adapter connects by."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

__all__ = ["RESERVED", "McpServer"]

RESERVED = frozenset({"http", "shell"})
"""First parts of the names of built-in tools, which no server and no function may have."""

_USER = re.compile(r"//[^/@]*@")
_SECRET_NAME = re.compile(
    r"api_?key|token|secret|passw|passphrase|authoriz|credential|cookie|(?<![a-z])(key|pass|auth)(?![a-z])",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 4


@attrs.frozen(kw_only=True)
class McpServer:
    """One MCP server, over stdio (``command``) or streamable HTTP (``url``); exactly one of the two is set.

    Values of ``env`` and ``headers`` are often secrets, and ``args`` and ``url`` may hold some: they are left out of
    ``repr`` and of every message; ``shown`` is for people.

    Attributes:
        name: What workflows call it: the ``git`` of ``git.git_log``.
        command, args: The program and its arguments; no shell. Without a path it is looked for on ``PATH``, and then
            beside the running interpreter, in the virtual environment's folder of programs.
        env: Added to the small environment every server gets; its ``PATH``, if any, is then the only one searched.
        cwd: Where it is started; ``None``: where ael was.
        url, headers: The endpoint, and what is sent with every request.
        timeout_s: Seconds one call may take, whatever the step says; ``None``: unbounded.
        disabled: Known by name, but never started.
        source: The file that names it, or ``None``.
        written: The command line or url as that file writes it, before variables were replaced, if there were any.
        consented: Whether somebody named that file; a server of a file nobody named is never started.
    """

    name: str
    command: str | None = None
    args: tuple[str, ...] = attrs.field(default=(), repr=False)
    env: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    cwd: str | None = None
    url: str | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    timeout_s: float | None = None
    disabled: bool = False
    source: str | None = None
    consented: bool = True
    written: str | None = attrs.field(default=None, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if (self.command is None) == (self.url is None):
            raise ValueError(f"MCP server {self.name!r} needs either a command or a url")

    @property
    def shown(self) -> str:
        """Its command line or url, without the values of variables, and of the url without what may be secret."""
        if self.command is not None:
            return self.written or " ".join((self.command, *self.args))
        return _USER.sub("//", (self.written or self.url or "").partition("?")[0])

    def hide(self, text: str) -> str:
        """The text without the secrets this server was given, which servers quote in what they complain of.

        These are the values of headers and variables whose names say so, whole and word by word
        (``Bearer TOKEN``); not those of fewer than four characters.
        """
        given = (value for name, value in (*self.env.items(), *self.headers.items()) if _SECRET_NAME.search(name))
        secrets = {part for value in given for part in (value, *value.split()) if len(part) >= _SHORTEST_SECRET}
        for secret in sorted(secrets - {"Bearer", "Basic"}, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text
