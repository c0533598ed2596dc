"""What our transports say of a request that got no answer of the server, inside the protocol.

The SDK's session knows one way to end a single call: a JSON-RPC error. The transports make one, and
mark it in ``data``, so that nobody has to guess from a code or a text.
"""

from __future__ import annotations

import enum

from ael.types import JsonValue

__all__ = ["Mark", "mark", "mark_of"]

_KEY = "ael/reason"
_FIRST_CODE = -32090


class Mark(enum.StrEnum):
    """Why a transport answered in the server's place."""

    TOO_LARGE = "too_large"
    UNREACHED = "unreached"
    LOST = "lost"
    SESSION_GONE = "session_gone"
    HTTP_STATUS = "http_status"

    @property
    def code(self) -> int:
        """The JSON-RPC error code, of the range left to implementations."""
        return _FIRST_CODE - list(Mark).index(self)


def mark(reason: Mark, **more: JsonValue) -> dict[str, JsonValue]:
    """The ``data`` of such an error."""
    return {_KEY: reason.value, **more}


def mark_of(data: JsonValue) -> Mark | None:
    """Which mark ``data`` bears, if any."""
    if not isinstance(data, dict) or data.get(_KEY) not in set(Mark):
        return None
    return Mark(data[_KEY])
