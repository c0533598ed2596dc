"""A step between reading and its definition: what was read of it, and what stands around it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

import attrs

from ael.definition import MISSING, Defaults, Path
from ael.language.report import Report
from ael.language.tables import BODIES
from ael.types import JsonValue, OnError, RetryConfig

__all__ = ["Around", "Draft", "ReadStep", "body_of", "can_skip_itself", "retry_counts", "walk_read"]

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


def body_of(raw: Fields) -> str | None:
    """Which body a step has, if it has one and no more."""
    bodies = [name for name in BODIES if name in raw]
    return bodies[0] if len(bodies) == 1 else None


def defaults_of(raw: Fields, defaults: Defaults) -> Defaults:
    """The defaults that hold for a step: only tool and code steps take them."""
    return defaults if body_of(raw) in {"tool", "code", None} else Defaults()


def policies(raw: Fields, fields: Fields, defaults: Defaults) -> Iterator[tuple[OnError, bool]]:
    """What failures of a step can do, and whether it is to be skipped when no attempt is left."""
    taken = defaults_of(raw, defaults)
    retry = fields.get("retry") or taken.retry
    given = fields.get("on_error") or taken.on_error or OnError.FAIL
    rules: list[JsonValue] = given if isinstance(given, list) else [{"do": given}]
    for rule in rules:
        if rule is not MISSING and "do" in rule:
            own: RetryConfig | None = rule.get("retry") or retry
            yield OnError(rule["do"]), own is not None and own.on_exhausted is OnError.SKIP


def retry_counts(raw: Fields, fields: Fields, defaults: Defaults, *, own: bool) -> bool:
    """Whether ``on_exhausted`` of the step's ``retry`` (``own``), or of the defaults', can ever be asked."""
    if own != ("retry" in fields):
        return False
    taken = defaults_of(raw, defaults)
    given = fields.get("on_error") or taken.on_error
    if isinstance(given, list):
        return any(rule is MISSING or (rule.get("do") == OnError.RETRY and "retry" not in rule) for rule in given)
    return given is OnError.RETRY


def can_skip_itself(raw: Fields, fields: Fields, defaults: Defaults) -> bool:
    """Whether something that the step says can skip it. What could not be read may."""
    policy_keys = ("on_error", "retry", "on_missing_tool", "join", "choose")
    if "when" in raw or any(key in raw and key not in fields for key in policy_keys):
        return True
    choose = fields.get("choose", ())
    return (
        any(
            do is OnError.SKIP or (do is OnError.RETRY and exhausted)
            for do, exhausted in policies(raw, fields, defaults)
        )
        or fields.get("on_missing_tool") == "skip"
        or fields.get("join") is not None
        or (bool(choose) and (choose[-1] is MISSING or "when" in choose[-1]))
    )


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
