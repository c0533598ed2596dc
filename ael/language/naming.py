"""Nodes of a document in words: ``the `retry.delay` of step 'fetch' in 'pages'``."""

from __future__ import annotations

from ael.definition import Path
from ael.types import JsonValue

__all__ = ["name_of"]


def name_of(at: Path, document: JsonValue) -> str:
    """A node in words; steps by their ids, as far as the document has them, with the steps they stand in."""
    owner, rest = _owner(at, document)
    if not rest:
        return owner or "the workflow"
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    name = f"`{dotted.removeprefix('.')}`"
    return f"{name} of {owner}" if owner else name


def _owner(at: Path, document: JsonValue) -> tuple[str, Path]:
    """What has a name of its own at or around the node, and the way from there."""
    match at:
        case ("steps" | "finally", int(), *_):
            return _step(at, document)
        case ("inputs" | "outputs" as kind, name, *rest):
            return f"{kind.removesuffix('s')} {_entry(name)}", tuple(rest)
        case ("limits", str() as name, *rest):
            return f"pool {name!r}", tuple(rest)
        case _:
            return "", at


def _step(at: Path, document: JsonValue) -> tuple[str, Path]:
    """The innermost step: every ``steps`` and ``choose`` on the way leads one block further in."""
    around: list[str] = []
    node, rest = document, at
    while (length := _length_to_step(rest)) is not None:
        for part in rest[:length]:
            node = _child(node, part)
        around.append(_step_name(node, rest[length - 1]))
        rest = rest[length:]
    *blocks, name = around
    inside = f" in {'.'.join(block.strip(_QUOTES) for block in blocks)!r}" if blocks else ""
    return f"step {name}{inside}", rest


_QUOTES = "'\""


def _length_to_step(at: Path) -> int | None:
    match at:
        case ("steps" | "finally", int(), *_):
            return 2
        case ("choose", int(), "steps", int(), *_):
            return 4
        case _:
            return None


def _child(node: JsonValue, part: str | int) -> JsonValue:
    try:
        return node[part]
    except (LookupError, TypeError):
        return None


def _step_name(step: JsonValue, number: str | int) -> str:
    step_id = step.get("id") if isinstance(step, dict) else None
    return repr(step_id) if isinstance(step_id, str) else _entry(number)


def _entry(name: str | int) -> str:
    return repr(name) if isinstance(name, str) else str(name + 1)
