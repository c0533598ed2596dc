"""2xx: dependencies."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = [
    "BlockReadsItself",
    "CircularDependency",
    "DependencyRepeated",
    "DependencyUnknown",
    "SelfDependency",
    "StepsUnordered",
]


class DependencyUnknown(Problem, frozen=True):
    """``depends_on`` names ids of steps of the same block.

    A step of an enclosing block can be read; the block then waits for it. Steps inside another block cannot be
    named: what is outside sees only the block.
    """

    code = "AEL201"
    wording = "step {step!r} depends on {dependency!r}, which is {what}"
    advice = "{what_to_do}"
    step: str
    dependency: str
    what: str
    nearest: str | None
    what_to_do: str


class SelfDependency(Problem, frozen=True):
    """A step that waits for itself would never start. It does so by naming itself, or by reading its own output."""

    code = "AEL202"
    wording = "step {step!r} depends on itself"
    advice = "remove the dependency; an attempt cannot read the one before it"
    step: str


class BlockReadsItself(Problem, frozen=True):
    """A step reads the block it stands in. The block has an output only when all its steps have settled.

    Rounds of ``repeat`` read the one before as ``last``.
    """

    code = "AEL216"
    wording = "step {step!r} reads {block!r}, the block it stands in: neither could ever end"
    advice = "read the steps beside it; a round of `repeat` reads the one before as `last`"
    step: str
    block: str


class DependencyRepeated(Problem, frozen=True):
    """``depends_on`` names the same step twice; once is enough."""

    code = "AEL203"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "step {step!r} names {dependency!r} twice in `depends_on`"
    advice = "remove one"
    step: str
    dependency: str


class CircularDependency(Problem, frozen=True):
    """Steps wait for each other in a circle, so that none of them could ever start.

    A step waits for what it names in ``depends_on``, for every step it reads in a template or in code, and, with
    ``sequential: true``, for the step before it. The path is read from left to right: each step waits for the next.
    """

    code = "AEL204"
    wording = "these steps wait for each other: {path}"
    advice = "remove one of the dependencies on the path"
    path: str


class StepsUnordered(Problem, frozen=True):
    """Files written for Ploston ran strictly in file order; here only dependencies order steps.

    Two steps that neither wait for each other nor only read may run at the same time, or in any order. A file that
    relies on its order says ``sequential: true``.
    """

    code = "AEL205"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "nothing orders step {second!r} after step {first!r}, as file order did where this file comes from"
    advice = "add `sequential: true` to the workflow, or `depends_on: {first}` to the step"
    first: str
    second: str
