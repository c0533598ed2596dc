"""Newline-delimited JSON-RPC cut out of a byte stream, in linear time and bounded memory.

The SDK's own reader appends every chunk to one string: a line of 20 MB blocks the loop for eleven
seconds. Here a line is a list of chunks until its end comes; a line beyond the limit is not kept at all,
but the request it answers is still told apart, so that just that call fails, and at once.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

import attrs

__all__ = ["LineSplitter", "Oversized", "Tail"]

_EDGE = 1024

_JSONRPC = rb'"jsonrpc"\s*:\s*"2\.0"'
_ID = rb'"id"\s*:\s*(?P<id>\d{1,18}|"[^"\\]{0,200}")'
_ID_FIRST = re.compile(rb"\s*\{\s*(?:" + _JSONRPC + rb"\s*,\s*)?" + _ID + rb"\s*,")
_ID_LAST = re.compile(rb",\s*" + _ID + rb"\s*(?:,\s*" + _JSONRPC + rb"\s*)?\}\s*$")
_METHOD_FIRST = re.compile(rb"\s*\{\s*(?:" + _JSONRPC + rb'\s*,\s*)?"method"\s*:')


@attrs.frozen
class Oversized:
    """A line longer than the limit, which was dropped.

    ``request_id`` is the request it answers; ``None`` if that cannot be told from its first and last
    bytes, where every implementation known writes it.
    """

    request_id: int | str | None


class LineSplitter:
    """Bytes in, whole lines out, each without its newline; empty lines are left out.

    A line over ``limit`` bytes gives one :class:`Oversized`: as soon as its start names the request,
    else at its end. An oversized notification gives nothing.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False
        self._told = False
        self._last = b""

    def feed(self, chunk: bytes) -> Iterator[bytes | Oversized]:
        """What this chunk completes, in order. The iterator must be used up before the next chunk."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            yield from self._add(chunk[start:end])
            yield from self._end_line()
            start = end + 1
        yield from self._add(chunk[start:])

    def _add(self, part: bytes) -> Iterator[Oversized]:
        if self._skipping:
            self._last = (self._last + part)[-_EDGE:]
            return
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._limit:
            yield from self._start_skipping()

    def _start_skipping(self) -> Iterator[Oversized]:
        line = b"".join(self._parts)
        self._parts.clear()
        self._skipping = True
        self._last = line[-_EDGE:]
        if _METHOD_FIRST.match(line, 0, _EDGE):
            self._told = True
        elif found := _ID_FIRST.match(line, 0, _EDGE):
            self._told = True
            yield Oversized(_request_id(found))

    def _end_line(self) -> Iterator[bytes | Oversized]:
        if not self._skipping:
            line = b"".join(self._parts).strip()
            if line:
                yield line
        elif not self._told:
            found = _ID_LAST.search(self._last)
            yield Oversized(_request_id(found) if found else None)
        self._parts.clear()
        self._size = 0
        self._skipping = self._told = False


def _request_id(found: re.Match[bytes]) -> int | str:
    text = found["id"].decode("utf-8", "replace")
    return text[1:-1] if text.startswith('"') else int(text)


class Tail:
    """How a server spoke and ended, as far as an error needs it: its last lines, its exit code.

    What it wrote to stderr is kept apart from what it wrote to stdout beside the protocol: two pipes have no
    common order, and a banner on the one must not hide the reason on the other.

    Args:
        lines: How many lines are kept of either.
        width: How much of a line.
    """

    def __init__(self, lines: int = 20, width: int = 400) -> None:
        self._kept = lines
        self._lines: deque[str] = deque(maxlen=lines)
        self._noise: deque[str] = deque(maxlen=lines)
        self._width = width
        self._open = b""
        self.exit_code: int | None = None
        """How the process ended by itself; negative: the signal that killed it."""
        self.broken: str | None = None
        """What our end of the pipes saw, in words; the server's own say more."""

    def feed(self, chunk: bytes) -> None:
        """Take bytes of stderr as they come; of a flood only the end is looked at. A line that never ends is cut."""
        *whole, rest = (self._open + chunk).rsplit(b"\n", 4 * self._kept)  # more than are kept: some are empty
        for line in whole:
            self.add(line.rpartition(b"\n")[2])
        self._open = rest[: 4 * self._width]

    def add(self, line: bytes) -> None:
        """Take one whole line of stderr; bytes that are no UTF-8 are replaced."""
        self._keep(line, self._lines)

    def add_noise(self, line: bytes) -> None:
        """Take one line of stdout that is no message."""
        self._keep(line, self._noise)

    def lines(self) -> list[str]:
        """What is kept of stderr, oldest first, an unfinished line included."""
        rest = self._open.decode("utf-8", "replace").strip()[: self._width]
        return [*self._lines, rest] if rest else list(self._lines)

    def noise(self) -> list[str]:
        """What is kept of stdout beside the protocol, oldest first."""
        return list(self._noise)

    def _keep(self, line: bytes, lines: deque[str]) -> None:
        text = line[: 4 * self._width].decode("utf-8", "replace").rstrip()
        if text:
            lines.append(text[: self._width])
