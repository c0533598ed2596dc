"""What ``ael explain`` says of a code: of a diagnostic, with a frame as it appears, or of an error of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

from ael.diagnostics import Severity
from ael.errors import REGISTRY, ErrorSpec
from ael.language.catalog import KINDS, Problem
from ael.language.suggest import nearest
from ael.retry import NEVER_RETRIED, UNKNOWN_OUTCOME

__all__ = ["example", "explain_code", "list_codes", "nearest_code", "retried", "with_names"]

_EXAMPLES = Path(__file__).with_name("examples.txt")
"""One frame per kind of diagnostic, as a file that has it shows it. Written by docs/generate_errors.py."""


def explain_code(code: str) -> str | None:
    """All there is to say about a code of a diagnostic or of an error; ``None`` for one that does not exist.

    Case does not matter, and ``203`` is ``AEL203``.
    """
    name = _name(code)
    kind = KINDS.get(name)
    if kind is not None:
        return "\n\n".join(_about_kind(kind))
    return "\n\n".join(_about_error(REGISTRY.get(name))) if name in REGISTRY else None


def nearest_code(code: str) -> str | None:
    """The code that was probably meant."""
    return nearest(_name(code), (*KINDS, *(spec.code for spec in REGISTRY)))


def list_codes() -> Iterator[tuple[str, str, str]]:
    """Every code, whether it is an error, a warning, a note or of a run, and what it is about in a sentence."""
    for code, kind in KINDS.items():
        yield code, kind.severity.value, _plain(kind.explanation().partition("\n\n")[0].replace("\n", " "))
    for spec in REGISTRY:
        yield spec.code, "run", spec.meaning


def _name(code: str) -> str:
    name = code.strip().upper().replace("-", "_")
    return f"AEL{name}" if name.isdigit() else name


def _about_kind(kind: type[Problem]) -> Iterator[str]:
    article = "an" if kind.severity is Severity.ERROR else "a"
    yield f"{kind.code}, {article} {kind.severity.value} in a workflow file"
    yield _plain(kind.explanation())
    frame = example(kind.code)
    if frame is not None:
        yield f"For example:\n\n{_indented(frame)}"
    elif kind.advice:
        yield f"Help: {with_names(kind.advice)}"
    if kind.severity is not Severity.ERROR:
        yield f"Where it is meant so, a comment on the line hides it: # ael: ignore[{kind.code}]"


def _about_error(spec: ErrorSpec) -> Iterator[str]:
    yield f"{spec.code}, an error while a workflow runs (category {spec.category.value})"
    yield spec.meaning
    yield f"With `retry`: {_RETRIED[retried(spec)]}"
    if spec.hint:
        yield f"Help: {spec.hint}"


_RETRIED = {
    "yes": "tried again, unless the tool says that this cannot help.",
    "no": "not tried again, unless `retry.on` names the code or the failing side says that trying again can help.",
    "never": "never tried again: the cause would still be there.",
    "unknown": "tried again only if the tool is read-only or idempotent, or the step itself has `retry`.",
}


def retried(spec: ErrorSpec) -> str:
    """``yes``, ``no``, ``never`` or ``unknown``: whether a step with ``retry`` makes another attempt."""
    if spec.code in NEVER_RETRIED:
        return "never"
    if spec.code in UNKNOWN_OUTCOME:
        return "unknown"
    return "yes" if spec.retryable else "no"


def example(code: str) -> str | None:
    """The frame of a diagnostic of this kind, or ``None`` where there is none yet."""
    return _examples().get(code)


@cache
def _examples() -> dict[str, str]:
    frames = _EXAMPLES.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    found = ((re.match(r"\w+\[(\w+)\]", frame), frame) for frame in frames)
    return {match[1]: frame for match, frame in found if match is not None}


def with_names(wording: str) -> str:
    """A wording with its fields shown as names, as ``‹step›``."""
    parts = Formatter().parse(wording)
    return "".join(text + (f"‹{name.replace('_', ' ')}›" if name else "") for text, name, _, _ in parts)


def _plain(text: str) -> str:
    """The code spans of a docstring as messages have them."""
    return re.sub(r"``(.+?)``(?!`)", r"`\1`", text, flags=re.DOTALL)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
