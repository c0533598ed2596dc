"""Which files ``ael check`` is about: those named, and the workflows below folders that are named."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from ael.language import MAX_FILE_BYTES
from ael.registry import SUFFIXES

__all__ = ["workflow_files"]

_OURS = tuple(f".ael{suffix}" for suffix in SUFFIXES)
_NOT_ENTERED = frozenset({"node_modules", "__pycache__", "site-packages"})
_STEPS = re.compile(r"""^(["']?)steps\1\s*:""", re.MULTILINE)
_ID = re.compile(r"""(?:^|[{,\s-])(["']?)id\1\s*:""", re.MULTILINE)


def workflow_files(names: Iterable[str]) -> list[str]:
    """Every file that is named, whatever is in it, and the workflows below every folder; each once.

    Below a folder, ``*.ael.yaml`` and its like count, and other YAML and JSON files that look like workflows: with
    ``steps`` at the top, and an ``id`` somewhere. Hidden folders are not entered.

    Raises:
        click.UsageError: There is no workflow below a folder.
    """
    files: dict[Path, str] = {}
    for name in names:
        below = list(_below(Path(name))) if Path(name).is_dir() else [Path(name)]
        if not below:
            raise click.UsageError(f"there is no workflow below {name!r}; name a file, or call it *.ael.yaml")
        for path in below:
            files.setdefault(path.absolute(), str(path))
    return list(files.values())


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _NOT_ENTERED)
        for name in sorted(names):
            path = Path(here, name)
            if name.endswith(_OURS) or (path.suffix in SUFFIXES and _looks_like_a_workflow(path)):
                yield path


def _looks_like_a_workflow(path: Path) -> bool:
    """Whether a file is worth checking; one that cannot be read is not ours to complain about."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return False
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False
    if path.suffix == ".json":
        return _has_steps(text)
    return _STEPS.search(text) is not None and _ID.search(text) is not None


def _has_steps(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    steps = value.get("steps") if isinstance(value, dict) else None
    return isinstance(steps, list) and any(isinstance(step, dict) and "id" in step for step in steps)
