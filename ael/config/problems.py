"""All that is wrong with a configuration, in one error; and the problems that structuring found, in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

import attrs
from cattrs.errors import (
    BaseValidationError,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
)

from ael.errors import ConfigInvalidError

__all__ = ["LATER", "invalid", "problems_in", "unknown_key"]

LATER = frozenset({"journal"})
"""Keys the language names that no engine understands yet."""


def invalid(file: str, problems: Sequence[str]) -> ConfigInvalidError:
    """One error for all problems; ``details["problems"]`` lists them."""
    message = problems[0] if len(problems) == 1 else "\n  ".join([f"{file} has {len(problems)} problems:", *problems])
    return ConfigInvalidError(message, details={"file": file, "problems": list(problems)})


def problems_in(error: Exception, path: str = "") -> Iterator[str]:
    """Each failure inside cattrs' tree of groups, as ``settings.threads: expected …``."""
    if isinstance(error, ForbiddenExtraKeysError):
        yield from _unknown_keys(error, path)
    elif isinstance(error, ClassValidationError | IterableValidationError):
        placed, others = error.group_exceptions()
        for inner, note in placed:
            index = getattr(note, "index", None)
            step = f"[{index}]" if isinstance(index, int) else "." + str(getattr(note, "name", index))
            yield from problems_in(inner, path + step)
        for inner in others:
            yield from problems_in(inner, path)
    elif isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from problems_in(inner, path)
    else:
        yield f"{_shown(path)}: {error}"


def _unknown_keys(error: ForbiddenExtraKeysError, path: str) -> Iterator[str]:
    known = [field.name for field in attrs.fields(error.cl)]
    for key in sorted(error.extra_fields):
        yield f"{_shown(f'{path}.{key}')}: {unknown_key(key, known)}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """What is wrong with a key that a table does not have."""
    if key in LATER:
        return "not supported yet"
    near = difflib.get_close_matches(key, list(known), n=1)
    return "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")


def _shown(path: str) -> str:
    return path.removeprefix(".") or "the file"
