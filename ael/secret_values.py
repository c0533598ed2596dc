"""Secrets from the environment, and what hides them wherever something leaves the engine.

What is hidden: every value that was read, in text at any depth, in keys, and in bytes; also as JSON writes it, as a
URL does, and in base64, because that is how tokens travel. A value shorter than four
characters is not looked for: it would black out half of every text (``AEL_SECRET_MODE=on``), and is no secret.
Where the value is a prefix of another, the longer is hidden first.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import quote, quote_plus

from ael.types import JsonValue

__all__ = ["MASK", "SHORTEST_SECRET", "EnvironmentSecrets"]

MASK = "***"
SHORTEST_SECRET = 4
"""Characters; a shorter value is readable, but not hidden."""

_PREFIX = "AEL_SECRET_"


class EnvironmentSecrets:
    """Implements :class:`ael.ports.Secrets` on environment variables; safe to use from any thread.

    Args:
        variables: Secret name → environment variable. A name not listed is read from ``AEL_SECRET_<NAME>``, as
            written and in capitals.
        environ: The environment; the process's own by default. It is read at each ``get``.
    """

    def __init__(self, variables: Mapping[str, str], environ: Mapping[str, str] | None = None) -> None:
        self._variables = dict(variables)
        self._environ = os.environ if environ is None else environ
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._text: re.Pattern[str] | None = None
        self._bytes: re.Pattern[bytes] | None = None

    def get(self, name: str) -> str | None:
        """The value, or ``None`` if the variable is not set; from then on it is masked."""
        variable = self._variables.get(name)
        candidates = (variable,) if variable else (_PREFIX + name, _PREFIX + name.upper())
        value = next((self._environ[each] for each in candidates if each in self._environ), None)
        if value is not None and value not in self._known:
            self._learn(value)
        return value

    def names(self) -> Collection[str]:
        """The names listed, then those the environment has."""
        listed = dict.fromkeys(self._variables)
        found = (name.removeprefix(_PREFIX) for name in sorted(self._environ) if name.startswith(_PREFIX))
        return list(listed | dict.fromkeys(name for name in found if name))

    def mask(self, value: JsonValue) -> JsonValue:
        """A copy with every secret read so far replaced; the value itself as long as no secret was read."""
        return value if self._text is None else self._masked(value)

    def _learn(self, value: str) -> None:
        with self._lock:
            self._known.add(value)
            forms = {form for known in self._known if len(known) >= SHORTEST_SECRET for form in _forms(known)}
            if not forms:
                return
            ordered = sorted(forms, key=len, reverse=True)
            self._bytes = re.compile(b"|".join(re.escape(form.encode("utf-8", "surrogateescape")) for form in ordered))
            self._text = re.compile("|".join(map(re.escape, ordered)))

    def _masked(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            assert self._text is not None
            return self._text.sub(MASK, value)
        if isinstance(value, Mapping):
            return {self._masked(key): self._masked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        if isinstance(value, tuple):
            return tuple(self._masked(item) for item in value)
        if isinstance(value, bytes):
            assert self._bytes is not None
            return self._bytes.sub(MASK.encode(), value)
        return value


def _forms(secret: str) -> Iterator[str]:
    """How a secret may be written. In base64 only the value alone is known: with text around it, it looks different."""
    raw = secret.encode("utf-8", "surrogateescape")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(raw, safe="")
    yield quote(raw)
    yield quote_plus(raw)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode("ascii").rstrip("=")
