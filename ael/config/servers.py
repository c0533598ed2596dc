"""One entry of ``mcpServers``, ``servers`` or ``[mcp_servers.NAME]`` → :class:`ael.mcp_server.McpServer`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

import attrs

from ael.config.expand import Expansion, ExpansionError
from ael.mcp_server import RESERVED, McpServer
from ael.types import JsonValue

__all__ = ["Reading", "read_server"]

_KEYS = ("command", "args", "env", "cwd", "url", "headers", "type", "transport", "timeout", "disabled")
_STDIO = frozenset({"stdio"})
_HTTP = frozenset({"http", "streamable-http", "streamable_http", "streamablehttp"})


@attrs.define
class Reading:
    """What is gathered while a file is read: everything wrong, and everything worth a note.

    Attributes:
        file: Its name, for messages.
        expansion: Gives variables their values.
        consented: Whether somebody named the file.
        strict: Whether an unknown key is a problem, as in ael's own files, or a note.
    """

    file: str
    expansion: Expansion
    consented: bool = True
    strict: bool = False
    problems: list[str] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)


def read_server(name: str, entry: JsonValue, reading: Reading) -> McpServer | None:
    """The server, or ``None`` when something was wrong with it or it speaks what ael does not.

    A disabled server's variables are not looked up: it must not need what only its users have set.
    """
    before = len(reading.problems)
    fields = _Fields(name, entry, reading)
    if fields.old_sse():
        reading.notes.append(
            f"{reading.file}: server {name!r} speaks the old SSE transport, which ael does not; left out"
        )
        return None
    server = fields.server()
    return server if len(reading.problems) == before else None


class _Fields:
    """Reads the entry's keys, each with its type; what is wrong goes to the reading's problems."""

    def __init__(self, name: str, entry: JsonValue, reading: Reading) -> None:
        self._name = name
        self._reading = reading
        self._entry: Mapping[str, JsonValue] = entry if isinstance(entry, Mapping) else {}
        if not isinstance(entry, Mapping):
            self._problem("", f"expected a table with `command` or `url`, got {_kind(entry)}")
        if not name or "." in name or name in RESERVED:
            self._problem("", "a server cannot be called that: the name is empty, has a dot, or is ael's own")
        self._disabled = self._entry.get("disabled") is True
        self._note_unknown()

    def old_sse(self) -> bool:
        kind = str(self._entry.get("type") or self._entry.get("transport") or "").lower()
        url = self._entry.get("url")
        return kind == "sse" or (not kind and isinstance(url, str) and url.rstrip("/").endswith("/sse"))

    def server(self) -> McpServer | None:
        command, url = self._choose()
        cwd = self._text("cwd")
        timeout_ms = self._entry.get("timeout")
        if timeout_ms is not None and (not _is_number(timeout_ms) or timeout_ms <= 0):
            self._problem("timeout", f"expected milliseconds above 0, got {timeout_ms!r}")
            timeout_ms = None
        if not isinstance(self._entry.get("disabled", False), bool):
            self._problem("disabled", f"expected true or false, got {_kind(self._entry['disabled'])}")
        args, env, headers = self._texts("args"), self._mapping("env"), self._mapping("headers")
        if (command is None) == (url is None):
            return None  # said already
        return McpServer(
            name=self._name,
            command=command,
            args=args,
            env=env,
            cwd=None if cwd is None else str(self._reading.expansion.workspace / Path(cwd).expanduser()),
            url=url,
            headers=headers,
            timeout_s=None if timeout_ms is None else timeout_ms / 1000,
            disabled=self._disabled,
            source=self._reading.file,
            consented=self._reading.consented,
            written=self._written(),
        )

    def _written(self) -> str | None:
        """What it says where variables were replaced: their values may be secrets, and this is shown to people."""
        args = self._entry.get("args")
        parts = [self._entry.get("url") or self._entry.get("command"), *(args if isinstance(args, list) else ())]
        text = " ".join(map(str, parts))
        return text if "${" in text else None

    def _choose(self) -> tuple[str | None, str | None]:
        command, url = self._text("command"), self._text("url")
        self._check_transport()
        if command is not None and url is not None:
            self._problem("", "has both `command` and `url`; keep one")
        elif not self._entry.keys() & {"command", "url"}:
            near = difflib.get_close_matches("command", self._entry, n=1)
            self._problem("", "needs `command` or `url`" + (f" (it has {near[0]!r})" if near else ""))
        return command, url

    def _check_transport(self) -> None:
        kind = self._text("type") or self._text("transport")
        if kind is not None and kind.lower() not in _STDIO | _HTTP:
            self._problem("type", f"{kind!r} is no transport; there are stdio and http")
        url = self._entry.get("url")
        if isinstance(url, str) and url and not url.startswith(("http://", "https://", "${")):
            self._problem("url", "expected a URL that starts with http:// or https://")

    def _note_unknown(self) -> None:
        for key in self._entry:
            if key in _KEYS:
                continue
            if self._reading.strict:
                near = difflib.get_close_matches(key, _KEYS, n=1)
                self._problem(key, "unknown key" + (f"; did you mean {near[0]!r}?" if near else ""))
            else:
                self._reading.notes.append(f"{self._reading.file}: server {self._name!r}: key {key!r} is not used")

    def _text(self, key: str) -> str | None:
        value = self._entry.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            self._problem(key, f"expected text, got {_kind(value)}")
            return None
        return self._expanded(key, value)

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self._entry.get(key) or []
        if not isinstance(value, list):
            self._problem(key, f"expected a list of text, got {_kind(value)}")
            return ()
        return tuple(self._scalar(f"{key}[{index}]", item) for index, item in enumerate(value))

    def _mapping(self, key: str) -> dict[str, str]:
        value = self._entry.get(key) or {}
        if not isinstance(value, Mapping):
            self._problem(key, f"expected a table of text, got {_kind(value)}")
            return {}
        return {str(name): self._scalar(f"{key}.{name}", item) for name, item in value.items() if item is not None}

    def _scalar(self, field: str, value: JsonValue) -> str:
        if isinstance(value, str):
            return self._expanded(field, value)
        if _is_number(value):
            return str(value)  # PORT: 8080, which other programs take as well
        self._problem(field, f"expected text, got {_kind(value)}")
        return ""

    def _expanded(self, field: str, value: str) -> str:
        if self._disabled:
            return value
        try:
            return self._reading.expansion.text(value)
        except ExpansionError as error:
            self._problem(field, str(error))
            return ""

    def _problem(self, field: str, what: str) -> None:
        place = f"server {self._name!r}" + (f", {field}" if field else "")
        self._reading.problems.append(f"{self._reading.file}: {place}: {what}")


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: JsonValue) -> str:
    names = {str: "empty text" if value == "" else "text", bool: "a boolean", list: "a list", dict: "a table"}
    return names.get(type(value), "nothing" if value is None else "a number")
