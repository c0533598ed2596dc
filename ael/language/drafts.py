"""A step between reading and its definition: what was read of it, and what stands around it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

import attrs

from ael.definition import MISSING, Defaults, Path
from ael.language.catalog import structure
from ael.language.report import Report
from ael.language.tables import BODIES
from ael.types import JsonValue

__all__ = ["Around", "Draft", "Fields", "ReadStep", "body_of", "misplaced", "walk_read"]

Fields: TypeAlias = Mapping[str, JsonValue]

ReadStep: TypeAlias = tuple[Fields, Fields, Path]
"""A step's mapping in the document, what was read of it, and where it stands."""


@attrs.frozen
class Around:
    """What stands around a block.

    Attributes:
        defaults: The workflow's.
        pools: Names of the pools that the workflow declares.
        skipping: The paths of all steps of the file that can be skipped by what they say themselves.
        undoes: Whether the workflow says ``on_failure: undo``.
        ending: Whether the block is part of ``finally``.
        owners: Ids of the steps that the block stands in, outermost first.
        items: Loops around the block: what an item is called → the id of the loop.
    """

    defaults: Defaults
    pools: Collection[str]
    skipping: Collection[Path]
    undoes: bool
    ending: bool = False
    owners: tuple[str, ...] = ()
    items: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Draft:
    """A step on its way to its definition.

    Attributes:
        raw: The mapping in the document.
        fields: What the table made of it; keys with problems are missing.
    """

    raw: Fields
    fields: Fields
    at: Path
    around: Around
    report: Report

    @property
    def where(self) -> str:
        """The step in words."""
        return self.report.what(self.at)

    def path(self, *below: str | int) -> Path:
        """The path of something in it."""
        return (*self.at, *below)

    @property
    def body(self) -> str | None:
        """Which body it has, if it has one and no more."""
        return body_of(self.raw)

    def is_broken(self, *keys: str) -> bool:
        """Whether one of the keys is there but could not be read, so that what follows from it is unknown."""
        return any(key in self.raw and key not in self.fields for key in keys)


def misplaced(draft: Draft, key: str, beside: str, *above: str | int) -> None:
    """Report a key of a step, or below ``above`` in it, that means nothing there."""
    where = draft.report.what(draft.path(*above))
    draft.report.add(structure.KeyMisplaced(where, key, beside), draft.path(*above, key), key=True)


def body_of(raw: Fields) -> str | None:
    """Which body a step has, if it has one and no more."""
    bodies = [name for name in BODIES if name in raw]
    return bodies[0] if len(bodies) == 1 else None


def walk_read(raw: JsonValue, read: list[JsonValue], at: Path) -> Iterator[ReadStep]:
    """The steps of a block as they were read, each followed by those in it."""
    for index, fields in enumerate(read):
        if fields is MISSING:
            continue
        step, path = raw[index] or {}, (*at, index)
        yield step, fields, path
        if "steps" in fields:
            yield from walk_read(step["steps"], fields["steps"], (*path, "steps"))
        for number, branch in enumerate(fields.get("choose", ())):
            if branch is not MISSING and "steps" in branch:
                steps = step["choose"][number]["steps"]
                yield from walk_read(steps, branch["steps"], (*path, "choose", number, "steps"))
