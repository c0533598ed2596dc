"""How to reach one MCP server: the value that configuration makes and the MCP adapter connects by."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["McpServer"]


@attrs.frozen(kw_only=True)
class McpServer:
    """One MCP server, over stdio (``command``) or streamable HTTP (``url``); exactly one of the two is set.

    Values of ``env`` and ``headers`` are often secrets: they are left out of ``repr`` and of every message.

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
        consented: Whether somebody named that file; a server of a file nobody named is never started.
    """

    name: str
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    cwd: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    timeout_s: float | None = None
    disabled: bool = False
    source: str | None = None
    consented: bool = True

    def __attrs_post_init__(self) -> None:
        if (self.command is None) == (self.url is None):
            raise ValueError(f"MCP server {self.name!r} needs either a command or a url")
